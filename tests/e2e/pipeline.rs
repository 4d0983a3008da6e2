//! A published message of a network server, sent by ordinary clients, reaches the figures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use huitian_tests::district::District;
use huitian_tests::services::{need, python_with};
use huitian_tests::wall::{now_ms, rfc3339};
use huitian_tests::{Hub, until};
use serde_json::Value;

use crate::HUB;

/// As published by others; see `data/SOURCES.md`.
const STATUS: &str = include_str!("data/chirpstack-v4-bosch-status.json");

const LOT: &str = "/api/v1/sites/north/facilities/lot";

/// The published message as it would come now: address, bay in use or free, counter, times.
pub fn uplink(address: &str, in_use: bool, count: u32) -> (String, String) {
    let now = rfc3339(now_ms());
    let payload = STATUS
        .replace("2023-05-22T07:47:05.404859+00:00", &now)
        .replace("1000000000000001", address)
        .replace("\"fCnt\": 4", &format!("\"fCnt\": {count}"))
        .replace("\"AQ==\"", if in_use { "\"AQ==\"" } else { "\"AA==\"" });
    let application = "ca739e26-7b67-4f14-b69e-d568c22a5a75";
    (
        format!("application/{application}/device/{address}/event/up"),
        payload,
    )
}

fn mosquitto_pub(program: &Path, hub: &Hub, version: &str, (topic, payload): &(String, String)) {
    let (host, port) = (hub.district.mqtt.ip().to_string(), hub.district.mqtt.port());
    let sent = Command::new(program)
        .args([
            "-V",
            version,
            "-q",
            "1",
            "-h",
            &host,
            "-p",
            &port.to_string(),
        ])
        .args(["-t", topic, "-m", payload])
        .output()
        .unwrap();
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
}

pub fn bay(lot: &Value, asset: &str) -> String {
    let bays = lot["current"]["lot"]["bays"].as_array();
    let bay = bays.and_then(|bays| bays.iter().find(|bay| bay["asset"] == asset));
    bay.map_or_else(
        || "nothing said".to_owned(),
        |bay| bay["state"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn a_chirpstack_message_by_mosquitto_pub_changes_the_figures_within_a_second() {
    let Some([program]) = need(["mosquitto_pub"]) else {
        return;
    };
    let hub = Hub::start(HUB, District::new(""));
    for (version, in_use, count) in [("mqttv311", true, 5), ("mqttv5", false, 6)] {
        mosquitto_pub(
            &program,
            &hub,
            version,
            &uplink("1000000000000001", in_use, count),
        );
        let acknowledged = Instant::now();
        let wanted = if in_use { "in_use" } else { "free" };
        let longest = Duration::from_secs(5);
        hub.until(LOT, longest, |lot| {
            (bay(lot, "bay-1") == wanted).then_some(())
        });
        let took = acknowledged.elapsed();
        assert!(
            took < Duration::from_secs(1),
            "{version}: {took:?} after the acknowledgement"
        );
    }
    let lot = &hub.json(LOT)["current"]["lot"];
    assert_eq!(
        (&lot["in_use"], &lot["free"], &lot["unknown"]),
        (&0.into(), &1.into(), &3.into())
    );
}

#[test]
fn an_open_page_is_told_by_an_event_within_a_second() {
    let Some([program]) = need(["mosquitto_pub"]) else {
        return;
    };
    let hub = Hub::start(HUB, District::new(""));
    let mut events = Events::open(hub.district.http);
    mosquitto_pub(
        &program,
        &hub,
        "mqttv311",
        &uplink("1000000000000001", true, 5),
    );
    let acknowledged = Instant::now();
    let told = events.wait_for("\"in_use\":1", Duration::from_secs(5));
    let took = acknowledged.elapsed();
    assert!(
        told.contains("\"north\"") && told.contains("\"lot\""),
        "{told}"
    );
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// A stream of server-sent events, as a page holds it.
struct Events(TcpStream);

impl Events {
    fn open(http: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(http).unwrap();
        let ask = format!("GET /api/v1/events HTTP/1.1\r\nHost: {http}\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        Self(stream)
    }

    /// All that came until a text was seen.
    fn wait_for(&mut self, text: &str, longest: Duration) -> String {
        self.0.set_read_timeout(Some(longest)).unwrap();
        let mut said = String::new();
        let mut bytes = [0; 4_096];
        while !said.contains(text) {
            let count = self.0.read(&mut bytes).unwrap_or(0);
            assert!(count > 0, "no event with {text}, only {said}");
            said.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        said
    }
}

#[test]
fn an_unknown_device_is_shown_as_unknown_and_is_in_no_figure() {
    let Some([program]) = need(["mosquitto_pub"]) else {
        return;
    };
    let hub = Hub::start(HUB, District::new(""));
    let before = hub.json("/api/v1/sites");
    let stranger = "10000000000000ff";
    mosquitto_pub(&program, &hub, "mqttv311", &uplink(stranger, true, 5));
    let unknown = hub.until("/api/v1/devices/unknown", Duration::from_secs(1), |said| {
        said["devices"].as_array()?.first().cloned()
    });
    assert_eq!(
        (unknown["address"].as_str(), unknown["count"].as_u64()),
        (Some(stranger), Some(1))
    );
    // A known device after it: whatever the stranger could have changed has changed by now.
    mosquitto_pub(
        &program,
        &hub,
        "mqttv311",
        &uplink("1000000000000002", true, 5),
    );
    let longest = Duration::from_secs(5);
    hub.until(LOT, longest, |lot| {
        (bay(lot, "bay-2") == "in_use").then_some(())
    });
    let lot = &hub.json(LOT)["current"]["lot"];
    assert_eq!((&lot["in_use"], &lot["unknown"]), (&1.into(), &3.into()));
    let after = hub.json("/api/v1/sites");
    for site in ["middle", "south"] {
        let of = |all: &Value| {
            let all = all["sites"].as_array().unwrap();
            let site = all.iter().find(|it| it["id"] == site).unwrap();
            (site["newest_at"].clone(), site["channels_fresh"].clone())
        };
        assert_eq!(of(&before), of(&after), "{site}");
    }
    assert_eq!(hub.metric("huitian_readings_durable_total"), 1);
}

#[test]
fn a_paho_client_of_mqtt_5_is_acknowledged_and_seen() {
    let Some(python) = python_with("paho.mqtt.client") else {
        return;
    };
    let hub = Hub::start(HUB, District::new(""));
    let script = "\
import sys
import paho.mqtt.client as mqtt
host, port, topic, payload = sys.argv[1:]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, 'paho-1', protocol=mqtt.MQTTv5)
client.connect(host, int(port))
client.loop_start()
sent = client.publish(topic, payload, qos=1)
sent.wait_for_publish(10)
assert sent.is_published()
client.disconnect()
";
    let (topic, payload) = uplink("1000000000000002", true, 9);
    let (host, port) = (hub.district.mqtt.ip().to_string(), hub.district.mqtt.port());
    let sent = Command::new(python)
        .args(["-c", script, &host, &port.to_string(), &topic, &payload])
        .output()
        .unwrap();
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    until("the bay in use", Duration::from_secs(1), || {
        (bay(&hub.json(LOT), "bay-2") == "in_use").then_some(())
    });
}
