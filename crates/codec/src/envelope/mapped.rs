//! JSON whose keys a route maps: which is the device, which the time, where the records are.
//!
//! ```json
//! { "dev": { "id": "bin-7" }, "n": 17,
//!   "data": [ { "ts": 1795406400, "level": { "mm": 640 } },
//!             { "ts": 1795407000, "level": { "mm": 655 } } ] }
//! ```
//!
//! With `device = { path = "dev.id" }`, `time = { path = "ts", unit = "s" }`, `sequence = "n"` and
//! `records = "data"` these are two records of `bin-7`, each with a value `level.mm`.
//!
//! - Without `records` the message is one record, or an array of records.
//! - Device, time and sequence are looked for in the record, then in what stands outside of the
//!   records. What else stands outside is left aside.
//! - `null` as the time means that the device's clock is not set: the time of receipt holds.

use huitian_model::UtcMs;

use super::values::{Excess, Flat, VALUES_MAX, take};
use super::{Opened, address, wrong_type};
use crate::instant::{self, TimeUnit};
use crate::json::Reader;
use crate::named::{Named, NamedMessage, NamedValue};
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{BATCH_ITEMS_MAX, TEXT_CHARS_MAX};

/// What a route says of such messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mapping {
    /// Path of the device's name; none: the topic names it.
    pub(crate) device: Option<String>,
    /// Path of the time, and its unit.
    pub(crate) time: Option<(String, TimeUnit)>,
    /// Path of the device's own counter.
    pub(crate) sequence: Option<String>,
    /// Keys that lead to the records.
    pub(crate) records: Vec<String>,
}

/// Reads a message; `named_by_topic` is what its topic calls the device.
pub(crate) fn read(
    mapping: &Mapping,
    named_by_topic: Option<&str>,
    payload: &[u8],
) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, TEXT_CHARS_MAX)?;
    let mut walk = Walk {
        outside: Flat::new(Excess::Refused, VALUES_MAX),
        items: None,
    };
    walk.down(&mut reader, &mapping.records)?;
    reader.end()?;
    let Some(items) = walk.items else {
        let text = format!(
            "expected {} with records, found none",
            mapping.records.join(".")
        );
        return Err(Refusal::new(RefusalReason::MissingField, text));
    };
    let shared = mapping.shared(&walk.outside);
    let mut message = NamedMessage::default();
    for (index, item) in items.into_iter().enumerate() {
        let item = item.and_then(|item| mapping.record(item, &shared, named_by_topic));
        match item {
            Ok(record) if record.values.is_empty() => {}
            Ok(record) => message.records.push(record),
            Err(refusal) => message.refused.push(refusal.at(&format!("record {index}"))),
        }
    }
    if message.records.is_empty() && message.refused.is_empty() {
        return Ok(Opened::NotReadings("no values"));
    }
    Ok(Opened::Named(message))
}

struct Walk {
    outside: Flat,
    items: Option<Vec<Result<Flat, Refusal>>>,
}

impl Walk {
    /// Reads what stands at a place from which `path` leads to the records.
    fn down(&mut self, reader: &mut Reader, path: &[String]) -> Result<(), Refusal> {
        let Some((next, rest)) = path.split_first() else {
            return self.records(reader);
        };
        reader.object(|reader, key| {
            if key != next.as_str() {
                return self.outside.member(reader, &key);
            }
            if rest.is_empty() {
                return self.records(reader);
            }
            let before = self.outside.enter(&key);
            let read = self.down(reader, rest);
            self.outside.leave(before);
            read
        })
    }

    fn records(&mut self, reader: &mut Reader) -> Result<(), Refusal> {
        let mut items = Vec::new();
        let outside = &mut self.outside;
        let mut item = |reader: &mut Reader| -> Result<(), Refusal> {
            if items.len() == BATCH_ITEMS_MAX {
                let text = format!("expected at most {BATCH_ITEMS_MAX} records");
                return Err(Refusal::new(RefusalReason::TooManyItems, text));
            }
            if reader.peek()? != b'{' {
                reader.skip()?;
                items.push(Err(wrong_type("it", "an object")));
                return Ok(());
            }
            let mut flat = Flat::new(Excess::Refused, outside.room());
            flat.object(reader)?;
            outside.spend(flat.values.len());
            items.push(Ok(flat));
            Ok(())
        };
        if reader.peek()? == b'[' {
            reader.array(|reader, _index| item(reader))?;
        } else {
            item(reader)?;
        }
        self.items = Some(items);
        Ok(())
    }
}

/// What stands outside of the records, looked for once for all of them.
struct Shared {
    device: Found,
    time: Found,
    sequence: Found,
}

/// A value; an error where it is a number beyond the range.
type Found = Result<Option<NamedValue>, Refusal>;

fn find(flat: &Flat, path: &str) -> Found {
    if flat.beyond.iter().any(|known| known == path) {
        let text = format!("{}: expected less than 9.2e12 in size", quoted(path));
        return Err(Refusal::new(RefusalReason::OutOfRange, text));
    }
    let found = flat.values.iter().find(|(known, _)| known == path);
    Ok(found.map(|(_, value)| value.clone()))
}

impl Mapping {
    fn shared(&self, outside: &Flat) -> Shared {
        let find = |path: Option<&String>| path.map_or(Ok(None), |path| find(outside, path));
        Shared {
            device: find(self.device.as_ref()),
            time: find(self.time.as_ref().map(|(path, _unit)| path)),
            sequence: find(self.sequence.as_ref()),
        }
    }

    fn record(
        &self,
        mut item: Flat,
        shared: &Shared,
        named_by_topic: Option<&str>,
    ) -> Result<Named, Refusal> {
        let mut find = |path: &str, shared: &Found| match find(&item, path)? {
            Some(_own) => Ok(take(&mut item.values, path)),
            None => shared.clone(),
        };
        let device = match &self.device {
            Some(path) => {
                device_of(find(path, &shared.device)?).map_err(|refusal| refusal.at(path))?
            }
            None => address(named_by_topic.unwrap_or_default())?,
        };
        let at = match &self.time {
            Some((path, unit)) => {
                time_of(find(path, &shared.time)?, *unit).map_err(|refusal| refusal.at(path))?
            }
            None => None,
        };
        let sequence = match &self.sequence {
            Some(path) => {
                sequence_of(find(path, &shared.sequence)?).map_err(|refusal| refusal.at(path))?
            }
            None => None,
        };
        let mut record = Named::said(device, at, item.values);
        record.sequence = sequence;
        Ok(record)
    }
}

/// A device's name: text, or a whole number.
pub(super) fn device_of(value: Option<NamedValue>) -> Result<String, Refusal> {
    match value {
        Some(NamedValue::Text(text)) => address(&text),
        Some(NamedValue::Number(number)) if number.whole().is_some() => Ok(number.to_string()),
        Some(_other) => Err(wrong_type("device", "text or a whole number")),
        None => {
            let text = "expected the device's name, found none";
            Err(Refusal::new(RefusalReason::MissingField, text))
        }
    }
}

/// The event time; none where the device gave none.
pub(super) fn time_of(value: Option<NamedValue>, unit: TimeUnit) -> Result<Option<UtcMs>, Refusal> {
    match value {
        None | Some(NamedValue::Missing) => Ok(None),
        Some(NamedValue::Number(number)) if unit != TimeUnit::Rfc3339 => {
            instant::from_text(&number.to_string(), unit).map(Some)
        }
        Some(NamedValue::Text(text)) if unit == TimeUnit::Rfc3339 => {
            instant::from_rfc3339(&text).map(Some)
        }
        Some(_other) if unit == TimeUnit::Rfc3339 => Err(wrong_type("time", "RFC 3339 text")),
        Some(_other) => Err(wrong_type("time", "a number")),
    }
}

/// The device's own counter.
pub(super) fn sequence_of(value: Option<NamedValue>) -> Result<Option<u32>, Refusal> {
    let whole = match value {
        None | Some(NamedValue::Missing) => return Ok(None),
        Some(NamedValue::Number(number)) => number.whole(),
        Some(_other) => None,
    };
    let sequence = whole.and_then(|whole| u32::try_from(whole).ok());
    sequence.map(Some).ok_or_else(|| {
        let text = format!("expected a whole number of 0 to {}", u32::MAX);
        Refusal::new(RefusalReason::OutOfRange, text)
    })
}
