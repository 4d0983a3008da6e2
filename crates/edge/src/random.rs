//! Random bits of the operating system, without a crate for them.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that no other process or call has: an epoch of a queue, an instance of an edge.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
