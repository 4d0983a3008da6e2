//! What outlives a line's connections: transaction ids and bytes counted.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

/// Ids below are never sent: some gateways answer with a small constant (0, 1, 2), which then
/// never fits by chance.
const TRANSACTION_MIN: u16 = 0x0100;

/// Shared by the connections of a line, of which one is open at a time.
#[derive(Debug)]
pub(crate) struct Wire {
    transaction: AtomicU16,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            transaction: AtomicU16::new(TRANSACTION_MIN),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }
}

impl Wire {
    /// Ids go round after 65,280 requests, over all connections of the line.
    pub fn next_transaction(&self) -> u16 {
        let last = self.transaction.load(Ordering::Relaxed);
        let next = last.wrapping_add(1).max(TRANSACTION_MIN);
        self.transaction.store(next, Ordering::Relaxed);
        next
    }

    pub fn count_sent(&self, bytes: usize) {
        count(&self.sent, bytes);
    }

    pub fn count_received(&self, bytes: usize) {
        count(&self.received, bytes);
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

fn count(counter: &AtomicU64, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    counter.fetch_add(bytes, Ordering::Relaxed);
}
