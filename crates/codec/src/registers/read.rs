//! From the answers of a cycle to samples.

use huitian_model::{BadReason, ChannelName, Sample, UncertainReason, UtcMs};

use super::image::Part;
use super::layout::{Field, RegisterKind, UnitRule, WordOrder};
use super::unit::{Conversion, scaled};
use super::{Channel, RegisterImage, RegisterMap};
use crate::number::{Fixed, MICRO};
use crate::range;

/// Most decimals that another register may ask for: a Modbus value in millionths.
const DECIMALS_MAX: i64 = 6;

/// A sample of a channel, with the time of the answer that its value came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegisterSample<'a> {
    /// The channel.
    pub channel: &'a ChannelName,
    /// When its value was answered.
    pub at: UtcMs,
    /// What was said.
    pub sample: Sample,
}

/// What the spoils of a channel say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Health {
    /// One of them was not answered, so nothing can be said.
    Unanswered,
    /// None is true.
    Sound,
    /// This one is true.
    Spoilt(BadReason),
}

/// A raw value in millionths; none where the bits are no finite number.
type Raw = Option<i128>;

impl RegisterMap {
    /// The samples of the channels that `wanted` says yes to.
    ///
    /// A channel whose value, unit, decimals or health was not answered in this cycle gives no
    /// sample: an old or half-understood value is never said.
    pub fn samples<'a>(
        &'a self,
        image: &RegisterImage,
        wanted: &dyn Fn(&ChannelName) -> bool,
    ) -> Vec<RegisterSample<'a>> {
        let fed = self.fields.iter().filter_map(|field| {
            let channel = field.channel?;
            Some((field, channel, self.channels.get(channel)?))
        });
        fed.filter(|(.., channel)| wanted(&channel.name))
            .filter_map(|(field, index, channel)| {
                let (at, raw) = field.raw(image)?;
                let meaning = self.meaning(field, image)?;
                let sample = match self.health(index, image) {
                    Health::Unanswered => return None,
                    Health::Spoilt(reason) => Sample::Bad(channel.quantity, reason),
                    Health::Sound => field.sample(raw, meaning, channel),
                };
                Some(RegisterSample {
                    channel: &channel.name,
                    at,
                    sample,
                })
            })
            .collect()
    }

    /// What other values say of a channel.
    fn health(&self, channel: usize, image: &RegisterImage) -> Health {
        let mut health = Health::Sound;
        let spoils = self.spoils.iter();
        for spoil in spoils.filter(|spoil| spoil.channels.contains(&channel)) {
            let field = self.fields.get(spoil.field);
            let Some((_, raw)) = field.and_then(|field| field.raw(image)) else {
                return Health::Unanswered;
            };
            let is_listed = spoil.values.iter().any(|value| is_whole(raw, *value));
            if is_listed == spoil.bad_when_listed && health == Health::Sound {
                health = Health::Spoilt(spoil.bad);
            }
        }
        health
    }

    /// Unit and decimals of a value: none where they are not answered, an error where the device
    /// says something that the map does not know.
    fn meaning(
        &self,
        field: &Field,
        image: &RegisterImage,
    ) -> Option<Result<(Conversion, u32), ()>> {
        let unit = match &field.unit {
            UnitRule::Fixed(unit) => Some(*unit),
            UnitRule::Read { field, units } => {
                let (_, raw) = self.fields.get(*field)?.raw(image)?;
                let known = units.iter().find(|(value, _)| is_whole(raw, *value));
                known.map(|(_, unit)| *unit)
            }
        };
        let decimals = match field.decimals {
            None => Some(0),
            Some(index) => {
                let (_, raw) = self.fields.get(index)?.raw(image)?;
                (0..=DECIMALS_MAX)
                    .find(|value| is_whole(raw, *value))
                    .and_then(|value| u32::try_from(value).ok())
            }
        };
        Some(unit.zip(decimals).ok_or(()))
    }
}

fn is_whole(raw: Raw, value: i64) -> bool {
    raw == Some(i128::from(value) * i128::from(MICRO))
}

impl Field {
    /// Its raw value and when it was answered; none where it was not.
    fn raw(&self, image: &RegisterImage) -> Option<(UtcMs, Raw)> {
        let (at, part) = image.get(self.span)?;
        let raw = match part {
            Part::Bit(bit) => Some(i128::from(bit) * i128::from(MICRO)),
            Part::Words(words) => value(self.kind, self.order, words),
        };
        Some((at, raw))
    }

    fn sample(
        &self,
        raw: Raw,
        meaning: Result<(Conversion, u32), ()>,
        channel: &Channel,
    ) -> Sample {
        let quantity = channel.quantity;
        let sentinel = self
            .sentinels
            .iter()
            .find(|(value, _)| is_whole(raw, *value));
        if let Some((_, reason)) = sentinel {
            return Sample::Bad(quantity, *reason);
        }
        let Ok((unit, decimals)) = meaning else {
            return Sample::Bad(quantity, BadReason::DeviceFault);
        };
        let out_of_range = Sample::Bad(quantity, BadReason::OutOfRange);
        let Some(number) = raw.and_then(|raw| scaled(raw, self.scale, decimals, unit)) else {
            return out_of_range;
        };
        let is_outside = |span: Option<(Fixed, Fixed)>| {
            span.is_some_and(|(least, most)| !(least..=most).contains(&number))
        };
        if is_outside(channel.valid) {
            return out_of_range;
        }
        match range::measurement(quantity, number) {
            None => out_of_range,
            Some(value) if is_outside(channel.plausible) => {
                Sample::Uncertain(value, UncertainReason::Implausible)
            }
            Some(value) => range::sample(value),
        }
    }
}

/// The number in some registers, in millionths; none where it is no finite number.
fn value(kind: RegisterKind, order: WordOrder, words: &[u16]) -> Raw {
    // At most 4 registers, most significant first: bits of one number.
    let swapped = |word: &u16| {
        if order.swaps() {
            word.swap_bytes()
        } else {
            *word
        }
    };
    let push = |sum: u64, word: u16| (sum << 16) | u64::from(word);
    let bits = if order.reverses() {
        words.iter().rev().map(swapped).fold(0, push)
    } else {
        words.iter().map(swapped).fold(0, push)
    };
    let whole = match kind {
        RegisterKind::Bit(place) => i128::from((bits >> place.unwrap_or(0)) & 1),
        RegisterKind::Byte { high, signed } => {
            let byte = (if high { bits >> 8 } else { bits }) & 0xff;
            signed_whole(byte, 8, signed)
        }
        RegisterKind::Int { words, signed } => signed_whole(bits, 16 * u32::from(words), signed),
        RegisterKind::Bcd { words } => decimal(bits, 4 * u32::from(words))?,
        RegisterKind::Float { words } => {
            let float = match (words, u32::try_from(bits)) {
                (2, Ok(bits)) => f64::from(f32::from_bits(bits)),
                _ => f64::from_bits(bits),
            };
            return Fixed::from_f64(float).map(|fixed| i128::from(fixed.micros()));
        }
    };
    Some(whole * i128::from(MICRO))
}

fn signed_whole(bits: u64, width: u32, signed: bool) -> i128 {
    let whole = i128::from(bits);
    if signed && (bits >> (width - 1)) & 1 == 1 {
        whole - (1_i128 << width)
    } else {
        whole
    }
}

/// Decimal digits of four bits each; none where one is above 9.
fn decimal(bits: u64, digits: u32) -> Option<i128> {
    (0..digits).rev().try_fold(0_i128, |sum, digit| {
        let digit = (bits >> (4 * digit)) & 0xf;
        (digit <= 9).then(|| sum * 10 + i128::from(digit))
    })
}
