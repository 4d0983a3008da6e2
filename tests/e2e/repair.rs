//! What comes later than `lateness` ends in amended history: by itself, and by command.

use std::time::Duration;

use huitian_tests::Hub;
use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::running::{FastClock, command};
use huitian_tests::wall::{rfc3339, until};
use serde_json::Value;

use crate::HUB;

/// 1 August 2026, 00:00 UTC.
const FROM_MS: i64 = 1_785_542_400_000;

const MINUTE: i64 = 60_000;

/// Hub seconds in a second: a tick every 100 ms, and two hours pass in 12 s.
const SPEED: i64 = 600;

const LATENESS: &str = "\n[engine]\nlateness = \"1h\"\n";

/// What a sensor said from 00:20 to 00:50, delivered now: a bay in use.
fn late(device: &str) -> Vec<(String, Vec<u8>)> {
    let message = |minute: i64| {
        let at = FROM_MS + minute * MINUTE;
        let payload =
            format!("{{\"at\":{at},\"seq\":{minute},\"readings\":{{\"occupied\":true}}}}");
        (format!("huitian/v1/north/{device}"), payload.into_bytes())
    };
    (10..25).map(|half| message(half * 2)).collect()
}

/// The windows of that time: start, revision and what was observed.
fn windows(hub: &Hub) -> Vec<(String, u64, f64)> {
    let (from, to) = (
        rfc3339(FROM_MS + 20 * MINUTE),
        rfc3339(FROM_MS + 50 * MINUTE),
    );
    let path = format!("/api/v1/history?site=north&facility=lot&window=5m&from={from}&to={to}");
    let said = hub.json(&path.replace('+', "%2B"));
    let rows = said["windows"].as_array().unwrap();
    let row = |row: &Value| {
        let coverage = row["coverage"].as_f64().unwrap_or(0.0);
        let revision = row["revision"].as_u64().unwrap();
        (
            row["start"].as_str().unwrap().to_owned(),
            revision,
            coverage,
        )
    };
    rows.iter().map(row).collect()
}

fn deliver(hub: &Hub, device: &str) {
    let mut publisher = Publisher::connect(hub.district.mqtt, device).unwrap();
    publisher.deliver(&late(device), Duration::from_secs(20));
}

#[test]
fn late_readings_end_in_amended_windows_by_themselves_and_by_command() {
    let clock = FastClock::starting_at(FROM_MS, SPEED);
    let mut hub = Hub::start_at(HUB, District::new(LATENESS), Some(clock));
    let wanted = u64::try_from((FROM_MS + 140 * MINUTE) / 1_000).unwrap();
    until("two hours to pass", Duration::from_secs(120), || {
        (hub.metric("huitian_tick_seconds") > wanted).then_some(())
    });
    let before = windows(&hub);
    assert_eq!(before.len(), 6);
    assert!(before.iter().all(|row| row.2 == 0.0), "{before:?}");

    deliver(&hub, "park-3");
    until("amended windows", Duration::from_secs(60), || {
        let rows = windows(&hub);
        rows.iter()
            .all(|row| row.1 == 1 && row.2 > 0.2)
            .then_some(())
    });

    deliver(&hub, "park-4");
    // What is acknowledged is on disk; the engine may reach it a moment later.
    until("the command to repair", Duration::from_secs(60), || {
        let done = command(HUB, &hub.district, &["repair"]);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{said} {done:?}");
        let is_done = windows(&hub).iter().all(|row| row.1 == 2);
        assert!(
            said.contains("15 late readings") || said.contains("nothing is late"),
            "{said}"
        );
        (is_done || said.contains("15 late readings")).then_some(())
    });
    until("windows amended again", Duration::from_secs(60), || {
        let rows = windows(&hub);
        rows.iter()
            .all(|row| row.1 == 2 && row.2 > 0.45)
            .then_some(())
    });

    // A kill leaves what was repaired, and nothing more to repair.
    let repaired = windows(&hub);
    hub.process.kill();
    hub.restart();
    hub.wait_ready();
    assert_eq!(windows(&hub), repaired);
    let (status, _) = hub.stop();
    assert!(status.success(), "{status}");
    let done = command(HUB, &hub.district, &["repair"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success() && said.contains("nothing is late"),
        "{said} {done:?}"
    );
}
