//! Bytes to readings: envelopes and device profiles. Pure: no clock, no IO, no logging.
//!
//! 1. [`Routes::open`] reads a message by a route or the shape of its topic into an [`Opened`].
//! 2. [`PlainMessage::decode`], [`Named::decode_plain`], [`Profile::decode`] or
//!    [`Profile::decode_named`] turn it into [`Decoded`] samples.
//!
//! Registers that the edge polled become samples by [`RegisterMap::samples`].
//!
//! What cannot be used is a [`Refusal`] with a closed [`RefusalReason`] and a text that names the
//! place and what is permitted. Nothing here panics, whatever the bytes are, and no bound is
//! checked after memory was spent on what it bounds.
//!
//! This crate is *not* the inventory: it does not know which device has which profile, and a
//! decoded sample is no reading before the edge has stamped its receive time.
//!
//! - [`plain`]: the plain JSON form, with examples.
//! - [`profile`]: how a device is described as data, written for installers.
//! - [`registers`]: how a Modbus device is described as data.
//! - [`envelope`]: all formats, with how each is known and where its event time comes from.
//! - [`route`]: which topic carries which format, where its shape does not say it.
//! - [`sparkplug`]: Eclipse Sparkplug B 3.0 as a host application: payloads and sessions.

pub mod envelope;
pub mod plain;
pub mod profile;
pub mod registers;
pub mod route;
pub mod sparkplug;

mod decoded;
mod instant;
mod json;
mod named;
mod number;
mod range;
mod refusal;

pub use decoded::Decoded;
pub use envelope::{Opened, Uplink, is_server_status, open};
pub use named::{Named, NamedMessage, NamedValue};
pub use number::Fixed;
pub use plain::{PlainItem, PlainMessage, PlainValue};
pub use profile::{
    Counter, CounterKind, Decoding, Explanation, ExplanationRow, FieldValue, MessageKind,
    OtherMessage, Profile, ProfileError, Profiles, Trial,
};
pub use range::permitted;
pub use refusal::{Refusal, RefusalReason};
pub use registers::{RegisterFunction, RegisterMap, RegisterMapError, RegisterMaps, RegisterSpan};
pub use route::{Route, Routes};

/// The longest payload of a device, in bytes: 16 KiB hold an uplink heard by some 25 gateways
/// (600 bytes each) or a plain batch of 256 items of 60 bytes.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// Open objects and arrays: a network server's envelope needs 4, a decoded object inside a few.
pub const DEPTH_MAX: usize = 8;

/// Keys of one object: the widest known envelope has 20.
pub const KEYS_MAX: usize = 64;

/// Characters of a key, and of any text of the plain form: twice the longest id.
pub const TEXT_CHARS_MAX: usize = 128;

/// Characters of a text in a network server's envelope. Its uplink tokens of several hundred
/// characters are legitimate; nothing of such length is kept.
pub const ENVELOPE_TEXT_CHARS_MAX: usize = 4096;

/// Items of a plain batch: 256 of the 60 bytes of a small item are 15 KiB.
pub const BATCH_ITEMS_MAX: usize = 256;

/// Bytes of a topic: `application/` + uuid + `/device/` + `DevEUI` + `/event/integration` are 90.
pub const TOPIC_BYTES_MAX: usize = 256;

/// Bytes of a LoRaWAN application payload: the greatest of any region is 242, the length of a
/// radio frame is a byte.
pub const UPLINK_BYTES_MAX: usize = 255;
