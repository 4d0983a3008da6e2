//! A facility: its channels, its figures and its published windows.

use huitian_model::{FacilityId, Settings, SiteId, UtcMs, WindowBody};
use serde::{Deserialize, Serialize};

use crate::arena::Arena;
use crate::binding::Definition;
use crate::book::{Book, Span};
use crate::channel::{Channel, Role};
use crate::lot::Lot;
use crate::station::{self, Bin};
use crate::timeline::Timeline;

/// What figures are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// A tumbling window: everything.
    Window,
    /// A rolling window: no peak, no dwell, no lowest level.
    Rolling,
}

/// What a facility is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// A parking lot.
    Lot(Box<Lot>),
    /// A waste station.
    Station(Vec<Bin>),
}

/// One facility of the partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facility {
    /// Where.
    pub site: SiteId,
    /// Which.
    pub id: FacilityId,
    /// As the inventory says; none while it is in no inventory.
    pub definition: Option<Definition>,
    /// Its parts.
    pub kind: Kind,
    /// All its channels.
    pub channels: Vec<u32>,
    /// The earliest instant at which a reading may stop to hold.
    pub next_expiry: Option<UtcMs>,
    /// Channels with readings that nothing has been derived of yet.
    pub to_derive: Vec<u32>,
    /// Whether it is to be shown again.
    pub is_touched: bool,
    /// Its windows.
    pub book: Book,
    /// Hashes of the last rolling figures, shortest first.
    pub rolling: [u64; 3],
    /// Event time of its newest reading.
    pub newest_at: Option<UtcMs>,
}

impl Facility {
    /// Places of a lot, 0 of a station.
    pub const fn capacity(&self) -> i64 {
        match &self.kind {
            Kind::Lot(lot) => lot.capacity,
            Kind::Station(_) => 0,
        }
    }

    /// The timeline that a channel's holds stand in.
    pub const fn timeline(&mut self, role: &Role) -> Option<&mut Timeline> {
        match &mut self.kind {
            Kind::Lot(lot) => lot.timeline(role),
            Kind::Station(_) => None,
        }
    }

    /// Its figures over a span, of what is known up to `until`.
    pub fn body(
        &self,
        channels: &Arena<Channel>,
        settings: &Settings,
        span: Span,
        view: (Detail, UtcMs),
    ) -> WindowBody {
        match &self.kind {
            Kind::Lot(lot) => {
                WindowBody::Lot(lot.figures(channels, settings.gate_miscount_ppm, span, view))
            }
            Kind::Station(bins) => {
                WindowBody::Station(station::figures(bins, channels, settings, span, view))
            }
        }
    }

    /// Puts the ends of holds that have passed into the timelines.
    pub fn expire(&mut self, channels: &mut Arena<Channel>, now: UtcMs) {
        if self.next_expiry.is_none_or(|next| now < next) {
            return;
        }
        self.is_touched = true;
        let capacity = self.capacity();
        let mut next: Option<UtcMs> = None;
        for place in 0..self.channels.len() {
            let Some(index) = self.channels.get(place).copied() else {
                continue;
            };
            let Some(channel) = channels.get_mut(index) else {
                continue;
            };
            if let Some(timeline) = self.timeline(&channel.role) {
                channel.close(now, capacity, timeline);
            }
            if let Some(expiry) = channel.expiry().filter(|expiry| now < *expiry) {
                next = Some(next.map_or(expiry, |next| next.min(expiry)));
            }
        }
        self.next_expiry = next;
    }

    /// Notes that a channel's newest reading now holds until `expiry`.
    pub fn holds_until(&mut self, expiry: UtcMs) {
        self.next_expiry = Some(self.next_expiry.map_or(expiry, |next| next.min(expiry)));
    }
}
