//! One connection of the client library, the same for MQTT 3.1.1 and 5.
//!
//! The [`Mouth`] gives the library something to do, the [`Ear`] hears what happened. Neither is
//! used again after the connection's end: what the library remembers of an earlier connection is
//! wrong often enough (see the decision page on the client library).

mod v4;
mod v5;

use std::time::Duration;

use bytes::Bytes;

use crate::config::{Protocol, SessionConfig};
use crate::delivery::Qos;
use crate::guard::OVERSIZED;
use crate::publisher::Order;

/// Requests to the library (acknowledgements mostly) that wait for its next turn.
const REQUESTS_MAX: usize = 1_000;
/// CONNACK and every flush must be done in this time.
const NETWORK_S_MAX: u64 = 10;

/// What the broker has agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether it has kept our session.
    pub(crate) session_present: bool,
    /// Publishes that may be in flight.
    pub(crate) in_flight_max: usize,
    /// Largest packet it takes, bytes.
    pub(crate) packet_bytes_max: usize,
}

/// A message as the library hands it over.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) id: u16,
}

impl Message {
    /// Whether the [`Guard`](crate::guard::Guard) has shrunk it.
    pub(crate) fn is_oversized(&self) -> bool {
        self.topic == OVERSIZED
    }
}

/// Something happened on the connection.
#[derive(Debug)]
pub(crate) enum Heard {
    /// CONNACK with success.
    Accepted(Terms),
    /// SUBACK: for each filter none, or why it was refused.
    Subscribed(Vec<Option<String>>),
    /// PUBLISH.
    Message(Message),
    /// PUBACK, and why the broker did not keep the message.
    Acknowledged(u16, Option<String>),
    /// A publish of ours goes out under this identifier.
    Sent(u16),
    /// Our DISCONNECT goes out.
    Parted,
    /// Something that is the library's affair.
    Other,
}

/// Why there is nothing more to hear.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Deaf {
    /// The broker refused the connection.
    #[error("the broker refused the connection: {0}")]
    Refused(String),
    /// The broker said why it ended the connection (MQTT 5).
    #[error("the broker ended the connection: {0}")]
    Disconnected(String),
    /// The broker broke the protocol in a way that would give us wrong messages.
    #[error("the broker broke the protocol: {0}")]
    Protocol(&'static str),
    /// The connection ended without a word. What lies below may know more.
    #[error("the connection ended: {0}")]
    Ended(String),
}

/// Gives the library something to do.
#[derive(Debug)]
pub(crate) enum Mouth {
    V4(rumqttc::AsyncClient),
    V5(rumqttc::v5::AsyncClient),
}

/// Hears what happens. Its future must not be dropped before it is done.
pub(crate) enum Ear {
    V4(Box<rumqttc::EventLoop>),
    V5(Box<rumqttc::v5::EventLoop>),
}

/// The library takes no more: its connection is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// Begins a connection at the address of a pipe.
pub(crate) fn connect(config: &SessionConfig, client_id: &str, address: &str) -> (Mouth, Ear) {
    match config.protocol {
        Protocol::V4 => {
            let (client, events) = v4::connect(config, client_id, address);
            (Mouth::V4(client), Ear::V4(Box::new(events)))
        }
        Protocol::V5 => {
            let (client, events) = v5::connect(config, client_id, address);
            (Mouth::V5(client), Ear::V5(Box::new(events)))
        }
    }
}

impl Ear {
    pub(crate) async fn hear(&mut self, ping_interval: Duration) -> Result<Heard, Deaf> {
        match self {
            Self::V4(events) => v4::hear(events).await,
            Self::V5(events) => v5::hear(events, ping_interval).await,
        }
    }
}

impl Mouth {
    pub(crate) fn subscribe(&self, filters: Vec<String>) -> Result<(), Gone> {
        match self {
            Self::V4(client) => v4::subscribe(client, filters),
            Self::V5(client) => v5::subscribe(client, filters),
        }
    }

    pub(crate) async fn acknowledge(&self, qos: Qos, id: u16) -> Result<(), Gone> {
        match self {
            Self::V4(client) => v4::acknowledge(client, qos, id).await,
            Self::V5(client) => v5::acknowledge(client, qos, id).await,
        }
    }

    pub(crate) async fn publish(&self, order: Publishing) -> Result<(), Gone> {
        match self {
            Self::V4(client) => v4::publish(client, order).await,
            Self::V5(client) => v5::publish(client, order).await,
        }
    }

    pub(crate) async fn disconnect(&self) -> Result<(), Gone> {
        match self {
            Self::V4(client) => client.disconnect().await.map_err(|_closed| Gone),
            Self::V5(client) => client.disconnect().await.map_err(|_closed| Gone),
        }
    }
}

/// What of an order goes to the library.
pub(crate) struct Publishing {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) is_acknowledged: bool,
    pub(crate) retain: bool,
}

impl Publishing {
    pub(crate) fn of(order: &Order) -> Self {
        Self {
            topic: order.topic.clone(),
            payload: order.payload.clone(),
            is_acknowledged: order.qos != Qos::AtMostOnce,
            retain: false,
        }
    }
}
