//! Killed at random instants under load, the hub loses nothing, says nothing twice, and counts as
//! if it had never been interrupted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use huitian_model::{Partition, WindowLength};
use huitian_tests::district::District;
use huitian_tests::random::Random;
use huitian_tests::running::FastClock;
use huitian_tests::services::{required, say, setting};
use huitian_tests::wall::pause;
use huitian_tests::{Hub, until};

use crate::HUB;

pub mod compare;
pub mod load;

use compare::{Stored, Told, differences, lost, repeated, uninterrupted};
use load::{Sent, World, deliver};

/// 1 August 2026, 00:00 UTC.
const FROM_MS: i64 = 1_785_542_400_000;

/// Hub seconds in a second: a tick every 100 ms, and 15 minutes pass in 9 s.
const SPEED: i64 = 100;

/// Longest wait for the end of the load.
const END_MAX: Duration = Duration::from_secs(120);

/// A sink that is down: it keeps every commit in the chain, and must delay nobody.
const DEAD_SINK: &str = "\n[influx]\nurl = \"http://127.0.0.1:9\"\norg = \"nobody\"\n";

fn kills() -> u64 {
    let asked = setting("HUITIAN_KILLS").map(|text| text.parse().unwrap());
    asked.unwrap_or(if required() { 50 } else { 12 })
}

#[test]
fn killed_at_random_instants_it_loses_nothing_and_counts_as_if_uninterrupted() {
    let kills = kills();
    let mut random = Random::seeded("HUITIAN_SEED");
    let district = District::new("");
    let token = district.secret("token", "none");
    district.settings(&format!("{DEAD_SINK}token_file = {token:?}\n"));
    let clock = FastClock::starting_at(FROM_MS, SPEED);
    let mut hub = Hub::start_at(HUB, district, Some(clock));
    let told = compare::told(&hub.district.data());
    let (mqtt, earliest) = (hub.district.mqtt, clock.now());
    let world = World::new(Random::new(random.bits()));
    let enough = AtomicBool::new(false);
    let (sent, again) = std::thread::scope(|scope| {
        let load = scope.spawn(|| deliver(world, mqtt, (clock, earliest), &enough));
        for kill in 0..kills {
            let orderly = kill % 10 == 5;
            if orderly || random.below(3) > 0 {
                hub.wait_ready();
            }
            pause(Duration::from_millis(random.below(1_500)));
            if orderly {
                // It leaves a snapshot for the kills that follow.
                stop_in_time(&mut hub);
            } else {
                hub.process.kill();
            }
            hub.restart();
        }
        hub.wait_ready();
        enough.store(true, Ordering::Relaxed);
        until("all messages to be acknowledged", END_MAX, || {
            load.is_finished().then_some(())
        });
        load.join().unwrap()
    });
    settle(&hub, clock);
    stop_in_time(&mut hub);
    say(&format!(
        "{kills} kills, {} messages, {again} sent again, {} min of the hub",
        sent.len(),
        (clock.now() - FROM_MS) / 60_000
    ));
    judge(&told, &Stored::read(&hub.district.data()), &sent);
}

/// SIGTERM ends it well, also under load and with a sink that is down.
fn stop_in_time(hub: &mut Hub) {
    let (status, took) = hub.stop();
    assert!(status.success(), "{status}");
    assert!(took <= Duration::from_secs(5), "SIGTERM took {took:?}");
}

/// Waits until every window that began before now is final.
fn settle(hub: &Hub, clock: FastClock) {
    let end = clock.now() + 18 * 60_000;
    until("the last windows to be final", END_MAX, || {
        (hub.metric("huitian_tick_seconds") > u64::try_from(end / 1_000).unwrap()).then_some(())
    });
}

fn judge(told: &Told, stored: &Stored, sent: &[Sent]) {
    let lost = lost(sent, &stored.marks());
    assert!(
        lost.is_empty(),
        "{} acknowledged readings lost: {lost:?}",
        lost.len()
    );
    let windows = stored.windows();
    let mut wanted = compare::Windows::new();
    for partition in Partition::all() {
        let first = stored.commits[&partition].first();
        let whole = first.is_none_or(|commit| commit.number.0 == 1);
        assert!(whole, "a sink that waits keeps the whole chain");
        let twice = repeated(&stored.commits[&partition]);
        assert!(twice.is_empty(), "said twice: {twice:#?}");
        wanted.extend(uninterrupted(
            partition,
            &told[&partition],
            &stored.records[&partition],
            sent,
        ));
    }
    for (name, length) in [("5m", WindowLength::Min5), ("15m", WindowLength::Min15)] {
        let count = compare::count(&wanted, length);
        say(&format!("{count} final windows of {name} compared"));
        assert!(count >= 3, "too few windows of {name} to say anything");
    }
    assert_eq!(
        differences(&wanted, &windows),
        [""; 0],
        "by the chain of commits"
    );
    assert_eq!(
        differences(&wanted, &stored.results),
        [""; 0],
        "by the table of results"
    );
}

#[cfg(test)]
mod control;
