//! Digests: FNV-1a-64, to tell at a glance whether two replays gave the same. No protection
//! against somebody who wants them to look the same.

/// The digest of bytes, continuing from `start`.
pub fn continued(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Where a digest begins: the offset basis of FNV-1a-64.
pub const START: u64 = 0xcbf2_9ce4_8422_2325;

/// The digest of bytes.
pub fn of(bytes: &[u8]) -> u64 {
    continued(START, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        // Noll's FNV test suite.
        assert_eq!(of(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
