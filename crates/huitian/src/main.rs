//! Watches the shared facilities of a large residential district.

mod clock;
mod config;
mod inventory;

fn main() {}
