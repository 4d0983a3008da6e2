//! A gate's counter: vehicles between consecutive values in event time, or by each value.

use huitian_model::{CounterBits, CounterRule, UtcMs};
use serde::{Deserialize, Serialize};

use crate::kept::Kept;

/// The greatest step that a counter plausibly makes at a wrap or after a reset, vehicles: a gate
/// lets one vehicle through in 3 s, so 1,000 are 50 minutes without a pause.
pub const PLAUSIBLE: i64 = 1_000;

/// Vehicles that a value says have passed since the value before it. A first total says nothing;
/// an interval says it by itself. A decrease of a total is a wrap where the rule knows one and
/// both the rest up to it and the whole step are plausible; else it is a reset, and the new value
/// counts where it is plausible.
pub fn step(rule: CounterRule, before: Option<u32>, value: u32) -> i64 {
    let value = i64::from(value);
    let (wraps, stored) = match &rule {
        CounterRule::Interval => return value,
        CounterRule::Unstated => (CounterBits::ALL.as_slice(), true),
        CounterRule::Total { wrap, stored } => (wrap.as_slice(), *stored),
    };
    let Some(before) = before.map(i64::from) else {
        return 0;
    };
    if value >= before {
        return value - before;
    }
    for bits in wraps {
        // After a power cut a counter that is not stored shows a low value too: of two such
        // values the wrap is believed only where it is the shorter way.
        let plausible = if stored {
            PLAUSIBLE
        } else {
            PLAUSIBLE.min(bits.values() / 2)
        };
        let to_wrap = bits.values() - before;
        if (1..=plausible).contains(&to_wrap) && value + to_wrap <= plausible {
            return value + to_wrap;
        }
    }
    since_reset(value)
}

/// Vehicles that a total says have passed since it was 0.
const fn since_reset(value: i64) -> i64 {
    if value <= PLAUSIBLE { value } else { 0 }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Passed {
    at: UtcMs,
    /// Vehicles between the value before and this one.
    vehicles: i64,
    /// Vehicles up to and with this one.
    total: i64,
}

/// Vehicles that passed a gate one way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Counter {
    rule: CounterRule,
    base: Option<u32>,
    base_total: i64,
    last: Option<u32>,
    passed: Vec<Passed>,
}

/// A difference of what a counter says: so many vehicles more (or less) at an instant.
pub type Difference = (UtcMs, i64);

impl Counter {
    /// A counter of which nothing is known yet.
    pub fn new(rule: CounterRule) -> Self {
        Self {
            rule,
            ..Self::default()
        }
    }

    /// What its values mean from here on.
    pub const fn obey(&mut self, rule: CounterRule) {
        self.rule = rule;
    }

    /// What its values mean.
    pub const fn rule(&self) -> CounterRule {
        self.rule
    }

    /// Takes in further readings in event time.
    pub fn advance(&mut self, samples: &[Kept]) -> Vec<Difference> {
        let first = self.passed.len();
        for kept in samples.iter().filter(|kept| kept.has_value()) {
            let value = kept.unsigned();
            let before = self.last.replace(value);
            let vehicles = if kept.is_startup() && self.rule.forgets() {
                // It begins at 0 with the device: no wrap, however plausible.
                before.map_or(0, |_before| since_reset(value.into()))
            } else {
                step(self.rule, before, value)
            };
            if vehicles > 0 {
                let total = self.total().wrapping_add(vehicles);
                self.passed.push(Passed {
                    at: kept.at,
                    vehicles,
                    total,
                });
            }
        }
        let new = self.passed.get(first..).unwrap_or_default();
        new.iter()
            .map(|passed| (passed.at, passed.vehicles))
            .collect()
    }

    /// Computes all anew from all readings that are kept; returns what differs.
    pub fn again(&mut self, samples: &[Kept]) -> Vec<Difference> {
        let old = std::mem::take(&mut self.passed);
        self.last = self.base;
        let new = self.advance(samples);
        let old: Vec<Difference> = old.iter().map(|one| (one.at, one.vehicles)).collect();
        let same_head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let shorter = old.len().min(new.len()) - same_head;
        let tails = old.iter().rev().zip(new.iter().rev()).take(shorter);
        let same_tail = tails.take_while(|(a, b)| a == b).count();
        let changed = |all: &[Difference], sign: i64| -> Vec<Difference> {
            let middle = all
                .get(same_head..all.len() - same_tail)
                .unwrap_or_default();
            middle
                .iter()
                .map(|(at, vehicles)| (*at, sign * vehicles))
                .collect()
        };
        let mut differences = changed(&old, -1);
        differences.extend(changed(&new, 1));
        differences
    }

    /// Vehicles before the oldest kept reading.
    pub const fn base_total(&self) -> i64 {
        self.base_total
    }

    /// Takes back all that the kept readings led to.
    pub fn begin_again(&mut self) {
        self.last = self.base;
        self.passed.clear();
    }

    fn total(&self) -> i64 {
        self.passed
            .last()
            .map_or(self.base_total, |passed| passed.total)
    }

    /// Vehicles since counting began, before an instant.
    pub fn before(&self, at: UtcMs) -> i64 {
        let place = self.passed.partition_point(|passed| passed.at < at);
        let last = place.checked_sub(1).and_then(|last| self.passed.get(last));
        last.map_or(self.base_total, |passed| passed.total)
    }

    /// Forgets what the given oldest readings led to, keeping where they lead.
    pub fn forget(&mut self, samples: &[Kept]) {
        for kept in samples.iter().filter(|kept| kept.has_value()) {
            self.base = Some(kept.unsigned());
        }
        let Some(last) = samples.last() else { return };
        let old = self.passed.partition_point(|passed| passed.at <= last.at);
        self.base_total = self.before(last.at.plus(1));
        self.passed.drain(..old);
    }
}

#[cfg(test)]
mod tests {
    use huitian_model::{Measurement, Reading, Sample, TimeSource, UncertainReason};

    use super::*;

    fn check(rule: &str, cases: &[(u32, u32, i64)]) {
        let parsed = rule.parse().unwrap();
        for (before, value, vehicles) in cases {
            let found = step(parsed, Some(*before), *value);
            assert_eq!(found, *vehicles, "{rule}: {before} -> {value}");
        }
    }

    #[test]
    fn where_nothing_is_said_a_decrease_is_a_wrap_where_it_is_plausible() {
        let cases = [
            (5, 9, 4),
            (250, 3, 9),
            (65_530, 4, 10),
            (u32::MAX, 0, 1),
            (200, 30, 86),
            (500, 20, 20),
            (500, 0, 0),
            (3_000_000_000, 2_000, 0),
            (3_000, 900, 900),
            (65_000, 900, 900),
        ];
        check("unstated", &cases);
    }

    #[test]
    fn a_counter_wraps_only_where_its_profile_says_so() {
        check("total", &[(250, 3, 3), (65_530, 4, 4), (u32::MAX, 0, 0)]);
        check(
            "total-8-stored",
            &[(250, 3, 9), (100, 3, 159), (65_530, 4, 4)],
        );
        check(
            "total-16",
            &[(65_530, 4, 10), (250, 3, 3), (u32::MAX, 7, 7)],
        );
        check("total-32-stored", &[(u32::MAX, 0, 1), (65_530, 4, 4)]);
    }

    #[test]
    fn a_counter_that_forgets_is_rebooted_rather_than_wrapped_the_long_way() {
        // The vehicle count of a `PlacePod`: more than 128 back is a reboot.
        check(
            "total-8",
            &[(250, 3, 9), (100, 3, 3), (128, 0, 128), (127, 0, 0)],
        );
    }

    /// Vehicles after three values, the second right after start-up.
    fn around_a_startup(rule: &str, values: [u32; 3]) -> i64 {
        let mut counter = Counter::new(rule.parse().unwrap());
        let kept = |(number, value): (i64, u32)| {
            let value = Measurement::Entries(value);
            let sample = match number {
                1 => Sample::Uncertain(value, UncertainReason::Startup),
                _ => Sample::Good(value),
            };
            let reading = Reading {
                at: UtcMs(number),
                received_at: UtcMs(number),
                time_source: TimeSource::Network,
                sequence: None,
                sample,
            };
            Kept::new(&reading, 0)
        };
        let samples: Vec<Kept> = (0..).zip(values).map(kept).collect();
        counter.advance(&samples);
        counter.total()
    }

    #[test]
    fn a_startup_of_a_counter_that_forgets_is_no_wrap_however_plausible() {
        assert_eq!(around_a_startup("total-16", [65_530, 0, 4]), 4);
        assert_eq!(around_a_startup("total-16", [65_530, 3, 4]), 4);
        assert_eq!(around_a_startup("total-16", [7, 9, 10]), 10);
        // What survives a power cut goes on where it was.
        assert_eq!(around_a_startup("total-16-stored", [65_530, 0, 4]), 10);
        assert_eq!(around_a_startup("total-16-stored", [7, 9, 10]), 3);
    }

    #[test]
    fn an_interval_counts_by_itself() {
        check("interval", &[(7, 3, 3), (3, 3, 3), (0, 5_000, 5_000)]);
        assert_eq!(step(CounterRule::Interval, None, 4), 4);
        assert_eq!(step(CounterRule::Unstated, None, 4), 0);
    }
}
