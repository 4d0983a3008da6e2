//! The real influxd: every final window arrives, also what became final while it was down.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use huitian_model::{WindowBody, WindowLength, WindowRow};
use huitian_tests::district::District;
use huitian_tests::net::{Answer, free_addr, post, try_get};
use huitian_tests::random::Random;
use huitian_tests::running::FastClock;
use huitian_tests::services::{need, say};
use huitian_tests::{Hub, Process, until};
use serde_json::{Value, json};

use super::FROM_MS;
use crate::HUB;
use crate::recovery::compare::Stored;
use crate::recovery::load::{World, deliver};

const TOKEN: &str = "a-token-of-this-test-only";

/// Hub seconds in a second.
const SPEED: i64 = 200;

const LONGEST: Duration = Duration::from_secs(90);

fn start(program: &Path, folder: &Path, addr: SocketAddr) -> Process {
    let at = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new(program);
    command
        .args([
            "--bolt-path",
            &at("i.bolt"),
            "--sqlite-path",
            &at("i.sqlite"),
        ])
        .args([
            "--engine-path",
            &at("engine"),
            "--http-bind-address",
            &addr.to_string(),
        ])
        .arg("--reporting-disabled");
    let process = Process::start("influxd", folder, &mut command);
    until("influxd to be healthy", LONGEST, || {
        try_get(addr, "/health")
            .ok()
            .filter(|answer| answer.status == 200)
    });
    process
}

fn ask(addr: SocketAddr, path: &str, kind: &str, body: &str) -> Answer {
    let headers = [
        format!("Authorization: Token {TOKEN}"),
        format!("Content-Type: {kind}"),
    ];
    post(addr, path, &headers, body)
}

/// Organisation and buckets, as an operator makes them.
fn set_up(addr: SocketAddr) {
    let first = json!({
        "username": "operator", "password": "a-password-of-this-test", "org": "huitian",
        "bucket": "huitian_live", "token": TOKEN,
    });
    let made = ask(
        addr,
        "/api/v2/setup",
        "application/json",
        &first.to_string(),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let org = made.json()["org"]["id"].clone();
    let second = json!({ "name": "huitian_history", "orgID": org, "retentionRules": [] });
    let made = ask(
        addr,
        "/api/v2/buckets",
        "application/json",
        &second.to_string(),
    );
    assert_eq!(made.status, 201, "{}", made.body);
}

/// One point's fields that the store knows too, as text.
type Points = BTreeMap<(String, String, i64), String>;

/// The final points of a measurement, by (place, window, start).
fn points(addr: SocketAddr, measurement: &str, fields: &[&str], end_before: i64) -> Points {
    let query = format!("q=SELECT * FROM {measurement}");
    let form = "application/x-www-form-urlencoded";
    let answer = ask(addr, "/query?db=huitian_history&epoch=ms", form, &query);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let said = answer.json();
    let series = &said["results"][0]["series"][0];
    let Some(columns) = series["columns"].as_array() else {
        return Points::new();
    };
    let column = |name: &str| columns.iter().position(|column| column == name);
    let mut found = Points::new();
    for row in series["values"].as_array().unwrap() {
        let of = |name: &str| column(name).map_or(Value::Null, |place| row[place].clone());
        let start = of("time").as_i64().unwrap();
        let window = of("window").as_str().unwrap().to_owned();
        let length = if window == "15m" { 900_000 } else { 3_600_000 };
        if start + length > end_before || window == "1d" {
            continue;
        }
        let place = ["facility", "asset"]
            .map(of)
            .map(|it| it.as_str().unwrap_or("").to_owned());
        let values: Vec<String> = fields
            .iter()
            .map(|name| format!("{name}={}", of(name)))
            .collect();
        found.insert((place.join("/"), window, start), values.join(" "));
    }
    found
}

const LOT_FIELDS: [&str; 6] = [
    "in_use_ms",
    "free_ms",
    "total_ms",
    "arrivals",
    "revision",
    "status",
];
const BIN_FIELDS: [&str; 5] = ["known_ms", "overflow_ms", "emptied", "revision", "status"];

/// The same points as the store has them.
fn wanted(rows: impl Iterator<Item = WindowRow>) -> (Points, Points) {
    let (mut lots, mut bins) = (Points::new(), Points::new());
    for row in rows {
        let (window, start) = (row.key.length.name().to_owned(), row.key.start.0);
        let stamp = format!("revision={} status=\"{}\"", row.revision, row.status.name());
        match &row.body {
            WindowBody::Lot(lot) => {
                let usage = &lot.usage;
                let place = format!("{}/", row.key.facility);
                let values = format!(
                    "in_use_ms={} free_ms={} total_ms={} arrivals={} {stamp}",
                    usage.in_use_ms, usage.free_ms, usage.total_ms, lot.arrivals
                );
                lots.insert((place, window, start), values);
            }
            WindowBody::Station(station) => {
                for bin in &station.bins {
                    let place = format!("{}/{}", row.key.facility, bin.asset);
                    let values = format!(
                        "known_ms={} overflow_ms={} emptied={} {stamp}",
                        bin.known_ms, bin.overflow_ms, bin.emptied
                    );
                    bins.insert((place, window.clone(), start), values);
                }
            }
        }
    }
    (lots, bins)
}

#[test]
fn final_windows_arrive_in_influxdb_also_those_of_its_outage_and_nothing_waits_for_it() {
    let Some([program]) = need(["influxd"]) else {
        return;
    };
    let addr = free_addr();
    let district = District::new("");
    let mut influxd = start(&program, district.path(), addr);
    set_up(addr);
    let token = district.secret("token", TOKEN);
    district.settings(&format!(
        "\n[influx]\nurl = \"http://{addr}\"\norg = \"huitian\"\ntoken_file = {token:?}\n"
    ));
    let clock = FastClock::starting_at(FROM_MS, SPEED);
    let hub = Hub::start_at(HUB, district, Some(clock));
    let world = World::new(Random::seeded("HUITIAN_SEED"));
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| deliver(world, hub.district.mqtt, (clock, FROM_MS), &enough));
        let arrived = || points(addr, "lot_window", &LOT_FIELDS, clock.now() - 180_000);
        until("a first window", LONGEST, || {
            (!arrived().is_empty()).then_some(())
        });
        influxd.kill();
        // Time, readings and final windows go on while nobody takes the results.
        let (applied, ticked) = (hub.metric("readings_applied"), hub.metric("tick_seconds"));
        until("a quarter of an hour without InfluxDB", LONGEST, || {
            (hub.metric("tick_seconds") > ticked + 1_200).then_some(())
        });
        assert!(
            hub.metric("readings_applied") > applied + 100,
            "figures stand still"
        );
        assert!(
            hub.metric("sink_behind_commits") > 0,
            "the sink does not say that it waits"
        );
        influxd = start(&program, hub.district.path(), addr);
        enough.store(true, Ordering::Relaxed);
    });
    let end = clock.now();
    until("the last windows to be final", LONGEST, || {
        (hub.metric("tick_seconds") > u64::try_from(end / 1_000 + 240).unwrap()).then_some(())
    });
    let rows = Stored::read(&hub.district.data()).results.into_values();
    let (lots, bins) = wanted(rows.filter(|row| {
        [WindowLength::Min15, WindowLength::Hour1].contains(&row.key.length) && row.end.0 <= end
    }));
    assert!(
        lots.len() >= 4 && bins.len() >= 4,
        "too few windows to say anything"
    );
    say(&format!(
        "{} lot windows and {} bin windows compared",
        lots.len(),
        bins.len()
    ));
    until("the lots' windows", LONGEST, || {
        (points(addr, "lot_window", &LOT_FIELDS, end) == lots).then_some(())
    });
    assert_eq!(points(addr, "lot_window", &LOT_FIELDS, end), lots);
    until("the bins' windows", LONGEST, || {
        (points(addr, "bin_window", &BIN_FIELDS, end) == bins).then_some(())
    });
    assert_eq!(hub.metric("sink_dead_letters"), 0);
}
