//! A sensor that nobody has seen: from its first message to the inventory.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::net::post;
use huitian_tests::{Hub, until};
use serde_json::{Value, json};

use crate::HUB;

/// Of no device in the inventory.
const ADDRESS: &str = "24e124713c0000ff";

/// A profile of the maker's published message: battery 92 %, 26.2 degrees, 184 mm, upright.
const MESSAGE: [u8; 14] = [
    0x01, 0x75, 0x5c, 0x03, 0x67, 0x06, 0x01, 0x04, 0x82, 0xb8, 0x00, 0x05, 0x00, 0x00,
];

const PATIENCE: Duration = Duration::from_secs(20);

/// An uplink as `ChirpStack` v4 publishes it.
fn uplink(f_cnt: u32) -> (String, Vec<u8>) {
    let topic = format!("application/ca739e26/device/{ADDRESS}/event/up");
    let body = json!({
        "deviceInfo": { "devEui": ADDRESS, "deviceName": "<b>new</b>" },
        "fCnt": f_cnt,
        "fPort": 85,
        "data": STANDARD.encode(MESSAGE),
    });
    (topic, body.to_string().into_bytes())
}

fn unknown(hub: &Hub) -> Vec<Value> {
    let list = hub.json("/api/v1/devices/unknown");
    list["devices"].as_array().unwrap().clone()
}

/// A district whose bin `other-1` is free for a new device.
fn district() -> District {
    let district = District::new("");
    for file in ["devices.csv", "channels.csv"] {
        let path = district.inventory().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let mut kept: Vec<&str> = text.lines().collect();
        kept.retain(|line| !line.starts_with("laser-1,"));
        fs::write(&path, kept.join("\n") + "\n").unwrap();
    }
    district
}

/// What the page and the API say of the device.
fn is_shown(hub: &Hub) {
    let path = format!("/api/v1/devices/unknown?address={ADDRESS}");
    let whole = hub.json(&path);
    assert_eq!(whole["opened"]["port"], 85);
    assert_eq!(whole["opened"]["hex"], "01755c036706010482b800050000");
    let page = hub.get(&format!("/devices/unknown?address={ADDRESS}&lang=en"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("milesight-em400-tld"), "{}", page.body);
    assert!(page.body.contains("&lt;b&gt;new&lt;") && !page.body.contains("<b>new"));
}

/// The best of all profiles, as an operator gets it.
fn best(hub: &Hub) -> Value {
    let headers = ["Content-Type: application/json", "X-Huitian-Operator: test"];
    let headers = headers.map(str::to_owned);
    let body = json!({ "address": ADDRESS }).to_string();
    let refused = post(
        hub.district.http,
        "/api/v1/devices/try",
        &headers[..1],
        &body,
    );
    assert_eq!(refused.status, 403, "not from an operator");
    let tried = post(hub.district.http, "/api/v1/devices/try", &headers, &body).json();
    tried["fits"][0].clone()
}

/// Puts the suggested lines into the inventory, with what only people know filled in. Channels
/// first: a hub that looks in between finds a channel without its device, and keeps what was in
/// force.
fn adopt(hub: &Hub, best: &Value) {
    let lines = |key: &str| best[key].as_str().unwrap();
    let channels = lines("channels_csv").lines();
    let channel = channels
        .map(str::to_owned)
        .find(|line| line.contains(",distance,"))
        .unwrap();
    let channel = channel
        .replace("FACILITY", "station")
        .replace("ASSET", "other-1");
    let device = lines("devices_csv").trim_end().replace("SITE", "middle");
    hub.district.append("channels.csv", &channel);
    hub.district.append("devices.csv", &device);
}

#[test]
fn an_unknown_device_is_shown_its_profile_found_and_then_read_by_the_inventory() {
    let hub = Hub::start(HUB, district());
    let mut device = Publisher::connect(hub.district.mqtt, "lora").unwrap();
    device.deliver(&[uplink(1)], PATIENCE);
    let first = || unknown(&hub).into_iter().next();
    let listed = until("the unknown device", PATIENCE, first);
    assert_eq!(
        (&listed["address"], &listed["count"]),
        (&json!(ADDRESS), &json!(1))
    );
    is_shown(&hub);
    let best = best(&hub);
    let right = (&json!("milesight-em400-tld"), &json!("fits"));
    assert_eq!((&best["profile"], &best["verdict"]), right);
    let samples = json!([
        { "channel": "battery", "sample": "good 92" },
        { "channel": "temperature", "sample": "good 26.2" },
        { "channel": "distance", "sample": "good 184" },
        { "channel": "tilt", "sample": "good false" },
    ]);
    assert_eq!(best["samples"], samples);
    adopt(&hub, &best);
    let is_empty = || unknown(&hub).is_empty().then_some(());
    until("the list to be empty", PATIENCE, is_empty);
    device.deliver(&[uplink(2)], PATIENCE);
    hub.until(
        "/api/v1/sites/middle/facilities/station",
        PATIENCE,
        |said| {
            let bins = said["current"]["bins"].as_array()?;
            let bin = bins.iter().find(|bin| bin["asset"] == "other-1")?;
            // 184 mm from a sensor that sees a full bin at 200 mm.
            (bin["fill"].as_f64()? >= 100.0).then_some(())
        },
    );
    let all = hub.json("/api/v1/devices");
    let mut devices = all["devices"].as_array().unwrap().iter();
    let known = devices.find(|it| it["address"] == ADDRESS).unwrap();
    assert_eq!(known["profile"], "milesight-em400-tld");
    assert!(unknown(&hub).is_empty());
    let path = format!("/api/v1/devices/unknown?address={ADDRESS}");
    assert_eq!(hub.get(&path).status, 404);
}
