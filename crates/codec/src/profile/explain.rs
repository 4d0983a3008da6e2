//! A message explained field by field, for a person with the datasheet in hand.

use std::ops::Range;

use huitian_model::{Sample, UtcMs};

use super::bits::{Raw, Shape};
use super::judge::{Hit, hex};
use super::layout::{Field, Place, Scale};
use super::named::is_meant;
use super::read::{Value, When, misfit};
use super::vector::{instant, told};
use super::{Decoding, MessageKind, Profile};
use crate::named::{Named, NamedValue};
use crate::number::Fixed;
use crate::registers::unit::Conversion;

/// How a profile reads one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The profile's id.
    pub profile: String,
    /// The message that it is; none where the profile does not know it, or refuses it.
    pub message: Option<String>,
    /// What the message is about.
    pub kind: Option<MessageKind>,
    /// Why the profile refuses it, where it does.
    pub refused: Option<String>,
    /// The device's own time of the message, where it says one.
    pub device_time: Option<UtcMs>,
    /// Values in the order of the bytes, then those that are computed, then what was not read.
    pub rows: Vec<ExplanationRow>,
    /// The messages of the profile that it is not, each with the reason.
    pub others: Vec<OtherMessage>,
}

/// A message of the profile that is not the one that came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherMessage {
    /// Its name.
    pub message: String,
    /// What was expected and what came.
    pub why: String,
}

/// One value, or bytes that nothing reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplanationRow {
    /// The bytes of the message, counted from 0; none for a computed or a named value.
    pub bytes: Option<Range<usize>>,
    /// The bits that count, 0 the lowest of the value as one number; none where all do.
    pub bits: Option<Range<u32>>,
    /// The bytes in hex, or the named value as it came; empty for a computed value.
    pub hex: String,
    /// The field's name; empty where nothing reads the bytes.
    pub field: String,
    /// The group and its number in the order of the bytes, for repeated groups.
    pub group: Option<(String, usize)>,
    /// The value before scaling; empty where there is none.
    pub raw: String,
    /// How it is read, such as `u16 little end first, / 10`.
    pub rule: String,
    /// The value for people.
    pub value: String,
    /// The channel that it feeds.
    pub channel: Option<String>,
    /// What it says on its channel, such as `good 21.5`; none where it says nothing.
    pub sample: Option<String>,
    /// When it was so, if not at the time of the message.
    pub at: Option<String>,
}

impl Profile {
    /// How the bytes of a port are read, value by value. Never fails: a refusal is told in it.
    pub fn explain(&self, port: Option<u8>, bytes: &[u8]) -> Explanation {
        let mut explanation = match self.read(port, bytes) {
            Ok(decoding) => decoding.explanation(bytes),
            Err(refusal) => {
                let mut empty = Decoding::empty(self, bytes.len()).explanation(bytes);
                empty.refused = Some(refusal.text);
                empty
            }
        };
        explanation.rows.extend(unread(&explanation.rows, bytes));
        let chosen = explanation.message.clone();
        let mut is_before = chosen.is_some();
        for message in &self.messages {
            if Some(&message.name) == chosen.as_ref() && is_before {
                is_before = false;
                continue;
            }
            let why = match misfit(message, port, bytes) {
                Some(misfit) => misfit.told(message, port, bytes.len()),
                None if explanation.refused.is_some() => "refused, as told above".to_owned(),
                None => "another message stands before it in the profile, or no record of it is \
                         known"
                    .to_owned(),
            };
            explanation.others.push(OtherMessage {
                message: message.name.clone(),
                why,
            });
        }
        explanation
    }

    /// How values by name are read.
    pub fn explain_named(&self, named: &Named) -> Explanation {
        let decoding = self.read_named(named);
        let mut explanation = decoding.explanation(&[]);
        for row in &mut explanation.rows {
            let mut values = decoding.values.iter();
            let field = values.find(|value| value.field.name == row.field);
            if let Some(Place::Path(path)) = field.map(|value| &value.field.place) {
                row.hex = said(named, path);
            }
        }
        let used: Vec<&str> = decoding
            .values
            .iter()
            .filter_map(|value| match &value.field.place {
                Place::Path(path) => Some(path.as_str()),
                Place::Bytes(_) | Place::Part(_) | Place::Computed(_) => None,
            })
            .collect();
        for (path, value) in &named.values {
            if !used.contains(&path.as_str()) {
                explanation.rows.push(ExplanationRow {
                    hex: value_told(value),
                    rule: format!("{path}: not used"),
                    ..ExplanationRow::empty()
                });
            }
        }
        for message in &self.messages {
            if Some(&message.name) == explanation.message.as_ref() {
                continue;
            }
            let why = if !message.is_named {
                "it is of bytes, not of named values"
            } else if is_meant(message, named) {
                "another message stands before it in the profile"
            } else {
                "a name that it must have is not there"
            };
            explanation.others.push(OtherMessage {
                message: message.name.clone(),
                why: why.to_owned(),
            });
        }
        explanation
    }
}

impl Decoding<'_> {
    fn explanation(&self, bytes: &[u8]) -> Explanation {
        let spoiled = self.spoiled();
        let mut rows: Vec<_> = self
            .values
            .iter()
            .map(|value| self.row(value, bytes, &spoiled))
            .collect();
        // Computed values have no bytes and stay behind.
        rows.sort_by_key(|row| row.bytes.as_ref().map_or(usize::MAX, |bytes| bytes.start));
        Explanation {
            profile: self.profile.id().to_owned(),
            message: self.message().map(str::to_owned),
            kind: self.kind(),
            refused: None,
            device_time: self.device_time(),
            rows,
            others: Vec::new(),
        }
    }

    fn row(&self, value: &Value, bytes: &[u8], spoiled: &[Hit]) -> ExplanationRow {
        let field = value.field;
        let width = match (&field.place, value.raw) {
            (Place::Bytes(_), _) => Some(field.shape.width()),
            (Place::Part(_), Raw::Text(text)) => Some(text.len()),
            (Place::Part(_), _) => Some(part_width(bytes, value.start)),
            (Place::Path(_) | Place::Computed(_), _) => None,
        };
        let place = width.map(|width| value.start..value.start.saturating_add(width));
        let part = place.clone().and_then(|place| bytes.get(place));
        let channel = field
            .channel
            .and_then(|index| self.profile.channels.get(index));
        let scope = value.scope.checked_sub(1);
        let scope = scope.and_then(|index| self.scopes.get(index));
        let sample = self
            .sample(value, spoiled)
            .map(|(_, sample)| self.told_at(value, sample));
        ExplanationRow {
            bytes: place,
            bits: field.shape.bits_that_count(),
            hex: part.map_or(String::new(), hex),
            field: field.name.clone(),
            group: scope.and_then(|scope| {
                let (name, number) = scope.group?;
                Some((name.to_owned(), number))
            }),
            raw: raw_told(value.raw),
            rule: field.rule(),
            value: field.shown(value.raw).to_string(),
            channel: channel.map(|channel| channel.name.to_string()),
            sample,
            at: self.time_told(value.scope),
        }
    }

    fn told_at(&self, value: &Value, sample: Sample) -> String {
        match self.when(value.scope) {
            When::Unknown => format!("{}, not used: nothing says when", told(sample)),
            When::Message | When::Device(_) | When::Back { .. } => told(sample),
        }
    }

    fn time_told(&self, scope: usize) -> Option<String> {
        match self.when(scope) {
            When::Message => None,
            When::Unknown => Some("unknown".to_owned()),
            When::Device(UtcMs(at)) => Some(instant(at)),
            When::Back { steps, every_ms } => {
                let back = steps.saturating_mul(every_ms) / 1_000;
                Some(format!("{back} s before the message"))
            }
        }
    }
}

impl ExplanationRow {
    fn empty() -> Self {
        Self {
            bytes: None,
            bits: None,
            hex: String::new(),
            field: String::new(),
            group: None,
            raw: String::new(),
            rule: String::new(),
            value: String::new(),
            channel: None,
            sample: None,
            at: None,
        }
    }
}

/// Characters of a number in a text from `start` on.
fn part_width(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or(&[]);
    let is_number = |byte: &u8| byte.is_ascii_digit() || b"+-.".contains(byte);
    rest.iter().take_while(|byte| is_number(byte)).count()
}

/// Runs of bytes that no row has.
fn unread(rows: &[ExplanationRow], bytes: &[u8]) -> Vec<ExplanationRow> {
    let is_read = |at: usize| {
        let mut places = rows.iter().filter_map(|row| row.bytes.as_ref());
        places.any(|place| place.contains(&at))
    };
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in (0..bytes.len()).filter(|at| !is_read(*at)) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    let row = |run: Range<usize>| ExplanationRow {
        hex: bytes.get(run.clone()).map_or(String::new(), hex),
        bytes: Some(run),
        rule: "no field (tag, frame, or not described)".to_owned(),
        ..ExplanationRow::empty()
    };
    runs.into_iter().map(row).collect()
}

fn said(named: &Named, path: &str) -> String {
    let mut values = named.values.iter().rev();
    let value = values.find(|(known, _)| known == path);
    value.map_or(String::new(), |(_, value)| value_told(value))
}

fn value_told(value: &NamedValue) -> String {
    match value {
        NamedValue::Bool(yes) => yes.to_string(),
        NamedValue::Number(number) => number.to_string(),
        NamedValue::Text(text) => format!("{text:?}"),
        NamedValue::Missing => "missing".to_owned(),
    }
}

fn raw_told(raw: Raw) -> String {
    match raw {
        Raw::Int(whole) => whole.to_string(),
        Raw::Bool(yes) => yes.to_string(),
        Raw::Number(number) => number.to_string(),
        Raw::Bytes(bytes) => hex(bytes),
        Raw::Text(text) => format!("{text:?}"),
        Raw::None(reason) => format!("none ({})", reason.name()),
    }
}

impl Shape {
    /// The bits of the value as one number, 0 the lowest; none where all count.
    fn bits_that_count(self) -> Option<Range<u32>> {
        match self {
            Self::Int {
                mask: Some(mask), ..
            } => Some(mask.trailing_zeros()..32 - mask.leading_zeros()),
            Self::Flag { mask } if mask != 0xff => {
                Some(mask.trailing_zeros()..8 - mask.leading_zeros())
            }
            Self::Bits { bit, bits, big, .. } => {
                let width = u32::try_from(self.width() * 8).unwrap_or(u32::MAX);
                let least = if big {
                    width.saturating_sub(bit).saturating_sub(bits)
                } else {
                    bit
                };
                Some(least..least + bits)
            }
            Self::Int { .. }
            | Self::Flag { .. }
            | Self::Float { .. }
            | Self::Bcd { .. }
            | Self::Hex { .. }
            | Self::Version
            | Self::Value
            | Self::Text => None,
        }
    }

    fn rule(self) -> String {
        let end = |big: bool, width: usize| match (width, big) {
            (1, _) => "",
            (_, true) => ", big end first",
            (_, false) => ", little end first",
        };
        let sign = |signed: bool| if signed { "signed" } else { "unsigned" };
        match self {
            Self::Int {
                width,
                signed,
                big,
                mask,
            } => {
                let letter = if signed { "i" } else { "u" };
                let mask = mask.map_or(String::new(), |mask| format!(", mask {mask:#x}"));
                format!("{letter}{}{}{mask}", width * 8, end(big, width))
            }
            Self::Bits {
                bit,
                bits,
                signed,
                big,
            } => {
                let from = if big { "highest" } else { "lowest" };
                let sign = sign(signed);
                format!(
                    "{bits} bits {sign} from bit {bit}, counted from the {from} of the first byte"
                )
            }
            Self::Float { width, big } => format!("f{}{}", width * 8, end(big, width)),
            Self::Bcd { length, big } => {
                format!("{} decimal digits{}", length * 2, end(big, length))
            }
            Self::Flag { mask } => format!("yes if any bit of {mask:#04x}"),
            Self::Hex { .. } => "bytes".to_owned(),
            Self::Version => "version".to_owned(),
            Self::Value => "value".to_owned(),
            Self::Text => "text".to_owned(),
        }
    }
}

impl Field {
    /// How it is read, in words.
    fn rule(&self) -> String {
        let mut rule = match &self.place {
            Place::Computed(formula) => format!("= {}", formula.text),
            Place::Path(path) => format!("{path}: {}", self.shape.rule()),
            Place::Part(_) => format!("part of the text, {}", self.shape.rule()),
            Place::Bytes(_) => self.shape.rule(),
        };
        let Scale {
            multiply,
            divide,
            add,
        } = self.scale;
        let mut add_part = |part: String| rule.push_str(&part);
        if multiply != 1 {
            add_part(format!(", * {multiply}"));
        }
        if divide != 1 {
            add_part(format!(", / {divide}"));
        }
        if add.micros() != 0 {
            add_part(format!(", + {add}"));
        }
        for piece in &self.pieces {
            let (from, is, step) = (piece.from, piece.is, piece.step);
            add_part(format!("; from {from}: {is} + {step} each"));
        }
        if !self.curve.is_empty() {
            let points = self.curve.iter().map(|(from, to)| format!("{from}->{to}"));
            add_part(format!(", curve {}", points.collect::<Vec<_>>().join(" ")));
        }
        if self.unit != Conversion::NONE {
            let (add, unit) = (Fixed::from_micros(self.unit.add), self.unit);
            let (multiply, divide) = (unit.multiply, unit.divide);
            add_part(format!(
                ", for the channel (+ {add}) * {multiply} / {divide}"
            ));
        }
        if self.time.is_some() {
            add_part(", device time".to_owned());
        }
        if self.is_sequence {
            add_part(", sequence".to_owned());
        }
        rule
    }
}
