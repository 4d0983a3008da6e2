//! From the TOML as written to a checked map.

use huitian_model::{BadReason, ChannelName, Quantity, Slug};
use toml::Spanned;

use super::layout::{DeviceLimits, LineDefaults, Parity, Spoil};
use super::place::{Fault, Written, fault, span};
use super::raw::{RawChannel, RawHole, RawLimits, RawLine, RawMap, RawSpoil};
use super::vector::Vector;
use super::{Channel, FIELDS_MAX, INLINE_PROFILE, RegisterMap, RegisterSpan};
use crate::number::Fixed;

mod field;

pub(super) use field::FACTOR_MAX;

/// Checks a map; its vectors are not yet tried.
pub(super) fn map(raw: RawMap) -> Result<RegisterMap, Fault> {
    let id = Slug::new(raw.id.get_ref()).map_err(|error| fault(&raw.id, error.to_string()))?;
    if [crate::profile::PLAIN, INLINE_PROFILE].contains(&id.as_str()) {
        let text =
            "the ids plain and modbus mean the plain JSON form and registers in the settings";
        return Err(fault(&raw.id, text));
    }
    let base = raw.address_base.as_ref().map(base).transpose()?;
    let mut channels = Vec::new();
    for raw in &raw.channels {
        channel(raw, &mut channels)?;
    }
    let fields = field::fields(&raw.registers, base, &channels)?;
    if channels.len().max(fields.len()) > FIELDS_MAX {
        let text = format!("expected at most {FIELDS_MAX} channels and values");
        return Err(fault(&raw.id, text));
    }
    let holes = holes(&raw.holes, base)?;
    let limits = limits(&raw.limits)?;
    for (field, raw) in field::with_origin(&fields, &raw.registers) {
        if holes.iter().any(|hole| hole.overlaps(field.span)) {
            return Err(fault(&raw.name, "the value lies in a hole"));
        }
        if field.span.count > limits.registers_max {
            let most = limits.registers_max;
            let text = format!("the value needs more than the {most} registers of a request");
            return Err(fault(&raw.name, text));
        }
    }
    let spoils = raw.spoils.iter();
    Ok(RegisterMap {
        spoils: spoils
            .map(|raw| spoil(raw, &fields, &channels))
            .collect::<Result<_, _>>()?,
        vectors: raw
            .vectors
            .into_iter()
            .map(|raw| Vector::build(raw, base))
            .collect::<Result<_, _>>()?,
        sources: raw
            .sources
            .into_iter()
            .map(|source| (source.what, source.licence))
            .collect(),
        id: id.as_str().to_owned(),
        name: raw.name,
        vendor: raw.vendor,
        address_base: base.unwrap_or(0),
        line: line(&raw.line)?,
        limits,
        holes,
        channels,
        fields,
    })
}

fn base(raw: &Spanned<u8>) -> Result<u8, Fault> {
    match *raw.get_ref() {
        base @ (0 | 1) => Ok(base),
        other => Err(fault(raw, format!("expected 0 or 1, found {other}"))),
    }
}

/// A channel, or a numbered row of them.
fn channel(raw: &RawChannel, channels: &mut Vec<Channel>) -> Result<(), Fault> {
    let quantity = Quantity::from_name(raw.quantity.get_ref()).ok_or_else(|| {
        let names = Quantity::ALL.map(Quantity::name).join(", ");
        fault(&raw.quantity, format!("expected one of {names}"))
    })?;
    let (valid, plausible) = (raw.valid.as_ref(), raw.plausible.as_ref());
    let (valid, plausible) = (
        valid.map(range).transpose()?,
        plausible.map(range).transpose()?,
    );
    for name in names(&raw.name, raw.count.as_ref(), raw.first)? {
        let name = ChannelName::new(&name).map_err(|error| fault(&raw.name, error.to_string()))?;
        if channels.iter().any(|channel| channel.name == name) {
            return Err(fault(&raw.name, format!("channel {name} stands twice")));
        }
        channels.push(Channel {
            name,
            quantity,
            valid,
            plausible,
        });
    }
    Ok(())
}

/// A name, or where there is a count as many names, numbered at `{n}`.
fn names(
    name: &Spanned<String>,
    count: Option<&Spanned<u16>>,
    first: Option<u16>,
) -> Result<Vec<String>, Fault> {
    let text = name.get_ref();
    let Some(count) = count else {
        return if text.contains("{n}") || first.is_some() {
            Err(fault(name, "a name with {n}, and first, need a count"))
        } else {
            Ok(vec![text.clone()])
        };
    };
    if *count.get_ref() == 0 || usize::from(*count.get_ref()) > FIELDS_MAX {
        return Err(fault(count, format!("expected 1 to {FIELDS_MAX}")));
    }
    if !text.contains("{n}") {
        return Err(fault(name, "expected {n} in the name of a numbered row"));
    }
    let numbers = u32::from(first.unwrap_or(1))..;
    Ok(numbers
        .take(usize::from(*count.get_ref()))
        .map(|number| text.replace("{n}", &number.to_string()))
        .collect())
}

fn range(raw: &Spanned<[f64; 2]>) -> Result<(Fixed, Fixed), Fault> {
    let [least, most] = *raw.get_ref();
    match (Fixed::from_f64(least), Fixed::from_f64(most)) {
        (Some(least), Some(most)) if least <= most => Ok((least, most)),
        _ => Err(fault(raw, "expected [least, most]")),
    }
}

fn holes(raw: &[RawHole], base: Option<u8>) -> Result<Vec<RegisterSpan>, Fault> {
    let hole = |raw: &RawHole| {
        let written = Written {
            function: raw.function.as_ref(),
            address: raw.address.as_ref(),
            printed: raw.printed.as_ref(),
            owner: raw.count.span(),
        };
        let (function, address) = written.place(base)?;
        span(function, address, *raw.count.get_ref()).map_err(|text| fault(&raw.count, text))
    };
    raw.iter().map(hole).collect()
}

fn limits(raw: &RawLimits) -> Result<DeviceLimits, Fault> {
    let default = DeviceLimits::default();
    let unit_ids = raw.unit_ids.as_ref();
    if let Some(ids) = unit_ids.filter(|ids| ids.get_ref()[0] > ids.get_ref()[1]) {
        return Err(fault(ids, "expected [lowest, highest]"));
    }
    let [lowest, highest] = unit_ids.map_or(default.unit_ids.into(), |ids: &Spanned<[u8; 2]>| {
        *ids.get_ref()
    });
    Ok(DeviceLimits {
        unit_id: raw.unit_id,
        unit_ids: (lowest, highest),
        registers_max: within(raw.registers.as_ref(), (1, DeviceLimits::REGISTERS_MAX))?
            .unwrap_or(default.registers_max),
        bits_max: within(raw.bits.as_ref(), (1, DeviceLimits::BITS_MAX))?
            .unwrap_or(default.bits_max),
        // A minute: no device known waits longer, and no cadence could bear it.
        gap_ms: within(raw.gap_ms.as_ref(), (0, 60_000))?.unwrap_or(default.gap_ms),
        reply_ms: within(raw.reply_ms.as_ref(), (0, 60_000))?.unwrap_or(default.reply_ms),
        one_request_per_field: raw.one_request_per_field,
    })
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    raw: Option<&Spanned<T>>,
    (least, most): (T, T),
) -> Result<Option<T>, Fault> {
    match raw {
        Some(raw) if *raw.get_ref() < least || *raw.get_ref() > most => {
            let found = raw.get_ref();
            Err(fault(
                raw,
                format!("expected {least} to {most}, found {found}"),
            ))
        }
        raw => Ok(raw.map(|raw| *raw.get_ref())),
    }
}

fn line(raw: &RawLine) -> Result<LineDefaults, Fault> {
    let parity = |raw: &Spanned<String>| {
        Parity::from_name(raw.get_ref()).ok_or_else(|| fault(raw, "expected N, E or O"))
    };
    Ok(LineDefaults {
        baud_rate: within(raw.baud_rate.as_ref(), (300, 4_000_000))?,
        data_bits: within(raw.data_bits.as_ref(), (7, 8))?,
        parity: raw.parity.as_ref().map(parity).transpose()?,
        stop_bits: within(raw.stop_bits.as_ref(), (1, 2))?,
    })
}

fn bad(name: &Spanned<String>) -> Result<BadReason, Fault> {
    crate::plain::bad_reason(name.get_ref()).map_err(|refusal| fault(name, refusal.text))
}

fn spoil(
    raw: &RawSpoil,
    fields: &[super::layout::Field],
    channels: &[Channel],
) -> Result<Spoil, Fault> {
    let (values, bad_when_listed) = match (&raw.is, &raw.is_not) {
        (Some(values), None) => (values.clone(), true),
        (None, Some(values)) => (values.clone(), false),
        _ => return Err(fault(&raw.register, "expected either is or is_not")),
    };
    Ok(Spoil {
        field: field::index_of(&raw.register, fields)?,
        values,
        bad_when_listed,
        channels: spoilt(&raw.channels, channels)?,
        bad: bad(&raw.bad)?,
    })
}

/// The channels that a spoil names; a name with `{n}` means its whole row.
fn spoilt(names: &[Spanned<String>], channels: &[Channel]) -> Result<Vec<usize>, Fault> {
    let mut found = Vec::new();
    for name in names {
        if name.get_ref().contains("{n}") {
            let row = row_of(name.get_ref(), channels);
            if row.is_empty() {
                return Err(fault(name, "the map has no row of channels of that name"));
            }
            found.extend(row);
        } else {
            found.push(channel_index(name, name.get_ref(), channels)?);
        }
    }
    Ok(found)
}

/// The channels whose name has a number where `pattern` has `{n}`, in their order.
fn row_of(pattern: &str, channels: &[Channel]) -> Vec<usize> {
    let Some((before, behind)) = pattern.split_once("{n}") else {
        return Vec::new();
    };
    let is_one = |channel: &Channel| {
        let text = channel.name.as_str();
        let number = text
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(behind));
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
    };
    (0..channels.len())
        .filter(|index| channels.get(*index).is_some_and(is_one))
        .collect()
}

fn channel_index(at: &Spanned<String>, name: &str, channels: &[Channel]) -> Result<usize, Fault> {
    channels
        .iter()
        .position(|channel| channel.name.as_str() == name)
        .ok_or_else(|| fault(at, format!("the map has no channel {name}")))
}
