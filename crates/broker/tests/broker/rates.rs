//! A device that sends too much, and two that have one id, are noticed and hurt nobody else.

use std::num::NonZeroU32;

use huitian_broker::{Broker, BrokerConfig, Notice, RateLimit, Verdict};
use tokio::sync::mpsc;

use super::support::{
    Client, Hello, PUBACK, PUBCOMP, PUBREC, PUBREL, ack, any_port, keep_all, next, soon,
};
use super::users::{guarded, hello};

const QOS1: u8 = 2;
const QOS2: u8 = 4;

/// A bucket that does not fill while a test runs.
const SLOW: RateLimit = RateLimit {
    per_second: NonZeroU32::MIN,
    burst: NonZeroU32::MIN.saturating_add(49),
};

#[tokio::test]
async fn a_device_that_floods_is_acknowledged_and_its_newest_are_dropped() {
    let mut guarded = guarded(None).await;
    let addr = guarded.broker.local_addr();
    let mut flood = Client::hello(addr, &hello(4, "bin-1")).await;
    let mut neighbour = Client::hello(addr, &hello(4, "bin-2")).await;
    let begun = std::time::Instant::now();
    for id in 1..=2_000 {
        flood.publish(QOS1, id, "huitian/v1/yard/bin-1", b"x").await;
    }
    // The neighbour's is taken and answered while nothing of the flood has been answered.
    neighbour
        .publish(QOS1, 1, "huitian/v1/yard/bin-2", b"x")
        .await;
    let mut held = Vec::new();
    loop {
        let delivery = next(&mut guarded.deliveries).await;
        if &*delivery.client_id == "bin-2" {
            delivery.answer(Verdict::Durable);
            break;
        }
        held.push(delivery);
    }
    neighbour.expect_ack(PUBACK, 1).await;
    for delivery in held {
        delivery.answer(Verdict::Durable);
    }
    keep_all(guarded.deliveries);
    for id in 1..=2_000 {
        flood.expect_ack(PUBACK, id).await;
    }
    let filled = 5 * (begun.elapsed().as_secs() + 1);
    let counts = guarded.broker.counts();
    assert_eq!(counts.rate_limited + counts.delivered, 2_001);
    assert_eq!(counts.acknowledged, counts.delivered);
    assert!((51..=51 + filled).contains(&counts.delivered), "{counts:?}");
    let limited = guarded.broker.take_rate_limited();
    assert_eq!(limited.len(), 1);
    assert_eq!(
        (&*limited[0].client_id, limited[0].messages),
        ("bin-1", counts.rate_limited)
    );
    let client_id = "bin-1".into();
    assert_eq!(
        soon("a notice", guarded.notices.recv()).await,
        Some(Notice::RateLimited { client_id })
    );
    assert!(guarded.notices.try_recv().is_err(), "told once");
}

#[tokio::test]
async fn edges_and_gateways_are_not_held_to_a_devices_rate() {
    let guarded = guarded(None).await;
    keep_all(guarded.deliveries);
    for (user, topic) in [
        ("gate-3", "huitian/edge/v1/gate-3/up"),
        ("lora", "application/7/device/a8/event/up"),
    ] {
        let mut client = Client::hello(guarded.broker.local_addr(), &hello(5, user)).await;
        for id in 1..=200 {
            client.publish(QOS1, id, topic, b"x").await;
        }
        for id in 1..=200 {
            client.expect_ack(PUBACK, id).await;
        }
    }
    assert_eq!(guarded.broker.counts().delivered, 400);
}

#[tokio::test]
async fn a_new_connection_does_not_begin_with_a_full_bucket() {
    let (inbox, deliveries) = mpsc::channel(10_000);
    keep_all(deliveries);
    let config = BrokerConfig {
        open_rate: Some(SLOW),
        ..BrokerConfig::new(any_port())
    };
    let broker = Broker::start(config, inbox).await.unwrap();
    let begun = std::time::Instant::now();
    for round in 0..4 {
        let mut flood = Client::hello(broker.local_addr(), &Hello::v5("bin-1")).await;
        for id in 1..=40 {
            flood.publish(QOS1, id, "t", b"x").await;
            flood.expect_ack(PUBACK, id).await;
        }
        // Of QoS 0 and 2 too.
        flood.publish(0, 0, "t", b"x").await;
        flood.publish(QOS2, 41, "t", b"x").await;
        flood.expect_ack(PUBREC, 41).await;
        flood.send(&ack(PUBREL, 41)).await;
        flood.expect_ack(PUBCOMP, 41).await;
        assert_eq!(broker.counts().connections, 1, "round {round}");
        drop(flood);
        let is_alone = async {
            while broker.counts().connections > 0 {
                tokio::task::yield_now().await;
            }
        };
        soon("the end of the connection", is_alone).await;
    }
    let filled = begun.elapsed().as_secs() + 1;
    let counts = broker.counts();
    assert_eq!(counts.delivered + counts.rate_limited, 4 * 42);
    assert!((50..=50 + filled).contains(&counts.delivered), "{counts:?}");
}

#[tokio::test]
async fn a_client_id_that_is_taken_over_five_times_in_a_minute_is_told_to_the_owner() {
    for clean in [true, false] {
        let (inbox, deliveries) = mpsc::channel(100);
        keep_all(deliveries);
        let (notice, mut notices) = mpsc::channel(1);
        let config = BrokerConfig {
            notices: Some(notice),
            ..BrokerConfig::new(any_port())
        };
        let broker = Broker::start(config, inbox).await.unwrap();
        let addr = broker.local_addr();
        let twin = Hello {
            clean,
            ..Hello::v5("twin")
        };
        let mut last = Client::hello(addr, &twin).await;
        for takeover in 1..=7 {
            let mut newer = Client::hello(addr, &twin).await;
            assert_eq!(last.receive().await, Some((0xE0, vec![0x8E])));
            assert!(last.is_closed().await);
            newer.publish(QOS1, 1, "t", b"x").await;
            newer.expect_ack(PUBACK, 1).await;
            last = newer;
            assert_eq!(notices.is_empty(), takeover < 5, "{takeover}");
        }
        let client_id = "twin".into();
        assert_eq!(
            notices.try_recv(),
            Ok(Notice::DuplicateClientId { client_id })
        );
        assert!(notices.try_recv().is_err(), "told once");
        assert_eq!(broker.counts().takeovers, 7);
        // One that leaves and comes back is no twin.
        for _ in 0..9 {
            let mut calm = Client::hello(addr, &Hello::v5("calm")).await;
            calm.send(&[0xE0, 0]).await;
            assert!(calm.is_closed().await);
        }
        assert_eq!(broker.counts().takeovers, 7);
    }
}

#[tokio::test]
async fn an_owner_that_does_not_listen_holds_nobody_up() {
    let (inbox, deliveries) = mpsc::channel(100);
    keep_all(deliveries);
    let (notice, _notices) = mpsc::channel(1);
    let config = BrokerConfig {
        open_rate: Some(RateLimit {
            burst: NonZeroU32::MIN,
            ..SLOW
        }),
        notices: Some(notice),
        ..BrokerConfig::new(any_port())
    };
    let broker = Broker::start(config, inbox).await.unwrap();
    for name in ["a", "b", "c"] {
        let mut flood = Client::hello(broker.local_addr(), &Hello::v5(name)).await;
        for id in 1..=9 {
            flood.publish(QOS1, id, "t", b"x").await;
            flood.expect_ack(PUBACK, id).await;
        }
    }
    assert_eq!(broker.counts().lost_notices, 2);
}
