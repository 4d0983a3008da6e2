//! The engine of one partition: its state and its API.

use std::collections::BTreeMap;

use huitian_model::{
    DeviceId, EdgeId, FacilityId, Output, Partition, Position, Record, Settings, SiteId, UtcMs,
};
use serde::{Deserialize, Serialize};

use crate::arena::Arena;
use crate::channel::Channel;
use crate::device::Device;
use crate::edges::{Ahead, Edges, Mark};
use crate::facility::Facility;
use crate::snapshot::{self, SnapshotError};

/// One partition's engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Engine {
    pub(crate) partition: Partition,
    pub(crate) position: Position,
    pub(crate) now: Option<UtcMs>,
    /// Those of the last record, before it the defaults; none never.
    pub(crate) settings: Option<Settings>,
    pub(crate) settings_version: u64,
    pub(crate) edges: Edges,
    pub(crate) device_index: BTreeMap<DeviceId, u32>,
    pub(crate) devices: Arena<Device>,
    pub(crate) channels: Arena<Channel>,
    pub(crate) facility_index: BTreeMap<(SiteId, FacilityId), u32>,
    pub(crate) facilities: Arena<Facility>,
    /// Devices whose row may have changed.
    pub(crate) device_news: Vec<u32>,
    /// Devices whose accounts changed.
    pub(crate) account_news: Vec<u32>,
    /// Partition time at which the past was last forgotten.
    pub(crate) forgot_at: Option<UtcMs>,
    /// Numbers seen ahead of their edges' marks.
    pub(crate) ahead: Ahead,
    /// Of a recomputation, for which nothing is late: how old a reading is that was.
    #[serde(skip)]
    pub(crate) late_after_ms: Option<i64>,
}

impl Engine {
    /// The engine of a partition whose log is empty.
    pub fn new(partition: Partition) -> Self {
        Self {
            partition,
            position: Position(0),
            now: None,
            settings: Settings::with_defaults().ok(),
            settings_version: 0,
            edges: Edges::default(),
            device_index: BTreeMap::new(),
            devices: Arena::default(),
            channels: Arena::default(),
            facility_index: BTreeMap::new(),
            facilities: Arena::default(),
            device_news: Vec::new(),
            account_news: Vec::new(),
            forgot_at: None,
            ahead: Ahead::default(),
            late_after_ms: None,
        }
    }

    /// Takes in the record at a position of the log and queues what follows from it. A position
    /// that was applied before changes nothing.
    pub fn apply(&mut self, position: Position, record: &Record, out: &mut Vec<Output>) {
        if position <= self.position {
            return;
        }
        self.position = position;
        match record {
            Record::Frame(frame) => self.on_frame(frame, out),
            Record::Tick(tick) => self.on_tick(tick.now, out),
            Record::Inventory { inventory, .. } => self.on_inventory(inventory),
            Record::Settings { version, settings } => {
                self.settings = Some(settings.clone());
                self.settings_version = *version;
            }
            Record::Lost(lost) => self.on_lost(lost, out),
        }
    }

    /// Queues a view of every facility that has changed since the last call.
    pub fn publish_current(&mut self, out: &mut Vec<Output>) {
        self.show_current(out);
    }

    /// Whose engine it is.
    pub const fn partition(&self) -> Partition {
        self.partition
    }

    /// The partition's time: its last tick.
    pub const fn now(&self) -> Option<UtcMs> {
        self.now
    }

    /// Of an edge's latest epoch: the epoch, and the lowest number that has not been applied.
    pub fn high_water(&self, edge: &EdgeId) -> Option<(u64, u64)> {
        self.edges.high_water(edge)
    }

    /// What has been seen of every edge and epoch.
    pub fn marks(&self) -> Vec<Mark> {
        self.edges.marks(&self.ahead)
    }

    /// The position of the last record that was applied.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The whole state as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::write(self)
    }

    /// The engine whose state these bytes are.
    ///
    /// # Errors
    /// [`SnapshotError`] where they are no snapshot of this version, or damaged: the driver then
    /// applies the log from its beginning.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        snapshot::read(bytes)
    }
}

#[cfg(test)]
mod tests;
