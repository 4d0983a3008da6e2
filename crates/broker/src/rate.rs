//! How fast one device may publish, and what was dropped of those that were faster.
//!
//! A bucket of `burst` messages that fills with `per_second`. It is kept as one instant, the time
//! at which it will be full again: a message is permitted while that is less than a bucket away.
//! It outlives the connection, so that a new one does not begin with a full bucket.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Buckets at the same time: as many as sessions. Full ones that nobody uses are forgotten first.
const BUCKETS_MAX: usize = 20_000;
/// Clients whose dropped messages are counted by name between two looks of the owner.
const ROWS_MAX: usize = 1_000;

/// How fast one client may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Messages a second in the long run.
    pub per_second: NonZeroU32,
    /// Messages at once after a rest.
    pub burst: NonZeroU32,
}

impl RateLimit {
    /// A device that reads every second sends one message a second; five let it catch up: 5 a
    /// second, 50 at once.
    pub const DEVICE: Self = Self {
        per_second: NonZeroU32::MIN.saturating_add(4),
        burst: NonZeroU32::MIN.saturating_add(49),
    };

    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second.get()
    }
}

/// Messages dropped of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimited {
    /// The id it was connected with.
    pub client_id: Arc<str>,
    /// Messages acknowledged and dropped since the owner last asked.
    pub messages: u64,
}

/// One client's bucket, shared by its connections.
#[derive(Debug)]
pub(crate) struct Bucket {
    limit: RateLimit,
    full_at: Mutex<Instant>,
}

impl Bucket {
    fn full_at(&self) -> MutexGuard<'_, Instant> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if a message may pass now; it is then taken out of the bucket.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let interval = self.limit.interval();
        let mut full_at = self.full_at();
        let missing = full_at.saturating_duration_since(now);
        if missing > interval * self.limit.burst.get().saturating_sub(1) {
            return false;
        }
        *full_at = now + missing + interval;
        true
    }

    fn is_full(&self, now: Instant) -> bool {
        *self.full_at() <= now
    }
}

/// All buckets, and the counts of what they held back.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    buckets: Mutex<BTreeMap<Arc<str>, Arc<Bucket>>>,
    limited: Mutex<BTreeMap<Arc<str>, u64>>,
}

impl Rates {
    /// The bucket of `name`.
    pub(crate) fn bucket(&self, name: &Arc<str>, limit: RateLimit, now: Instant) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(name).filter(|bucket| bucket.limit == limit) {
            return Arc::clone(bucket);
        }
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1 || !bucket.is_full(now));
        }
        if buckets.len() >= BUCKETS_MAX {
            buckets.pop_first();
        }
        let full_at = Mutex::new(now);
        let bucket = Arc::new(Bucket { limit, full_at });
        buckets.insert(Arc::clone(name), Arc::clone(&bucket));
        bucket
    }

    /// Counts a dropped message. True if it is the client's first since the owner last asked.
    pub(crate) fn note_limited(&self, client_id: &Arc<str>) -> bool {
        let mut limited = self.limited.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(messages) = limited.get_mut(client_id) {
            *messages = messages.saturating_add(1);
            return false;
        }
        let is_noted = limited.len() < ROWS_MAX;
        if is_noted {
            limited.insert(Arc::clone(client_id), 1);
        }
        is_noted
    }

    pub(crate) fn take_limited(&self) -> Vec<RateLimited> {
        let mut limited = self.limited.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *limited);
        let rows = taken.into_iter().map(|(client_id, messages)| RateLimited {
            client_id,
            messages,
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests;
