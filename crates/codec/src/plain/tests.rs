//! The plain form: good values are kept, faults refuse as little as they can.

use huitian_model::{
    BadReason, DeviceId, FillLevel, Measurement, Quantity, Sample, SiteId, TimeSource, UtcMs,
};
use proptest::prelude::*;

use super::{PlainMessage, PlainValue};
use crate::{BATCH_ITEMS_MAX, Decoded, Fixed, Refusal, RefusalReason};

const AT: UtcMs = UtcMs(1_795_406_400_000); // 2026-11-23T04:00:00Z

fn parse(payload: &str) -> Result<PlainMessage, Refusal> {
    let site = SiteId::new("s-001").unwrap();
    let device = DeviceId::new("bin-7").unwrap();
    PlainMessage::parse(site, device, payload.as_bytes())
}

/// Every channel measures the quantity whose name it has.
fn decode(payload: &str) -> (Vec<Decoded>, Vec<Refusal>) {
    let message = parse(payload).unwrap();
    message.decode(|channel| Quantity::from_name(&channel.as_str().replace('-', "_")))
}

fn samples(payload: &str) -> Vec<Sample> {
    let (readings, refused) = decode(payload);
    assert_eq!(refused, vec![], "{payload}");
    readings.into_iter().map(|reading| reading.sample).collect()
}

fn refusals(payload: &str) -> Vec<(RefusalReason, String)> {
    let (_readings, refused) = decode(payload);
    refused
        .into_iter()
        .map(|refusal| (refusal.reason, refusal.text))
        .collect()
}

#[test]
fn one_item_gives_a_reading_per_channel() {
    let payload = r#"{"at":1795406400000,"seq":17,"readings":{"occupied":true,"fill":87.5,
        "distance":640,"temperature":-21.55,"battery":92,"entries":4294967295,"exits":5,
        "free_places":-12,"in_use":3,"tilt":0},"firmware":"1.2"}"#;
    let (readings, refused) = decode(payload);
    assert_eq!(refused, vec![]);
    let values: Vec<_> = readings.iter().map(|r| r.sample.value().unwrap()).collect();
    let fill = FillLevel::from_hundredths(8_750).unwrap();
    assert_eq!(
        values,
        [
            Measurement::Occupied(true),
            Measurement::Fill(fill),
            Measurement::Distance(640),
            Measurement::Temperature(-2_155),
            Measurement::Battery(92),
            Measurement::Entries(u32::MAX),
            Measurement::Exits(5),
            Measurement::FreePlaces(-12),
            Measurement::InUse(3),
            Measurement::Tilt(false),
        ]
    );
    for reading in readings {
        assert_eq!(
            (reading.at, reading.time_source),
            (Some(AT), TimeSource::Device)
        );
        assert_eq!(reading.sequence, Some(17));
    }
}

#[test]
fn a_batch_gives_each_item_its_own_time() {
    let payload = r#"{"batch":[
        {"at":"2026-11-23T12:00:00+08:00","seq":1,"readings":{"fill":10}},
        {"at":"2026-11-23T04:10:00.5Z","readings":{"fill":20}},
        {"readings":{"fill":30}}]}"#;
    let (readings, refused) = decode(payload);
    assert_eq!(refused, vec![]);
    let times: Vec<_> = readings
        .iter()
        .map(|r| (r.at, r.time_source, r.sequence))
        .collect();
    assert_eq!(
        times,
        [
            (Some(AT), TimeSource::Device, Some(1)),
            (Some(AT.plus(600_500)), TimeSource::Device, None),
            (None, TimeSource::Receiver, None),
        ]
    );
}

#[test]
fn no_value_has_a_reason() {
    let payload = r#"{"readings":{"fill":null,"distance":{"bad":"no_echo"},
        "occupied":{"bad":"lid_open"},"tilt":{"bad":"device_fault"}}}"#;
    let bad = |sample| match sample {
        Sample::Bad(_, reason) => reason,
        Sample::Good(_) | Sample::Uncertain(..) => panic!("{sample:?}"),
    };
    let reasons: Vec<_> = samples(payload).into_iter().map(bad).collect();
    assert_eq!(
        reasons,
        [
            BadReason::DeviceFault,
            BadReason::NoEcho,
            BadReason::LidOpen,
            BadReason::DeviceFault,
        ]
    );
}

#[test]
fn a_bad_value_is_refused_alone_with_its_permitted_range() {
    for (value, reason, told) in [
        (
            "300",
            RefusalReason::OutOfRange,
            "expected 0 to 100 %, found 300",
        ),
        ("-0.5", RefusalReason::OutOfRange, "found -0.5"),
        ("1e400", RefusalReason::OutOfRange, "\"1e400\""),
        ("true", RefusalReason::WrongType, "found true"),
        ("\"87\"", RefusalReason::WrongType, "expected a number"),
        ("[87]", RefusalReason::WrongType, "expected a number"),
        (
            "{\"bad\":\"no_eco\"}",
            RefusalReason::OutOfRange,
            "no_echo, out_of_range",
        ),
        ("{\"bad\":1}", RefusalReason::WrongType, "text"),
        ("{}", RefusalReason::MissingField, "bad"),
    ] {
        let payload = format!(r#"{{"readings":{{"battery":50,"fill":{value},"tilt":1}}}}"#);
        let (readings, refused) = decode(&payload);
        assert_eq!(readings.len(), 2, "{value}");
        let [refusal] = refused.as_slice() else {
            panic!("{refused:?}")
        };
        assert_eq!(refusal.reason, reason, "{refusal}");
        assert!(
            refusal.text.starts_with("item 0, channel fill: "),
            "{refusal}"
        );
        assert!(refusal.text.contains(told), "{refusal}");
    }
}

#[test]
fn a_bad_item_is_refused_alone() {
    for (item, reason, told) in [
        (
            r#"{"at":"noon","readings":{"fill":1}}"#,
            RefusalReason::WrongType,
            "at: ",
        ),
        // Seconds, an unset clock, microseconds, local time without a zone.
        (
            r#"{"at":1795406400,"readings":{"fill":1}}"#,
            RefusalReason::OutOfRange,
            "at: ",
        ),
        (
            r#"{"at":0,"readings":{"fill":1}}"#,
            RefusalReason::OutOfRange,
            "at: ",
        ),
        (
            r#"{"at":1795406400000000,"readings":{"fill":1}}"#,
            RefusalReason::OutOfRange,
            "at: ",
        ),
        (
            r#"{"at":"2019-01-01T22:42:35","readings":{"fill":1}}"#,
            RefusalReason::WrongType,
            "offset",
        ),
        (
            r#"{"at":true,"readings":{"fill":1}}"#,
            RefusalReason::WrongType,
            "at: ",
        ),
        (
            r#"{"seq":-1,"readings":{"fill":1}}"#,
            RefusalReason::OutOfRange,
            "seq: ",
        ),
        (
            r#"{"seq":"1","readings":{"fill":1}}"#,
            RefusalReason::WrongType,
            "seq: ",
        ),
        (r#"{"fill":1}"#, RefusalReason::MissingField, "readings"),
        (r#"{"readings":[1]}"#, RefusalReason::WrongType, "readings"),
        ("7", RefusalReason::WrongType, "object"),
        ("null", RefusalReason::WrongType, "object"),
    ] {
        let payload = format!(
            r#"{{"batch":[{{"readings":{{"fill":1}}}},{item},{{"readings":{{"fill":2}}}}]}}"#
        );
        let (readings, refused) = decode(&payload);
        assert_eq!(readings.len(), 2, "{item}");
        let [refusal] = refused.as_slice() else {
            panic!("{refused:?}")
        };
        assert_eq!(refusal.reason, reason, "{refusal}");
        assert!(refusal.text.starts_with("item 1: "), "{refusal}");
        assert!(refusal.text.contains(told), "{refusal}");
    }
}

#[test]
fn a_far_future_is_the_engines_to_judge() {
    let (readings, refused) = decode(r#"{"at":"2099-01-01T00:00:00Z","readings":{"fill":1}}"#);
    assert_eq!((readings.len(), refused.len()), (1, 0));
}

#[test]
fn an_unknown_channel_is_named() {
    let [(reason, text)] = &refusals(r#"{"readings":{"volume":1}}"#)[..] else {
        panic!()
    };
    assert_eq!(*reason, RefusalReason::UnknownChannel);
    assert!(text.contains("channel volume"), "{text}");
}

#[test]
fn a_name_that_is_no_channel_name_is_refused_alone() {
    let (readings, refused) = decode(r#"{"readings":{"Fill Level":1,"fill":2}}"#);
    assert_eq!(readings.len(), 1);
    assert_eq!(refused[0].reason, RefusalReason::OutOfRange);
    let twice = refusals(r#"{"readings":{"in_use":1,"in-use":2}}"#);
    assert_eq!(twice[0].0, RefusalReason::DuplicateKey);
}

#[test]
fn a_message_without_readings_is_refused() {
    for (payload, reason) in [
        ("{}", RefusalReason::MissingField),
        (r#"{"fill":1}"#, RefusalReason::MissingField),
        (r#"{"at":1795406400000}"#, RefusalReason::MissingField),
        ("[]", RefusalReason::WrongType),
        ("1", RefusalReason::WrongType),
        ("", RefusalReason::NotJson),
        ("hello", RefusalReason::NotJson),
        (r#"{"readings":{"fill":NaN}}"#, RefusalReason::NotJson),
        (r#"{"readings":{"fill":1}"#, RefusalReason::NotJson),
        (r#"{"readings":{"fill":1}} x"#, RefusalReason::NotJson),
        (
            r#"{"readings":{"fill":1,"fill":2}}"#,
            RefusalReason::DuplicateKey,
        ),
        (r#"{"batch":{}}"#, RefusalReason::WrongType),
        (r#"{"seq":1,"batch":[]}"#, RefusalReason::WrongType),
        (r#"{"batch":[],"readings":{}}"#, RefusalReason::WrongType),
    ] {
        assert_eq!(parse(payload).unwrap_err().reason, reason, "{payload}");
    }
    // Nothing to say is no fault.
    assert_eq!(parse(r#"{"readings":{}}"#).unwrap().items.len(), 1);
    assert_eq!(parse(r#"{"batch":[]}"#).unwrap().items.len(), 0);
}

#[test]
fn a_batch_holds_so_many_items_and_no_more() {
    let batch = |items| {
        let item = r#"{"readings":{"fill":1}}"#;
        format!(r#"{{"batch":[{}]}}"#, vec![item; items].join(","))
    };
    assert_eq!(samples(&batch(BATCH_ITEMS_MAX)).len(), BATCH_ITEMS_MAX);
    let refusal = parse(&batch(BATCH_ITEMS_MAX + 1)).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::TooManyItems);
}

#[test]
fn yes_and_no_may_be_numbers() {
    for (value, expected) in [("1", true), ("0", false), ("true", true), ("false", false)] {
        let payload = format!(r#"{{"readings":{{"occupied":{value}}}}}"#);
        assert_eq!(
            samples(&payload),
            [Sample::Good(Measurement::Occupied(expected))]
        );
    }
    let refused = refusals(r#"{"readings":{"occupied":2}}"#);
    assert!(
        refused[0]
            .1
            .contains("expected true, false, 1 or 0, found 2"),
        "{refused:?}"
    );
}

/// An item as a device would write it, by an encoder that shares nothing with the decoder.
fn encoded(at: Option<i64>, seq: Option<u32>, values: &[(String, PlainValue)]) -> String {
    let mut members = Vec::new();
    members.extend(at.map(|at| format!("\"at\": {at}")));
    members.extend(seq.map(|seq| format!("\"seq\" :{seq}")));
    let readings: Vec<_> = values
        .iter()
        .map(|(channel, value)| match value {
            PlainValue::Bool(yes) => format!("\"{channel}\":{yes}"),
            PlainValue::Number(number) => format!("\"{channel}\":{number}"),
            PlainValue::Bad(reason) => {
                format!("\"{channel}\":{{\"bad\":\"{}\"}}", reason.name())
            }
        })
        .collect();
    members.push(format!("\"readings\":{{{}}}", readings.join(", ")));
    format!("{{{}}}", members.join(","))
}

fn any_plain_value() -> impl Strategy<Value = PlainValue> {
    prop_oneof![
        any::<bool>().prop_map(PlainValue::Bool),
        any::<i64>().prop_map(|micros| PlainValue::Number(Fixed::from_micros(micros / 10))),
        prop::sample::select(vec![
            BadReason::NoEcho,
            BadReason::Tilted,
            BadReason::OutOfRange
        ])
        .prop_map(PlainValue::Bad),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_a_device_writes_is_what_is_read(
        items in prop::collection::vec(
            (
                prop::option::of(946_684_800_000..8_835_955_200_000_i64),
                prop::option::of(any::<u32>()),
                prop::collection::btree_map("[a-z0-9-]{1,20}", any_plain_value(), 0..8),
            ),
            0..5,
        ),
    ) {
        let texts: Vec<_> = items
            .iter()
            .map(|(at, seq, values)| {
                let values: Vec<_> = values.clone().into_iter().collect();
                encoded(*at, *seq, &values)
            })
            .collect();
        let message = parse(&format!("{{\"batch\":[{}]}}", texts.join(","))).unwrap();
        prop_assert_eq!(&message.refused, &vec![]);
        prop_assert_eq!(message.items.len(), items.len());
        for (read, (at, seq, values)) in message.items.iter().zip(items) {
            prop_assert_eq!(read.at, at.map(UtcMs));
            prop_assert_eq!(read.sequence, seq);
            let channels: Vec<_> = read
                .channels
                .iter()
                .map(|(name, value)| (name.to_string(), *value))
                .collect();
            prop_assert_eq!(channels, values.into_iter().collect::<Vec<_>>());
        }
    }
}
