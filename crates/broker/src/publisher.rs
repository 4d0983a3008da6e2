//! Messages of the program that owns the broker, such as the hub's answers to its edges.
//!
//! They go to subscribers as a client's do, queued for a session that is away, but not to the
//! inbox: the owner need not be told what it said itself.

use std::sync::Arc;

use bytes::Bytes;
use huitian_mqtt::Qos;

use crate::PACKET_BYTES_MAX;
use crate::codec::Message;
use crate::exchange::Exchange;

/// Bytes of a topic name: its length is written in 16 bits (MQTT 5.0, 1.5.4).
const TOPIC_BYTES_MAX: usize = 65_535;

/// Where a message of the owner went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Sessions that have it queued. It is lost to those that end before they are served.
    pub queued: usize,
    /// Sessions that would have it but have no room: their clients do not keep up. Also counted as
    /// [`dropped_for_slow_subscribers`](crate::BrokerCounts::dropped_for_slow_subscribers).
    pub dropped: usize,
}

/// Why a message of the owner cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The topic is no topic name.
    #[error("a topic to publish to must have 1 to {TOPIC_BYTES_MAX} bytes without +, # and U+0000")]
    TopicName,
    /// The payload is longer than a packet may be.
    #[error("a payload of {0} bytes is above the limit of {PACKET_BYTES_MAX}")]
    TooLarge(usize),
}

/// A handle to publish with from any task. Cheap to clone; it does not keep the broker running:
/// after its end nobody is reached.
#[derive(Debug, Clone)]
pub struct Publisher {
    exchange: Arc<Exchange>,
    /// Nobody's client id: no session has it.
    name: Arc<str>,
}

impl Publisher {
    pub(crate) fn new(exchange: Arc<Exchange>) -> Self {
        let name = "".into();
        Self { exchange, name }
    }

    /// Queues a message for every session with a matching subscription, and keeps it for later
    /// subscribers if it is to be retained. Never waits.
    ///
    /// # Errors
    /// The topic or the payload cannot be sent.
    pub fn publish(
        &self,
        topic: &str,
        payload: Bytes,
        qos: Qos,
        retain: bool,
    ) -> Result<Reach, PublishError> {
        let has_wildcard = topic.contains(['+', '#', '\0']);
        if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || has_wildcard {
            return Err(PublishError::TopicName);
        }
        if payload.len() > PACKET_BYTES_MAX {
            return Err(PublishError::TooLarge(payload.len()));
        }
        let message = Message {
            topic: topic.to_owned(),
            payload,
            qos,
            retain,
            properties: Bytes::new(),
            publisher: Arc::clone(&self.name),
        };
        Ok(self.exchange.route(&Arc::new(message)))
    }
}
