//! Whatever a device sends and whatever a profile says: bounded, and no panic.

use std::sync::LazyLock;

use huitian_model::{TimeSource, UtcMs};
use proptest::prelude::*;

use crate::profile::{PROFILE_BYTES_MAX, Profile, Profiles};
use crate::{Named, NamedValue, Uplink};

const HEAD: &str = "id = \"x\"\nname = \"x\"\nvendor = \"x\"\n\
                    channel = [{ name = \"fill\", quantity = \"fill\" }]\n";

/// Read once: a property is tried some hundred times.
static BUILTIN: LazyLock<Profiles> = LazyLock::new(|| Profiles::builtin().unwrap());

fn refused(text: &str, told: &str) {
    let error = Profile::parse(&format!("{HEAD}{text}"), "x").unwrap_err();
    assert!(error.message.contains(told), "{}", error.message);
}

#[test]
fn a_profile_has_no_more_than_its_limits() {
    let field = "{ name = \"f\", at = 0, type = \"u8\", optional = true },";
    let head = "[[message]]\nname = \"m\"\nkind = \"status\"\n";
    refused(
        &format!("{head}field = [{}]", field.repeat(65)),
        "at most 64 fields",
    );
    refused(&head.repeat(65), "at most 64 messages");
    let spoil = "[[spoil]]\nfield = \"f\"\nequals = 1\nchannels = []\nbad = \"no_echo\"\n";
    let spoils = format!("{}{head}field = [{field}]", spoil.repeat(17));
    refused(&spoils, "at most 16 spoils");
    let sum = vec!["f"; 30].join(" + ");
    let formulas = format!("{{ name = \"g\", formula = \"{sum}\" }},").repeat(3);
    refused(
        &format!("{head}field = [{field}{formulas}]"),
        "at most 64 fields together",
    );
    let pieces = (0..17).map(|from| format!("{{ from = {from}, is = 0, step = 1 }}"));
    let pieces = pieces.collect::<Vec<_>>().join(", ");
    let long = format!("{{ name = \"f\", at = 0, type = \"u8\", pieces = [{pieces}] }}");
    refused(&format!("{head}field = [{long}]"), "at most 16 pieces");
    let comment = "#".repeat(PROFILE_BYTES_MAX);
    refused(&comment, "at most 65536 bytes");
}

#[test]
fn a_message_of_more_values_than_are_bounded_is_refused() {
    let field = "{ name = \"f\", at = 0, type = \"u8\" },".repeat(8);
    let text = format!(
        "{HEAD}[[message]]\nname = \"m\"\nkind = \"status\"\nrecord = [{{ tag = [1], length = 1, \
         field = [{field}] }}]"
    );
    let profile = Profile::parse(&text, "x").unwrap();
    let bytes = |records: usize| [1_u8, 7].repeat(records);
    let most = bytes(64);
    assert_eq!(profile.read(None, &most).unwrap().fields().len(), 512);
    let refusal = profile.read(None, &bytes(65)).unwrap_err();
    assert!(
        refusal.text.contains("at most 512 values"),
        "{}",
        refusal.text
    );
}

#[test]
fn scaling_beyond_the_range_is_no_value() {
    let text = format!(
        "{HEAD}[[message]]\nname = \"m\"\nkind = \"status\"\nfield = [{{ name = \"f\", at = 0, \
         type = \"u64be\", multiply = 1000000, add = -1000000, channel = \"fill\" }}, \
         {{ name = \"g\", formula = \"f * 2\", channel = \"fill\" }}]"
    );
    let profile = Profile::parse(&text, "x").unwrap();
    let greatest = i64::MAX.to_be_bytes();
    let decoding = profile.read(None, &greatest).unwrap();
    assert!(
        decoding
            .fields()
            .iter()
            .all(|(_, value)| value.to_string() == "none")
    );
    assert_eq!(decoding.samples().len(), 1);
}

fn values() -> impl Strategy<Value = Vec<(String, NamedValue)>> {
    let value = prop_oneof![
        any::<bool>().prop_map(NamedValue::Bool),
        any::<i64>().prop_map(|micros| NamedValue::Number(crate::Fixed::from_micros(micros))),
        ".{0,20}".prop_map(NamedValue::Text),
        Just(NamedValue::Missing),
    ];
    let name = prop_oneof![
        Just("SR04.Distance".to_owned()),
        Just("State".to_owned()),
        ".{0,9}"
    ];
    proptest::collection::vec((name, value), 0..9)
}

proptest! {
    #[test]
    fn every_profile_reads_and_explains_whatever_comes(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        port in proptest::option::of(any::<u8>()),
        cut in 0_usize..12,
    ) {
        let profiles = &*BUILTIN;
        for id in profiles.ids() {
            let profile = profiles.require(id).unwrap();
            let explanation = profile.explain(port, &bytes);
            let read = profile.read(port, &bytes);
            prop_assert_eq!(explanation.refused.is_some(), read.is_err());
            for at in 0..bytes.len() {
                let mut places = explanation.rows.iter().filter_map(|row| row.bytes.as_ref());
                prop_assert!(places.any(|place| place.contains(&at)), "{} {}", id, at);
            }
            let uplink = Uplink {
                address: "1".to_owned(),
                f_port: port,
                f_cnt: Some(1),
                bytes: bytes.iter().copied().skip(cut).collect(),
                at: Some(UtcMs(i64::MIN)),
                time_source: TimeSource::Network,
                decoded: Vec::new(),
            };
            drop(profile.decode(&uplink));
        }
    }

    #[test]
    fn every_cut_of_a_known_message_is_read_or_refused(
        index in 0_usize..38,
        length in 0_usize..40,
        flip in 0_usize..40,
        with in any::<u8>(),
    ) {
        let published: serde_json::Value =
            serde_json::from_str(include_str!("../../../vectors/published.json")).unwrap();
        let all = published["devices"].as_array().unwrap().iter().flat_map(|device| {
            let vectors = device["vectors"].as_array().unwrap();
            vectors.iter().map(move |vector| (&device["profile"], vector))
        });
        let (id, vector) = all.clone().nth(index).unwrap();
        let hex = vector["bytes_hex"].as_str().unwrap();
        let mut bytes = crate::profile::vector::from_hex(hex).unwrap();
        bytes.truncate(length);
        if let Some(byte) = bytes.get_mut(flip) {
            *byte ^= with;
        }
        let port = vector["fport"].as_u64().map(|port| u8::try_from(port).unwrap());
        let profile = BUILTIN.require(id.as_str().unwrap()).unwrap();
        let explanation = profile.explain(port, &bytes);
        prop_assert_eq!(explanation.refused.is_some(), profile.read(port, &bytes).is_err());
    }

    #[test]
    fn names_and_values_of_any_kind_are_read(values in values()) {
        let text = include_str!("../../../PROFILES.md");
        let block = text.split("```toml\n").nth(3).unwrap();
        let (text, _behind) = block.split_once("```").unwrap();
        let profile = Profile::parse(text, "PROFILES.md").unwrap();
        let named = Named {
            address: "1".to_owned(),
            at: None,
            time_source: TimeSource::Receiver,
            sequence: None,
            values,
        };
        let decoded = profile.decode_named(&named).unwrap();
        prop_assert!(decoded.len() <= 2);
        let explanation = profile.explain_named(&named);
        prop_assert!(explanation.rows.len() >= named.values.len().min(1));
    }

    #[test]
    fn no_formula_panics(text in "[a-c0-9 .+*/()<>=!,min-]{0,60}", a in any::<u8>()) {
        let text = format!(
            "{HEAD}[[message]]\nname = \"m\"\nkind = \"status\"\nfield = [{{ name = \"a\", at = 0, \
             type = \"u8\" }}, {{ name = \"x\", formula = \"{text}\", channel = \"fill\" }}]"
        );
        if let Ok(profile) = Profile::parse(&text, "x") {
            let bytes = [a];
            let decoding = profile.read(None, &bytes).unwrap();
            prop_assert_eq!(decoding.samples().len(), 1);
        }
    }
}
