//! From the TOML as written to a checked profile.

use std::ops::Range;

use huitian_model::{BadReason, ChannelName, Quantity, Slug};
use toml::Spanned;

use super::layout::{Message, RawRange};
use super::raw::{RawChannel, RawCounter, RawCounterKind, RawNumber, RawProfile, RawSpoil};
use super::{
    Channel, Compensation, Counter, CounterKind, PLAIN, Profile, SOUND_AT_ZERO, Spoil, Vector,
};
use crate::number::{Fixed, MICRO};

mod field;
mod message;
mod pieces;

/// Messages of a profile, and records of a message: a byte of type each would allow 256.
const LAYOUTS_MAX: usize = 64;
/// Spoils of a profile; the widest known device has 3.
const SPOILS_MAX: usize = 32;
/// Pieces of a compressed value, and points of a curve.
const PIECES_MAX: usize = 16;

/// What is wrong, and where.
pub(super) struct Fault {
    pub message: String,
    pub span: Range<usize>,
}

/// Checks a profile; its vectors are not yet tried.
pub(super) fn profile(raw: RawProfile) -> Result<Profile, Fault> {
    let id = slug(&raw.id)?;
    if id == PLAIN {
        return Err(fault(&raw.id, "the id plain means the plain JSON form"));
    }
    let mut channels = Vec::new();
    for raw in &raw.channels {
        channels.push(channel(raw, &channels)?);
    }
    for (index, raw) in raw.channels.iter().enumerate() {
        let compensate = compensation(raw, &channels)?;
        if let Some(channel) = channels.get_mut(index) {
            channel.compensate = compensate;
        }
    }
    if raw.messages.len() > LAYOUTS_MAX {
        let text = format!("expected at most {LAYOUTS_MAX} messages");
        return Err(fault(&raw.id, &text));
    }
    let messages: Vec<Message> = raw
        .messages
        .iter()
        .map(|raw| message::message(raw, &channels))
        .collect::<Result<_, _>>()?;
    if let Some(spoil) = raw.spoils.get(SPOILS_MAX) {
        let text = format!("expected at most {SPOILS_MAX} spoils");
        return Err(fault(&spoil.field, &text));
    }
    let spoils = raw.spoils.iter();
    Ok(Profile {
        spoils: spoils
            .map(|raw| spoil(raw, &channels, &messages))
            .collect::<Result<_, _>>()?,
        vectors: raw
            .vectors
            .into_iter()
            .map(Vector::build)
            .collect::<Result<_, _>>()?,
        sources: raw
            .sources
            .into_iter()
            .map(|source| (source.what, source.licence))
            .collect(),
        require: message::checks(&raw.require)?,
        id,
        name: raw.name,
        vendor: raw.vendor,
        notes: raw.notes,
        channels,
        messages,
    })
}

pub(super) fn fault<T>(at: &Spanned<T>, message: &str) -> Fault {
    Fault {
        message: message.to_owned(),
        span: at.span(),
    }
}

fn slug(text: &Spanned<String>) -> Result<String, Fault> {
    match Slug::new(text.get_ref()) {
        Ok(id) => Ok(id.as_str().to_owned()),
        Err(error) => Err(fault(text, &error.to_string())),
    }
}

fn channel(raw: &RawChannel, known: &[Channel]) -> Result<Channel, Fault> {
    let name = ChannelName::new(raw.name.get_ref())
        .map_err(|error| fault(&raw.name, &error.to_string()))?;
    if known.iter().any(|channel| channel.name == name) {
        return Err(fault(&raw.name, &format!("channel {name} stands twice")));
    }
    let quantity = Quantity::from_name(raw.quantity.get_ref()).ok_or_else(|| {
        let names = Quantity::ALL.map(Quantity::name).join(", ");
        fault(&raw.quantity, &format!("expected one of {names}"))
    })?;
    let blind = match &raw.blind {
        Some(blind) if quantity == Quantity::Distance => {
            let least = Fixed::from_f64(*blind.get_ref()).filter(|mm| mm.micros() > 0);
            Some(least.ok_or_else(|| fault(blind, "expected mm above 0"))?)
        }
        Some(blind) => return Err(fault(blind, "only a distance has a blind zone")),
        None => None,
    };
    Ok(Channel {
        name,
        quantity,
        valid: raw.valid.as_ref().map(span).transpose()?,
        plausible: raw.plausible.as_ref().map(span).transpose()?,
        blind,
        compensate: None,
        counter: counter(raw.counter.as_ref(), quantity)?,
    })
}

fn span(raw: &Spanned<[f64; 2]>) -> Result<(Fixed, Fixed), Fault> {
    let [least, most] = *raw.get_ref();
    match (Fixed::from_f64(least), Fixed::from_f64(most)) {
        (Some(least), Some(most)) if least <= most => Ok((least, most)),
        _ => Err(fault(raw, "expected [least, most]")),
    }
}

fn counter(
    raw: Option<&Spanned<RawCounter>>,
    quantity: Quantity,
) -> Result<Option<Counter>, Fault> {
    let Some(spanned) = raw else {
        return Ok(None);
    };
    if !matches!(quantity, Quantity::Entries | Quantity::Exits) {
        return Err(fault(spanned, "only entries and exits are counters"));
    }
    let raw = spanned.get_ref();
    let kind = match raw.kind {
        RawCounterKind::Total => CounterKind::Total,
        RawCounterKind::Interval => CounterKind::Interval,
    };
    if kind == CounterKind::Interval && (raw.bits.is_some() || raw.stored) {
        let text = "a count of an interval begins anew each time: it takes no bits and no stored";
        return Err(fault(spanned, text));
    }
    if !matches!(raw.bits, None | Some(8 | 16 | 32)) {
        return Err(fault(spanned, "expected bits of 8, 16 or 32"));
    }
    Ok(Some(Counter {
        kind,
        wrap_bits: raw.bits,
        resets: kind == CounterKind::Total && !raw.stored,
    }))
}

/// Which channel says the temperature, and at which the device takes its speed of sound.
fn compensation(raw: &RawChannel, channels: &[Channel]) -> Result<Option<Compensation>, Fault> {
    let Some(compensate) = &raw.compensate else {
        return Ok(None);
    };
    let with = index_of(&compensate.with, channels)?;
    let quantity = |index: usize| channels.get(index).map(|channel| channel.quantity);
    if quantity(with) != Some(Quantity::Temperature) {
        return Err(fault(&compensate.with, "expected a channel of temperature"));
    }
    if Quantity::from_name(raw.quantity.get_ref()) != Some(Quantity::Distance) {
        return Err(fault(&raw.quantity, "only a distance is compensated"));
    }
    let reference = Fixed::from_f64(*compensate.reference.get_ref())
        .filter(|degrees| degrees.micros().abs() <= 100 * MICRO)
        .ok_or_else(|| fault(&compensate.reference, "expected -100 to 100 degrees"))?;
    Ok(Some(Compensation {
        with,
        speed: Compensation::speed(reference).unwrap_or(SOUND_AT_ZERO),
    }))
}

/// A whole or decimal number of the TOML.
fn number(raw: RawNumber) -> Option<Fixed> {
    match raw {
        RawNumber::Whole(whole) => Fixed::from_whole(whole),
        RawNumber::Decimal(value) => Fixed::from_f64(value),
    }
}

/// The raw values that are meant: one, or all beyond a limit.
fn range(
    exactly: Option<RawNumber>,
    below: Option<RawNumber>,
    above: Option<RawNumber>,
) -> Option<RawRange> {
    let micros = |raw| number(raw).map(|value| i128::from(value.micros()));
    let range = match (exactly, below, above) {
        (Some(exactly), None, None) => RawRange {
            least: micros(exactly)?,
            most: micros(exactly)?,
        },
        (None, Some(below), None) => RawRange {
            least: i128::MIN,
            most: micros(below)? - 1,
        },
        (None, None, Some(above)) => RawRange {
            least: micros(above)? + 1,
            most: i128::MAX,
        },
        _ => return None,
    };
    Some(range)
}

fn bad(name: &Spanned<String>) -> Result<BadReason, Fault> {
    crate::plain::bad_reason(name.get_ref()).map_err(|refusal| fault(name, &refusal.text))
}

fn spoil(raw: &RawSpoil, channels: &[Channel], messages: &[Message]) -> Result<Spoil, Fault> {
    let mut names = messages.iter().flat_map(Message::all_fields);
    if !names.any(|field| field.name == *raw.field.get_ref()) {
        return Err(fault(&raw.field, "no message has a field of that name"));
    }
    let one = (raw.equals, raw.below, raw.above);
    let ranges: Option<Vec<_>> = match (&raw.one_of, one) {
        (Some(several), (None, None, None)) if !several.is_empty() => several
            .iter()
            .map(|value| range(Some(*value), None, None))
            .collect(),
        (None, (equals, below, above)) => range(equals, below, above).map(|range| vec![range]),
        _ => None,
    };
    let ranges = ranges.ok_or_else(|| {
        let text = "expected exactly one of equals, below, above and one_of, with numbers";
        fault(&raw.field, text)
    })?;
    Ok(Spoil {
        field: raw.field.get_ref().clone(),
        ranges,
        channels: raw
            .channels
            .iter()
            .map(|name| index_of(name, channels))
            .collect::<Result<_, _>>()?,
        bad: bad(&raw.bad)?,
    })
}

fn index_of(name: &Spanned<String>, channels: &[Channel]) -> Result<usize, Fault> {
    let wanted = name.get_ref();
    channels
        .iter()
        .position(|channel| channel.name.as_str() == wanted)
        .ok_or_else(|| fault(name, "the profile has no channel of that name"))
}
