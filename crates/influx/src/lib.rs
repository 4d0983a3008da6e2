//! Results to InfluxDB 2.
//!
//! Three parts: [`mod@line`] encodes one point as exactly one line or says why not, [`points`]
//! says which measurement, tags and fields an output of the engine becomes, [`Writer`] sends
//! batches and isolates what the server refuses. The only crate that knows influxdb2; it keeps no
//! cursor (its caller does) and never decides to drop a point in silence.

pub mod line;
pub mod points;
mod writer;

pub use points::{Bucket, Row};
pub use writer::{Batch, DeadLetter, Target, WriteError, Writer};
