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
const ROUTES: &str = r#"
routes = [
    { topic = "r/0/+", format = "loriot" },
    { topic = "r/1/+", format = "ngsi-ld" },
    { topic = "r/2/+", format = "senml-json" },
    { topic = "r/3/+", format = "senml-cbor" },
    { topic = "r/4/+", format = "line" },
    { topic = "r/5/+", format = "line", device = { tag = "d" }, with_measurement = true },
    { topic = "r/6/+", format = "csv", device = { level = 3 } },
    { topic = "r/7/+", format = "csv", device = { column = "d" }, columns = ["d", "t", "v"], time = { column = "t", unit = "s" } },
    { topic = "r/8/+", format = "ultralight" },
    { topic = "r/9/+", format = "tasmota", utc_offset = "+08:00" },
    { topic = "r/10/+", format = "zigbee2mqtt" },
    { topic = "r/11/+", format = "json" },
    { topic = "r/12/+", format = "json", device = { path = "d" }, records = "r", time = { path = "t", unit = "rfc3339" }, sequence = "n" },
]
"#;

/// How many routes there are.
const ROUTED: usize = 13;

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

/// A message that came by a route: a byte that chooses the route, then the payload.
pub fn routed(bytes: &[u8]) {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    if let Some(file) = FILE.get_or_init(|| toml::from_str(ROUTES).ok()) {
        let topic = format!("r/{}/bin-7", usize::from(*choice) % ROUTED);
        if let Ok(opened) = file.routes.open(&topic, payload, NOW) {
            decode(&opened);
        }
    }
}

/// Whether [`routed`] tries anything: its routes are sound, and each has a topic.
pub fn routes_are_sound() -> bool {
    toml::from_str::<File>(ROUTES).is_ok_and(|file| {
        let opens = |number| {
            let topic = format!("r/{number}/bin-7");
            let refused = file.routes.open(&topic, b"", NOW).err();
            refused.is_none_or(|refusal| !refusal.text.contains("expected topic"))
        };
        (0..ROUTED).all(opens)
    })
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
