//! A broker that loses connections, repeats packet identifiers, refuses, and falls silent.

use std::time::{Duration, Instant};

use huitian_mqtt::{Delivery, Protocol, Qos, Verdict};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::sync::{mpsc, oneshot};

use super::support::{BOTH, Link, ScriptedBroker, next, until};

/// Sends a `QoS` 1 message and tells whether its acknowledgement waited for the intake's answer.
async fn acknowledgement_waits(
    link: &mut Link,
    deliveries: &mut mpsc::Receiver<Delivery>,
) -> Result<(), &'static str> {
    link.publish(7, b"fill").await;
    let delivery = next(deliveries).await;
    // Whatever an eager client sends is out before its next ping.
    if !link.before_ping().await.is_empty() {
        return Err("PUBACK came before the disk had the message");
    }
    delivery.answer(Verdict::Durable);
    link.receive_puback(7).await;
    Ok(())
}

#[tokio::test]
async fn puback_waits_for_the_disk() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (_session, mut deliveries) = broker.session();
        let mut link = broker.accept(false, 1).await;
        assert_eq!(
            acknowledgement_waits(&mut link, &mut deliveries).await,
            Ok(())
        );
    }
}

/// The negative control: the library with its own acknowledgements, as most programs use it.
#[tokio::test]
async fn a_client_that_acknowledges_too_early_is_caught() {
    let broker = ScriptedBroker::start(Protocol::V4).await;
    let mut options = MqttOptions::new("hub", "127.0.0.1", broker.port());
    options
        .set_keep_alive(Duration::from_secs(1))
        .set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 10);
    client
        .subscribe("huitian/#", QoS::AtLeastOnce)
        .await
        .unwrap();
    let (inbox, mut deliveries) = mpsc::channel(1);
    let eager = tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            let Event::Incoming(Packet::Publish(publish)) = event else {
                continue;
            };
            let delivery = Delivery {
                topic: publish.topic,
                payload: publish.payload,
                qos: Qos::AtLeastOnce,
                retain: false,
                dup: false,
                client_id: "hub".into(),
                connection: 1,
                done: oneshot::channel().0,
            };
            inbox.send(delivery).await.unwrap();
        }
    });
    let mut link = broker.accept(false, 1).await;
    let verdict = acknowledgement_waits(&mut link, &mut deliveries).await;
    assert_eq!(verdict, Err("PUBACK came before the disk had the message"));
    eager.abort();
}

#[tokio::test]
async fn stale_ack_is_never_sent_on_a_new_connection() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (_session, mut deliveries) = broker.session();
        let mut link = broker.accept(false, 1).await;
        link.publish(7, b"one message").await;
        let first = next(&mut deliveries).await;
        drop(link);
        let mut link = broker.accept(true, 1).await;
        link.publish(7, b"another message").await;
        let second = next(&mut deliveries).await;
        assert_eq!((first.connection, second.connection), (1, 2));
        assert!(
            !first.answer(Verdict::Durable),
            "nobody may still wait for the first"
        );
        assert_eq!(
            link.before_ping().await,
            [],
            "an acknowledgement of the wrong message"
        );
        assert!(second.answer(Verdict::Durable));
        link.receive_puback(7).await;
    }
}

#[tokio::test]
async fn acknowledgements_keep_the_order_of_the_messages() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (_session, mut deliveries) = broker.session();
        let mut link = broker.accept(false, 1).await;
        let mut held = Vec::new();
        for id in 1..=50 {
            link.publish(id, &[id]).await;
            held.push(next(&mut deliveries).await);
        }
        for delivery in held.into_iter().rev() {
            delivery.answer(Verdict::Durable);
        }
        for id in 1..=50 {
            link.receive_puback(id).await;
        }
    }
}

#[tokio::test]
async fn a_message_that_is_not_kept_ends_the_connection_unacknowledged() {
    for protocol in BOTH {
        for verdict in [Some(Verdict::Retry), None] {
            let broker = ScriptedBroker::start(protocol).await;
            let (session, mut deliveries) = broker.session();
            let mut link = broker.accept(false, 1).await;
            link.publish(1, b"not kept").await;
            let delivery = next(&mut deliveries).await;
            match verdict {
                Some(verdict) => assert!(delivery.answer(verdict)),
                None => drop(delivery),
            }
            link.receive_disconnect().await;
            drop(link);
            let mut status = session.status();
            let lost = until(&mut status, |status| !status.connected).await;
            assert!(lost.last_error.unwrap().contains("could not be kept"));
            let mut link = broker.accept(true, 1).await;
            link.publish(1, b"not kept").await;
            next(&mut deliveries).await.answer(Verdict::Durable);
            link.receive_puback(1).await;
            assert_eq!(
                until(&mut status, |status| status.connected)
                    .await
                    .reconnects,
                1
            );
        }
    }
}

#[tokio::test]
async fn a_refused_subscription_is_an_error_and_is_tried_again() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, _deliveries) = broker.session();
        let mut status = session.status();
        let mut link = broker.accept(false, 0x80).await;
        assert_eq!(link.receive().await, None);
        let refused = until(&mut status, |status| status.last_error.is_some()).await;
        assert!(!refused.connected);
        let error = refused.last_error.unwrap();
        let why = match protocol {
            Protocol::V4 => "no reason given",
            Protocol::V5 => "Unspecified",
        };
        let wanted = format!("the broker refused the subscription to huitian/#: {why}");
        assert_eq!(error, wanted);
        let _link = broker.accept(false, 1).await;
        until(&mut status, |status| status.connected).await;
    }
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_within_one_and_a_half_keep_alives() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, _deliveries) = broker.session();
        let mut silent = broker.accept(false, 1).await;
        let begin = Instant::now();
        assert_eq!(silent.receive().await.unwrap().0, super::support::PINGREQ);
        // No answer to the ping: the connection is there, but nobody is.
        until(&mut session.status(), |status| status.last_error.is_some()).await;
        let noticed = begin.elapsed();
        // One and a half keep-alives of 2 s and 7 s, and half a second for a busy machine.
        let limit = Duration::from_millis(match protocol {
            Protocol::V4 => 3_500,
            Protocol::V5 => 11_000,
        });
        assert!(noticed < limit, "noticed after {noticed:?}");
        broker.accept(true, 1).await;
    }
}

#[tokio::test]
async fn stop_acknowledges_what_becomes_durable_and_says_disconnect() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, mut deliveries) = broker.session();
        let mut link = broker.accept(false, 1).await;
        link.publish(1, b"durable in time").await;
        link.publish(2, b"never answered").await;
        let first = next(&mut deliveries).await;
        let second = next(&mut deliveries).await;
        let stopping = tokio::spawn(session.stop());
        tokio::task::yield_now().await;
        first.answer(Verdict::Durable);
        link.receive_puback(1).await;
        // The second is still owed, so that the broker must not be told good-bye as if all were
        // well.
        assert_eq!(link.receive().await, None);
        stopping.await.unwrap();
        drop(second);

        let (session, _deliveries) = broker.session();
        let mut link = broker.accept(true, 1).await;
        until(&mut session.status(), |status| status.connected).await;
        let stopping = tokio::spawn(session.stop());
        link.receive_disconnect().await;
        drop(link);
        stopping.await.unwrap();
    }
}

#[tokio::test]
async fn the_session_outlives_a_flapping_broker_without_a_storm() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, mut deliveries) = broker.session();
        let begin = Instant::now();
        for _ in 0..4 {
            let link = broker.accept(true, 1).await;
            until(&mut session.status(), |status| status.connected).await;
            drop(link);
            until(&mut session.status(), |status| !status.connected).await;
        }
        assert!(
            begin.elapsed() > Duration::from_millis(1_500),
            "three waits of half a second at least"
        );
        let mut link = broker.accept(true, 1).await;
        link.publish(9, b"still here").await;
        next(&mut deliveries).await.answer(Verdict::Durable);
        link.receive_puback(9).await;
    }
}
