//! What passes, what is shrunk, what is refused, however the bytes are cut.

use super::{Guard, Malformed, OVERSIZED};
use crate::config::Protocol;

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// Feeds the stream in pieces of this size.
fn pass(guard: &mut Guard, stream: &[u8], piece: usize) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    for piece in stream.chunks(piece) {
        guard.pass(piece, &mut out)?;
    }
    Ok(out)
}

fn publish(topic: &[u8], id: &[u8], payload: usize) -> Vec<u8> {
    let body = 2 + topic.len() + id.len() + payload;
    let mut packet = vec![if id.is_empty() { 0x30 } else { 0x32 }];
    let mut length = body;
    loop {
        let low = u8::try_from(length & 0x7F).unwrap();
        length >>= 7;
        packet.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    packet.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
    packet.extend(topic);
    packet.extend(id);
    packet.extend(vec![b'x'; payload]);
    packet
}

fn shrunk(first: u8, id: &[u8], v5: bool, topic: &[u8]) -> Vec<u8> {
    let properties: &[u8] = if v5 { &[0] } else { &[] };
    let name = OVERSIZED.as_bytes();
    let body = [&[0, 10], name, id, properties, topic].concat();
    [&[first, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

#[test]
fn what_is_within_the_limit_passes_unchanged_however_it_is_cut() {
    let stream = [
        &CONNACK[..],
        &[0x90, 3, 0, 1, 1],
        &publish(b"a/b", &[0, 1], 10),
        &publish(b"a/b", &[], 1_000),
        &[0xD0, 0],
    ]
    .concat();
    for piece in [1, 2, 3, 7, 500, stream.len()] {
        let mut guard = Guard::new(Protocol::V4, 1_024);
        assert_eq!(pass(&mut guard, &stream, piece), Ok(stream.clone()));
    }
}

#[test]
fn a_message_one_byte_above_the_limit_is_shrunk_and_its_neighbours_are_not() {
    let (small, large) = (
        publish(b"a/b", &[0, 1], 1_014),
        publish(b"a/b", &[0, 2], 1_015),
    );
    assert_eq!((small.len(), large.len()), (1_024, 1_025));
    for (protocol, v5) in [(Protocol::V4, false), (Protocol::V5, true)] {
        for piece in [1, 2, 3, 100, 5_000] {
            let mut guard = Guard::new(protocol, 1_024);
            let stream = [&CONNACK[..], &small, &large, &small].concat();
            let expected = [
                &CONNACK[..],
                &small,
                &shrunk(0x32, &[0, 2], v5, b"a/b"),
                &small,
            ]
            .concat();
            assert_eq!(pass(&mut guard, &stream, piece), Ok(expected));
        }
    }
}

#[test]
fn a_large_message_without_identifier_or_with_a_long_topic_is_shrunk_too() {
    let mut guard = Guard::new(Protocol::V4, 1_024);
    let topic = vec![b't'; 2_000];
    let stream = [
        &CONNACK[..],
        &publish(&topic, &[], 5_000),
        &publish(b"", &[0, 9], 5_000),
    ]
    .concat();
    let expected = [
        &CONNACK[..],
        &shrunk(0x30, &[], false, &topic[..100]),
        &shrunk(0x32, &[0, 9], false, b""),
    ]
    .concat();
    assert_eq!(pass(&mut guard, &stream, 333), Ok(expected));
}

#[test]
fn what_is_not_mqtt_is_named() {
    for (stream, error) in [
        (&[0x15_u8, 3, 1][..], Malformed::SpeaksTls),
        (b"HTTP/1.1 400", Malformed::NotMqtt(b'H')),
        (
            &[0x20, 2, 0, 0, 0x90, 0xFF, 0xFF, 0xFF, 0xFF, 1],
            Malformed::Length,
        ),
        (
            &[0x20, 2, 0, 0, 0x90, 0xFF, 0x7F],
            Malformed::TooLarge(0x90, 16_383, 1_024),
        ),
        // A topic of 65,535 bytes in a message of 2,000.
        (
            &[
                &[0x20, 2, 0, 0, 0x32, 0xD0, 0x0F, 0xFF, 0xFF],
                &[0; 3_000][..],
            ]
            .concat(),
            Malformed::Publish,
        ),
    ] {
        let mut guard = Guard::new(Protocol::V4, 1_024);
        assert_eq!(pass(&mut guard, stream, 1_000_000), Err(error));
    }
}
