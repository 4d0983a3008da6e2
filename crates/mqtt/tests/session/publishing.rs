//! What becomes of a publish when the broker acknowledges late, twice, wrongly or never.

use std::time::{Duration, Instant};

use huitian_mqtt::{
    Fate, Protocol, PubToken, PublishError, Publisher, Qos, SessionConfig, Verdict,
};

use super::support::{BOTH, Link, Opening, Published, ScriptedBroker, begin, next, soon, until};

async fn send(publisher: &Publisher, payload: u8) -> PubToken {
    let payload = vec![payload].into();
    publisher
        .publish("huitian/up", payload, Qos::AtLeastOnce)
        .await
        .unwrap()
}

async fn fate(token: PubToken) -> Fate {
    soon("a fate", token.fate()).await
}

/// Sends this many and takes them at the broker.
async fn send_all(publisher: &Publisher, link: &mut Link, count: u8) -> Vec<(PubToken, Published)> {
    let mut all = Vec::new();
    for number in 0..count {
        let token = send(publisher, number).await;
        let published = link.receive_publish().await;
        assert_eq!(published.payload, [number]);
        assert!(!published.dup);
        all.push((token, published));
    }
    all
}

#[tokio::test]
async fn pubacks_in_any_order_reach_their_publish() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, _deliveries) = broker.session();
        let mut link = broker.accept(false, 1).await;
        until(&mut session.status(), |status| status.connected).await;
        let publisher = session.publisher();
        let mut sent = send_all(&publisher, &mut link, 20).await;
        // Neighbours swapped, then backwards.
        sent[..10].chunks_mut(2).for_each(|pair| pair.swap(0, 1));
        sent[10..].reverse();
        for (token, published) in sent {
            assert_eq!(token.connection, 1);
            link.puback(published.id).await;
            assert_eq!(fate(token).await, Fate::Taken);
        }
        assert_eq!(session.status().borrow().reconnects, 0);
    }
}

#[tokio::test]
async fn a_lost_connection_reports_its_publishes_and_sends_none_of_them_again() {
    for (protocol, session_present) in BOTH.into_iter().flat_map(|p| [(p, false), (p, true)]) {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, _deliveries) = broker.session();
        let mut link = broker.accept(false, 1).await;
        let mut status = session.status();
        until(&mut status, |status| status.connected).await;
        let publisher = session.publisher();
        let mut sent = send_all(&publisher, &mut link, 6).await;
        let (acknowledged, published) = sent.remove(2);
        link.puback(published.id).await;
        assert_eq!(fate(acknowledged).await, Fate::Taken);
        drop(link);
        for (token, _) in sent {
            assert_eq!(fate(token).await, Fate::Lost);
        }
        until(&mut status, |status| !status.connected).await;
        let refused = publisher.try_publish("huitian/up", "x".into(), Qos::AtLeastOnce);
        assert_eq!(refused.unwrap_err(), PublishError::NotConnected);

        let mut link = broker.accept(session_present, 1).await;
        let back = until(&mut status, |status| status.connected).await;
        assert_eq!(
            (back.connection, back.session_present),
            (2, session_present)
        );
        assert_eq!(link.before_ping().await, [], "nothing by itself");
        let token = send(&publisher, 99).await;
        assert_eq!(token.connection, 2);
        let published = link.receive_publish().await;
        assert_eq!((published.dup, &published.payload[..]), (false, &[99][..]));
        link.puback(published.id).await;
        assert_eq!(fate(token).await, Fate::Taken);
    }
}

#[tokio::test]
async fn a_missing_puback_costs_the_connection_after_the_patience() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, mut deliveries) = begin(SessionConfig {
            publish_patience: Duration::from_secs(1),
            ..broker.config()
        });
        let mut link = broker.accept(false, 1).await;
        let mut status = session.status();
        until(&mut status, |status| status.connected).await;
        let publisher = session.publisher();
        let mut sent = send_all(&publisher, &mut link, 3).await;
        let (missing, _) = sent.remove(0);
        for (token, published) in sent {
            link.puback(published.id).await;
            assert_eq!(fate(token).await, Fate::Taken);
        }
        assert_eq!(fate(missing).await, Fate::Lost);
        let lost = until(&mut status, |status| !status.connected).await;
        assert_eq!(
            lost.last_error.unwrap(),
            "the broker has not acknowledged a publish for 1s"
        );
        let mut link = broker.accept(true, 1).await;
        link.publish(1, b"no wedge").await;
        next(&mut deliveries).await.answer(Verdict::Durable);
        link.receive_puback(1).await;
    }
}

#[tokio::test]
async fn pubacks_twice_stale_or_for_nobody_neither_wedge_nor_acknowledge_another() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, mut deliveries) = broker.session();
        let mut status = session.status();
        let publisher = session.publisher();
        for (round, wrong) in [[0, 1], [0, 200], [255, 255], [0, 0]]
            .into_iter()
            .enumerate()
        {
            let mut link = broker.accept(round > 0, 1).await;
            let connected = until(&mut status, |status| status.connected).await;
            let token = send(&publisher, 1).await;
            let first = link.receive_publish().await;
            link.puback(first.id).await;
            assert_eq!(fate(token).await, Fate::Taken);
            let waiting = send(&publisher, 2).await;
            let second = link.receive_publish().await;
            assert_ne!(second.id, wrong);
            // Its first acknowledgement again, or one for what was never sent.
            link.puback(if round == 0 { first.id } else { wrong }).await;
            assert_eq!(
                fate(waiting).await,
                Fate::Lost,
                "unknown, so it is sent anew"
            );
            drop(link);
            until(&mut status, |now| {
                now.connection == connected.connection && !now.connected
            })
            .await;
        }
        let mut link = broker.accept(true, 1).await;
        link.publish(1, b"no wedge").await;
        next(&mut deliveries).await.answer(Verdict::Durable);
        link.receive_puback(1).await;
    }
}

#[tokio::test]
async fn a_broker_that_never_acknowledges_bounds_what_is_in_flight_and_all_is_reported() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, _deliveries) = begin(SessionConfig {
            publish_patience: Duration::from_secs(2),
            ..broker.config()
        });
        let mut link = broker.accept(false, 1).await;
        let mut status = session.status();
        until(&mut status, |status| status.connected).await;
        let publisher = session.publisher();
        let mut tokens = Vec::new();
        let mut received = 0;
        let full = loop {
            match publisher.try_publish("huitian/up", "x".into(), Qos::AtLeastOnce) {
                Ok(token) => tokens.push(token),
                Err(error) if received == 200 => break error,
                Err(_full) => {
                    link.receive_publish().await;
                    received += 1;
                }
            }
        };
        assert_eq!(full, PublishError::Full);
        // 200 in flight, 100 in the queue, and the one between them.
        assert!((300..=301).contains(&tokens.len()), "{}", tokens.len());
        // All fates are known with the loss, not only with the next connection.
        let all_fates = async {
            for token in tokens {
                assert_eq!(fate(token).await, Fate::Lost);
            }
        };
        tokio::select! {
            biased;
            () = all_fates => {}
            _ = broker.accept_silently() => panic!("a publish outlived its connection"),
        }
    }
}

#[tokio::test]
async fn a_broker_that_takes_no_more_bytes_is_noticed_within_one_and_a_half_keep_alives() {
    for protocol in BOTH {
        let broker = ScriptedBroker::start(protocol).await;
        let (session, _deliveries) = broker.session();
        let stuck = broker.accept(false, 1).await;
        let mut status = session.status();
        until(&mut status, |status| status.connected).await;
        let publisher = session.publisher();
        let begin = Instant::now();
        let mut tokens = Vec::new();
        // Far more than any socket's buffers hold.
        while let Ok(token) =
            publisher.try_publish("huitian/up", vec![0; 1 << 20].into(), Qos::AtLeastOnce)
        {
            tokens.push(token);
        }
        assert!(tokens.len() >= 100);
        let lost = until(&mut status, |status| !status.connected).await;
        let keep_alive = broker.config().keep_alive;
        assert!(
            begin.elapsed() < keep_alive.mul_f64(1.5) + Duration::from_millis(500),
            "{:?}",
            begin.elapsed()
        );
        let error = lost.last_error.unwrap();
        assert!(!error.contains("acknowledged"), "{error}");
        for token in tokens {
            assert_eq!(fate(token).await, Fate::Lost);
        }
        drop(stuck);
    }
}

#[tokio::test]
async fn the_brokers_receive_maximum_is_obeyed_and_never_holds_our_acknowledgements() {
    let broker = ScriptedBroker::start(Protocol::V5).await;
    let (session, mut deliveries) = broker.session();
    let opening = Opening {
        properties: vec![0x21, 0, 5],
        ..Opening::default()
    };
    let mut link = broker.accept_with(opening).await;
    until(&mut session.status(), |status| status.connected).await;
    let publisher = session.publisher();
    let mut tokens = Vec::new();
    for number in 0..10 {
        tokens.push(send(&publisher, number).await);
    }
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(link.receive_publish().await.id);
    }
    link.publish(7, b"down").await;
    next(&mut deliveries).await.answer(Verdict::Durable);
    link.receive_puback(7).await;
    assert_eq!(link.before_ping().await, [], "no publish above the limit");
    for number in 4..10 {
        link.puback(ids.remove(0)).await;
        let published = link.receive_publish().await;
        assert_eq!(published.payload, [number]);
        ids.push(published.id);
    }
    for id in ids {
        link.puback(id).await;
    }
    for token in tokens {
        assert_eq!(fate(token).await, Fate::Taken);
    }
    assert_eq!(session.status().borrow().reconnects, 0);
}

#[tokio::test]
async fn what_the_broker_refuses_or_is_too_large_for_it_is_said_and_costs_nothing() {
    let broker = ScriptedBroker::start(Protocol::V5).await;
    let (session, _deliveries) = broker.session();
    let opening = Opening {
        properties: vec![0x27, 0, 0, 1, 0],
        ..Opening::default()
    };
    let mut link = broker.accept_with(opening).await;
    until(&mut session.status(), |status| status.connected).await;
    let publisher = session.publisher();
    let large = vec![0; 237].into();
    let token = publisher.publish("huitian/up", large, Qos::AtLeastOnce);
    let too_large = Fate::TooLarge {
        bytes: 257,
        max: 256,
    };
    assert_eq!(fate(token.await.unwrap()).await, too_large);
    let token = send(&publisher, 1).await;
    let published = link.receive_publish().await;
    // Reason 0x97: quota exceeded.
    let body = [published.id[0], published.id[1], 0x97, 0];
    link.packet(super::support::PUBACK, &body).await;
    assert_eq!(fate(token).await, Fate::Refused("QuotaExceeded".to_owned()));
    let token = send(&publisher, 2).await;
    let published = link.receive_publish().await;
    link.puback(published.id).await;
    assert_eq!(fate(token).await, Fate::Taken);
    assert_eq!(session.status().borrow().reconnects, 0);
}

#[tokio::test]
async fn only_what_can_be_published_is_taken() {
    let broker = ScriptedBroker::start(Protocol::V4).await;
    let (session, _deliveries) = broker.session();
    let publisher = session.publisher();
    let publish = |topic: &str, qos| publisher.try_publish(topic, "x".into(), qos);
    let error = publish("huitian/up", Qos::AtLeastOnce).unwrap_err();
    assert_eq!(error, PublishError::NotConnected);
    let _link = broker.accept(false, 1).await;
    until(&mut session.status(), |status| status.connected).await;
    for topic in ["", "a/+", "a/#", "a\0b", &"x".repeat(65_536)] {
        let error = publish(topic, Qos::AtLeastOnce).unwrap_err();
        assert_eq!(error, PublishError::Topic(topic.to_owned()));
    }
    let error = publish("huitian/up", Qos::ExactlyOnce).unwrap_err();
    assert_eq!(error, PublishError::Qos);
    let token = publish("huitian/up", Qos::AtMostOnce).unwrap();
    assert_eq!(fate(token).await, Fate::Taken);
    session.stop().await;
    let error = publish("huitian/up", Qos::AtLeastOnce).unwrap_err();
    assert_eq!(error, PublishError::NotConnected);
}
