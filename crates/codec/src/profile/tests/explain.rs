//! Explanations: every byte has a row, and every other message its reason.

use crate::profile::Profiles;

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
