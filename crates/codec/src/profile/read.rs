//! Reading a message by a profile: which one it is, and the values of its fields.

use huitian_model::UtcMs;

use super::bits::Raw;
use super::formula::NoValue;
use super::layout::{Field, Message, Place, start};
use super::time::Clock;
use super::{MessageKind, Profile};
use crate::refusal::{Refusal, RefusalReason};

mod parts;

/// Values of one message: twice what the longest payload holds in tagged records of one byte.
/// With this bound and those of formulas and spoils no message costs more than a millisecond.
const VALUES_MAX: usize = 512;

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
    /// What the records say that the message is about.
    kind: Option<MessageKind>,
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
            kind: None,
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
        let message = self.message?;
        Some(self.kind.unwrap_or(message.kind))
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
        if self.values.len() + fields.len() > VALUES_MAX {
            let text = format!("expected at most {VALUES_MAX} values in a message");
            return Err(shape(text));
        }
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

pub(super) fn shape(text: String) -> Refusal {
    Refusal::new(RefusalReason::PayloadShape, text)
}
