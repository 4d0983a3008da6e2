//! Fields: where a value stands, how it is read, and what it feeds.

use super::{Fault, PIECES_MAX, bad, fault, index_of, number, pieces, range};
use crate::number::Fixed;
use crate::profile::Channel;
use crate::profile::bits::Shape;
use crate::profile::formula::Formula;
use crate::profile::layout::{Field, Meaning, Place, Scale, Sentinel};
use crate::profile::raw::{RawField, RawSentinel, RawShape, RawTime};
use crate::profile::text::Pattern;
use crate::profile::time::TimeForm;
use crate::registers::unit::{Conversion, conversion};

/// Fields of a message or record: the widest known device has 20.
const FIELDS_MAX: usize = 64;
/// Fields that the formulas of a message or record name, all together: each is looked for among
/// at most 512 values.
const REFERENCES_MAX: usize = 256;
/// Factors of a scale: 1e6 each keep any 64-bit value in millionths times a factor, 9.2e30,
/// inside 128 bits.
const FACTOR_MAX: i64 = 1_000_000;
/// Minutes that a zone may be away from UTC.
const OFFSET_MIN_MAX: i64 = 14 * 60;

/// Where the fields of a message come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Bytes,
    Text(&'a Pattern),
    Named,
}

/// What a field must fit into.
pub(super) struct Around<'a> {
    pub channels: &'a [Channel],
    pub source: Source<'a>,
    /// The shortest and longest length, where these are known.
    pub shortest: Option<usize>,
    pub longest: Option<usize>,
    /// Fields elsewhere that a formula may use.
    pub beside: &'a [&'a str],
}

pub(super) fn fields(raw: &[RawField], around: &Around) -> Result<Vec<Field>, Fault> {
    let mut fields: Vec<Field> = Vec::new();
    let mut references = 0;
    for raw in raw {
        let built = field(raw, around, &fields)?;
        if let Place::Computed(formula) = &built.place {
            references += formula.fields().count();
        }
        if references > REFERENCES_MAX {
            let text = format!("expected formulas with at most {REFERENCES_MAX} fields together");
            return Err(fault(&raw.name, &text));
        }
        let length = if built.optional {
            around.longest
        } else {
            around.shortest
        };
        if let (Some(at), Some(length)) = (&raw.at, length)
            && !fits(*at.get_ref(), built.shape.width(), length)
        {
            let text = "the field does not fit into the length of its message or record";
            return Err(fault(at, text));
        }
        let beside = pieces::notes(raw, &built);
        fields.push(built);
        fields.extend(beside);
        if fields.len() > FIELDS_MAX {
            let text = format!("expected at most {FIELDS_MAX} fields");
            return Err(fault(&raw.name, &text));
        }
    }
    Ok(fields)
}

fn fits(at: i32, width: usize, length: usize) -> bool {
    let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    if at < 0 {
        distance <= length && width <= distance
    } else {
        distance.saturating_add(width) <= length
    }
}

fn field(raw: &RawField, around: &Around, before: &[Field]) -> Result<Field, Fault> {
    let place = place(raw, around, before)?;
    let shape = shape(raw, &place)?;
    let channel = raw.channel.as_ref();
    let channel = channel
        .map(|name| index_of(name, around.channels))
        .transpose()?;
    if let (Some(name), Shape::Hex { .. } | Shape::Version | Shape::Text) = (&raw.channel, shape) {
        return Err(fault(name, "hex, version and text feed no channel"));
    }
    if raw.optional && !matches!(place, Place::Bytes(_) | Place::Path(_)) {
        let text = "only a field of bytes or a path is optional";
        return Err(fault(&raw.name, text));
    }
    if !raw.texts.is_empty() && !matches!(place, Place::Path(_) | Place::Part(_)) {
        let text = "only named values and parts of a text take texts";
        return Err(fault(&raw.name, text));
    }
    Ok(Field {
        name: raw.name.get_ref().clone(),
        place,
        shape,
        scale: scale(raw)?,
        pieces: pieces::pieces(raw, shape)?,
        names: names(raw)?,
        texts: raw.texts.clone().into_iter().collect(),
        sentinels: raw
            .sentinels
            .iter()
            .map(|sentinel_of| sentinel(sentinel_of, raw))
            .collect::<Result<_, _>>()?,
        unit: unit(raw, channel, around.channels)?,
        curve: curve(raw)?,
        channel,
        optional: raw.optional,
        time: time(raw)?,
        is_sequence: raw.sequence,
        is_flag: matches!(shape, Shape::Flag { .. }),
    })
}

fn place(raw: &RawField, around: &Around, before: &[Field]) -> Result<Place, Fault> {
    match (&raw.at, &raw.path, &raw.formula, around.source) {
        (Some(at), None, None, Source::Bytes) => Ok(Place::Bytes(*at.get_ref())),
        (None, Some(path), None, Source::Named) => Ok(Place::Path(path.get_ref().clone())),
        (None, None, Some(text), _) => {
            let formula = Formula::parse(text.get_ref()).map_err(|told| fault(text, &told))?;
            let is_known = |name: &str| {
                before.iter().any(|field| field.name == name) || around.beside.contains(&name)
            };
            let unknown = formula.fields().find(|name| !is_known(name));
            match unknown {
                Some(name) => {
                    let told = format!("formula: no field {name} stands before it");
                    Err(fault(text, &told))
                }
                None => Ok(Place::Computed(formula)),
            }
        }
        (None, None, None, Source::Text(pattern)) => pattern
            .index(raw.name.get_ref())
            .map(Place::Part)
            .ok_or_else(|| fault(&raw.name, "the text has no part of that name")),
        (_, _, _, Source::Bytes) => Err(fault(&raw.name, "expected either at or formula")),
        (_, _, _, Source::Named) => Err(fault(&raw.name, "expected either path or formula")),
        (_, _, _, Source::Text(_)) => {
            let text = "expected a part of the text, or formula";
            Err(fault(&raw.name, text))
        }
    }
}

/// The shapes that a type alone describes.
pub(super) fn plain_shape(raw: RawShape) -> Option<Shape> {
    let int = |width, signed, big| {
        Some(Shape::Int {
            width,
            signed,
            big,
            mask: None,
        })
    };
    let float = |width, big| Some(Shape::Float { width, big });
    match raw {
        RawShape::U8 => int(1, false, true),
        RawShape::I8 => int(1, true, true),
        RawShape::U16be => int(2, false, true),
        RawShape::U16le => int(2, false, false),
        RawShape::I16be => int(2, true, true),
        RawShape::I16le => int(2, true, false),
        RawShape::U24be => int(3, false, true),
        RawShape::U24le => int(3, false, false),
        RawShape::I24be => int(3, true, true),
        RawShape::I24le => int(3, true, false),
        RawShape::U32be => int(4, false, true),
        RawShape::U32le => int(4, false, false),
        RawShape::I32be => int(4, true, true),
        RawShape::I32le => int(4, true, false),
        RawShape::U64be => int(8, false, true),
        RawShape::U64le => int(8, false, false),
        RawShape::F16be => float(2, true),
        RawShape::F16le => float(2, false),
        RawShape::F32be => float(4, true),
        RawShape::F32le => float(4, false),
        RawShape::F64be => float(8, true),
        RawShape::F64le => float(8, false),
        RawShape::Version => Some(Shape::Version),
        RawShape::UbitsBe
        | RawShape::IbitsBe
        | RawShape::UbitsLe
        | RawShape::IbitsLe
        | RawShape::BcdBe
        | RawShape::BcdLe
        | RawShape::Flag
        | RawShape::Hex
        | RawShape::Text => None,
    }
}

fn shape(raw: &RawField, place: &Place) -> Result<Shape, Fault> {
    let Some(spanned) = &raw.shape else {
        return match place {
            Place::Bytes(_) => Err(fault(&raw.name, "expected a type beside at")),
            Place::Path(_) | Place::Part(_) | Place::Computed(_) => {
                let is_sized = raw.length.is_some() || raw.mask.is_some();
                if is_sized || raw.bit.is_some() || raw.bits.is_some() {
                    let text = "only a field of bytes takes length, mask, bit and bits";
                    return Err(fault(&raw.name, text));
                }
                Ok(Shape::Value)
            }
        };
    };
    let is_text = *spanned.get_ref() == RawShape::Text;
    match place {
        Place::Path(_) | Place::Part(_) if is_text => return Ok(Shape::Text),
        Place::Bytes(_) if !is_text => {}
        Place::Bytes(_) | Place::Path(_) | Place::Part(_) | Place::Computed(_) => {
            let text = "only a field of bytes has a type, or text for a path or a part";
            return Err(fault(spanned, text));
        }
    }
    let shape = byte_shape(raw, *spanned.get_ref());
    let is_bits = matches!(shape, Shape::Bits { .. });
    if is_bits != raw.bits.is_some() || (!is_bits && raw.bit.is_some()) {
        let text = "expected bit and bits for bit fields only";
        return Err(fault(spanned, text));
    }
    let (takes_mask, is_sound) = match shape {
        Shape::Int { signed, mask, .. } => (!signed, mask != Some(0)),
        Shape::Bits { bit, bits, .. } => (false, bit < 32 && (1..=32).contains(&bits)),
        Shape::Flag { mask } => (true, mask != 0),
        Shape::Hex { length } => (false, length != 0),
        Shape::Bcd { length, .. } => (false, (1..=8).contains(&length)),
        Shape::Float { .. } | Shape::Version | Shape::Value | Shape::Text => (false, true),
    };
    let takes_length = matches!(shape, Shape::Hex { .. } | Shape::Bcd { .. });
    if raw.length.is_some() != takes_length || !is_sound {
        let text = "expected a length for hex and BCD (1 to 8) only, a mask (of one byte for \
                    flag) with a bit, bit of 0 to 31 and bits of 1 to 32";
        return Err(fault(spanned, text));
    }
    if raw.mask.is_some() && !takes_mask {
        let text = "only unsigned integers and flags take a mask";
        return Err(fault(spanned, text));
    }
    let is_number = !matches!(
        shape,
        Shape::Flag { .. } | Shape::Hex { .. } | Shape::Version
    );
    if !is_number && is_shaped(raw) {
        let text = "only numbers take multiply, divide, add, pieces, names and sentinels";
        return Err(fault(spanned, text));
    }
    Ok(shape)
}

fn byte_shape(raw: &RawField, shape: RawShape) -> Shape {
    if let Some(plain) = plain_shape(shape) {
        return match plain {
            Shape::Int {
                width, signed, big, ..
            } => Shape::Int {
                width,
                signed,
                big,
                mask: raw.mask,
            },
            Shape::Bits { .. }
            | Shape::Float { .. }
            | Shape::Bcd { .. }
            | Shape::Flag { .. }
            | Shape::Hex { .. }
            | Shape::Version
            | Shape::Value
            | Shape::Text => plain,
        };
    }
    let is_big = matches!(
        shape,
        RawShape::UbitsBe | RawShape::IbitsBe | RawShape::BcdBe
    );
    let length = raw.length.unwrap_or(0);
    if matches!(shape, RawShape::BcdBe | RawShape::BcdLe) {
        Shape::Bcd {
            length,
            big: is_big,
        }
    } else if shape == RawShape::Flag {
        Shape::Flag {
            mask: u8::try_from(raw.mask.unwrap_or(0xff)).unwrap_or(0),
        }
    } else if shape == RawShape::Hex {
        Shape::Hex { length }
    } else {
        Shape::Bits {
            bit: raw.bit.unwrap_or(0),
            bits: raw.bits.unwrap_or(0),
            signed: matches!(shape, RawShape::IbitsBe | RawShape::IbitsLe),
            big: is_big,
        }
    }
}

/// Whether anything is said that only a number can use.
fn is_shaped(raw: &RawField) -> bool {
    raw.multiply.is_some()
        || raw.divide.is_some()
        || raw.add.is_some()
        || !raw.pieces.is_empty()
        || !raw.names.is_empty()
        || !raw.sentinels.is_empty()
        || raw.time.is_some()
        || raw.sequence
}

fn scale(raw: &RawField) -> Result<Scale, Fault> {
    let scale = Scale {
        multiply: raw.multiply.unwrap_or(1),
        divide: raw.divide.unwrap_or(1),
        add: match raw.add {
            Some(add) => number(add).unwrap_or(Fixed::from_micros(i64::MAX)),
            None => Fixed::from_micros(0),
        },
    };
    let is_bounded = |factor: i64| (-FACTOR_MAX..=FACTOR_MAX).contains(&factor);
    let add = scale.add.micros() / 1_000_000;
    if scale.divide == 0
        || ![scale.multiply, scale.divide, add]
            .into_iter()
            .all(is_bounded)
    {
        let text = format!("expected multiply, divide and add within {FACTOR_MAX}, divide not 0");
        return Err(fault(&raw.name, &text));
    }
    if scale != Scale::NONE && !raw.pieces.is_empty() {
        return Err(fault(&raw.name, "expected either a scale or pieces"));
    }
    Ok(scale)
}

fn names(raw: &RawField) -> Result<Vec<(i64, String)>, Fault> {
    let names = raw.names.iter();
    names
        .map(|(value, name)| match value.parse() {
            Ok(value) => Ok((value, name.clone())),
            Err(_no_integer) => {
                let text = format!("expected whole numbers before the names, found {value:?}");
                Err(fault(&raw.name, &text))
            }
        })
        .collect()
}

fn sentinel(raw: &RawSentinel, of: &RawField) -> Result<Sentinel, Fault> {
    let range = range(raw.raw, raw.below, raw.above).ok_or_else(|| {
        let text = "expected exactly one of raw, below and above in a sentinel";
        fault(&of.name, text)
    })?;
    let means = match (&raw.bad, raw.reboot) {
        (Some(name), false) => Meaning::Bad(bad(name)?),
        (None, true) => Meaning::Reboot,
        _ => {
            let text = "expected either bad or reboot = true in a sentinel";
            return Err(fault(&of.name, text));
        }
    };
    Ok(Sentinel { range, means })
}

fn unit(raw: &RawField, channel: Option<usize>, channels: &[Channel]) -> Result<Conversion, Fault> {
    let Some(unit) = &raw.unit else {
        return Ok(Conversion::NONE);
    };
    let quantity = channel
        .and_then(|index| channels.get(index))
        .map(|channel| channel.quantity)
        .ok_or_else(|| fault(unit, "only a field with a channel takes a unit"))?;
    if raw.curve.is_some() {
        return Err(fault(unit, "expected either a unit or a curve"));
    }
    conversion(unit.get_ref(), quantity).map_err(|told| fault(unit, &told))
}

fn curve(raw: &RawField) -> Result<Vec<(Fixed, Fixed)>, Fault> {
    let Some(spanned) = &raw.curve else {
        return Ok(Vec::new());
    };
    let point = |[from, to]: &[f64; 2]| Fixed::from_f64(*from).zip(Fixed::from_f64(*to));
    let points: Option<Vec<_>> = spanned.get_ref().iter().map(point).collect();
    let points = points.filter(|points| {
        (2..=PIECES_MAX).contains(&points.len()) && points.is_sorted_by(|(a, _), (b, _)| a < b)
    });
    let text = format!("expected 2 to {PIECES_MAX} points [value, channel's value], rising");
    let points = points.ok_or_else(|| fault(spanned, &text))?;
    if raw.channel.is_none() {
        return Err(fault(spanned, "only a field with a channel takes a curve"));
    }
    Ok(points)
}

fn time(raw: &RawField) -> Result<Option<TimeForm>, Fault> {
    let Some(spanned) = &raw.time else {
        return match raw.utc_offset_min {
            None => Ok(None),
            Some(_) => Err(fault(&raw.name, "utc_offset_min needs time = \"local_s\"")),
        };
    };
    if raw.channel.is_some() || raw.sequence {
        return Err(fault(spanned, "a time feeds no channel and is no sequence"));
    }
    let form = match (*spanned.get_ref(), raw.utc_offset_min) {
        (RawTime::UnixS, None) => TimeForm::Seconds { utc_offset_min: 0 },
        (RawTime::UnixMs, None) => TimeForm::Milliseconds,
        (RawTime::LocalS, Some(utc_offset_min)) => {
            offset(utc_offset_min).map_err(|text| fault(spanned, &text))?;
            TimeForm::Seconds { utc_offset_min }
        }
        (RawTime::LocalS, None) => {
            let text = "a local clock says no instant: state its utc_offset_min";
            return Err(fault(spanned, text));
        }
        (RawTime::UnixS | RawTime::UnixMs, Some(_)) => {
            return Err(fault(
                spanned,
                "unix time is UTC: expected no utc_offset_min",
            ));
        }
    };
    Ok(Some(form))
}

/// Whether a zone can be that far from UTC.
pub(super) fn offset(minutes: i64) -> Result<(), String> {
    if minutes.abs() <= OFFSET_MIN_MAX {
        Ok(())
    } else {
        Err(format!(
            "expected utc_offset_min within {OFFSET_MIN_MAX}, found {minutes}"
        ))
    }
}
