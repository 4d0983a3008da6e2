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
//! Without [`Users`] it listens on loopback addresses only; with them each user has the rights of
//! its role, and a network is listened on with [`Tls`]: see
//! `crates/decisions/0013-who-may-speak-to-the-broker.md`.
//!
//! What it is not: a broker that remembers. It keeps sessions and retained messages in memory.
//! Topic aliases, subscription identifiers and shared subscriptions are not offered, and MQTT 5
//! clients are told so; a message's expiry is passed on but not applied.

mod access;
mod certificate;
mod codec;
mod connection;
mod counts;
mod ending;
mod exchange;
mod greeting;
mod guard;
mod listener;
mod notice;
mod password;
mod publisher;
mod rate;
mod reader;
mod receiver;
mod session;
mod shared;
mod socket;
mod takeovers;
mod tls;
mod topic;
mod users;
mod writer;

pub use access::Access;
pub use counts::BrokerCounts;
pub use huitian_mqtt::{Delivery, Qos, Verdict};
pub use listener::{Broker, BrokerConfig, BrokerError};
pub use notice::Notice;
pub use password::{PasswordError, PasswordHash, draw_token};
pub use publisher::{PublishError, Publisher, Reach};
pub use rate::{RateLimit, RateLimited};
pub use tls::{Tls, TlsError};
pub use users::{LineFault, Users, UsersError};

/// Largest packet a client may send, bytes: 1 MiB (the intake refuses payloads above 16 KiB itself,
/// so that it can count them). A larger one ends the connection.
pub const PACKET_BYTES_MAX: usize = 1 << 20;
