//! Partitions of the log: a partition is a set of sites. The same in every backend.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::SiteId;

/// How many partitions there are. Fixed: a site must be able to move between backends.
pub const PARTITIONS: u8 = 64;

/// A partition, 0..64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Partition(u8);

impl Partition {
    /// The partition with that number; none from 64 on.
    pub const fn new(number: u8) -> Option<Self> {
        if number < PARTITIONS {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number, 0..64.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All partitions in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }
}

impl TryFrom<u8> for Partition {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        Self::new(number).ok_or_else(|| format!("expected a partition of 0 to 63, found {number}"))
    }
}

impl From<Partition> for u8 {
    fn from(partition: Partition) -> Self {
        partition.0
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in a partition's log: 1 is the first record, 0 is before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The partition of a site: FNV-1a-32 of its id, modulo 64.
pub fn partition_of(site: &SiteId) -> Partition {
    let hash = site.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    // Always below 64, so the fallback is never taken; written so to need no panic.
    Partition(u8::try_from(hash % u32::from(PARTITIONS)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_site_never_changes() {
        // FNV-1a-32 test vectors: "a" = e40c292c, "foobar" = bf9cf968 (Noll's test suite).
        let of = |text: &str| partition_of(&SiteId::new(text).unwrap()).number();
        assert_eq!(of("a"), 0x2c);
        assert_eq!(of("foobar"), 0x68 - 64);
    }
}
