//! Values by name.

use huitian_model::{TimeSource, UtcMs};

use super::super::vector::told;
use crate::profile::Profile;
use crate::{Fixed, Named, NamedValue, Profiles, RefusalReason};

const TASMOTA: &str = r#"
id = "named"
name = "Named"
vendor = "Ours"
channel = [
    { name = "distance", quantity = "distance", valid = [30, 4000] },
    { name = "occupied", quantity = "occupied" },
    { name = "battery", quantity = "battery" },
]

[[message]]
name = "sensor"
kind = "status"
has = ["SR04.Distance"]

[[message.field]]
name = "distance_cm"
path = "SR04.Distance"
unit = "cm"
sentinels = [{ raw = 400, bad = "no_echo" }]
channel = "distance"

[[message.field]]
name = "state"
path = "State"
texts = { ON = 1, OFF = 0 }
channel = "occupied"

[[message.field]]
name = "battery"
path = "Bat"
multiply = 100
channel = "battery"

[[message]]
name = "presence"
kind = "status"
field = [{ name = "occupancy", path = "occupancy", channel = "occupied" }]

[[message]]
name = "bytes"
kind = "status"
ports = [9]
field = [{ name = "mm", at = 0, type = "u16be", channel = "distance" }]
"#;

fn named(values: &[(&str, NamedValue)]) -> Named {
    let values = values.iter();
    Named {
        address: "plug-1".to_owned(),
        at: Some(UtcMs(1_795_406_400_000)),
        time_source: TimeSource::Device,
        sequence: Some(4),
        values: values
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    }
}

fn number(text: &str) -> NamedValue {
    NamedValue::Number(Fixed::from_json(text).unwrap())
}

fn said(values: &[(&str, NamedValue)]) -> Vec<String> {
    let profile = Profile::parse(TASMOTA, "named.toml").unwrap();
    let decoded = profile.decode_named(&named(values)).unwrap().into_iter();
    decoded
        .map(|decoded| {
            assert_eq!(decoded.at, Some(UtcMs(1_795_406_400_000)));
            assert_eq!(decoded.time_source, TimeSource::Device);
            assert_eq!(decoded.sequence, Some(4));
            format!("{} {}", decoded.channel, told(decoded.sample))
        })
        .collect()
}

#[test]
fn numbers_texts_and_flags_become_samples() {
    let distance = ("SR04.Distance", number("16.754"));
    assert_eq!(said(std::slice::from_ref(&distance)), ["distance good 168"]);
    for (state, expected) in [
        (NamedValue::Text("ON".to_owned()), "occupied good true"),
        (NamedValue::Text("OFF".to_owned()), "occupied good false"),
        (NamedValue::Bool(true), "occupied good true"),
        (number("0"), "occupied good false"),
        (NamedValue::Text("1".to_owned()), "occupied good true"),
        (
            NamedValue::Text("maybe".to_owned()),
            "occupied bad device_fault",
        ),
        (NamedValue::Missing, "occupied bad device_fault"),
        (number("2"), "occupied bad out_of_range"),
    ] {
        let both = said(&[distance.clone(), ("State", state.clone())]);
        assert_eq!(both, ["distance good 168", expected], "{state:?}");
    }
    assert_eq!(
        said(&[distance, ("Bat", number("0.87"))])[1],
        "battery good 87"
    );
}

#[test]
fn a_missing_value_is_bad_and_an_absent_name_says_nothing() {
    let missing = said(&[("SR04.Distance", NamedValue::Missing)]);
    assert_eq!(missing, ["distance bad device_fault"]);
    assert_eq!(
        said(&[("Bat", number("0.5"))]),
        Vec::<String>::new(),
        "has is not there"
    );
    assert_eq!(said(&[]), Vec::<String>::new());
}

#[test]
fn sentinels_and_limits_hold_for_named_values_too() {
    assert_eq!(
        said(&[("SR04.Distance", number("400"))]),
        ["distance bad no_echo"]
    );
    assert_eq!(
        said(&[("SR04.Distance", number("1"))]),
        ["distance bad out_of_range"]
    );
}

#[test]
fn the_first_message_that_is_meant_is_read() {
    let occupancy = ("occupancy", NamedValue::Bool(false));
    assert_eq!(
        said(std::slice::from_ref(&occupancy)),
        ["occupied good false"]
    );
    let both = said(&[occupancy, ("SR04.Distance", number("20"))]);
    assert_eq!(both, ["distance good 200"]);
}

#[test]
fn one_profile_reads_bytes_and_names() {
    let profile = Profile::parse(TASMOTA, "named.toml").unwrap();
    assert!(profile.reads_bytes() && profile.reads_names());
    let decoding = profile.read(Some(9), &[0x03, 0xe8]).unwrap();
    assert_eq!(decoding.message(), Some("bytes"));
    assert_eq!(
        profile.read(Some(8), &[0x03, 0xe8]).unwrap().message(),
        None
    );
}

#[test]
fn a_profile_of_bytes_refuses_names() {
    let profiles = Profiles::builtin().unwrap();
    let bosch = profiles.require("bosch-tps110").unwrap();
    let refusal = bosch.decode_named(&named(&[])).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::UnknownProfile);
}

#[test]
fn named_vectors_are_checked_as_those_of_bytes() {
    let vector = "\n[[vector]]\nsource = \"ours\"\nmessage = \"sensor\"\n\
                  values = { \"SR04.Distance\" = 16.754, State = \"ON\" }\n\
                  fields = { distance_cm = 16.754 }\n\
                  samples = { distance = \"good 168\", occupied = \"good true\" }\n";
    let profile = Profile::parse(&format!("{TASMOTA}{vector}"), "x").unwrap();
    assert_eq!(profile.vectors(), 1);
    let broken = vector.replace("good 168", "good 169");
    let error = Profile::parse(&format!("{TASMOTA}{broken}"), "x").unwrap_err();
    assert!(error.message.contains("good 168"), "{}", error.message);
    let neither = vector.replace("values", "hex = \"00\"\nvalues");
    let error = Profile::parse(&format!("{TASMOTA}{neither}"), "x").unwrap_err();
    assert!(
        error.message.contains("either hex or values"),
        "{}",
        error.message
    );
}

#[test]
fn names_are_explained_with_those_that_are_not_used() {
    let profile = Profile::parse(TASMOTA, "named.toml").unwrap();
    let record = named(&[("SR04.Distance", number("16.754")), ("Wifi", number("3"))]);
    let explanation = profile.explain_named(&record);
    assert_eq!(explanation.message.as_deref(), Some("sensor"));
    let rows: Vec<_> = explanation
        .rows
        .iter()
        .map(|row| (row.hex.as_str(), row.rule.as_str(), row.sample.as_deref()))
        .collect();
    let rule = "SR04.Distance: value, for the channel * 10";
    assert_eq!(
        rows,
        [
            ("16.754", rule, Some("good 168")),
            ("3", "Wifi: not used", None)
        ]
    );
    let others: Vec<_> = explanation
        .others
        .iter()
        .map(|other| other.why.as_str())
        .collect();
    assert_eq!(
        others,
        [
            "none of its fields' names is there",
            "it is of bytes, not of named values"
        ]
    );
    let explanation = profile.explain_named(&named(&[("Wifi", number("3"))]));
    let why = explanation.others.first().map(|other| other.why.as_str());
    assert_eq!(
        why,
        Some("it must have \"SR04.Distance\", which is not there")
    );
}
