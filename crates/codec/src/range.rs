//! What a quantity may be, and the step from a number to a [`Measurement`].
//!
//! | quantity | permitted | kept as |
//! |---|---|---|
//! | occupied, tilt | yes or no, also 1 or 0 | yes/no |
//! | `in_use`, `free_places` | -100,000 to 100,000, whole | as it came |
//! | entries, exits | 0 to 4,294,967,295, whole | as it came |
//! | distance | 0 to 20,000 mm | whole mm |
//! | fill | 0 to 100 % | hundredths of a percent |
//! | temperature | -60 to 200 degC | hundredths of a degree |
//! | battery | 0 to 100 % | whole percent |
//!
//! What is kept in coarser steps than it came in is rounded, half away from zero.

use huitian_model::{FillLevel, Measurement, Quantity, Sample, UncertainReason};

use crate::number::Fixed;

/// The permitted range of a quantity, both ends included, in the unit of [`Quantity::unit`].
///
/// Wider than any device of the field: what lies outside is an error of the sender, not a
/// reading. Narrower limits belong into a device profile.
pub const fn permitted(quantity: Quantity) -> (i64, i64) {
    match quantity {
        Quantity::Occupied | Quantity::Tilt => (0, 1),
        // Car-park feeds are known to go below zero and above capacity: ten times the greatest
        // lot that the inventory permits would be no help, one time is.
        Quantity::InUse | Quantity::FreePlaces => (-100_000, 100_000),
        Quantity::Entries | Quantity::Exits => (0, 4_294_967_295),
        Quantity::Distance => (0, 20_000),
        Quantity::Fill | Quantity::Battery => (0, 100),
        Quantity::Temperature => (-60, 200),
    }
}

/// Steps per unit in which a quantity is kept.
const fn steps_per_unit(quantity: Quantity) -> i64 {
    match quantity {
        Quantity::Fill | Quantity::Temperature => 100,
        Quantity::Occupied
        | Quantity::InUse
        | Quantity::FreePlaces
        | Quantity::Entries
        | Quantity::Exits
        | Quantity::Distance
        | Quantity::Battery
        | Quantity::Tilt => 1,
    }
}

/// Whether a fraction of the quantity's unit has no meaning.
const fn is_whole(quantity: Quantity) -> bool {
    match quantity {
        Quantity::Occupied
        | Quantity::Tilt
        | Quantity::InUse
        | Quantity::FreePlaces
        | Quantity::Entries
        | Quantity::Exits => true,
        Quantity::Distance | Quantity::Fill | Quantity::Temperature | Quantity::Battery => false,
    }
}

/// The measurement of a number in the quantity's unit; none outside the permitted range.
pub(crate) fn measurement(quantity: Quantity, value: Fixed) -> Option<Measurement> {
    if is_whole(quantity) && value.whole().is_none() {
        return None;
    }
    let steps = steps_per_unit(quantity);
    let (least, most) = permitted(quantity);
    let kept = value.rounded(steps);
    if !(least * steps..=most * steps).contains(&kept) {
        return None;
    }
    Some(match quantity {
        Quantity::Occupied => Measurement::Occupied(kept == 1),
        Quantity::Tilt => Measurement::Tilt(kept == 1),
        Quantity::InUse => Measurement::InUse(i32::try_from(kept).ok()?),
        Quantity::FreePlaces => Measurement::FreePlaces(i32::try_from(kept).ok()?),
        Quantity::Entries => Measurement::Entries(u32::try_from(kept).ok()?),
        Quantity::Exits => Measurement::Exits(u32::try_from(kept).ok()?),
        Quantity::Distance => Measurement::Distance(u32::try_from(kept).ok()?),
        Quantity::Fill => Measurement::Fill(FillLevel::from_hundredths(u16::try_from(kept).ok()?)?),
        Quantity::Temperature => Measurement::Temperature(i32::try_from(kept).ok()?),
        Quantity::Battery => Measurement::Battery(u8::try_from(kept).ok()?),
    })
}

/// The sample of a measurement: a count below zero is kept, and doubted.
///
/// Above capacity is doubted too, but by the engine: only it knows the inventory in force.
pub(crate) const fn sample(value: Measurement) -> Sample {
    match value {
        Measurement::InUse(count) | Measurement::FreePlaces(count) if count < 0 => {
            Sample::Uncertain(value, UncertainReason::Implausible)
        }
        Measurement::Occupied(_)
        | Measurement::InUse(_)
        | Measurement::FreePlaces(_)
        | Measurement::Entries(_)
        | Measurement::Exits(_)
        | Measurement::Distance(_)
        | Measurement::Fill(_)
        | Measurement::Temperature(_)
        | Measurement::Battery(_)
        | Measurement::Tilt(_) => Sample::Good(value),
    }
}

/// The permitted range for people, such as `0 to 100 %`.
pub(crate) fn permitted_text(quantity: Quantity) -> String {
    let (least, most) = permitted(quantity);
    let whole = if is_whole(quantity) {
        "a whole number of "
    } else {
        ""
    };
    match quantity {
        Quantity::Occupied | Quantity::Tilt => "true, false, 1 or 0".to_owned(),
        Quantity::InUse
        | Quantity::FreePlaces
        | Quantity::Entries
        | Quantity::Exits
        | Quantity::Distance
        | Quantity::Fill
        | Quantity::Temperature
        | Quantity::Battery => format!("{whole}{least} to {most} {}", quantity.unit()),
    }
}

#[cfg(test)]
mod tests;
