//! Sparkplug as a host hears it, by an encoder of the tests' own.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "small numbers of the tests' own on their way to the wire"
)]

mod aliases;
mod order;
mod payloads;
mod sessions;
mod statements;
mod wire;
