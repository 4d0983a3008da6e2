//! An MQTT session that neither loses nor wedges.
//!
//! [`Session`] is the intake as a client of an external broker (mosquitto, EMQX, a network server's
//! own): every message becomes a [`Delivery`], and is acknowledged to the broker only after the
//! intake has answered [`Verdict::Durable`]. The embedded broker (`huitian-broker`) hands over the
//! same [`Delivery`].
//!
//! - MQTT 3.1.1 or 5, plain or through TLS, with a user name or a client certificate.
//! - A lost connection is made again, with waits of 0.5 s to 30 s; the broker keeps our session
//!   and sends what was not acknowledged.
//! - An acknowledgement never reaches another connection than the one its message came on.
//! - A refused subscription is a loss of the connection with a reason, never deafness.
//! - A message that is too large is skipped, counted and acknowledged; it cannot wedge a session.
//! - [`Publisher`] publishes on the same session and tells what became of it. It sends nothing
//!   twice: what a lost connection leaves unknown is reported as [`Fate::Lost`].
//! - [`Presence`] keeps a retained message that says whether we are there.
//!
//! This is the only crate that knows rumqttc. What it is not: a queue. Linux only: the way between
//! the library and our TLS is a Unix socket without a file.

mod backoff;
mod config;
mod debt;
mod delivery;
mod guard;
mod pipe;
mod presence;
mod publisher;
mod session;
mod tls;
mod wire;

pub use config::{
    LastWill, Login, PACKET_BYTES_DEFAULT, PACKET_BYTES_MAX, Protocol, SessionConfig, SessionError,
    TlsConfig,
};
pub use delivery::{Delivery, Qos, Verdict};
pub use presence::Presence;
pub use publisher::{Fate, PubToken, PublishError, Publisher};
pub use session::{Session, SessionStatus};
