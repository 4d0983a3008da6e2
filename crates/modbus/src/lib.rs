//! Reads Modbus devices, and never writes to one.
//!
//! A [`Unit`] says what to read and makes samples of the answers; the bus carries its requests.

mod unit;

pub use huitian_codec::RegisterFunction;
pub use unit::{Answer, Request, Sampled, Unit};
