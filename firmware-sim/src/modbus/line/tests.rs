//! What a line answers, and how each fault looks on the wire.

use std::time::Duration;

use crate::modbus::frame::{Framing, Request, crc, wrap};
use crate::modbus::spoil::Session;
use crate::modbus::{Device, Fault, Holes, Line, Rates, Unit};

use super::Outcome;

const AT_MS: i64 = 1_794_153_600_000;

/// A line of one counting unit and a client that has sent nothing yet.
struct Scene {
    line: Line,
    session: Session,
    tid: u16,
    now: Duration,
}

fn scene(line: Line) -> Scene {
    Scene {
        line: line.with_unit(1, Unit::new(Device::Counting, None)),
        session: Session::default(),
        tid: 0x0101,
        now: Duration::ZERO,
    }
}

impl Scene {
    fn ask_pdu(&mut self, framing: Framing, unit: u8, pdu: &[u8]) -> Outcome {
        self.tid = self.tid.wrapping_add(1);
        let request = Request {
            framing,
            tid: if framing == Framing::Tcp { self.tid } else { 0 },
            unit,
            pdu: pdu.to_vec(),
            len: 8,
        };
        let (session, now) = (&mut self.session, self.now);
        self.line.on_request(session, &request, now, AT_MS)
    }

    fn ask(&mut self, framing: Framing, unit: u8, address: u16, count: u16) -> Outcome {
        let [a, b] = address.to_be_bytes();
        let [c, d] = count.to_be_bytes();
        self.ask_pdu(framing, unit, &[3, a, b, c, d])
    }

    /// The bytes of a read of registers 7 and 8, all at once.
    fn read(&mut self, framing: Framing) -> Vec<u8> {
        joined(&self.ask(framing, 1, 7, 2))
    }
}

fn joined(outcome: &Outcome) -> Vec<u8> {
    outcome
        .pieces
        .iter()
        .flat_map(|(_, bytes)| bytes.clone())
        .collect()
}

/// What the read of registers 7 and 8 must bring.
fn right(framing: Framing, tid: u16) -> Vec<u8> {
    wrap(framing, tid, 1, &[3, 4, 0, 22, 0, 25])
}

fn spoilt(fault: Fault, framing: Framing) -> (Scene, Outcome) {
    let mut scene = scene(Line::new(5).with_script([Some(fault)]));
    let outcome = scene.ask(framing, 1, 7, 2);
    assert_eq!(scene.line.counts.faults.get(&fault), Some(&1));
    (scene, outcome)
}

#[test]
fn without_faults_a_read_is_answered_at_once_and_whole() {
    for framing in [Framing::Tcp, Framing::Rtu] {
        let mut scene = scene(Line::new(1));
        let outcome = scene.ask(framing, 1, 7, 2);
        let tid = if framing == Framing::Tcp {
            scene.tid
        } else {
            0
        };
        assert_eq!(outcome.pieces, [(Duration::ZERO, right(framing, tid))]);
    }
}

#[test]
fn a_late_reply_is_whole_and_a_lost_one_never_comes() {
    let (scene, late) = spoilt(Fault::Late, Framing::Tcp);
    let expected = right(Framing::Tcp, scene.tid);
    assert_eq!(late.pieces, [(Duration::from_millis(1_500), expected)]);
    for fault in [Fault::Lost, Fault::Closed] {
        let (_, outcome) = spoilt(fault, Framing::Tcp);
        assert_eq!(
            (outcome.pieces.len(), outcome.closes),
            (0, fault == Fault::Closed)
        );
    }
}

#[test]
fn a_glued_reply_comes_before_the_next_in_one_piece() {
    let (mut scene, outcome) = spoilt(Fault::Glued, Framing::Tcp);
    assert!(outcome.pieces.is_empty());
    let next = scene.ask(Framing::Tcp, 1, 7, 2);
    let (first, second) = (scene.tid - 1, scene.tid);
    let both = [right(Framing::Tcp, first), right(Framing::Tcp, second)].concat();
    assert_eq!(next.pieces, [(Duration::ZERO, both)]);
    assert_eq!(scene.read(Framing::Tcp), right(Framing::Tcp, second + 1));
}

#[test]
fn a_shifted_connection_answers_the_request_before_for_ever() {
    let (mut scene, outcome) = spoilt(Fault::Shifted, Framing::Rtu);
    assert!(outcome.pieces.is_empty());
    for address in [20, 30] {
        let before = if address == 20 {
            right(Framing::Rtu, 0)
        } else {
            wrap(Framing::Rtu, 0, 1, &[3, 4, 0, 61, 0, 64])
        };
        assert_eq!(joined(&scene.ask(Framing::Rtu, 1, address, 2)), before);
    }
    scene.session = Session::default();
    assert_eq!(scene.read(Framing::Rtu), right(Framing::Rtu, 0));
}

#[test]
fn a_wrong_transaction_id_is_never_the_right_one() {
    let rates = Rates::none().with(Fault::WrongTid, 1.0);
    let mut scene = scene(Line::new(3).with_faults(rates));
    let mut seen = std::collections::BTreeSet::new();
    // Ids that a wrong one could hit by chance: 0, 2, and those that stay when swapped.
    for id in [0, 1, 2, 0x0202, 0xffff, 0x1234].repeat(50) {
        scene.tid = u16::wrapping_sub(id, 1);
        let reply = scene.read(Framing::Tcp);
        let tid = u16::from_be_bytes([reply[0], reply[1]]);
        assert_ne!(tid, scene.tid);
        assert_eq!(reply[2..], right(Framing::Tcp, 0)[2..]);
        seen.insert(tid.wrapping_sub(scene.tid).min(2));
    }
    assert!(seen.len() > 1);
}

#[test]
fn identity_and_length_are_wrong_in_the_way_that_the_fault_says() {
    let tcp = |fault| {
        let (scene, outcome) = spoilt(fault, Framing::Tcp);
        (joined(&outcome), scene.tid)
    };
    let whole = |tid, unit, pdu: &[u8]| wrap(Framing::Tcp, tid, unit, pdu);
    let (reply, tid) = tcp(Fault::WrongUnit);
    assert_eq!(reply, whole(tid, 2, &[3, 4, 0, 22, 0, 25]));
    let (reply, tid) = tcp(Fault::WrongFunction);
    assert_eq!(reply, whole(tid, 1, &[4, 4, 0, 22, 0, 25]));
    let (reply, tid) = tcp(Fault::Double);
    let pair = [
        whole(tid, 1, &[4, 4, 0, 22, 0, 25]),
        right(Framing::Tcp, tid),
    ];
    assert_eq!(reply, pair.concat());
    let (reply, tid) = tcp(Fault::Short);
    assert_eq!(reply, whole(tid, 1, &[3, 2, 0, 22]));
    let (reply, tid) = tcp(Fault::ByteCountZero);
    assert_eq!(reply, whole(tid, 1, &[3, 0]));
    let (reply, tid) = tcp(Fault::Cut);
    assert_eq!(reply, right(Framing::Tcp, tid)[..6]);
    let (reply, tid) = tcp(Fault::Stray);
    assert_eq!(reply[4..], right(Framing::Tcp, tid));
    for (fault, code) in [(Fault::Busy, 6), (Fault::Address, 2), (Fault::Value, 3)] {
        let (reply, tid) = tcp(fault);
        assert_eq!(reply, whole(tid, 1, &[0x83, code]));
    }
}

#[test]
fn a_damaged_serial_reply_has_one_wrong_bit_and_noise_is_no_reply() {
    let rates = Rates::none().with(Fault::Crc, 1.0);
    let mut damaged = scene(Line::new(4).with_faults(rates));
    for _ in 0..100 {
        let reply = damaged.read(Framing::Rtu);
        let bits = reply.iter().zip(right(Framing::Rtu, 0));
        assert_eq!(bits.map(|(a, b)| (a ^ b).count_ones()).sum::<u32>(), 1);
    }
    let rates = Rates::none().with(Fault::Noise, 1.0);
    let mut noisy = scene(Line::new(4).with_faults(rates));
    for _ in 0..100 {
        let reply = noisy.read(Framing::Rtu);
        assert!((3..24).contains(&reply.len()));
        let (body, sum) = reply.split_at(reply.len() - 2);
        assert_ne!(crc(body).to_le_bytes(), sum);
    }
}

#[test]
fn a_dripping_reply_comes_byte_by_byte_one_a_second() {
    let (_, outcome) = spoilt(Fault::Drip, Framing::Rtu);
    assert_eq!(joined(&outcome), right(Framing::Rtu, 0));
    let times: Vec<_> = outcome.pieces.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(times, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn the_same_seed_and_requests_give_the_same_bytes_and_another_seed_others() {
    let run = |seed| {
        let mut scene = scene(Line::new(seed).with_faults(Rates::demo()));
        let outcomes: Vec<_> = (0..2_000)
            .map(|_| scene.ask(Framing::Rtu, 1, 7, 2))
            .collect();
        (outcomes, scene.line.counts.faults.clone())
    };
    let (first, faults) = run(1);
    assert!(first == run(1).0);
    assert!(first != run(2).0);
    let which = |seed| {
        let drawn = (0..2_000).map(|n| Rates::demo().draw(seed, n, Framing::Rtu));
        drawn.collect::<Vec<_>>()
    };
    assert!(which(1) == which(1) && which(1) != which(2));
    // Every kind that a serial frame can show, each in about 10 of 2,000 requests.
    assert_eq!(faults.len(), Fault::ALL.len() - 1);
    assert!(
        faults.values().all(|times| (1..=30).contains(times)),
        "{faults:?}"
    );
}

#[test]
fn every_write_is_refused_and_counted_even_where_no_unit_is() {
    let mut scene = scene(Line::new(1).with_unit(2, Unit::new(Device::Counting, None).dead()));
    for (number, function) in [5, 6, 15, 16, 21, 22, 23].into_iter().enumerate() {
        for unit in [1, 2, 99] {
            let reply = joined(&scene.ask_pdu(Framing::Tcp, unit, &[function, 0, 1, 0, 1]));
            assert_eq!(reply[7..], [function | 0x80, 1], "{function} {unit}");
        }
        assert_eq!(
            scene.line.counts.writes,
            u64::try_from(number + 1).unwrap() * 3
        );
    }
    // A broadcast is not answered, but counted.
    assert!(
        scene
            .ask_pdu(Framing::Rtu, 0, &[6, 0, 1, 0, 1])
            .pieces
            .is_empty()
    );
    assert_eq!(scene.line.counts.writes, 22);
    let other = joined(&scene.ask_pdu(Framing::Tcp, 1, &[17]));
    assert_eq!(
        (&other[7..], scene.line.counts.writes),
        (&[0x91, 1][..], 22)
    );
}

#[test]
fn a_dead_unit_is_silent_a_slow_one_slow_and_the_gateway_may_tell() {
    let slow = Unit::new(Device::Counting, None).slow(Duration::from_millis(400));
    let dead = Unit::new(Device::Counting, None).dead();
    let line = Line::new(1).with_unit(2, slow).with_unit(3, dead);
    let mut scene = scene(line);
    let at = |outcome: Outcome| outcome.pieces.first().map(|(at, _)| at.as_millis());
    assert_eq!(at(scene.ask(Framing::Rtu, 2, 7, 2)), Some(400));
    scene.now = Duration::from_secs(1);
    assert_eq!(at(scene.ask(Framing::Rtu, 3, 7, 2)), None);
    assert_eq!(at(scene.ask(Framing::Rtu, 4, 7, 2)), None);
    assert_eq!(scene.line.counts.unheard, 2);
    scene.line = scene.line.clone().telling_of_no_target();
    let told = joined(&scene.ask(Framing::Tcp, 3, 7, 2));
    assert_eq!(told[7..], [0x83, 11]);
}

#[test]
fn a_unit_with_a_gap_ignores_what_comes_too_soon() {
    let mut scene = scene(Line::new(1).with_unit(2, Unit::new(Device::ApgMnu, None)));
    let mut heard = |ms| {
        scene.now = Duration::from_millis(ms);
        let outcome = scene.ask(Framing::Rtu, 2, 400, 1);
        (!outcome.pieces.is_empty(), scene.line.counts.too_soon)
    };
    assert_eq!(heard(1_000), (true, 0));
    assert_eq!(heard(1_299), (false, 1));
    assert_eq!(heard(1_300), (true, 1));
}

#[test]
fn a_loop_detector_refuses_more_than_8_registers_a_message() {
    let counts = |at, count| {
        let unit = Unit::new(Device::ProconLd120, None);
        let mut scene = scene(Line::new(1).with_unit(254, unit));
        let reply = joined(&scene.ask(Framing::Tcp, 254, at, count));
        reply[7..9].to_vec()
    };
    assert_eq!(counts(9, 2), [3, 4]);
    assert_eq!(counts(3, 8), [0x83, 2]);
    assert_eq!(counts(2, 9), [0x83, 3]);
}

#[test]
fn a_hole_is_answered_in_each_of_the_ways_devices_have() {
    let check = |holes, address, expected: &[u8]| {
        let unit = Unit::new(Device::Counting, None)
            .without(20..=21)
            .with_holes(holes);
        let mut scene = scene(Line::new(1).with_unit(2, unit));
        let reply = joined(&scene.ask(Framing::Tcp, 2, address, 2));
        assert_eq!(reply[7..], *expected, "{holes:?} {address}");
        scene
    };
    check(Holes::Address, 18, &[3, 4, 0, 55, 0, 58]);
    check(Holes::Address, 19, &[0x83, 2]);
    check(Holes::Value, 21, &[0x83, 3]);
    check(Holes::OnlyIfAll, 19, &[3, 4, 0, 58, 0, 0]);
    check(Holes::OnlyIfAll, 20, &[0x83, 2]);
    let mut scene = check(Holes::Stray, 20, &[0x83, 2]);
    let next = joined(&scene.ask(Framing::Tcp, 2, 18, 2));
    assert_eq!(next[..4], [0; 4]);
    assert_eq!(next[11..], [3, 4, 0, 55, 0, 58]);
    let after = joined(&scene.ask(Framing::Tcp, 2, 18, 2));
    assert_eq!(after[7..], [3, 4, 0, 55, 0, 58]);
}

#[test]
fn at_9600_baud_frames_take_their_time_one_after_the_other() {
    let mut scene = scene(Line::new(1).at_baud(9_600));
    // 8 and 9 characters of 11 bits, each frame with 3.5 characters of silence.
    let first = scene.ask(Framing::Rtu, 1, 7, 2).pieces[0].0;
    let second = scene.ask(Framing::Rtu, 1, 7, 2).pieces[0].0;
    assert_eq!(first.as_micros(), 13_177 + 14_322);
    assert_eq!(second, first * 2);
}
