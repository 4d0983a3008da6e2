//! A broker that sends what it should not, or nothing, and settings that it must see.

use std::time::Instant;

use huitian_mqtt::{LastWill, Login, Protocol, Qos, SessionConfig, Verdict};

use super::support::{
    BOTH, DISCONNECT, Link, Opening, PUBLISH, ScriptedBroker, begin, next, until,
};

/// What the session says after a connection that went like this; the next one then works.
async fn error_after(protocol: Protocol, script: impl AsyncFnOnce(&mut Link)) -> String {
    let broker = ScriptedBroker::start(protocol).await;
    let (session, mut deliveries) = broker.session();
    let mut link = broker.accept_silently().await;
    script(&mut link).await;
    let mut status = session.status();
    let failed = until(&mut status, |status| {
        status.last_error.is_some() && !status.connected
    })
    .await;
    drop(link);
    let mut link = broker.accept(true, 1).await;
    link.publish(1, b"no wedge").await;
    next(&mut deliveries).await.answer(Verdict::Durable);
    link.receive_puback(1).await;
    failed.last_error.unwrap()
}

async fn open(link: &mut Link) {
    link.connack(0, &Opening::default()).await;
    link.receive().await.expect("SUBSCRIBE");
}

#[tokio::test]
async fn malformed_packets_end_the_connection_and_nothing_else() {
    for protocol in BOTH {
        for bytes in [
            // Lengths of five bytes; of a SUBACK that never comes; reserved types; empty packets.
            &[0x90, 0xFF, 0xFF, 0xFF, 0xFF, 1][..],
            &[0x90, 0xFF, 0xFF, 0x7F],
            &[0x00, 0],
            &[0xF0, 0],
            &[0x40, 0],
            &[0x90, 0],
            &[0x32, 0],
            &[0x32, 1, 0],
            // Topics longer than the packet, not UTF-8, with QoS 3; identifiers of 0.
            &[0x32, 4, 0, 200, b'x', 0],
            &[0x32, 7, 0, 2, 0xFF, 0xFE, 0, 1, 0],
            &[0x36, 7, 0, 2, b'a', b'b', 0, 1, 0],
            &[0x32, 7, 0, 2, b'a', b'b', 0, 0, 0],
            // Properties longer than the packet (MQTT 5), a packet that only clients send.
            &[0x90, 4, 0, 1, 0x7F, 1],
            &[0x10, 2, 0, 0],
        ] {
            // All are followed by the end, as some of them wait for more.
            let error = error_after(protocol, async |link: &mut Link| {
                open(link).await;
                link.send(bytes).await;
                link.close().await;
            });
            assert_ne!(error.await, "", "{protocol:?} {bytes:?}");
        }
    }
}

#[tokio::test]
async fn an_oversized_first_message_is_skipped_counted_and_acknowledged() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, mut deliveries) = begin(SessionConfig {
            packet_bytes_max: 10_000,
            ..broker.config()
        });
        let mut link = broker.accept(true, 1).await;
        link.publish(1, &vec![b'x'; 300_000]).await;
        link.publish(2, b"small").await;
        link.publish(0, &vec![b'x'; 20_000]).await;
        link.receive_puback(1).await;
        let small = next(&mut deliveries).await;
        assert_eq!((&small.payload[..], small.connection), (&b"small"[..], 1));
        small.answer(Verdict::Durable);
        link.receive_puback(2).await;
        until(&mut session.status(), |status| status.oversized == 2).await;
        assert_eq!(session.status().borrow().reconnects, 0);
    }
}

#[tokio::test]
async fn an_oversized_message_is_acknowledged_in_its_turn() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (_session, mut deliveries) = begin(SessionConfig {
            packet_bytes_max: 10_000,
            ..broker.config()
        });
        let mut link = broker.accept(true, 1).await;
        link.publish(1, b"not yet on disk").await;
        link.publish(2, &vec![b'x'; 300_000]).await;
        let first = next(&mut deliveries).await;
        assert_eq!(link.before_ping().await, []);
        first.answer(Verdict::Durable);
        link.receive_puback(1).await;
        link.receive_puback(2).await;
    }
}

#[tokio::test]
async fn a_refused_connection_says_why() {
    for (protocol, code, why) in [
        (Protocol::V4, 4, "wrong user name or password"),
        (Protocol::V4, 5, "not authorised: user name, password"),
        (
            Protocol::V4,
            1,
            "it does not speak MQTT 3.1.1: try protocol = 5",
        ),
        (Protocol::V5, 0x86, "wrong user name or password"),
        (Protocol::V5, 0x87, "not authorised: user name, password"),
        (
            Protocol::V5,
            0x84,
            "it does not speak MQTT 5: try protocol = 4",
        ),
    ] {
        let error = error_after(protocol, async |link: &mut Link| {
            link.connack(code, &Opening::default()).await;
        });
        let error = error.await;
        let wanted = format!("the broker refused the connection: {why}");
        assert!(error.starts_with(&wanted), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_is_not_mqtt_is_named() {
    for (bytes, why) in [
        (
            &[0x15, 3, 3, 0, 2, 2, 40][..],
            "the port speaks TLS, and we do not: set up TLS for this broker",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n",
            "the port speaks something else than MQTT: expected a CONNACK (0x20), got 0x48",
        ),
        (
            b"",
            "the broker closed the connection without answering CONNECT: \
             perhaps the port wants TLS, or has no room for us",
        ),
    ] {
        let error = error_after(Protocol::V4, async |link: &mut Link| {
            link.send(bytes).await;
            link.close().await;
        });
        assert_eq!(error.await, why);
    }
}

#[tokio::test]
async fn a_connack_that_never_comes_is_waited_for_ten_seconds() {
    let waits = BOTH.map(|protocol| async move {
        let begin = Instant::now();
        let error = error_after(protocol, async |_: &mut Link| {}).await;
        assert_eq!(error, "the connection ended: no CONNACK within 10 s");
        assert!((10..20).contains(&begin.elapsed().as_secs()));
    });
    let [v4, v5] = waits;
    tokio::join!(v4, v5);
}

#[tokio::test]
async fn the_brokers_reason_for_its_disconnect_is_said() {
    let error = error_after(Protocol::V5, async |link: &mut Link| {
        open(link).await;
        // 0x8E: session taken over, with a reason string.
        let body = [&[0x8E, 6, 0x1F, 0, 3][..], b"bye"].concat();
        link.packet(DISCONNECT, &body).await;
    });
    assert_eq!(
        error.await,
        "the broker ended the connection: SessionTakenOver (bye)"
    );
}

#[tokio::test]
async fn a_topic_alias_that_was_not_allowed_ends_the_connection() {
    for topic in [&b"huitian/x"[..], b""] {
        let error = error_after(Protocol::V5, async |link: &mut Link| {
            open(link).await;
            let length = u8::try_from(topic.len()).unwrap();
            let body = [&[0, length], topic, &[0, 1, 3, 0x23, 0, 1]].concat();
            link.packet(PUBLISH | 2, &body).await;
        });
        let error = error.await;
        assert!(
            error.starts_with("the broker broke the protocol: a"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn limits_of_zero_in_a_connack_are_refused() {
    for properties in [vec![0x21, 0, 0], vec![0x27, 0, 0, 0, 0]] {
        let error = error_after(Protocol::V5, async |link: &mut Link| {
            let opening = Opening {
                properties,
                ..Opening::default()
            };
            link.connack(0, &opening).await;
        });
        assert_ne!(error.await, "");
    }
}

#[tokio::test]
async fn a_broker_without_keep_alive_is_pinged_at_our_own_pace() {
    let broker = ScriptedBroker::start(Protocol::V5).await;
    let (session, _deliveries) = broker.session();
    let opening = Opening {
        properties: vec![0x13, 0, 0],
        ..Opening::default()
    };
    let mut link = broker.accept_with(opening).await;
    until(&mut session.status(), |status| status.connected).await;
    link.before_ping().await;
    let begin = Instant::now();
    link.before_ping().await;
    assert!(begin.elapsed().as_millis() > 4_000, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn what_the_settings_say_is_what_the_broker_sees() {
    let broker = ScriptedBroker::start(Protocol::V5).await;
    let (_session, _deliveries) = begin(SessionConfig {
        login: Some(Login {
            username: "user".to_owned(),
            password: "secret".to_owned(),
        }),
        last_will: Some(LastWill {
            topic: "huitian/gone".to_owned(),
            payload: "hub".into(),
            qos: Qos::AtLeastOnce,
            retain: true,
        }),
        share_group: Some("hubs".to_owned()),
        packet_bytes_max: 4_096,
        ..broker.config()
    });
    let link = broker.accept(false, 1).await;
    let connect = String::from_utf8_lossy(&link.connect).into_owned();
    for part in ["hub-", "huitian/gone", "user", "secret"] {
        assert!(connect.contains(part), "{connect:?}");
    }
    // Session expiry 604,800 s, receive maximum 1,000, maximum packet size 4,096.
    for property in [
        &[0x11, 0, 9, 0x3A, 0x80][..],
        &[0x21, 3, 0xE8],
        &[0x27, 0, 0, 0x10, 0],
    ] {
        let found = link.connect.windows(property.len()).any(|w| w == property);
        assert!(found, "{property:x?} in {:x?}", link.connect);
    }
    let subscribe = String::from_utf8_lossy(&link.subscribe);
    assert!(subscribe.contains("$share/hubs/huitian/#"), "{subscribe:?}");
}

#[tokio::test]
async fn those_who_share_have_names_of_their_own_and_leave_nothing_behind() {
    let broker = ScriptedBroker::start(Protocol::V4).await;
    let mut names = Vec::new();
    for _ in 0..2 {
        let (_session, _deliveries) = begin(SessionConfig {
            share_group: Some("hubs".to_owned()),
            ..broker.config()
        });
        let link = broker.accept_silently().await;
        assert_eq!(link.connect[7] & 2, 2, "a clean session");
        names.push(link.connect[12..].to_vec());
    }
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| name.starts_with(b"hub-")));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let good = SessionConfig::new("192.0.2.1", 1883, "hub", &["huitian/#"]);
    let login = Some(Login {
        username: "user".to_owned(),
        password: "secret".to_owned(),
    });
    let refused = |config: SessionConfig| {
        let (inbox, _deliveries) = tokio::sync::mpsc::channel(1);
        huitian_mqtt::Session::connect(config, inbox)
            .unwrap_err()
            .to_string()
    };
    let plain = SessionConfig {
        login: login.clone(),
        ..good.clone()
    };
    assert_eq!(
        refused(plain),
        "the password would go unencrypted to 192.0.2.1: set up TLS, or insecure = true"
    );
    let half = SessionConfig {
        tls: Some(huitian_mqtt::TlsConfig {
            cert_file: Some("hub.pem".into()),
            ..huitian_mqtt::TlsConfig::default()
        }),
        ..good.clone()
    };
    assert_eq!(
        refused(half),
        "a client certificate needs both cert_file and key_file"
    );
    let hasty = SessionConfig {
        protocol: Protocol::V5,
        keep_alive: std::time::Duration::from_secs(6),
        ..good.clone()
    };
    assert_eq!(
        refused(hasty),
        "the keep-alive must be 7s to 65535 s, not 6s"
    );
    for filter in ["", "a#", "#/a", "a/+b", "a\0"] {
        let config = SessionConfig::new("192.0.2.1", 1883, "hub", &[filter]);
        assert!(refused(config).contains("not well formed"), "{filter:?}");
    }
    for group in ["", "a/b", "+"] {
        let config = SessionConfig {
            share_group: Some(group.to_owned()),
            ..good.clone()
        };
        assert!(refused(config).contains("share group"), "{group:?}");
    }
}
