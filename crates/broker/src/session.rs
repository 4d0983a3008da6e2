//! What a client has with the broker beyond one connection: subscriptions, messages waiting for it,
//! messages on their way, and the `QoS` 2 messages received from it that it has not yet released.
//!
//! A session is owned by at most one connection, by number; a connection that has lost it to a
//! newer one can change nothing any more. Everything is in memory: a restart forgets sessions, and
//! clients are told so by `session present = 0`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use huitian_mqtt::Qos;
use tokio::sync::{Notify, oneshot};

use crate::codec::{
    self, AckKind, Message, Outgoing, RetainHandling, Subscription, Version, reason,
};
use crate::topic;
use crate::users::User;

/// Messages waiting for one subscriber. An operator's `mosquitto_sub` that stands still for a
/// second at 1,000 msg/s loses nothing; the next message above it is dropped and counted.
const QUEUE_MESSAGES_MAX: usize = 1_000;
/// The same in bytes: 8 MiB, so that 100 stalled subscribers cost less than 1 GiB.
const QUEUE_BYTES_MAX: usize = 8 << 20;
/// `QoS` > 0 messages sent to one subscriber and not yet acknowledged; less if the client says so.
const SEND_WINDOW: usize = 100;
/// Subscriptions of one session: matching is linear in them.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 100;
/// Unreleased `QoS` 2 messages from one client: ids are 16 bits, so all of them.
const RECEIVED_MAX: usize = 65_535;

/// One client's session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    /// Whose it is; none where access is open.
    pub(crate) user: Option<Arc<User>>,
    /// Woken when there is something to send.
    pub(crate) wake: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Number of the owning connection; 0 while nobody is connected.
    owner: u64,
    close_owner: Option<oneshot::Sender<()>>,
    subscriptions: Vec<Subscription>,
    queue: VecDeque<Queued>,
    queue_bytes: usize,
    sent: VecDeque<Sent>,
    last_id: u16,
    received: BTreeSet<u16>,
    expiry: Duration,
    left_at: Option<Instant>,
}

#[derive(Debug)]
struct Queued {
    message: Arc<Message>,
    qos: Qos,
    retain: bool,
}

/// A message sent with `QoS` > 0: first unacknowledged, and (`QoS` 2) then released.
#[derive(Debug)]
struct Sent {
    id: u16,
    queued: Queued,
    is_released: bool,
}

/// What became of a message that was offered to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// No subscription matches, or it is of `QoS` 0 and nobody is there.
    Unwanted,
    Queued,
    /// The client does not keep up, and has as much waiting as it may.
    Dropped,
}

/// What the writer needs to know of its client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) connection: u64,
    pub(crate) version: Version,
    pub(crate) receive_max: u16,
    pub(crate) packet_max: u32,
}

impl Session {
    pub(crate) fn new(client_id: Arc<str>, user: Option<Arc<User>>) -> Self {
        Self {
            client_id,
            user,
            wake: Notify::new(),
            state: Mutex::new(State {
                owner: 0,
                close_owner: None,
                subscriptions: Vec::new(),
                queue: VecDeque::new(),
                queue_bytes: 0,
                sent: VecDeque::new(),
                last_id: 0,
                received: BTreeSet::new(),
                expiry: Duration::ZERO,
                left_at: None,
            }),
        }
    }

    /// The state is consistent between calls, so that a panic elsewhere cannot spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned_by(&self, connection: u64) -> Option<MutexGuard<'_, State>> {
        Some(self.state()).filter(|state| state.owner == connection)
    }

    /// Gives the session to a connection. An earlier owner is told to close.
    pub(crate) fn attach(&self, connection: u64, expiry: Duration) -> oneshot::Receiver<()> {
        let (close, closed) = oneshot::channel();
        let mut state = self.state();
        state.owner = connection;
        state.expiry = expiry;
        state.left_at = None;
        // Dropping its end tells an earlier owner.
        state.close_owner = Some(close);
        closed
    }

    /// Ends a connection's ownership. False if a newer connection has the session.
    pub(crate) fn detach(&self, connection: u64, now: Instant) -> bool {
        let Some(mut state) = self.owned_by(connection) else {
            return false;
        };
        state.owner = 0;
        state.close_owner = None;
        state.left_at = Some(now);
        true
    }

    /// Tells the owning connection, if there is one, to close.
    pub(crate) fn evict(&self) {
        self.state().close_owner = None;
    }

    pub(crate) fn set_expiry(&self, connection: u64, expiry: Duration) {
        if let Some(mut state) = self.owned_by(connection) {
            state.expiry = expiry;
        }
    }

    /// How long the session is still kept once its connection has ended.
    pub(crate) fn expiry(&self) -> Duration {
        self.state().expiry
    }

    pub(crate) fn is_owned(&self) -> bool {
        self.state().owner != 0
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        let state = self.state();
        state
            .left_at
            .is_some_and(|left| now.saturating_duration_since(left) >= state.expiry)
    }

    /// Adds or replaces a subscription. True if it is new, none if there are too many.
    pub(crate) fn subscribe(&self, subscription: Subscription) -> Option<bool> {
        let mut state = self.state();
        let known = state
            .subscriptions
            .iter_mut()
            .find(|s| s.filter == subscription.filter);
        if let Some(known) = known {
            *known = subscription;
            return Some(false);
        }
        if state.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return None;
        }
        state.subscriptions.push(subscription);
        Some(true)
    }

    pub(crate) fn unsubscribe(&self, filter: &str) -> bool {
        let mut state = self.state();
        let before = state.subscriptions.len();
        state
            .subscriptions
            .retain(|subscription| subscription.filter != filter);
        state.subscriptions.len() < before
    }

    pub(crate) fn has_subscriptions(&self) -> bool {
        !self.state().subscriptions.is_empty()
    }

    /// Queues a message if a subscription matches, once, with the highest `QoS` that does.
    pub(crate) fn offer(&self, message: &Arc<Message>) -> Offer {
        let mut state = self.state();
        let mut best: Option<(Qos, bool)> = None;
        for subscription in &state.subscriptions {
            let is_own = subscription.no_local && *message.publisher == *self.client_id;
            if is_own || !topic::matches(&subscription.filter, &message.topic) {
                continue;
            }
            let qos = subscription.qos.min(message.qos);
            let retain = message.retain && subscription.retain_as_published;
            best = Some(best.map_or((qos, retain), |(q, r)| (q.max(qos), r || retain)));
        }
        let Some((qos, retain)) = best else {
            return Offer::Unwanted;
        };
        let offer = state.enqueue(message, qos, retain);
        drop(state);
        self.wake.notify_one();
        offer
    }

    /// Queues a retained message for one subscription of this client.
    pub(crate) fn offer_retained(&self, message: &Arc<Message>, subscribed: Qos) -> Offer {
        let offer = self
            .state()
            .enqueue(message, subscribed.min(message.qos), true);
        self.wake.notify_one();
        offer
    }

    /// Writes what may be sent now. False once the connection has lost the session.
    pub(crate) fn write_waiting(&self, peer: Peer, out: &mut BytesMut, bytes_max: usize) -> bool {
        let Some(mut state) = self.owned_by(peer.connection) else {
            return false;
        };
        let window = SEND_WINDOW.min(usize::from(peer.receive_max));
        while out.len() < bytes_max {
            let is_held_back = state.sent.len() >= window;
            let next = state.queue.front();
            if next.is_none_or(|next| is_held_back && next.qos != Qos::AtMostOnce) {
                return true;
            }
            let Some(queued) = state.queue.pop_front() else {
                return true;
            };
            state.queue_bytes = state
                .queue_bytes
                .saturating_sub(queued.message.payload.len());
            let id = if queued.qos == Qos::AtMostOnce {
                0
            } else {
                state.fresh_id()
            };
            let was_sent = write(&queued, id, false, peer, out);
            if was_sent && id != 0 {
                state.sent.push_back(Sent {
                    id,
                    queued,
                    is_released: false,
                });
            }
        }
        // More is waiting than one write takes.
        self.wake.notify_one();
        true
    }

    /// Writes again, with DUP, what an earlier connection sent and was not acknowledged.
    pub(crate) fn write_unacknowledged(&self, peer: Peer, out: &mut BytesMut) {
        let Some(mut state) = self.owned_by(peer.connection) else {
            return;
        };
        state.sent.retain(|sent| {
            if sent.is_released {
                codec::ack(out, AckKind::Pubrel, sent.id, reason::SUCCESS, peer.version);
                return true;
            }
            write(&sent.queued, sent.id, true, peer, out)
        });
    }

    /// PUBACK or PUBCOMP, or a PUBREC that refuses: the message is done with.
    pub(crate) fn finish(&self, connection: u64, id: u16) {
        if let Some(mut state) = self.owned_by(connection) {
            state.sent.retain(|sent| sent.id != id);
        }
        self.wake.notify_one();
    }

    /// PUBREC: the message has arrived. False if no such message is under way.
    pub(crate) fn release(&self, connection: u64, id: u16) -> bool {
        let Some(mut state) = self.owned_by(connection) else {
            return false;
        };
        let sent = state.sent.iter_mut().find(|sent| sent.id == id);
        sent.map(|sent| sent.is_released = true).is_some()
    }

    /// A `QoS` 2 message of the client is durable: until its PUBREL the same id is a repetition.
    pub(crate) fn remember_received(&self, id: u16) {
        let mut state = self.state();
        if state.received.len() < RECEIVED_MAX {
            state.received.insert(id);
        }
    }

    pub(crate) fn has_received(&self, id: u16) -> bool {
        self.state().received.contains(&id)
    }

    /// PUBREL from the client. False if the id is unknown.
    pub(crate) fn forget_received(&self, id: u16) -> bool {
        self.state().received.remove(&id)
    }
}

impl State {
    fn enqueue(&mut self, message: &Arc<Message>, qos: Qos, retain: bool) -> Offer {
        if self.owner == 0 && qos == Qos::AtMostOnce {
            return Offer::Unwanted;
        }
        let bytes = self.queue_bytes.saturating_add(message.payload.len());
        if self.queue.len() >= QUEUE_MESSAGES_MAX || bytes > QUEUE_BYTES_MAX {
            return Offer::Dropped;
        }
        self.queue_bytes = bytes;
        self.queue.push_back(Queued {
            message: Arc::clone(message),
            qos,
            retain,
        });
        Offer::Queued
    }

    /// The next packet identifier not in use; at most [`SEND_WINDOW`] are, so it ends.
    fn fresh_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.sent.iter().any(|sent| sent.id == self.last_id) {
                return self.last_id;
            }
        }
    }
}

fn write(queued: &Queued, id: u16, dup: bool, peer: Peer, out: &mut BytesMut) -> bool {
    let how = Outgoing {
        qos: queued.qos,
        id,
        retain: queued.retain,
        dup,
    };
    codec::publish(out, &queued.message, how, peer.version, peer.packet_max)
}

/// True if a subscription gets the retained messages (MQTT 5.0, 3.8.3.1).
pub(crate) fn wants_retained(handling: RetainHandling, is_new: bool) -> bool {
    match handling {
        RetainHandling::Always => true,
        RetainHandling::IfNew => is_new,
        RetainHandling::Never => false,
    }
}
