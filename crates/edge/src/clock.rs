//! The one place of the edge that reads the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use huitian_model::UtcMs;

use crate::stamp::Stamper;
use crate::uplink::Now;

/// Gives wall time; tests give another.
pub type Wall = fn() -> UtcMs;

/// What time it is at this edge; cheap to clone.
#[derive(Clone)]
pub struct Clock {
    wall: Wall,
    started: Instant,
    stamper: Arc<Mutex<Stamper>>,
}

impl Clock {
    /// Goes on behind the newest stamp in the queue, and the newest one that was made while the
    /// clock was not set.
    pub fn new(wall: Wall, newest: Option<UtcMs>, unset_last: Option<UtcMs>) -> Self {
        Self {
            wall,
            started: Instant::now(),
            stamper: Arc::new(Mutex::new(Stamper::new(wall(), 0, newest, unset_last))),
        }
    }

    /// Milliseconds since this clock was made, by a clock that nobody sets.
    pub fn mono_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// What a reading is stamped with now.
    pub fn now(&self) -> UtcMs {
        let (now, was_set) = self.stamper().now((self.wall)(), self.mono_ms());
        if was_set {
            tracing::info!(%now, "the clock has been set: earlier stamps are moved by it");
        }
        now
    }

    /// All that frames need of it.
    pub fn all(&self) -> Now {
        let stamp = self.now();
        Now {
            mono_ms: self.mono_ms(),
            stamp,
            shift_ms: self.stamper().shift_ms(),
        }
    }

    /// Whether the clock is set.
    pub fn is_set(&self) -> bool {
        self.stamper().is_set()
    }

    /// The stamper, to give readings stamps of their own.
    pub fn stamper(&self) -> MutexGuard<'_, Stamper> {
        self.stamper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The machine's clock.
pub fn wall() -> UtcMs {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    let now = std::time::SystemTime::now();
    // A machine whose clock stands before 1970 is at 1970.
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    UtcMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
