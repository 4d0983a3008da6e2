//! Reads Modbus devices, and never writes to one.
//!
//! A [`Unit`] says what to read and makes samples of the answers; a [`Line`] carries its requests
//! to one endpoint and gives the answers back. Between tokio-modbus and the bytes stands a guard:
//! nothing but reads leaves, and nothing but the whole answer to the one request in flight comes
//! in. Functions that write cannot be said with the types of this crate.

pub mod budget;
mod endpoint;
mod frame;
mod guard;
mod health;
mod line;
mod link;
mod map_unit;
mod mismatch;
pub mod plan;
pub mod settings;
mod unit;
mod wire;

pub use endpoint::{
    ByteStream, Dial, Dialing, Endpoint, Network, Parity, SerialSettings, StopBits,
};
pub use frame::Framing;
pub use guard::TransactionId;
pub use health::{Counts, LineHealth, LineState, UnitHealth, UnitState};
pub use huitian_codec::RegisterFunction;
pub use line::{Line, LineSettings};
pub use link::LinkError;
pub use map_unit::MapUnit;
pub use mismatch::{Mismatch, MismatchKind};
pub use unit::{Answer, Request, Sampled, Unit};
