//! What dead, slow and flaky units may cost the others.

use std::time::Duration;

use huitian_modbus::{Framing, LineSettings, RegisterFunction, Request, UnitState};
use huitian_model::UtcMs;
use tokio::sync::{mpsc, watch};

use crate::bench::{Bench, read, settings};
use crate::device::{Act, Device, pass};

const UNITS: u8 = 10;

fn units() -> Vec<(u8, Vec<Request>)> {
    let requests = [0, 50].map(|at| read(RegisterFunction::HoldingRegisters, at, 20));
    (1..=UNITS).map(|unit| (unit, requests.to_vec())).collect()
}

/// What a line of ten units did in ten minutes.
struct Run {
    /// Answers of the units that are well.
    answers: u32,
    /// Seconds of it that failing units took.
    lost: f64,
    missed: u64,
}

/// Ten minutes of a line at half its capacity: 20 requests of 25 ms in every second.
async fn run(framing: Framing, spoil: impl Fn(&Device), bad: &[u8]) -> Run {
    let settings = LineSettings {
        interval: Duration::from_secs(1),
        ..settings(framing)
    };
    let timeout = settings.timeout;
    let mut bench = Bench::with(settings.clone(), &units());
    bench.device.answer_after(Duration::from_millis(22));
    spoil(&bench.device);
    let line = std::mem::replace(
        &mut bench.line,
        huitian_modbus::Line::new(settings, Vec::new()),
    );
    let mut health = line.health();
    let (out, mut samples) = mpsc::channel(4);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(line.run(|| UtcMs(0), out, stopped));
    let end = tokio::time::Instant::now() + Duration::from_secs(600);
    while tokio::time::timeout_at(end, samples.recv()).await.is_ok() {
        bench.take_answers();
    }
    stop.send_replace(true);
    running.await.unwrap();
    let health = health.borrow_and_update().clone();
    let well = health.units.iter().filter(|unit| !bad.contains(&unit.id));
    let failures: u64 = health.units.iter().map(|unit| unit.counts.timeouts).sum();
    let settle = if framing == Framing::Rtu { 0.52 } else { 0.1 };
    Run {
        answers: u32::try_from(well.map(|unit| unit.counts.answers).sum::<u64>()).unwrap(),
        lost: f64::from(u32::try_from(failures).unwrap()) * (timeout.as_secs_f64() + settle),
        missed: health.missed_cycles,
    }
}

fn check(what: &str, healthy: &Run, run: &Run, units: f64) {
    let share = f64::from(healthy.answers) * units / f64::from(UNITS);
    let kept = f64::from(run.answers) / share;
    let percent = run.lost / 6.0;
    println!(
        "{what}: {kept:.4} of the answers, {percent:.2} % of the time, {}",
        run.missed
    );
    // 5 % of ten minutes, what made the units degraded (at most 3 failures each), and one more.
    let bad = f64::from(UNITS) - units;
    let most = 30.0 + 3.0 * 1.02 * bad.max(1.0) + 1.1;
    assert!(kept > 1.0 - most / 600.0 && kept < 1.05, "{what}: {kept}");
    assert!(run.lost <= most, "{what}: {} s lost", run.lost);
}

#[tokio::test(start_paused = true)]
async fn dead_units_leave_the_others_their_cycle() {
    let healthy = run(Framing::Rtu, |_| {}, &[]).await;
    assert_eq!(healthy.missed, 0);
    assert!(healthy.answers >= 598 * 20, "{}", healthy.answers);
    let one = run(Framing::Rtu, |device| device.kill(4), &[4]).await;
    check("one dead", &healthy, &one, 9.0);
    let kill = |device: &Device| [2, 3, 9].into_iter().for_each(|unit| device.kill(unit));
    let three = run(Framing::Rtu, kill, &[2, 3, 9]).await;
    check("three dead", &healthy, &three, 7.0);
    let flaky = run(Framing::Rtu, |device| device.always(4, Act::Flaky), &[4]).await;
    check("one flaky", &healthy, &flaky, 9.0);
}

#[tokio::test(start_paused = true)]
async fn a_unit_at_one_byte_a_second_leaves_the_others_their_cycle() {
    let healthy = run(Framing::Tcp, |_| {}, &[]).await;
    let slow = run(Framing::Tcp, |device| device.always(4, Act::Drip), &[4]).await;
    check("one at a byte a second", &healthy, &slow, 9.0);
}

#[tokio::test(start_paused = true)]
async fn a_unit_is_degraded_after_three_failures_and_read_again_once_it_answers() {
    let mut bench = Bench::new(Framing::Rtu, &units());
    bench.device.kill(4);
    bench.cycle().await;
    bench.cycle().await;
    assert_eq!(bench.health().units[3].state, UnitState::Degraded);
    assert_eq!(bench.health().units[3].consecutive_failures, 3);
    let asked = bench.device.asked_of(4);
    bench.cycle().await;
    assert_eq!(bench.device.asked_of(4), asked, "a pause comes first");
    for _ in 0..60 {
        pass(Duration::from_secs(10)).await;
        bench.cycle().await;
    }
    assert!(bench.device.asked_of(4) > asked + 5, "it is probed");
    assert!(bench.device.asked_of(4) < asked + 25, "with pauses");
    bench.device.revive(4);
    // The longest pause between probes is a minute; the account pays for one in 20 s.
    for _ in 0..8 {
        pass(Duration::from_secs(10)).await;
        bench.cycle().await;
    }
    assert_eq!(bench.health().units[3].state, UnitState::Healthy);
    bench.take_answers();
    bench.cycle().await;
    assert_eq!(bench.take_answers(), 20);
}

#[tokio::test(start_paused = true)]
async fn where_no_unit_answers_probes_cost_nobody_and_all_come_back_within_a_minute() {
    let mut bench = Bench::new(Framing::Rtu, &units());
    (1..=UNITS).for_each(|unit| bench.device.kill(unit));
    for _ in 0..100 {
        bench.cycle().await;
        pass(Duration::from_secs(1)).await;
    }
    let health = bench.health();
    assert!(
        health
            .units
            .iter()
            .all(|unit| unit.state == UnitState::Degraded)
    );
    (1..=UNITS).for_each(|unit| bench.device.revive(unit));
    for _ in 0..62 {
        bench.cycle().await;
        pass(Duration::from_secs(1)).await;
    }
    let health = bench.health();
    assert!(
        health
            .units
            .iter()
            .all(|unit| unit.state == UnitState::Healthy),
        "{health:#?}"
    );
}
