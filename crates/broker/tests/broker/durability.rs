//! Nothing is acknowledged before it is on disk, and what is not acknowledged comes again.

use std::net::SocketAddr;

use huitian_broker::{Broker, Delivery, Qos, Verdict};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::support::{Client, Hello, PUBACK, PUBCOMP, PUBREC, PUBREL, ack, next, soon, start};

const QOS1: u8 = 2;
const QOS2: u8 = 4;

/// Publishes with `QoS` 1, and tells whether the acknowledgement waited for the intake's answer.
async fn acknowledgement_waits(
    broker: SocketAddr,
    deliveries: &mut mpsc::Receiver<Delivery>,
) -> Result<(), &'static str> {
    let mut client = Client::hello(broker, &Hello::v311("bin-1")).await;
    client
        .publish(QOS1, 7, "huitian/v1/site/bin-1", b"fill")
        .await;
    let delivery = next(deliveries).await;
    if client.before_ping_answer().await.contains(&PUBACK) {
        return Err("PUBACK came before the disk had the message");
    }
    delivery.answer(Verdict::Durable);
    client.expect_ack(PUBACK, 7).await;
    Ok(())
}

#[tokio::test]
async fn puback_waits_for_the_disk() {
    let (broker, mut deliveries) = start().await;
    assert_eq!(
        acknowledgement_waits(broker.local_addr(), &mut deliveries).await,
        Ok(())
    );
}

/// The negative control: a broker that acknowledges what it has only received.
#[tokio::test]
async fn a_broker_that_acknowledges_too_early_is_caught() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = listener.local_addr().unwrap();
    let (inbox, mut deliveries) = mpsc::channel(1);
    tokio::spawn(super::support::acknowledge_at_once(listener, inbox));
    let verdict = acknowledgement_waits(broker, &mut deliveries).await;
    assert_eq!(verdict, Err("PUBACK came before the disk had the message"));
}

#[tokio::test]
async fn a_delivery_holds_what_was_published() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v5("gate-2")).await;
    client.publish(0, 0, "a/b", b"zero").await;
    client.publish(QOS1 | 1 | 8, 9, "a/c", b"").await;
    let first = next(&mut deliveries).await;
    assert_eq!(
        (first.topic.as_str(), &first.payload[..], first.qos),
        ("a/b", &b"zero"[..], Qos::AtMostOnce)
    );
    assert!(!first.retain && !first.dup);
    let second = next(&mut deliveries).await;
    assert_eq!(
        (second.topic.as_str(), second.qos),
        ("a/c", Qos::AtLeastOnce)
    );
    assert!(second.retain && second.dup && second.payload.is_empty());
    assert_eq!(
        (&*second.client_id, second.connection),
        ("gate-2", first.connection)
    );
}

#[tokio::test]
async fn acknowledgements_keep_the_order_of_the_messages() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v311("network-server")).await;
    let mut held = Vec::new();
    for id in 1..=500 {
        client.publish(QOS1, id, "up", b"x").await;
    }
    for _ in 1..=500 {
        held.push(next(&mut deliveries).await);
    }
    for delivery in held.into_iter().rev() {
        assert!(delivery.answer(Verdict::Durable));
    }
    for id in 1..=500 {
        client.expect_ack(PUBACK, id).await;
    }
    assert_eq!(broker.counts().acknowledged, 500);
}

#[tokio::test]
async fn unacknowledged_message_comes_again_after_reconnect() {
    for answer in [Some(Verdict::Retry), None] {
        let (broker, mut deliveries) = start().await;
        let mut client = Client::hello(broker.local_addr(), &Hello::v311("bin-1")).await;
        client.publish(QOS1, 1, "t", b"kept").await;
        client.publish(QOS1, 2, "t", b"not kept").await;
        client.publish(QOS1, 3, "t", b"after it").await;
        next(&mut deliveries).await.answer(Verdict::Durable);
        let unkept = next(&mut deliveries).await;
        next(&mut deliveries).await.answer(Verdict::Durable);
        match answer {
            Some(verdict) => drop(unkept.answer(verdict)),
            None => drop(unkept),
        }
        client.expect_ack(PUBACK, 1).await;
        assert_eq!(client.receive().await, None, "closed without a word more");
        let mut again = Client::hello(broker.local_addr(), &Hello::v311("bin-1")).await;
        again.publish(QOS1 | 8, 2, "t", b"not kept").await;
        let repeated = next(&mut deliveries).await;
        assert!(repeated.dup);
        repeated.answer(Verdict::Durable);
        again.expect_ack(PUBACK, 2).await;
        assert_eq!(broker.counts().retried, 1);
    }
}

#[tokio::test]
async fn qos_2_is_received_only_when_durable_and_only_once() {
    let (broker, mut deliveries) = start().await;
    let hello = Hello {
        clean: false,
        ..Hello::v311("station-1")
    };
    let mut client = Client::hello(broker.local_addr(), &hello).await;
    client.publish(QOS2, 5, "t", b"once").await;
    let delivery = next(&mut deliveries).await;
    assert_eq!(client.before_ping_answer().await, []);
    delivery.answer(Verdict::Durable);
    client.expect_ack(PUBREC, 5).await;
    // The client did not see the PUBREC, and repeats on a new connection.
    drop(client);
    let mut client = Client::hello(broker.local_addr(), &hello).await;
    assert!(client.session_present);
    client.publish(QOS2 | 8, 5, "t", b"once").await;
    client.expect_ack(PUBREC, 5).await;
    client.send(&ack(PUBREL, 5)).await;
    client.expect_ack(PUBCOMP, 5).await;
    assert!(
        deliveries.try_recv().is_err(),
        "the repetition was delivered"
    );
    client.publish(QOS2, 5, "t", b"the next with that id").await;
    assert_eq!(
        &next(&mut deliveries).await.payload[..],
        b"the next with that id"
    );
}

#[tokio::test]
async fn qos_2_that_is_not_kept_is_not_received() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v5("station-1")).await;
    client.publish(QOS2, 5, "t", b"once").await;
    next(&mut deliveries).await.answer(Verdict::Retry);
    let disconnect = client.receive().await;
    assert_eq!(disconnect, Some((0xE0, vec![0x83])));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_full_inbox_holds_the_clients_back_and_loses_nothing() {
    let (inbox, mut deliveries) = mpsc::channel(1);
    let config = huitian_broker::BrokerConfig::new(super::support::any_port());
    let broker = Broker::start(config, inbox).await.unwrap();
    let mut client = Client::hello(broker.local_addr(), &Hello::v311("bin-1")).await;
    for id in 1..=200 {
        client.publish(QOS1, id, "t", &id.to_be_bytes()).await;
    }
    for id in 1..=200_u16 {
        let delivery = next(&mut deliveries).await;
        assert_eq!(&delivery.payload[..], id.to_be_bytes());
        delivery.answer(Verdict::Durable);
        client.expect_ack(PUBACK, id).await;
    }
}

#[tokio::test]
async fn stop_acknowledges_what_becomes_durable_and_takes_less_than_two_seconds() {
    let (broker, mut deliveries) = start().await;
    let mut durable = Client::hello(broker.local_addr(), &Hello::v5("a")).await;
    durable.publish(QOS1, 1, "t", b"x").await;
    let delivery = next(&mut deliveries).await;
    let mut stuck = Client::hello(broker.local_addr(), &Hello::v5("b")).await;
    stuck.publish(QOS1, 1, "t", b"y").await;
    let never_answered = next(&mut deliveries).await;
    let begin = std::time::Instant::now();
    let stopping = tokio::spawn(broker.stop());
    // The intake answers only after the stop has begun.
    let (go, gone) = oneshot::channel();
    tokio::spawn(async move {
        tokio::task::yield_now().await;
        delivery.answer(Verdict::Durable);
        go.send(()).unwrap();
    });
    gone.await.unwrap();
    durable.expect_ack(PUBACK, 1).await;
    assert_eq!(durable.receive().await, Some((0xE0, vec![0x8B])));
    assert_eq!(
        stuck.receive().await,
        Some((0xE0, vec![0x8B])),
        "not acknowledged"
    );
    soon("the stop", stopping).await.unwrap();
    assert!(begin.elapsed().as_secs() < 2, "{:?}", begin.elapsed());
    drop(never_answered);
}

#[tokio::test]
async fn a_dropped_delivery_beside_a_durable_one_is_not_acknowledged() {
    let (broker, mut deliveries) = start().await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v311("bin-1")).await;
    client.publish(QOS1, 1, "t", b"kept").await;
    client.publish(QOS1, 2, "t", b"not kept").await;
    let kept = next(&mut deliveries).await;
    let unkept = next(&mut deliveries).await;
    // Both at once, so that one waking finds both.
    kept.answer(Verdict::Durable);
    drop(unkept);
    client.expect_ack(PUBACK, 1).await;
    assert_eq!(client.receive().await, None, "closed without a word more");
    assert_eq!(broker.counts().acknowledged, 1);
}

#[tokio::test]
async fn what_was_not_kept_reaches_no_subscriber_after_the_connection_either() {
    let (broker, mut deliveries) = start().await;
    let mut operator = Client::hello(broker.local_addr(), &Hello::v311("operator")).await;
    operator.subscribe("t", 0).await;
    let mut client = Client::hello(broker.local_addr(), &Hello::v311("bin-1")).await;
    for (id, payload) in [(1, b"a"), (2, b"b"), (3, b"c")] {
        client.publish(QOS1, id, "t", payload).await;
    }
    let first = next(&mut deliveries).await;
    let second = next(&mut deliveries).await;
    let third = next(&mut deliveries).await;
    first.answer(Verdict::Retry);
    assert_eq!(client.receive().await, None);
    second.answer(Verdict::Retry);
    third.answer(Verdict::Durable);
    assert_eq!(operator.expect_publish().await.2, b"c");
    assert_eq!(operator.before_ping_answer().await, []);
}
