//! Decimal digits survive exactly.

use super::Fixed;

fn micros(text: &str) -> Option<i64> {
    Fixed::from_json(text).map(Fixed::micros)
}

#[test]
fn json_numbers_are_read_exactly() {
    for (text, expected) in [
        ("0", 0),
        ("-0", 0),
        ("0.1", 100_000),
        ("21.5", 21_500_000),
        ("-3", -3_000_000),
        ("87.550000000000000000000000000001", 87_550_000),
        ("21.100000381469727", 21_100_000),
        ("1e2", 100_000_000),
        ("1.5E+3", 1_500_000_000),
        ("25e-1", 2_500_000),
        ("4294967295", 4_294_967_295_000_000),
        ("0e999999999999", 0),
        ("1e-999999999999", 0),
        ("0.0000009", 0),
        ("123456789012345678901234e-20", 1_234_567_890),
    ] {
        assert_eq!(micros(text), Some(expected), "{text}");
    }
}

#[test]
fn numbers_beyond_the_range_are_none_not_wrong() {
    for text in [
        "1e13",
        "-1e13",
        "1e400",
        "99999999999999999999999999",
        "1e2147483647",
    ] {
        assert_eq!(micros(text), None, "{text}");
    }
}

#[test]
fn cutting_then_rounding_equals_rounding() {
    // 0.0049999999 rounds to 0.00 and 0.005 to 0.01: the cut digits do not matter.
    assert_eq!(Fixed::from_json("0.0049999999").unwrap().rounded(100), 0);
    assert_eq!(Fixed::from_json("0.005").unwrap().rounded(100), 1);
    assert_eq!(Fixed::from_json("-0.005").unwrap().rounded(100), -1);
    assert_eq!(Fixed::from_json("2.5").unwrap().rounded(1), 3);
}

#[test]
fn numbers_are_shown_as_people_write_them() {
    for text in ["21.5", "-3", "0", "-0.25", "4294967295", "116.507423"] {
        assert_eq!(Fixed::from_json(text).unwrap().to_string(), text);
    }
}

#[test]
fn floats_that_are_no_numbers_are_none() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30, -1e30] {
        assert_eq!(Fixed::from_f64(value), None);
    }
    assert_eq!(Fixed::from_f64(-0.1), Some(Fixed::from_micros(-100_000)));
}
