//! Each fault known from the field, once: refused, counted under its name, and got over.
//!
//! The reports: things-go/go-modbus#12 and grid-x/modbus#26 (id one behind), kellerza/sunsynk#680
//! (always id 2), pymodbus#2777 (late and glued), #2709 (id swapped), #2718 (byte count 0),
//! node-modbus-tcp#21 (exception with id 0), j2mod#165 (id used again), EasyModbus#56 (two
//! functions in one buffer), sunsynk#18 (four stray bytes), node-modbus-serial#474 (exception 2
//! now and then), modbus-esp8266#255 (3 for 2).

use std::time::Duration;

use huitian_modbus::{Framing, LineSettings, MismatchKind, TransactionId, UnitState};

use crate::bench::{Bench, TIMEOUT, mixed, settings};
use crate::device::{Act, Asked, pass};

/// What a fault is counted as.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
enum As {
    Mismatch(MismatchKind),
    Timeout,
    Broken,
}

/// The second request of a cycle meets `act`; nothing else may suffer.
async fn check(framing: Framing, act: Act, counted: As) {
    let mut bench = Bench::new(framing, &[(7, mixed())]);
    bench.device.script([Act::Good, act.clone()]);
    bench.cycle().await;
    let counts = bench.health().units[0].counts.clone();
    let what = format!("{framing:?} {act:?}: {counts:?}");
    assert_eq!(bench.take_answers(), 4, "{what}");
    let seen = match counted {
        As::Mismatch(kind) => counts.mismatches.get(&kind).copied().unwrap_or_default(),
        As::Timeout => counts.timeouts,
        As::Broken => counts.broken,
    };
    assert_eq!(seen, 1, "{what}");
    let all = counts.timeouts + counts.broken + counts.mismatches.values().sum::<u64>();
    assert_eq!(all, 1, "{what}");
    assert_eq!(
        bench.device.opened(),
        2,
        "one connection is given up: {what}"
    );
    bench.cycle().await;
    assert_eq!(bench.take_answers(), 5, "{what}");
    assert_eq!(bench.health().units[0].state, UnitState::Healthy);
}

#[tokio::test(start_paused = true)]
async fn a_tcp_answer_that_does_not_fit_is_refused_and_named() {
    use MismatchKind as Kind;
    for (act, kind) in [
        (Act::TidBehind, Kind::TransactionId),
        (Act::Tid(2), Kind::TransactionId),
        (Act::TidSwapped, Kind::TransactionId),
        (Act::TidReused, Kind::TransactionId),
        (Act::ExceptionTid0(2), Kind::TransactionId),
        (Act::Stray4, Kind::TransactionId),
        (Act::ProtocolId, Kind::ProtocolId),
        (Act::OtherUnit, Kind::Unit),
        (Act::OtherFunction, Kind::Function),
        (Act::ByteCount0, Kind::ByteCount),
        (Act::Short, Kind::ByteCount),
        (Act::Long, Kind::ByteCount),
        (Act::Exception(0), Kind::ExceptionCode),
        (Act::TwoFunctions, Kind::Trailing),
        (Act::Twice, Kind::Trailing),
    ] {
        check(Framing::Tcp, act, As::Mismatch(kind)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_rtu_answer_that_does_not_fit_is_refused_and_named() {
    use MismatchKind as Kind;
    for (act, kind) in [
        (Act::Stray4, Kind::Unit),
        (Act::OtherUnit, Kind::Unit),
        (Act::OtherFunction, Kind::Function),
        (Act::ByteCount0, Kind::ByteCount),
        (Act::Short, Kind::ByteCount),
        (Act::Long, Kind::ByteCount),
        (Act::Exception(0), Kind::ExceptionCode),
        (Act::TwoFunctions, Kind::Trailing),
        (Act::Twice, Kind::Trailing),
        (Act::BadChecksum, Kind::Checksum),
    ] {
        check(Framing::Rtu, act, As::Mismatch(kind)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_whole_in_time_is_no_answer() {
    for framing in [Framing::Tcp, Framing::Rtu] {
        check(framing, Act::Silent, As::Timeout).await;
        check(framing, Act::Half, As::Timeout).await;
        check(framing, Act::Close, As::Broken).await;
        check(framing, Act::CloseMidFrame, As::Broken).await;
    }
    check(Framing::Tcp, Act::Drip, As::Timeout).await;
}

#[tokio::test(start_paused = true)]
async fn one_byte_a_second_cannot_stretch_a_request() {
    let mut bench = Bench::new(Framing::Tcp, &[(7, mixed())]);
    bench.device.script([Act::Drip]);
    let begun = tokio::time::Instant::now();
    bench.cycle().await;
    let most = TIMEOUT + Duration::from_millis(150);
    assert!(begun.elapsed() < most, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_glued_to_the_next_is_refused_with_it() {
    for framing in [Framing::Tcp, Framing::Rtu] {
        let mut bench = Bench::new(framing, &[(7, mixed())]);
        bench.device.script([Act::GluedToNext]);
        bench.cycle().await;
        let counts = bench.health().units[0].counts.clone();
        assert_eq!(counts.timeouts, 1, "{counts:?}");
        assert_eq!(counts.mismatches.values().sum::<u64>(), 1, "{counts:?}");
        bench.take_answers();
        bench.cycle().await;
        assert_eq!(bench.take_answers(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_nobody_asked_for_are_found_before_the_next_request() {
    for framing in [Framing::Tcp, Framing::Rtu] {
        let mut bench = Bench::new(framing, &[(7, mixed())]);
        bench.cycle().await;
        bench.device.babble(&[7, 3, 2, 0, 0]).await;
        pass(Duration::from_millis(1)).await;
        let before = bench.device.asked().len();
        bench.cycle().await;
        let counts = bench.health().units[0].counts.clone();
        assert_eq!(counts.mismatches.get(&MismatchKind::Unsolicited), Some(&1));
        let asked = bench.device.asked().split_off(before);
        let first = |asked: &Asked| (asked.function, asked.address, asked.count) == (3, 0, 20);
        assert!(!asked.iter().any(first), "it was not even sent: {asked:?}");
        bench.cycle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_always_answers_with_id_2_is_refused_with_the_reason() {
    let mut bench = Bench::new(Framing::Tcp, &[(1, mixed())]);
    bench.device.always(1, Act::Tid(2));
    for _ in 0..20 {
        bench.cycle().await;
        pass(Duration::from_secs(60)).await;
    }
    assert_eq!(bench.take_answers(), 0);
    let health = bench.health();
    let reason = &health.units[0].reason;
    assert!(reason.contains("transaction_id = \"ignore\""), "{reason}");
    assert!(reason.contains("0x0002 came back"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn with_ids_ignored_every_request_has_its_own_connection() {
    for act in [Act::Tid(2), Act::TidBehind, Act::TidSwapped] {
        let settings = LineSettings {
            transaction_id: TransactionId::Ignore,
            ..settings(Framing::Tcp)
        };
        let mut bench = Bench::with(settings, &[(1, mixed())]);
        bench.device.always(1, act);
        for cycle in 1..=3 {
            bench.cycle().await;
            assert_eq!(bench.take_answers(), 5);
            assert_eq!(bench.device.opened(), 5 * cycle);
        }
        // And glued answers are refused still.
        bench.device.script([Act::Good, Act::TwoFunctions]);
        bench.cycle().await;
        assert_eq!(bench.take_answers(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn exceptions_reach_the_unit_and_leave_it_healthy() {
    for framing in [Framing::Tcp, Framing::Rtu] {
        for code in [1, 2, 3, 4, 7, 8, 9] {
            let mut bench = Bench::new(framing, &[(7, mixed())]);
            bench.device.script([Act::Good, Act::Exception(code)]);
            bench.cycle().await;
            assert_eq!(bench.take_answers(), 4);
            assert_eq!(bench.given().exceptions, [(7, mixed()[1], code)]);
            let health = bench.health();
            assert_eq!(health.units[0].state, UnitState::Healthy);
            assert_eq!(health.units[0].counts.exceptions.get(&code), Some(&1));
            assert_eq!(bench.device.opened(), 1, "an exception is an answer");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_unit_is_asked_again_a_few_times_and_not_at_once() {
    for code in [5, 6, 10, 11] {
        let settings = LineSettings {
            busy_retries: 2,
            busy_retries_wait: Duration::from_millis(300),
            ..settings(Framing::Tcp)
        };
        let mut bench = Bench::with(settings, &[(7, vec![mixed()[0]])]);
        bench
            .device
            .script([Act::Exception(code), Act::Exception(code)]);
        let begun = tokio::time::Instant::now();
        bench.cycle().await;
        assert!(begun.elapsed() >= Duration::from_millis(600));
        assert_eq!(bench.take_answers(), 1, "the third attempt");
        assert_eq!(bench.given().exceptions, []);

        bench.device.always(7, Act::Exception(code));
        for _ in 0..100 {
            bench.cycle().await;
        }
        // 3 attempts per cycle until degraded (3 failures), and then probes of one.
        let asked = bench.device.asked_of(7);
        assert!(asked <= 3 + 3 * 3 + 10, "{asked}");
        let exceptions = bench.given().exceptions.clone();
        assert!(exceptions.iter().all(|(.., given)| *given == code));
        assert!(exceptions.len() >= 3, "{exceptions:?}");
    }
}
