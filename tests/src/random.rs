//! Random numbers from a printed seed.

/// `SplitMix64`: the same numbers for the same seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of the environment variable, or one of the clock; printed either way.
    pub fn seeded(variable: &str) -> Self {
        let seed = crate::services::setting(variable).map_or_else(
            || crate::wall::now_ms().unsigned_abs(),
            |text| text.parse().expect("a whole number"),
        );
        crate::services::say(&format!("{variable}={seed}"));
        Self::new(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }
}
