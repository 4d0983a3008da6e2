//! Frames that makers and users published.

use proptest::prelude::*;

use super::{Found, Framing, bits, crc, find, wrap};

/// Published requests and replies with their checksums: of the WT53R (wiki of the SEN0492, its
/// maker's manual), of the SDI-RADAR's manual, and of a laser rangefinder's page.
const RTU: [(&str, &str); 5] = [
    ("request", "500300340001c845"),
    ("reply", "500302070b067f"),
    ("reply", "500302001c4441"),
    ("request", "010300000001840a"),
    ("request", "01040000000271cb"),
];

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn published_serial_frames_are_made_byte_for_byte() {
    for (kind, hex) in RTU {
        let frame = bytes(hex);
        let (body, sum) = frame.split_at(frame.len() - 2);
        assert_eq!(crc(body).to_le_bytes(), sum, "{hex}");
        assert_eq!(wrap(Framing::Rtu, 0, body[0], &body[1..]), frame, "{hex}");
        if kind == "request" {
            let Found::Request(request, used) = find(Framing::Rtu, &frame) else {
                panic!("no request in {hex}");
            };
            assert_eq!((request.unit, used), (frame[0], frame.len()));
            assert_eq!(request.pdu, body[1..]);
        }
    }
}

#[test]
fn a_users_tcp_request_is_understood_and_the_right_reply_has_its_length() {
    // things-go/go-modbus#12, and the reply of kellerza/sunsynk#680 with the right id.
    let Found::Request(request, 12) = find(Framing::Tcp, &bytes("001500000006010300000008")) else {
        panic!("no request");
    };
    assert_eq!((request.tid, request.unit), (0x15, 1));
    assert_eq!(request.range(), Some((0, 8)));
    let published = "00020000001301031000050001010432323130323439313331";
    let words = [5, 1, 0x0104, 0x3232, 0x3130, 0x3234, 0x3931, 0x3331];
    let made = wrap(Framing::Tcp, 2, 1, &super::words(3, &words));
    assert_eq!(made, bytes(published));
}

#[test]
fn bits_are_packed_lowest_first() {
    // Application Protocol 1.1b3, 6.1: coils 27 to 20 are CD, the first is the lowest bit.
    let coils = [true, false, true, true, false, false, true, true, true];
    assert_eq!(bits(1, &coils), [1, 2, 0xcd, 1]);
}

#[test]
fn a_frame_with_a_wrong_checksum_is_junk_and_half_a_frame_is_waited_for() {
    assert_eq!(find(Framing::Rtu, &bytes("500300340001c846")), Found::Junk);
    assert_eq!(find(Framing::Rtu, &bytes("500300340001c8")), Found::Part);
    assert_eq!(find(Framing::Tcp, &bytes("00150000000601")), Found::Part);
    assert_eq!(find(Framing::Tcp, &bytes("00150001000601")), Found::Junk);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_take_more_than_there_is(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), tcp: bool,
    ) {
        let framing = if tcp { Framing::Tcp } else { Framing::Rtu };
        if let Found::Request(request, used) = find(framing, &bytes) {
            prop_assert!(used <= bytes.len() && !request.pdu.is_empty());
        }
    }
}
