//! The edge agent: reads sensors over MQTT and Modbus, and loses nothing on the way to the hub.
//!
//! ```text
//! devices ─► sources ┐            ┌─► disk queue (one sync, then the device is answered)
//! units ───► buses ──┴─► keeper ──┤
//!                                 └─► uplink ─► link ─► the hub's broker
//! ```
//!
//! The keeper is the one thread that owns the queue. [`Intake::hear`] turns messages into readings
//! by inventory and device profiles; the [`uplink`] decides what is sent next and what an answer
//! frees. The hub runs [`Sources`], [`buses`] and [`Intake`] too; there the log itself is the
//! queue, and [`Numbering`] gives readings their numbers.
//!
//! What it is not: it computes no figure and raises no alert.

pub mod agent;
mod batch;
pub mod buses;
mod cli;
pub mod clock;
mod deadband;
pub mod doctor;
mod hear;
pub mod keeper;
mod link;
pub mod local;
mod number;
mod once;
pub mod plant;
mod random;
pub mod settings;
pub mod site;
mod sources;
pub mod sparkplug;
pub mod spool;
mod stamp;
mod store;
pub mod uplink;
mod watcher;

pub use batch::{Batch, BatchError};
pub use cli::main;
pub use deadband::{Band, Deadband};
pub use hear::{Heard, Intake, Message, Note, NoteReason, Polled, Stranger};
pub use huitian_modbus::settings as modbus;
pub use number::{Numbered, Numbering};
pub use random::random;
pub use sources::{
    BrokerRaw, Defaults, Inboxes, ListenConfig, MqttConfig, MqttRaw, SourceError, Sources, Way,
};
pub use stamp::{SET_FROM, Stamper};
