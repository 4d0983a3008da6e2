//! The trap of RTU: an answer that comes after its timeout is taken for the next one, and so on.

use std::time::Duration;

use huitian_modbus::{Dial, Endpoint, Framing, RegisterFunction, Request};
use tokio::time::timeout;
use tokio_modbus::client::{Reader, rtu};
use tokio_modbus::slave::Slave;

use crate::bench::{Bench, TIMEOUT, read};
use crate::device::{Act, Device, pass, register};

/// Two requests that nothing but their addresses tells apart.
fn alike() -> Vec<Request> {
    [0, 100, 200]
        .map(|address| read(RegisterFunction::HoldingRegisters, address, 2))
        .to_vec()
}

/// Why the guard is there: without it, the library gives one register's value for another's.
#[tokio::test(start_paused = true)]
async fn the_library_alone_gives_the_value_of_another_register() {
    let mut device = Device::new(Framing::Rtu);
    device.script([Act::Late(TIMEOUT + Duration::from_millis(100))]);
    device.answer_after(Duration::from_millis(200));
    let (host, port) = ("device".to_owned(), 502);
    let stream = device
        .dial(&Endpoint::RtuOverTcp { host, port })
        .await
        .unwrap();
    let mut context = rtu::attach_slave(stream, Slave(1));
    let first = timeout(TIMEOUT, context.read_holding_registers(0, 2)).await;
    assert!(first.is_err(), "the first request times out");
    let second = timeout(TIMEOUT, context.read_holding_registers(100, 2)).await;
    let second = second.unwrap().unwrap().unwrap();
    assert_eq!(
        second,
        [register(1, 3, 0), register(1, 3, 1)],
        "of address 0, asked for 100"
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_never_given_to_another_request() {
    // From just before the timeout to long after the line is open again, in steps that hit every
    // phase: closed, waiting, draining, asked.
    for framing in [Framing::Rtu, Framing::Tcp] {
        for late_ms in (480..2_600).step_by(7) {
            let mut bench = Bench::new(framing, &[(1, alike()), (2, alike())]);
            bench.device.answer_after(Duration::from_millis(30));
            let late = Duration::from_millis(late_ms);
            bench.device.script([match framing {
                Framing::Rtu => Act::Late(late),
                Framing::Tcp => Act::LateRestamped(late),
            }]);
            for _ in 0..3 {
                bench.cycle().await;
                pass(Duration::from_secs(2)).await;
            }
            bench.take_answers();
            // Ten timeouts after the last failure at the latest, all is as before.
            pass(TIMEOUT * 10).await;
            bench.cycle().await;
            bench.take_answers();
            bench.cycle().await;
            assert_eq!(bench.take_answers(), 6, "late by {late_ms} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_timeout_a_read_of_another_shape_lets_the_old_answer_pass() {
    let mut bench = Bench::new(Framing::Rtu, &[(1, alike())]);
    bench.device.script([Act::Silent]);
    bench.cycle().await;
    let asked: Vec<(u16, u16)> = bench
        .device
        .asked()
        .iter()
        .map(|asked| (asked.address, asked.count))
        .collect();
    assert_eq!(asked, [(0, 2), (0, 1), (100, 2), (200, 2)]);
    assert_eq!(bench.health().barriers, 1);
    assert_eq!(bench.take_answers(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_is_not_taken_for_the_refusal_of_another_request() {
    let mut bench = Bench::new(
        Framing::Rtu,
        &[(
            1,
            vec![
                read(RegisterFunction::HoldingRegisters, 0, 2),
                read(RegisterFunction::HoldingRegisters, 100, 7),
            ],
        )],
    );
    bench.device.hole(1);
    bench
        .device
        .slow_holes(TIMEOUT + Duration::from_millis(540));
    bench.device.answer_after(Duration::from_millis(60));
    for _ in 0..4 {
        bench.cycle().await;
        pass(Duration::from_secs(2)).await;
    }
    for (_, request, _) in &bench.given().exceptions {
        assert_eq!(
            request.address, 0,
            "only the request with the hole is refused"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_while_the_line_is_listened_to_costs_nothing_more() {
    let mut bench = Bench::new(Framing::Rtu, &[(1, alike())]);
    // Asked at 22 ms, given up at 522, opened again at 1,022 and listened to for 20.
    bench
        .device
        .script([Act::Late(TIMEOUT * 2 + Duration::from_millis(10))]);
    bench.cycle().await;
    let counts = bench.health().units[0].counts.clone();
    assert_eq!(counts.timeouts, 1);
    assert!(counts.mismatches.is_empty(), "{counts:?}");
    assert_eq!(bench.take_answers(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_never_silent_is_not_asked() {
    let mut bench = Bench::new(Framing::Rtu, &[(1, alike())]);
    bench.device.always_noisy();
    bench.cycle().await;
    assert_eq!(bench.device.asked(), []);
    let reason = bench.health().reason;
    assert!(
        reason.contains("did not fall silent within 540 ms"),
        "{reason}"
    );
}
