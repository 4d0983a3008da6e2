//! Profiles: the built-in ones hold their vectors, broken ones are refused with their place.

use huitian_model::{
    BadReason, ChannelName, Measurement, Quantity, Sample, TimeSource, UncertainReason, UtcMs,
};

use super::{FieldValue, MessageKind, Profile, Profiles};
use crate::{RefusalReason, Uplink};

const SMALL: &str = r#"
id = "small"
name = "Small"
vendor = "Ours"

[[channel]]
name = "distance"
quantity = "distance"
valid = [200, 4000]
plausible = [300, 3000]

[[channel]]
name = "battery"
quantity = "battery"

[[message]]
name = "data"
kind = "status"
ports = [1]
lengths = [3]

[[message.field]]
name = "distance_mm"
at = 0
type = "u16be"
sentinels = [{ raw = 20, bad = "no_echo" }]
channel = "distance"

[[message.field]]
name = "battery_pct"
at = -1
type = "u8"
channel = "battery"
"#;

fn small() -> Profile {
    Profile::parse(SMALL, "small.toml").unwrap()
}

fn sample_of(profile: &Profile, bytes: &[u8], channel: &str) -> Sample {
    let samples = profile.read(Some(1), bytes).unwrap().samples();
    let channel = ChannelName::new(channel).unwrap();
    samples
        .into_iter()
        .find(|(name, _)| *name == channel)
        .unwrap()
        .1
}

/// The text that a fault of `SMALL`, changed so, underlines, and its message.
fn fault(from: &str, to: &str) -> (String, String) {
    assert!(SMALL.contains(from), "{from}");
    let text = SMALL.replacen(from, to, 1);
    let error = Profile::parse(&text, "small.toml").unwrap_err();
    assert!(error.to_string().contains("small.toml"));
    (
        text.get(error.span.unwrap()).unwrap().to_owned(),
        error.message,
    )
}

#[test]
fn the_built_in_profiles_hold_their_vectors() {
    let profiles = Profiles::builtin().unwrap();
    let ids: Vec<_> = profiles.ids().collect();
    assert_eq!(ids.len(), 18);
    for id in ids {
        let profile = profiles.require(id).unwrap();
        assert!(profile.vectors() >= 2, "{id}");
        assert!(profile.sources().count() >= 1, "{id}");
        assert!(profile.channels().count() >= 1, "{id}");
    }
    assert_eq!(
        profiles.require("acme").unwrap_err().reason,
        RefusalReason::UnknownProfile
    );
}

#[test]
fn every_example_of_the_documentation_is_a_profile() {
    let text = include_str!("../../PROFILES.md");
    let blocks = text.split("```toml\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect();
    let (wholes, parts): (Vec<&str>, Vec<&str>) =
        blocks.into_iter().partition(|part| part.starts_with("id"));
    let vectors: Vec<_> = wholes
        .iter()
        .map(|whole| Profile::parse(whole, "PROFILES.md").unwrap().vectors())
        .collect();
    assert_eq!(vectors, [3, 2, 3]);
    for part in &parts {
        Profile::parse(&format!("{}\n{part}", wholes[0]), "PROFILES.md").unwrap();
    }
    assert_eq!(parts.len(), 3);
}

#[test]
fn a_vector_that_does_not_hold_refuses_the_profile_and_is_underlined() {
    let vector = "[[vector]]\nsource = \"ours\"\nport = 1\nhex = \"03e85f\"\nmessage = \"data\"\n";
    let holds = "fields = { distance_mm = 1000 }\n\
                 samples = { distance = \"good 1000\", battery = \"good 95\" }\n";
    let text = format!("{SMALL}\n{vector}{holds}");
    assert_eq!(Profile::parse(&text, "x").unwrap().vectors(), 1);
    for (from, to, told) in [
        ("1000 }", "1001 }", "distance_mm: expected 1001, found 1000"),
        ("good 95", "good 96", "good 95"),
        ("message = \"data\"", "message = \"other\"", "other"),
        ("03e85f", "03e8", "expected 3 bytes, found 2"),
    ] {
        let broken = text.replacen(from, to, 2);
        let error = Profile::parse(&broken, "x").unwrap_err();
        assert!(error.message.contains(told), "{}", error.message);
        assert!(error.span.unwrap().start >= SMALL.len());
    }
}

#[test]
fn faults_are_underlined() {
    for (from, to, underlined, told) in [
        ("vendor =", "vendro =", "vendro", "unknown field"),
        ("\"u16be\"", "\"u17be\"", "\"u17be\"", "unknown variant"),
        ("id = \"small\"", "id = \"Small\"", "\"Small\"", "a-z"),
        ("id = \"small\"", "id = \"plain\"", "\"plain\"", "plain"),
        (
            "quantity = \"battery\"",
            "quantity = \"volts\"",
            "\"volts\"",
            "expected one of",
        ),
        ("[200, 4000]", "[4000, 200]", "[4000, 200]", "least"),
        ("at = 0", "at = 2", "2", "does not fit"),
        ("at = -1", "at = -4", "-4", "does not fit"),
        (
            "channel = \"battery\"",
            "channel = \"volts\"",
            "\"volts\"",
            "no channel",
        ),
        ("\"no_echo\"", "\"no_eco\"", "\"no_eco\"", "no_echo"),
        ("type = \"u8\"", "type = \"hex\"", "\"hex\"", "length"),
        (
            "type = \"u16be\"",
            "type = \"flag\"",
            "\"flag\"",
            "only numbers",
        ),
        (
            "lengths = [3]",
            "when = [{ at = 0, is = [] }]",
            "[]",
            "at least one",
        ),
        (
            "kind = \"status\"",
            "kind = \"parameters\"",
            "\"distance\"",
            "feeds no channel",
        ),
    ] {
        let (found, message) = fault(from, to);
        assert_eq!(found, underlined, "{message}");
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn an_id_is_taken_once() {
    let mut profiles = Profiles::builtin().unwrap();
    profiles.add(SMALL, "small.toml").unwrap();
    let error = profiles.add(SMALL, "again.toml").unwrap_err();
    assert!(error.message.contains("taken"));
    assert_eq!(profiles.ids().count(), 19);
}

#[test]
fn limits_and_sentinels_decide_the_quality() {
    let profile = small();
    let bad = |reason| Sample::Bad(Quantity::Distance, reason);
    let value = Measurement::Distance;
    for (mm, expected) in [
        (20_u16, bad(BadReason::NoEcho)),
        (199, bad(BadReason::OutOfRange)),
        (4001, bad(BadReason::OutOfRange)),
        (
            299,
            Sample::Uncertain(value(299), UncertainReason::Implausible),
        ),
        (300, Sample::Good(value(300))),
        (
            3001,
            Sample::Uncertain(value(3001), UncertainReason::Implausible),
        ),
    ] {
        let [high, low] = mm.to_be_bytes();
        assert_eq!(
            sample_of(&profile, &[high, low, 50], "distance"),
            expected,
            "{mm}"
        );
    }
    // Outside what a battery can be, though the profile sets no limit.
    let battery = sample_of(&profile, &[4, 0, 255], "battery");
    assert_eq!(
        battery,
        Sample::Bad(Quantity::Battery, BadReason::OutOfRange)
    );
}

#[test]
fn a_wrong_length_is_refused_and_an_unknown_port_is_not() {
    let profile = small();
    let refusal = profile.read(Some(1), &[1, 2]).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::PayloadShape);
    assert!(
        refusal
            .text
            .contains("small: message data: expected 3 bytes, found 2")
    );
    for port in [Some(2), None] {
        let decoding = profile.read(port, &[1, 2, 3]).unwrap();
        assert_eq!((decoding.message(), decoding.unread()), (None, 3));
        assert!(decoding.samples().is_empty());
    }
}

#[test]
fn a_sample_carries_the_time_and_sequence_of_its_uplink() {
    let uplink = Uplink {
        address: "1000000000000001".to_owned(),
        f_port: Some(2),
        f_cnt: Some(7),
        bytes: vec![1, 0x12],
        at: Some(UtcMs(1_795_406_400_000)),
        time_source: TimeSource::Network,
        decoded: Vec::new(),
    };
    let profiles = Profiles::builtin().unwrap();
    let decoded = profiles
        .require("bosch-tps110")
        .unwrap()
        .decode(&uplink)
        .unwrap();
    let told: Vec<_> = decoded
        .iter()
        .map(|d| (d.channel.as_str(), d.sample))
        .collect();
    let occupied = ("occupied", Sample::Good(Measurement::Occupied(true)));
    let temperature = ("temperature", Sample::Good(Measurement::Temperature(1_800)));
    assert_eq!(told, [occupied, temperature]);
    for decoded in decoded {
        assert_eq!((decoded.at, decoded.sequence), (uplink.at, Some(7)));
        assert_eq!(decoded.time_source, TimeSource::Network);
    }
}

#[test]
fn kinds_tell_heartbeats_from_states() {
    let profiles = Profiles::builtin().unwrap();
    let bosch = profiles.require("bosch-tps110").unwrap();
    for (port, bytes, kind) in [
        (1, &[1][..], MessageKind::Status),
        (2, &[1], MessageKind::Heartbeat),
        (3, &[0; 17], MessageKind::Startup),
    ] {
        assert_eq!(bosch.read(Some(port), bytes).unwrap().kind(), Some(kind));
    }
}

#[test]
fn a_cut_record_is_refused_and_an_unknown_one_ends_the_reading() {
    let profiles = Profiles::builtin().unwrap();
    let em310 = profiles.require("milesight-em310-udl").unwrap();
    let refusal = em310
        .read(Some(85), &[0x01, 0x75, 92, 0x03, 0x82, 0x44])
        .unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::PayloadShape);
    let bytes = [0x01, 0x75, 92, 0x77, 0x77, 1, 2, 3];
    let decoding = em310.read(Some(85), &bytes).unwrap();
    assert_eq!(decoding.unread(), 5);
    assert_eq!(decoding.samples().len(), 1);
}

#[test]
fn another_device_under_the_wrong_profile_is_refused() {
    let profiles = Profiles::builtin().unwrap();
    let df702 = profiles.require("dingtek-df702").unwrap();
    let refusal = df702.read(Some(3), &[0; 17]).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::PayloadShape);
    assert!(
        refusal.text.contains("byte 0 is not [80]"),
        "{}",
        refusal.text
    );
}

#[test]
fn an_unset_enumeration_value_is_shown_and_does_not_fail_the_frame() {
    let profiles = Profiles::builtin().unwrap();
    let em310 = profiles.require("milesight-em310-udl").unwrap();
    let decoding = em310
        .read(Some(85), &[0x04, 0x00, 9, 0x01, 0x75, 92])
        .unwrap();
    let fields = decoding.fields();
    assert_eq!(
        fields[0],
        ("position", FieldValue::Text("other:9".to_owned()))
    );
    let tilt = ChannelName::new("tilt").unwrap();
    let samples = decoding.samples();
    assert_eq!(
        samples[0],
        (tilt, Sample::Bad(Quantity::Tilt, BadReason::OutOfRange))
    );
    assert_eq!(samples.len(), 2);
}

mod explain;
mod lessons;
mod limits;
mod named;
mod parts;
mod published;
mod quality;
mod schema;
mod shapes;
