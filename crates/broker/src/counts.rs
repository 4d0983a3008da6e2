//! What the broker counts, for `/metrics` and the intake ledger.

use std::sync::atomic::{AtomicU64, Ordering};

/// Figures since the broker started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrokerCounts {
    /// Connections now open.
    pub connections: u64,
    /// Messages handed to the intake.
    pub delivered: u64,
    /// `QoS` > 0 messages acknowledged after the intake called them durable.
    pub acknowledged: u64,
    /// `QoS` > 0 messages the intake could not keep; their senders were disconnected.
    pub retried: u64,
    /// Connections closed because the client broke the protocol or a limit.
    pub protocol_faults: u64,
    /// Connections refused because there are as many as the broker takes, of all or of one address.
    pub refused_connections: u64,
    /// Messages not given to a subscriber that does not keep up. The intake had them all.
    pub dropped_for_slow_subscribers: u64,
    /// Messages not retained because the store of retained messages is full.
    pub not_retained: u64,
    /// Clients refused for their log-in, client id or will.
    pub refused_logins: u64,
    /// TLS handshakes that failed or were not done in time.
    pub failed_handshakes: u64,
    /// Messages refused because their sender may not publish to the topic.
    pub refused_publishes: u64,
    /// Subscriptions refused because the client may not read what they match.
    pub refused_subscriptions: u64,
    /// Messages dropped because their client sends more than it may; acknowledged all the same.
    pub rate_limited: u64,
    /// Connections ended because their client id has connected again.
    pub takeovers: u64,
    /// Notices that the owner did not take in time.
    pub lost_notices: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same figures while they grow.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) connections: Counter,
    pub(crate) delivered: Counter,
    pub(crate) acknowledged: Counter,
    pub(crate) retried: Counter,
    pub(crate) protocol_faults: Counter,
    pub(crate) refused_connections: Counter,
    pub(crate) dropped_for_slow_subscribers: Counter,
    pub(crate) not_retained: Counter,
    pub(crate) refused_logins: Counter,
    pub(crate) failed_handshakes: Counter,
    pub(crate) refused_publishes: Counter,
    pub(crate) refused_subscriptions: Counter,
    pub(crate) rate_limited: Counter,
    pub(crate) takeovers: Counter,
    pub(crate) lost_notices: Counter,
}

impl Tally {
    pub(crate) fn counts(&self) -> BrokerCounts {
        BrokerCounts {
            connections: self.connections.get(),
            delivered: self.delivered.get(),
            acknowledged: self.acknowledged.get(),
            retried: self.retried.get(),
            protocol_faults: self.protocol_faults.get(),
            refused_connections: self.refused_connections.get(),
            dropped_for_slow_subscribers: self.dropped_for_slow_subscribers.get(),
            not_retained: self.not_retained.get(),
            refused_logins: self.refused_logins.get(),
            failed_handshakes: self.failed_handshakes.get(),
            refused_publishes: self.refused_publishes.get(),
            refused_subscriptions: self.refused_subscriptions.get(),
            rate_limited: self.rate_limited.get(),
            takeovers: self.takeovers.get(),
            lost_notices: self.lost_notices.get(),
        }
    }
}
