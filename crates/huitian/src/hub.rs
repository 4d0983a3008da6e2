//! The hub: wires intake, log, engines, sinks and console, and ends them in order.
//!
//! ```text
//! broker ─┐                      ┌─► board ─► console
//! session ┼─► appender ─► driver ┼─► InfluxDB sink   (cursor on commits)
//! demo ───┘    (log)    (engines)└─► teller          (outbox)
//! ```

mod appender;
mod drive;
mod driver;
mod influx;
mod intake;
mod plan;
mod random;
mod reload;
mod run;
mod tell;
mod tick;

pub use appender::Ask;
pub use driver::Driver;
pub use plan::{Plan, PlanFaults};
pub use run::{HubError, not_ready, run};
