//! A message on its way to the disk, and the answer that lets its sender forget it.
//!
//! The embedded broker and the session with an external broker hand over the same [`Delivery`], so
//! that an intake is written once. The intake answers each one: only [`Verdict::Durable`] makes the
//! acknowledgement go out. An answer that never comes is the same as [`Verdict::Retry`].

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

/// Quality of service of a PUBLISH (MQTT 3.1.1, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// `QoS` 0: never acknowledged, may be lost.
    AtMostOnce,
    /// `QoS` 1: sent again until acknowledged.
    AtLeastOnce,
    /// `QoS` 2: acknowledged by a handshake of four packets.
    ExactlyOnce,
}

impl Qos {
    /// The level as MQTT writes it: 0, 1 or 2.
    pub fn level(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }

    /// The quality of service with this level; none for 3 and above.
    pub fn from_level(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// What the intake did with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is on disk, or was counted and will never be wanted again: acknowledge it.
    Durable,
    /// It could not be kept: do not acknowledge, end the connection, let the sender send again.
    Retry,
}

/// One PUBLISH as it arrived. It carries no time: the intake stamps it.
#[derive(Debug)]
pub struct Delivery {
    /// Topic name, valid UTF-8 without wildcards; at most 65,535 bytes, the intake judges its size.
    pub topic: String,
    /// Application payload; at most the packet limit (1 MiB at the embedded broker).
    pub payload: Bytes,
    /// Quality of service with which it arrived.
    pub qos: Qos,
    /// The retain flag: from an external broker it marks an old message sent on subscribing.
    pub retain: bool,
    /// The sender's own mark that it has sent this before. A hint only: not all senders set it.
    pub dup: bool,
    /// At the embedded broker the publisher's client id; behind an external broker our own.
    pub client_id: Arc<str>,
    /// Number of the connection it came on, counted from 1 by the broker or session.
    pub connection: u64,
    /// Takes the intake's answer. For `QoS` 0 nobody listens to it.
    pub done: oneshot::Sender<Verdict>,
}

impl Delivery {
    /// Answers, and gives back whether anyone still waited (nobody does for `QoS` 0, nor once the
    /// connection has ended: its message comes again).
    pub fn answer(self, verdict: Verdict) -> bool {
        self.done.send(verdict).is_ok()
    }
}
