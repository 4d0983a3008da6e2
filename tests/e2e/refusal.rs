//! What cannot be used is acknowledged, so that no device sends it for ever, and counted.

use std::time::Duration;

use huitian_tests::Hub;
use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::wall::now_ms;
use serde_json::Value;

use crate::HUB;

/// The plain form's topic of the kitchen bin.
const FILL: &str = "huitian/v1/middle/fill-1";

/// 1 January 2099, ms: a clock that is wrong.
const YEAR_2099_MS: i64 = 4_070_908_800_000;

/// A payload of 1 MB, which no sensor sends.
fn large() -> Vec<u8> {
    let mut text = br#"{"readings":{"fill":50},"pad":""#.to_vec();
    text.resize(1_000_000 - 2, b'x');
    text.extend(br#""}"#);
    text
}

fn fill(percent: f64, at: i64) -> (String, Vec<u8>) {
    let payload = format!(r#"{{"at":{at},"readings":{{"fill":{percent}}}}}"#);
    (FILL.to_owned(), payload.into_bytes())
}

/// What cannot be used, with the reason under which the intake ledger counts it.
fn bad() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("malformed", FILL, br#"{"readings":{"fill":"#.to_vec()),
        ("malformed", FILL, br#"{"readings":{"fill":NaN}}"#.to_vec()),
        (
            "out_of_range",
            FILL,
            br#"{"readings":{"fill":300}}"#.to_vec(),
        ),
        ("oversized", FILL, large()),
        (
            "wrong_topic",
            "nobody/reads/this",
            br#"{"readings":{"fill":5}}"#.to_vec(),
        ),
        (
            "wrong_topic",
            "huitian/v1/north/fill-1",
            br#"{"readings":{"fill":5}}"#.to_vec(),
        ),
    ]
}

fn intake(accounting: &Value, reason: &str) -> u64 {
    let rows = accounting["intake"].as_array().unwrap().iter();
    let counts = rows
        .filter(|row| row["reason"] == reason)
        .map(|row| row["count"].as_u64().unwrap());
    counts.sum()
}

#[test]
fn bad_messages_are_acknowledged_and_counted_by_reason_and_good_ones_beside_them_are_taken() {
    let hub = Hub::start(HUB, District::new(""));
    let mut device = Publisher::connect(hub.district.mqtt, "gateway-1").unwrap();
    let begun = now_ms();
    let mut messages = Vec::new();
    for (place, (_reason, topic, payload)) in bad().into_iter().enumerate() {
        messages.push((topic.to_owned(), payload));
        let place = i64::try_from(place).unwrap();
        messages.push(fill(
            41.5 + f64::from(i32::try_from(place).unwrap()),
            begun - 1_000 + place,
        ));
    }
    messages.push(fill(77.0, YEAR_2099_MS));
    let good = bad().len() as u64;
    // Every single one is acknowledged: this fails where one is not.
    device.deliver(&messages, Duration::from_secs(20));

    let station = "/api/v1/sites/middle/facilities/station";
    let longest = Duration::from_secs(5);
    hub.until(station, longest, |said| {
        let bins = said["current"]["bins"].as_array()?;
        let bin = bins.iter().find(|bin| bin["asset"] == "kitchen-1")?;
        (bin["fill"].as_f64() == Some(46.5)).then_some(())
    });
    // Accounts are told with the ticks.
    let longest = Duration::from_secs(30);
    let accounting = hub.until("/api/v1/accounting?by=device", longest, |said| {
        (said["total"]["accepted"] == good + 1 && said["in_flight"] == 0).then(|| said.clone())
    });
    assert_eq!(accounting["total"]["applied"], good);
    assert_eq!(accounting["total"]["quarantined_future"], 1);
    assert_eq!(accounting["total"]["balances"], true);
    for reason in ["malformed", "out_of_range", "oversized", "wrong_topic"] {
        let sent = bad().iter().filter(|(of, ..)| *of == reason).count() as u64;
        assert_eq!(
            intake(&accounting, reason),
            sent,
            "{reason}: {:#}",
            accounting["intake"]
        );
    }
    assert_eq!(hub.metric("huitian_messages_total"), messages.len() as u64);
    assert_eq!(hub.metric("huitian_readings_durable_total"), good + 1);
}
