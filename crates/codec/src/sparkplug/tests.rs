//! Sparkplug as a host hears it, by an encoder of the tests' own.

mod order;
mod payloads;
mod sessions;
mod statements;
mod wire;
