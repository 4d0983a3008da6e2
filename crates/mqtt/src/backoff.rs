//! How long to wait before the next attempt to connect.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The first wait, before jitter: a broker that flaps every second sees at most one of us a second
/// for long.
const FIRST: Duration = Duration::from_secs(1);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Doubling waits with jitter, so that a district's edges do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// After a connection that worked.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The wait before the next attempt: half to all of the current step.
    pub(crate) fn wait(&mut self) -> Duration {
        // The standard library's hash keys are its only source of randomness, and jitter needs no
        // better.
        let random = RandomState::new().build_hasher().finish();
        self.wait_with(u32::try_from(random >> 32).unwrap_or(0))
    }

    fn wait_with(&mut self, random: u32) -> Duration {
        let step = self.next;
        self.next = step.saturating_mul(2).min(LONGEST);
        let share = 0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0;
        step.mul_f64(share)
    }
}

#[cfg(test)]
mod tests;
