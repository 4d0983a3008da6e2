//! The values of a map.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::Quantity;
use toml::Spanned;

use super::super::layout::{Field, RegisterKind, Scale, UnitRule, WordOrder};
use super::super::place::{Fault, Written, fault, span};
use super::super::raw::RawRegister;
use super::super::unit::{Conversion, conversion};
use super::super::{Channel, RegisterFunction, RegisterSpan};
use super::{bad, channel_index, names, row_of};

/// Factors of a scale, as in device profiles: see `unit::scaled` for the arithmetic.
pub(in super::super) const FACTOR_MAX: i64 = 1_000_000;

/// All values of a map, rows unfolded.
pub(super) fn fields(
    raw: &[RawRegister],
    base: Option<u8>,
    channels: &[Channel],
) -> Result<Vec<Field>, Fault> {
    let mut fields: Vec<Field> = Vec::new();
    let mut fed = BTreeSet::new();
    let mut known = BTreeSet::new();
    for raw in raw {
        for field in row(raw, base, channels)? {
            if !known.insert(field.name.clone()) {
                return Err(fault(
                    &raw.name,
                    format!("value {} stands twice", field.name),
                ));
            }
            if let (Some(channel), Some(name)) = (field.channel, raw.channel.as_ref())
                && !fed.insert(channel)
            {
                return Err(fault(name, "the channel is fed by another value already"));
            }
            fields.push(field);
        }
    }
    for index in 0..fields.len() {
        let Some((name, raw)) = origin(&fields, index, raw) else {
            continue;
        };
        let (unit, decimals) = helpers(raw, &fields, channels)?;
        let is_own = |helper: &Option<usize>| *helper == Some(index);
        let reads_itself = matches!(unit, Some(UnitRule::Read { field, .. }) if field == index);
        if reads_itself || is_own(&decimals) {
            return Err(fault(name, "the value says its own unit or decimals"));
        }
        if let Some(field) = fields.get_mut(index) {
            field.decimals = decimals;
            field.unit = unit.unwrap_or(UnitRule::Fixed(Conversion::NONE));
        }
    }
    Ok(fields)
}

/// Each value with the register that it was written as.
pub(super) fn with_origin<'a>(
    fields: &'a [Field],
    raw: &'a [RawRegister],
) -> impl Iterator<Item = (&'a Field, &'a RawRegister)> {
    (0..fields.len()).filter_map(|index| {
        let (_, raw) = origin(fields, index, raw)?;
        Some((fields.get(index)?, raw))
    })
}

fn origin<'a>(
    fields: &[Field],
    index: usize,
    raw: &'a [RawRegister],
) -> Option<(&'a Spanned<String>, &'a RawRegister)> {
    let mut behind = 0;
    let raw = raw.iter().find(|raw| {
        behind += usize::from(raw.count.as_ref().map_or(1, |count| *count.get_ref()));
        index < behind
    })?;
    fields.get(index).map(|_| (&raw.name, raw))
}

/// The place of a value by its name.
pub(super) fn index_of(name: &Spanned<String>, fields: &[Field]) -> Result<usize, Fault> {
    let wanted = name.get_ref();
    fields
        .iter()
        .position(|field| field.name == *wanted)
        .ok_or_else(|| fault(name, "the map has no register of that name"))
}

/// One value, or a row of them one behind the other.
fn row(raw: &RawRegister, base: Option<u8>, channels: &[Channel]) -> Result<Vec<Field>, Fault> {
    let written = Written {
        function: raw.function.as_ref(),
        address: raw.address.as_ref(),
        printed: raw.printed.as_ref(),
        owner: raw.name.span(),
    };
    let (function, address) = written.place(base)?;
    let kind = kind(raw, function)?;
    let template = Field {
        name: String::new(),
        span: span(function, address, kind.words()).map_err(|text| fault(&raw.name, text))?,
        kind,
        order: order(raw)?,
        scale: scale(raw)?,
        sentinels: raw
            .sentinels
            .iter()
            .map(|sentinel| bad(&sentinel.bad).map(|bad| (sentinel.raw, bad)))
            .collect::<Result<_, _>>()?,
        unit: UnitRule::Fixed(Conversion::NONE),
        decimals: None,
        channel: None,
    };
    let value_names = names(&raw.name, raw.count.as_ref(), None)?;
    let mut fed = channel_row(raw, channels)?.into_iter();
    let mut row = Vec::with_capacity(value_names.len());
    for (step, name) in (0_u32..).zip(value_names) {
        let (at, kind) = placed(&template, step)
            .ok_or_else(|| fault(&raw.name, "the row reaches beyond address 65535"))?;
        row.push(Field {
            name,
            span: at,
            kind,
            channel: fed.next(),
            ..template.clone()
        });
    }
    Ok(row)
}

/// Where the value number `step` of a row stands: bits inside registers fill one after the other.
fn placed(template: &Field, step: u32) -> Option<(RegisterSpan, RegisterKind)> {
    let (moved, kind) = match template.kind {
        RegisterKind::Bit(Some(first)) => {
            let bit = u32::from(first) + step;
            (bit / 16, RegisterKind::Bit(u8::try_from(bit % 16).ok()))
        }
        kind @ (RegisterKind::Bit(None)
        | RegisterKind::Byte { .. }
        | RegisterKind::Int { .. }
        | RegisterKind::Float { .. }
        | RegisterKind::Bcd { .. }) => (step * u32::from(kind.words()), kind),
    };
    let address = u32::from(template.span.address) + moved;
    let at = RegisterSpan {
        address: u16::try_from(address).ok()?,
        ..template.span
    };
    (at.end() <= 65_536).then_some((at, kind))
}

fn channel_row(raw: &RawRegister, channels: &[Channel]) -> Result<Vec<usize>, Fault> {
    let Some(name) = &raw.channel else {
        return Ok(Vec::new());
    };
    let Some(count) = raw.count.as_ref().map(|count| *count.get_ref()) else {
        return Ok(vec![channel_index(name, name.get_ref(), channels)?]);
    };
    let row = row_of(name.get_ref(), channels);
    if row.len() != usize::from(count) {
        let found = row.len();
        let text =
            format!("expected a name with {{n}}, of a row of {count} channels, found {found}");
        return Err(fault(name, text));
    }
    Ok(row)
}

fn kind(raw: &RawRegister, function: RegisterFunction) -> Result<RegisterKind, Fault> {
    let int = |words, signed| RegisterKind::Int { words, signed };
    let byte = |high, signed| RegisterKind::Byte { high, signed };
    let kind = match raw.kind.get_ref().as_str() {
        "bit" => RegisterKind::Bit(raw.bit.as_ref().map(|bit| *bit.get_ref())),
        "u8h" => byte(true, false),
        "u8l" => byte(false, false),
        "i8h" => byte(true, true),
        "i8l" => byte(false, true),
        "u16" => int(1, false),
        "i16" => int(1, true),
        "u32" => int(2, false),
        "i32" => int(2, true),
        "u64" => int(4, false),
        "i64" => int(4, true),
        "f32" => RegisterKind::Float { words: 2 },
        "f64" => RegisterKind::Float { words: 4 },
        "bcd16" => RegisterKind::Bcd { words: 1 },
        "bcd32" => RegisterKind::Bcd { words: 2 },
        other => {
            let text = format!(
                "expected bit, u8h, u8l, i8h, i8l, u16, i16, u32, i32, u64, i64, f32, f64, bcd16 \
                 or bcd32, found {other:?}"
            );
            return Err(fault(&raw.kind, text));
        }
    };
    let has_bit = matches!(kind, RegisterKind::Bit(Some(_)));
    if function.reads_bits() && kind != RegisterKind::Bit(None) {
        let text = "a coil or discrete input is of type bit, without a bit number";
        return Err(fault(&raw.kind, text));
    }
    if !function.reads_bits() && matches!(kind, RegisterKind::Bit(None)) {
        return Err(fault(
            &raw.kind,
            "a bit of a register needs its number: bit",
        ));
    }
    if let Some(bit) = &raw.bit
        && (!has_bit || *bit.get_ref() > 15)
    {
        return Err(fault(bit, "expected 0 to 15, and of type bit only"));
    }
    Ok(kind)
}

fn order(raw: &RawRegister) -> Result<WordOrder, Fault> {
    let Some(order) = &raw.order else {
        return Ok(WordOrder::default());
    };
    WordOrder::from_name(order.get_ref())
        .ok_or_else(|| fault(order, "expected ABCD, DCBA, BADC or CDAB"))
}

fn scale(raw: &RawRegister) -> Result<Scale, Fault> {
    let scale = Scale {
        multiply: raw.multiply.unwrap_or(1),
        divide: raw.divide.unwrap_or(1),
        add: raw.add.unwrap_or(0),
    };
    let is_bounded = |factor: i64| (-FACTOR_MAX..=FACTOR_MAX).contains(&factor);
    let factors = [scale.multiply, scale.divide, scale.add];
    if scale.divide == 0 || !factors.into_iter().all(is_bounded) {
        let text = format!("expected multiply, divide and add within {FACTOR_MAX}, divide not 0");
        return Err(fault(&raw.name, text));
    }
    Ok(scale)
}

/// The unit and the decimals of a value, once all values are known.
fn helpers(
    raw: &RawRegister,
    fields: &[Field],
    channels: &[Channel],
) -> Result<(Option<UnitRule>, Option<usize>), Fault> {
    let decimals = raw.decimals_from.as_ref();
    let decimals = decimals.map(|name| index_of(name, fields)).transpose()?;
    let quantity = channel_row(raw, channels)?
        .first()
        .and_then(|index| Some(channels.get(*index)?.quantity));
    let Some(quantity) = quantity else {
        let said = raw.unit.as_ref().or(raw.unit_from.as_ref());
        return match said.or(raw.decimals_from.as_ref()) {
            Some(said) => Err(fault(said, "only a value that feeds a channel has a unit")),
            None => Ok((None, None)),
        };
    };
    let unit = match (&raw.unit, &raw.unit_from) {
        (None, None) => None,
        (Some(unit), None) => Some(UnitRule::Fixed(known(unit, quantity)?)),
        (None, Some(from)) => Some(UnitRule::Read {
            field: index_of(from, fields)?,
            units: units(from, &raw.units, quantity)?,
        }),
        (Some(unit), Some(_)) => {
            return Err(fault(unit, "expected either unit or unit_from"));
        }
    };
    Ok((unit, decimals))
}

fn known(unit: &Spanned<String>, quantity: Quantity) -> Result<Conversion, Fault> {
    conversion(unit.get_ref(), quantity).map_err(|text| fault(unit, text))
}

fn units(
    from: &Spanned<String>,
    raw: &BTreeMap<String, Spanned<String>>,
    quantity: Quantity,
) -> Result<Vec<(i64, Conversion)>, Fault> {
    if raw.is_empty() {
        let text = "expected units, such as { 0 = \"mm\", 1 = \"cm\" }";
        return Err(fault(from, text));
    }
    raw.iter()
        .map(|(value, unit)| match value.parse() {
            Ok(value) => Ok((value, known(unit, quantity)?)),
            Err(_no_integer) => {
                let text = format!("expected whole numbers before the units, found {value:?}");
                Err(fault(unit, text))
            }
        })
        .collect()
}
