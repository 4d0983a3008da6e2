//! What the broker refuses, and that a refusal meets only the one who earned it.

use std::net::{Ipv4Addr, SocketAddr};

use huitian_broker::{Broker, BrokerConfig, BrokerError, PACKET_BYTES_MAX, Verdict};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::support::{Client, Hello, PUBACK, any_port, keep_all, next, packet, publish, start};

#[tokio::test]
async fn port_in_use_names_the_port() {
    let squatter = TcpListener::bind(any_port()).await.unwrap();
    let taken = squatter.local_addr().unwrap();
    let (inbox, _deliveries) = mpsc::channel(1);
    let error = Broker::start(BrokerConfig::new(taken), inbox)
        .await
        .unwrap_err();
    assert!(
        matches!(error, BrokerError::PortTaken { listen } if listen == taken),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("port {} is taken", taken.port())),
        "{text}"
    );
    assert!(text.ends_with("or choose another with --mqtt"), "{text}");
}

#[tokio::test]
async fn non_loopback_is_refused() {
    for address in ["0.0.0.0:1883", "192.0.2.7:1883", "[::]:1883"] {
        let listen: SocketAddr = address.parse().unwrap();
        let (inbox, _deliveries) = mpsc::channel(1);
        let error = Broker::start(BrokerConfig::new(listen), inbox)
            .await
            .unwrap_err();
        assert!(matches!(error, BrokerError::NotLoopback(refused) if refused == listen));
        assert!(error.to_string().contains("loopback"), "{error}");
    }
    let (inbox, _deliveries) = mpsc::channel(1);
    let other_loopback = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 9), 0));
    Broker::start(BrokerConfig::new(other_loopback), inbox)
        .await
        .unwrap()
        .stop()
        .await;
}

/// What is wrong, the reason code that says so, and the bytes.
fn malformed_packets() -> Vec<(&'static str, u8, Vec<u8>)> {
    vec![
        ("QoS 3", 0x81, vec![0x36, 5, 0, 1, b't', 0, 1]),
        (
            "remaining length of five bytes",
            0x81,
            vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF],
        ),
        (
            "topic longer than the packet",
            0x81,
            vec![0x30, 3, 0, 9, b't'],
        ),
        (
            "topic that is not UTF-8",
            0x81,
            vec![0x30, 4, 0, 1, 0xFF, 0],
        ),
        ("topic with U+0000", 0x81, vec![0x30, 4, 0, 1, 0, 0]),
        (
            "wildcard in a topic name",
            0x90,
            publish(5, 2, 1, "huitian/v1/+/x", b""),
        ),
        (
            "hash in a topic name",
            0x90,
            publish(5, 0, 0, "huitian/#", b""),
        ),
        ("empty topic", 0x90, publish(5, 0, 0, "", b"")),
        ("packet identifier 0", 0x82, publish(5, 2, 0, "t", b"")),
        (
            "topic alias",
            0x94,
            packet(0x30, &[0, 1, b't', 3, 0x23, 0, 1]),
        ),
        (
            "subscription identifier",
            0xA1,
            packet(0x82, &[0, 1, 2, 0x0B, 1, 0, 1, b't', 0]),
        ),
        (
            "unknown property",
            0x82,
            packet(0x30, &[0, 1, b't', 1, 0x7F]),
        ),
        (
            "SUBSCRIBE with wrong flags",
            0x81,
            packet(0x80, &[0, 1, 0, 0, 1, b't', 0]),
        ),
        ("SUBSCRIBE without a filter", 0x82, packet(0x82, &[0, 1, 0])),
        (
            "a second CONNECT",
            0x82,
            packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01x"),
        ),
        ("a packet only servers send", 0x82, vec![0xD0, 0]),
        ("packet type 0", 0x82, vec![0x00, 0]),
        ("bytes after a PINGREQ", 0x81, vec![0xC0, 1, 0]),
    ]
}

#[tokio::test]
async fn malformed_packets_close_only_their_connection() {
    let (broker, mut deliveries) = start().await;
    let mut good = Client::hello(broker.local_addr(), &Hello::v311("good")).await;
    let cases = malformed_packets();
    let count = u64::try_from(cases.len()).unwrap();
    for (name, reason, bytes) in cases {
        let mut bad = Client::hello(broker.local_addr(), &Hello::v5("bad")).await;
        bad.send(&bytes).await;
        assert_eq!(bad.receive().await, Some((0xE0, vec![reason])), "{name}");
        assert!(bad.is_closed().await, "{name}");
        assert_eq!(good.before_ping_answer().await, [], "{name}");
    }
    assert_eq!(broker.counts().protocol_faults, count);
    assert!(
        deliveries.try_recv().is_err(),
        "something malformed was delivered"
    );
}

#[tokio::test]
async fn a_greeting_that_is_none_is_closed() {
    let (broker, _deliveries) = start().await;
    for bytes in [
        [b"GET / HTTP/1.1\r\nUser-Agent: ".as_slice(), &[b'x'; 100]].concat(),
        vec![0xC0, 0],
        packet(0x10, b"\x00\x06MQIsdp\x03\x02\x00\x00\x00\x01x"),
        packet(0x10, b"\x00\x04MQTT\x04\x03\x00\x00\x00\x01x"),
    ] {
        let mut client = Client::silent(broker.local_addr()).await;
        client.send(&bytes).await;
        assert_eq!(client.receive().await, None);
    }
    let mut newer = Client::silent(broker.local_addr()).await;
    newer
        .send(&packet(0x10, b"\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x01x"))
        .await;
    assert_eq!(
        newer.receive().await,
        Some((0x20, vec![0, 1])),
        "unacceptable protocol level"
    );
    let mut nameless = Client::silent(broker.local_addr()).await;
    nameless
        .send(&packet(0x10, b"\x00\x04MQTT\x04\x00\x00\x00\x00\x00"))
        .await;
    assert_eq!(
        nameless.receive().await,
        Some((0x20, vec![0, 2])),
        "identifier rejected"
    );
}

#[tokio::test]
async fn one_megabyte_message_does_not_wedge() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v311("camera")).await;
    let header_bytes = 1 + 3 + 2 + 1 + 2;
    let largest = vec![0; PACKET_BYTES_MAX - header_bytes];
    client.publish(2, 1, "t", &largest).await;
    let delivery = next(&mut deliveries).await;
    assert_eq!(delivery.payload.len(), largest.len());
    delivery.answer(Verdict::Durable);
    client.expect_ack(PUBACK, 1).await;
    client.publish(2, 2, "t", b"small").await;
    next(&mut deliveries).await.answer(Verdict::Durable);
    client.expect_ack(PUBACK, 2).await;
}

#[tokio::test]
async fn large_messages_that_wait_for_the_disk_share_one_budget() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v311("camera")).await;
    let payload = vec![0; 1_000 << 10];
    let publisher = tokio::spawn(async move {
        for id in 1..=130 {
            client.publish(2, id, "t", &payload).await;
        }
        for id in 1..=130 {
            client.expect_ack(PUBACK, id).await;
        }
    });
    // 64 MiB of claims of 1,001 KiB are 65; the next message waits for an answer to the first.
    let mut held = std::collections::VecDeque::new();
    for _ in 1..=65 {
        held.push_back(next(&mut deliveries).await);
    }
    let mut other = Client::hello(broker.local_addr(), &Hello::v311("bin")).await;
    assert_eq!(
        other.before_ping_answer().await,
        [],
        "small packets are not held up"
    );
    assert!(
        deliveries.try_recv().is_err(),
        "more than the budget was taken"
    );
    for _ in 66..=130 {
        held.pop_front().unwrap().answer(Verdict::Durable);
        held.push_back(next(&mut deliveries).await);
    }
    for delivery in held {
        delivery.answer(Verdict::Durable);
    }
    publisher.await.unwrap();
}

#[tokio::test]
async fn a_packet_above_one_mebibyte_ends_its_connection() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v5("camera")).await;
    // The length alone is enough: the broker does not wait for the bytes.
    let above = packet(0x32, &vec![0; PACKET_BYTES_MAX]);
    client.send(&above[..5]).await;
    assert_eq!(client.receive().await, Some((0xE0, vec![0x95])));
    assert!(client.is_closed().await);
    let mut stubborn = Client::hello(broker.local_addr(), &Hello::v311("camera")).await;
    let _was_taken = stubborn.send_in_vain(&above).await;
    assert!(stubborn.is_closed().await);
    assert!(deliveries.try_recv().is_err());
}

#[tokio::test]
async fn long_and_deep_topics_are_the_intakes_to_judge() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v311("x")).await;
    let deep = "a/".repeat(400);
    client.publish(2, 1, &deep, b"").await;
    assert_eq!(next(&mut deliveries).await.topic, deep);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_counted() {
    let (inbox, deliveries) = mpsc::channel(10);
    keep_all(deliveries);
    let config = BrokerConfig {
        connections_max: 2,
        ..BrokerConfig::new(any_port())
    };
    let broker = Broker::start(config, inbox).await.unwrap();
    let first = Client::hello(broker.local_addr(), &Hello::v311("1")).await;
    let mut second = Client::hello(broker.local_addr(), &Hello::v311("2")).await;
    let mut third = Client::silent(broker.local_addr()).await;
    assert_eq!(third.receive().await, None);
    assert_eq!(
        (
            broker.counts().connections,
            broker.counts().refused_connections
        ),
        (2, 1)
    );
    drop(first);
    assert_eq!(second.before_ping_answer().await, [], "the others go on");
}
