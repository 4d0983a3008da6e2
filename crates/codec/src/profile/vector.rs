//! Vectors: known bytes with known values. A profile whose vectors do not hold is refused.

use std::collections::BTreeMap;
use std::ops::Range;

use huitian_model::{BadReason, Measurement, Sample, UncertainReason};
use toml::Spanned;

use super::build::{Fault, fault};
use super::raw::RawVector;
use super::{FieldValue, Profile};
use crate::UPLINK_BYTES_MAX;
use crate::number::Fixed;

/// Known bytes with known values.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Vector {
    port: u8,
    bytes: Vec<u8>,
    message: Option<String>,
    fields: BTreeMap<String, toml::Value>,
    samples: BTreeMap<String, String>,
    tolerance: f64,
    /// The place in the profile's text.
    pub span: Range<usize>,
}

impl Vector {
    pub(super) fn build(raw: Spanned<RawVector>) -> Result<Self, Fault> {
        let span = raw.span();
        let raw = raw.into_inner();
        let bytes = from_hex(raw.hex.get_ref())
            .filter(|bytes| bytes.len() <= UPLINK_BYTES_MAX)
            .ok_or_else(|| fault(&raw.hex, "expected at most 255 bytes as hex digits"))?;
        Ok(Self {
            port: raw.port,
            bytes,
            message: raw.message,
            fields: raw.fields,
            samples: raw.samples,
            tolerance: raw.tolerance.unwrap_or(0.0),
            span,
        })
    }

    /// What does not hold; none where all does.
    pub(super) fn fault(&self, profile: &Profile) -> Option<String> {
        let decoding = match profile.read(Some(self.port), &self.bytes) {
            Ok(decoding) => decoding,
            Err(refusal) => return Some(format!("the vector is refused: {}", refusal.text)),
        };
        if decoding.message() != self.message.as_deref() {
            let (expected, found) = (&self.message, decoding.message());
            return Some(format!("expected message {expected:?}, found {found:?}"));
        }
        let fields: BTreeMap<_, _> = decoding.fields().into_iter().collect();
        for (name, expected) in &self.fields {
            let found = fields.get(name.as_str());
            if !found.is_some_and(|found| equals(expected, found, self.tolerance)) {
                let found = found.map_or("nothing".to_owned(), ToString::to_string);
                return Some(format!("field {name}: expected {expected}, found {found}"));
            }
        }
        let samples: BTreeMap<_, _> = decoding
            .samples()
            .into_iter()
            .map(|(channel, sample)| (channel.to_string(), told(sample)))
            .collect();
        (samples != self.samples)
            .then(|| format!("expected samples {:?}, found {samples:?}", self.samples))
    }
}

/// A sample in words: `good 21.5`, `uncertain startup true`, `bad tilted`.
pub(crate) fn told(sample: Sample) -> String {
    match sample {
        Sample::Good(value) => format!("good {}", value_told(value)),
        Sample::Uncertain(value, UncertainReason::Startup) => {
            format!("uncertain startup {}", value_told(value))
        }
        Sample::Uncertain(value, UncertainReason::Implausible) => {
            format!("uncertain implausible {}", value_told(value))
        }
        Sample::Bad(_, reason) => format!("bad {}", BadReason::name(reason)),
    }
}

fn value_told(value: Measurement) -> String {
    match value {
        Measurement::Occupied(yes) | Measurement::Tilt(yes) => yes.to_string(),
        Measurement::Fill(_) | Measurement::Temperature(_) => {
            // Hundredths: 10,000 millionths each.
            Fixed::from_micros(value.as_i64().saturating_mul(10_000)).to_string()
        }
        Measurement::InUse(_)
        | Measurement::FreePlaces(_)
        | Measurement::Entries(_)
        | Measurement::Exits(_)
        | Measurement::Distance(_)
        | Measurement::Battery(_) => value.as_i64().to_string(),
    }
}

fn equals(expected: &toml::Value, found: &FieldValue, tolerance: f64) -> bool {
    let wanted = match expected {
        toml::Value::Integer(whole) => Fixed::from_whole(*whole),
        toml::Value::Float(value) => Fixed::from_f64(*value),
        toml::Value::Boolean(yes) => return *found == FieldValue::Flag(*yes),
        toml::Value::String(text) => {
            return matches!(found, FieldValue::Text(found) if found == text);
        }
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    };
    match (wanted, found, Fixed::from_f64(tolerance)) {
        (Some(wanted), FieldValue::Number(found), Some(tolerance)) => {
            wanted.micros().abs_diff(found.micros()) <= tolerance.micros().unsigned_abs()
        }
        _ => false,
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
