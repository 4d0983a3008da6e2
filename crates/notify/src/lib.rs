//! Alerts to people: what a message says and how a channel takes it.
//!
//! [`message`] makes the message of an alert, in Chinese and English; [`Webhook`] delivers it with
//! a Standard Webhooks signature; [`retry_after_ms`] says when to try again. The outbox that
//! survives restarts is the store's; this crate keeps nothing and never decides *whether* to tell.

mod message;
mod retry;
mod webhook;

pub use message::{Message, Names, message};
pub use retry::{ATTEMPTS_MAX, retry_after_ms};
pub use webhook::{DeliveryError, Secret, SecretError, Webhook};
