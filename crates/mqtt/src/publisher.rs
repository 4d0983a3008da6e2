//! Publishing on a session, and what became of each publish.
//!
//! The durability of what is published is end to end: a broker's PUBACK says only that the broker
//! has it. So nothing is kept or sent again here. A publish that was on its way when its connection
//! ended is [`Fate::Lost`], which means unknown; whoever published decides.
//!
//! One publish must be through to the network within 10 s (the client library's limit on a write),
//! else its connection is lost: over a link of 10 kB/s that is 100 kB, and larger ones never pass.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::config::is_topic;
use crate::delivery::Qos;
use crate::session::SessionStatus;

/// Publishes that wait to be taken; further callers wait for room.
pub(crate) const ORDERS_MAX: usize = 100;
/// Publishes without PUBACK at a time; a broker of MQTT 5 may allow fewer. It is far below the
/// 65,535 packet identifiers, so that the library gives none out twice before the patience ends.
pub(crate) const IN_FLIGHT_MAX: usize = 200;

/// Why a publish was not taken. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection: nothing is kept for later.
    #[error("there is no connection to the broker")]
    NotConnected,
    /// The topic cannot be published on.
    #[error("topic {0:?} must have 1 to 65535 bytes and neither + nor #")]
    Topic(String),
    /// The queue is full: [`Publisher::try_publish`] does not wait.
    #[error("100 publishes are waiting already")]
    Full,
    /// `QoS` 2 is not published: its handshake cannot outlive a connection of ours.
    #[error("a publish has QoS 0 or 1, not 2")]
    Qos,
}

/// What became of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// `QoS` 1: the broker has it. `QoS` 0: it was handed to the network.
    Taken,
    /// The broker has it and says that it did not keep it, and why (MQTT 5).
    Refused(String),
    /// It is larger than the broker takes (MQTT 5), bytes. It was not sent.
    TooLarge {
        /// Bytes of the packet, at most 10 more than it would have had.
        bytes: usize,
        /// The broker's limit.
        max: usize,
    },
    /// Its connection ended first. Perhaps the broker has it, perhaps not.
    Lost,
}

/// Publishes on a session; clones share its queue.
#[derive(Debug, Clone)]
pub struct Publisher {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<SessionStatus>,
}

/// A publish on its way.
#[derive(Debug)]
pub struct PubToken {
    /// The connection it goes out on.
    pub connection: u64,
    fate: oneshot::Receiver<Fate>,
}

impl PubToken {
    /// Waits until it is known what became of it: at the latest when the connection ends, which is
    /// at most the session's `publish_patience` after it was sent.
    pub async fn fate(self) -> Fate {
        self.fate.await.unwrap_or(Fate::Lost)
    }
}

impl Publisher {
    pub(crate) fn new(orders: mpsc::Sender<Order>, status: watch::Receiver<SessionStatus>) -> Self {
        Self { orders, status }
    }

    /// Publishes on the present connection; waits while 100 others wait to be sent.
    ///
    /// # Errors
    /// There is no connection, or the topic or `qos` cannot be published.
    pub async fn publish(
        &self,
        topic: &str,
        payload: Bytes,
        qos: Qos,
    ) -> Result<PubToken, PublishError> {
        let (order, token) = self.order(topic, payload, qos)?;
        match self.orders.send(order).await {
            Ok(()) => Ok(token),
            Err(_closed) => Err(PublishError::NotConnected),
        }
    }

    /// Like [`Publisher::publish`], without waiting.
    ///
    /// # Errors
    /// [`PublishError::Full`] instead of waiting.
    pub fn try_publish(
        &self,
        topic: &str,
        payload: Bytes,
        qos: Qos,
    ) -> Result<PubToken, PublishError> {
        let (order, token) = self.order(topic, payload, qos)?;
        match self.orders.try_send(order) {
            Ok(()) => Ok(token),
            Err(mpsc::error::TrySendError::Full(_)) => Err(PublishError::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(PublishError::NotConnected),
        }
    }

    fn order(
        &self,
        topic: &str,
        payload: Bytes,
        qos: Qos,
    ) -> Result<(Order, PubToken), PublishError> {
        if !is_topic(topic) {
            return Err(PublishError::Topic(topic.to_owned()));
        }
        if qos == Qos::ExactlyOnce {
            return Err(PublishError::Qos);
        }
        let connection = {
            let status = self.status.borrow();
            if !status.connected || self.status.has_changed().is_err() {
                return Err(PublishError::NotConnected);
            }
            status.connection
        };
        let (answer, fate) = oneshot::channel();
        let topic = topic.to_owned();
        let order = Order {
            connection,
            topic,
            payload,
            qos,
            answer,
        };
        Ok((order, PubToken { connection, fate }))
    }
}

/// A publish that waits to be sent.
#[derive(Debug)]
pub(crate) struct Order {
    /// It must go out on this connection, or not at all.
    pub(crate) connection: u64,
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) answer: oneshot::Sender<Fate>,
}

impl Order {
    /// Bytes of its packet at most: header 5, topic length 2, identifier 2, no properties 1.
    pub(crate) fn packet_bytes(&self) -> usize {
        self.topic.len() + self.payload.len() + 10
    }
}

/// A publish that the library has, or has sent.
#[derive(Debug)]
struct Flying {
    answer: oneshot::Sender<Fate>,
    since: Instant,
    /// Its place among those in flight; none with `QoS` 0.
    _place: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Default)]
struct Air {
    /// Handed to the library, in order; it has not told their identifiers yet.
    unnamed: VecDeque<Flying>,
    /// Sent and not acknowledged, by packet identifier.
    named: BTreeMap<u16, Flying>,
}

/// The publishes in flight on one connection. Dropping it makes them [`Fate::Lost`].
#[derive(Debug)]
pub(crate) struct Flight {
    places: Arc<Semaphore>,
    packet_bytes_max: AtomicUsize,
    air: Mutex<Air>,
}

impl Flight {
    pub(crate) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(0)),
            packet_bytes_max: AtomicUsize::new(0),
            air: Mutex::new(Air::default()),
        }
    }

    /// Opens so many places for packets of this size, once the broker has said what it allows.
    pub(crate) fn open(&self, places: usize, packet_bytes_max: usize) {
        self.packet_bytes_max
            .store(packet_bytes_max, Ordering::Relaxed);
        self.places.add_permits(places.min(IN_FLIGHT_MAX));
    }

    pub(crate) fn packet_bytes_max(&self) -> usize {
        self.packet_bytes_max.load(Ordering::Relaxed)
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    fn air(&self) -> std::sync::MutexGuard<'_, Air> {
        self.air.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The library is about to get it. Its order is the order in which identifiers are told.
    pub(crate) fn hand_over(
        &self,
        answer: oneshot::Sender<Fate>,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let since = Instant::now();
        self.air().unnamed.push_back(Flying {
            answer,
            since,
            _place: place,
        });
    }

    /// The library has sent the next one under this identifier; 0 is `QoS` 0.
    pub(crate) fn sent(&self, id: u16) {
        let mut air = self.air();
        let Some(flying) = air.unnamed.pop_front() else {
            return;
        };
        if id == 0 {
            tell(flying, Fate::Taken);
        } else {
            air.named.insert(id, flying);
        }
    }

    /// PUBACK came. One for an identifier that is not in flight changes nothing.
    pub(crate) fn acknowledged(&self, id: u16, refusal: Option<String>) {
        if let Some(flying) = self.air().named.remove(&id) {
            tell(flying, refusal.map_or(Fate::Taken, Fate::Refused));
        }
    }

    /// Ends when a publish has waited longer than this for its PUBACK.
    pub(crate) async fn overdue(&self, patience: Duration) {
        loop {
            let now = Instant::now();
            let oldest = {
                let air = self.air();
                let all = air.unnamed.iter().chain(air.named.values());
                all.map(|flying| flying.since).min().unwrap_or(now)
            };
            if oldest + patience <= now {
                return;
            }
            // One that begins to fly meanwhile is due later than this, by at most the patience.
            sleep_until(oldest + patience).await;
        }
    }
}

fn tell(flying: Flying, fate: Fate) {
    // Who does not wait for it does not want to know.
    drop(flying.answer.send(fate));
}
