//! Parsing of the plain form: a fault refuses as little as it can.

use huitian_model::{BadReason, ChannelName, UtcMs};

use super::{PlainItem, PlainValue};
use crate::BATCH_ITEMS_MAX;
use crate::instant;
use crate::json::{Reader, Scalar};
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason, quoted};

/// What may stand behind `bad`.
const BAD_REASONS: [BadReason; 5] = [
    BadReason::NoEcho,
    BadReason::OutOfRange,
    BadReason::LidOpen,
    BadReason::Tilted,
    BadReason::DeviceFault,
];

/// The items and refusals of a whole message.
pub(super) fn message(reader: &mut Reader) -> Result<(Vec<PlainItem>, Vec<Refusal>), Refusal> {
    let mut items = Vec::new();
    let mut refused = Vec::new();
    let mut single = RawItem::default();
    let mut has_batch = false;
    reader.object(|reader, key| {
        if key == "batch" {
            has_batch = true;
            return batch(reader, &mut items, &mut refused);
        }
        single.read(reader, &key)
    })?;
    reader.end()?;
    match (has_batch, single.is_empty()) {
        (true, true) => {}
        (true, false) => {
            let text = "expected at, seq and readings inside the items of the batch";
            return Err(Refusal::new(RefusalReason::WrongType, text));
        }
        (false, _) if single.has_readings => single.finish(0, &mut items, &mut refused),
        (false, _) => return Err(missing_readings("readings or batch")),
    }
    Ok((items, refused))
}

fn batch(
    reader: &mut Reader,
    items: &mut Vec<PlainItem>,
    refused: &mut Vec<Refusal>,
) -> Result<(), Refusal> {
    reader.array(|reader, index| {
        if index == BATCH_ITEMS_MAX {
            let text = format!("expected at most {BATCH_ITEMS_MAX} items in a batch");
            return Err(Refusal::new(RefusalReason::TooManyItems, text));
        }
        let mut item = RawItem::default();
        if reader.peek()? == b'{' {
            reader.object(|reader, key| item.read(reader, &key))?;
        } else {
            reader.skip()?;
            item.faults.push(wrong_type("expected an object"));
        }
        if !item.has_readings && item.faults.is_empty() {
            item.faults.push(missing_readings("readings"));
        }
        item.finish(index, items, refused);
        Ok(())
    })
}

/// An item while it is read.
#[derive(Default)]
struct RawItem {
    at: Option<UtcMs>,
    sequence: Option<u32>,
    has_readings: bool,
    channels: Vec<(ChannelName, PlainValue)>,
    /// Faults that refuse the whole item.
    faults: Vec<Refusal>,
    /// Refused values.
    refused: Vec<(String, Refusal)>,
}

impl RawItem {
    fn is_empty(&self) -> bool {
        !self.has_readings && self.at.is_none() && self.sequence.is_none() && self.faults.is_empty()
    }

    /// Reads the value of one key of the item.
    fn read(&mut self, reader: &mut Reader, key: &str) -> Result<(), Refusal> {
        match key {
            "at" => match at(&reader.scalar()?) {
                Ok(at) => self.at = at,
                Err(fault) => self.faults.push(fault.at("at")),
            },
            "seq" => match sequence(&reader.scalar()?) {
                Ok(sequence) => self.sequence = sequence,
                Err(fault) => self.faults.push(fault.at("seq")),
            },
            "readings" => return self.readings(reader),
            _ignored => return reader.skip(),
        }
        Ok(())
    }

    fn readings(&mut self, reader: &mut Reader) -> Result<(), Refusal> {
        self.has_readings = true;
        if reader.peek()? != b'{' {
            self.faults
                .push(wrong_type("expected readings to be an object"));
            return reader.skip();
        }
        reader.object(|reader, key| {
            let value = value(reader)?;
            match channel(&key).and_then(|name| self.unused(name)) {
                Ok(name) => match value {
                    Ok(value) => self.channels.push((name, value)),
                    Err(refusal) => self.refused.push((name.to_string(), refusal)),
                },
                Err(refusal) => self.refused.push((quoted(&key), refusal)),
            }
            Ok(())
        })
    }

    fn unused(&self, name: ChannelName) -> Result<ChannelName, Refusal> {
        if self.channels.iter().any(|(known, _)| *known == name) {
            let text = format!("channel {name} stands twice, with '-' and with '_'");
            return Err(Refusal::new(RefusalReason::DuplicateKey, text));
        }
        Ok(name)
    }

    fn finish(self, index: usize, items: &mut Vec<PlainItem>, refused: &mut Vec<Refusal>) {
        if !self.faults.is_empty() {
            let place = format!("item {index}");
            refused.extend(self.faults.into_iter().map(|fault| fault.at(&place)));
            return;
        }
        for (channel, refusal) in self.refused {
            refused.push(refusal.at(&format!("item {index}, channel {channel}")));
        }
        items.push(PlainItem {
            index,
            at: self.at,
            sequence: self.sequence,
            channels: self.channels,
        });
    }
}

/// The channel that a key names: `_` is written for `-` by those who know the quantities' names.
fn channel(key: &str) -> Result<ChannelName, Refusal> {
    let name = if key.contains('_') {
        ChannelName::new(&key.replace('_', "-"))
    } else {
        ChannelName::new(key)
    };
    name.map_err(|error| Refusal::new(RefusalReason::OutOfRange, error.to_string()))
}

fn at(value: &Scalar) -> Result<Option<UtcMs>, Refusal> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Number(digits) => instant::from_ms(digits).map(Some),
        Scalar::Text(text) => instant::from_rfc3339(text).map(Some),
        Scalar::Bool(_) | Scalar::Container => Err(wrong_type(
            "expected milliseconds since 1970 or RFC 3339 text",
        )),
    }
}

fn sequence(value: &Scalar) -> Result<Option<u32>, Refusal> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Number(digits) => Fixed::from_json(digits)
            .and_then(Fixed::whole)
            .and_then(|whole| u32::try_from(whole).ok())
            .map(Some)
            .ok_or_else(|| {
                let found = quoted(digits);
                let text = format!(
                    "expected a whole number of 0 to {}, found {found}",
                    u32::MAX
                );
                Refusal::new(RefusalReason::OutOfRange, text)
            }),
        Scalar::Text(_) | Scalar::Bool(_) | Scalar::Container => {
            Err(wrong_type("expected a whole number"))
        }
    }
}

/// A value. The outer error ends the message, the inner one refuses the value alone.
fn value(reader: &mut Reader) -> Result<Result<PlainValue, Refusal>, Refusal> {
    if reader.peek()? == b'{' {
        return bad(reader);
    }
    Ok(match reader.scalar()? {
        Scalar::Null => Ok(PlainValue::Bad(BadReason::DeviceFault)),
        Scalar::Bool(yes) => Ok(PlainValue::Bool(yes)),
        Scalar::Number(digits) => {
            Fixed::from_json(digits)
                .map(PlainValue::Number)
                .ok_or_else(|| {
                    let text = format!(
                        "expected less than 9.2e12 in size, found {}",
                        quoted(digits)
                    );
                    Refusal::new(RefusalReason::OutOfRange, text)
                })
        }
        Scalar::Text(_) | Scalar::Container => Err(wrong_type(
            "expected a number, true, false, null or {\"bad\": REASON}",
        )),
    })
}

fn bad(reader: &mut Reader) -> Result<Result<PlainValue, Refusal>, Refusal> {
    let mut reason = Err(Refusal::new(
        RefusalReason::MissingField,
        "expected bad in the object",
    ));
    reader.object(|reader, key| {
        if key != "bad" {
            return reader.skip();
        }
        reason = match reader.scalar()? {
            Scalar::Text(name) => bad_reason(&name),
            Scalar::Null | Scalar::Bool(_) | Scalar::Number(_) | Scalar::Container => {
                Err(wrong_type("expected the reason behind bad to be text"))
            }
        };
        Ok(())
    })?;
    Ok(reason.map(PlainValue::Bad))
}

/// The reason of that name.
pub(crate) fn bad_reason(name: &str) -> Result<BadReason, Refusal> {
    BAD_REASONS
        .into_iter()
        .find(|reason| reason.name() == name)
        .ok_or_else(|| {
            let known = BAD_REASONS.map(BadReason::name).join(", ");
            let text = format!("expected one of {known}, found {}", quoted(name));
            Refusal::new(RefusalReason::OutOfRange, text)
        })
}

fn wrong_type(text: &str) -> Refusal {
    Refusal::new(RefusalReason::WrongType, text)
}

fn missing_readings(name: &str) -> Refusal {
    Refusal::new(
        RefusalReason::MissingField,
        format!("expected {name}, found none"),
    )
}
