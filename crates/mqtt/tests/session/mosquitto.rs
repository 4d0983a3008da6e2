//! A real mosquitto between the publisher and us.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use huitian_mqtt::{Delivery, Fate, Protocol, PublishError, Qos, Session, SessionConfig, Verdict};
use tokio::sync::mpsc;

use super::programs::{Running, find, free_port, run};
use super::support::{BOTH, begin, next, soon, until};

struct Mosquitto {
    program: PathBuf,
    publisher: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    running: Option<Running>,
}

impl Mosquitto {
    /// Prepares a mosquitto on a free port. None, with a line that says so, where there is none.
    fn start() -> Option<Self> {
        let (program, publisher) = (find("mosquitto")?, find("mosquitto_pub")?);
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let store = folder.path().display();
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\n\
             persistence true\npersistence_location {store}/\nautosave_interval 1\n"
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let mut mosquitto = Self {
            program,
            publisher,
            folder,
            port,
            running: None,
        };
        mosquitto.run();
        Some(mosquitto)
    }

    fn run(&mut self) {
        let config = self.folder.path().join("mosquitto.conf");
        let mut command = Command::new(&self.program);
        self.running = Some(Running::serve(command.arg("-c").arg(config), self.port));
    }

    fn kill(&mut self) {
        self.running = None;
    }

    /// Deletes all that it has kept.
    fn wipe(&self) {
        let store = self.folder.path().join("mosquitto.db");
        if store.exists() {
            std::fs::remove_file(store).unwrap();
        }
    }

    fn session(&self, protocol: Protocol) -> (Session, mpsc::Receiver<Delivery>) {
        begin(SessionConfig {
            protocol,
            ..SessionConfig::new("127.0.0.1", self.port, "hub", &["huitian/#"])
        })
    }

    fn publish(&self, arguments: &[&str]) {
        let port = self.port.to_string();
        let mut all = vec!["-h", "127.0.0.1", "-p", &port, "-t", "huitian/v1/s/d"];
        all.extend(arguments);
        tokio::task::block_in_place(|| run(&self.publisher, &all));
    }

    fn publish_file(&self, bytes: usize) {
        let file = self.folder.path().join("payload");
        std::fs::write(&file, vec![b'x'; bytes]).unwrap();
        self.publish(&["-q", "1", "-f", path_text(&file)]);
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_qos_arrives_and_qos_2_is_lowered() {
    for protocol in BOTH {
        let Some(mosquitto) = Mosquitto::start() else {
            return;
        };
        let (session, mut deliveries) = mosquitto.session(protocol);
        until(&mut session.status(), |status| status.connected).await;
        for (version, qos) in ["mqttv311", "mqttv5"]
            .into_iter()
            .flat_map(|v| [(v, "0"), (v, "1"), (v, "2")])
        {
            mosquitto.publish(&["-V", version, "-q", qos, "-m", qos]);
            let delivery = next(&mut deliveries).await;
            assert_eq!(
                (delivery.topic.as_str(), &delivery.payload[..]),
                ("huitian/v1/s/d", qos.as_bytes())
            );
            assert_eq!(delivery.qos.level(), qos.parse::<u8>().unwrap().min(1));
            assert!(!delivery.retain);
            delivery.answer(Verdict::Durable);
        }
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unacknowledged_message_comes_again_after_reconnect() {
    for protocol in BOTH {
        let Some(mosquitto) = Mosquitto::start() else {
            return;
        };
        let (session, mut deliveries) = mosquitto.session(protocol);
        until(&mut session.status(), |status| status.connected).await;
        for number in ["1", "2", "3"] {
            mosquitto.publish(&["-q", "1", "-m", number]);
        }
        next(&mut deliveries).await.answer(Verdict::Durable);
        let unkept = next(&mut deliveries).await;
        let after_it = next(&mut deliveries).await;
        unkept.answer(Verdict::Retry);
        after_it.answer(Verdict::Durable);
        for expected in [b"2", b"3"] {
            let again = next(&mut deliveries).await;
            assert_eq!(&again.payload[..], expected);
            assert_eq!(again.connection, 2);
            again.answer(Verdict::Durable);
        }
        session.stop().await;
        mosquitto.publish(&["-q", "1", "-m", "while we were away"]);
        let (session, mut deliveries) = mosquitto.session(protocol);
        assert_eq!(
            &next(&mut deliveries).await.payload[..],
            b"while we were away"
        );
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_megabyte_arrives_and_what_is_too_large_is_skipped_and_counted() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    // MQTT 5 says the limit, so that mosquitto does not even send what is above it.
    for (protocol, skipped) in [(Protocol::V4, 1), (Protocol::V5, 0)] {
        let (session, mut deliveries) = mosquitto.session(protocol);
        let mut status = session.status();
        until(&mut status, |status| status.connected).await;
        for bytes in [1_000_000, 1 << 20, 5_000_000, 10] {
            mosquitto.publish_file(bytes);
            if bytes == 5_000_000 {
                continue;
            }
            let delivery = next(&mut deliveries).await;
            assert_eq!(delivery.payload.len(), bytes);
            assert_eq!(delivery.connection, 1, "none of them cost the connection");
            delivery.answer(Verdict::Durable);
        }
        assert_eq!(status.borrow().oversized, skipped, "{protocol:?}");
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_comes_back_after_the_broker_was_killed_and_its_store_wiped() {
    for protocol in BOTH {
        let Some(mut mosquitto) = Mosquitto::start() else {
            return;
        };
        let (session, mut deliveries) = mosquitto.session(protocol);
        let mut status = session.status();
        until(&mut status, |status| status.connected).await;
        mosquitto.publish(&["-q", "1", "-m", "before"]);
        let unanswered = next(&mut deliveries).await;
        mosquitto.kill();
        until(&mut status, |status| !status.connected).await;
        mosquitto.wipe();
        mosquitto.run();
        let back = until(&mut status, |status| status.connected).await;
        assert_eq!(back.reconnects, 1);
        assert!(
            !unanswered.answer(Verdict::Durable),
            "its connection is gone"
        );
        mosquitto.publish(&["-q", "1", "-m", "after"]);
        assert_eq!(&next(&mut deliveries).await.payload[..], b"after");
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_messages_sent_on_subscribing_are_marked_retained() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    mosquitto.publish(&["-q", "1", "-r", "-m", "old"]);
    let (_session, mut deliveries) = mosquitto.session(Protocol::V4);
    let old = next(&mut deliveries).await;
    assert!(old.retain);
    old.answer(Verdict::Durable);
    mosquitto.publish(&["-q", "1", "-r", "-m", "new"]);
    assert!(!next(&mut deliveries).await.retain);
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_5_subscribes_without_being_sent_old_messages() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    mosquitto.publish(&["-q", "1", "-r", "-m", "old"]);
    let (session, mut deliveries) = mosquitto.session(Protocol::V5);
    until(&mut session.status(), |status| status.connected).await;
    mosquitto.publish(&["-q", "1", "-r", "-m", "new"]);
    let first = next(&mut deliveries).await;
    assert_eq!((&first.payload[..], first.retain), (&b"new"[..], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_share_get_each_message_once_between_them() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    for protocol in BOTH {
        let shared = || {
            begin(SessionConfig {
                protocol,
                share_group: Some("hubs".to_owned()),
                ..SessionConfig::new("127.0.0.1", mosquitto.port, "hub", &["huitian/#"])
            })
        };
        let ((one, mut to_one), (two, mut to_two)) = (shared(), shared());
        for session in [&one, &two] {
            until(&mut session.status(), |status| status.connected).await;
        }
        let publisher = one.publisher();
        let mut counts = [0; 2];
        for number in 0..20_u8 {
            let payload = vec![number].into();
            let token = publisher.publish("huitian/x", payload, Qos::AtLeastOnce);
            drop(token.await.unwrap());
            let (delivery, who) = tokio::select! {
                delivery = next(&mut to_one) => (delivery, 0),
                delivery = next(&mut to_two) => (delivery, 1),
            };
            assert_eq!(delivery.payload, [number][..]);
            counts[who] += 1;
            delivery.answer(Verdict::Durable);
        }
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_and_wiped_while_we_publish_leaves_nothing_unknown_unreported() {
    const READINGS: u32 = 3_000;
    for protocol in BOTH {
        let Some(mut mosquitto) = Mosquitto::start() else {
            return;
        };
        let (session, mut deliveries) = mosquitto.session(protocol);
        let (publisher, mut status) = (session.publisher(), session.status());
        // What comes back counts as durable; what does not is published again, as an edge does.
        let back = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&back);
        let taking = tokio::spawn(async move {
            while let Some(delivery) = deliveries.recv().await {
                let number = <[u8; 4]>::try_from(&delivery.payload[..]).unwrap();
                seen.lock().unwrap().insert(u32::from_be_bytes(number));
                delivery.answer(Verdict::Durable);
            }
        });
        let mut fates = [0_usize; 2];
        for round in 0.. {
            until(&mut status, |status| status.connected).await;
            let missing: Vec<u32> = {
                let back = back.lock().unwrap();
                (0..READINGS)
                    .filter(|number| !back.contains(number))
                    .collect()
            };
            if missing.is_empty() {
                break;
            }
            assert!(round < 20, "{} are still missing", missing.len());
            let mut tokens = Vec::new();
            for number in missing {
                let payload = number.to_be_bytes().to_vec().into();
                match publisher
                    .publish("huitian/up", payload, Qos::AtLeastOnce)
                    .await
                {
                    Ok(token) => tokens.push(token),
                    Err(error) => {
                        assert_eq!(error, PublishError::NotConnected);
                        break;
                    }
                }
                if tokens.len() == 1_000 && round < 3 {
                    mosquitto.kill();
                    mosquitto.wipe();
                    mosquitto.run();
                }
            }
            for token in tokens {
                let fate = soon("a fate", token.fate()).await;
                fates[usize::from(fate == Fate::Lost)] += 1;
            }
        }
        let [taken, lost] = fates;
        assert!(lost > 0 && taken > 0, "{taken} taken, {lost} lost");
        assert!(status.borrow().reconnects >= 3);
        session.stop().await;
        taking.await.unwrap();
    }
}
