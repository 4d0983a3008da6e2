//! Days as the district lives them, and the working calendar.
//!
//! An operating day begins at 04:00 in `Asia/Shanghai` (20:00 UTC of the day before), when the
//! least moves, and carries the number of its civil day: days since 1970-01-01. China has had no
//! daylight saving time since 1991, so a day is always 24 hours.

/// A day, ms.
pub const DAY_MS: i64 = 86_400_000;
/// An hour, ms.
pub const HOUR_MS: i64 = 3_600_000;
/// A minute, ms.
pub const MINUTE_MS: i64 = 60_000;
/// How far 04:00 in Shanghai lies before UTC midnight, ms.
const LEAD_MS: i64 = 4 * HOUR_MS;

/// The operating day that holds `at_ms` (ms UTC).
pub const fn day_of(at_ms: i64) -> i64 {
    (at_ms + LEAD_MS).div_euclid(DAY_MS)
}

/// When operating day `day` begins, ms UTC.
pub const fn day_start(day: i64) -> i64 {
    day * DAY_MS - LEAD_MS
}

/// What people do on a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DayKind {
    /// People commute.
    Workday,
    /// Saturday or Sunday that is not worked.
    Weekend,
    /// A public holiday, or a weekend day inside one.
    Holiday,
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
pub const fn civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Holidays, first and last day. 2026: notice of the State Council's General Office of
/// November 2025. 2027: the statutory days alone, as its notice was not out when this was
/// written. Outside of both years only weekends are known.
const HOLIDAYS: [(i64, i64); 14] = [
    (civil(2026, 1, 1), civil(2026, 1, 3)),
    (civil(2026, 2, 15), civil(2026, 2, 23)),
    (civil(2026, 4, 4), civil(2026, 4, 6)),
    (civil(2026, 5, 1), civil(2026, 5, 5)),
    (civil(2026, 6, 19), civil(2026, 6, 21)),
    (civil(2026, 9, 25), civil(2026, 9, 27)),
    (civil(2026, 10, 1), civil(2026, 10, 7)),
    (civil(2027, 1, 1), civil(2027, 1, 1)),
    (civil(2027, 2, 5), civil(2027, 2, 8)),
    (civil(2027, 4, 5), civil(2027, 4, 5)),
    (civil(2027, 5, 1), civil(2027, 5, 2)),
    (civil(2027, 6, 9), civil(2027, 6, 9)),
    (civil(2027, 9, 15), civil(2027, 9, 15)),
    (civil(2027, 10, 1), civil(2027, 10, 3)),
];

/// Weekend days that are worked for a longer holiday (调休), by the same notice.
const MADE_UP: [i64; 6] = [
    civil(2026, 1, 4),
    civil(2026, 2, 14),
    civil(2026, 2, 28),
    civil(2026, 5, 9),
    civil(2026, 9, 20),
    civil(2026, 10, 10),
];

/// What kind of day `day` is.
pub fn kind_of(day: i64) -> DayKind {
    if HOLIDAYS
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&day))
    {
        return DayKind::Holiday;
    }
    // Day 0 was a Thursday: 2 and 3 days later came the weekend.
    let is_weekend = matches!(day.rem_euclid(7), 2 | 3);
    if is_weekend && !MADE_UP.contains(&day) {
        DayKind::Weekend
    } else {
        DayKind::Workday
    }
}

/// Air temperature, tenths of a degree Celsius: the season of Beijing and the hour.
pub fn temperature_dc(at_ms: i64) -> i64 {
    const MONTHS: [i64; 12] = [-30, 0, 70, 150, 210, 255, 270, 260, 210, 135, 45, -15];
    const HOURS: [i64; 24] = [
        -30, -35, -40, -45, -48, -50, -45, -30, -10, 10, 25, 38, 48, 55, 58, 55, 45, 30, 15, 0, -8,
        -15, -20, -25,
    ];
    let at = |table: &[i64], index: i64| {
        let index = usize::try_from(index).unwrap_or(0);
        table.get(index).copied().unwrap_or(0)
    };
    let local = at_ms + 8 * HOUR_MS;
    let month = (local.div_euclid(DAY_MS) * 100).rem_euclid(36_525) / 3_044;
    at(&MONTHS, month.min(11)) + at(&HOURS, local.rem_euclid(DAY_MS) / HOUR_MS)
}
