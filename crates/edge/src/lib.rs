//! The intake: messages in, numbered readings out.
//!
//! [`Intake::hear`] turns one message into readings by the inventory and the device profiles,
//! and says what became of everything else. [`Numbering`] gives readings their numbers and packs
//! them into frames, one per partition. This crate writes nothing and acknowledges nothing: its
//! caller appends the frames and answers the device after the disk has.

mod batch;
mod deadband;
mod hear;
mod number;
mod sources;
mod stamp;
pub mod uplink;

pub use batch::{Batch, BatchError};
pub use deadband::{Band, Deadband};
pub use hear::{Heard, Intake, Message, Note, NoteReason, Stranger};
pub use number::{Numbered, Numbering};
pub use sources::{
    BrokerRaw, Defaults, ListenConfig, MqttConfig, MqttRaw, SourceError, Sources, Way,
};
pub use stamp::{SET_FROM, Stamper};
