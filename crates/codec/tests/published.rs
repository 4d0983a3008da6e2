//! The published vectors, compared with what the built-in profiles decode.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test over a fixed file: a panic is its way to fail"
)]

use std::collections::BTreeMap;

use huitian_codec::{FieldValue, Fixed, Profile, Profiles};
use serde_json::Value;

/// What the published text calls a message and its kind; ours is the message's name.
const NAMES_OF_MESSAGE: [&str; 2] = ["type", "message"];

fn bytes(hex: &str) -> Vec<u8> {
    let places = (0..hex.len()).step_by(2);
    places
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn equals(expected: &Value, found: &FieldValue, tolerance: f64) -> bool {
    match (expected, found) {
        (Value::Bool(expected), FieldValue::Flag(found)) => expected == found,
        (Value::String(expected), FieldValue::Text(found)) => expected == found,
        (Value::Number(expected), FieldValue::Number(found)) => {
            let expected = Fixed::from_f64(expected.as_f64().unwrap()).unwrap();
            let tolerance = Fixed::from_f64(tolerance).unwrap();
            expected.micros().abs_diff(found.micros()) <= tolerance.micros().unsigned_abs()
        }
        _ => false,
    }
}

/// Bosch's debug codes are a list without zeros there, and fields with zeros here.
fn debug_codes(fields: &BTreeMap<&str, FieldValue>) -> Vec<u64> {
    let codes = (1..=3).filter_map(
        |number| match fields.get(&*format!("debug_code_{number}")) {
            Some(FieldValue::Number(code)) => u64::try_from(code.whole()?).ok(),
            _ => None,
        },
    );
    codes.filter(|code| *code != 0).collect()
}

/// Compares one vector; how many values were compared.
fn check(profile: &Profile, vector: &Value) -> usize {
    let hex = vector["bytes_hex"].as_str().unwrap();
    let payload = bytes(hex);
    let port = u8::try_from(vector["fport"].as_u64().unwrap()).unwrap();
    let decoding = profile.read(Some(port), &payload).unwrap();
    assert_eq!(decoding.unread(), 0, "{hex}");
    let fields: BTreeMap<_, _> = decoding.fields().into_iter().collect();
    let tolerance = vector["tolerance"].as_f64().unwrap_or(0.0);
    let expected = vector["expected"].as_object().unwrap();
    for (name, expected) in expected {
        if NAMES_OF_MESSAGE.contains(&name.as_str()) {
            assert_eq!(decoding.message(), expected.as_str(), "{hex}");
        } else if name == "debug_codes" {
            let expected: Vec<_> = expected
                .as_array()
                .unwrap()
                .iter()
                .map(Value::as_u64)
                .collect();
            let found: Vec<_> = debug_codes(&fields).into_iter().map(Some).collect();
            assert_eq!(found, expected, "{hex}");
        } else {
            let Some(found) = fields.get(name.as_str()) else {
                panic!("{hex}: no field {name}")
            };
            assert!(
                equals(expected, found, tolerance),
                "{hex} {name}: {expected} {found}"
            );
        }
    }
    expected.len()
}

#[test]
fn every_published_vector_decodes_to_its_published_values() {
    let text = include_str!("../vectors/published.json");
    let published: Value = serde_json::from_str(text).unwrap();
    let profiles = Profiles::builtin().unwrap();
    let (mut vectors, mut values) = (0, 0);
    for device in published["devices"].as_array().unwrap() {
        let profile = profiles
            .require(device["profile"].as_str().unwrap())
            .unwrap();
        for vector in device["vectors"].as_array().unwrap() {
            values += check(profile, vector);
            vectors += 1;
        }
    }
    assert_eq!(
        (vectors, values),
        (14, 61),
        "all vectors of the file were compared"
    );
}
