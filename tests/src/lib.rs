//! The harness of the end-to-end tests: processes, ports, services, a district.
//!
//! Everything listens on free loopback ports and keeps its data in temporary folders. Processes
//! are ended by their id, also when a test panics. Nothing waits for a fixed time: [`until`]
//! waits for a condition, up to a deadline. Nothing here knows what the hub should say.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness of tests: what fails here is a failed test, and says so"
)]

pub mod district;
pub mod gateway;
pub mod mosquitto;
pub mod mqtt;
pub mod net;
pub mod process;
pub mod random;
pub mod running;
pub mod services;
pub mod wall;

pub use gateway::Edge;
pub use mosquitto::Mosquitto;
pub use process::Process;
pub use running::Hub;
pub use wall::until;
