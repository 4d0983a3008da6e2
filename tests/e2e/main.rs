//! The program from outside: real processes, real clients, real services.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod lifecycle;
mod page;
mod pipeline;
mod recovery;
mod refusal;
mod services;

/// The hub under test.
const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
