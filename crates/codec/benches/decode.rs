//! What decoding costs: nanoseconds per message, on one core.
//!
//! `cargo bench -p huitian-codec` prints one line per kind of message. The target is 3 us for a
//! `ChirpStack` message, so that two million of them take six seconds of one core.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench reads the clock, prints its figures, and fails by a panic"
)]

use std::hint::black_box;
use std::time::Instant;

use huitian_codec::{Opened, Profiles, Refusal, open};
use huitian_model::Quantity;

/// Messages per figure: enough for some tenths of a second. Another number may be given on the
/// command line, such as a small one to count instructions.
const MESSAGES: u32 = 200_000;

const PLAIN: &str = r#"{"at":1795406400000,"seq":17,"readings":{"occupied":true,"battery":92}}"#;

const BOSCH: &str = include_str!("chirpstack.json");

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
        Opened::Named(message) => {
            let profile = profiles.require(id)?;
            let mut count = 0;
            for record in &message.records {
                count += profile.decode_named(record)?.len();
            }
            Ok(count)
        }
        Opened::NotReadings(_) => Ok(0),
    }
}

fn measure(name: &str, topic: &str, payload: &str, id: &str) {
    let profiles = Profiles::builtin().expect("the built-in profiles are sound");
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    let messages = given.unwrap_or(MESSAGES).max(1);
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..messages {
        let found = samples(
            &profiles,
            black_box(topic),
            black_box(payload.as_bytes()),
            id,
        );
        sum += found.expect("the message is sound");
    }
    let each = start.elapsed() / messages;
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
