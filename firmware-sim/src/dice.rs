//! Chance as a pure function: the same key gives the same throws, whatever was thrown before.
//!
//! Nothing here keeps a state between days: that is what lets a range of time be generated
//! without the time before it.

/// Scrambles `key` with `salt` (the finalizer of `SplitMix64`).
pub const fn mix(key: u64, salt: u64) -> u64 {
    let mut z = key ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A sequence of throws.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The throws for `what` of the thing `key` on day `day`.
    pub const fn new(key: u64, day: i64, what: u64) -> Self {
        Self(mix(mix(key, day.cast_unsigned()), what))
    }

    /// 64 scrambled bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0, 1)
    }

    /// 0 to `n` - 1; 0 where `n` is less than 1.
    pub fn below(&mut self, n: i64) -> i64 {
        i64::try_from(self.bits() >> 31).unwrap_or(0) % n.max(1)
    }

    /// `low` to `high` - 1.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low)
    }

    /// `low` to `high`, the middle more often than the ends.
    pub fn around(&mut self, low: i64, high: i64) -> i64 {
        i64::midpoint(self.between(low, high), self.between(low, high))
    }

    /// True in `permille` of 1,000 throws.
    pub fn chance(&mut self, permille: i64) -> bool {
        self.below(1_000) < permille
    }

    /// True for a share of the throws that was made by [`threshold`].
    pub const fn under(&mut self, threshold: u64) -> bool {
        (self.bits() >> 32) < threshold
    }
}

/// A probability of 0 to 1 as a bound for [`Dice::under`]; outside of that, the nearer end.
pub fn threshold(probability: f64) -> u64 {
    // Whole parts of 2^32, found by halving: no float is cast.
    let mut bound = 0_u64;
    let mut left = probability.clamp(0.0, 1.0);
    if left >= 1.0 {
        return 1 << 32;
    }
    for _ in 0..32 {
        left *= 2.0;
        bound *= 2;
        if left >= 1.0 {
            bound += 1;
            left -= 1.0;
        }
    }
    bound
}
