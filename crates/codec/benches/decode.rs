//! What decoding costs: nanoseconds per message, on one core.
//!
//! `cargo bench -p huitian-codec` prints one line per kind of message: whole ones with their
//! envelope, and what the profile alone costs. The target is 3 us for a
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

use huitian_codec::{Fixed, Named, NamedValue, Opened, Profile, Profiles, Refusal, Uplink, open};
use huitian_model::{Quantity, TimeSource, UtcMs};

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

/// Messages per figure, or as many as the command line says.
fn messages() -> u32 {
    let given = std::env::args().find_map(|argument| argument.parse().ok());
    given.unwrap_or(MESSAGES).max(1)
}

/// Prints what one call costs. `read` gives the number of samples, so that nothing is left out.
fn measure(name: &str, bytes: usize, mut read: impl FnMut() -> usize) {
    let messages = messages();
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..messages {
        sum += read();
    }
    let each = start.elapsed() / messages;
    println!(
        "{name:<44} {:>6} ns/message  {bytes:>5} bytes  {sum} samples",
        each.as_nanos()
    );
}

/// A whole message, from its topic to its samples.
fn measure_message(profiles: &Profiles, name: &str, (topic, payload): (&str, &str), id: &str) {
    measure(name, payload.len(), || {
        let found = samples(
            profiles,
            black_box(topic),
            black_box(payload.as_bytes()),
            id,
        );
        found.expect("the message is sound")
    });
}

/// The bytes of a device alone, without an envelope.
fn measure_uplink(profile: &Profile, name: &str, port: u8, bytes: &[u8]) {
    let uplink = Uplink {
        address: "1000000000000001".to_owned(),
        f_port: Some(port),
        f_cnt: Some(7),
        bytes: bytes.to_vec(),
        at: Some(UtcMs(1_795_406_400_000)),
        time_source: TimeSource::Network,
    };
    measure(name, bytes.len(), || {
        let decoded = profile.decode(black_box(&uplink));
        decoded.expect("the bytes are sound").len()
    });
}

/// A device whose bits cross bytes, and which has a formula, a curve and a compensation.
const BITS: &str = include_str!("../PROFILES.md");

/// The first whole profile of the documentation, and its third.
fn documented(index: usize) -> Profile {
    let mut blocks = BITS.split("```toml\n").skip(1);
    let block = blocks.nth(index).expect("the documentation has it");
    let (text, _behind) = block.split_once("```").expect("the block ends");
    Profile::parse(text, "PROFILES.md").expect("the documented profile is sound")
}

fn measure_named(profile: &Profile) {
    let number = |text: &str| NamedValue::Number(Fixed::from_json(text).expect("a number"));
    let named = Named {
        address: "plug-1".to_owned(),
        at: Some(UtcMs(1_795_406_400_000)),
        time_source: TimeSource::Network,
        sequence: None,
        values: vec![
            (
                "Time".to_owned(),
                NamedValue::Text("2026-11-25T03:30:00".to_owned()),
            ),
            ("SR04.Distance".to_owned(), number("16.754")),
            ("State".to_owned(), NamedValue::Text("ON".to_owned())),
            ("Wifi.RSSI".to_owned(), number("-61")),
        ],
    };
    measure("named: JSON values by name, decode only", 0, || {
        let decoded = profile.decode_named(black_box(&named));
        decoded.expect("the profile reads names").len()
    });
}

fn main() {
    let profiles = Profiles::builtin().expect("the built-in profiles are sound");
    let up = "application/ca739e26-7b67-4f14-b69e-d568c22a5a75/device/1000000000000001/event/up";
    let milesight = BOSCH.replace("\"fPort\":2", "\"fPort\":85");
    let milesight = milesight.replace("ARI=", "AXVcA2cBAQSCRAgFAAE=");
    let plain = ("huitian/v1/s-001/bay-1", PLAIN);
    measure_message(&profiles, "plain", plain, "");
    measure_message(&profiles, "chirpstack + bosch", (up, BOSCH), "bosch-tps110");
    let tlv = "milesight-em400-tld";
    measure_message(
        &profiles,
        "chirpstack + milesight tlv",
        (up, &milesight),
        tlv,
    );
    let of = |id: &str| profiles.get(id).expect("the profile is built in");
    let records = [1, 0x75, 92, 3, 0x67, 1, 1, 4, 0x82, 0x44, 8, 5, 0, 1];
    measure_uplink(of(tlv), "tlv: milesight em400, decode only", 85, &records);
    let bits = [0xac, 1, 3, 0x20, 0x71, 0xe0, 0xaf, 1];
    measure_uplink(
        &documented(0),
        "bits: formula, curve, sound, decode only",
        10,
        &bits,
    );
    let nwave = of("nwave-nps405");
    measure_uplink(nwave, "bits: nwave status, decode only", 1, &[0x95]);
    let groups = [
        0x10, 0, 1, 0, 1, 0x8d, 0xf8, 0xaa, 1, 0x8c, 0xf8, 0xaa, 1, 0x8c, 0xf8, 0xaa, 1, 0x8c,
        0xf8, 0xaa,
    ];
    let tek = of("tekelek-tek766");
    measure_uplink(tek, "groups: tek 766, decode only", 16, &groups);
    let sensoneo = of("sensoneo-single");
    measure_uplink(
        sensoneo,
        "text: sensoneo, decode only",
        1,
        b"(U3.76T+14D251P1)",
    );
    measure_named(&documented(2));
    // The dearest that this profile can be sent: the longest payload, full of records.
    let dearest: Vec<u8> = [5, 0, 1].into_iter().cycle().take(255).collect();
    measure_uplink(
        of(tlv),
        "tlv: 85 records in 255 bytes, decode only",
        85,
        &dearest,
    );
}
