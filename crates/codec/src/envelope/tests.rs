//! Envelopes as network servers publish them, and as they must not be.

use std::sync::LazyLock;

use huitian_model::{TimeSource, UtcMs};
use proptest::prelude::*;
use serde_json::Value;

use super::{Opened, Uplink, open};
use crate::{PAYLOAD_BYTES_MAX, Profiles, Refusal, RefusalReason};

const CHIRPSTACK: &str = "application/ca739e26/device/1000000000000001/event/up";
const TTS: &str = "v3/app1@ttn/devices/dev-1/up";

static MESSAGES: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../vectors/envelopes.json");
    serde_json::from_str(text).unwrap()
});

static PROFILES: LazyLock<Profiles> = LazyLock::new(|| Profiles::builtin().unwrap());

fn published(name: &str) -> Value {
    let messages = MESSAGES["messages"].as_array().unwrap();
    messages
        .iter()
        .find(|message| message["name"] == name)
        .unwrap()
        .clone()
}

fn uplink(topic: &str, payload: &str) -> Uplink {
    match open(topic, payload.as_bytes()) {
        Ok(Opened::Uplink(uplink)) => uplink,
        other => panic!("{other:?}"),
    }
}

fn refusal(topic: &str, payload: &str) -> Refusal {
    open(topic, payload.as_bytes()).unwrap_err()
}

fn ms(text: &str) -> UtcMs {
    let instant: jiff::Timestamp = text.parse().unwrap();
    UtcMs(instant.as_millisecond())
}

/// A `ChirpStack` body with these members beside the device.
fn chirpstack(members: &str) -> String {
    format!(r#"{{"deviceInfo":{{"devEui":"1000000000000001"}}{members}}}"#)
}

/// A body of The Things Stack with these members inside the uplink.
fn tts(members: &str) -> String {
    format!(
        r#"{{"end_device_ids":{{"device_id":"dev-1","dev_eui":"0004A30B001C0530"}},
            "received_at":"2020-02-17T07:49:10Z","uplink_message":{{{members}}}}}"#
    )
}

#[test]
fn published_uplinks_are_read() {
    for name in [
        "chirpstack-v4-bosch-heartbeat",
        "chirpstack-v4-bosch-status",
        "tts-v3-community-heartbeat",
        "tts-v3-community-status",
    ] {
        let message = published(name);
        let expected = &message["expect"];
        let topic = message["topic_example"].as_str().unwrap();
        let found = uplink(topic, message["raw"].as_str().unwrap());
        let hex = expected["payload_hex"].as_str().unwrap();
        assert_eq!(found.address, expected["dev_eui"]);
        assert_eq!(u64::from(found.f_port.unwrap()), expected["f_port"]);
        assert_eq!(u64::from(found.f_cnt.unwrap()), expected["f_cnt"]);
        assert_eq!(
            format!("{:02x?}", found.bytes).replace(['[', ']', ',', ' '], ""),
            hex
        );
        assert_eq!(
            found.at,
            Some(ms(expected["time"].as_str().unwrap())),
            "{name}"
        );
        assert_eq!(found.time_source, TimeSource::Network);
    }
}

#[test]
fn traffic_without_readings_is_told_by_its_topic() {
    for (topic, kind) in [
        ("application/a/device/0101010101010101/event/join", "join"),
        ("application/a/device/0101010101010101/event/ack", "ack"),
        ("application/a/device/0101010101010101/event/txack", "txack"),
        (
            "application/a/device/0101010101010101/event/location",
            "location",
        ),
        (
            "application/a/device/0101010101010101/event/integration",
            "integration",
        ),
        (
            "application/a/device/0101010101010101/command/down",
            "command",
        ),
        ("v3/app1@tenant1/devices/dev1/join", "join"),
        ("v3/app1/devices/dev1/down/queued", "down"),
        ("v3/app1/devices/dev1/service/data", "service"),
        ("v3/app1/devices/dev1/location/solved", "location"),
        ("application/7/device/0101010101010101/event/join", "join"),
        ("application/7/device/0101010101010101/join", "join"),
        ("application/7/device/0101010101010101/tx", "command"),
        ("tele/hall/STATE", "state of the firmware"),
        ("stat/hall/RESULT", "command result"),
        ("cmnd/hall/POWER", "command"),
        ("zigbee2mqtt/bridge/devices", "bridge"),
        ("zigbee2mqtt/yard/bin 7/set", "command"),
        ("/ul/key/bin-7/cmdexe", "command"),
    ] {
        assert_eq!(
            open(topic, b"not even JSON"),
            Ok(Opened::NotReadings(kind)),
            "{topic}"
        );
    }
}

#[test]
fn other_topics_are_refused() {
    for topic in [
        "",
        "huitian",
        "huitian/v1/s-001",
        "huitian/v1/s-001/bin-7/more",
        "huitian/v2/s-001/bin-7",
        "huitian/v1/S-001/bin-7",
        "huitian/v1//bin-7",
        "application/a/device/0101010101010101/event/other",
        "application/a/device/010101010101010/event/up",
        "application/a/device/010101010101010g/event/up",
        "application/a/device/0101010101010101/event/up/more",
        "application/a23/device/0101010101010101/rx",
        "application/123/device/0101010101010101/event/other",
        "application/123/device/010101010101010g/rx",
        "v3/app1/devices/dev1",
        "v3/app1/devices/dev1/up/more",
        "zigbee2mqtt",
        "tele/hall",
        "tele//SENSOR",
        "/ul/key/bin-7",
        "/ul/key/bin-7/attrs/a/b",
        "spBv1.0/g/NBIRTH/e",
        &format!("huitian/v1/s-001/{}", "b".repeat(300)),
    ] {
        let refusal = refusal(topic, r#"{"readings":{}}"#);
        assert_eq!(refusal.reason, RefusalReason::WrongTopic, "{topic}");
        assert!(refusal.text.len() < 500, "{refusal}");
    }
}

#[test]
fn a_payload_of_the_greatest_size_is_read_and_one_byte_more_is_not() {
    let fits = format!(
        "{:>width$}",
        r#"{"readings":{}}"#,
        width = PAYLOAD_BYTES_MAX
    );
    assert!(open("huitian/v1/s-001/bin-7", fits.as_bytes()).is_ok());
    for topic in ["huitian/v1/s-001/bin-7", CHIRPSTACK, TTS, "elsewhere"] {
        let refusal = refusal(topic, &format!("{fits} "));
        assert_eq!(refusal.reason, RefusalReason::Oversized, "{topic}");
        assert!(refusal.text.contains("at most 16384 bytes, found 16385"));
    }
}

#[test]
fn zeros_that_protobuf_leaves_out_are_zeros() {
    // The first uplink after a join: no fCnt. The docs' own example has none either.
    let found = uplink(CHIRPSTACK, &chirpstack(r#","fPort":2,"data":"ARI=""#));
    assert_eq!((found.f_port, found.f_cnt), (Some(2), Some(0)));
    assert_eq!((found.at, found.time_source), (None, TimeSource::Receiver));
    let found = uplink(TTS, &tts(r#""f_port":2,"frm_payload":"ARI=""#));
    assert_eq!((found.f_port, found.f_cnt), (Some(2), Some(0)));
    // Null means the same as left out.
    let nulls = r#","fPort":2,"fCnt":null,"time":null,"data":"ARI=""#;
    assert_eq!(uplink(CHIRPSTACK, &chirpstack(nulls)).f_cnt, Some(0));
}

#[test]
fn an_uplink_without_application_payload_carries_no_readings() {
    let none = Ok(Opened::NotReadings("uplink without application payload"));
    for members in [
        "",
        r#","fPort":2"#,
        r#","data":"ARI=""#,
        r#","fPort":2,"data":"""#,
    ] {
        assert_eq!(
            open(CHIRPSTACK, chirpstack(members).as_bytes()),
            none,
            "{members}"
        );
    }
    for members in ["", r#""f_port":2"#, r#""frm_payload":"ARI=""#] {
        assert_eq!(open(TTS, tts(members).as_bytes()), none, "{members}");
    }
}

#[test]
fn event_time_of_chirpstack_is_the_servers_then_a_gateways() {
    let with = |time: &str, gateways: &str| {
        let members = format!(r#","fPort":1,"data":"AQ=="{time},"rxInfo":[{gateways}]"#);
        uplink(CHIRPSTACK, &chirpstack(&members)).at
    };
    let time = r#","time":"2022-07-18T09:35:06.927172638+00:00""#;
    let gateway = r#"{"location":{}},{"time":"2022-07-18T11:35:05+02:00"}"#;
    assert_eq!(with(time, gateway), Some(ms("2022-07-18T09:35:06.927Z")));
    assert_eq!(with("", gateway), Some(ms("2022-07-18T09:35:05Z")));
    // The order of the members means nothing.
    let late = r#","rxInfo":[{"time":"2022-07-18T09:35:05Z"}],"fPort":1,"data":"AQ==""#;
    let body = chirpstack(&format!("{late}{time}"));
    let found = uplink(CHIRPSTACK, &body).at;
    assert_eq!(found, Some(ms("2022-07-18T09:35:06.927Z")));
    // A gateway whose clock is unset says nothing, and harms nothing.
    let unset = r#"{"time":"1970-01-01T00:00:12Z"}"#;
    assert_eq!(
        with("", &format!("{unset},{gateway}")),
        Some(ms("2022-07-18T09:35:05Z"))
    );
    assert_eq!(
        with(time, r#"{"time":"soon"}"#),
        Some(ms("2022-07-18T09:35:06.927Z"))
    );
}

#[test]
fn event_time_of_the_things_stack_is_the_network_servers() {
    let base = r#""f_port":1,"frm_payload":"AQ==""#;
    let gateways = r#","rx_metadata":[{"gateway_ids":{}},{"time":"2020-02-17T07:49:08Z"}]"#;
    let network = r#","received_at":"2020-02-17T07:49:09.736532315Z""#;
    let at = |members: &str| uplink(TTS, &tts(&format!("{base}{members}"))).at;
    assert_eq!(
        at(&format!("{gateways}{network}")),
        Some(ms("2020-02-17T07:49:09.736Z"))
    );
    assert_eq!(at(gateways), Some(ms("2020-02-17T07:49:08Z")));
    assert_eq!(at(""), Some(ms("2020-02-17T07:49:10Z")));
}

#[test]
fn a_body_that_names_another_device_is_refused() {
    let other = r#"{"deviceInfo":{"devEui":"1000000000000002"},"fPort":1,"data":"AQ=="}"#;
    let refusal_of = refusal(CHIRPSTACK, other);
    assert_eq!(refusal_of.reason, RefusalReason::IdentityMismatch);
    assert!(refusal_of.text.contains("1000000000000002"));
    let body = tts(r#""f_port":1,"frm_payload":"AQ==""#);
    for topic in ["v3/app1/devices/dev-2/up", "v3/app1/devices/DEV-1/up"] {
        assert_eq!(
            refusal(topic, &body).reason,
            RefusalReason::IdentityMismatch
        );
    }
    let elsewhere = body.replace(
        r#""device_id":"dev-1""#,
        r#""device_id":"dev-1","application_ids":{"application_id":"app2"}"#,
    );
    assert_eq!(
        refusal(TTS, &elsewhere).reason,
        RefusalReason::IdentityMismatch
    );
    assert!(open(TTS, elsewhere.replace("app2", "app1").as_bytes()).is_ok());
}

#[test]
fn addresses_are_lower_case_and_fall_back_to_the_device_id() {
    let upper = CHIRPSTACK.replace("1000000000000001", "00000000000000AB");
    let body = r#"{"deviceInfo":{"devEui":"00000000000000ab"},"fPort":1,"data":"AQ=="}"#;
    assert_eq!(uplink(&upper, body).address, "00000000000000ab");
    let body = tts(r#""f_port":1,"frm_payload":"AQ==""#);
    assert_eq!(uplink(TTS, &body).address, "0004a30b001c0530");
    let no_eui = body.replace(r#","dev_eui":"0004A30B001C0530""#, "");
    assert_eq!(uplink(TTS, &no_eui).address, "dev-1");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    use RefusalReason::{MissingField, NotJson, OutOfRange, TooLong, WrongType};
    let token = format!(r#","data":"{}""#, "A".repeat(5_000));
    for (members, reason, told) in [
        (
            r#","fPort":256,"data":"AQ==""#,
            OutOfRange,
            "fPort: expected",
        ),
        (r#","fPort":-1"#, OutOfRange, "fPort: expected"),
        (r#","fPort":1.5"#, OutOfRange, "fPort: expected"),
        (r#","fPort":"1""#, WrongType, "fPort: expected"),
        (r#","fCnt":4294967296"#, OutOfRange, "fCnt: expected"),
        (r#","data":"..""#, WrongType, "data: expected base64"),
        (r#","data":"AQ""#, WrongType, "data: expected base64"),
        (r#","data":7"#, WrongType, "data: expected text"),
        (
            r#","time":"yesterday""#,
            WrongType,
            "time: expected RFC 3339",
        ),
        (
            r#","time":"1999-01-01T00:00:00Z""#,
            OutOfRange,
            "time: expected the years",
        ),
        (r#","rxInfo":7"#, WrongType, "expected an array"),
        (&token, TooLong, "at most 4096"),
        (",", NotJson, "at byte"),
    ] {
        let refusal = refusal(CHIRPSTACK, &chirpstack(members));
        assert_eq!(refusal.reason, reason, "{members}: {refusal}");
        assert!(refusal.text.contains(told), "{refusal}");
    }
    let long = base64::Engine::encode(&super::STANDARD, [0; 256]);
    let too_long = refusal(
        CHIRPSTACK,
        &chirpstack(&format!(r#","fPort":1,"data":"{long}""#)),
    );
    assert_eq!(too_long.reason, OutOfRange);
    // The topic says version 4, so version 3 is the body of somebody else.
    let v3 = r#"{"applicationID":"123","devEUI":"EAAAAAAAAAE=","fPort":5,"data":"AQ=="}"#;
    assert_eq!(refusal(CHIRPSTACK, v3).reason, MissingField);
    assert_eq!(refusal(TTS, v3).reason, MissingField);
    let no_ids = r#"{"uplink_message":{"f_port":1}}"#;
    assert_eq!(refusal(TTS, no_ids).reason, MissingField);
}

#[test]
fn long_tokens_of_a_network_server_are_legitimate() {
    let token = format!(
        r#","rx_metadata":[{{"uplink_token":"{}"}}]"#,
        "A".repeat(3_000)
    );
    let body = tts(&format!(r#""f_port":1,"frm_payload":"AQ=="{token}"#));
    assert_eq!(uplink(TTS, &body).bytes, [1]);
}

#[test]
fn a_simulated_uplink_is_no_reading() {
    let body = tts(r#""f_port":1,"frm_payload":"AQ==""#);
    let simulated = body.replacen('{', r#"{"simulated":true,"#, 1);
    assert_eq!(
        open(TTS, simulated.as_bytes()),
        Ok(Opened::NotReadings("simulated uplink"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_panics_whatever_is_sent(
        topic in prop_oneof![
            Just(CHIRPSTACK.to_owned()),
            Just(TTS.to_owned()),
            Just("huitian/v1/s-001/bin-7".to_owned()),
            "\\PC{0,40}",
            "(huitian|application|v3|v1|devices|device|event|up|/){0,9}",
        ],
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..400),
            "[\\[\\]{}\":,0-9a-z.eE+-]{0,60}".prop_map(String::into_bytes),
        ],
    ) {
        drop(open(&topic, &payload));
    }

    #[test]
    fn a_damaged_message_is_read_or_refused_with_a_short_text(
        which in 0..3_usize,
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let names = ["chirpstack-v4-bosch-heartbeat", "tts-v3-community-heartbeat"];
        let batch = br#"{"batch":[{"at":1795406400000,"readings":{"fill":{"bad":"no_echo"}}}]}"#;
        let mut topic = "huitian/v1/s-001/bin-7".to_owned();
        let mut payload = batch.to_vec();
        if let Some(name) = names.get(which) {
            let message = published(name);
            message["topic_example"].as_str().unwrap().clone_into(&mut topic);
            payload = message["raw"].as_str().unwrap().as_bytes().to_vec();
        }
        let at = at.index(payload.len());
        payload[at] = byte;
        payload.truncate(cut.index(payload.len() * 4).max(at));
        if let Err(refusal) = open(&topic, &payload) {
            prop_assert!(refusal.text.len() < 400, "{}", refusal);
        }
    }

    #[test]
    fn no_profile_panics_whatever_a_device_sends(
        port in any::<u8>(),
        known in prop::sample::select(vec![None, Some(1_u8), Some(2), Some(3), Some(85)]),
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            prop::collection::vec(
                prop::sample::select(vec![
                    vec![1, 0x75, 9], vec![3, 0x82, 1, 2], vec![3, 0x67, 1, 2], vec![4, 0, 1],
                    vec![4, 0x82, 0, 9], vec![0xff, 0x16, 1, 2, 3], vec![0x80, 0, 1, 1, 0x11],
                ]),
                0..8,
            ).prop_map(|records| records.concat()),
        ],
    ) {
        for id in PROFILES.ids() {
            let profile = PROFILES.require(id).unwrap();
            if let Ok(decoding) = profile.read(known.or(Some(port)), &bytes) {
                prop_assert!(decoding.unread() <= bytes.len());
                prop_assert!(decoding.samples().len() <= profile.channels().count());
                prop_assert!(decoding.fields().len() <= bytes.len().max(20));
            }
        }
    }
}
