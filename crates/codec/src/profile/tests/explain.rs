//! Explanations: every byte has a row, and every other message its reason.

use crate::profile::Profiles;
use crate::profile::vector::from_hex;

#[test]
fn every_byte_of_a_message_stands_in_exactly_one_run_or_in_fields() {
    let profiles = Profiles::builtin().unwrap();
    let em400 = profiles.require("milesight-em400-tld").unwrap();
    let bytes = [0x01, 0x75, 0x5c, 0x03, 0x67, 0x01, 0x01, 0x05, 0x00, 0x01];
    let explanation = em400.explain(Some(85), &bytes);
    assert_eq!(explanation.message.as_deref(), Some("data"));
    for at in 0..bytes.len() {
        let places = explanation.rows.iter().filter_map(|row| row.bytes.clone());
        assert_eq!(
            places.filter(|place| place.contains(&at)).count(),
            1,
            "{at}"
        );
    }
    let row = explanation
        .rows
        .iter()
        .find(|row| row.field == "temperature_c")
        .unwrap();
    assert_eq!(row.bytes, Some(5..7));
    assert_eq!((row.hex.as_str(), row.raw.as_str()), ("0101", "257"));
    assert_eq!(row.rule, "i16, little end first, / 10");
    assert_eq!(row.value, "25.7");
    assert_eq!(row.channel.as_deref(), Some("temperature"));
    assert_eq!(row.sample.as_deref(), Some("good 25.7"));
}

#[test]
fn a_refusal_and_the_other_messages_are_told() {
    let profiles = Profiles::builtin().unwrap();
    let bosch = profiles.require("bosch-tps110").unwrap();
    let refused = bosch.explain(Some(1), &[1, 2]);
    assert!(
        refused
            .refused
            .unwrap()
            .contains("expected 1 bytes, found 2")
    );
    assert_eq!(refused.rows.len(), 1, "the bytes are shown all the same");
    let known = bosch.explain(Some(2), &[1]);
    let others: Vec<_> = known
        .others
        .iter()
        .map(|other| (other.message.as_str(), other.why.as_str()))
        .collect();
    assert_eq!(
        others,
        [
            ("parking_status", "expected port 1, found 2"),
            ("startup", "expected port 3, found 2")
        ]
    );
    let row = &known.rows[0];
    assert_eq!(
        (row.bits.clone(), row.rule.as_str()),
        (Some(0..1), "yes if any bit of 0x01")
    );
}

/// The rows as a person reads them: bytes, rule, sample and why.
fn rows(id: &str, port: u8, hex: &str) -> Vec<String> {
    let profiles = Profiles::builtin().unwrap();
    let bytes = from_hex(hex).unwrap();
    let explanation = profiles.require(id).unwrap().explain(Some(port), &bytes);
    let rows = explanation.rows.into_iter();
    rows.map(|row| {
        let why = row.why.map_or(String::new(), |why| format!(" ({why})"));
        let sample = row.sample.unwrap_or_default();
        let at = row.at.map_or(String::new(), |at| format!(" at {at}"));
        format!(
            "{} {}: {} -> {sample}{why}{at}",
            row.hex, row.field, row.rule
        )
    })
    .collect()
}

#[test]
fn rows_stand_in_the_order_of_the_bytes_with_what_nothing_reads_between() {
    assert_eq!(
        rows("milesight-em500-udl", 85, "0382e80320ce806d2268ee027777"),
        [
            "0382 : tag of a record -> ",
            "e803 distance_mm: u16, little end first -> good 1000",
            "20ce : tag of a record -> ",
            "806d2268 time: u32, little end first, device time ->  at 2025-05-12T21:52:00Z",
            "ee02 distance_mm: u16, little end first -> good 750 at 2025-05-12T21:52:00Z",
            "7777 : not read: no record of the profile begins so -> ",
        ]
    );
    let text = rows("sensoneo-single", 1, "2855332e3736542b313444323531503129");
    assert_eq!(text[0], "2855 : fixed text -> ");
    assert_eq!(
        text[5],
        "323531 distance_cm: part of the text, value, for the channel * 10 -> uncertain \
         implausible 2510 (outside 30 to 2509, or too near)"
    );
}

#[test]
fn a_row_says_why_its_sample_is_not_good() {
    for (id, port, hex, expected) in [
        (
            "tekelek-tek766",
            48,
            "30000001010637004d006301680600000000",
            "-> bad no_echo (spoiled by src)",
        ),
        (
            "dragino-ldds75",
            2,
            "0d0a001400000001",
            "-> bad no_echo (a sentinel)",
        ),
        (
            "dragino-ldds75",
            2,
            "0d0afff000000001",
            "-> bad out_of_range (outside 1 to 7500)",
        ),
        (
            "milesight-em500-udl",
            85,
            "03821e00",
            "30 (nearer than 300)",
        ),
        (
            "bosch-tps110",
            3,
            "0000000099020206006f00000017030200",
            "(the device has just started)",
        ),
        (
            "tekelek-tek766",
            16,
            "1000000001121baa01131baa01141baa01151baa",
            "good 2750 (not used: nothing says when it was so) at unknown",
        ),
        (
            "milesight-em310-udl",
            85,
            "0175ff",
            "-> bad out_of_range (outside 0 to 100 %)",
        ),
    ] {
        let rows = rows(id, port, hex);
        assert!(
            rows.iter().any(|row| row.contains(expected)),
            "{id} {rows:#?}"
        );
    }
}
