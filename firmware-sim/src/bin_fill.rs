//! How full a bin is: waste comes by the hour, and a visit takes it away.
//!
//! The fill at an instant is what came since the last visit that was made, so nothing must be
//! carried from day to day. Fill is in permille of the volume.

use crate::calendar::{DAY_MS, DayKind, MINUTE_MS, day_of, day_start, kind_of};
use crate::dice::Dice;
use crate::inventory::Stream;
use crate::layout::Bin;
use crate::profile::{WASTE, WHOLE};

/// Most permille a bin holds: a heap above the rim.
const HEAP_MAX: i64 = 1_180;
/// How many days back a visit is looked for. Hazardous waste is fetched weekly and a visit is
/// missed at most twice in a thousand times there, so four weeks are never all missed in a
/// simulated life; what came before them is left out.
const LOOK_BACK_DAYS: i64 = 35;

/// A visit of the collection crew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visit {
    /// When, ms after 04:00.
    pub offset_ms: i64,
    /// Whether it was made; a missed one stands in the schedule only.
    pub made: bool,
    /// What stays in the bin, permille.
    pub residue: i64,
}

/// Visits scheduled for `bin` on `day`, rising; at most two.
pub fn visits(bin: &Bin, day: i64) -> [Option<Visit>; 2] {
    let visit = |number: u64, minute: i64, missed: i64| {
        let mut dice = Dice::new(bin.key, day, 30 + number);
        Some(Visit {
            offset_ms: (minute + dice.between(-20, 21)) * MINUTE_MS,
            made: !dice.chance(missed),
            residue: dice.below(35),
        })
    };
    let turn = i64::try_from(bin.key >> 40).unwrap_or(0);
    match bin.stream {
        Stream::Kitchen => [visit(0, 330, 14), visit(1, 1_000, 14)],
        Stream::Other => [visit(0, 375, 20), None],
        Stream::Recyclable if (day + turn) % 2 == 0 => [visit(0, 420, 20), None],
        Stream::Hazardous if (day + turn) % 7 == 0 => [visit(0, 450, 2), None],
        Stream::Recyclable | Stream::Hazardous => [None, None],
    }
}

/// What `bin` takes in on `day`, permille.
fn intake(bin: &Bin, day: i64) -> i64 {
    let mut own = Dice::new(bin.key, 0, 33);
    let usual = match bin.stream {
        Stream::Kitchen => own.between(950, 1_300),
        Stream::Other => own.between(560, 760),
        Stream::Recyclable => own.between(270, 380),
        Stream::Hazardous => own.between(15, 55),
    };
    let kind = match kind_of(day) {
        DayKind::Workday => 100,
        DayKind::Weekend => 108,
        DayKind::Holiday => 113,
    };
    usual * kind * Dice::new(bin.key, day, 34).around(88, 113) / 10_000
}

/// The true fill of `bin` at `at_ms`, permille.
pub fn fill(bin: &Bin, at_ms: i64) -> i64 {
    let today = day_of(at_ms);
    let offset = at_ms - day_start(today);
    let mut sum = 0;
    let mut until = offset;
    for day in (today - LOOK_BACK_DAYS..=today).rev() {
        let come = intake(bin, day);
        let mut made = visits(bin, day).into_iter().rev().flatten();
        let last = made.find(|v| v.made && v.offset_ms <= until);
        let since = last.map_or(0, |v| WASTE.share(v.offset_ms));
        sum += come * (WASTE.share(until) - since) / WHOLE;
        if let Some(visit) = last {
            sum += visit.residue;
            break;
        }
        until = DAY_MS;
    }
    sum.min(HEAP_MAX)
}

/// The distance that a sensor over `bin` measures at a fill, mm, with its noise.
pub fn distance_mm(bin: &Bin, fill: i64, noise_mm: i64) -> i64 {
    let depth = bin.empty_mm - bin.full_mm;
    (bin.empty_mm - fill * depth / 1_000 + noise_mm).clamp(30, bin.empty_mm + 20)
}
