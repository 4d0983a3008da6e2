//! Units that devices speak in, and the way from each to the unit of its quantity.

use huitian_model::Quantity;

use crate::number::{Fixed, MICRO};

use super::layout::Scale;

/// `(value + add) * multiply / divide` is the value in the quantity's unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Conversion {
    /// Millionths.
    pub add: i64,
    pub multiply: i64,
    pub divide: i64,
}

impl Conversion {
    /// The quantity's own unit.
    pub(crate) const NONE: Self = times(1, 1);
}

const fn times(multiply: i64, divide: i64) -> Conversion {
    Conversion {
        add: 0,
        multiply,
        divide,
    }
}

/// Units by quantity. An inch is 25.4 mm and a foot 304.8 mm exactly (ISO 80000-3, annex).
const UNITS: [(&str, &[Quantity], Conversion); 10] = [
    ("mm", &[Quantity::Distance], Conversion::NONE),
    ("cm", &[Quantity::Distance], times(10, 1)),
    ("m", &[Quantity::Distance], times(1_000, 1)),
    ("in", &[Quantity::Distance], times(254, 10)),
    ("ft", &[Quantity::Distance], times(3_048, 10)),
    ("degC", &[Quantity::Temperature], Conversion::NONE),
    (
        "degF",
        &[Quantity::Temperature],
        Conversion {
            add: -32 * MICRO,
            multiply: 5,
            divide: 9,
        },
    ),
    (
        "K",
        &[Quantity::Temperature],
        Conversion {
            add: -273_150_000,
            multiply: 1,
            divide: 1,
        },
    ),
    ("%", &[Quantity::Fill, Quantity::Battery], Conversion::NONE),
    ("ratio", &[Quantity::Fill, Quantity::Battery], times(100, 1)),
];

/// The conversion of a unit's name to what `quantity` is measured in.
pub(crate) fn conversion(name: &str, quantity: Quantity) -> Result<Conversion, String> {
    let known = UNITS.iter().filter(|(_, of, _)| of.contains(&quantity));
    let found = known.clone().find(|(unit, ..)| *unit == name);
    found.map(|(.., conversion)| *conversion).ok_or_else(|| {
        let names: Vec<_> = known.map(|(unit, ..)| *unit).collect();
        if names.is_empty() {
            return format!("{quantity} has no unit, found {name:?}");
        }
        format!(
            "expected for {quantity} one of {}, found {name:?}",
            names.join(", ")
        )
    })
}

/// A raw value, in millionths, in the unit of its quantity; none beyond the range.
///
/// One division at the end, so nothing is cut before all of it is known. The greatest product is
/// raw 2^64 * 1e6 (millionths) * 1e6 (multiply) * 3,048 = 5.7e34 of the 1.7e38 of an `i128`.
pub(super) fn scaled(
    raw_micros: i128,
    scale: Scale,
    decimals: u32,
    unit: Conversion,
) -> Option<Fixed> {
    let divide = i128::from(scale.divide).checked_mul(10_i128.checked_pow(decimals)?)?;
    let add = i128::from(scale.add).checked_mul(i128::from(MICRO))? + i128::from(unit.add);
    let value = raw_micros
        .checked_mul(i128::from(scale.multiply))?
        .checked_add(add.checked_mul(divide)?)?
        .checked_mul(i128::from(unit.multiply))?
        .checked_div(divide.checked_mul(i128::from(unit.divide))?)?;
    i64::try_from(value).ok().map(Fixed::from_micros)
}
