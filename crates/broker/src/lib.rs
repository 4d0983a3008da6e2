//! The embedded MQTT broker: acknowledges a device after its reading is on disk.
//!
//! MQTT 3.1.1 and 5.0 over TCP, `QoS` 0 to 2. Every message goes to the intake as a
//! [`Delivery`], and PUBACK (PUBREC for `QoS` 2) goes out only after the
//! intake has answered [`Verdict::Durable`]. If it answers `Retry`, or drops
//! the delivery, the connection is closed without an acknowledgement and the device sends again.
//! Hundreds of messages of one connection may wait for the same commit, which is why this is a
//! listener of our own and not a broker library: see `crates/decisions/0010-embedded-broker.md`.
//! Ordinary subscribers work too, so that operators can watch the traffic; they see a message once
//! it is durable.
//!
//! A connection is two loops in one task:
//!
//! ```text
//! socket ─► receiver ─► reader ──delivery──► inbox (intake, group commit)
//!                         │ owed                │ verdict
//!                         ▼                     ▼
//! socket ◄───────────── writer ◄────────────────┘      exchange ─► other clients' writers
//! ```
//!
//! What it is not: a broker for an open network. It has no log-in and no TLS, and therefore listens
//! on loopback addresses only. It keeps sessions and retained messages in memory. Topic aliases,
//! subscription identifiers and shared subscriptions are not offered, and MQTT 5 clients are told
//! so; a message's expiry is passed on but not applied.

mod codec;
mod connection;
mod counts;
mod ending;
mod exchange;
mod listener;
mod publisher;
mod reader;
mod receiver;
mod session;
mod topic;
mod writer;

pub use counts::BrokerCounts;
pub use huitian_mqtt::{Delivery, Qos, Verdict};
pub use listener::{Broker, BrokerConfig, BrokerError};
pub use publisher::{PublishError, Publisher, Reach};

/// Largest packet a client may send, bytes: 1 MiB (the intake refuses payloads above 16 KiB itself,
/// so that it can count them). A larger one ends the connection.
pub const PACKET_BYTES_MAX: usize = 1 << 20;
