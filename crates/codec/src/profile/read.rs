//! Reading a message by a profile: which one it is, and the values of its fields.

use huitian_model::UtcMs;

use super::bits::Raw;
use super::formula::NoValue;
use super::layout::{
    Field, Flags, Group, Message, Place, RecordLength, Spacing, TaggedRecord, start,
};
use super::time::Clock;
use super::{MessageKind, Profile};
use crate::refusal::{Refusal, RefusalReason};

/// Groups of a message: one of one byte each in the longest payload.
const GROUPS_MAX: usize = 255;
/// The greatest step between two groups, in seconds: a month.
const EVERY_S_MAX: i64 = 31 * 86_400;

/// One value with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub field: &'a Field,
    pub raw: Raw<'a>,
    /// The first byte of the message that it was read from.
    pub start: usize,
    /// 0: the message as a whole; else one more than the index of its scope.
    pub scope: usize,
}

/// A part of the message with a time of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    /// The group's name and its number in the order of the bytes.
    pub group: Option<(&'a str, usize)>,
    pub when: When,
}

/// When a part of the message was so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    /// As the message.
    Message,
    /// By the device's clock.
    Device(UtcMs),
    /// So many steps before the message.
    Back { steps: i64, every_ms: i64 },
    /// Nothing says when: shown, and used for nothing.
    Unknown,
}

/// What a profile read from one message.
#[derive(Clone, Debug)]
pub struct Decoding<'a> {
    pub(super) profile: &'a Profile,
    pub(super) message: Option<&'a Message>,
    pub(super) values: Vec<Value<'a>>,
    pub(super) scopes: Vec<Scope<'a>>,
    pub(super) device_at: Option<UtcMs>,
    pub(super) unread: usize,
}

/// Why a message is not the one that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Misfit {
    Named,
    Port,
    When(usize),
    Length,
    Text,
}

/// Reads the bytes of a port.
pub(super) fn decoding<'a>(
    profile: &'a Profile,
    port: Option<u8>,
    bytes: &'a [u8],
) -> Result<Decoding<'a>, Refusal> {
    if let Some(check) = profile.require.iter().find(|check| !check.holds(bytes)) {
        let text = format!("byte {} is not {:02x?}", check.at, check.is);
        return Err(shape(text));
    }
    let mut decoding = Decoding::empty(profile, bytes.len());
    let Some(message) = find(profile, port, bytes)? else {
        return Ok(decoding);
    };
    decoding
        .values
        .reserve_exact(message.fields.len().max(bytes.len() / 3));
    decoding.unread = 0;
    decoding.message = Some(message);
    decoding.read_message(message, bytes)?;
    Ok(decoding)
}

/// Why `message` is not what came; none where it is.
pub(super) fn misfit(message: &Message, port: Option<u8>, bytes: &[u8]) -> Option<Misfit> {
    if message.is_named {
        return Some(Misfit::Named);
    }
    if !message.ports.is_empty() && !port.is_some_and(|port| message.ports.contains(&port)) {
        return Some(Misfit::Port);
    }
    if let Some(index) = message.when.iter().position(|check| !check.holds(bytes)) {
        return Some(Misfit::When(index));
    }
    if !message.lengths.is_empty() && !message.lengths.contains(&bytes.len()) {
        return Some(Misfit::Length);
    }
    let pattern = message.text.as_ref();
    pattern
        .is_some_and(|pattern| pattern.captures(bytes).is_none())
        .then_some(Misfit::Text)
}

/// The message that the bytes are, by port, then by its conditions, then by its length.
fn find<'a>(
    profile: &'a Profile,
    port: Option<u8>,
    bytes: &[u8],
) -> Result<Option<&'a Message>, Refusal> {
    let mut nearest = None;
    for message in &profile.messages {
        match misfit(message, port, bytes) {
            None => return Ok(Some(message)),
            Some(Misfit::Named | Misfit::Port | Misfit::When(_)) => {}
            Some(misfit @ (Misfit::Length | Misfit::Text)) => nearest = Some((message, misfit)),
        }
    }
    match nearest {
        None => Ok(None),
        Some((message, misfit)) => {
            let name = &message.name;
            let told = misfit.told(message, port, bytes.len());
            Err(shape(format!("message {name}: {told}")))
        }
    }
}

impl Misfit {
    /// For people: what was expected and what came.
    pub(super) fn told(self, message: &Message, port: Option<u8>, length: usize) -> String {
        match self {
            Self::Named => "it is of named values, not of bytes".to_owned(),
            Self::Port => {
                let ports: Vec<_> = message.ports.iter().map(ToString::to_string).collect();
                let found = port.map_or("none".to_owned(), |port| port.to_string());
                format!("expected port {}, found {found}", ports.join(" or "))
            }
            Self::When(index) => match message.when.get(index) {
                Some(check) => format!("byte {} is not one of {:02x?}", check.at, check.is),
                None => "a condition does not hold".to_owned(),
            },
            Self::Length => {
                let lengths: Vec<_> = message.lengths.iter().map(ToString::to_string).collect();
                format!("expected {} bytes, found {length}", lengths.join(" or "))
            }
            Self::Text => {
                let pattern = message.text.as_ref().map_or("", |pattern| &pattern.text);
                format!("expected text such as {pattern:?}")
            }
        }
    }
}

impl<'a> Decoding<'a> {
    pub(super) fn empty(profile: &'a Profile, unread: usize) -> Self {
        Self {
            profile,
            message: None,
            values: Vec::new(),
            scopes: Vec::new(),
            device_at: None,
            unread,
        }
    }

    /// The message's name; none where the profile does not know it.
    pub fn message(&self) -> Option<&'a str> {
        self.message.map(|message| message.name.as_str())
    }

    /// What the message is about; none where the profile does not know it.
    pub fn kind(&self) -> Option<MessageKind> {
        self.message.map(|message| message.kind)
    }

    /// Bytes that the profile could not read: an unknown message, or what follows a record that
    /// it does not know. Of a message of named values: names that it does not use.
    pub const fn unread(&self) -> usize {
        self.unread
    }

    /// The device's own time for the message as a whole, where it says one.
    pub const fn device_time(&self) -> Option<UtcMs> {
        self.device_at
    }

    pub(super) fn when(&self, scope: usize) -> When {
        let scope = scope
            .checked_sub(1)
            .and_then(|index| self.scopes.get(index));
        scope.map_or(When::Message, |scope| scope.when)
    }

    fn read_message(&mut self, message: &'a Message, bytes: &'a [u8]) -> Result<(), Refusal> {
        match &message.text {
            Some(pattern) => {
                let parts = pattern.captures(bytes).unwrap_or_default();
                self.read_parts(&message.fields, &parts);
            }
            None => self.read_fields(&message.fields, (bytes, 0), 0)?,
        }
        if !message.records.is_empty() {
            self.read_records(message, bytes)?;
        }
        if let Some(flags) = &message.flags {
            self.read_blocks(flags, bytes)?;
        }
        self.compute(&message.fields, 0, 0);
        for group in &message.groups {
            self.read_group(group, bytes)?;
        }
        self.device_at = self.instant(message.clock.as_ref(), 0, 0);
        Ok(())
    }

    /// Fields of a part of the message, which begins at byte `base`.
    fn read_fields(
        &mut self,
        fields: &'a [Field],
        (part, base): (&'a [u8], usize),
        scope: usize,
    ) -> Result<(), Refusal> {
        for field in fields {
            let Place::Bytes(at) = field.place else {
                continue;
            };
            let width = field.shape.width();
            let found = start(part.len(), at, width)
                .and_then(|start| Some((start, part.get(start..start.checked_add(width)?)?)));
            match found {
                Some((start, bytes)) => self.values.push(Value {
                    field,
                    raw: field.shape.read(bytes),
                    start: base + start,
                    scope,
                }),
                None if field.optional => {}
                None => {
                    let (name, found) = (&field.name, part.len());
                    let text = format!("field {name} at byte {at}: found {found} bytes");
                    return Err(shape(text));
                }
            }
        }
        Ok(())
    }

    fn read_parts(&mut self, fields: &'a [Field], parts: &[(usize, &'a str)]) {
        for field in fields {
            if let Place::Part(index) = field.place
                && let Some((start, part)) = parts.get(index)
            {
                self.values.push(Value {
                    field,
                    raw: field.of_text(part),
                    start: *start,
                    scope: 0,
                });
            }
        }
    }

    /// Computes formulas over the values from `from` on; where one of a formula's fields is not
    /// there, the formula says nothing.
    pub(super) fn compute(&mut self, fields: &'a [Field], from: usize, scope: usize) {
        for field in fields {
            let Place::Computed(formula) = &field.place else {
                continue;
            };
            let result = formula.value(|name| match self.value(name, from, scope) {
                Some(value) => value.field.judged_number(value.raw).map_err(Some),
                None => Err(None),
            });
            let raw = match result {
                Ok(number) => Raw::Number(number),
                Err(NoValue::Field(None)) => continue,
                Err(NoValue::Field(Some(reason))) => Raw::None(reason),
                Err(NoValue::Overflow) => Raw::None(huitian_model::BadReason::OutOfRange),
            };
            self.values.push(Value {
                field,
                raw,
                start: 0,
                scope,
            });
        }
    }

    /// The last value of a field in a scope, else in the message as a whole.
    fn value(&self, name: &str, from: usize, scope: usize) -> Option<&Value<'a>> {
        let near = self.values.get(from..).unwrap_or(&[]).iter().rev();
        let mut near = near.filter(|value| value.scope == scope);
        let found = near.find(|value| value.field.name == name);
        if scope == 0 || found.is_some() {
            return found;
        }
        let whole = self.values.iter().rev().filter(|value| value.scope == 0);
        let mut whole = whole;
        whole.find(|value| value.field.name == name)
    }

    /// Reads records up to the end, or up to one that the profile does not know and whose length
    /// nothing says: behind it nothing can be read.
    fn read_records(&mut self, message: &'a Message, bytes: &'a [u8]) -> Result<(), Refusal> {
        let mut at = message.records_at.min(bytes.len());
        let mut known_records = 0_usize;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or(&[]);
            match record(message, rest)? {
                Part::Unknown {
                    length: Some(length),
                } => {
                    self.unread += length;
                    at += length;
                }
                Part::Unknown { length: None } => {
                    self.unread += rest.len();
                    break;
                }
                Part::Known {
                    record,
                    value,
                    from,
                    length,
                } => {
                    self.read_record(record, (value, at + from))?;
                    known_records += 1;
                    at += length;
                }
            }
        }
        if known_records == 0 && !bytes.is_empty() {
            self.message = None;
        }
        Ok(())
    }

    fn read_record(
        &mut self,
        record: &'a TaggedRecord,
        part: (&'a [u8], usize),
    ) -> Result<(), Refusal> {
        let from = self.values.len();
        let scope = if record.is_timed {
            self.scopes.push(Scope {
                group: None,
                when: When::Unknown,
            });
            self.scopes.len()
        } else {
            0
        };
        self.read_fields(&record.fields, part, scope)?;
        self.compute(&record.fields, from, scope);
        if record.is_timed {
            self.set_own_time(record.clock.as_ref(), from, scope);
        }
        Ok(())
    }

    fn read_blocks(&mut self, flags: &'a Flags, bytes: &'a [u8]) -> Result<(), Refusal> {
        let width = flags.shape.width();
        let part = start(bytes.len(), flags.at, width)
            .and_then(|start| bytes.get(start..start.checked_add(width)?));
        let Some(Raw::Int(set)) = part.map(|part| flags.shape.read(part)) else {
            return Err(shape(format!("flags: found {} bytes", bytes.len())));
        };
        let mut at = flags.blocks_at;
        for block in &flags.blocks {
            if (set >> block.bit) & 1 == 0 {
                continue;
            }
            let Some(part) = bytes.get(at..at.saturating_add(block.length)) else {
                let (bit, length, found) = (block.bit, block.length, bytes.len());
                let text =
                    format!("block of bit {bit}: expected {length} bytes at {at}, found {found}");
                return Err(shape(text));
            };
            let from = self.values.len();
            self.read_fields(&block.fields, (part, at), 0)?;
            self.compute(&block.fields, from, 0);
            at += block.length;
        }
        self.unread += bytes.len().saturating_sub(at);
        Ok(())
    }

    fn read_group(&mut self, group: &'a Group, bytes: &'a [u8]) -> Result<(), Refusal> {
        let rest = bytes.get(group.at..).unwrap_or(&[]);
        let found = rest.chunks_exact(group.length).len();
        let count = group.count.unwrap_or(found).min(GROUPS_MAX);
        if found < count {
            let name = &group.name;
            return Err(shape(format!(
                "group {name}: expected {count}, found {found}"
            )));
        }
        if group.count.is_none() {
            self.unread += rest.len() - (rest.len() / group.length) * group.length;
        }
        let every_s = match &group.spacing {
            Spacing::Own | Spacing::Unknown => None,
            Spacing::Seconds(seconds) => Some(*seconds),
            Spacing::Field(name) => self
                .value(name, 0, 0)
                .and_then(|value| value.field.judged_number(value.raw).ok()?.whole())
                .filter(|seconds| (1..=EVERY_S_MAX).contains(seconds)),
        };
        for (index, part) in rest.chunks_exact(group.length).take(count).enumerate() {
            if group
                .absent
                .is_some_and(|absent| part.iter().all(|byte| *byte == absent))
            {
                continue;
            }
            let back = if group.newest_first {
                index
            } else {
                count - 1 - index
            };
            self.read_one_group(
                group,
                (part, group.at + index * group.length),
                (index, back),
            )?;
            if group.spacing == Spacing::Own || back == 0 {
                continue;
            }
            let steps = i64::try_from(back).unwrap_or(i64::MAX);
            if let (Some(scope), Some(every_s)) = (self.scopes.last_mut(), every_s) {
                let every_ms = every_s * 1_000;
                scope.when = When::Back { steps, every_ms };
            }
        }
        Ok(())
    }

    fn read_one_group(
        &mut self,
        group: &'a Group,
        part: (&'a [u8], usize),
        (index, back): (usize, usize),
    ) -> Result<(), Refusal> {
        let from = self.values.len();
        let when = if back == 0 && group.spacing != Spacing::Own {
            When::Message
        } else {
            When::Unknown
        };
        self.scopes.push(Scope {
            group: Some((&group.name, index)),
            when,
        });
        let scope = self.scopes.len();
        self.read_fields(&group.fields, part, scope)?;
        self.compute(&group.fields, from, scope);
        if group.spacing == Spacing::Own {
            self.set_own_time(group.clock.as_ref(), from, scope);
        }
        Ok(())
    }

    fn set_own_time(&mut self, clock: Option<&Clock>, from: usize, scope: usize) {
        let at = self.instant(clock, from, scope);
        if let (Some(at), Some(scope)) = (at, self.scopes.last_mut()) {
            scope.when = When::Device(at);
        }
    }

    /// What the fields of a scope say of the time.
    pub(super) fn instant(
        &self,
        clock: Option<&Clock>,
        from: usize,
        scope: usize,
    ) -> Option<UtcMs> {
        if let Some(clock) = clock {
            return clock.instant(|name| {
                let value = self.value(name, from, scope)?;
                value.field.judged_number(value.raw).ok()?.whole()
            });
        }
        let values = self.values.get(from..).unwrap_or(&[]).iter();
        let mut values = values.filter(|value| value.scope == scope);
        values.find_map(|value| {
            let form = value.field.time?;
            form.instant(value.field.judged_number(value.raw).ok()?)
        })
    }
}

/// The next part of a stream.
enum Part<'a, 'b> {
    Known {
        record: &'a TaggedRecord,
        value: &'b [u8],
        /// Where the value begins.
        from: usize,
        /// Of the record with tag and length.
        length: usize,
    },
    Unknown {
        length: Option<usize>,
    },
}

/// The record at the beginning of `rest`, which is not empty.
fn record<'a, 'b>(message: &'a Message, rest: &'b [u8]) -> Result<Part<'a, 'b>, Refusal> {
    let (head, counted) = match message.record_length {
        RecordLength::Before => (1, rest.first().map(|length| usize::from(*length))),
        RecordLength::Fixed | RecordLength::After => (0, None),
    };
    let tagged = rest.get(head..).unwrap_or(&[]);
    let known = message
        .records
        .iter()
        .find(|record| tagged.starts_with(&record.tag));
    let width = message.records.first().map_or(0, |record| record.tag.len());
    let (from, value) = match message.record_length {
        RecordLength::Fixed => match known {
            Some(record) => (width, record.length),
            None => return Ok(Part::Unknown { length: None }),
        },
        RecordLength::Before => {
            let value = counted.and_then(|counted| counted.checked_sub(width));
            let text = "record: its length is shorter than its tag";
            (1 + width, value.ok_or_else(|| shape(text.to_owned()))?)
        }
        RecordLength::After => {
            let text = "record: cut off before its length";
            let value = rest.get(width).ok_or_else(|| shape(text.to_owned()))?;
            (1 + width, usize::from(*value))
        }
    };
    let length = from + value;
    let (Some(part), tag) = (rest.get(from..length), rest.get(head..head + width)) else {
        let tag = rest.get(head..rest.len().min(head + width)).unwrap_or(&[]);
        let text = format!("record {tag:02x?}: expected {value} bytes more");
        return Err(shape(text));
    };
    match known {
        Some(record) if tag.is_some() => Ok(Part::Known {
            record,
            value: part,
            from,
            length,
        }),
        Some(_) | None => Ok(Part::Unknown {
            length: Some(length),
        }),
    }
}

pub(super) fn shape(text: String) -> Refusal {
    Refusal::new(RefusalReason::PayloadShape, text)
}
