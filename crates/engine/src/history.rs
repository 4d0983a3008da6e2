//! The history of a channel: its readings inside the horizon in event-time order, and the one
//! before, which still holds at the horizon.

use std::cmp::Ordering;

use huitian_model::{Quantity, UtcMs};
use serde::{Deserialize, Serialize};

use crate::kept::Kept;

/// Readings in event-time order, one for each instant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    samples: Vec<Kept>,
}

/// What became of a reading that was offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It holds now, at this place.
    Inserted(usize),
    /// It holds now instead of another of the same instant.
    Replaced(usize, Kept),
    /// It is known already.
    Duplicate,
    /// Another of the same instant outranks it.
    Beaten,
}

impl History {
    /// All that is kept.
    pub fn samples(&self) -> &[Kept] {
        &self.samples
    }

    /// All that is kept, to mark.
    pub fn samples_mut(&mut self) -> &mut [Kept] {
        &mut self.samples
    }

    /// The newest.
    pub fn newest(&self) -> Option<&Kept> {
        self.samples.last()
    }

    /// How many of them lie before an instant. Fast near the newest end, where most are asked.
    pub fn before(&self, at: UtcMs) -> usize {
        let mut low = self.samples.len();
        let mut high = low;
        let mut step = 1;
        while low > 0 {
            low = high.saturating_sub(step).min(low);
            if self.samples.get(low).is_some_and(|kept| kept.at < at) {
                break;
            }
            high = low;
            step *= 2;
        }
        let near = self.samples.get(low..high).unwrap_or_default();
        low + near.partition_point(|kept| kept.at < at)
    }

    /// Puts a reading in its place.
    pub fn offer(&mut self, kept: Kept, quantity: Quantity) -> Fate {
        if self.samples.last().is_none_or(|newest| newest.at < kept.at) {
            self.samples.push(kept);
            return Fate::Inserted(self.samples.len() - 1);
        }
        let place = self.before(kept.at);
        let Some(known) = self
            .samples
            .get_mut(place)
            .filter(|known| known.at == kept.at)
        else {
            self.samples.insert(place, kept);
            return Fate::Inserted(place);
        };
        let (new, old) = (kept.rank(quantity), known.rank(quantity));
        match new.cmp(&old) {
            Ordering::Equal => Fate::Duplicate,
            Ordering::Greater => Fate::Replaced(place, std::mem::replace(known, kept)),
            Ordering::Less => Fate::Beaten,
        }
    }

    /// How many may be forgotten so that the one that holds at `horizon` stays.
    pub fn forgettable(&self, horizon: UtcMs) -> usize {
        let after = self.samples.partition_point(|kept| kept.at <= horizon);
        after.saturating_sub(1)
    }

    /// Forgets the oldest.
    pub fn forget(&mut self, count: usize) {
        self.samples.drain(..count.min(self.samples.len()));
        if self.samples.capacity() > 2 * self.samples.len() + 16 {
            self.samples
                .shrink_to(self.samples.len() + self.samples.len() / 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use huitian_model::{Measurement, Reading, Sample, TimeSource};

    use super::*;

    fn kept(at: i64, sequence: Option<u32>, in_use: bool) -> Kept {
        let reading = Reading {
            at: UtcMs(at),
            received_at: UtcMs(at),
            time_source: TimeSource::Device,
            sequence,
            sample: Sample::Good(Measurement::Occupied(in_use)),
        };
        Kept::new(&reading, 0)
    }

    #[test]
    fn before_finds_the_place_wherever_it_is() {
        let mut history = History::default();
        for at in 0..100 {
            history.offer(kept(at * 10, None, true), Quantity::Occupied);
        }
        for at in -5_i64..1_010 {
            let expected = usize::try_from((at + 9).div_euclid(10).clamp(0, 100)).unwrap();
            assert_eq!(history.before(UtcMs(at)), expected, "at {at}");
        }
        assert_eq!(History::default().before(UtcMs(5)), 0);
    }

    #[test]
    fn of_one_instant_the_greater_reading_stays_whatever_came_first() {
        for swapped in [false, true] {
            let mut history = History::default();
            let (low, high) = (kept(5, Some(1), true), kept(5, Some(2), false));
            let pair = if swapped { [high, low] } else { [low, high] };
            assert_eq!(
                history.offer(pair[0], Quantity::Occupied),
                Fate::Inserted(0)
            );
            let second = history.offer(pair[1], Quantity::Occupied);
            let expected = if swapped {
                Fate::Beaten
            } else {
                Fate::Replaced(0, low)
            };
            assert_eq!(second, expected);
            assert_eq!(history.offer(high, Quantity::Occupied), Fate::Duplicate);
            assert_eq!(history.samples(), [high]);
        }
    }

    #[test]
    fn what_holds_at_the_horizon_is_not_forgotten() {
        let mut history = History::default();
        for at in [10, 20, 30] {
            history.offer(kept(at, None, true), Quantity::Occupied);
        }
        for (horizon, count) in [(5, 0), (10, 0), (19, 0), (20, 1), (25, 1), (30, 2), (99, 2)] {
            assert_eq!(history.forgettable(UtcMs(horizon)), count, "{horizon}");
        }
    }
}
