//! Sessions, subscriptions, retained messages, wills.

use huitian_broker::{Qos, Verdict};

use super::support::{
    Client, Hello, PUBACK, PUBCOMP, PUBREC, PUBREL, ack, keep_all, next, soon, start,
};

const QOS1: u8 = 2;
const RETAIN: u8 = 1;

#[tokio::test]
async fn subscribers_see_what_is_durable() {
    for level in [4, 5] {
        let (broker, mut deliveries) = start().await;
        let hello = |client_id| Hello {
            level,
            ..Hello::v311(client_id)
        };
        let mut operator = Client::hello(broker.local_addr(), &hello("operator")).await;
        assert_eq!(operator.subscribe("huitian/+/#", 1).await, 1);
        let mut device = Client::hello(broker.local_addr(), &hello("device")).await;
        device.publish(QOS1, 1, "huitian/v1/s/d", b"x").await;
        let delivery = next(&mut deliveries).await;
        assert_eq!(operator.before_ping_answer().await, [], "not durable yet");
        delivery.answer(Verdict::Durable);
        let seen = operator.expect_publish().await;
        assert_eq!(seen, (0x32, "huitian/v1/s/d".to_owned(), b"x".to_vec()));
        device.publish(0, 0, "elsewhere/v1", b"x").await;
        next(&mut deliveries).await;
        assert_eq!(operator.before_ping_answer().await, []);
    }
}

#[tokio::test]
async fn a_qos_2_subscriber_gets_a_message_by_the_four_packets() {
    let (broker, deliveries) = start().await;
    keep_all(deliveries);
    let mut operator = Client::hello(broker.local_addr(), &Hello::v5("operator")).await;
    assert_eq!(operator.subscribe("t", 2).await, 2);
    let mut device = Client::hello(broker.local_addr(), &Hello::v311("device")).await;
    device.publish(4, 3, "t", b"x").await;
    device.expect_ack(PUBREC, 3).await;
    device.send(&ack(PUBREL, 3)).await;
    device.expect_ack(PUBCOMP, 3).await;
    let (first, _, payload) = operator.expect_publish().await;
    assert_eq!((first, payload), (0x34, b"x".to_vec()));
    operator.send(&ack(PUBREC, 1)).await;
    operator.expect_ack(PUBREL, 1).await;
    operator.send(&ack(PUBCOMP, 1)).await;
    assert_eq!(operator.before_ping_answer().await, []);
}

#[tokio::test]
async fn retained_messages_reach_later_subscribers_until_cleared() {
    let (broker, deliveries) = start().await;
    keep_all(deliveries);
    let mut device = Client::hello(broker.local_addr(), &Hello::v311("device")).await;
    device.publish(QOS1 | RETAIN, 1, "state/a", b"on").await;
    device.expect_ack(PUBACK, 1).await;
    let mut late = Client::hello(broker.local_addr(), &Hello::v311("late")).await;
    late.subscribe("state/#", 0).await;
    assert_eq!(
        late.expect_publish().await,
        (0x31, "state/a".to_owned(), b"on".to_vec())
    );
    let mut never = Client::hello(broker.local_addr(), &Hello::v5("never")).await;
    never.subscribe("state/#", 0x20).await;
    assert_eq!(never.before_ping_answer().await, [], "retain handling 2");
    device.publish(QOS1 | RETAIN, 2, "state/a", b"").await;
    device.expect_ack(PUBACK, 2).await;
    assert_eq!(
        late.expect_publish().await.0,
        0x30,
        "live copies are not marked retained"
    );
    let mut later = Client::hello(broker.local_addr(), &Hello::v311("later")).await;
    later.subscribe("state/#", 0).await;
    assert_eq!(later.before_ping_answer().await, []);
}

#[tokio::test]
async fn a_kept_session_gets_what_it_missed_and_did_not_acknowledge() {
    let (broker, deliveries) = start().await;
    keep_all(deliveries);
    let hello = Hello {
        clean: false,
        ..Hello::v311("operator")
    };
    let mut operator = Client::hello(broker.local_addr(), &hello).await;
    assert!(!operator.session_present);
    operator.subscribe("t", 1).await;
    let mut device = Client::hello(broker.local_addr(), &Hello::v311("device")).await;
    device.publish(QOS1, 1, "t", b"unacknowledged").await;
    device.expect_ack(PUBACK, 1).await;
    assert_eq!(operator.receive().await.unwrap().0, 0x32);
    drop(operator);
    device.publish(QOS1, 2, "t", b"missed").await;
    device.expect_ack(PUBACK, 2).await;
    let mut operator = Client::hello(broker.local_addr(), &hello).await;
    assert!(operator.session_present);
    let (first, _, payload) = operator.expect_publish().await;
    assert_eq!(
        (first, payload),
        (0x3A, b"unacknowledged".to_vec()),
        "with DUP"
    );
    assert_eq!(operator.expect_publish().await.2, b"missed");
    operator.send(&[0xE0, 0]).await;
    assert!(operator.is_closed().await);
    let mut operator = Client::hello(broker.local_addr(), &Hello::v311("operator")).await;
    assert!(!operator.session_present, "a clean session begins anew");
    device.publish(QOS1, 3, "t", b"for nobody").await;
    device.expect_ack(PUBACK, 3).await;
    assert_eq!(operator.before_ping_answer().await, []);
}

#[tokio::test]
async fn the_same_client_id_takes_the_session_over() {
    for clean in [true, false] {
        let (broker, deliveries) = start().await;
        keep_all(deliveries);
        let hello = Hello {
            clean,
            properties: &[0x11, 0, 0, 0, 60],
            ..Hello::v5("twin")
        };
        let mut first = Client::hello(broker.local_addr(), &hello).await;
        let mut second = Client::hello(broker.local_addr(), &hello).await;
        assert_eq!(second.session_present, !clean);
        assert_eq!(first.receive().await, Some((0xE0, vec![0x8E])));
        assert!(first.is_closed().await);
        second.publish(QOS1, 1, "t", b"x").await;
        second.expect_ack(PUBACK, 1).await;
    }
}

#[tokio::test]
async fn a_will_is_published_when_a_client_vanishes_and_not_when_it_leaves() {
    let (broker, mut deliveries) = start().await;
    let mut operator = Client::hello(broker.local_addr(), &Hello::v311("operator")).await;
    operator.subscribe("death/#", 0).await;
    for level in [4, 5] {
        let hello = Hello {
            level,
            will: Some(("death/edge", b"gone")),
            ..Hello::v311("edge")
        };
        let mut leaver = Client::hello(broker.local_addr(), &hello).await;
        leaver.send(&[0xE0, 0]).await;
        assert!(leaver.is_closed().await);
        drop(Client::hello(broker.local_addr(), &hello).await);
        let will = next(&mut deliveries).await;
        assert_eq!(
            (will.topic.as_str(), &will.payload[..]),
            ("death/edge", &b"gone"[..])
        );
        assert_eq!(&*will.client_id, "edge");
        assert_eq!(operator.expect_publish().await.2, b"gone");
    }
    assert!(
        deliveries.try_recv().is_err(),
        "one will for each that vanished"
    );
}

#[tokio::test]
async fn silence_beyond_the_keep_alive_ends_the_connection_and_sends_the_will() {
    let (broker, mut deliveries) = start().await;
    let hello = Hello {
        keep_alive_s: 1,
        will: Some(("death/edge", b"gone")),
        ..Hello::v5("edge")
    };
    let mut silent = Client::hello(broker.local_addr(), &hello).await;
    let begin = std::time::Instant::now();
    assert_eq!(silent.receive().await, Some((0xE0, vec![0x8D])));
    assert!(
        begin.elapsed().as_millis() >= 1_400,
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(next(&mut deliveries).await.topic, "death/edge");
}

#[tokio::test]
async fn unsubscribing_ends_the_messages() {
    let (broker, deliveries) = start().await;
    keep_all(deliveries);
    let mut operator = Client::hello(broker.local_addr(), &Hello::v5("operator")).await;
    operator.subscribe("t", 0).await;
    for code in [0x00, 0x11] {
        operator.send(&[0xA2, 6, 0, 9, 0, 0, 1, b't']).await;
        assert_eq!(operator.receive().await, Some((0xB0, vec![0, 9, 0, code])));
    }
    operator.publish(0, 0, "t", b"x").await;
    assert_eq!(operator.before_ping_answer().await, []);
}

#[tokio::test]
async fn what_is_not_offered_is_refused_by_its_code() {
    let (broker, _deliveries) = start().await;
    let mut newer = Client::hello(broker.local_addr(), &Hello::v5("newer")).await;
    assert_eq!(newer.subscribe("$share/group/t", 1).await, 0x9E);
    assert_eq!(newer.subscribe("a/#/b", 1).await, 0x8F);
    let mut older = Client::hello(broker.local_addr(), &Hello::v311("older")).await;
    assert_eq!(older.subscribe("$share/group/t", 1).await, 0x80);
    for n in 0..100 {
        assert_eq!(newer.subscribe(&format!("t/{n}"), 0).await, 0);
    }
    assert_eq!(newer.subscribe("one/too/many", 0).await, 0x97);
}

#[tokio::test]
async fn a_twin_that_takes_nothing_any_more_is_closed_all_the_same() {
    for clean in [true, false] {
        let (broker, _deliveries) = start().await;
        let hello = Hello {
            clean,
            ..Hello::v311("twin")
        };
        let mut stuck = Client::hello(broker.local_addr(), &hello).await;
        stuck.subscribe("t", 0).await;
        // More than the buffers of a socket and the queue of a session hold.
        let payload = bytes::Bytes::from(vec![0; 64 << 10]);
        let mut dropped = 0;
        for _ in 0..1_000 {
            let reach = broker.publish("t", payload.clone(), Qos::AtMostOnce, false);
            dropped += reach.unwrap().dropped;
            tokio::task::yield_now().await;
        }
        assert!(dropped > 0, "the twin's queue is not full");
        let _newer = Client::hello(broker.local_addr(), &hello).await;
        let begun = std::time::Instant::now();
        let is_alone = async {
            while broker.counts().connections > 1 {
                tokio::task::yield_now().await;
            }
        };
        soon("the twin's end", is_alone).await;
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    }
}
