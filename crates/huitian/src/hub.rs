//! The hub: wires intake, log, engines, sinks and console, and ends them in order.
//!
//! ```text
//! broker ─┐                      ┌─► board ─► console
//! session ┼─► appender ─► driver ┼─► InfluxDB sink   (cursor on commits)
//! demo ───┘    (log)    (engines)└─► teller          (outbox)
//! ```

mod appender;
mod control;
mod drive;
mod driver;
mod influx;
mod intake;
mod plan;
mod random;
mod reload;
mod repair;
mod run;
mod tell;
mod tick;

pub use appender::Ask;
pub use control::ask as ask_hub;
pub use driver::Driver;
pub use plan::{Plan, PlanFaults};
pub use repair::{Report, Wish, alone as repair_alone};
pub use run::{HubError, not_ready, open_store, run};
