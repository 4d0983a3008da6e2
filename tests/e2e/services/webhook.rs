//! An overflowing bin is told once, whatever happens to the hub or the receiver meanwhile.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::running::FastClock;
use huitian_tests::{Hub, until};
use serde_json::Value;
use sha2::Sha256;

use super::FROM_MS;
use super::receiver::{Call, Receiver};
use crate::HUB;

/// Hub seconds in a second: a reading holds for 5 minutes, which are 5 s.
const SPEED: i64 = 60;

const LONGEST: Duration = Duration::from_secs(30);

/// 32 bytes that only this test knows.
const KEY: [u8; 32] = *b"a-secret-of-thirty-two-bytes-own";

fn say(hub: &Hub, clock: FastClock, percent: u32) {
    let payload = format!(
        r#"{{"at":{},"readings":{{"fill":{percent}}}}}"#,
        clock.now()
    );
    let message = ("huitian/v1/middle/fill-1".to_owned(), payload.into_bytes());
    let mut device = Publisher::connect(hub.district.mqtt, "gateway-1").unwrap();
    device.deliver(&[message], LONGEST);
}

/// Checks a signature as Standard Webhooks says, with another implementation than the hub's.
fn is_signed(call: &Call) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    let (id, time) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    mac.update(format!("{id}.{time}.{}", call.body).as_bytes());
    let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    !id.is_empty() && call.header("webhook-signature") == wanted
}

fn alert(said: &Value) -> Option<Value> {
    said["alerts"].as_array()?.first().cloned()
}

#[test]
fn an_overflow_is_told_once_across_a_kill_and_its_return_is_told_after() {
    let receiver = Receiver::refusing();
    let district = District::new("");
    let secret = district.secret("secret", &format!("whsec_{}", STANDARD.encode(KEY)));
    district.settings(&format!(
        "\n[overflow]\non_delay = \"0s\"\n\n[webhook]\nurl = \"http://{}/hook\"\nsecret_file = {secret:?}\n",
        receiver.addr
    ));
    let clock = FastClock::starting_at(FROM_MS, SPEED);
    let mut hub = Hub::start_at(HUB, district, Some(clock));
    say(&hub, clock, 95);
    until("a first try", LONGEST, || {
        (!receiver.calls().is_empty()).then_some(())
    });
    hub.process.kill();
    receiver.take_from_now_on();
    hub.restart();
    hub.wait_ready();
    let told = until("the alert to be told", LONGEST, || {
        receiver.taken("alert.active").first().cloned()
    });
    let data = &told.json()["data"];
    assert_eq!(
        (&data["site"]["id"], &data["asset"]),
        (&"middle".into(), &"kitchen-1".into())
    );
    assert_eq!(data["fill_percent"], 95.0);
    assert_eq!(
        told.header("webhook-id"),
        receiver.calls()[0].header("webhook-id")
    );

    // Its sensor falls silent: stale, and by no means resolved.
    hub.until("/api/v1/alerts", LONGEST, |said| {
        alert(said)?["evidence_stale_since"].as_str().map(drop)
    });
    let standing = alert(&hub.json("/api/v1/alerts")).unwrap();
    assert_eq!(standing["state"], "active", "{standing:#}");
    assert_eq!(receiver.taken("alert.returned").len(), 0);

    say(&hub, clock, 10);
    say(&hub, clock, 10);
    let back = until("the return to be told", LONGEST, || {
        receiver.taken("alert.returned").first().cloned()
    });
    assert_eq!(back.json()["data"]["id"], data["id"]);
    assert_eq!(
        receiver.taken("alert.active").len(),
        1,
        "told once: {:#?}",
        receiver.calls()
    );
    assert_eq!(receiver.taken("alert.returned").len(), 1);
    let unsigned: Vec<Call> = receiver
        .calls()
        .into_iter()
        .filter(|it| !is_signed(it))
        .collect();
    assert!(unsigned.is_empty(), "{unsigned:#?}");
}
