//! Reads Modbus devices, and never writes to one.
//!
//! A [`Unit`] says what to read and makes samples of the answers; the bus carries its requests.

pub mod budget;
mod map_unit;
pub mod plan;
pub mod settings;
mod unit;

pub use huitian_codec::RegisterFunction;
pub use map_unit::MapUnit;
pub use unit::{Answer, Request, Sampled, Unit};
