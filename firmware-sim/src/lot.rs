//! A day of a lot that gates count: how many come and go, and when.
//!
//! The count at 04:00 is a throw of its own for every day; the day's flows join it to the next.
//! Flows follow [`crate::profile`], so a count at any instant costs a few multiplications.

use crate::bay::plan;
use crate::calendar::{DAY_MS, DayKind, MINUTE_MS, kind_of};
use crate::dice::Dice;
use crate::layout::{Bay, Lot};
use crate::profile::{EVENING, MORNING, OFF_IN, OFF_OUT, Profile, VISIT_IN, VISIT_OUT};

/// The passages of one lot on one day.
#[derive(Clone, Debug)]
pub enum LotDay {
    /// By flows.
    Flows {
        /// Vehicles at 04:00.
        starts_with: i64,
        /// How much earlier this day runs than the profile, ms.
        shift_ms: i64,
        /// In.
        entries: [(i64, &'static Profile); 2],
        /// Out.
        exits: [(i64, &'static Profile); 2],
        /// Gates that share them.
        gates: i64,
    },
    /// By what the lot's sensored bays do: offsets from 04:00, ms, rising.
    Bays {
        /// Vehicles at 04:00.
        starts_with: i64,
        /// In.
        entries: Vec<i64>,
        /// Out.
        exits: Vec<i64>,
    },
}

/// Vehicles in a gate-counted lot when `day` begins.
fn level(lot: &Lot, day: i64) -> i64 {
    let mut dice = Dice::new(lot.key, day, 20);
    let permille = match (lot.by_day, lot.tight) {
        (true, _) => dice.between(90, 200),
        (false, true) => dice.between(985, 1_001),
        (false, false) => dice.between(840, 940),
    };
    lot.capacity * permille / 1_000
}

impl LotDay {
    /// The passages of `lot` on `day`; `bays` are all bays of the world.
    pub fn new(lot: &Lot, bays: &[Bay], day: i64) -> Self {
        let bays = bays.get(lot.bays.clone()).unwrap_or(&[]);
        if bays.is_empty() {
            Self::of_flows(lot, day)
        } else {
            Self::of_bays(bays, day)
        }
    }

    fn of_bays(bays: &[Bay], day: i64) -> Self {
        let (mut starts_with, mut entries, mut exits) = (0, Vec::new(), Vec::new());
        for bay in bays {
            let plan = plan(bay, day, kind_of(day));
            starts_with += i64::from(plan.starts_in_use);
            for (number, at) in plan.changes().iter().enumerate() {
                if plan.starts_in_use ^ (number % 2 == 0) {
                    entries.push(*at);
                } else {
                    exits.push(*at);
                }
            }
        }
        entries.sort_unstable();
        exits.sort_unstable();
        Self::Bays {
            starts_with,
            entries,
            exits,
        }
    }

    fn of_flows(lot: &Lot, day: i64) -> Self {
        let (now, next) = (level(lot, day), level(lot, day + 1));
        let works = kind_of(day) == DayKind::Workday;
        let mut dice = Dice::new(lot.key, day, 21);
        let share = match (lot.by_day, works) {
            (true, _) => dice.between(300, 500),
            (false, true) => dice.between(440, 600),
            (false, false) => dice.between(260, 400),
        };
        let leave = now * share / 1_000;
        // Never below zero: fewer leave than the nightly levels can differ by.
        let leave = leave.max(now - next).min(now);
        let visitors = match (lot.by_day, works) {
            (true, true) => {
                (lot.capacity - now) * dice.between(if lot.tight { 990 } else { 700 }, 1_001)
            }
            (true, false) => (lot.capacity - now) * dice.between(350, 600),
            (false, _) => leave * dice.between(250, 450),
        } / 1_000;
        let (home_out, home_in) = if works {
            (&MORNING, &EVENING)
        } else {
            (&OFF_OUT, &OFF_IN)
        };
        let (guests_in, guests_out) = match (lot.by_day, works) {
            (true, true) => (&MORNING, &EVENING),
            (true, false) => (&OFF_OUT, &OFF_IN),
            (false, _) => (&VISIT_IN, &VISIT_OUT),
        };
        Self::Flows {
            starts_with: now,
            shift_ms: dice.between(-25 * MINUTE_MS, 25 * MINUTE_MS),
            entries: [(leave + next - now, home_in), (visitors, guests_in)],
            exits: [(leave, home_out), (visitors, guests_out)],
            gates: lot.gates.max(1),
        }
    }

    /// Vehicles that have passed gate `gate` by `offset_ms` after 04:00: in and out.
    pub fn passed(&self, gate: i64, offset_ms: i64) -> (i64, i64) {
        match self {
            Self::Flows {
                shift_ms,
                entries,
                exits,
                gates,
                ..
            } => {
                let at = if offset_ms >= DAY_MS {
                    DAY_MS
                } else {
                    offset_ms + shift_ms
                };
                let sum = |flows: &[(i64, &'static Profile); 2]| {
                    let of_gate = |n: i64| n * (gate + 1) / gates - n * gate / gates;
                    let counts = flows.iter().map(|(n, p)| p.count(of_gate(*n), at));
                    counts.sum::<i64>()
                };
                (sum(entries), sum(exits))
            }
            Self::Bays { entries, exits, .. } => {
                let by = |times: &[i64]| {
                    let n = times.partition_point(|at| *at <= offset_ms);
                    i64::try_from(n).unwrap_or(i64::MAX)
                };
                (by(entries), by(exits))
            }
        }
    }

    /// Vehicles inside `offset_ms` after 04:00.
    pub fn inside(&self, offset_ms: i64) -> i64 {
        let (starts_with, gates) = match self {
            Self::Flows {
                starts_with, gates, ..
            } => (*starts_with, *gates),
            Self::Bays { starts_with, .. } => (*starts_with, 1),
        };
        let passed = (0..gates).map(|gate| self.passed(gate, offset_ms));
        passed.fold(starts_with, |count, (entries, exits)| {
            count + entries - exits
        })
    }
}
