//! What time it is for this process: the wall clock, or demo time.
//!
//! A demo that runs faster than real time has a demo clock: demo time stands at `from` when the
//! clock starts and runs `speed` times as fast as the wall.

use std::time::Instant;

use huitian_edge::clock::wall as wall_now;
use huitian_model::UtcMs;

/// What time it is for this process.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The wall clock.
    Wall,
    /// Demo time.
    Demo {
        /// Demo time at `started`.
        from: UtcMs,
        /// Real instant at which it began.
        started: Instant,
        /// How many demo seconds pass in a second.
        speed: u32,
    },
    /// Time that a test lets pass: it goes with tokio's.
    #[cfg(test)]
    Moved {
        /// Its time at `started`.
        from: UtcMs,
        /// Tokio's instant then.
        started: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock that begins now at `speed`; the wall clock where `speed` is 1.
    pub fn at_speed(speed: u32) -> Self {
        if speed == 1 {
            return Self::Wall;
        }
        Self::Demo {
            from: wall_now(),
            started: Instant::now(),
            speed,
        }
    }

    /// The same clock, set forward where it stands before `last`: a demo that ran faster than
    /// real time has left the wall behind, and goes on where it was.
    #[must_use]
    pub fn not_before(self, last: Option<UtcMs>) -> Self {
        match (self, last) {
            (Self::Demo { from, speed, .. }, Some(last)) if from < last => Self::Demo {
                from: last,
                started: Instant::now(),
                speed,
            },
            (clock, _) => clock,
        }
    }

    /// How many of its seconds pass in a second.
    pub const fn speed(&self) -> u32 {
        match self {
            Self::Wall => 1,
            #[cfg(test)]
            Self::Moved { .. } => 1,
            Self::Demo { speed, .. } => *speed,
        }
    }

    /// Now.
    pub fn now(&self) -> UtcMs {
        match self {
            Self::Wall => wall_now(),
            #[cfg(test)]
            Self::Moved { from, started } => {
                from.plus(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
            Self::Demo {
                from,
                started,
                speed,
            } => {
                let real_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
                from.plus(real_ms.saturating_mul(i64::from(*speed)))
            }
        }
    }
}
