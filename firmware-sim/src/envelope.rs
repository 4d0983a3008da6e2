//! What network servers wrap around a frame: ChirpStack v4 and The Things Stack v3.
//!
//! ChirpStack writes protobuf as JSON and leaves out what has its default: no `fCnt` is 0.
//! The Things Stack leaves out what is empty in the same way.

use crate::calendar::DAY_MS;
use crate::dice::mix;
use crate::inventory::Device;
use crate::json::{Json, LOWER, UPPER};
use crate::payload::Frame;

/// One uplink as a network server has it.
#[derive(Clone, Copy, Debug)]
pub struct Uplink<'a> {
    /// Who.
    pub device: &'a Device,
    /// What.
    pub frame: &'a Frame,
    /// Frame counter.
    pub f_cnt: u32,
    /// When the network server had it, ms UTC.
    pub at_ms: i64,
    /// Chance of its own, for signal and ids.
    pub key: u64,
}

/// Names ChirpStack has for its application; invented.
const CHIRPSTACK_APPLICATION: &str = "7d0f3c52-9a41-4b6e-8f27-1c5be0a94d63";

/// Strength of the signal: rssi in dBm, snr in tenths of a dB.
fn signal(key: u64) -> (i64, i64) {
    let low = |shift: u32, n: u64| i64::try_from((key >> shift) % n).unwrap_or(0);
    (-60 - low(3, 55), 120 - low(11, 180))
}

/// Topic and body of ChirpStack v4.
pub fn chirpstack(up: Uplink<'_>) -> (String, Vec<u8>) {
    let topic = format!(
        "application/{CHIRPSTACK_APPLICATION}/device/{}/event/up",
        up.device.address
    );
    let mut json = Json(Vec::with_capacity(1_200));
    let gateway = mix(up.key >> 61, 11);
    json.text("{\"deduplicationId\":\"")
        .uuid(up.key, mix(up.key, 5));
    json.text("\",\"time\":\"").instant(up.at_ms, "+00:00");
    json.text("\",\"deviceInfo\":{\"tenantId\":\"52f14cd4-c6f1-4fbd-8f87-4025e1d49242\"");
    json.text(",\"tenantName\":\"district\",\"applicationId\":\"");
    json.text(CHIRPSTACK_APPLICATION);
    json.text("\",\"applicationName\":\"shared facilities\",\"deviceProfileId\":\"");
    json.uuid(mix(7, u64::from(up.frame.port)), 7);
    json.text("\",\"deviceProfileName\":\"")
        .text(up.device.profile);
    json.text("\",\"deviceName\":\"").text(&up.device.id);
    json.text("\",\"devEui\":\"").text(&up.device.address);
    json.text("\",\"tags\":{}},\"devAddr\":\"");
    json.text(dev_addr(up.device))
        .text("\",\"adr\":true,\"dr\":5");
    if up.f_cnt != 0 {
        json.text(",\"fCnt\":").number(i64::from(up.f_cnt));
    }
    json.text(",\"fPort\":").number(i64::from(up.frame.port));
    json.text(",\"data\":\"").base64(up.frame.bytes());
    let (rssi, snr) = signal(up.key);
    json.text("\",\"rxInfo\":[{\"gatewayId\":\"")
        .hex(gateway, 16, LOWER);
    json.text("\",\"uplinkId\":")
        .number(i64::try_from(up.key >> 33).unwrap_or(1));
    json.text(",\"rssi\":")
        .number(rssi)
        .text(",\"snr\":")
        .tenths(snr);
    json.text(",\"channel\":2,\"location\":{},\"context\":\"EFwMtA==\",\"metadata\":");
    json.text("{\"region_common_name\":\"CN470\",\"region_config_id\":\"cn470_10\"}");
    json.text(",\"crcStatus\":\"CRC_OK\"}],\"txInfo\":{\"frequency\":486700000,");
    json.text("\"modulation\":{\"lora\":{\"bandwidth\":125000,\"spreadingFactor\":7,");
    json.text("\"codeRate\":\"CR_4_5\"}}}}");
    (topic, json.0)
}

/// The device's network address: the last eight letters of its `DevEUI`.
fn dev_addr(device: &Device) -> &str {
    device.address.get(8..).unwrap_or("00000000")
}

/// Topic and body of The Things Stack v3.
pub fn things_stack(up: Uplink<'_>) -> (String, Vec<u8>) {
    let topic = format!("v3/facilities@district/devices/{}/up", up.device.id);
    let mut json = Json(Vec::with_capacity(1_400));
    let eui = u64::from_str_radix(&up.device.address, 16).unwrap_or(0);
    let gateway = mix(eui >> 4 & 7, 11);
    let timestamp = up.at_ms.rem_euclid(DAY_MS) % 4_294_000 * 1_000;
    let (rssi, snr) = signal(up.key);
    json.text("{\"end_device_ids\":{\"device_id\":\"")
        .text(&up.device.id);
    json.text("\",\"application_ids\":{\"application_id\":\"facilities\"},\"dev_eui\":\"");
    json.hex(eui, 16, UPPER);
    json.text("\",\"join_eui\":\"0248540000000001\",\"dev_addr\":\"");
    json.hex(eui, 8, UPPER);
    json.text("\"},\"correlation_ids\":[\"gs:uplink:")
        .hex(up.key, 16, UPPER);
    json.text("\"],\"received_at\":\"")
        .instant(up.at_ms + 190, "448821Z");
    json.text("\",\"uplink_message\":{\"session_key_id\":\"AYfqmb0pc/1uRZv9xUydgQ==\"");
    json.text(",\"f_port\":").number(i64::from(up.frame.port));
    if up.f_cnt != 0 {
        json.text(",\"f_cnt\":").number(i64::from(up.f_cnt));
    }
    json.text(",\"frm_payload\":\"").base64(up.frame.bytes());
    json.text("\",\"rx_metadata\":[{\"gateway_ids\":{\"gateway_id\":\"eui-");
    json.hex(gateway, 16, LOWER)
        .text("\",\"eui\":\"")
        .hex(gateway, 16, UPPER);
    json.text("\"},\"time\":\"").instant(up.at_ms - 33, "Z");
    json.text("\",\"timestamp\":").number(timestamp);
    json.text(",\"rssi\":")
        .number(rssi)
        .text(",\"channel_rssi\":")
        .number(rssi);
    json.text(",\"snr\":").tenths(snr);
    json.text(",\"uplink_token\":\"Cg4KDAoHZ2F0ZXdheRABGAE=\",\"channel_index\":3,");
    json.text("\"received_at\":\"")
        .instant(up.at_ms - 20, "383681Z");
    json.text("\"}],\"settings\":{\"data_rate\":{\"lora\":{\"bandwidth\":125000,");
    json.text("\"spreading_factor\":7,\"coding_rate\":\"4/5\"}},\"frequency\":\"486700000\"");
    json.text(",\"timestamp\":").number(timestamp);
    json.text(",\"time\":\"").instant(up.at_ms - 33, "Z");
    json.text("\"},\"received_at\":\"").instant(up.at_ms, "Z");
    json.text("\",\"consumed_airtime\":\"0.056576s\",\"network_ids\":{\"net_id\":\"000000\",");
    json.text("\"tenant_id\":\"district\",\"cluster_id\":\"cn1\"}}}");
    (topic, json.0)
}

#[cfg(test)]
mod tests;
