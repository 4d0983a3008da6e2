//! Every quantity keeps its permitted range, both ends included.

use huitian_model::{Measurement, Quantity, Sample, UncertainReason};

use super::{measurement, permitted, permitted_text, sample};
use crate::number::Fixed;

fn value(text: &str) -> Fixed {
    Fixed::from_json(text).unwrap()
}

#[test]
fn the_ends_of_every_range_are_in_and_one_beyond_is_out() {
    for quantity in Quantity::ALL {
        let (least, most) = permitted(quantity);
        for (whole, is_in) in [
            (least, true),
            (most, true),
            (least - 1, false),
            (most + 1, false),
        ] {
            let found = measurement(quantity, Fixed::from_whole(whole).unwrap());
            assert_eq!(found.is_some(), is_in, "{quantity} {whole}");
            assert!(found.is_none_or(|found| found.quantity() == quantity));
        }
    }
}

#[test]
fn hundredths_are_kept_and_finer_digits_rounded() {
    let kept = |quantity, text| measurement(quantity, value(text)).map(Measurement::as_i64);
    assert_eq!(kept(Quantity::Fill, "87.55"), Some(8_755));
    assert_eq!(kept(Quantity::Fill, "100.004"), Some(10_000));
    assert_eq!(kept(Quantity::Fill, "100.005"), None);
    assert_eq!(kept(Quantity::Temperature, "-18.965"), Some(-1_897));
    assert_eq!(kept(Quantity::Distance, "640.4"), Some(640));
    assert_eq!(kept(Quantity::Battery, "88.3"), Some(88));
}

#[test]
fn a_fraction_of_a_vehicle_is_out() {
    for quantity in [Quantity::Entries, Quantity::InUse, Quantity::Occupied] {
        assert_eq!(measurement(quantity, value("0.5")), None, "{quantity}");
    }
}

#[test]
fn a_count_below_zero_is_kept_and_doubted() {
    let count = measurement(Quantity::FreePlaces, value("-3")).unwrap();
    let doubted = Sample::Uncertain(count, UncertainReason::Implausible);
    assert_eq!(sample(count), doubted);
    assert_eq!(count, Measurement::FreePlaces(-3));
}

#[test]
fn ranges_are_told_with_their_unit() {
    assert_eq!(permitted_text(Quantity::Fill), "0 to 100 %");
    assert_eq!(permitted_text(Quantity::Occupied), "true, false, 1 or 0");
}
