//! Devices that speak and are in no inventory: two of the street, and one that means harm.

use huitian_model::UtcMs;
use huitian_report::UnknownDevice;

const HOUR: i64 = 3_600_000;

/// What a hostile device calls itself, and sends.
pub const HOSTILE: &str = "<img src=x onerror=alert(1)>&\"'";

/// Topic, address and message of each.
const SAID: [(&str, &str, &str); 3] = [
    (
        "application/7/device/24e124fffef12345/event/up",
        "24e124fffef12345",
        r#"{"deviceInfo":{"devEui":"24e124fffef12345","deviceName":"bin 7"},"fCnt":18,
"fPort":85,"data":"AXVcA2cGAQSCuAAFAAA=","x":"<script>alert(1)</script>"}"#,
    ),
    (
        "huitian/v1/north/bin-77",
        "bin-77",
        r#"{"readings":{"fill":62.5,"battery":92}}"#,
    ),
    (
        "application/</script><script>alert(2)</script>/device/x/event/up",
        HOSTILE,
        "</pre></code><script>alert(3)</script><svg onload=alert(4)>\u{202e}abc\u{0}",
    ),
];

/// All of them.
pub fn strangers(now: UtcMs) -> Vec<UnknownDevice> {
    let said = (1_i64..).zip(SAID);
    said.map(|(n, (topic, address, payload))| UnknownDevice {
        address: address.to_owned(),
        topic: topic.to_owned(),
        first_seen: now.minus(n * 3 * HOUR),
        last_seen: now.minus(n * 90_000),
        count: 18 / n.unsigned_abs(),
        last_payload: payload.as_bytes().to_vec(),
        payload_bytes: u64::try_from(payload.len()).unwrap(),
    })
    .collect()
}
