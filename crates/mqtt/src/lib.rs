//! An MQTT session that neither loses nor wedges.
//!
//! [`Session`] is the intake as a client of an external broker (mosquitto, EMQX, a network server's
//! own): every message becomes a [`Delivery`], and is acknowledged to the broker only after the
//! intake has answered [`Verdict::Durable`]. The embedded broker (`huitian-broker`) hands over the
//! same [`Delivery`].
//!
//! - A lost connection is made again, with waits of 0.5 s to 30 s; the broker keeps our session
//!   and sends what was not acknowledged.
//! - An acknowledgement never reaches another connection than the one its message came on.
//! - A refused subscription is a loss of the connection with a reason, never deafness.
//! - No message is too large to be received: see [`PACKET_BYTES_MAX`].
//!
//! This is the only crate that knows rumqttc. What it is not: a publisher.

mod backoff;
mod config;
mod delivery;
mod session;

pub use config::{Login, PACKET_BYTES_MAX, SessionConfig, SessionError};
pub use delivery::{Delivery, Qos, Verdict};
pub use session::{Session, SessionStatus};
