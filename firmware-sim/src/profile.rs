//! How something spreads over an operating day: a cumulative share by hour, in integers.

use crate::calendar::HOUR_MS;

/// The share that a whole day is.
pub const WHOLE: i64 = 1 << 20;

/// The share of a day's flow that has come by each hour after 04:00.
#[derive(Debug)]
pub struct Profile([i64; 25]);

impl Profile {
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated at compile time: an index out of range does not build"
    )]
    const fn new(weights: [i64; 24]) -> Self {
        let mut total = 0;
        let mut hour = 0;
        while hour < 24 {
            total += weights[hour];
            hour += 1;
        }
        let mut shares = [0; 25];
        let mut sum = 0;
        hour = 0;
        while hour < 24 {
            sum += weights[hour];
            shares[hour + 1] = sum * WHOLE / total;
            hour += 1;
        }
        Self(shares)
    }

    /// The share that has come `offset_ms` after 04:00, of [`WHOLE`].
    pub fn share(&self, offset_ms: i64) -> i64 {
        if offset_ms <= 0 {
            return 0;
        }
        let hour = usize::try_from(offset_ms / HOUR_MS).unwrap_or(24);
        match (self.0.get(hour), self.0.get(hour + 1)) {
            (Some(low), Some(high)) => low + (high - low) * (offset_ms % HOUR_MS) / HOUR_MS,
            _ => WHOLE,
        }
    }

    /// How many of `n` have come `offset_ms` after 04:00.
    pub fn count(&self, n: i64, offset_ms: i64) -> i64 {
        n * self.share(offset_ms) / WHOLE
    }
}

// One weight per hour, the first from 04:00 to 05:00, the last from 03:00 to 04:00. First and
// last hour are nothing, which leaves room for a lot's own shift.

/// Cars that leave for work, and those that come to a lot beside a metro station.
pub static MORNING: Profile = Profile::new([
    0, 3, 18, 34, 24, 9, 4, 3, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/// Cars that come home.
pub static EVENING: Profile = Profile::new([
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 7, 18, 25, 20, 12, 8, 5, 2, 0, 0, 0, 0,
]);
/// Cars that leave on a day off.
pub static OFF_OUT: Profile = Profile::new([
    0, 0, 2, 4, 10, 20, 22, 14, 10, 12, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/// Cars that come home on a day off.
pub static OFF_IN: Profile = Profile::new([
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 12, 18, 20, 15, 12, 10, 8, 1, 0, 0, 0, 0, 0,
]);
/// Visitors who come.
pub static VISIT_IN: Profile = Profile::new([
    0, 0, 0, 0, 0, 10, 15, 12, 8, 12, 15, 12, 8, 5, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/// Visitors who go.
pub static VISIT_OUT: Profile = Profile::new([
    0, 0, 0, 0, 0, 0, 0, 10, 12, 8, 10, 12, 15, 15, 12, 6, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/// Waste that is brought, with the timed hours of morning and evening.
pub static WASTE: Profile = Profile::new([
    0, 2, 12, 18, 12, 4, 3, 3, 4, 3, 2, 2, 3, 6, 12, 12, 8, 4, 2, 1, 0, 0, 0, 0,
]);
