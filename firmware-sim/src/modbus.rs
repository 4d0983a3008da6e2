//! Modbus devices of the world: register images, the lines they hang on, and what goes wrong.
//!
//! The encoders are this crate's own. A [`Line`] carries up to 256 [`Unit`]s; a [`Server`] offers
//! it as Modbus TCP, as serial frames over TCP and as a pseudo-terminal. Nothing can be written:
//! every function that would is refused with exception 1, counted, and makes [`Server::end`] fail.
//!
//! ```no_run
//! use firmware_sim::modbus::{Device, Fault, Line, Rates, Server, Unit};
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let line = Line::new(7)
//!     .with_unit(1, Unit::new(Device::Counting, None))
//!     .with_faults(Rates::none().with(Fault::Late, 0.01));
//! let mut server = Server::new(line, || 1_794_153_600_000);
//! let address = server.listen_tcp(([127, 0, 0, 1], 0).into()).await?;
//! // ... a client reads from `address` ...
//! let counts = server.end().await?;
//! # Ok(())
//! # }
//! ```

mod device;
mod fault;
mod frame;
mod install;
mod line;
mod pty;
mod server;
mod spoil;
mod subject;
mod unit;

pub use device::Device;
pub use fault::{Fault, Rates};
pub use frame::Table;
pub use install::{Endpoint, Installation, UNITS_MAX};
pub use line::{Counts, Line};
pub use server::{Server, Written};
pub use subject::{Sight, Subject};
pub use unit::{Holes, Unit};
