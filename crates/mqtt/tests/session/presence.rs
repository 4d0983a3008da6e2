//! A session that says whether it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use huitian_mqtt::{Presence, Protocol, Qos, SessionConfig};

use crate::support::{Link, Opening, ScriptedBroker, begin, until};

fn word(is_there: bool, at: i64) -> String {
    format!("{is_there} {at}")
}

/// A clock that is one later every time it is looked at.
fn presence() -> Presence {
    let ticks = AtomicI64::new(100);
    Presence {
        topic: "state/us".to_owned(),
        word,
        denies: |payload| payload.starts_with(b"false"),
        now: Arc::new(move || ticks.fetch_add(1, Ordering::Relaxed)),
    }
}

fn config(broker: &ScriptedBroker) -> SessionConfig {
    SessionConfig {
        presence: Some(presence()),
        clean_start: true,
        session_expiry: std::time::Duration::ZERO,
        ..broker.config()
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The next PUBLISH: its first byte, and its whole body.
async fn next_publish(link: &mut Link) -> (u8, Vec<u8>) {
    loop {
        let (first, body) = link.receive().await.expect("PUBLISH");
        if first >> 4 == 3 {
            return (first, body);
        }
    }
}

const SUBACK: u8 = 0x90;

/// `QoS` 1, retained, not sent before.
const PUBLISH_1_RETAINED: u8 = 0x33;

#[tokio::test]
async fn presence_is_dated_by_its_connection_and_said_before_anything_else() {
    for protocol in [Protocol::V4, Protocol::V5] {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, _deliveries) = begin(config(&broker));
        for at in [100, 101] {
            let mut link = broker.accept_silently().await;
            let flags = link.connect[7];
            // Clean, will, will QoS 1, will retained.
            assert_eq!(flags & 0b0011_1110, 0b0010_1110, "{flags:b}");
            assert!(holds(&link.connect, b"state/us"));
            assert!(holds(&link.connect, word(false, at).as_bytes()));
            if protocol == Protocol::V5 {
                // Session expiry 0.
                assert!(holds(&link.connect, &[0x11, 0, 0, 0, 0]));
            }
            link.connack(0, &Opening::default()).await;
            let (_subscribe, body) = link.receive().await.expect("SUBSCRIBE");
            assert!(!session.status().borrow().connected);
            let properties: &[u8] = if protocol == Protocol::V5 { &[0] } else { &[] };
            link.packet(SUBACK, &[&body[..2], properties, &[1]].concat())
                .await;
            let (first, body) = next_publish(&mut link).await;
            assert_eq!(first, PUBLISH_1_RETAINED);
            assert!(holds(&body, b"state/us"));
            assert!(body.ends_with(word(true, at).as_bytes()));
            until(&mut session.status(), |status| status.connected).await;
            link.close().await;
        }
    }
}

#[tokio::test]
async fn presence_that_is_denied_is_said_again_as_it_was() {
    let broker = ScriptedBroker::start(Protocol::V4).await;
    let (session, mut deliveries) = begin(config(&broker));
    let mut link = open(&broker).await;
    until(&mut session.status(), |status| status.connected).await;
    // Another's denial, and a message of ours that denies nothing.
    for (topic, payload) in [("state/xx", "false 1"), ("state/us", "true 100")] {
        link.packet(
            0x30,
            &[&[0, 8], topic.as_bytes(), payload.as_bytes()].concat(),
        )
        .await;
        crate::support::next(&mut deliveries).await;
    }
    let publisher = session.publisher();
    let token = publisher
        .publish("mark", "x".into(), Qos::AtMostOnce)
        .await
        .unwrap();
    token.fate().await;
    let (_, body) = next_publish(&mut link).await;
    assert!(holds(&body, b"mark"), "nothing was said before the mark");
    link.packet(0x30, &[&[0, 8], &b"state/us"[..], b"false 1"].concat())
        .await;
    let (first, body) = next_publish(&mut link).await;
    assert_eq!(first, PUBLISH_1_RETAINED);
    assert!(body.ends_with(b"true 100"));
}

#[tokio::test]
async fn a_session_that_stops_says_so_before_its_disconnect() {
    let broker = ScriptedBroker::start(Protocol::V4).await;
    let (session, _deliveries) = begin(config(&broker));
    let mut link = open(&broker).await;
    until(&mut session.status(), |status| status.connected).await;
    let stopping = tokio::spawn(session.stop());
    let (first, body) = next_publish(&mut link).await;
    assert_eq!(first, PUBLISH_1_RETAINED);
    assert!(body.ends_with(b"false 101"), "dated when it parts");
    link.receive_disconnect().await;
    drop(link);
    stopping.await.unwrap();
}

/// A connection whose presence was said.
async fn open(broker: &ScriptedBroker) -> Link {
    let mut link = broker.accept_silently().await;
    link.connack(0, &Opening::default()).await;
    let (_subscribe, body) = link.receive().await.expect("SUBSCRIBE");
    link.packet(SUBACK, &[&body[..2], &[1]].concat()).await;
    let (_, body) = next_publish(&mut link).await;
    assert!(body.ends_with(b"true 100"));
    link
}
