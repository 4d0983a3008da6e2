//! A sensor that nobody has seen: from its first message to the inventory.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::net::{get, post};
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
    let list = get(hub.district.http, "/api/v1/devices/unknown").json();
    list["devices"].as_array().unwrap().clone()
}

#[test]
fn an_unknown_device_is_shown_its_profile_found_and_then_read_by_the_inventory() {
    let district = District::new("");
    // The bin is free for the new device.
    for file in ["devices.csv", "channels.csv"] {
        let path = district.inventory().join(file);
        let text = fs::read_to_string(&path).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("laser-1,"));
        fs::write(
            &path,
            kept.map(|line| format!("{line}\n")).collect::<String>(),
        )
        .unwrap();
    }
    let hub = Hub::start(HUB, district);
    let http = hub.district.http;
    let mut device = Publisher::connect(hub.district.mqtt, "lora").unwrap();
    device.deliver(&[uplink(1)], PATIENCE);
    let listed = until("the unknown device", PATIENCE, || {
        unknown(&hub).into_iter().next()
    });
    assert_eq!(listed["address"], ADDRESS);
    assert_eq!(listed["count"], 1);
    let path = format!("/api/v1/devices/unknown?address={ADDRESS}");
    let whole = get(http, &path).json();
    assert_eq!(whole["opened"]["port"], 85);
    assert_eq!(
        whole["opened"]["hex"],
        "01755c0367060104 82b800050000".replace(' ', "")
    );

    let page = get(http, &format!("/devices/unknown?address={ADDRESS}&lang=en"));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("milesight-em400-tld"), "{}", page.body);
    assert!(page.body.contains("&lt;b&gt;new&lt;") && !page.body.contains("<b>new"));

    let headers = ["Content-Type: application/json", "X-Huitian-Operator: test"];
    let headers = headers.map(str::to_owned);
    let body = json!({ "address": ADDRESS }).to_string();
    let tried = post(http, "/api/v1/devices/try", &headers, &body).json();
    let best = &tried["fits"][0];
    assert_eq!(
        (&best["profile"], &best["verdict"]),
        (&json!("milesight-em400-tld"), &json!("fits"))
    );
    let said: Vec<String> = (best["samples"].as_array().unwrap().iter())
        .map(|it| {
            format!(
                "{} {}",
                it["channel"].as_str().unwrap(),
                it["sample"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "battery good 92",
            "temperature good 26.2",
            "distance good 184",
            "tilt good false"
        ]
    );
    let refused = post(http, "/api/v1/devices/try", &headers[..1], &body);
    assert_eq!(refused.status, 403, "not from an operator");

    // The suggested lines, with what only people know filled in. Channels first: a hub that looks
    // in between finds a channel without its device, and keeps what was in force.
    let inventory = hub.district.inventory();
    for (file, lines, fill) in [
        (
            "channels.csv",
            &best["channels_csv"],
            [("FACILITY", "station"), ("ASSET", "other-1")],
        ),
        (
            "devices.csv",
            &best["devices_csv"],
            [("SITE", "middle"), ("1h", "10m")],
        ),
    ] {
        let mut lines = lines.as_str().unwrap().to_owned();
        for (word, with) in fill {
            lines = lines.replace(word, with);
        }
        let wanted = |line: &&str| file == "devices.csv" || line.contains(",distance,");
        let kept: Vec<&str> = lines.lines().filter(wanted).collect();
        let path = inventory.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{}\n", kept.join("\n"))).unwrap();
    }
    until("the list to be empty", PATIENCE, || {
        unknown(&hub).is_empty().then_some(())
    });
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
    let all = get(http, "/api/v1/devices").json();
    let mut devices = all["devices"].as_array().unwrap().iter();
    let known = devices.find(|it| it["address"] == ADDRESS).unwrap();
    assert_eq!(known["profile"], "milesight-em400-tld");
    assert!(unknown(&hub).is_empty());
    let gone = get(http, &path);
    assert_eq!(gone.status, 404, "{}", gone.body);
}
