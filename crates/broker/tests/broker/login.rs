//! Only users get in, and each does what its role may and nothing else.

use std::time::{Duration, Instant};

use huitian_broker::{Notice, Reach, Verdict};
use tokio::net::{TcpSocket, TcpStream};

use super::support::{Client, Hello, PUBACK, PUBREC, next, soon};
use super::users::{FILE, Guarded, guarded, hello, write_secret, write_users};

const QOS1: u8 = 2;
const QOS2: u8 = 4;

/// The code in the words of a version.
fn code(level: u8, in_311: u8, in_5: u8) -> u8 {
    if level == 5 { in_5 } else { in_311 }
}

#[tokio::test]
async fn who_cannot_say_who_it_is_is_refused_by_its_code() {
    let Guarded { broker, .. } = guarded(None).await;
    let broker_addr = broker.local_addr();
    for level in [4, 5] {
        let known = hello(level, "bin-1");
        let nobody = Hello {
            user: None,
            password: None,
            ..known
        };
        let silent = Hello {
            password: None,
            ..known
        };
        for one in [nobody, silent] {
            assert_eq!(
                Client::refused(broker_addr, &one).await,
                code(level, 5, 0x87)
            );
        }
        let wrong = Hello {
            password: Some("00112233445566778899aabbccddeefe"),
            ..known
        };
        let cases = ["+", "#", "bin-9", "BIN-1", ""].map(|name| hello(level, name));
        let guesses = cases
            .into_iter()
            .chain([wrong])
            .map(|one| tokio::spawn(async move { Client::refused(broker_addr, &one).await }));
        for guess in guesses.collect::<Vec<_>>() {
            assert_eq!(guess.await.unwrap(), code(level, 4, 0x86));
        }
        Client::hello(broker_addr, &known).await;
    }
    assert_eq!(broker.counts().refused_logins, 16);
}

#[tokio::test]
async fn a_refusal_does_not_tell_whether_the_user_exists() {
    let guarded = guarded(None).await;
    let chosen = huitian_broker::PasswordHash::of_chosen("apfel").unwrap();
    write_secret(
        &guarded.file,
        &format!("bin-1 device site=yard password={chosen}\nbin-2 edge"),
    );
    guarded.users.reload().unwrap();
    let addr = guarded.broker.local_addr();
    let guesses = ["bin-1", "bin-2", "bin-3"].map(|name| {
        tokio::spawn(async move {
            let begun = Instant::now();
            let refused = Client::refused(addr, &hello(5, name)).await;
            (refused, begun.elapsed())
        })
    });
    for guess in guesses {
        let (refused, took) = guess.await.unwrap();
        assert_eq!(refused, 0x86);
        assert!(took >= Duration::from_secs(1), "after {took:?}");
    }
    let right = Hello {
        password: Some("apfel"),
        ..hello(5, "bin-1")
    };
    Client::hello(addr, &right).await;
}

#[tokio::test]
async fn guessing_is_refused_after_five_wrong_passwords_and_meets_only_the_guesser() {
    let mut guarded = guarded(None).await;
    let addr = guarded.broker.local_addr();
    let wrong = Hello {
        password: Some("guess"),
        ..hello(5, "bin-1")
    };
    let guesses =
        [wrong; 12].map(|one| tokio::spawn(async move { Client::refused(addr, &one).await }));
    let mut looked_at = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            0x86 => looked_at += 1,
            other => assert_eq!(other, 0x9F),
        }
    }
    assert_eq!(looked_at, 5, "also at the same time");
    assert_eq!(
        Client::refused(addr, &hello(5, "bin-1")).await,
        0x9F,
        "even if right"
    );
    assert_eq!(Client::refused(addr, &hello(4, "bin-1")).await, 3);
    let notice = soon("a notice", guarded.notices.recv()).await;
    let address = "127.0.0.1".parse().unwrap();
    assert_eq!(notice, Some(Notice::LoginsBlocked { address }));
    assert!(guarded.notices.try_recv().is_err(), "told once");
    Client::hello(addr, &hello(5, "bin-2")).await;
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let elsewhere = elsewhere.connect(addr).await.unwrap();
    assert!(Client::over(elsewhere, &hello(5, "bin-1")).await.is_ok());
}

#[tokio::test]
async fn a_client_id_is_its_users() {
    let Guarded { broker, .. } = guarded(None).await;
    let addr = broker.local_addr();
    for level in [4, 5] {
        let mut owner = Client::hello(addr, &hello(level, "bin-1")).await;
        for (user, client_id) in [
            ("bin-2", "bin-1"),
            ("bin", "bin-1"),
            ("bin", "bin-1/x"),
            ("bin", "x"),
            ("watch", "bin"),
        ] {
            let thief = Hello {
                client_id,
                ..hello(level, user)
            };
            assert_eq!(Client::refused(addr, &thief).await, code(level, 2, 0x85));
        }
        assert_eq!(owner.before_ping_answer().await, [], "not taken over");
        for client_id in ["bin-1-spare", "bin-1/spare", ""] {
            let own = Hello {
                client_id,
                ..hello(level, "bin-1")
            };
            Client::hello(addr, &own).await;
        }
    }
    assert_eq!(broker.counts().takeovers, 0);
}

#[tokio::test]
async fn a_device_that_publishes_as_another_is_refused_and_never_acknowledged() {
    let mut guarded = guarded(None).await;
    let addr = guarded.broker.local_addr();
    for flags in [0, QOS1, QOS2] {
        let mut device = Client::hello(addr, &hello(4, "bin-1")).await;
        device
            .publish(flags, 7, "huitian/v1/yard/bin-2", b"fill")
            .await;
        assert_eq!(device.receive().await, None, "closed without a word");
    }
    let mut device = Client::hello(addr, &hello(5, "bin-1")).await;
    device
        .publish(QOS1, 1, "huitian/v1/yard/bin-1", b"mine")
        .await;
    device
        .publish(QOS1, 2, "huitian/v1/yard/bin-2", b"not mine")
        .await;
    device
        .publish(QOS2, 3, "huitian/edge/v1/gate-3/up", b"not mine")
        .await;
    let mine = next(&mut guarded.deliveries).await;
    assert_eq!(
        (&*mine.client_id, &mine.payload[..]),
        ("bin-1", &b"mine"[..])
    );
    assert_eq!(
        device.before_ping_answer().await,
        [],
        "refusals keep the order"
    );
    mine.answer(Verdict::Durable);
    device.expect_ack(PUBACK, 1).await;
    assert_eq!(device.receive().await, Some((PUBACK, vec![0, 2, 0x87])));
    assert_eq!(device.receive().await, Some((PUBREC, vec![0, 3, 0x87])));
    // Refused, and so its id is not taken for a repetition.
    device
        .publish(QOS2, 3, "huitian/v1/yard/bin-1", b"mine too")
        .await;
    let mine = next(&mut guarded.deliveries).await;
    assert_eq!(&mine.payload[..], b"mine too");
    mine.answer(Verdict::Durable);
    device.expect_ack(PUBREC, 3).await;
    device
        .publish(0, 0, "huitian/v1/yard/bin-2", b"not mine")
        .await;
    assert_eq!(device.receive().await, Some((0xE0, vec![0x87])));
    assert!(
        guarded.deliveries.try_recv().is_err(),
        "something forbidden was delivered"
    );
    let counts = guarded.broker.counts();
    assert_eq!((counts.refused_publishes, counts.acknowledged), (6, 2));
}

#[tokio::test]
async fn a_device_that_subscribes_to_others_is_refused_and_sees_nothing() {
    let Guarded {
        broker,
        mut deliveries,
        ..
    } = guarded(None).await;
    let addr = broker.local_addr();
    for level in [4, 5] {
        let mut spy = Client::hello(addr, &hello(level, "bin-1")).await;
        for filter in [
            "#",
            "+/#",
            "huitian/#",
            "huitian/v1/yard/+",
            "huitian/v1/yard/bin-2/down",
        ] {
            assert_eq!(
                spy.subscribe(filter, 1).await,
                code(level, 0x80, 0x87),
                "{filter}"
            );
        }
        assert_eq!(spy.subscribe("huitian/v1/yard/bin-1/down", 1).await, 1);
        let mut watch = Client::hello(addr, &hello(level, "watch")).await;
        assert_eq!(watch.subscribe("huitian/#", 0).await, 0);
        let mut other = Client::hello(addr, &hello(level, "bin-2")).await;
        other
            .publish(QOS1, 1, "huitian/v1/yard/bin-2", b"secret")
            .await;
        next(&mut deliveries).await.answer(Verdict::Durable);
        assert_eq!(watch.expect_publish().await.2, b"secret");
        assert_eq!(spy.before_ping_answer().await, []);
    }
    assert_eq!(broker.counts().refused_subscriptions, 10);
}

#[tokio::test]
async fn an_edge_hears_the_hub_and_a_gateway_speaks_for_its_devices() {
    let mut guarded = guarded(None).await;
    let addr = guarded.broker.local_addr();
    let mut edge = Client::hello(addr, &hello(4, "gate-3")).await;
    assert_eq!(edge.subscribe("huitian/edge/v1/gate-3/down", 1).await, 1);
    let down = "huitian/edge/v1/gate-3/down";
    let qos = huitian_broker::Qos::AtLeastOnce;
    assert_eq!(
        guarded
            .broker
            .publish(down, "7".into(), qos, false)
            .unwrap()
            .queued,
        1
    );
    assert_eq!(edge.expect_publish().await.2, b"7");
    edge.publish(QOS1, 1, "huitian/edge/v1/gate-3/up", b"frame")
        .await;
    next(&mut guarded.deliveries).await.answer(Verdict::Durable);
    edge.expect_ack(PUBACK, 1).await;
    let mut lora = Client::hello(addr, &hello(4, "lora")).await;
    lora.publish(QOS1, 1, "application/7/device/a8/event/up", b"{}")
        .await;
    next(&mut guarded.deliveries).await.answer(Verdict::Durable);
    lora.expect_ack(PUBACK, 1).await;
}

#[tokio::test]
async fn a_will_is_held_to_the_same_rights() {
    let guarded = guarded(None).await;
    for level in [4, 5] {
        let forger = Hello {
            will: Some(("huitian/v1/yard/bin-2", b"forged")),
            ..hello(level, "bin-1")
        };
        let refused = Client::refused(guarded.broker.local_addr(), &forger).await;
        assert_eq!(refused, code(level, 5, 0x87));
    }
}

#[tokio::test]
async fn a_user_who_is_removed_is_disconnected_and_the_others_notice_nothing() {
    let guarded = guarded(None).await;
    let addr = guarded.broker.local_addr();
    let mut gone = Client::hello(addr, &hello(5, "bin-1")).await;
    let mut stays = Client::hello(addr, &hello(5, "bin-2")).await;
    let before = std::fs::read_to_string(&guarded.file).unwrap();
    write_secret(&guarded.file, "no good line");
    assert!(guarded.users.reload().is_err());
    assert_eq!(gone.before_ping_answer().await, [], "all stays as it was");
    let is_kept = |line: &&str| !line.starts_with("bin-1 ");
    let lines: Vec<_> = before.lines().filter(is_kept).collect();
    assert_eq!(lines.len(), FILE.len() - 1);
    write_secret(&guarded.file, &lines.join("\n"));
    guarded.users.reload().unwrap();
    assert_eq!(gone.receive().await, Some((0xE0, vec![0x87])));
    assert_eq!(Client::refused(addr, &hello(5, "bin-1")).await, 0x86);
    write_secret(&guarded.file, &before);
    guarded.users.reload().unwrap();
    Client::hello(addr, &hello(5, "bin-1")).await;
    assert_eq!(stays.before_ping_answer().await, []);
}

#[tokio::test]
async fn a_session_is_not_kept_for_a_user_whose_rights_have_changed() {
    let guarded = guarded(None).await;
    let addr = guarded.broker.local_addr();
    let kept = Hello {
        clean: false,
        ..hello(4, "watch")
    };
    let mut watch = Client::hello(addr, &kept).await;
    assert_eq!(watch.subscribe("huitian/#", 1).await, 1);
    drop(watch);
    assert!(Client::hello(addr, &kept).await.session_present);
    // While it is connected, its session would end with its connection.
    let is_gone = async {
        while guarded.broker.counts().connections > 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the end of the connection", is_gone).await;
    write_users(&guarded.file, &["watch device site=yard"]);
    guarded.users.reload().unwrap();
    let socket = TcpStream::connect(addr).await.unwrap();
    let mut demoted = Client::over(socket, &kept).await.unwrap();
    assert!(!demoted.session_present);
    let qos = huitian_broker::Qos::AtLeastOnce;
    let reach = guarded
        .broker
        .publish("huitian/x", "secret".into(), qos, false);
    assert_eq!(reach.unwrap().queued, 0);
    assert_eq!(demoted.before_ping_answer().await, []);
}

#[tokio::test]
async fn a_removed_users_session_ends_with_its_connection() {
    let guarded = guarded(None).await;
    let kept = Hello {
        clean: false,
        ..hello(4, "watch")
    };
    let mut watch = Client::hello(guarded.broker.local_addr(), &kept).await;
    assert_eq!(watch.subscribe("huitian/#", 1).await, 1);
    write_secret(&guarded.file, "");
    guarded.users.reload().unwrap();
    assert!(watch.is_closed().await);
    let qos = huitian_broker::Qos::AtLeastOnce;
    let say = || {
        guarded
            .broker
            .publish("huitian/x", "secret".into(), qos, false)
    };
    let is_gone = async {
        while say().unwrap() != Reach::default() {
            tokio::task::yield_now().await;
        }
    };
    soon("the end of the session", is_gone).await;
}
