//! Published frames, every byte of them changed, and requests that must not leave.

use super::*;

/// A laser distance sensor, `SEN0492`: unit 0x50, register 0x34 is 0x070B (the maker's wiki).
const ASKED: [u8; 8] = [0x50, 0x03, 0x00, 0x34, 0x00, 0x01, 0xC8, 0x45];
const ANSWERED: [u8; 7] = [0x50, 0x03, 0x02, 0x07, 0x0B, 0x06, 0x7F];

/// Waveshare, from github.com/kellerza/sunsynk, issue 680; here with the request's own id.
const ASKED_TCP: [u8; 12] = [0, 2, 0, 0, 0, 6, 1, 3, 0, 3, 0, 8];
const ANSWERED_TCP: [u8; 25] = [
    0x00, 0x02, 0x00, 0x00, 0x00, 0x13, 0x01, 0x03, 0x10, 0x00, 0x05, 0x00, 0x01, 0x01, 0x04, 0x32,
    0x32, 0x31, 0x30, 0x32, 0x34, 0x39, 0x31, 0x33, 0x31,
];

fn rtu() -> Expected {
    Expected::to(Framing::Rtu, &ASKED, None).unwrap()
}

fn tcp() -> Expected {
    Expected::to(Framing::Tcp, &ASKED_TCP, Some(2)).unwrap()
}

#[test]
fn published_frames_have_our_checksum() {
    // Serial requests of published manuals: SDI-RADAR, a laser rangefinder.
    for (content, crc) in [
        (&ASKED[..6], [0xC8, 0x45]),
        (&ANSWERED[..5], [0x06, 0x7F]),
        (&[0x50, 3, 2, 0, 0x1C], [0x44, 0x41]),
        (&[1, 3, 0, 0, 0, 1], [0x84, 0x0A]),
        (&[1, 4, 0, 0, 0, 2], [0x71, 0xCB]),
    ] {
        assert_eq!(crc16(content).to_le_bytes(), crc);
    }
}

#[test]
fn published_answers_are_whole_at_their_last_byte_and_not_before() {
    for (expected, answer) in [(rtu(), &ANSWERED[..]), (tcp(), &ANSWERED_TCP[..])] {
        for length in 0..answer.len() {
            assert_eq!(expected.check(&answer[..length]), Ok(Progress::More));
        }
        assert_eq!(expected.check(answer), Ok(Progress::Complete));
        let more = [answer, &[0]].concat();
        assert_eq!(expected.check(&more), Err(Mismatch::Trailing { extra: 1 }));
    }
}

#[test]
fn an_rtu_answer_with_any_byte_changed_is_never_taken() {
    for at in 0..ANSWERED.len() {
        for change in 1..=255 {
            let mut answer = ANSWERED;
            answer[at] ^= change;
            let checked = rtu().check(&answer);
            assert_ne!(checked, Ok(Progress::Complete), "byte {at} ^ {change:#x}");
        }
    }
}

#[test]
fn a_tcp_answer_with_any_byte_of_its_headers_changed_is_never_taken() {
    for at in 0..9 {
        for change in 1..=255 {
            let mut answer = ANSWERED_TCP;
            answer[at] ^= change;
            let checked = tcp().check(&answer);
            assert_ne!(checked, Ok(Progress::Complete), "byte {at} ^ {change:#x}");
        }
    }
}

#[test]
fn exceptions_are_whole_answers_and_have_codes_from_one() {
    let exception = |code| [0, 2, 0, 0, 0, 3, 1, 0x83, code];
    assert_eq!(tcp().check(&exception(2)), Ok(Progress::Complete));
    assert_eq!(tcp().check(&exception(0)), Err(Mismatch::ExceptionCode));
    let other = [0, 2, 0, 0, 0, 3, 1, 0x84, 2];
    let mismatch = Mismatch::Function {
        expected: 3,
        came: 0x84,
    };
    assert_eq!(tcp().check(&other), Err(mismatch));
}

#[test]
fn nothing_but_a_read_leaves() {
    for function in 0..=255 {
        for count in [0, 1, 2, 125, 126, 2_000, 2_001, u16::MAX] {
            let [high, low] = count.to_be_bytes();
            let request = [0, 2, 0, 0, 0, 6, 1, function, 0, 3, high, low];
            let permitted = match function {
                1 | 2 => (1..=2_000).contains(&count),
                3 | 4 => (1..=125).contains(&count),
                _ => false,
            };
            let taken = Expected::to(Framing::Tcp, &request, None);
            assert_eq!(
                taken.is_ok(),
                permitted,
                "function {function}, count {count}"
            );
        }
    }
    let longer = [&ASKED_TCP[..], &[2, 0, 0]].concat();
    assert!(Expected::to(Framing::Tcp, &longer, None).is_err());
    assert!(Expected::to(Framing::Rtu, &ASKED[..7], None).is_err());
}
