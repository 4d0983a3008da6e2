//! A message explained field by field, for a person with the datasheet in hand.

use std::ops::Range;

use huitian_model::{Sample, UncertainReason, UtcMs};

use super::bits::Raw;
use super::judge::{Hit, hex};
use super::layout::{Message, Place};
use super::named::is_meant;
use super::read::{Value, When, misfit};
use super::vector::{instant, told};
use super::{Decoding, MessageKind, Profile};
use crate::named::{Named, NamedValue};
use crate::range::permitted;

mod rule;

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
    /// Values and what no field reads, in the order of the bytes; then values that are computed.
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
    /// Why the sample is not good, or not used.
    pub why: Option<String>,
    /// When it was so, if not at the time of the message.
    pub at: Option<String>,
}

impl Profile {
    /// How the bytes of a port are read, value by value. Never fails: a refusal is told in it.
    pub fn explain(&self, port: Option<u8>, bytes: &[u8]) -> Explanation {
        let mut explanation = match self.read(port, bytes) {
            Ok(decoding) => {
                let mut explanation = decoding.explanation(bytes);
                explanation.add_unread(bytes, decoding.message);
                explanation
            }
            Err(refusal) => {
                let mut empty = Decoding::empty(self, bytes.len()).explanation(bytes);
                empty.refused = Some(refusal.text);
                empty.add_unread(bytes, None);
                empty
            }
        };
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
            let is_there = |path: &&String| named.values.iter().any(|(known, _)| known == *path);
            let wanted = message.has.iter().find(|path| !is_there(path));
            let why = if !message.is_named {
                "it is of bytes, not of named values".to_owned()
            } else if is_meant(message, named) {
                "another message stands before it in the profile".to_owned()
            } else if let Some(path) = wanted {
                format!("it must have {path:?}, which is not there")
            } else {
                "none of its fields' names is there".to_owned()
            };
            explanation.others.push(OtherMessage {
                message: message.name.clone(),
                why,
            });
        }
        explanation
    }
}

impl Decoding<'_> {
    fn explanation(&self, bytes: &[u8]) -> Explanation {
        let spoiled = self.spoiled();
        let rows = self
            .values
            .iter()
            .map(|value| self.row(value, bytes, &spoiled))
            .collect();
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
        let sample = self.sample(value, spoiled).map(|(_, sample)| sample);
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
            why: sample.and_then(|sample| self.why(value, sample, spoiled)),
            sample: sample.map(told),
            at: self.time_told(value.scope),
        }
    }

    /// Why a sample is not good, or not used.
    fn why(&self, value: &Value, sample: Sample, spoiled: &[Hit]) -> Option<String> {
        let channel = self.profile.channels.get(value.field.channel?)?;
        if self.when(value.scope) == When::Unknown {
            return Some("not used: nothing says when it was so".to_owned());
        }
        if let Some(field) = self.spoiled_by(value, spoiled) {
            return Some(format!("spoiled by {field}"));
        }
        let (least, most) = permitted(channel.quantity);
        match sample {
            Sample::Good(_) => None,
            Sample::Uncertain(_, UncertainReason::Startup) => {
                Some("the device has just started".to_owned())
            }
            Sample::Uncertain(_, UncertainReason::Implausible) => Some(match channel.plausible {
                Some((least, most)) => format!("outside {least} to {most}, or too near"),
                None => channel.blind.map_or("below zero".to_owned(), |blind| {
                    format!("nearer than {blind}")
                }),
            }),
            Sample::Bad(..) if value.field.meaning(value.raw).is_some() => {
                Some("a sentinel".to_owned())
            }
            Sample::Bad(..) if value.field.number(value.raw).is_err() => {
                Some("no number".to_owned())
            }
            Sample::Bad(..) => Some(match channel.valid {
                Some((least, most)) => format!("outside {least} to {most}"),
                None => format!("outside {least} to {most} {}", channel.quantity.unit()),
            }),
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
            why: None,
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

impl Explanation {
    /// Adds the runs of bytes that no row has, and puts all into the order of the bytes.
    fn add_unread(&mut self, bytes: &[u8], message: Option<&Message>) {
        let is_read = |at: usize| {
            let mut places = self.rows.iter().filter_map(|row| row.bytes.as_ref());
            places.any(|place| place.contains(&at))
        };
        let mut runs: Vec<Range<usize>> = Vec::new();
        for at in (0..bytes.len()).filter(|at| !is_read(*at)) {
            match runs.last_mut() {
                Some(run) if run.end == at => run.end = at + 1,
                _ => runs.push(at..at + 1),
            }
        }
        for run in runs {
            let part = bytes.get(run.clone()).unwrap_or(&[]);
            self.rows.push(ExplanationRow {
                hex: hex(part),
                rule: unread_told(part, message).to_owned(),
                bytes: Some(run),
                ..ExplanationRow::empty()
            });
        }
        // Computed values have no bytes and stay behind.
        let place = |row: &ExplanationRow| row.bytes.as_ref().map_or(usize::MAX, |at| at.start);
        self.rows.sort_by_key(place);
    }
}

/// What bytes are that no field reads.
fn unread_told(part: &[u8], message: Option<&Message>) -> &'static str {
    let Some(message) = message else {
        return "not read";
    };
    let is_tag = |tag: &Vec<u8>| {
        part.windows(tag.len())
            .any(|window| window == tag.as_slice())
    };
    if message.text.is_some() {
        "fixed text"
    } else if message.records.is_empty() {
        "no field describes it"
    } else if message.records.iter().any(|record| is_tag(&record.tag)) {
        "tag of a record"
    } else {
        "not read: no record of the profile begins so"
    }
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
