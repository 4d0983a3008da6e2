//! The program's clock: real time, or a time that runs faster from a chosen instant.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that runs `speed` times as fast as the machine's.
#[derive(Clone, Copy, Debug)]
pub struct SpeedClock {
    begun: Instant,
    from_ms: i64,
    speed: u32,
}

impl SpeedClock {
    /// Starts at `from_ms` (ms UTC), or now where there is none.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this program that asks the machine for the time"
    )]
    pub fn start(from_ms: Option<i64>, speed: u32) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        // A machine set before 1970 starts the world at its beginning.
        let now_ms = now.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        Self {
            begun: Instant::now(),
            from_ms: from_ms.unwrap_or(now_ms),
            speed,
        }
    }

    /// The time, ms UTC.
    pub fn now_ms(&self) -> i64 {
        let gone = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let gone = gone.saturating_mul(i64::from(self.speed));
        self.from_ms.saturating_add(gone)
    }
}
