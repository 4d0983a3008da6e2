//! Vectors: known messages with known values. A profile whose vectors do not hold is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use huitian_model::{BadReason, Measurement, Sample, TimeSource, UncertainReason, UtcMs};
use toml::Spanned;

use super::build::{Fault, fault};
use super::raw::RawVector;
use super::{Decoding, FieldValue, Profile};
use crate::named::{Named, NamedValue};
use crate::number::Fixed;
use crate::{TEXT_CHARS_MAX, UPLINK_BYTES_MAX};

/// A known message with known values.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Vector {
    input: Input,
    at: Option<UtcMs>,
    message: Option<String>,
    fields: BTreeMap<String, toml::Value>,
    groups: Vec<BTreeMap<String, toml::Value>>,
    samples: BTreeMap<String, String>,
    history: Vec<BTreeMap<String, String>>,
    is_reboot: bool,
    tolerance: f64,
    /// The place in the profile's text.
    pub span: Range<usize>,
}

#[derive(Clone, PartialEq, Debug)]
enum Input {
    Bytes { port: Option<u8>, bytes: Vec<u8> },
    Named(Named),
}

impl Vector {
    pub(super) fn build(raw: Spanned<RawVector>) -> Result<Self, Fault> {
        let span = raw.span();
        let raw = raw.into_inner();
        let at = match &raw.at {
            Some(at) => {
                let instant = crate::instant::from_rfc3339(at.get_ref());
                Some(instant.map_err(|refusal| fault(at, &refusal.text))?)
            }
            None => None,
        };
        let input = match (&raw.hex, raw.values.is_empty()) {
            (Some(hex), true) => Input::Bytes {
                port: raw.port,
                bytes: from_hex(hex.get_ref())
                    .filter(|bytes| bytes.len() <= UPLINK_BYTES_MAX)
                    .ok_or_else(|| fault(hex, "expected at most 255 bytes as hex digits"))?,
            },
            (None, false) => Input::Named(named(&raw, at).map_err(|message| Fault {
                message,
                span: span.clone(),
            })?),
            _ => {
                let message = "expected either hex or values in a vector".to_owned();
                return Err(Fault { message, span });
            }
        };
        Ok(Self {
            input,
            at,
            message: raw.message,
            fields: raw.fields,
            groups: raw.groups,
            samples: raw.samples,
            history: raw.history,
            is_reboot: raw.reboot,
            tolerance: raw.tolerance.unwrap_or(0.0),
            span,
        })
    }

    /// What does not hold; none where all does.
    pub(super) fn fault(&self, profile: &Profile) -> Option<String> {
        let decoding = match &self.input {
            Input::Bytes { port, bytes } => match profile.read(*port, bytes) {
                Ok(decoding) => decoding,
                Err(refusal) => return Some(format!("the vector is refused: {}", refusal.text)),
            },
            Input::Named(named) => profile.read_named(named),
        };
        if decoding.message() != self.message.as_deref() {
            let (expected, found) = (&self.message, decoding.message());
            return Some(format!("expected message {expected:?}, found {found:?}"));
        }
        self.field_fault(&decoding)
            .or_else(|| self.sample_fault(&decoding))
    }

    fn field_fault(&self, decoding: &Decoding) -> Option<String> {
        let groups = decoding.groups();
        if !self.groups.is_empty() && groups.len() != self.groups.len() {
            let (expected, found) = (self.groups.len(), groups.len());
            return Some(format!("expected {expected} groups, found {found}"));
        }
        for (number, (expected, (name, found))) in self.groups.iter().zip(&groups).enumerate() {
            let found = found.iter().cloned().collect();
            if let Some(told) = differs(expected, &found, self.tolerance) {
                return Some(format!("group {number} ({name}): {told}"));
            }
        }
        let fields = decoding.fields().into_iter().collect();
        differs(&self.fields, &fields, self.tolerance)
    }

    fn sample_fault(&self, decoding: &Decoding) -> Option<String> {
        let samples: BTreeMap<_, _> = decoding
            .samples()
            .into_iter()
            .map(|(channel, sample)| (channel.to_string(), told(sample)))
            .collect();
        if samples != self.samples {
            let expected = &self.samples;
            return Some(format!("expected samples {expected:?}, found {samples:?}"));
        }
        let history: BTreeSet<_> = decoding
            .history(self.at)
            .into_iter()
            .map(|(UtcMs(at), channel, sample)| (instant(at), channel.to_string(), told(sample)))
            .collect();
        let expected: BTreeSet<_> = self
            .history
            .iter()
            .flat_map(|group| {
                let at = group.get("at").cloned().unwrap_or_default();
                let samples = group.iter().filter(|(name, _)| *name != "at");
                samples.map(move |(name, sample)| (at.clone(), name.clone(), sample.clone()))
            })
            .collect();
        if history != expected {
            return Some(format!("expected history {expected:?}, found {history:?}"));
        }
        let (expected, found) = (self.is_reboot, decoding.is_reboot());
        (expected && !found).then(|| "expected a reboot, found none".to_owned())
    }
}

/// What differs of the wanted fields; none where all are as wanted.
fn differs(
    wanted: &BTreeMap<String, toml::Value>,
    found: &BTreeMap<&str, FieldValue>,
    tolerance: f64,
) -> Option<String> {
    wanted.iter().find_map(|(name, expected)| {
        let found = found.get(name.as_str());
        if found.is_some_and(|found| equals(expected, found, tolerance)) {
            return None;
        }
        let found = found.map_or("nothing".to_owned(), ToString::to_string);
        Some(format!("field {name}: expected {expected}, found {found}"))
    })
}

/// An instant as vectors write it.
pub(super) fn instant(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

/// The values of a vector as an envelope would hand them on.
fn named(raw: &RawVector, at: Option<UtcMs>) -> Result<Named, String> {
    let value = |value: &toml::Value| match value {
        toml::Value::Boolean(yes) => Ok(NamedValue::Bool(*yes)),
        toml::Value::Integer(whole) => {
            Ok(Fixed::from_whole(*whole).map_or(NamedValue::Missing, NamedValue::Number))
        }
        toml::Value::Float(float) => {
            Ok(Fixed::from_f64(*float).map_or(NamedValue::Missing, NamedValue::Number))
        }
        toml::Value::String(text) if text.chars().count() <= TEXT_CHARS_MAX => {
            Ok(NamedValue::Text(text.clone()))
        }
        toml::Value::String(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => Err(format!(
            "expected numbers, yes or no, and texts of at most {TEXT_CHARS_MAX} characters in \
             values (nan is missing), found {value}"
        )),
    };
    let values = raw.values.iter();
    let values: Result<Vec<_>, String> = values
        .map(|(name, found)| Ok((name.clone(), value(found)?)))
        .collect();
    Ok(Named {
        address: "vector".to_owned(),
        at,
        time_source: match at {
            Some(_) => TimeSource::Network,
            None => TimeSource::Receiver,
        },
        sequence: None,
        values: values?,
    })
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

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
