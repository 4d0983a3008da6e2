//! Rows to a log, and the log to the engine.
//!
//! ```text
//! per partition:  inventory, settings, tick(opening) , ( frame* , tick(minute) )* , frame* ,
//!                 tick(closing)
//! opening = the first arrival of the whole series, cut to the minute
//! minute  = the running maximum of arrival, cut to the minute, wherever that is a new one
//! closing = the end of the civil day of the latest arrival or event, plus settle, whole minute
//! ```
//!
//! The opening is that of the series, not that of the first row fed: windows are published from
//! the first tick on, and they must not depend on the order. The closing makes every window
//! final that a reading can have touched; an event later than the clock guard permits (it will
//! be quarantined) does not move it.

use std::collections::BTreeMap;

use huitian_edge::{Numbered, Numbering};
use huitian_engine::Engine;
use huitian_model::{
    EdgeId, Origin, Output, Partition, Position, Record, Settings, Tick, UtcMs, civil_day_bounds,
    partition_of,
};
use indicatif::ProgressBar;

use super::order::Feeding;
use super::series::{Row, Series};
use super::tally::Tally;
use crate::config::ConfigFault;

/// Whose numbers the readings get.
const EDGE: &str = "replay";
/// The edge's queue is created for this run and lives in memory.
const EPOCH: u64 = 1;
/// Time in the log stands still for less.
const MINUTE_MS: i64 = 60_000;
/// Readings that wait for a frame: as many as one frame holds at most.
const PENDING_MAX: usize = 10_000;
/// Rows between two steps of the progress bar: some ten steps a second.
const BAR_ROWS: usize = 4_096;

/// Feeds a series and tallies what the engine says.
///
/// # Errors
/// [`ConfigFault`] where an output cannot be written.
pub fn feed(
    series: &Series,
    settings: &Settings,
    feeding: &Feeding,
    tally: Tally,
    bar: &ProgressBar,
) -> Result<Tally, ConfigFault> {
    let mut log = Log::open(series, settings, tally)?;
    for rows in feeding.rows.chunks(BAR_ROWS) {
        for row in rows.iter().filter_map(|index| series.rows.get(*index)) {
            log.row(series, row)?;
        }
        bar.inc(u64::try_from(rows.len()).unwrap_or_default());
    }
    log.close(series, settings)
}

/// The partitions' engines and what waits for them.
struct Log {
    engines: BTreeMap<Partition, (Engine, Position)>,
    /// The partition of each channel, by its index.
    partitions: Vec<Partition>,
    numbering: Numbering,
    pending: Vec<Numbered>,
    now: UtcMs,
    tally: Tally,
    outputs: Vec<Output>,
}

impl Log {
    fn open(series: &Series, settings: &Settings, tally: Tally) -> Result<Self, ConfigFault> {
        let edge = EdgeId::new(EDGE).map_err(|error| ConfigFault::plain(error.to_string()))?;
        let site = |channel: &huitian_model::ChannelRef| {
            let device = series.inventory.devices.get(&channel.device);
            device.map(|device| partition_of(&device.site))
        };
        let (opening, _) = series.arrivals().unwrap_or_default();
        let mut log = Self {
            engines: BTreeMap::new(),
            partitions: series.channels.iter().filter_map(site).collect(),
            numbering: Numbering::new(edge, EPOCH, BTreeMap::new()),
            pending: Vec::with_capacity(PENDING_MAX),
            now: opening.floor(MINUTE_MS),
            tally,
            outputs: Vec::new(),
        };
        for site in series.inventory.sites.keys() {
            let partition = partition_of(site);
            log.engines
                .insert(partition, (Engine::new(partition), Position::default()));
        }
        for partition in log.engines.keys().copied().collect::<Vec<_>>() {
            let inventory = series
                .inventory
                .part(|site| partition_of(site) == partition);
            log.append(
                partition,
                &Record::Inventory {
                    version: 1,
                    inventory,
                },
            )?;
            let settings = settings.clone();
            log.append(
                partition,
                &Record::Settings {
                    version: 1,
                    settings,
                },
            )?;
        }
        log.tick(log.now)?;
        Ok(log)
    }

    fn row(&mut self, series: &Series, row: &Row) -> Result<(), ConfigFault> {
        let minute = row.received_at.floor(MINUTE_MS);
        if minute > self.now {
            self.send()?;
            self.tick(minute)?;
        }
        for (channel, reading) in series.readings_of(row) {
            if let (Some(partition), Some(name)) =
                (self.partitions.get(*channel), series.channels.get(*channel))
            {
                self.pending.push((*partition, name.clone(), *reading));
            }
        }
        if self.pending.len() >= PENDING_MAX {
            self.send()?;
        }
        Ok(())
    }

    fn close(mut self, series: &Series, settings: &Settings) -> Result<Tally, ConfigFault> {
        self.send()?;
        let (_, last) = series.arrivals().unwrap_or_default();
        let last = last.plus(settings.future_guard_ms);
        let mut end = last;
        for site in series.inventory.sites.values() {
            let (_, midnight) = civil_day_bounds(&site.zone, last)
                .map_err(|error| ConfigFault::plain(error.to_string()))?;
            end = end.max(midnight);
        }
        let closing = end.plus(settings.settle_ms + MINUTE_MS).floor(MINUTE_MS);
        self.tick(closing)?;
        Ok(self.tally)
    }

    /// Numbers what waits and applies it.
    fn send(&mut self) -> Result<(), ConfigFault> {
        self.tally.sent(self.pending.len());
        let frames = self
            .numbering
            .frames(Origin::History, self.pending.drain(..));
        for (partition, frame) in frames {
            self.append(partition, &frame)?;
        }
        Ok(())
    }

    fn tick(&mut self, now: UtcMs) -> Result<(), ConfigFault> {
        self.now = now;
        self.tally.ticks += 1;
        for partition in self.engines.keys().copied().collect::<Vec<_>>() {
            self.append(partition, &Record::Tick(Tick { now }))?;
        }
        Ok(())
    }

    fn append(&mut self, partition: Partition, record: &Record) -> Result<(), ConfigFault> {
        if let Some((engine, position)) = self.engines.get_mut(&partition) {
            *position = position.next();
            engine.apply(*position, record, &mut self.outputs);
        }
        for output in self.outputs.drain(..) {
            self.tally.add(output)?;
        }
        Ok(())
    }
}
