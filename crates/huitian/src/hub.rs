//! The hub: wires intake, log, engines, sinks and console, and ends them in order.
//!
//! ```text
//! listener ┐                      ┌─► board ─► console
//! sessions ┼─► appender ─► driver ┼─► InfluxDB sink   (cursor on commits)
//! buses ───┤    (log)    (engines)└─► teller          (outbox)
//! edges ───┘◄── downlink ◄── fleet (books)
//! ```

mod appender;
mod bench;
mod control;
mod desk;
mod doors;
mod downlink;
mod drive;
mod driver;
mod fleet;
mod influx;
mod plan;
mod reload;
mod repair;
mod run;
mod tell;
mod tick;
mod uplink;

pub use appender::Ask;
pub use control::ask as ask_hub;
pub use driver::Driver;
pub use plan::{Plan, PlanFaults};
pub use repair::{Report, Wish, alone as repair_alone};
pub use run::{HubError, not_ready, open_store, run};
