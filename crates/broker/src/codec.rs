//! MQTT 3.1.1 and 5.0 packets as a server sees them: bytes to packets and back.
//!
//! Wire format (MQTT 5.0, chapter 2; 3.1.1 is the same without properties and most reason codes):
//!
//! ```text
//! packet   = first u8 | remaining_length varint (1..4 bytes) | body
//! first    = type in the high half, flags in the low half
//! PUBLISH  = topic string | [id u16 if QoS > 0] | [properties] | payload to the end
//! string   = length u16 | UTF-8 bytes without U+0000
//! properties = length varint | (id varint | value by the id's type)*
//! ```
//!
//! Decoding is total: whatever the bytes, the answer is a packet or a [`Fault`] that names the
//! reason code to close the connection with. A payload is a slice of the receive buffer.

mod decode;
mod encode;
mod properties;
mod wire;

pub(crate) use decode::{Header, decode, split_header};
pub(crate) use encode::{
    AckKind, Connack, Outgoing, ack, connack, disconnect, pingresp, publish, suback, unsuback,
};

use std::sync::Arc;

use bytes::Bytes;
use huitian_mqtt::Qos;

#[cfg(test)]
mod tests;

/// Protocol level of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// MQTT 3.1.1, level 4.
    V311,
    /// MQTT 5.0, level 5.
    V5,
}

/// Why a connection must be closed; [`Fault::reason`] is the MQTT 5 reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    #[error("protocol error: {0}")]
    Protocol(&'static str),
    #[error("packet of {0} bytes is above the limit")]
    TooLarge(usize),
    #[error("a topic to publish to may not be empty or hold + or #")]
    TopicName,
    #[error("topic aliases are not offered")]
    TopicAlias,
    #[error("subscription identifiers are not offered")]
    SubscriptionIdentifier,
    #[error("protocol level {0} is not 4 (MQTT 3.1.1) or 5")]
    Level(u8),
}

impl Fault {
    /// MQTT 5 reason code (MQTT 5.0, table 2-6).
    pub(crate) fn reason(self) -> u8 {
        match self {
            Self::Malformed(_) => reason::MALFORMED_PACKET,
            Self::Protocol(_) => reason::PROTOCOL_ERROR,
            Self::TooLarge(_) => reason::PACKET_TOO_LARGE,
            Self::TopicName => reason::TOPIC_NAME_INVALID,
            Self::TopicAlias => reason::TOPIC_ALIAS_INVALID,
            Self::SubscriptionIdentifier => reason::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
            Self::Level(_) => reason::UNSUPPORTED_PROTOCOL_VERSION,
        }
    }
}

/// Reason codes this broker uses (MQTT 5.0, table 2-6).
pub(crate) mod reason {
    pub(crate) const SUCCESS: u8 = 0x00;
    pub(crate) const DISCONNECT_WITH_WILL: u8 = 0x04;
    pub(crate) const NO_SUBSCRIPTION_EXISTED: u8 = 0x11;
    pub(crate) const MALFORMED_PACKET: u8 = 0x81;
    pub(crate) const PROTOCOL_ERROR: u8 = 0x82;
    pub(crate) const UNSUPPORTED_PROTOCOL_VERSION: u8 = 0x84;
    pub(crate) const CLIENT_IDENTIFIER_NOT_VALID: u8 = 0x85;
    pub(crate) const BAD_USER_NAME_OR_PASSWORD: u8 = 0x86;
    pub(crate) const NOT_AUTHORIZED: u8 = 0x87;
    pub(crate) const SERVER_UNAVAILABLE: u8 = 0x88;
    pub(crate) const SERVER_SHUTTING_DOWN: u8 = 0x8B;
    pub(crate) const BAD_AUTHENTICATION_METHOD: u8 = 0x8C;
    pub(crate) const KEEP_ALIVE_TIMEOUT: u8 = 0x8D;
    pub(crate) const SESSION_TAKEN_OVER: u8 = 0x8E;
    pub(crate) const TOPIC_FILTER_INVALID: u8 = 0x8F;
    pub(crate) const TOPIC_NAME_INVALID: u8 = 0x90;
    pub(crate) const PACKET_IDENTIFIER_NOT_FOUND: u8 = 0x92;
    pub(crate) const TOPIC_ALIAS_INVALID: u8 = 0x94;
    pub(crate) const PACKET_TOO_LARGE: u8 = 0x95;
    pub(crate) const QUOTA_EXCEEDED: u8 = 0x97;
    pub(crate) const IMPLEMENTATION_SPECIFIC: u8 = 0x83;
    pub(crate) const SHARED_NOT_SUPPORTED: u8 = 0x9E;
    pub(crate) const CONNECTION_RATE_EXCEEDED: u8 = 0x9F;
    pub(crate) const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: u8 = 0xA1;
}

/// A message as it travels between clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// MQTT 5 properties as they came, to be passed on unaltered; empty from 3.1.1.
    pub(crate) properties: Bytes,
    pub(crate) publisher: Arc<str>,
}

/// PUBLISH from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    /// Packet identifier; 0 for `QoS` 0.
    pub(crate) id: u16,
    pub(crate) properties: Bytes,
}

/// The message to send should the connection end without a DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    pub(crate) properties: Bytes,
    pub(crate) delay_s: u32,
}

/// CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connect {
    pub(crate) version: Version,
    /// Empty: the broker gives one.
    pub(crate) client_id: String,
    pub(crate) clean_start: bool,
    /// Seconds between packets of the client; 0 = no limit.
    pub(crate) keep_alive_s: u16,
    /// Seconds a session outlives its connection; from 3.1.1 0 or `u32::MAX`.
    pub(crate) session_expiry_s: u32,
    /// How many `QoS` > 0 messages the client takes before it acknowledges.
    pub(crate) receive_max: u16,
    /// Largest packet the client takes, bytes; `u32::MAX` if it did not say.
    pub(crate) packet_max: u32,
    pub(crate) wants_enhanced_auth: bool,
    pub(crate) will: Option<Will>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Password>,
}

/// A password as it came; never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(pub(crate) Bytes);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[password]")
    }
}

/// Which retained messages a new subscription gets (MQTT 5.0, 3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetainHandling {
    Always,
    IfNew,
    Never,
}

/// One filter of a SUBSCRIBE. The filter is not yet checked for form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) filter: String,
    pub(crate) qos: Qos,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) retain_handling: RetainHandling,
}

/// A packet from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inbound {
    Connect(Box<Connect>),
    Publish(Publish),
    Puback(u16),
    /// `refused`: the client answered with an error, so no PUBREL follows.
    Pubrec {
        id: u16,
        refused: bool,
    },
    Pubrel(u16),
    Pubcomp(u16),
    Subscribe {
        id: u16,
        has_identifier: bool,
        subscriptions: Vec<Subscription>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Pingreq,
    Disconnect {
        reason: u8,
        session_expiry_s: Option<u32>,
    },
}
