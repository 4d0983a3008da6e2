//! A metric's value by its datatype.

use crate::named::NamedValue;
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason};

use super::payload::{Metric, Raw};

/// The numbers of `DataType`: Int8 to Int64 are 1 to 4, `UInt8` to `UInt64` 5 to 8.
const FLOAT: u32 = 9;
const DOUBLE: u32 = 10;
const BOOLEAN: u32 = 11;
const STRING: u32 = 12;
const DATE_TIME: u32 = 13;
const TEXT: u32 = 14;
const UUID: u32 = 15;

/// What a metric says, by its datatype; none for what has no single value: a dataset, bytes, a
/// file, a template, an array, text that is too long.
///
/// # Errors
/// [`Refusal`] where its value is not of its datatype.
pub(super) fn value(metric: &Metric, datatype: u32) -> Result<Option<NamedValue>, Refusal> {
    if metric.is_none {
        return Ok(Some(NamedValue::Missing));
    }
    let number = |number: Option<Fixed>| number.map_or(NamedValue::Missing, NamedValue::Number);
    let value = match (&metric.raw, datatype) {
        // Said to have a value, and has none: the same as is_null.
        (Raw::None, 1..=UUID) => NamedValue::Missing,
        (Raw::Whole(bits), 1..=4) => number(Some(signed(*bits, datatype)?)),
        (Raw::Whole(bits), 5..=8) => number(unsigned(*bits, datatype)?),
        (Raw::Whole(ms), DATE_TIME) => number(whole(*ms)),
        (Raw::Float(value), FLOAT | DOUBLE) => number(from_f32(*value)),
        (Raw::Double(value), FLOAT | DOUBLE) => number(Fixed::from_f64(*value)),
        (Raw::Bool(yes), BOOLEAN) => NamedValue::Bool(*yes),
        (Raw::Text(text), STRING | TEXT | UUID) => NamedValue::Text(text.clone()),
        (Raw::Skipped, _) | (_, 16..=34) => return Ok(None),
        _ => {
            let text = format!("expected a value of datatype {datatype} (1 to 34), found another");
            return Err(Refusal::new(RefusalReason::WrongType, text));
        }
    };
    Ok(Some(value))
}

/// The decimal that is meant: single precision has no 21.3, but 21.3 is its shortest text.
fn from_f32(value: f32) -> Option<Fixed> {
    if !value.is_finite() || value.abs() > 9.2e12 {
        return None;
    }
    Fixed::from_json(&value.to_string())
}

fn whole(bits: u64) -> Option<Fixed> {
    i64::try_from(bits).ok().and_then(Fixed::from_whole)
}

/// A signed number in two's complement of its own width, or extended to 32 or 64 bits: both are
/// sent.
fn signed(bits: u64, datatype: u32) -> Result<Fixed, Refusal> {
    let width = 8_u32 << datatype.saturating_sub(1).min(3);
    let as_64 = i64::from_le_bytes(bits.to_le_bytes());
    let [a, b, c, d, ..] = bits.to_le_bytes();
    let number = match width {
        8 => i64::from(i8::from_le_bytes([a])),
        16 => i64::from(i16::from_le_bytes([a, b])),
        32 => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => as_64,
    };
    let is_narrow = width == 64 || bits.checked_shr(width).unwrap_or(0) == 0;
    let as_32 =
        u32::try_from(bits).is_ok() && i64::from(i32::from_le_bytes([a, b, c, d])) == number;
    let is_same = is_narrow || as_32 || as_64 == number;
    let fixed = is_same.then(|| Fixed::from_whole(number)).flatten();
    fixed.ok_or_else(|| beyond(width, "signed"))
}

fn unsigned(bits: u64, datatype: u32) -> Result<Option<Fixed>, Refusal> {
    let width = 8_u32 << datatype.saturating_sub(5).min(3);
    if bits.checked_shr(width).unwrap_or(0) != 0 {
        return Err(beyond(width, "unsigned"));
    }
    Ok(whole(bits))
}

fn beyond(width: u32, kind: &str) -> Refusal {
    let text = format!("expected a {kind} number of {width} bits below 9.2e12, found another");
    Refusal::new(RefusalReason::OutOfRange, text)
}
