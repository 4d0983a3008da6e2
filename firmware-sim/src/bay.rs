//! A day of one bay: when it is taken and left.
//!
//! The state at 04:00 is a throw of its own for every day, and the day between is planned so
//! that it joins both: no day needs the one before.

use crate::calendar::{DayKind, HOUR_MS, MINUTE_MS};
use crate::dice::Dice;
use crate::layout::Bay;

/// Most changes of state in a day: the limits of [`plan`]'s loops leave room for all.
const CHANGES_MAX: usize = 16;
/// Most visits to a bay that is used by day.
const VISITS_MAX: usize = 6;

/// Changes of state of a day, as offsets from 04:00 in ms, rising.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// In use at 04:00.
    pub starts_in_use: bool,
    changes: [i64; CHANGES_MAX],
    len: usize,
}

impl Plan {
    /// When the state changes, ms after 04:00.
    pub fn changes(&self) -> &[i64] {
        self.changes.get(..self.len).unwrap_or(&[])
    }

    /// Whether the bay is in use `offset_ms` after 04:00 (a change at that instant counts).
    pub fn in_use_at(&self, offset_ms: i64) -> bool {
        let before = self.changes().iter().filter(|at| **at <= offset_ms).count();
        self.starts_in_use ^ (before % 2 == 1)
    }

    fn push(&mut self, at: i64) {
        if let Some(place) = self.changes.get_mut(self.len) {
            *place = at;
            self.len += 1;
        }
    }
}

fn in_use_at_night(bay: &Bay, day: i64) -> bool {
    Dice::new(bay.key, day, 10).chance(if bay.by_day { 150 } else { 925 })
}

/// The plan of `bay` for `day`.
pub fn plan(bay: &Bay, day: i64, kind: DayKind) -> Plan {
    let mut plan = Plan {
        starts_in_use: in_use_at_night(bay, day),
        changes: [0; CHANGES_MAX],
        len: 0,
    };
    let ends_in_use = in_use_at_night(bay, day + 1);
    let mut dice = Dice::new(bay.key, day, 11);
    if bay.by_day {
        visited(&mut plan, ends_in_use, kind, &mut dice);
    } else {
        resident(&mut plan, ends_in_use, kind, &mut dice);
    }
    plan
}

fn resident(plan: &mut Plan, ends_in_use: bool, kind: DayKind, dice: &mut Dice) {
    let works = kind == DayKind::Workday;
    let goes = dice.chance(if works { 740 } else { 480 }) || !ends_in_use;
    let leaves = (plan.starts_in_use && goes).then(|| {
        if works {
            dice.around(150 * MINUTE_MS, 310 * MINUTE_MS)
        } else {
            dice.around(280 * MINUTE_MS, 560 * MINUTE_MS)
        }
    });
    let empty = leaves.is_some() || !plan.starts_in_use;
    let returns = (ends_in_use && empty).then(|| {
        if works {
            dice.around(13 * HOUR_MS, 18 * HOUR_MS)
        } else {
            dice.around(11 * HOUR_MS, 18 * HOUR_MS)
        }
    });
    if let Some(at) = leaves {
        plan.push(at);
    }
    if empty && dice.chance(330) {
        let opens = leaves.unwrap_or(4 * HOUR_MS) + 10 * MINUTE_MS;
        let closes = returns.unwrap_or(17 * HOUR_MS) - 10 * MINUTE_MS;
        if closes - opens > HOUR_MS {
            let half = (closes - opens) / 2;
            let comes = opens + dice.below(half);
            plan.push(comes);
            plan.push(comes + dice.between(15 * MINUTE_MS, half));
        }
    }
    if let Some(at) = returns {
        plan.push(at);
    }
}

fn visited(plan: &mut Plan, ends_in_use: bool, kind: DayKind, dice: &mut Dice) {
    let mut now = 3 * HOUR_MS;
    if plan.starts_in_use {
        now = dice.around(150 * MINUTE_MS, 270 * MINUTE_MS);
        plan.push(now);
    }
    let gap = match kind {
        DayKind::Workday => 90,
        DayKind::Weekend => 60,
        DayKind::Holiday => 45,
    };
    for _ in 0..VISITS_MAX {
        let comes = now + dice.between(5 * MINUTE_MS, gap * MINUTE_MS);
        let goes = comes + dice.between(20 * MINUTE_MS, 240 * MINUTE_MS);
        if goes > 1_050 * MINUTE_MS {
            break;
        }
        plan.push(comes);
        plan.push(goes);
        now = goes;
    }
    if ends_in_use {
        plan.push(dice.between(18 * HOUR_MS, 1_170 * MINUTE_MS));
    }
}
