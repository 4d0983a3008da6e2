//! What decides the quality of a sample, at its edges.

use crate::RefusalReason;
use crate::profile::vector::told;
use crate::profile::{Profile, Profiles};

const GROUPS: &str = r#"
id = "quality"
name = "Quality"
vendor = "Ours"

[[channel]]
name = "distance"
quantity = "distance"
valid = [1000, 2000]
blind = 1500
compensate = { with = "temperature", reference = 20 }

[[channel]]
name = "temperature"
quantity = "temperature"

[[spoil]]
field = "echo"
one_of = [0, 3]
channels = ["distance"]
bad = "no_echo"

[[spoil]]
field = "open"
equals = 1
channels = ["distance"]
bad = "lid_open"

[[message]]
name = "groups"
kind = "status"
ports = [1]
field = [{ name = "open", at = 0, type = "flag" }]

[[message.group]]
name = "reading"
at = 1
length = 4
every_s = 900
field = [
    { name = "mm", at = 0, type = "u16be", channel = "distance" },
    { name = "temperature_c", at = 2, type = "i8", channel = "temperature" },
    { name = "echo", at = 3, type = "u8" },
]

[[message]]
name = "stream"
kind = "status"
ports = [2]

[[message.record]]
tag = [1]
length = 2
field = [{ name = "mm", at = 0, type = "u16be", channel = "distance" }]

[[message]]
name = "short"
kind = "status"
ports = [3]
lengths = [2]
field = [{ name = "mm", at = 0, type = "u16be", channel = "distance" }]

[[message]]
name = "long"
kind = "status"
ports = [3]
field = [
    { name = "mm", at = 0, type = "u16be", channel = "distance" },
    { name = "temperature_c", at = 2, type = "i8", channel = "temperature" },
]
"#;

/// All samples of distance in the order of the bytes.
fn distances(port: u8, bytes: &[u8]) -> Vec<String> {
    let profile = Profile::parse(GROUPS, "quality.toml").unwrap();
    let decoding = profile.read(Some(port), bytes).unwrap();
    let judged = decoding.judged().into_iter();
    let distances = judged.filter(|judged| judged.channel == 0);
    distances.map(|judged| told(judged.sample)).collect()
}

#[test]
fn an_echo_spoils_its_own_group_and_no_other() {
    let bytes = [0, 7, 0, 20, 3, 7, 8, 20, 9, 7, 16, 20, 0];
    assert_eq!(
        distances(1, &bytes),
        ["bad no_echo", "good 1800", "bad no_echo"]
    );
}

#[test]
fn an_open_lid_spoils_what_is_now_and_not_what_was() {
    let bytes = [1, 7, 0, 20, 9, 7, 8, 20, 9];
    assert_eq!(distances(1, &bytes), ["bad lid_open", "good 1800"]);
}

#[test]
fn each_group_is_put_right_by_its_own_temperature() {
    // 1800 mm at 20 and at -20 degrees: 1800 * 319.18 / 343.42 is 1672.9.
    let bytes = [0, 7, 8, 20, 9, 7, 8, 236, 9];
    assert_eq!(distances(1, &bytes), ["good 1800", "good 1673"]);
}

#[test]
fn limits_are_of_the_distance_as_the_device_says_it() {
    for (mm, degrees, expected) in [
        (999_u16, 20_i8, "bad out_of_range"),
        (1_000, 20, "uncertain implausible 1000"),
        (1_499, 20, "uncertain implausible 1499"),
        (1_500, 20, "good 1500"),
        (2_000, 20, "good 2000"),
        (2_001, 20, "bad out_of_range"),
        // Put right they are 1394 and 2071 mm: outside of both limits, and still what was heard.
        (1_500, -20, "good 1394"),
        (2_000, 40, "good 2071"),
    ] {
        let [high, low] = mm.to_be_bytes();
        let bytes = [high, low, degrees.to_be_bytes()[0]];
        assert_eq!(distances(3, &bytes), [expected], "{mm} {degrees}");
    }
}

#[test]
fn of_two_records_of_one_channel_the_last_holds() {
    assert_eq!(distances(2, &[1, 7, 0, 1, 7, 8]), ["good 1800"]);
}

#[test]
fn a_message_of_another_length_is_tried_by_the_next_one() {
    let profile = Profile::parse(GROUPS, "quality.toml").unwrap();
    for (bytes, message) in [(&[7, 8][..], "short"), (&[7, 8, 20], "long")] {
        let decoding = profile.read(Some(3), bytes).unwrap();
        assert_eq!(decoding.message(), Some(message));
    }
}

#[test]
fn a_field_that_is_not_optional_must_be_there() {
    let profile = Profile::parse(GROUPS, "quality.toml").unwrap();
    let refusal = profile.read(Some(3), &[7]).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::PayloadShape);
    assert!(
        refusal.text.contains("field mm at byte 0"),
        "{}",
        refusal.text
    );
}

#[test]
fn text_that_goes_on_behind_its_end_is_refused() {
    let profiles = Profiles::builtin().unwrap();
    let sensoneo = profiles.require("sensoneo-single").unwrap();
    assert!(sensoneo.read(Some(1), b"(U3.76T+14D251P1)").is_ok());
    for other in [
        &b"(U3.76T+14D251P1)x"[..],
        b"x(U3.76T+14D251P1)",
        b"(U3.76T+14D251P1",
    ] {
        let refusal = sensoneo.read(Some(1), other).unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::PayloadShape);
    }
}
