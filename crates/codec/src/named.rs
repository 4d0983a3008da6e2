//! Values by name, for all formats that name what they measure: `SenML`, Sparkplug, `NGSI-LD`,
//! line protocol, and JSON whose keys say what it is.
//!
//! An envelope turns a message into [`Named`] records; the device's profile says which name
//! feeds which channel, with scale and sentinels, by [`crate::Profile::decode_named`].

use huitian_model::{TimeSource, UtcMs};

use crate::number::Fixed;
use crate::refusal::Refusal;

/// A value as it came, before a profile says what it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamedValue {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Fixed),
    /// Text of at most [`crate::TEXT_CHARS_MAX`] characters.
    Text(String),
    /// Said to be none, such as `null`, or a number that is none (NaN, beyond 9.2e12).
    Missing,
}

/// What one device said at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// What the traffic calls the device.
    pub address: String,
    /// When it was so, where anything said a time.
    pub at: Option<UtcMs>,
    /// Where `at` came from; [`TimeSource::Receiver`] exactly where it is none.
    pub time_source: TimeSource,
    /// The device's own sequence, where it has one.
    pub sequence: Option<u32>,
    /// Values by name in the order of the message; a path into objects is joined by `.`.
    pub values: Vec<(String, NamedValue)>,
}

impl Named {
    /// What a device said by its own clock, or at a time that nothing says.
    pub(crate) fn said(
        address: impl Into<String>,
        at: Option<UtcMs>,
        values: Vec<(String, NamedValue)>,
    ) -> Self {
        Self {
            address: address.into(),
            at,
            time_source: match at {
                Some(_) => TimeSource::Device,
                None => TimeSource::Receiver,
            },
            sequence: None,
            values,
        }
    }
}

/// A message of named values: what could be read of it, and what could not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NamedMessage {
    /// What could be read.
    pub records: Vec<Named>,
    /// What could not, each with its place.
    pub refused: Vec<Refusal>,
}
