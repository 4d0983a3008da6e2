//! Payloads, topics, certificates and requests, byte by byte.

use proptest::prelude::*;

use super::wire::{START, bd_seq, bytes, double, float, number, payload, whole};
use crate::named::NamedValue;
use crate::refusal::RefusalReason;
use crate::sparkplug::payload::{Metric, Payload, Raw};
use crate::sparkplug::value::value;
use crate::sparkplug::{
    METRICS_MAX, Speech, Topic, Verb, is_death_of_host, rebirth, state, state_topic, topic,
};

fn metric(fields: &[Vec<u8>]) -> Metric {
    let read = Payload::read(&payload(None, Some(0), &[fields.concat()])).unwrap();
    read.metrics[0].clone()
}

fn said(datatype: u32, field: Vec<u8>) -> Option<NamedValue> {
    value(&metric(&[field]), datatype).unwrap()
}

#[test]
fn a_topic_says_who_speaks_and_how() {
    let node = topic("spBv1.0/park/NDATA/gw").unwrap();
    let speech = Speech {
        verb: Verb::Data,
        group: "park",
        edge: "gw",
        device: None,
    };
    assert_eq!(node, Topic::Node(speech));
    let device = topic("spBv1.0/park/DDEATH/gw/bay 7").unwrap();
    let speech = Speech {
        verb: Verb::Death,
        device: Some("bay 7"),
        ..speech
    };
    assert_eq!(device, Topic::Node(speech));
    assert_eq!(topic("spBv1.0/STATE/huitian"), Ok(Topic::State("huitian")));
    assert_eq!(topic("spBv1.0/park/DCMD/gw/bay"), Ok(Topic::Command));
    let wrong = [
        "spAv1.0/park/NDATA/gw",
        "spBv1.0/park/NDATA",
        "spBv1.0/park/NDATA/gw/bay",
        "spBv1.0/park/DDATA/gw",
        "spBv1.0/park/DDATA/gw/bay/more",
        "spBv1.0//NDATA/gw",
        "spBv1.0/STATE",
        "STATE/huitian",
    ];
    for text in wrong {
        assert_eq!(
            topic(text).unwrap_err().reason,
            RefusalReason::WrongTopic,
            "{text}"
        );
    }
}

#[test]
fn whole_numbers_are_twos_complement_of_their_width() {
    let minus_two_32 = u64::from((-2_i32) as u32);
    let minus_two_64 = (-2_i64) as u64;
    let cases = [
        (1, 10, 0xfe, -2.0),
        (1, 10, minus_two_32, -2.0),
        (2, 10, 0xfffe, -2.0),
        (2, 10, minus_two_32, -2.0),
        (3, 10, minus_two_32, -2.0),
        (3, 11, minus_two_64, -2.0),
        (4, 11, minus_two_64, -2.0),
        (4, 10, 7, 7.0),
        (5, 10, 0xfe, 254.0),
        (6, 10, 65_535, 65_535.0),
        (7, 10, minus_two_32, 4_294_967_294.0),
        (8, 11, 1 << 40, 1_099_511_627_776.0),
    ];
    for (datatype, field, bits, wanted) in cases {
        assert_eq!(
            said(datatype, whole(field, bits)),
            Some(number(wanted)),
            "{datatype} {bits:x}"
        );
    }
    // More than a number can be: none, not another.
    assert_eq!(said(8, whole(11, u64::MAX)), Some(NamedValue::Missing));
    for (datatype, bits) in [
        (1, 0x1fe),
        (2, 0x1_fffe),
        (5, 256),
        (6, 65_536),
        (7, 1 << 32),
    ] {
        let beyond = value(&metric(&[whole(11, bits)]), datatype).unwrap_err();
        assert_eq!(
            beyond.reason,
            RefusalReason::OutOfRange,
            "{datatype} {bits:x}"
        );
    }
}

#[test]
fn a_float_is_the_decimal_that_was_meant() {
    assert_eq!(said(9, float(12, 21.3)), Some(number(21.3)));
    assert_eq!(said(10, double(13, -0.25)), Some(number(-0.25)));
    for none in [
        float(12, f32::NAN),
        float(12, f32::INFINITY),
        double(13, f64::NAN),
    ] {
        assert_eq!(said(9, none), Some(NamedValue::Missing));
    }
}

#[test]
fn no_value_is_said_in_four_ways() {
    let null = whole(7, 1);
    assert_eq!(
        said(10, [null, double(13, 4.0)].concat()),
        Some(NamedValue::Missing)
    );
    assert_eq!(said(10, Vec::new()), Some(NamedValue::Missing));
    let quality = |code: u64| {
        let property = [whole(1, 3), whole(3, code)].concat();
        bytes(9, &[bytes(1, b"Quality"), bytes(2, &property)].concat())
    };
    assert_eq!(
        said(10, [quality(500), double(13, 4.0)].concat()),
        Some(NamedValue::Missing)
    );
    assert_eq!(
        said(10, [quality(0), double(13, 4.0)].concat()),
        Some(NamedValue::Missing)
    );
    assert_eq!(
        said(10, [quality(192), double(13, 4.0)].concat()),
        Some(number(4.0))
    );
}

#[test]
fn what_has_no_single_value_is_stepped_over() {
    assert_eq!(said(16, bytes(17, b"dataset")), None);
    assert_eq!(said(19, bytes(18, b"template")), None);
    assert_eq!(said(17, bytes(16, b"bytes")), None);
    assert_eq!(said(12, bytes(15, &[b'a'; 129])), None);
    assert_eq!(
        said(12, bytes(15, b"full")),
        Some(NamedValue::Text("full".to_owned()))
    );
    assert_eq!(said(11, whole(14, 1)), Some(NamedValue::Bool(true)));
    let other = value(&metric(&[bytes(15, b"full")]), 10).unwrap_err();
    assert_eq!(other.reason, RefusalReason::WrongType);
}

#[test]
fn what_is_no_payload_is_refused_with_a_reason() {
    let group = [varint_key(4, 3), varint_key(4, 4)].concat();
    let cases = [
        (vec![0x08], RefusalReason::WrongType),
        (bytes(1, b"text for a number"), RefusalReason::WrongType),
        (vec![0x12, 0x7f, 0x00], RefusalReason::WrongType),
        (group, RefusalReason::WrongType),
        (whole(3, 256), RefusalReason::OutOfRange),
        (bytes(2, &bytes(1, &[b'n'; 257])), RefusalReason::TooLong),
        (bytes(2, &bytes(1, &[0xff])), RefusalReason::WrongType),
        (
            bytes(2, b"").repeat(METRICS_MAX + 1),
            RefusalReason::TooManyItems,
        ),
    ];
    for (payload, reason) in cases {
        assert_eq!(Payload::read(&payload).unwrap_err().reason, reason);
    }
    // What this version does not know is stepped over.
    let newer = [
        whole(99, 1),
        bytes(5, b"body"),
        payload(Some(START), Some(7), &[]),
    ]
    .concat();
    let read = Payload::read(&newer).unwrap();
    assert_eq!((read.seq, read.at.map(|at| at.0)), (Some(7), Some(START)));
    // A clock that was never set says no time.
    assert_eq!(Payload::read(&whole(1, 4_000)).unwrap().at, None);
}

fn varint_key(field: u8, wire: u8) -> Vec<u8> {
    vec![field << 3 | wire]
}

#[test]
fn a_rebirth_request_is_the_bytes_of_the_specification() {
    let metric = [
        bytes(1, b"Node Control/Rebirth"),
        whole(3, START as u64),
        whole(4, 11),
        whole(14, 1),
    ];
    let wanted = payload(Some(START), None, &[metric.concat()]);
    assert_eq!(rebirth(START), wanted);
    assert_eq!(Payload::read(&wanted).unwrap().seq, None);
}

#[test]
fn a_certificate_says_online_and_when() {
    assert_eq!(state_topic("hui"), "spBv1.0/STATE/hui");
    assert_eq!(state(true, 12), r#"{"online":true,"timestamp":12}"#);
    assert!(is_death_of_host(state(false, 12).as_bytes()));
    assert!(is_death_of_host(
        br#"{ "timestamp" : 1, "online" : false }"#
    ));
    for other in [
        &b"OFFLINE"[..],
        b"{}",
        br#"{"online":true}"#,
        br#"{"online":false"#,
        b"\xff",
    ] {
        assert!(!is_death_of_host(other));
    }
}

#[test]
fn a_birth_and_its_death_name_one_session() {
    let read = Payload::read(&payload(None, None, &[bd_seq(255)])).unwrap();
    assert_eq!(read.bd_seq(), Some(255));
    assert_eq!(Payload::default().bd_seq(), None);
    assert_eq!(metric(&[whole(11, 3)]).raw, Raw::Whole(3));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(read) = Payload::read(&bytes) {
            for metric in &read.metrics {
                for datatype in 0..40 {
                    drop(value(metric, datatype));
                }
            }
        }
    }
}
