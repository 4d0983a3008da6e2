//! The line's own life: its grid, its pauses, back-pressure, the backup endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use huitian_modbus::{Dial, Dialing, Endpoint, Framing, Line, LineHealth, LineSettings, LineState};
use huitian_model::UtcMs;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::bench::{Bench, mixed, settings, truths};
use crate::device::{Device, pass};

/// Devices by host name.
struct Hosts(BTreeMap<String, Device>);

impl Dial for Hosts {
    fn dial<'a>(&'a mut self, endpoint: &'a Endpoint) -> Dialing<'a> {
        let (Endpoint::Tcp { host, .. } | Endpoint::RtuOverTcp { host, .. }) = endpoint else {
            panic!("no serial ports here");
        };
        self.0.get_mut(host).unwrap().dial(endpoint)
    }
}

/// A line that runs, with how to stop it.
struct Running {
    health: watch::Receiver<LineHealth>,
    samples: mpsc::Receiver<Vec<huitian_modbus::Sampled>>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

fn run(bench: &mut Bench, settings: LineSettings) -> Running {
    let line = std::mem::replace(&mut bench.line, Line::new(settings, Vec::new()));
    let health = line.health();
    let (out, samples) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(line.run(|| UtcMs(1_000_000), out, stopped));
    Running {
        health,
        samples,
        stop,
        task,
    }
}

fn every_second() -> LineSettings {
    LineSettings {
        interval: Duration::from_secs(1),
        ..settings(Framing::Tcp)
    }
}

#[tokio::test(start_paused = true)]
async fn starts_that_pass_during_a_cycle_are_counted_and_not_made_up_for() {
    let mut bench = Bench::with(every_second(), &[(1, mixed())]);
    // Five requests of 450 ms: a cycle takes 2.25 s and starts every third second.
    bench.device.answer_after(Duration::from_millis(450));
    let mut running = run(&mut bench, every_second());
    let end = Instant::now() + Duration::from_secs(31);
    while tokio::time::timeout_at(end, running.samples.recv())
        .await
        .is_ok()
    {}
    let health = running.health.borrow_and_update().clone();
    assert!((9..=11).contains(&health.cycles), "{}", health.cycles);
    assert_eq!(health.missed_cycles / health.cycles.max(1), 1, "{health:?}");
    assert!(
        health.missed_cycles.abs_diff(2 * health.cycles) <= 2,
        "{health:?}"
    );
    assert_eq!(health.blocked_cycles, 0);
}

#[tokio::test(start_paused = true)]
async fn while_nobody_takes_the_samples_nothing_is_polled() {
    let mut bench = Bench::with(every_second(), &[(1, mixed())]);
    let mut running = run(&mut bench, every_second());
    pass(Duration::from_secs(30)).await;
    // One batch waits in the channel, one in the line's hands.
    assert_eq!(bench.device.asked().len(), 10);
    assert!(running.samples.recv().await.is_some());
    assert!(running.samples.recv().await.is_some());
    pass(Duration::from_millis(3_500)).await;
    let health = running.health.borrow_and_update().clone();
    assert!((27..=29).contains(&health.blocked_cycles), "{health:?}");
    assert_eq!(health.missed_cycles, 0);
    assert_eq!(
        bench.device.asked().len(),
        20,
        "and no more than there is room for"
    );
}

#[tokio::test(start_paused = true)]
async fn stop_ends_the_line_at_once_even_in_a_request() {
    let mut bench = Bench::with(every_second(), &[(1, mixed())]);
    bench.device.kill(1);
    let running = run(&mut bench, every_second());
    pass(Duration::from_millis(1_300)).await;
    running.stop.send_replace(true);
    let begun = Instant::now();
    running.task.await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn a_line_whose_samples_nobody_will_take_any_more_ends() {
    let mut bench = Bench::with(every_second(), &[(1, mixed())]);
    let running = run(&mut bench, every_second());
    drop(running.samples);
    running.task.await.unwrap();
    assert!(!running.stop.is_closed() || bench.device.asked().len() == 5);
}

#[tokio::test(start_paused = true)]
async fn cycles_start_on_a_grid_that_differs_from_line_to_line() {
    let mut starts = std::collections::BTreeSet::new();
    for name in ["north", "south", "gate", "ramp"] {
        let settings = LineSettings {
            name: name.to_owned(),
            interval: Duration::from_secs(10),
            ..settings(Framing::Tcp)
        };
        let mut bench = Bench::with(settings.clone(), &[(1, mixed())]);
        let mut running = run(&mut bench, settings);
        let begun = Instant::now();
        running.samples.recv().await;
        let first = begun.elapsed();
        running.samples.recv().await;
        let second = begun.elapsed();
        assert!(
            second.abs_diff(first).as_millis().abs_diff(10_000) <= 10,
            "{first:?} {second:?}"
        );
        assert!(first < Duration::from_secs(11));
        starts.insert(first.as_millis());
    }
    assert_eq!(starts.len(), 4, "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn pauses_between_requests_and_after_connect_are_kept() {
    let settings = LineSettings {
        pause_after_connect: Duration::from_secs(2),
        pause_between_requests: Duration::from_millis(300),
        ..settings(Framing::Rtu)
    };
    let mut bench = Bench::with(settings, &[(1, mixed())]);
    let begun = Instant::now();
    bench.cycle().await;
    assert!(
        begun.elapsed() >= Duration::from_millis(2_000 + 5 * 300),
        "{:?}",
        begun.elapsed()
    );
    let begun = Instant::now();
    bench.cycle().await;
    assert!(
        begun.elapsed() >= Duration::from_millis(5 * 300),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(bench.take_answers(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_connection_is_closed_after_a_cycle_where_asked_for() {
    let settings = LineSettings {
        close_after_cycle: true,
        ..settings(Framing::Tcp)
    };
    let mut bench = Bench::with(settings, &[(1, mixed())]);
    for cycle in 1..4 {
        bench.cycle().await;
        assert_eq!(bench.device.opened(), cycle);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_not_reached_is_tried_with_growing_pauses() {
    let mut bench = Bench::with(every_second(), &[(1, mixed())]);
    bench.device.set_reachable(false);
    for _ in 0..120 {
        bench.cycle().await;
        pass(Duration::from_secs(1)).await;
    }
    let health = bench.health();
    assert_eq!(health.state, LineState::Down);
    // After 1, 2, 4, 8, 16, 30, 30 … s.
    assert_eq!(health.failed_connects, 8, "{health:?}");
    assert!(
        health.reason.contains("tcp://device:502"),
        "{}",
        health.reason
    );
    bench.device.set_reachable(true);
    for _ in 0..31 {
        bench.cycle().await;
        pass(Duration::from_secs(1)).await;
    }
    assert_eq!(bench.health().state, LineState::Up);
    bench.take_answers();
    bench.cycle().await;
    assert_eq!(bench.take_answers(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_backup_is_taken_after_failed_connects_and_left_when_the_first_answers_again() {
    let (first, second) = (Device::new(Framing::Tcp), Device::new(Framing::Tcp));
    let named = |host: &str| Endpoint::Tcp {
        host: host.to_owned(),
        port: 502,
    };
    let settings = LineSettings {
        endpoint: named("first"),
        backup: Some(named("second")),
        ..every_second()
    };
    let hosts = Hosts(BTreeMap::from([
        ("first".to_owned(), first.clone()),
        ("second".to_owned(), second.clone()),
    ]));
    let (units, given) = truths(&[(1, mixed())]);
    let mut line = Line::new(settings, units).with_dial(Box::new(hosts));
    let health = line.health();
    let mut after = async |seconds: u32| {
        for _ in 0..seconds {
            line.poll_once(|| UtcMs(0)).await;
            pass(Duration::from_secs(1)).await;
        }
        health.borrow().clone()
    };
    after(3).await;
    assert!((first.opened(), second.opened()) == (1, 0));
    first.set_reachable(false);
    let seen = after(15).await;
    assert!(
        seen.on_backup && seen.endpoint == "tcp://second:502",
        "{seen:?}"
    );
    assert_eq!(seen.state, LineState::Up);
    assert!(second.asked().len() >= 20, "{}", second.asked().len());
    first.set_reachable(true);
    let seen = after(62).await;
    assert!(
        !seen.on_backup && seen.endpoint == "tcp://first:502",
        "{seen:?}"
    );
    let asked = second.asked().len();
    after(5).await;
    assert_eq!(second.asked().len(), asked, "the backup is left alone");
    assert_eq!(given.lock().unwrap().wrong, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn bytes_and_requests_are_counted() {
    let mut bench = Bench::with(every_second(), &[(1, mixed()), (2, mixed())]);
    bench.cycle().await;
    let health = bench.health();
    assert_eq!(health.bytes_sent, 10 * 12);
    assert_eq!(health.bytes_received, 2 * (3 * (9 + 40) + 2 * (9 + 5)));
    assert_eq!((health.connects, health.cycles), (1, 1));
    assert!(health.units.iter().all(|unit| unit.counts.requests == 5));
    assert!(
        health
            .units
            .iter()
            .all(|unit| unit.last_ok == Some(UtcMs(0)))
    );
}
