//! The owner's own messages reach subscribers, and only them.

use bytes::Bytes;
use huitian_broker::{PACKET_BYTES_MAX, PublishError, Qos, Reach};

use super::support::{Client, Hello, PUBACK, ack, soon, start};

const DOWN: &str = "huitian/edge/v1/gate-3/down";
const ONE: Reach = Reach {
    queued: 1,
    dropped: 0,
};

#[tokio::test]
async fn what_the_owner_publishes_reaches_its_subscriber_and_not_the_inbox() {
    let (broker, mut deliveries) = start().await;
    let publisher = broker.publisher();
    let answer = Bytes::from_static(b"durable up to 7");
    let nobody = publisher.publish(DOWN, answer.clone(), Qos::AtLeastOnce, false);
    assert_eq!(nobody, Ok(Reach::default()));
    for (level, flags) in [(4, 0x32), (5, 0x32)] {
        let hello = Hello {
            level,
            ..Hello::v311("gate-3")
        };
        let mut edge = Client::hello(broker.local_addr(), &hello).await;
        assert_eq!(edge.subscribe(DOWN, 1).await, 1);
        let (publisher, answer) = (publisher.clone(), answer.clone());
        let elsewhere =
            tokio::spawn(async move { publisher.publish(DOWN, answer, Qos::AtLeastOnce, false) });
        assert_eq!(soon("the task", elsewhere).await.unwrap(), Ok(ONE));
        let received = edge.expect_publish().await;
        assert_eq!(
            received,
            (flags, DOWN.to_owned(), b"durable up to 7".to_vec())
        );
        assert_eq!(edge.before_ping_answer().await, [], "once only");
    }
    assert!(deliveries.try_recv().is_err(), "the inbox had it");
}

#[tokio::test]
async fn what_an_edge_missed_or_did_not_acknowledge_waits_for_it() {
    let (broker, _deliveries) = start().await;
    let hello = Hello {
        clean: false,
        ..Hello::v311("gate-3")
    };
    let mut edge = Client::hello(broker.local_addr(), &hello).await;
    edge.subscribe(DOWN, 1).await;
    let say = |text: &'static str| broker.publish(DOWN, text.into(), Qos::AtLeastOnce, false);
    assert_eq!(say("unacknowledged"), Ok(ONE));
    assert_eq!(edge.receive().await.unwrap().0, 0x32);
    drop(edge);
    assert_eq!(say("missed"), Ok(ONE));
    let mut edge = Client::hello(broker.local_addr(), &hello).await;
    assert!(edge.session_present);
    let (first, _, payload) = edge.expect_publish().await;
    assert_eq!((first, payload), (0x3A, b"unacknowledged".to_vec()));
    assert_eq!(edge.expect_publish().await.2, b"missed");
}

#[tokio::test]
async fn a_subscriber_that_stands_still_costs_the_owner_a_bounded_queue() {
    let (broker, _deliveries) = start().await;
    let hello = Hello {
        clean: false,
        ..Hello::v311("gate-3")
    };
    let mut edge = Client::hello(broker.local_addr(), &hello).await;
    edge.subscribe(DOWN, 1).await;
    edge.send(&[0xE0, 0]).await;
    assert!(edge.is_closed().await);
    let say = || broker.publish(DOWN, "x".into(), Qos::AtLeastOnce, false);
    for _ in 0..1_000 {
        assert_eq!(say(), Ok(ONE));
    }
    let full = Reach {
        queued: 0,
        dropped: 1,
    };
    assert_eq!(say(), Ok(full));
    assert_eq!(broker.counts().dropped_for_slow_subscribers, 1);
    let mut edge = Client::hello(broker.local_addr(), &hello).await;
    for _ in 0..1_000 {
        edge.expect_publish().await;
    }
    edge.send(&ack(PUBACK, 1)).await;
    assert_eq!(edge.before_ping_answer().await, []);
}

#[tokio::test]
async fn what_the_owner_retains_is_kept_for_later_subscribers() {
    let (broker, _deliveries) = start().await;
    broker
        .publish(DOWN, "config 4".into(), Qos::AtLeastOnce, true)
        .unwrap();
    let mut edge = Client::hello(broker.local_addr(), &Hello::v5("gate-3")).await;
    edge.subscribe(DOWN, 1).await;
    let (first, _, payload) = edge.expect_publish().await;
    assert_eq!((first, payload), (0x33, b"config 4".to_vec()));
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_the_permitted_range() {
    let (broker, _deliveries) = start().await;
    let long = "x".repeat(65_536);
    for topic in ["", "a/+", "#", "a\0b", &long] {
        let refused = broker.publish(topic, Bytes::new(), Qos::AtMostOnce, false);
        assert_eq!(refused, Err(PublishError::TopicName));
    }
    let above = Bytes::from(vec![0; PACKET_BYTES_MAX + 1]);
    let refused = broker.publish("t", above, Qos::AtMostOnce, false);
    assert_eq!(refused, Err(PublishError::TooLarge(PACKET_BYTES_MAX + 1)));
}
