//! Eclipse Sparkplug B 3.0, as a host application hears and answers it.
//!
//! - [`topic`](Topic): `spBv1.0/GROUP/VERB/EDGE[/DEVICE]` and `spBv1.0/STATE/HOST`.
//! - [`Payload`]: the protobuf of its messages, read field by field and bounded.
//! - [`Host`]: births, aliases, sequence numbers and deaths of all edge nodes; it gives
//!   [`Named`](crate::Named) records and the rebirth requests to publish.
//! - [`state`]: the birth and death certificate of a host application.
//!
//! ```text
//! Payload { timestamp = 1 uint64 ms, metrics = 2 Metric, seq = 3 uint64, uuid = 4, body = 5 }
//! Metric  { name = 1, alias = 2 uint64, timestamp = 3 uint64, datatype = 4 uint32,
//!           is_historical = 5, is_transient = 6, is_null = 7, metadata = 8, properties = 9,
//!           int = 10 uint32, long = 11 uint64, float = 12, double = 13, boolean = 14,
//!           string = 15, bytes = 16, dataset = 17, template = 18, extension = 19 }
//! ```
//!
//! Source: `eclipse-sparkplug/sparkplug`, the specification 3.0 and its `sparkplug_b.proto`.
//! Which of its numbered statements hold stands in `SPARKPLUG.md`.

mod command;
mod fields;
mod host;
mod payload;
mod state;
mod topic;
mod value;

pub use command::{REBIRTH, rebirth};
pub use host::{Command, Host, Moment, Output, Said};
pub use payload::{Metric, Payload, Raw};
pub use state::{death_of_host, is_death_of_host, state, state_topic};
pub use topic::{Speech, Topic, Verb, topic};

/// The level that every topic begins with.
pub const NAMESPACE: &str = "spBv1.0";

/// Bytes of a birth: [`METRICS_MAX`] metrics of some 64 bytes (a name of 40, alias, datatype,
/// timestamp and value) are 256 KiB.
pub const BIRTH_BYTES_MAX: usize = 256 * 1024;

/// Bytes of any other message: as of all devices, 16 KiB, some 700 metrics by alias.
pub const DATA_BYTES_MAX: usize = crate::PAYLOAD_BYTES_MAX;

/// Metrics of one message. Read they need some 120 bytes each: half a megabyte at most, however
/// small they are on the wire.
pub const METRICS_MAX: usize = 4_096;

/// Bytes of a metric's name: twice the longest path seen in plants
/// (`Site/Area/Line/Cell/Unit/Property`).
pub const NAME_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests;
