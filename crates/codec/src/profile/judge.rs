//! From values to samples: sentinels, limits, units, and what spoils what.

use std::fmt;

use huitian_model::{BadReason, ChannelName, Sample, UncertainReason, UtcMs};

use super::bits::{Raw, Shape};
use super::formula::decimal;
use super::layout::{Field, Meaning, Piece, RawRange};
use super::read::{Decoding, Value, When};
use super::{Channel, Compensation, Counter, CounterKind, MessageKind, Spoil};
use crate::number::{Fixed, MICRO};
use crate::range;

/// A field's value, for people and for vectors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldValue {
    /// A number, scaled.
    Number(Fixed),
    /// Yes or no.
    Flag(bool),
    /// A name of an enumeration (`other:4` where the profile has none), text, hex digits, a
    /// version, or `none` where there is no value, such as a float that is no number.
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

/// A sample with its channel's index, and the scope whose time it has; 0 is the message's.
pub(super) struct Judged {
    pub scope: usize,
    pub channel: usize,
    pub sample: Sample,
}

/// A spoil that holds in a scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hit {
    spoil: usize,
    scope: usize,
}

impl<'a> Decoding<'a> {
    /// All fields in the order of reading, computed ones behind those that they need. A field
    /// that stands twice is here twice.
    pub fn fields(&self) -> Vec<(&'a str, FieldValue)> {
        let values = self.values.iter();
        values
            .map(|value| (value.field.name.as_str(), value.field.shown(value.raw)))
            .collect()
    }

    /// The fields of each repeated group in the order of the bytes, with the group's name.
    pub fn groups(&self) -> Vec<(&'a str, Vec<(&'a str, FieldValue)>)> {
        let scopes = self.scopes.iter().enumerate();
        scopes
            .filter_map(|(index, scope)| {
                let (name, _number) = scope.group?;
                let of_scope = self.values.iter().filter(|value| value.scope == index + 1);
                let fields =
                    of_scope.map(|value| (value.field.name.as_str(), value.field.shown(value.raw)));
                Some((name, fields.collect()))
            })
            .collect()
    }

    /// The samples of the message's own time, by channel. Where a message names a channel twice
    /// the last value holds.
    pub fn samples(&self) -> Vec<(ChannelName, Sample)> {
        let judged = self.judged().into_iter();
        judged
            .filter(|judged| judged.scope == 0)
            .filter_map(|judged| Some((self.name(judged.channel)?, judged.sample)))
            .collect()
    }

    /// The samples of another time than the message's, each with its own. `heard_at` is when
    /// the message was heard: steps back are counted from it where the device says no time.
    pub fn history(&self, heard_at: Option<UtcMs>) -> Vec<(UtcMs, ChannelName, Sample)> {
        let judged = self.judged().into_iter();
        judged
            .filter_map(|judged| {
                let at = self.instant_of(judged.scope, heard_at)?;
                Some((at, self.name(judged.channel)?, judged.sample))
            })
            .collect()
    }

    /// Whether the message says that the device has started anew.
    pub fn is_reboot(&self) -> bool {
        let is_reboot = |value: &Value| {
            let meaning = value.field.meaning(value.raw);
            meaning == Some(Meaning::Reboot)
        };
        self.kind() == Some(MessageKind::Startup) || self.values.iter().any(is_reboot)
    }

    /// The device's own sequence, where the message has one.
    pub fn sequence(&self) -> Option<u32> {
        let mut values = self.values.iter().rev();
        let value = values.find(|value| value.scope == 0 && value.field.is_sequence)?;
        let number = value.field.judged_number(value.raw).ok()?.whole()?;
        u32::try_from(number).ok()
    }

    fn name(&self, channel: usize) -> Option<ChannelName> {
        Some(self.profile.channels.get(channel)?.name.clone())
    }

    /// When a scope was so, if not at the message's time.
    pub(super) fn instant_of(&self, scope: usize, heard_at: Option<UtcMs>) -> Option<UtcMs> {
        match self.when(scope) {
            When::Message | When::Unknown => None,
            When::Device(at) => Some(at),
            When::Back { steps, every_ms } => {
                let now = match (self.device_at, heard_at) {
                    (Some(UtcMs(at)), _) => at,
                    // By the uplink's time the steps are put on a grid, so that the next uplink
                    // repeats the same instants although it comes a little early or late.
                    (None, Some(UtcMs(at))) => at.checked_sub(at.rem_euclid(every_ms))?,
                    (None, None) => return None,
                };
                now.checked_sub(steps.checked_mul(every_ms)?).map(UtcMs)
            }
        }
    }

    /// All samples; of one channel and time the last.
    pub(super) fn judged(&self) -> Vec<Judged> {
        let spoiled = self.spoiled();
        let mut all: Vec<Judged> = Vec::with_capacity(self.values.len());
        for value in &self.values {
            let when = self.when(value.scope);
            if when == When::Unknown {
                continue;
            }
            let Some((channel, sample)) = self.sample(value, &spoiled) else {
                continue;
            };
            let scope = if when == When::Message {
                0
            } else {
                value.scope
            };
            let held = all
                .iter_mut()
                .find(|held| (held.scope, held.channel) == (scope, channel));
            match held {
                Some(held) => held.sample = sample,
                None => all.push(Judged {
                    scope,
                    channel,
                    sample,
                }),
            }
        }
        if self.is_reboot() {
            self.begin_counts(&mut all);
        }
        all
    }

    /// A restart says of every count that it does not survive: from here it counts from 0.
    fn begin_counts(&self, all: &mut Vec<Judged>) {
        let forgets = |counter: Counter| counter.resets && counter.kind == CounterKind::Total;
        for (index, channel) in self.profile.channels.iter().enumerate() {
            let is_said = |held: &Judged| (held.scope, held.channel) == (0, index);
            if channel.counter.is_some_and(forgets)
                && !all.iter().any(is_said)
                && let Some(zero) = range::measurement(channel.quantity, Fixed::from_micros(0))
            {
                all.push(Judged {
                    scope: 0,
                    channel: index,
                    sample: Sample::Uncertain(zero, UncertainReason::Startup),
                });
            }
        }
    }

    /// What a value says on its channel.
    pub(super) fn sample(&self, value: &Value, spoiled: &[Hit]) -> Option<(usize, Sample)> {
        let index = value.field.channel?;
        let channel = self.profile.channels.get(index)?;
        let sample = match value.field.meaning(value.raw) {
            Some(Meaning::Reboot) => return None,
            Some(Meaning::Bad(reason)) => Sample::Bad(channel.quantity, reason),
            None => match value.field.number(value.raw) {
                Err(reason) => Sample::Bad(channel.quantity, reason),
                Ok(number) => {
                    let number = value.field.converted(number);
                    let compensated = self.compensated(channel, value.scope, number);
                    channel.sample(number, compensated)
                }
            },
        };
        Some((
            index,
            self.in_context((value.scope, index), sample, spoiled),
        ))
    }

    /// Which spoils hold, and where.
    pub(super) fn spoiled(&self) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (spoil, rule) in self.profile.spoils.iter().enumerate() {
            for value in &self.values {
                let hit = Hit {
                    spoil,
                    scope: value.scope,
                };
                if value.field.name == rule.field
                    && hits.last() != Some(&hit)
                    && rule.is_so(value.raw.ordinal())
                {
                    hits.push(hit);
                }
            }
        }
        hits
    }

    /// The sample in the light of the rest of the message.
    fn in_context(
        &self,
        (scope, channel): (usize, usize),
        sample: Sample,
        spoiled: &[Hit],
    ) -> Sample {
        if let Some(spoil) = self.spoil_of(scope, channel, spoiled) {
            return Sample::Bad(sample.quantity(), spoil.bad);
        }
        match sample {
            Sample::Good(value) if self.kind() == Some(MessageKind::Startup) => {
                Sample::Uncertain(value, UncertainReason::Startup)
            }
            Sample::Good(_) | Sample::Uncertain(..) | Sample::Bad(..) => sample,
        }
    }

    /// The first spoil that holds for a channel in a scope.
    fn spoil_of(&self, scope: usize, channel: usize, spoiled: &[Hit]) -> Option<&Spoil> {
        let is_now = self.when(scope) == When::Message;
        let spoils = &self.profile.spoils;
        let mut beside = spoiled
            .iter()
            .filter(|hit| hit.scope == scope || (is_now && hit.scope == 0))
            .filter_map(|hit| spoils.get(hit.spoil));
        beside.find(|spoil| spoil.channels.contains(&channel))
    }

    /// The field that spoils what a value says, where one does.
    pub(super) fn spoiled_by(&self, value: &Value, spoiled: &[Hit]) -> Option<&str> {
        let spoil = self.spoil_of(value.scope, value.field.channel?, spoiled)?;
        Some(&spoil.field)
    }

    /// The values that were so at the same time: of the scope, and of the message as a whole
    /// where the scope has the message's time.
    fn beside(&self, scope: usize) -> impl Iterator<Item = &Value<'a>> {
        let is_now = self.when(scope) == When::Message;
        self.values
            .iter()
            .filter(move |value| value.scope == scope || (is_now && value.scope == 0))
    }

    /// The distance at the true speed of sound, where the same message has a good temperature.
    fn compensated(&self, channel: &Channel, scope: usize, number: Option<Fixed>) -> Option<Fixed> {
        let (Some(compensation), Some(distance)) = (channel.compensate, number) else {
            return number;
        };
        let feeds = |value: &&Value| value.field.channel == Some(compensation.with);
        let temperature = self.beside(scope).filter(|value| feeds(value)).last();
        let degrees = temperature.and_then(|value| match value.field.judged_number(value.raw) {
            Ok(number) => value.field.converted(number),
            Err(_no_temperature) => None,
        });
        match degrees.and_then(Compensation::speed) {
            Some(speed) => compensation.apply(distance, speed),
            None => number,
        }
    }
}

impl Channel {
    /// The sample of a number as the device says it, and as it is used.
    fn sample(&self, said: Option<Fixed>, used: Option<Fixed>) -> Sample {
        let out_of_range = Sample::Bad(self.quantity, BadReason::OutOfRange);
        let (Some(said), Some(used)) = (said, used) else {
            return out_of_range;
        };
        if self.valid.is_some_and(|valid| !is_within(said, valid)) {
            return out_of_range;
        }
        let is_doubted = self.blind.is_some_and(|blind| said < blind)
            || self.plausible.is_some_and(|span| !is_within(used, span));
        match range::measurement(self.quantity, used) {
            None => out_of_range,
            Some(value) if is_doubted => Sample::Uncertain(value, UncertainReason::Implausible),
            Some(value) => range::sample(value),
        }
    }
}

impl Field {
    /// A part of a text, or named text: a listed word, a number, or text.
    pub(super) fn of_text<'a>(&self, text: &'a str) -> Raw<'a> {
        if self.shape == Shape::Text {
            return Raw::Text(text);
        }
        let listed = self.texts.iter().find(|(known, _)| known == text);
        match (listed, decimal(text)) {
            (Some((_, number)), _) => Raw::Int(*number),
            (None, Some(number)) => Raw::Number(number),
            (None, None) => Raw::Text(text),
        }
    }

    /// What the raw value means if it is a sentinel.
    pub(super) fn meaning(&self, raw: Raw) -> Option<Meaning> {
        if self.sentinels.is_empty() {
            return None;
        }
        let micros = raw.ordinal()?;
        let mut sentinels = self.sentinels.iter();
        let found = sentinels.find(|sentinel| sentinel.range.contains(micros));
        found.map(|sentinel| sentinel.means)
    }

    /// The scaled value, or why there is none.
    pub(super) fn number(&self, raw: Raw) -> Result<Fixed, BadReason> {
        if let Raw::None(reason) = raw {
            return Err(reason);
        }
        let micros = raw.ordinal().ok_or(BadReason::DeviceFault)?;
        let value = if self.pieces.is_empty() {
            self.scale.apply(micros)
        } else {
            Piece::value(&self.pieces, micros)
        };
        value.ok_or(BadReason::OutOfRange)
    }

    /// As [`Self::number`], where a sentinel is no value.
    pub(super) fn judged_number(&self, raw: Raw) -> Result<Fixed, BadReason> {
        match self.meaning(raw) {
            Some(Meaning::Bad(reason)) => Err(reason),
            Some(Meaning::Reboot) => Err(BadReason::DeviceFault),
            None => self.number(raw),
        }
    }

    /// The value in the unit of the channel's quantity.
    pub(super) fn converted(&self, value: Fixed) -> Option<Fixed> {
        if self.curve.is_empty() {
            let moved = i128::from(value.micros()) + i128::from(self.unit.add);
            let micros = moved * i128::from(self.unit.multiply) / i128::from(self.unit.divide);
            return i64::try_from(micros).ok().map(Fixed::from_micros);
        }
        on_curve(&self.curve, value)
    }

    pub(super) fn shown(&self, raw: Raw) -> FieldValue {
        match raw {
            Raw::Bytes(bytes) if self.shape == Shape::Version => {
                let parts: Vec<_> = bytes.iter().map(ToString::to_string).collect();
                FieldValue::Text(parts.join("."))
            }
            Raw::Bytes(bytes) => FieldValue::Text(hex(bytes)),
            Raw::Text(text) => FieldValue::Text(text.to_owned()),
            Raw::Int(_) | Raw::Bool(_) | Raw::Number(_) | Raw::None(_) => self.shown_number(raw),
        }
    }

    fn shown_number(&self, raw: Raw) -> FieldValue {
        let whole = raw.ordinal().and_then(|micros| {
            let unit = i128::from(MICRO);
            let whole = (micros % unit == 0).then_some(micros / unit)?;
            i64::try_from(whole).ok()
        });
        if let (false, Some(whole)) = (self.names.is_empty(), whole) {
            let named = self.names.iter().find(|(known, _)| *known == whole);
            return FieldValue::Text(match named {
                Some((_, name)) => name.clone(),
                None => format!("other:{whole}"),
            });
        }
        match (raw, self.number(raw)) {
            (Raw::Bool(yes), _) => FieldValue::Flag(yes),
            (_, Ok(number)) if self.is_flag => FieldValue::Flag(number.micros() != 0),
            (_, Ok(number)) => FieldValue::Number(number),
            (_, Err(_reason)) => FieldValue::Text("none".to_owned()),
        }
    }
}

/// Straight lines between the points, level beyond the ends.
fn on_curve(points: &[(Fixed, Fixed)], value: Fixed) -> Option<Fixed> {
    let (first, last) = (points.first()?, points.last()?);
    if value <= first.0 {
        return Some(first.1);
    }
    let below = points.iter().rev().find(|(from, _)| *from <= value)?;
    let Some(above) = points.iter().find(|(from, _)| *from > value) else {
        return Some(last.1);
    };
    let wide = |fixed: Fixed| i128::from(fixed.micros());
    let run = wide(above.0) - wide(below.0);
    let rise = wide(above.1) - wide(below.1);
    let along = (wide(value) - wide(below.0)).checked_mul(rise)?;
    let micros = wide(below.1) + along.checked_div(run)?;
    i64::try_from(micros).ok().map(Fixed::from_micros)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

fn is_within(number: Fixed, (least, most): (Fixed, Fixed)) -> bool {
    (least..=most).contains(&number)
}

impl Spoil {
    fn is_so(&self, micros: Option<i128>) -> bool {
        micros.is_some_and(|micros| {
            self.ranges
                .iter()
                .any(|range: &RawRange| range.contains(micros))
        })
    }
}
