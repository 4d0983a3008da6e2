//! What decoding costs: nanoseconds per message, on one core.
//!
//! `cargo bench -p huitian-codec` prints one line per kind of message. The target is 3 us for a
//! `ChirpStack` message, so that two million of them take six seconds of one core.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints its figures, and fails by a panic"
)]

use std::hint::black_box;
use std::time::Instant;

use huitian_codec::{Opened, Profiles, Refusal, open};
use huitian_model::Quantity;

/// Messages per figure: enough for some tenths of a second.
const MESSAGES: u32 = 200_000;

const PLAIN: &str = r#"{"at":1795406400000,"seq":17,"readings":{"occupied":true,"battery":92}}"#;

const BOSCH: &str = r#"{"deduplicationId":"57433366-50a6-4dc2-8145-2df1bbc70d9e","time":"2026-11-23T07:47:05.404859+00:00","deviceInfo":{"tenantId":"52f14cd4-c6f1-4fbd-8f87-4025e1d49242","tenantName":"district","applicationId":"ca739e26-7b67-4f14-b69e-d568c22a5a75","applicationName":"bays","deviceProfileId":"605d08d4-65f5-4d2c-8a5a-3d2457662f79","deviceProfileName":"tps110","deviceName":"bay","devEui":"1000000000000001","tags":{}},"devAddr":"20000001","adr":true,"dr":5,"fCnt":4,"fPort":2,"confirmed":false,"data":"ARI=","rxInfo":[{"gatewayId":"6a7e111a10000000","uplinkId":24022,"time":"2026-11-23T07:47:05.404859+00:00","rssi":-35,"snr":11.5,"channel":2,"rfChain":1,"location":{},"context":"EFwMtA==","metadata":{"region_common_name":"CN470","region_config_id":"cn470_10"},"crcStatus":"CRC_OK"}],"txInfo":{"frequency":868500000,"modulation":{"lora":{"bandwidth":125000,"spreadingFactor":7,"codeRate":"CR_4_5"}}}}"#;

/// Reads one message to its samples; how many they are.
fn samples(profiles: &Profiles, topic: &str, payload: &[u8], id: &str) -> Result<usize, Refusal> {
    match open(topic, payload)? {
        Opened::Plain(message) => {
            let (readings, refused) = message.decode(|channel| match channel.as_str() {
                "battery" => Some(Quantity::Battery),
                _ => Some(Quantity::Occupied),
            });
            Ok(readings.len() + refused.len())
        }
        Opened::Uplink(uplink) => Ok(profiles.require(id)?.decode(&uplink)?.len()),
        Opened::NotReadings(_) => Ok(0),
    }
}

fn measure(name: &str, topic: &str, payload: &str, id: &str) {
    let profiles = Profiles::builtin().expect("the built-in profiles are sound");
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..MESSAGES {
        let found = samples(
            &profiles,
            black_box(topic),
            black_box(payload.as_bytes()),
            id,
        );
        sum += found.expect("the message is sound");
    }
    let each = start.elapsed() / MESSAGES;
    let bytes = payload.len();
    println!(
        "{name:<28} {:>6} ns/message  {bytes:>5} bytes  {sum} samples",
        each.as_nanos()
    );
}

fn main() {
    let up = "application/ca739e26-7b67-4f14-b69e-d568c22a5a75/device/1000000000000001/event/up";
    let milesight = BOSCH.replace("\"fPort\":2", "\"fPort\":85");
    let milesight = milesight.replace("ARI=", "AXVcA2cBAQSCRAgFAAE=");
    measure("plain", "huitian/v1/s-001/bay-1", PLAIN, "");
    measure("chirpstack + bosch", up, BOSCH, "bosch-tps110");
    measure(
        "chirpstack + milesight tlv",
        up,
        &milesight,
        "milesight-em400-tld",
    );
}
