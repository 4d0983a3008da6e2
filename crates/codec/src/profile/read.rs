//! Reading bytes by a profile.

use std::fmt;

use huitian_model::{BadReason, ChannelName, Sample, UncertainReason};

use super::layout::{Field, Message, Shape, slice};
use super::{Channel, MessageKind, Profile};
use crate::number::Fixed;
use crate::range;
use crate::refusal::{Refusal, RefusalReason};

/// A field's value, for people and for vectors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldValue {
    /// A number, scaled.
    Number(Fixed),
    /// Yes or no.
    Flag(bool),
    /// A name of an enumeration (`other:4` where the profile has none), hex digits, a version,
    /// or `none` for a float that is no number.
    Text(String),
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Flag(yes) => yes.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A value as the bytes have it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Raw<'a> {
    Int(i64),
    Float(f32),
    Bytes(&'a [u8]),
}

/// What a profile read from one uplink.
#[derive(Clone, Debug)]
pub struct Decoding<'a> {
    profile: &'a Profile,
    message: Option<&'a Message>,
    values: Vec<(&'a Field, Raw<'a>)>,
    unread: usize,
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
    let mut decoding = Decoding {
        profile,
        message: None,
        values: Vec::new(),
        unread: bytes.len(),
    };
    let Some(message) = find(profile, port, bytes)? else {
        return Ok(decoding);
    };
    let count = message.fields.len();
    decoding.values.reserve_exact(count.max(bytes.len() / 3));
    decoding.read_fields(&message.fields, bytes)?;
    decoding.unread = 0;
    decoding.message = Some(message);
    if !message.records.is_empty() {
        decoding.read_records(message, bytes)?;
    }
    Ok(decoding)
}

/// The message that the bytes are, by port, then by its conditions, then by its length.
fn find<'a>(
    profile: &'a Profile,
    port: Option<u8>,
    bytes: &[u8],
) -> Result<Option<&'a Message>, Refusal> {
    let mut misfit = None;
    for message in &profile.messages {
        let is_port =
            message.ports.is_empty() || port.is_some_and(|port| message.ports.contains(&port));
        if !is_port || !message.when.iter().all(|check| check.holds(bytes)) {
            continue;
        }
        if message.lengths.is_empty() || message.lengths.contains(&bytes.len()) {
            return Ok(Some(message));
        }
        misfit = Some(message);
    }
    match misfit {
        None => Ok(None),
        Some(message) => {
            let lengths: Vec<_> = message.lengths.iter().map(ToString::to_string).collect();
            let (name, found) = (&message.name, bytes.len());
            let text = format!(
                "message {name}: expected {} bytes, found {found}",
                lengths.join(" or ")
            );
            Err(shape(text))
        }
    }
}

impl<'a> Decoding<'a> {
    /// The message's name; none where the profile does not know it.
    pub fn message(&self) -> Option<&'a str> {
        self.message.map(|message| message.name.as_str())
    }

    /// What the message is about; none where the profile does not know it.
    pub fn kind(&self) -> Option<MessageKind> {
        self.message.map(|message| message.kind)
    }

    /// Bytes that the profile could not read: an unknown message, or what follows a record that
    /// it does not know.
    pub const fn unread(&self) -> usize {
        self.unread
    }

    /// All fields in the order of the bytes. A field that stands twice is here twice.
    pub fn fields(&self) -> Vec<(&'a str, FieldValue)> {
        let values = self.values.iter();
        values
            .map(|(field, raw)| (field.name.as_str(), field.shown(*raw)))
            .collect()
    }

    /// The samples by channel. Where a frame names a channel twice the last value holds.
    pub fn samples(&self) -> Vec<(ChannelName, Sample)> {
        let mut samples: Vec<(usize, Sample)> = Vec::with_capacity(self.values.len());
        for (field, raw) in &self.values {
            let Some((index, channel)) = field
                .channel
                .and_then(|index| Some((index, self.profile.channels.get(index)?)))
            else {
                continue;
            };
            let sample = self.judged(index, field.sample(*raw, channel));
            match samples.iter_mut().find(|(known, _)| *known == index) {
                Some((_, held)) => *held = sample,
                None => samples.push((index, sample)),
            }
        }
        let channels = &self.profile.channels;
        samples
            .into_iter()
            .filter_map(|(index, sample)| Some((channels.get(index)?.name.clone(), sample)))
            .collect()
    }

    /// The sample in the light of the rest of the frame.
    fn judged(&self, channel: usize, sample: Sample) -> Sample {
        for spoil in &self.profile.spoils {
            let is_so = |(field, raw): &(&Field, Raw)| {
                *raw == Raw::Int(spoil.equals) && field.name == spoil.field
            };
            if spoil.channels.contains(&channel) && self.values.iter().any(is_so) {
                return Sample::Bad(sample.quantity(), spoil.bad);
            }
        }
        match sample {
            Sample::Good(value) if self.kind() == Some(MessageKind::Startup) => {
                Sample::Uncertain(value, UncertainReason::Startup)
            }
            Sample::Good(_) | Sample::Uncertain(..) | Sample::Bad(..) => sample,
        }
    }

    fn read_fields(&mut self, fields: &'a [Field], bytes: &'a [u8]) -> Result<(), Refusal> {
        for field in fields {
            match slice(bytes, field.at, field.shape.width()) {
                Some(part) => self.values.push((field, field.shape.read(part))),
                None if field.optional => {}
                None => {
                    let (name, at, found) = (&field.name, field.at, bytes.len());
                    let text = format!("field {name} at byte {at}: found {found} bytes");
                    return Err(shape(text));
                }
            }
        }
        Ok(())
    }

    /// Reads records up to the end, or up to one that the profile does not know: its length is
    /// not known either, so nothing behind it can be read.
    fn read_records(&mut self, message: &'a Message, bytes: &'a [u8]) -> Result<(), Refusal> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let known = message
                .records
                .iter()
                .find_map(|record| Some((record, rest.strip_prefix(record.tag.as_slice())?)));
            let Some((record, value)) = known else {
                self.unread = rest.len();
                if rest.len() == bytes.len() {
                    self.message = None;
                }
                return Ok(());
            };
            let Some((value, behind)) = value.split_at_checked(record.length) else {
                let (tag, length) = (&record.tag, record.length);
                let text = format!("record {tag:02x?}: expected {length} bytes more");
                return Err(shape(text));
            };
            self.read_fields(&record.fields, value)?;
            rest = behind;
        }
        Ok(())
    }
}

impl Field {
    fn sample(&self, raw: Raw, channel: &Channel) -> Sample {
        let quantity = channel.quantity;
        let sentinel = self
            .sentinels
            .iter()
            .find(|(value, _)| raw == Raw::Int(*value));
        if let Some((_, reason)) = sentinel {
            return Sample::Bad(quantity, *reason);
        }
        let out_of_range = Sample::Bad(quantity, BadReason::OutOfRange);
        let Some(number) = self.number(raw) else {
            return out_of_range;
        };
        if channel.valid.is_some_and(|valid| !is_within(number, valid)) {
            return out_of_range;
        }
        match range::measurement(quantity, number) {
            None => out_of_range,
            Some(value)
                if channel
                    .plausible
                    .is_some_and(|span| !is_within(number, span)) =>
            {
                Sample::Uncertain(value, UncertainReason::Implausible)
            }
            Some(value) => range::sample(value),
        }
    }

    fn number(&self, raw: Raw) -> Option<Fixed> {
        let scale = self.scale;
        match raw {
            Raw::Int(raw) => Fixed::scaled(raw, scale.multiply, scale.divide, scale.add),
            Raw::Float(value) => Fixed::from_f64(f64::from(value)),
            Raw::Bytes(_) => None,
        }
    }

    fn shown(&self, raw: Raw) -> FieldValue {
        match raw {
            Raw::Int(value) if matches!(self.shape, Shape::Flag { .. }) => {
                FieldValue::Flag(value != 0)
            }
            Raw::Int(value) if !self.names.is_empty() => {
                let named = self.names.iter().find(|(known, _)| *known == value);
                FieldValue::Text(match named {
                    Some((_, name)) => name.clone(),
                    None => format!("other:{value}"),
                })
            }
            Raw::Int(_) | Raw::Float(_) => match self.number(raw) {
                Some(number) => FieldValue::Number(number),
                None => FieldValue::Text("none".to_owned()),
            },
            Raw::Bytes(bytes) if self.shape == Shape::Version => {
                let parts: Vec<_> = bytes.iter().map(ToString::to_string).collect();
                FieldValue::Text(parts.join("."))
            }
            Raw::Bytes(bytes) => FieldValue::Text(hex(bytes)),
        }
    }
}

impl Shape {
    /// Reads bytes of exactly its width.
    fn read(self, part: &[u8]) -> Raw<'_> {
        match self {
            Self::Int {
                signed, big, mask, ..
            } => Raw::Int(int(part, signed, big, mask)),
            Self::Flag { mask } => Raw::Int(i64::from(part.iter().any(|byte| byte & mask != 0))),
            Self::Float { big } => match <[u8; 4]>::try_from(part) {
                Ok(bytes) if big => Raw::Float(f32::from_be_bytes(bytes)),
                Ok(bytes) => Raw::Float(f32::from_le_bytes(bytes)),
                Err(_other_width) => Raw::Bytes(part),
            },
            Self::Hex { .. } | Self::Version => Raw::Bytes(part),
        }
    }
}

/// An integer of 1 to 4 bytes.
fn int(part: &[u8], signed: bool, big: bool, mask: Option<u32>) -> i64 {
    let push = |sum: i64, byte: &u8| (sum << 8) | i64::from(*byte);
    let unsigned = if big {
        part.iter().fold(0, push)
    } else {
        part.iter().rev().fold(0, push)
    };
    if let Some(mask) = mask {
        return (unsigned & i64::from(mask)) >> mask.trailing_zeros();
    }
    let bits = part.len() * 8;
    if signed && (unsigned >> (bits.saturating_sub(1))) & 1 == 1 {
        unsigned - (1_i64 << bits)
    } else {
        unsigned
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

fn is_within(number: Fixed, (least, most): (Fixed, Fixed)) -> bool {
    (least..=most).contains(&number)
}

fn shape(text: String) -> Refusal {
    Refusal::new(RefusalReason::PayloadShape, text)
}
