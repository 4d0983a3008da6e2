//! Every published message of `vectors/envelopes.json` gives its expected fields, or is refused
//! for the expected reason. Source and licence stand with each message.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test over a fixed file: a panic is its way to fail"
)]

use huitian_codec::{NamedValue, Opened, RefusalReason, Routes, Uplink};
use huitian_model::{TimeSource, UtcMs};
use serde_json::Value;

const NOW: UtcMs = UtcMs(1_795_406_400_000);

fn messages() -> Vec<Value> {
    let text = include_str!("../vectors/envelopes.json");
    let file: Value = serde_json::from_str(text).unwrap();
    file["messages"].as_array().unwrap().clone()
}

fn published(name: &str) -> Value {
    let found = messages().into_iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("no message {name}"))
}

fn text<'a>(message: &'a Value, key: &str) -> &'a str {
    message[key].as_str().unwrap()
}

fn routes() -> Routes {
    #[derive(serde::Deserialize)]
    struct File {
        routes: Routes,
    }
    let text = "[[routes]]\ntopic = \"loriot/+\"\nformat = \"loriot\"";
    toml::from_str::<File>(text).unwrap().routes
}

/// The topic of a message: LORIOT's is chosen by each site.
fn topic(message: &Value) -> String {
    match text(message, "format") {
        "loriot" => "loriot/app-1".to_owned(),
        _named => text(message, "topic_example").replace("...", "queued"),
    }
}

fn open(message: &Value) -> Result<Opened, huitian_codec::Refusal> {
    routes().open(&topic(message), text(message, "raw").as_bytes(), NOW)
}

fn ms(text: &str) -> UtcMs {
    UtcMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn hex(text: &str) -> Vec<u8> {
    let (pairs, _odd) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect()
}

fn check_uplink(name: &str, uplink: &Uplink, expect: &Value) {
    assert_eq!(uplink.address, expect["dev_eui"], "{name}");
    assert_eq!(
        uplink.f_port.map(u64::from),
        expect["f_port"].as_u64(),
        "{name}"
    );
    assert_eq!(
        uplink.f_cnt.map(u64::from),
        expect["f_cnt"].as_u64(),
        "{name}"
    );
    assert_eq!(uplink.bytes, hex(text(expect, "payload_hex")), "{name}");
    let at = match expect["time_ms"].as_i64() {
        Some(ms) => UtcMs(ms),
        None => ms(text(expect, "time")),
    };
    assert_eq!(
        (uplink.at, uplink.time_source),
        (Some(at), TimeSource::Network),
        "{name}"
    );
}

#[test]
fn every_published_message_gives_what_it_must() {
    let (mut uplinks, mut notes, mut status, mut refused) = (0, 0, 0, 0);
    for message in messages() {
        let name = text(&message, "name");
        let expect = &message["expect"];
        assert_eq!(message["is_valid_json"], true, "{name}");
        match (open(&message), name) {
            // The documentation has three dots where the data belong.
            (Err(refusal), "chirpstack-v3-docs-up") => {
                assert_eq!(refusal.reason, RefusalReason::WrongType);
                assert!(refusal.text.contains("data: expected base64"), "{refusal}");
                refused += 1;
            }
            (Ok(Opened::Uplink(uplink)), _) => {
                check_uplink(name, &uplink, expect);
                uplinks += 1;
            }
            (
                Ok(Opened::Named(named)),
                "chirpstack-v4-docs-status" | "chirpstack-v3-docs-status",
            ) => {
                let [record] = named.records.as_slice() else {
                    panic!("{name}")
                };
                assert_eq!(record.address, expect["dev_eui"]);
                let raw: Value = serde_json::from_str(text(&message, "raw")).unwrap();
                let level = NamedValue::Number(number(&raw["batteryLevel"]));
                assert!(
                    record.values.contains(&("batteryLevel".to_owned(), level)),
                    "{name}"
                );
                let margin = NamedValue::Number(number(&raw["margin"]));
                assert!(
                    record.values.contains(&("margin".to_owned(), margin)),
                    "{name}"
                );
                assert_eq!(record.at, raw["time"].as_str().map(ms), "{name}");
                status += 1;
            }
            (Ok(Opened::NotReadings(note)), _) => {
                let wanted = name.rsplit_once("docs-").unwrap().1;
                assert!(
                    wanted.starts_with(note) || wanted.starts_with("downlink"),
                    "{name}"
                );
                if wanted.starts_with("downlink") {
                    assert_eq!(note, "down", "{name}");
                }
                notes += 1;
            }
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
    // 4 + 2 + 2 uplinks; a message that nobody counted is a message that nobody read.
    assert_eq!((uplinks, status, refused), (6, 2, 1));
    assert_eq!(uplinks + status + refused + notes, 20);
}

fn number(value: &Value) -> huitian_codec::Fixed {
    huitian_codec::Fixed::from_json(&value.to_string()).unwrap()
}

#[test]
fn the_documented_uplink_of_chirpstack_v3_with_data_gives_its_fields() {
    let message = published("chirpstack-v3-docs-up");
    let raw = text(&message, "raw").replace("\"...\"", "\"AQID\"");
    let Ok(Opened::Uplink(uplink)) = routes().open(&topic(&message), raw.as_bytes(), NOW) else {
        panic!("{raw}")
    };
    let expect = &message["expect"];
    assert_eq!(uplink.address, expect["dev_eui"]);
    assert_eq!((uplink.f_port, uplink.f_cnt), (Some(5), Some(10)));
    assert_eq!(uplink.bytes, [1, 2, 3]);
    assert_eq!(uplink.at, Some(ms("2019-11-08T13:59:25.048445Z")));
    let object: Vec<(String, NamedValue)> = ["temperatureSensor", "humiditySensor"]
        .map(|key| {
            (
                key.to_owned(),
                NamedValue::Number(number(&expect["object"][key])),
            )
        })
        .into();
    assert_eq!(uplink.decoded, object);
    // Before version 3.11 the topic ended in `rx`; the legacy marshaler writes the EUI in hex and
    // the object as such.
    let legacy = raw
        .replace("\"AgICAgICAgI=\"", "\"0202020202020202\"")
        .replace("\"objectJSON\"", "\"object\"")
        .replace(
            "\"{\\\"temperatureSensor\\\":25,\\\"humiditySensor\\\":32}\"",
            "{\"temperatureSensor\":25,\"humiditySensor\":32}",
        );
    let old = routes().open(
        "application/123/device/0202020202020202/rx",
        legacy.as_bytes(),
        NOW,
    );
    assert_eq!(old, Ok(Opened::Uplink(uplink)));
    // Another device, in base64 and in hex.
    for (from, to) in [
        ("AgICAgICAgI=", "AwICAgICAgI="),
        ("AgICAgICAgI=", "0302020202020202"),
    ] {
        let other = raw.replace(from, to);
        let refusal = routes()
            .open(&topic(&message), other.as_bytes(), NOW)
            .unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::IdentityMismatch, "{to}");
    }
    for bad in ["AgICAgICAg==", "020202020202020", "devices"] {
        let other = raw.replace("AgICAgICAgI=", bad);
        let refusal = routes()
            .open(&topic(&message), other.as_bytes(), NOW)
            .unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::WrongType, "{bad}");
    }
}

#[test]
fn what_the_servers_notes_say_is_kept_as_a_word() {
    let v4 = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/log";
    let v3 = "application/7/device/0101010101010101/event/error";
    for (topic, body, note) in [
        (
            v4,
            r#"{"level":"ERROR","code":"UPLINK_MIC"}"#,
            "log UPLINK_MIC",
        ),
        (v4, r#"{"level":"INFO","code":"NEW_IN_2030"}"#, "log"),
        (v4, r#"{"level":"INFO"}"#, "log"),
        (
            v3,
            r#"{"type":"UPLINK_FCNT_RETRANSMISSION"}"#,
            "log UPLINK_F_CNT_RETRANSMISSION",
        ),
        (v3, r#"{"type":"UPLINK_CODEC"}"#, "log UPLINK_CODEC"),
    ] {
        let opened = routes().open(topic, body.as_bytes(), NOW);
        assert_eq!(opened, Ok(Opened::NotReadings(note)), "{body}");
    }
    let refusal = routes().open(v4, b"{", NOW).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::NotJson);
}

#[test]
fn a_battery_that_cannot_be_told_has_no_level() {
    let topic = "application/7/device/0202020202020202/event/status";
    for (members, level) in [
        (r#","batteryLevel":75.5"#, Some("75.5")),
        (
            r#","batteryLevel":75.5,"batteryLevelUnavailable":true"#,
            None,
        ),
        (r#","batteryLevel":0,"externalPowerSource":true"#, None),
        ("", None),
    ] {
        let body = format!(r#"{{"devEUI":"AgICAgICAgI="{members}}}"#);
        let Ok(Opened::Named(named)) = routes().open(topic, body.as_bytes(), NOW) else {
            panic!("{body}")
        };
        let told = match &named.records[0].values[0] {
            (name, NamedValue::Number(number)) if name == "batteryLevel" => {
                Some(number.to_string())
            }
            (_, NamedValue::Missing) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(told.as_deref(), level, "{members}");
        assert_eq!(named.records[0].time_source, TimeSource::Receiver);
    }
}

#[test]
fn loriots_two_messages_of_one_uplink_are_equal_but_for_their_way() {
    let message = published("loriot-rx-heartbeat");
    let rx = text(&message, "raw").to_owned();
    let gateways = r#""gws":[{"rssi":-21,"snr":10,"ts":1684478801999,
        "time":"2023-05-19T06:46:41.900Z","gweui":"A1","ant":0},
        {"rssi":-80,"snr":1,"ts":1684478801950,"time":"","gweui":"A2","ant":0}],"#;
    let gw = rx.replace("\"cmd\": \"rx\",", &format!("\"cmd\":\"gw\",{gateways}"));
    assert_ne!(gw, rx);
    let read = |body: &str| match routes().open("loriot/app-1", body.as_bytes(), NOW) {
        Ok(Opened::Uplink(uplink)) => uplink,
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&rx), read(&gw));
    // Without a time of the server, the earliest of the gateways: the one by GPS.
    let untimed = gw.replace("\"ts\": 1684478801936,", "");
    assert_eq!(read(&untimed).at, Some(ms("2023-05-19T06:46:41.900Z")));
    let (first, second) = (read(&rx), read(&untimed));
    assert_eq!(
        (first.address, first.f_cnt, first.bytes),
        (second.address, second.f_cnt, second.bytes)
    );
    let upper = rx.replace("1000000000000001", "10000000000000AB");
    assert_eq!(read(&upper).address, "10000000000000ab");
    for (from, to, reason) in [
        (
            "\"cmd\": \"rx\"",
            "\"cmd\": null",
            RefusalReason::MissingField,
        ),
        ("\"EUI\"", "\"eui\"", RefusalReason::MissingField),
        (
            "1000000000000001",
            "100000000000000",
            RefusalReason::WrongType,
        ),
        (
            "\"data\": \"0112\"",
            "\"data\": \"011\"",
            RefusalReason::WrongType,
        ),
        (
            "\"data\": \"0112\"",
            "\"data\": \"01+2\"",
            RefusalReason::WrongType,
        ),
        ("1684478801936", "1684478801", RefusalReason::OutOfRange),
    ] {
        let body = rx.replace(from, to);
        let refusal = routes()
            .open("loriot/app-1", body.as_bytes(), NOW)
            .unwrap_err();
        assert_eq!(refusal.reason, reason, "{to}: {refusal}");
    }
    let other = rx.replace("\"rx\"", "\"txd\"");
    let opened = routes().open("loriot/app-1", other.as_bytes(), NOW);
    assert_eq!(opened, Ok(Opened::NotReadings("other command")));
}

#[test]
fn an_example_of_the_documentation_that_is_no_json_is_refused() {
    // The Things Stack's data formats page of 2020 lacks a comma before `received_at`.
    let message = published("tts-v3-community-heartbeat");
    let raw = text(&message, "raw");
    let cut = raw.replacen("},\n    \"received_at\"", "}\n    \"received_at\"", 1);
    let broken = if cut == raw {
        raw.replacen("],\n    \"settings\"", "]\n    \"settings\"", 1)
    } else {
        cut
    };
    assert_ne!(broken, raw);
    let refusal = routes()
        .open(&topic(&message), broken.as_bytes(), NOW)
        .unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::NotJson);
}

#[test]
fn a_gateway_that_the_packet_broker_names_twice_changes_nothing() {
    let message = published("tts-v3-community-heartbeat");
    let raw = text(&message, "raw");
    let again = r#""rx_metadata": [{"gateway_ids":{"gateway_id":"packetbroker"},
        "packet_broker":{"forwarder_net_id":"000013"},"rssi":-35,
        "snr":13.2,"uplink_token":"eyJnIjoi"},"#;
    let twice = raw.replacen("\"rx_metadata\": [", again, 1);
    assert_ne!(twice, raw);
    let once = routes().open(&topic(&message), raw.as_bytes(), NOW);
    assert_eq!(routes().open(&topic(&message), twice.as_bytes(), NOW), once);
}

#[test]
fn what_a_servers_codec_made_of_the_bytes_is_handed_on_within_bounds() {
    let topic = "application/ca739e26-7b67-4f14-b69e-d568c22a5a75/device/1000000000000001/event/up";
    let body = |object: &str| {
        format!(
            r#"{{"deviceInfo":{{"devEui":"1000000000000001"}},"fPort":1,"data":"AQ==",
                "object":{object}}}"#
        )
    };
    let decoded = |object: &str| match routes().open(topic, body(object).as_bytes(), NOW) {
        Ok(Opened::Uplink(uplink)) => uplink.decoded,
        other => panic!("{other:?}"),
    };
    let found =
        decoded(r#"{"fill":87.5,"gps":{"lat":40.03},"open":false,"list":[1,null],"s":"x"}"#);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["fill", "gps.lat", "open", "list.0", "list.1", "s"]);
    assert_eq!(found[4].1, NamedValue::Missing);
    let many: Vec<String> = (0..60).map(|n| format!("\"k{n}\":[{n},{n}]")).collect();
    assert_eq!(decoded(&format!("{{{}}}", many.join(","))).len(), 64);
    let long = format!(r#"{{"t":"{}","u":1}}"#, "x".repeat(129));
    assert_eq!(decoded(&long).len(), 1);
    assert_eq!(decoded("null"), []);
    assert_eq!(decoded("[1]"), []);
    let tts = r#"{"end_device_ids":{"device_id":"d"},"uplink_message":
        {"f_port":1,"frm_payload":"AQ==","decoded_payload":{"fill":5}}}"#;
    let Ok(Opened::Uplink(uplink)) = routes().open("v3/a/devices/d/up", tts.as_bytes(), NOW) else {
        panic!()
    };
    assert_eq!(uplink.named().values[0].0, "fill");
    assert_eq!(uplink.named().sequence, Some(0));
}
