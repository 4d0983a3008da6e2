//! The program from outside: real processes, real clients, real services.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::as_conversions,
    reason = "test code: what fails is a failed test"
)]

mod device_command;
mod devices;
mod edge;
mod lifecycle;
mod page;
mod pipeline;
mod recovery;
mod refusal;
mod repair;
mod services;
mod sparkplug;

/// The hub under test.
const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");

/// The edge under test.
const EDGE: &str = env!("CARGO_BIN_EXE_edge-under-test");
