//! Odd runs of a count, in the order of the log: above capacity, below zero, frozen.

use huitian_model::{ChannelRef, Finding, FindingKind, UtcMs};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Run {
    from: UtcMs,
    to: UtcMs,
    readings: u32,
    /// The value where all readings of the run have the same.
    value: i64,
}

impl Run {
    const fn new(at: UtcMs, value: i64) -> Self {
        Self {
            from: at,
            to: at,
            readings: 1,
            value,
        }
    }

    fn grow(&mut self, at: UtcMs) {
        self.from = self.from.min(at);
        self.to = self.to.max(at);
        self.readings = self.readings.saturating_add(1);
    }
}

/// The runs under way on one channel, and those that ended since the last tick.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Runs {
    same: Option<Run>,
    over: Option<Run>,
    below: Option<Run>,
    /// Grown since the last tick: same, over, below.
    grown: [bool; 3],
    ended: Vec<(FindingKind, Run)>,
}

/// What a count is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Places of the lot.
    pub capacity: i64,
    /// A run of identical values that is longer is frozen, ms.
    pub frozen_after_ms: i64,
}

impl Runs {
    /// Takes in the next reading of the log: places in use.
    pub fn note(&mut self, at: UtcMs, in_use: i64, bounds: Bounds) {
        let [same, over, below] = &mut self.grown;
        match &mut self.same {
            Some(run) if run.value == in_use => {
                run.grow(at);
                *same = true;
            }
            _ => {
                let ended = self.same.replace(Run::new(at, in_use));
                let is_new = std::mem::take(same);
                let frozen = ended.filter(|run| is_new && is_frozen(run, bounds));
                self.ended
                    .extend(frozen.map(|run| (FindingKind::Frozen, run)));
            }
        }
        let mut follow = |run: &mut Option<Run>, grown: &mut bool, holds: bool, kind| match run {
            Some(run) if holds => {
                run.grow(at);
                *grown = true;
            }
            None if holds => {
                *run = Some(Run::new(at, in_use));
                *grown = true;
            }
            _ => {
                let is_new = std::mem::take(grown);
                self.ended
                    .extend(run.take().filter(|_| is_new).map(|run| (kind, run)));
            }
        };
        follow(
            &mut self.over,
            over,
            in_use > bounds.capacity,
            FindingKind::OverCapacity,
        );
        follow(&mut self.below, below, in_use < 0, FindingKind::BelowZero);
    }

    /// What is new since the last call.
    pub fn take(&mut self, channel: &ChannelRef, bounds: Bounds) -> Vec<Finding> {
        let mut runs = std::mem::take(&mut self.ended);
        let [same, over, below] = std::mem::take(&mut self.grown);
        let frozen = self.same.filter(|run| same && is_frozen(run, bounds));
        runs.extend(frozen.map(|run| (FindingKind::Frozen, run)));
        runs.extend(
            self.over
                .filter(|_| over)
                .map(|run| (FindingKind::OverCapacity, run)),
        );
        runs.extend(
            self.below
                .filter(|_| below)
                .map(|run| (FindingKind::BelowZero, run)),
        );
        let finding = |(kind, run): (FindingKind, Run)| Finding {
            kind,
            channel: channel.clone(),
            from: run.from,
            to: run.to,
            readings: run.readings,
        };
        runs.into_iter().map(finding).collect()
    }
}

const fn is_frozen(run: &Run, bounds: Bounds) -> bool {
    run.to.since(run.from) > bounds.frozen_after_ms
}

#[cfg(test)]
mod tests {
    use huitian_model::{ChannelName, DeviceId};

    use super::*;

    const BOUNDS: Bounds = Bounds {
        capacity: 10,
        frozen_after_ms: 100,
    };

    fn take(runs: &mut Runs) -> Vec<(FindingKind, i64, i64, u32)> {
        let name = ChannelRef {
            device: DeviceId::new("d").unwrap(),
            channel: ChannelName::new("c").unwrap(),
        };
        let findings = runs.take(&name, BOUNDS).into_iter();
        findings
            .map(|one| (one.kind, one.from.0, one.to.0, one.readings))
            .collect()
    }

    #[test]
    fn a_run_above_capacity_grows_and_ends() {
        let mut runs = Runs::default();
        runs.note(UtcMs(0), 11, BOUNDS);
        assert_eq!(take(&mut runs), [(FindingKind::OverCapacity, 0, 0, 1)]);
        runs.note(UtcMs(10), 12, BOUNDS);
        runs.note(UtcMs(20), 10, BOUNDS);
        assert_eq!(take(&mut runs), [(FindingKind::OverCapacity, 0, 10, 2)]);
        assert_eq!(take(&mut runs), []);
    }

    #[test]
    fn identical_values_longer_than_permitted_are_frozen() {
        let mut runs = Runs::default();
        runs.note(UtcMs(0), 5, BOUNDS);
        runs.note(UtcMs(100), 5, BOUNDS);
        assert_eq!(take(&mut runs), []);
        runs.note(UtcMs(101), 5, BOUNDS);
        assert_eq!(take(&mut runs), [(FindingKind::Frozen, 0, 101, 3)]);
        runs.note(UtcMs(102), -1, BOUNDS);
        assert_eq!(take(&mut runs), [(FindingKind::BelowZero, 102, 102, 1)]);
    }
}
