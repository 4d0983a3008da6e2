//! A message's payload: protobuf to metrics.
//!
//! Nesting that is read is payload, metric, properties, property: four of the eight levels
//! permitted. Datasets, templates, metadata and bodies are stepped over unread.

use huitian_model::UtcMs;

use crate::TEXT_CHARS_MAX;
use crate::refusal::{Refusal, RefusalReason};

use super::fields::{Fields, Wire, malformed};
use super::{METRICS_MAX, NAME_BYTES_MAX};

/// The value of the property `Quality` that says good.
const QUALITY_GOOD: u64 = 192;

/// A metric's value on the wire, before its datatype says what it is.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Raw {
    /// None is there.
    #[default]
    None,
    /// 32 or 64 bits, signed ones as two's complement.
    Whole(u64),
    /// Single precision.
    Float(f32),
    /// Double precision.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// Text of at most [`TEXT_CHARS_MAX`] characters.
    Text(String),
    /// Text that is longer, bytes, a dataset, a template or an extension: stepped over.
    Skipped,
}

/// One metric of a message.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metric {
    /// Its name; in data messages mostly none.
    pub name: Option<String>,
    /// What stands for its name in data messages.
    pub alias: Option<u64>,
    /// When it was so; none too where it lies outside the years 2000 to 2249.
    pub at: Option<UtcMs>,
    /// Its datatype, as `DataType` numbers them; in data messages mostly none.
    pub datatype: Option<u32>,
    /// An earlier value, which changes nothing about what holds now.
    pub is_historical: bool,
    /// Said to be none, by `is_null` or by a `Quality` other than good.
    pub is_none: bool,
    /// Its value.
    pub raw: Raw,
}

/// What a message says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Payload {
    /// When it was sent; none too where it lies outside the years 2000 to 2249.
    pub at: Option<UtcMs>,
    /// Its sequence number, 0 to 255.
    pub seq: Option<u8>,
    /// Its metrics in order.
    pub metrics: Vec<Metric>,
}

impl Payload {
    /// Reads a payload; its length is the caller's to bound.
    ///
    /// # Errors
    /// [`Refusal`] where it is no such protobuf, has more than [`METRICS_MAX`] metrics, or a
    /// sequence number above 255.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut payload = Self::default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (1, Wire::Varint(ms)) => payload.at = instant(ms),
                (2, Wire::Bytes(bytes)) => {
                    if payload.metrics.len() >= METRICS_MAX {
                        let text = format!("expected at most {METRICS_MAX} metrics, found more");
                        return Err(Refusal::new(RefusalReason::TooManyItems, text));
                    }
                    payload.metrics.push(Metric::read(bytes)?);
                }
                (3, Wire::Varint(seq)) => {
                    let seq = u8::try_from(seq).map_err(|_above| {
                        let text = format!("seq: expected 0 to 255, found {seq}");
                        Refusal::new(RefusalReason::OutOfRange, text)
                    })?;
                    payload.seq = Some(seq);
                }
                (1..=3, _) => return Err(malformed("timestamp, metrics and seq of their types")),
                _ => {}
            }
        }
        Ok(payload)
    }

    /// The session that it belongs to: the whole number named `bdSeq`.
    pub fn bd_seq(&self) -> Option<u64> {
        let named = |metric: &&Metric| metric.name.as_deref() == Some(BD_SEQ);
        match self.metrics.iter().find(named)?.raw {
            Raw::Whole(number) => Some(number),
            Raw::None
            | Raw::Float(_)
            | Raw::Double(_)
            | Raw::Bool(_)
            | Raw::Text(_)
            | Raw::Skipped => None,
        }
    }
}

/// The metric that pairs a birth with its death.
pub(super) const BD_SEQ: &str = "bdSeq";

impl Metric {
    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut metric = Self::default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next()? {
            match field {
                (1, Wire::Bytes(name)) => metric.name = Some(self::name(name)?),
                (2, Wire::Varint(alias)) => metric.alias = Some(alias),
                (3, Wire::Varint(ms)) => metric.at = instant(ms),
                (4, Wire::Varint(datatype)) => {
                    metric.datatype = u32::try_from(datatype).ok();
                }
                (5, Wire::Varint(yes)) => metric.is_historical = yes != 0,
                (7, Wire::Varint(yes)) => metric.is_none |= yes != 0,
                (9, Wire::Bytes(properties)) => metric.is_none |= is_not_good(properties)?,
                (10 | 11, Wire::Varint(whole)) => metric.raw = Raw::Whole(whole),
                (12, Wire::Fixed32(bytes)) => metric.raw = Raw::Float(f32::from_le_bytes(bytes)),
                (13, Wire::Fixed64(bytes)) => metric.raw = Raw::Double(f64::from_le_bytes(bytes)),
                (14, Wire::Varint(yes)) => metric.raw = Raw::Bool(yes != 0),
                (15, Wire::Bytes(text)) => metric.raw = self::text(text)?,
                (16..=19, Wire::Bytes(_)) => metric.raw = Raw::Skipped,
                (1..=19, _) if field.0 != 6 && field.0 != 8 => {
                    return Err(malformed("the fields of a metric of their types"));
                }
                _ => {}
            }
        }
        Ok(metric)
    }
}

/// Whether a set of properties has a `Quality` that is not good (0 is bad, 500 is stale): its
/// metric's value is then none.
fn is_not_good(properties: &[u8]) -> Result<bool, Refusal> {
    let (mut place, mut keys) = (None, 0_usize);
    let mut fields = Fields::new(properties);
    while let Some((number, wire)) = fields.next()? {
        if let (1, Wire::Bytes(key)) = (number, wire) {
            if key == b"Quality" && place.is_none() {
                place = Some(keys);
            }
            keys += 1;
        }
    }
    let Some(place) = place else { return Ok(false) };
    let mut fields = Fields::new(properties);
    let mut values = 0_usize;
    while let Some((number, wire)) = fields.next()? {
        if let (2, Wire::Bytes(value)) = (number, wire) {
            if values == place {
                return Ok(whole_property(value)? != Some(QUALITY_GOOD));
            }
            values += 1;
        }
    }
    // A key without a value says nothing.
    Ok(false)
}

/// The whole number of a property: `PropertyValue { type = 1, is_null = 2, int = 3, long = 4 }`.
fn whole_property(value: &[u8]) -> Result<Option<u64>, Refusal> {
    let mut fields = Fields::new(value);
    let mut whole = None;
    while let Some(field) = fields.next()? {
        if let (3 | 4, Wire::Varint(number)) = field {
            whole = Some(number);
        }
    }
    Ok(whole)
}

fn name(bytes: &[u8]) -> Result<String, Refusal> {
    if bytes.len() > NAME_BYTES_MAX {
        let found = bytes.len();
        let text =
            format!("a metric's name: expected at most {NAME_BYTES_MAX} bytes, found {found}");
        return Err(Refusal::new(RefusalReason::TooLong, text));
    }
    utf8(bytes).map(str::to_owned)
}

fn text(bytes: &[u8]) -> Result<Raw, Refusal> {
    let text = utf8(bytes)?;
    let is_short = text.chars().nth(TEXT_CHARS_MAX).is_none();
    Ok(if is_short {
        Raw::Text(text.to_owned())
    } else {
        Raw::Skipped
    })
}

fn utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_error| malformed("UTF-8"))
}

fn instant(ms: u64) -> Option<UtcMs> {
    i64::try_from(ms).ok().and_then(crate::instant::in_range)
}
