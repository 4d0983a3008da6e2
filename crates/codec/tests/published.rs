//! The published vectors, compared with what the built-in profiles decode.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test over a fixed file: a panic is its way to fail"
)]

use std::collections::{BTreeMap, BTreeSet};

use huitian_codec::{Decoding, FieldValue, Fixed, MessageKind, Profile, Profiles};
use huitian_model::{BadReason, Quantity, Sample};
use serde_json::Value;

/// What the published text calls a message and its kind; ours is the message's name.
const NAMES_OF_MESSAGE: [&str; 2] = ["type", "message"];

fn bytes(hex: &str) -> Vec<u8> {
    let places = (0..hex.len()).step_by(2);
    places
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// Values are kept in millionths, so a published float may be off by one of them.
fn equals(expected: &Value, found: &FieldValue, tolerance: f64) -> bool {
    match (expected, found) {
        (Value::Bool(expected), FieldValue::Flag(found)) => expected == found,
        (Value::String(expected), FieldValue::Text(found)) => expected.eq_ignore_ascii_case(found),
        (Value::Number(expected), FieldValue::Number(found)) => {
            let expected = Fixed::from_f64(expected.as_f64().unwrap()).unwrap();
            let tolerance = Fixed::from_f64(tolerance.max(0.000_001)).unwrap();
            expected.micros().abs_diff(found.micros()) <= tolerance.micros().unsigned_abs()
        }
        _ => false,
    }
}

type Fields<'a> = BTreeMap<&'a str, FieldValue>;

/// One vector beside what was decoded of it.
struct Case<'a> {
    hex: &'a str,
    payload: &'a [u8],
    decoding: &'a Decoding<'a>,
    fields: Fields<'a>,
    tolerance: f64,
}

impl Case<'_> {
    fn check(&self, name: &str, expected: &Value) {
        let hex = self.hex;
        match name {
            _ if NAMES_OF_MESSAGE.contains(&name) => {
                assert_eq!(self.decoding.message(), expected.as_str(), "{hex}");
            }
            "keep_alive" => assert_eq!(
                self.decoding.kind() == Some(MessageKind::Heartbeat),
                expected.as_bool().unwrap(),
                "{hex}"
            ),
            "text" => assert_eq!(
                std::str::from_utf8(self.payload).unwrap(),
                expected.as_str().unwrap()
            ),
            "readings" => self.check_readings(expected.as_array().unwrap()),
            "debug_codes" => {
                assert_eq!(self.listed("debug_code_", true), numbers(expected), "{hex}");
            }
            "left_count" | "right_count" | "right_avg_kmh" => {
                assert_eq!(
                    self.listed(&format!("{name}_"), false),
                    numbers(expected),
                    "{hex}"
                );
            }
            "sonar_cm" => {
                let found: Vec<_> = (1..=4)
                    .map(|number| self.number(&format!("sonar_{number}_cm")).unwrap())
                    .collect();
                assert_eq!(found, numbers(expected), "{hex}");
            }
            "alarms" => self.check_flags("limit_", expected),
            "events" => self.check_flags("event_", expected),
            _ => {
                let Some(found) = self.fields.get(name) else {
                    panic!("{hex}: no field {name}")
                };
                let is_equal = equals(expected, found, self.tolerance);
                assert!(is_equal, "{hex} {name}: {expected} {found}");
            }
        }
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.fields.get(name) {
            Some(FieldValue::Number(number)) => number.whole(),
            _ => None,
        }
    }

    /// Numbered fields, which the published text has as a list.
    fn listed(&self, prefix: &str, drops_zeros: bool) -> Vec<i64> {
        let numbers = (1..=9).map_while(|number| self.number(&format!("{prefix}{number}")));
        numbers
            .filter(|number| !drops_zeros || *number != 0)
            .collect()
    }

    /// Flags that are set, which the published text has as a list of their names.
    fn check_flags(&self, prefix: &str, expected: &Value) {
        let expected: BTreeSet<String> = expected
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().map_or(name.to_string(), str::to_owned))
            .collect();
        let flags = self.fields.iter();
        let found: BTreeSet<String> = flags
            .filter(|(_, value)| **value == FieldValue::Flag(true))
            .filter_map(|(name, _)| Some(name.strip_prefix(prefix)?.to_owned()))
            .collect();
        assert_eq!(found, expected, "{}", self.hex);
    }

    /// Repeated groups; none published means that there was no echo, and so no distance.
    fn check_readings(&self, expected: &[Value]) {
        let hex = self.hex;
        if expected.is_empty() {
            let no_echo = Sample::Bad(Quantity::Distance, BadReason::NoEcho);
            let samples = self.decoding.samples();
            assert!(
                samples.iter().any(|(_, sample)| *sample == no_echo),
                "{hex}"
            );
            return;
        }
        let groups = self.decoding.groups();
        assert_eq!(groups.len(), expected.len(), "{hex}");
        for ((_, found), expected) in groups.into_iter().zip(expected) {
            let found: Fields = found.into_iter().collect();
            for (name, expected) in expected.as_object().unwrap() {
                let found = found.get(name.as_str()).unwrap();
                assert!(equals(expected, found, 0.0), "{hex} {name}: {found}");
            }
        }
    }
}

fn numbers(list: &Value) -> Vec<i64> {
    let list = list.as_array().unwrap().iter();
    list.map(|number| number.as_i64().unwrap()).collect()
}

/// Compares one vector; how many values were compared.
fn check(profile: &Profile, vector: &Value) -> usize {
    let hex = vector["bytes_hex"].as_str().unwrap();
    let payload = bytes(hex);
    let port = vector["fport"].as_u64();
    let port = port.map(|port| u8::try_from(port).unwrap());
    let decoding = profile.read(port, &payload).unwrap();
    assert_eq!(decoding.unread(), 0, "{hex}");
    let case = Case {
        hex,
        payload: &payload,
        fields: decoding.fields().into_iter().collect(),
        tolerance: vector["tolerance"].as_f64().unwrap_or(0.0),
        decoding: &decoding,
    };
    let expected = vector["expected"].as_object().unwrap();
    for (name, expected) in expected {
        case.check(name, expected);
    }
    expected.len()
}

fn published() -> Value {
    serde_json::from_str(include_str!("../vectors/published.json")).unwrap()
}

#[test]
fn every_published_vector_decodes_to_its_published_values() {
    let published = published();
    let profiles = Profiles::builtin().unwrap();
    let (mut devices, mut vectors, mut values) = (0, 0, 0);
    for device in published["devices"].as_array().unwrap() {
        let id = device["profile"].as_str().unwrap();
        let profile = profiles.require(id).unwrap();
        for vector in device["vectors"].as_array().unwrap() {
            values += check(profile, vector);
            vectors += 1;
        }
        devices += 1;
    }
    assert_eq!(
        (devices, vectors, values),
        (14, 38, 174),
        "all vectors of the file were compared"
    );
}
