//! A channel: its history, and the intervals for which its values hold.
//!
//! A reading holds until the next reading of the channel, good or bad, and no longer than
//! `valid_for_ms`. Each hold stands in its facility's timeline as two edges, except that the end
//! of the newest hold is left open until it has passed: a heartbeat that comes in order only
//! moves that end, and so touches no edge at all.

use huitian_model::{ChannelRef, Quantity, UtcMs};
use serde::{Deserialize, Serialize};

use crate::bay::BayState;
use crate::bin::{Geometry, Ledger};
use crate::finding::Runs;
use crate::gate::Counter;
use crate::history::{Done, History};
use crate::kept::Kept;
use crate::timeline::{Level, Timeline};

/// What a channel means to its facility, with what is derived of its readings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Role {
    /// The state of a bay: before the oldest kept reading, and after the newest derived one.
    Bay(BayState, BayState),
    /// The count of a lot, of places in use or of free places.
    Counted {
        /// Whether free places are counted.
        is_free: bool,
        /// Odd runs.
        runs: Runs,
    },
    /// A gate's counter.
    Gate {
        /// Vehicles in, else out.
        is_entry: bool,
        /// What it counted.
        counter: Counter,
    },
    /// The level of a bin.
    Bin {
        /// Which of the station's bins.
        bin: u32,
        /// How readings become levels.
        geometry: Geometry,
        /// What is derived.
        ledger: Ledger,
    },
    /// Kept and accounted for, but no figure is made of it.
    Other,
}

/// A channel that the inventory binds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// Its name.
    pub name: ChannelRef,
    /// Its facility.
    pub facility: u32,
    /// What it measures.
    pub quantity: Quantity,
    /// How long a reading holds, ms.
    pub valid_for_ms: i64,
    /// What it means.
    pub role: Role,
    /// Its readings.
    pub history: History,
    /// Whether the end of the newest hold stands in the timeline.
    pub is_closed: bool,
    /// How many of the readings have been derived from.
    pub derived: usize,
    /// Everything from here on is to be derived anew.
    pub derive_from: Option<UtcMs>,
    /// Whether it is in its facility's list of channels to derive.
    pub is_listed: bool,
}

impl Channel {
    /// A channel of which nothing is known yet.
    pub fn new(name: ChannelRef, quantity: Quantity, role: Role) -> Self {
        Self {
            name,
            facility: 0,
            quantity,
            valid_for_ms: 0,
            role,
            history: History::default(),
            is_closed: false,
            derived: 0,
            derive_from: None,
            is_listed: false,
        }
    }

    /// What a reading adds to the level while it holds.
    pub fn level(&self, kept: &Kept, capacity: i64) -> Level {
        if !kept.has_value() {
            return Level::default();
        }
        let value = i64::from(kept.value);
        match self.role {
            Role::Bay(..) => Level {
                in_use: i64::from(value != 0),
                known: 1,
            },
            Role::Counted { is_free: false, .. } => Level {
                in_use: value,
                known: capacity,
            },
            Role::Counted { .. } => Level {
                in_use: capacity - value,
                known: capacity,
            },
            Role::Gate { .. } => Level {
                in_use: 0,
                known: 1,
            },
            Role::Bin { .. } | Role::Other => Level::default(),
        }
    }

    /// When the newest reading stops to hold.
    pub fn expiry(&self) -> Option<UtcMs> {
        Some(self.history.newest()?.at.plus(self.valid_for_ms))
    }

    /// When a reading stops to hold, if no other ends it before.
    pub const fn expiry_of(&self, kept: &Kept) -> UtcMs {
        kept.at.plus(self.valid_for_ms)
    }

    /// The newest reading, where it holds at an instant.
    pub fn holding(&self, now: UtcMs) -> Option<&Kept> {
        self.history
            .newest()
            .filter(|kept| now < kept.at.plus(self.valid_for_ms))
    }

    /// Keeps the derived state in step with a change of what holds.
    pub fn note(&mut self, done: Done) {
        let (place, at) = match done {
            Done::Inserted(place) | Done::Replaced(place, _) => {
                let kept = self.history.samples().get(place);
                (place, kept.map(|kept| kept.at))
            }
            Done::Removed(place, old) => (place, Some(old.at)),
        };
        // Once anything is to be derived anew, places say nothing about what has been derived.
        let is_anew = place < self.derived || self.derive_from.is_some();
        if let Some(at) = at.filter(|_| is_anew) {
            self.derive_from = Some(self.derive_from.map_or(at, |from| from.min(at)));
        }
        if matches!(done, Done::Removed(..)) && place < self.derived {
            self.derived -= 1;
        }
    }

    /// Brings the timeline in step with a change of what holds.
    pub fn draw(&mut self, done: Done, capacity: i64, timeline: &mut Timeline) {
        match done {
            Done::Inserted(place) => self.draw_inserted(place, capacity, timeline),
            Done::Replaced(place, old) => self.draw_replaced(place, &old, capacity, timeline),
            Done::Removed(place, old) => self.draw_removed(place, &old, capacity, timeline),
        }
    }

    fn draw_inserted(&mut self, place: usize, capacity: i64, timeline: &mut Timeline) {
        let samples = self.history.samples();
        let Some(new) = samples.get(place) else {
            return;
        };
        let next = samples.get(place + 1).map(|kept| kept.at);
        let level = self.level(new, capacity);
        let mut start = level;
        if let Some(before) = place.checked_sub(1).and_then(|before| samples.get(before)) {
            let held = self.level(before, capacity);
            let expiry = before.at.plus(self.valid_for_ms);
            let old_end = next.map_or(expiry, |next| next.min(expiry));
            if next.is_some() || self.is_closed {
                timeline.shift(old_end, held);
            }
            if expiry < new.at {
                timeline.shift(expiry, Level::default().minus(held));
            } else {
                start = level.minus(held);
            }
        }
        timeline.shift(new.at, start);
        match next {
            Some(next) => {
                let end = next.min(new.at.plus(self.valid_for_ms));
                timeline.shift(end, Level::default().minus(level));
            }
            None => self.is_closed = false,
        }
    }

    /// Takes back what [`Self::draw_inserted`] drew: the one before holds again, and where it is
    /// the newest now, its end is left open unless it has long been drawn.
    fn draw_removed(&mut self, place: usize, old: &Kept, capacity: i64, timeline: &mut Timeline) {
        let samples = self.history.samples();
        let next = samples.get(place).map(|kept| kept.at);
        let level = self.level(old, capacity);
        let old_expiry = old.at.plus(self.valid_for_ms);
        match next {
            Some(next) => timeline.shift(next.min(old_expiry), level),
            None if self.is_closed => timeline.shift(old_expiry, level),
            None => {}
        }
        let mut start = level;
        let mut is_closed = false;
        if let Some(before) = place.checked_sub(1).and_then(|before| samples.get(before)) {
            let held = self.level(before, capacity);
            let expiry = before.at.plus(self.valid_for_ms);
            if expiry < old.at {
                is_closed = true;
            } else {
                start = level.minus(held);
                if let Some(next) = next {
                    timeline.shift(next.min(expiry), Level::default().minus(held));
                }
            }
        }
        timeline.shift(old.at, Level::default().minus(start));
        if next.is_none() {
            self.is_closed = is_closed;
        }
    }

    fn draw_replaced(&self, place: usize, old: &Kept, capacity: i64, timeline: &mut Timeline) {
        let samples = self.history.samples();
        let Some(new) = samples.get(place) else {
            return;
        };
        let change = self.level(new, capacity).minus(self.level(old, capacity));
        timeline.shift(new.at, change);
        let expiry = new.at.plus(self.valid_for_ms);
        let next = samples.get(place + 1).map(|kept| kept.at.min(expiry));
        let end = next.or_else(|| self.is_closed.then_some(expiry));
        if let Some(end) = end {
            timeline.shift(end, Level::default().minus(change));
        }
    }

    /// Puts the end of the newest hold into the timeline where it has passed.
    pub fn close(&mut self, now: UtcMs, capacity: i64, timeline: &mut Timeline) {
        let Some(newest) = self.history.newest().filter(|_| !self.is_closed) else {
            return;
        };
        let expiry = newest.at.plus(self.valid_for_ms);
        if expiry <= now {
            timeline.shift(expiry, Level::default().minus(self.level(newest, capacity)));
            self.is_closed = true;
        }
    }
}

#[cfg(test)]
mod tests;
