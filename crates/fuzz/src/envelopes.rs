//! A message on any topic, and by any route.

use std::sync::OnceLock;

use huitian_codec::{Opened, Routes, open};
use huitian_model::Quantity;
use serde::Deserialize;

use crate::{NOW, profiles};

/// Topics of every shape that is known; the first byte of an input chooses.
const TOPICS: [&str; 10] = [
    "huitian/v1/s-001/bin-7",
    "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/up",
    "v3/app@tenant/devices/dev1/up",
    "application/123/device/0202020202020202/event/up",
    "application/123/device/0202020202020202/event/status",
    "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/status",
    "tele/bin-7/SENSOR",
    "tele/bin-7/LWT",
    "zigbee2mqtt/hall/door",
    "/ul/key/bin-7/attrs",
];

/// One route for each format that needs one, and for each way of saying what it needs.
const ROUTES: [&str; 13] = [
    r#"format = "loriot""#,
    r#"format = "ngsi-ld""#,
    r#"format = "senml-json""#,
    r#"format = "senml-cbor""#,
    r#"format = "line""#,
    r#"format = "line", device = { tag = "d" }, with_measurement = true"#,
    r#"format = "csv", device = { level = 3 }"#,
    r#"format = "csv", device = { column = "d" }, columns = ["d", "t", "v"],
       time = { column = "t", unit = "s" }"#,
    r#"format = "ultralight""#,
    r#"format = "tasmota", utc_offset = "+08:00""#,
    r#"format = "zigbee2mqtt""#,
    r#"format = "json""#,
    r#"format = "json", device = { path = "d" }, records = "r",
       time = { path = "t", unit = "rfc3339" }, sequence = "n""#,
];

#[derive(Deserialize)]
struct File {
    routes: Routes,
}

/// A message: a byte that chooses the topic, then the payload.
pub fn envelope(bytes: &[u8]) {
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    if let Some(topic) = TOPICS.get(usize::from(*choice) % TOPICS.len())
        && let Ok(opened) = open(topic, payload)
    {
        decode(&opened);
    }
}

fn file() -> Option<&'static File> {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let read = || {
        let routes = ROUTES.iter().enumerate();
        let routes = routes.map(|(n, keys)| format!("{{ topic = \"r/{n}/+\", {keys} }},"));
        toml::from_str(&format!("routes = [{}]", routes.collect::<String>())).ok()
    };
    FILE.get_or_init(read).as_ref()
}

/// A message that came by a route: a byte that chooses the route, then the payload.
pub fn routed(bytes: &[u8]) {
    if let Some((choice, payload)) = bytes.split_first()
        && let Some(file) = file()
    {
        let topic = format!("r/{}/bin-7", usize::from(*choice) % ROUTES.len());
        if let Ok(opened) = file.routes.open(&topic, payload, NOW) {
            decode(&opened);
        }
    }
}

/// Whether [`routed`] tries anything: its routes are sound, and each has a topic.
pub fn routes_are_sound() -> bool {
    let opens = |file: &File, number| {
        let refused = file
            .routes
            .open(&format!("r/{number}/bin-7"), b"", NOW)
            .err();
        refused.is_none_or(|refusal| !refusal.text.contains("expected topic"))
    };
    file().is_some_and(|file| (0..ROUTES.len()).all(|number| opens(file, number)))
}

/// Takes what was opened to its samples.
fn decode(opened: &Opened) {
    match opened {
        Opened::Plain(plain) => {
            let _samples = plain.decode(|_channel| Some(Quantity::Fill));
        }
        Opened::Named(named) => {
            for record in &named.records {
                for profile in profiles() {
                    let _samples = profile.decode_named(record);
                }
                let _plain = record.decode_plain(|_channel| Some(Quantity::Distance));
            }
        }
        Opened::Uplink(uplink) => {
            let _named = uplink.named();
        }
        Opened::NotReadings(_) => {}
    }
}
