//! `SenML` packs (RFC 8428) in JSON and CBOR.
//!
//! ```json
//! [ { "bn": "urn:dev:ow:10e2073a01080063:", "bt": 1.276020076e+09,
//!     "n": "voltage", "u": "V", "v": 120.1 },
//!   { "n": "current", "u": "A", "t": -5, "v": 1.2 } ]
//! ```
//!
//! - The device is the base name in force without its last separator (`urn:dev:ow:10e2...0063`),
//!   unless the route takes it from the topic. A value is called by its `n`; with the device
//!   from the topic by base name and `n` together.
//! - Where no `n` is left for the value (the base name says all, or `n` is the whole name), it is
//!   called by its unit, such as `Cel` or `%RH`, or `value` where it has none.
//! - A sum `s` is the value `{name}.sum`. Data `vd` is its base64 text.
//! - Time is base time and time together; below 2^28 s it counts from the time of receipt, and
//!   may be negative. 0 is the time of receipt itself.
//! - Base value and base sum are added to a value or sum that is there.
//! - Records of one device and time that stand together become one record of several values.
//!
//! Refused as a whole: a version above 10, or two of them; a label that must be understood (its
//! last character is `_`); base fields of a wrong type. Refused alone: a record with two values,
//! or with a name outside the permitted characters. Other unknown labels are ignored.
//! `ut` (update time) is read and not used: the inventory says how often a device speaks.

use huitian_model::UtcMs;

use super::Opened;
use super::values::{VALUES_MAX, too_many};
use crate::instant::in_range;
use crate::named::{Named, NamedMessage, NamedValue};
use crate::number::{Fixed, MICRO};
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{KEYS_MAX, TEXT_CHARS_MAX};

mod cbor;
mod json;

/// The version of RFC 8428.
const VERSION: i64 = 10;

/// Times below are relative to now: 2^28 seconds, in millionths.
const RELATIVE_MICROS: i64 = 268_435_456 * MICRO;

/// How a pack is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    /// RFC 8428, 5.
    Json,
    /// RFC 8428, 6.
    Cbor,
}

/// Reads a pack; `named_by_topic` is what its topic calls the device, where a route says so.
pub(crate) fn read(
    coding: Coding,
    named_by_topic: Option<&str>,
    payload: &[u8],
    received_at: UtcMs,
) -> Result<Opened, Refusal> {
    let mut pack = Pack::new(received_at);
    let mut message = NamedMessage::default();
    let mut index = 0;
    let mut each = |entry: Entry| -> Result<(), Refusal> {
        if index == VALUES_MAX {
            return Err(too_many());
        }
        let resolved = pack.resolve(entry)?;
        match resolved.and_then(|resolved| resolved.map(Resolved::checked).transpose()) {
            Ok(None) => {}
            Ok(Some(resolved)) => push(&mut message.records, resolved, named_by_topic),
            Err(refusal) => message.refused.push(refusal.at(&format!("record {index}"))),
        }
        index += 1;
        Ok(())
    };
    match coding {
        Coding::Json => json::read(payload, &mut each)?,
        Coding::Cbor => cbor::read(payload, &mut each)?,
    }
    if message.records.is_empty() && message.refused.is_empty() {
        return Ok(Opened::NotReadings("no values"));
    }
    Ok(Opened::Named(message))
}

/// The labels of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    BaseVersion,
    BaseName,
    BaseTime,
    BaseUnit,
    BaseValue,
    BaseSum,
    Name,
    Unit,
    Value,
    Text,
    Bool,
    Data,
    Sum,
    Time,
    UpdateTime,
}

impl Label {
    /// Name and integer of RFC 8428, table 4.
    const ALL: [(Self, &'static str, i64); 15] = [
        (Self::BaseVersion, "bver", -1),
        (Self::BaseName, "bn", -2),
        (Self::BaseTime, "bt", -3),
        (Self::BaseUnit, "bu", -4),
        (Self::BaseValue, "bv", -5),
        (Self::BaseSum, "bs", -6),
        (Self::Name, "n", 0),
        (Self::Unit, "u", 1),
        (Self::Value, "v", 2),
        (Self::Text, "vs", 3),
        (Self::Bool, "vb", 4),
        (Self::Sum, "s", 5),
        (Self::Time, "t", 6),
        (Self::UpdateTime, "ut", 7),
        (Self::Data, "vd", 8),
    ];

    fn of_name(name: &str) -> Result<Option<Self>, Refusal> {
        if name.ends_with('_') {
            let text = format!("label {} must be understood, and is not", quoted(name));
            return Err(Refusal::new(RefusalReason::WrongType, text));
        }
        let found = Self::ALL.into_iter().find(|(_, known, _)| *known == name);
        Ok(found.map(|(label, ..)| label))
    }

    fn of_integer(integer: i64) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(.., known)| *known == integer);
        found.map(|(label, ..)| label)
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(label, ..)| *label == self);
        found.map_or("", |(_, name, _)| name)
    }
}

/// What stands behind a label.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Content {
    /// A number; none beyond the range of [`Fixed`].
    Number(Option<Fixed>),
    Text(String),
    Bool(bool),
    /// Bytes, in base64.
    Data(String),
    Other,
}

/// One record as it came.
#[derive(Default)]
struct Entry {
    version: Option<i64>,
    base_name: Option<String>,
    base_time: Option<Fixed>,
    base_unit: Option<String>,
    base_value: Option<Fixed>,
    base_sum: Option<Fixed>,
    name: Option<String>,
    unit: Option<String>,
    value: Option<NamedValue>,
    values: usize,
    sum: Option<Fixed>,
    time: Option<Fixed>,
}

impl Entry {
    /// Takes what stands behind a label.
    fn take(&mut self, label: Label, content: Content) -> Result<(), Refusal> {
        let wrong = |expected: &str| {
            let text = format!("{}: expected {expected}", label.name());
            Err(Refusal::new(RefusalReason::WrongType, text))
        };
        match (label, content) {
            (Label::Value, Content::Number(number)) => {
                self.value(number.map_or(NamedValue::Missing, NamedValue::Number));
            }
            (Label::Text, Content::Text(text))
            | (Label::Data, Content::Text(text) | Content::Data(text)) => {
                self.value(NamedValue::Text(text));
            }
            (Label::Bool, Content::Bool(yes)) => self.value(NamedValue::Bool(yes)),
            (Label::BaseName, Content::Text(text)) => self.base_name = Some(text),
            (Label::BaseUnit, Content::Text(text)) => self.base_unit = Some(text),
            (Label::Name, Content::Text(text)) => self.name = Some(text),
            (Label::Unit, Content::Text(text)) => self.unit = Some(text),
            (Label::BaseVersion, Content::Number(Some(number))) => {
                self.version = Some(number.whole().unwrap_or(i64::MAX));
            }
            (Label::BaseTime, Content::Number(Some(number))) => self.base_time = Some(number),
            (Label::BaseValue, Content::Number(Some(number))) => self.base_value = Some(number),
            (Label::BaseSum, Content::Number(Some(number))) => self.base_sum = Some(number),
            (Label::Sum, Content::Number(Some(number))) => self.sum = Some(number),
            (Label::Time, Content::Number(Some(number))) => self.time = Some(number),
            (Label::UpdateTime, Content::Number(_)) => {}
            (Label::Text | Label::BaseName | Label::BaseUnit | Label::Name | Label::Unit, _) => {
                return wrong("text");
            }
            (Label::Bool, _) => return wrong("true or false"),
            (Label::Data, _) => return wrong("base64 text, in CBOR bytes"),
            (
                Label::Value
                | Label::BaseVersion
                | Label::BaseTime
                | Label::BaseValue
                | Label::BaseSum
                | Label::Sum
                | Label::Time
                | Label::UpdateTime,
                _,
            ) => return wrong("a number of less than 9.2e12 in size"),
        }
        Ok(())
    }

    fn value(&mut self, value: NamedValue) {
        self.value = Some(value);
        self.values += 1;
    }
}

/// A record with all that holds for it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Resolved {
    base_name: String,
    name: String,
    unit: String,
    at: Option<UtcMs>,
    value: Option<NamedValue>,
    sum: Option<Fixed>,
}

impl Resolved {
    /// Checks the whole name (RFC 8428, 4.5.1).
    fn checked(self) -> Result<Self, Refusal> {
        let chars = || self.base_name.chars().chain(self.name.chars());
        let is_permitted = |char: char| char.is_ascii_alphanumeric() || "-:./_".contains(char);
        let first = chars()
            .next()
            .is_some_and(|char| char.is_ascii_alphanumeric());
        let length = self.base_name.len() + self.name.len();
        if first && length <= TEXT_CHARS_MAX && chars().all(is_permitted) {
            return Ok(self);
        }
        let found = quoted(&format!("{}{}", self.base_name, self.name));
        let text = format!(
            "expected a name of 1 to {TEXT_CHARS_MAX} letters, digits, '-', ':', '.', '/' and \
             '_' that begins with a letter or digit, found {found}"
        );
        Err(Refusal::new(RefusalReason::OutOfRange, text))
    }

    /// What the device and what the value is called.
    fn names(&self, named_by_topic: Option<&str>) -> (String, String) {
        let (device, name) = match named_by_topic {
            Some(device) => (
                device.to_owned(),
                format!("{}{}", self.base_name, self.name),
            ),
            None if self.base_name.is_empty() => (self.name.clone(), String::new()),
            None => {
                let base = &self.base_name;
                let device = base.strip_suffix([':', '/', '.', '-', '_']).unwrap_or(base);
                (device.to_owned(), self.name.clone())
            }
        };
        let name = match (name.is_empty(), self.unit.is_empty()) {
            (false, _) => name,
            (true, false) => self.unit.clone(),
            (true, true) => "value".to_owned(),
        };
        (device, name)
    }
}

/// What holds from record to record.
struct Pack {
    received_at: UtcMs,
    version: Option<i64>,
    name: String,
    time: Fixed,
    unit: String,
    value: Fixed,
    sum: Fixed,
}

impl Pack {
    fn new(received_at: UtcMs) -> Self {
        let none = Fixed::from_micros(0);
        Self {
            received_at,
            version: None,
            name: String::new(),
            time: none,
            unit: String::new(),
            value: none,
            sum: none,
        }
    }

    /// The record with what holds for it; none for one that only says what holds from here on.
    /// The outer error ends the pack, the inner one refuses the record.
    fn resolve(&mut self, entry: Entry) -> Result<Result<Option<Resolved>, Refusal>, Refusal> {
        if let Some(version) = entry.version {
            if !(1..=VERSION).contains(&version) {
                let text = format!("bver: expected 1 to {VERSION}, found {version}");
                return Err(Refusal::new(RefusalReason::OutOfRange, text));
            }
            if self.version.is_some_and(|known| known != version) {
                let text = "bver: expected one version in a pack";
                return Err(Refusal::new(RefusalReason::OutOfRange, text));
            }
            self.version = Some(version);
        }
        self.name = entry.base_name.unwrap_or(std::mem::take(&mut self.name));
        self.unit = entry.base_unit.unwrap_or(std::mem::take(&mut self.unit));
        self.time = entry.base_time.unwrap_or(self.time);
        self.value = entry.base_value.unwrap_or(self.value);
        self.sum = entry.base_sum.unwrap_or(self.sum);
        if entry.values > 1 {
            let text = "expected one of v, vs, vb and vd";
            return Ok(Err(Refusal::new(RefusalReason::WrongType, text)));
        }
        if entry.value.is_none() && entry.sum.is_none() {
            return Ok(Ok(None));
        }
        let at = match self.at(entry.time) {
            Ok(at) => at,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let value = entry.value.map(|value| {
            let NamedValue::Number(number) = value else {
                return value;
            };
            plus(number, self.value).map_or(NamedValue::Missing, NamedValue::Number)
        });
        Ok(Ok(Some(Resolved {
            base_name: self.name.clone(),
            name: entry.name.unwrap_or_default(),
            unit: entry.unit.unwrap_or_else(|| self.unit.clone()),
            at,
            value,
            sum: entry.sum.and_then(|sum| plus(sum, self.sum)),
        })))
    }

    fn at(&self, time: Option<Fixed>) -> Result<Option<UtcMs>, Refusal> {
        let refuse = || {
            let text = "t: expected a time of the years 2000 to 2249, or one near now";
            Refusal::new(RefusalReason::OutOfRange, text)
        };
        let time = plus(self.time, time.unwrap_or(Fixed::from_micros(0))).ok_or_else(refuse)?;
        let micros = time.micros();
        if micros == 0 {
            return Ok(None);
        }
        let ms = micros.div_euclid(1_000);
        let ms = if micros < RELATIVE_MICROS {
            self.received_at.0.saturating_add(ms)
        } else {
            ms
        };
        in_range(ms).map(Some).ok_or_else(refuse)
    }
}

fn plus(one: Fixed, other: Fixed) -> Option<Fixed> {
    one.micros()
        .checked_add(other.micros())
        .map(Fixed::from_micros)
}

/// Adds a resolved record: to the one before where device and time are the same.
fn push(records: &mut Vec<Named>, resolved: Resolved, named_by_topic: Option<&str>) {
    let (device, name) = resolved.names(named_by_topic);
    let sum = resolved
        .sum
        .map(|sum| (format!("{name}.sum"), NamedValue::Number(sum)));
    let value = resolved.value.map(|value| (name, value));
    let values = value.into_iter().chain(sum);
    let fits = records.last_mut().filter(|last| {
        let is_new =
            |(name, _): &(String, NamedValue)| last.values.iter().all(|(known, _)| known != name);
        // No more than an object may have keys: each is compared with all before it.
        last.values.len() < KEYS_MAX
            && last.address == device
            && last.at == resolved.at
            && values.clone().all(|one| is_new(&one))
    });
    match fits {
        Some(last) => last.values.extend(values),
        None => records.push(Named::said(device, resolved.at, values.collect())),
    }
}

#[cfg(test)]
mod tests;
