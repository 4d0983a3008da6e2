//! Packets are written and read as the standard has them.

use bytes::{Bytes, BytesMut};
use huitian_mqtt::Qos;
use proptest::prelude::*;

use super::{
    Fault, Header, Inbound, Message, Outgoing, Publish, Version, decode, publish, split_header,
};

const LIMIT: usize = 1 << 20;

fn versions() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V311), Just(Version::V5)]
}

/// Cuts one packet from the front, as the receiver does.
fn cut(buffer: &mut BytesMut) -> Option<(u8, Bytes)> {
    match split_header(buffer, LIMIT).ok()? {
        Header::Complete {
            first,
            body_at,
            total,
        } if buffer.len() >= total => {
            let packet = buffer.split_to(total).freeze();
            Some((first, packet.slice(body_at..)))
        }
        Header::Incomplete | Header::Complete { .. } => None,
    }
}

#[test]
fn a_packet_is_refused_by_its_length_before_its_bytes_have_come() {
    let header = BytesMut::from(&[0x32, 0x80, 0x80, 0x40][..]);
    assert_eq!(
        split_header(&header, LIMIT),
        Err(Fault::TooLarge(LIMIT + 4))
    );
    let largest = BytesMut::from(&[0x32, 0xFC, 0xFF, 0x3F][..]);
    assert!(matches!(
        split_header(&largest, LIMIT),
        Ok(Header::Complete { total: LIMIT, .. })
    ));
}

#[test]
fn user_properties_are_passed_on_as_they_came() {
    let properties = [
        0x26, 0, 1, b'k', 0, 1, b'v', 0x01, 1, 0x26, 0, 1, b'k', 0, 1, b'w',
    ];
    let mut body = vec![0, 1, b't', u8::try_from(properties.len()).unwrap()];
    body.extend(properties);
    body.extend(b"payload");
    let Ok(Inbound::Publish(publish)) = decode(0x30, body.into(), Version::V5) else {
        panic!("not a PUBLISH");
    };
    assert_eq!(&publish.properties[..], properties);
    assert_eq!(&publish.payload[..], b"payload");
}

#[test]
fn a_property_given_twice_is_a_protocol_error() {
    let body = [0, 1, b't', 4, 0x01, 1, 0x01, 1];
    let decoded = decode(0x30, Bytes::copy_from_slice(&body), Version::V5);
    assert_eq!(decoded, Err(Fault::Protocol("property given twice")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_bytes_give_a_packet_or_a_fault(
        first: u8,
        body in proptest::collection::vec(any::<u8>(), 0..64),
        version in versions(),
    ) {
        if let Err(fault) = decode(first, body.into(), version) {
            prop_assert!(fault.reason() >= 0x80);
        }
    }

    #[test]
    fn a_connect_cut_or_changed_anywhere_gives_a_packet_or_a_fault(
        at in 0..48_usize,
        byte: u8,
        keep in 0..48_usize,
    ) {
        let mut body = b"\x00\x04MQTT\x05\xF6\x00\x3C\x05\x11\x00\x00\x00\x09\x00\x02id\
            \x05\x18\x00\x00\x00\x07\x00\x01w\x00\x02wp\x00\x01u\x00\x01p".to_vec();
        prop_assert!(decode(0x10, body.clone().into(), Version::V311).is_ok());
        let at = at % body.len();
        body[at] = byte;
        body.truncate(keep);
        if let Err(fault) = decode(0x10, body.into(), Version::V311) {
            prop_assert!(fault.reason() >= 0x80);
        }
    }

    #[test]
    fn a_connect_gives_the_credentials_it_was_made_with(
        user in proptest::option::of("[^\u{0}]{0,70}"),
        password in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..70)),
        cut in 0..40_usize,
        version in versions(),
    ) {
        let level = if version == Version::V5 { 5 } else { 4 };
        let flags = u8::from(user.is_some()) << 7 | u8::from(password.is_some()) << 6 | 2;
        let mut body = b"\x00\x04MQTT".to_vec();
        body.extend([level, flags, 0, 60]);
        if level == 5 {
            body.push(0);
        }
        body.extend(b"\x00\x02id");
        let fixed = body.len();
        let texts = [user.as_ref().map(String::as_bytes), password.as_deref()];
        for text in texts.into_iter().flatten() {
            body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            body.extend(text);
        }
        let decoded = decode(0x10, body.clone().into(), Version::V311);
        if user.is_none() && password.is_some() && level == 4 {
            prop_assert_eq!(decoded, Err(Fault::Malformed("password without a user name")));
        } else {
            let Ok(Inbound::Connect(connect)) = decoded else {
                panic!("{decoded:?}");
            };
            let said = format!("{connect:?}");
            prop_assert_eq!(connect.user, user);
            prop_assert_eq!(connect.password.is_some(), password.is_some());
            if let (Some(found), Some(password)) = (connect.password, password) {
                prop_assert_eq!(&found.0[..], &password[..]);
                prop_assert!(said.contains("[password]"));
            }
            // Cut anywhere among the credentials it is no CONNECT.
            if body.len() > fixed {
                body.truncate(body.len() - 1 - cut % (body.len() - fixed));
                prop_assert!(decode(0x10, body.into(), Version::V311).is_err());
            }
        }
    }

    #[test]
    fn what_is_written_to_a_subscriber_reads_back_the_same(
        topic in "[a-z0-9/\u{4e00}-\u{4e10}]{1,40}",
        // On both sides of the lengths where the remaining length grows by a byte.
        payload in (any::<u8>(), prop_oneof![0..300_usize, 16_300..16_500_usize]),
        level in 0..3_u8,
        id in 1..=u16::MAX,
        retain: bool,
        dup: bool,
        version in versions(),
    ) {
        let qos = Qos::from_level(level).unwrap();
        let (id, dup) = if qos == Qos::AtMostOnce { (0, false) } else { (id, dup) };
        let properties = match version {
            Version::V311 => Bytes::new(),
            Version::V5 => Bytes::from_static(b"\x26\x00\x01k\x00\x01v"),
        };
        let payload = vec![payload.0; payload.1].into();
        let expected = Publish { topic, payload, qos, retain, dup, id, properties };
        let message = Message {
            topic: expected.topic.clone(),
            payload: expected.payload.clone(),
            qos,
            retain,
            properties: expected.properties.clone(),
            publisher: "p".into(),
        };
        let mut out = BytesMut::new();
        let how = Outgoing { qos, id, retain, dup };
        prop_assert!(publish(&mut out, &message, how, version, u32::MAX));
        prop_assert!(!publish(&mut BytesMut::new(), &message, how, version, 1), "above its limit");
        for kept in 0..out.len().min(6) {
            let mut begun = BytesMut::from(&out[..kept]);
            prop_assert!(cut(&mut begun).is_none(), "a packet from a part");
        }
        let (first, body) = cut(&mut out).unwrap();
        prop_assert!(out.is_empty());
        prop_assert_eq!(decode(first, body, version), Ok(Inbound::Publish(expected)));
    }
}
