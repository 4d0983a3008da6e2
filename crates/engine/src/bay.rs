//! A bay's arrivals and departures: changes between consecutive known states in event time.
//!
//! A change is stamped at the first reading with the new state. It is uncertain where anything
//! was unknown between the two readings, or where the device had just started up. The first state
//! ever known is no change. In use, unknown, in use again is one session that goes on.

use huitian_model::{Dwell, DwellHistogram, UtcMs};
use serde::{Deserialize, Serialize};

use crate::kept::Kept;

/// An arrival or a departure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// The first reading with the new state.
    pub at: UtcMs,
    /// In use from here on; else free.
    pub arrives: bool,
    /// It fell in unknown time.
    pub is_uncertain: bool,
    /// Of a departure: how long the session was, where both its ends are certain.
    pub dwell_ms: Option<i64>,
}

/// What is known of a bay after some of its readings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BayState {
    last: Option<(UtcMs, bool)>,
    certain_start: Option<UtcMs>,
    /// A bad reading has come since the last state.
    is_in_doubt: bool,
}

impl BayState {
    /// Takes in the next reading in event time.
    pub fn step(&mut self, kept: &Kept, valid_for_ms: i64) -> Option<Change> {
        if !kept.has_value() {
            self.is_in_doubt = true;
            return None;
        }
        let in_use = kept.value != 0;
        let was_in_doubt = std::mem::take(&mut self.is_in_doubt);
        let (before, was_in_use) = self.last.replace((kept.at, in_use))?;
        if was_in_use == in_use {
            return None;
        }
        let has_expired = before.plus(valid_for_ms) < kept.at;
        let is_uncertain = was_in_doubt || has_expired || kept.is_startup();
        let start = self.certain_start.take().filter(|_| !is_uncertain);
        if in_use {
            self.certain_start = (!is_uncertain).then_some(kept.at);
        }
        Some(Change {
            at: kept.at,
            arrives: in_use,
            is_uncertain,
            dwell_ms: start.filter(|_| !in_use).map(|start| kept.at.since(start)),
        })
    }
}

/// How many changes there were.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// To in use.
    pub arrivals: u32,
    /// To free.
    pub departures: u32,
    /// Uncertain ones among both.
    pub uncertain: u32,
}

impl Tally {
    fn with(self, change: &Change) -> Self {
        Self {
            arrivals: self.arrivals.wrapping_add(u32::from(change.arrives)),
            departures: self.departures.wrapping_add(u32::from(!change.arrives)),
            uncertain: self.uncertain.wrapping_add(u32::from(change.is_uncertain)),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            arrivals: self.arrivals.wrapping_sub(other.arrivals),
            departures: self.departures.wrapping_sub(other.departures),
            uncertain: self.uncertain.wrapping_sub(other.uncertain),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Entry {
    channel: u32,
    change: Change,
    /// All changes up to and with this one.
    tally: Tally,
}

/// The changes of all bays of a lot, in event-time order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    base: Tally,
    entries: Vec<Entry>,
}

impl Changes {
    /// Adds changes of a bay's channel, which stand in event-time order. One pass for all of
    /// them: after an outage thousands come between the others.
    pub fn extend(&mut self, channel: u32, changes: impl Iterator<Item = Change>) {
        let old = self.entries.len();
        self.entries.extend(changes.map(|change| Entry {
            channel,
            change,
            tally: Tally::default(),
        }));
        let Some((known, [first, ..])) = self.entries.split_at_checked(old) else {
            return;
        };
        let first = first.change.at;
        let place = known.partition_point(|entry| entry.change.at <= first);
        if place < old
            && let Some(later) = self.entries.get_mut(place..)
        {
            // Stable: of one instant what was there goes first.
            later.sort_by_key(|entry| entry.change.at);
        }
        self.tally_from(place);
    }

    /// Takes back all changes of a channel from an instant on.
    pub fn retract(&mut self, channel: u32, from: UtcMs) {
        let first = self.entries.partition_point(|entry| entry.change.at < from);
        self.entries
            .retain(|entry| entry.channel != channel || entry.change.at < from);
        self.tally_from(first);
    }

    fn tally_from(&mut self, place: usize) {
        let before = place
            .checked_sub(1)
            .and_then(|before| self.entries.get(before));
        let mut tally = before.map_or(self.base, |entry| entry.tally);
        for entry in self.entries.iter_mut().skip(place) {
            tally = tally.with(&entry.change);
            entry.tally = tally;
        }
    }

    fn before(&self, at: UtcMs) -> usize {
        self.entries.partition_point(|entry| entry.change.at < at)
    }

    fn tally_before(&self, place: usize) -> Tally {
        let before = place
            .checked_sub(1)
            .and_then(|before| self.entries.get(before));
        before.map_or(self.base, |entry| entry.tally)
    }

    /// How many changes there were in `[from, to)`.
    pub fn over(&self, from: UtcMs, to: UtcMs) -> Tally {
        self.tally_before(self.before(to))
            .minus(self.tally_before(self.before(from)))
    }

    /// Dwell of the sessions that ended in `[from, to)`.
    pub fn dwell(&self, from: UtcMs, to: UtcMs) -> Dwell {
        let mut histogram = DwellHistogram::default();
        let inside = self
            .entries
            .get(self.before(from)..self.before(to))
            .unwrap_or_default();
        for change in inside
            .iter()
            .map(|entry| entry.change)
            .filter(|change| !change.arrives)
        {
            match change.dwell_ms {
                Some(dwell_ms) => histogram.add(dwell_ms),
                None => histogram.add_uncertain(),
            }
        }
        histogram.figures()
    }

    /// Forgets all before an instant.
    pub fn forget(&mut self, before: UtcMs) {
        let old = self.before(before);
        self.base = self.tally_before(old);
        self.entries.drain(..old);
    }
}
