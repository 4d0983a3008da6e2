//! Envelopes have the fields that network servers document.

use serde_json::Value;

use super::*;
use crate::payload::bosch_heartbeat;

const AT_MS: i64 = 1_684_741_625_404;

fn body(write: fn(Uplink<'_>) -> (String, Vec<u8>), f_cnt: u32) -> (String, Value) {
    let device = Device {
        id: "tps110-00001".to_owned(),
        site: "a".to_owned(),
        address: "1000000000000001".to_owned(),
        profile: "bosch-tps110",
        expected_every_s: 3_600,
        valid_for_s: 9_000,
    };
    let frame = bosch_heartbeat(true, Some(18));
    let (topic, bytes) = write(Uplink {
        device: &device,
        frame: &frame,
        f_cnt,
        at_ms: AT_MS,
        key: 0x1234_5678_9abc_def0,
    });
    (topic, serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn chirpstack_uplink_has_the_documented_fields() {
    let (topic, json) = body(chirpstack, 4);
    assert!(topic.starts_with("application/") && topic.ends_with("/1000000000000001/event/up"));
    assert_eq!(json["time"], "2023-05-22T07:47:05.404+00:00");
    assert_eq!(json["deviceInfo"]["devEui"], "1000000000000001");
    assert_eq!((&json["fCnt"], &json["fPort"]), (&4.into(), &2.into()));
    assert_eq!(json["data"], "ARI=");
    assert_eq!(json["deduplicationId"].as_str().unwrap().len(), 36);
    for path in [
        "/deviceInfo/tenantId",
        "/deviceInfo/applicationId",
        "/deviceInfo/deviceName",
        "/devAddr",
        "/rxInfo/0/gatewayId",
        "/rxInfo/0/rssi",
        "/rxInfo/0/snr",
        "/txInfo/frequency",
        "/txInfo/modulation/lora/spreadingFactor",
    ] {
        assert!(json.pointer(path).is_some(), "{path}");
    }
}

#[test]
fn things_stack_uplink_has_the_documented_fields() {
    let (topic, json) = body(things_stack, 10_335);
    assert_eq!(topic, "v3/facilities@district/devices/tps110-00001/up");
    let up = &json["uplink_message"];
    assert_eq!(json["end_device_ids"]["dev_eui"], "1000000000000001");
    assert_eq!((&up["f_cnt"], &up["f_port"]), (&10_335.into(), &2.into()));
    assert_eq!(up["frm_payload"], "ARI=");
    assert_eq!(up["received_at"], "2023-05-22T07:47:05.404Z");
    assert_eq!(json["received_at"], "2023-05-22T07:47:05.594448821Z");
    assert!(up["settings"]["frequency"].is_string());
    assert!(up.pointer("/rx_metadata/0/gateway_ids/eui").is_some());
}

#[test]
fn frame_counter_zero_is_left_out_by_both() {
    assert!(body(chirpstack, 0).1.get("fCnt").is_none());
    let json = body(things_stack, 0).1;
    assert!(json["uplink_message"].get("f_cnt").is_none());
}
