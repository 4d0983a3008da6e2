//! TLS and certificates: who shows the right one gets in, and nobody holds the others up.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use huitian_broker::{Broker, BrokerConfig, BrokerError, Qos, Tls, Verdict};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, DnType, KeyIdMethod, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::pki::{Pki, client};
use super::programs::{Running, find, run};
use super::support::{Client, Hello, PUBACK, any_port, next, soon};
use super::users::{TOKEN, guarded, hello, write_secret};

/// A user that its certificate names: it need say nothing.
fn unnamed(client_id: &'static str) -> Hello {
    Hello::v311(client_id)
}

#[tokio::test]
async fn passwords_and_messages_pass_through_both_versions_of_tls() {
    let pki = Pki::new();
    let mut guarded = guarded(Some(pki.tls())).await;
    for version in [&TLS12, &TLS13] {
        let socket = TcpStream::connect(guarded.broker.local_addr())
            .await
            .unwrap();
        let stream = pki.over(socket, None, version).await.unwrap();
        let mut device = Client::over(stream, &hello(5, "bin-1")).await.unwrap();
        let down = "huitian/v1/yard/bin-1/down";
        assert_eq!(device.subscribe(down, 1).await, 1);
        let payload = vec![b'x'; 200_000];
        device
            .publish(2, 1, "huitian/v1/yard/bin-1", &payload)
            .await;
        let delivery = next(&mut guarded.deliveries).await;
        assert!(delivery.payload == payload);
        assert_eq!(device.before_ping_answer().await, []);
        delivery.answer(Verdict::Durable);
        device.expect_ack(PUBACK, 1).await;
        let answer = payload.clone().into();
        guarded
            .broker
            .publish(down, answer, Qos::AtLeastOnce, false)
            .unwrap();
        assert!(device.expect_publish().await.2 == payload);
    }
    let stream = pki
        .connect(guarded.broker.local_addr(), None)
        .await
        .unwrap();
    let wrong = Hello {
        password: Some("guess"),
        ..hello(5, "bin-1")
    };
    assert_eq!(Client::over(stream, &wrong).await.err(), Some(0x86));
}

#[tokio::test]
async fn the_last_bytes_reach_a_client_that_reads_slowly() {
    let pki = Pki::new();
    let guarded = guarded(Some(pki.tls())).await;
    let stream = pki
        .connect(guarded.broker.local_addr(), None)
        .await
        .unwrap();
    let mut device = Client::over(stream, &hello(4, "bin-1")).await.unwrap();
    let down = "huitian/v1/yard/bin-1/down";
    assert_eq!(device.subscribe(down, 0).await, 0);
    // More than the socket's buffers hold, and less than a session's queue.
    let payload = bytes::Bytes::from(vec![b'x'; 1_000_000]);
    for _ in 0..8 {
        let reach = guarded
            .broker
            .publish(down, payload.clone(), Qos::AtMostOnce, false);
        assert_eq!(reach.unwrap().queued, 1);
    }
    for _ in 0..8 {
        assert!(device.expect_publish().await.2 == payload);
    }
}

#[tokio::test]
async fn a_certificate_is_the_identity() {
    let pki = Pki::new();
    let mut guarded = guarded(Some(pki.mutual())).await;
    let addr = guarded.broker.local_addr();
    pki.issue("gate", &client("gate-3"), &pki.ours);
    let stream = pki.connect(addr, Some("gate")).await.unwrap();
    let mut edge = Client::over(stream, &unnamed("gate-3")).await.unwrap();
    edge.publish(2, 1, "huitian/edge/v1/gate-3/up", b"frame")
        .await;
    next(&mut guarded.deliveries).await.answer(Verdict::Durable);
    edge.expect_ack(PUBACK, 1).await;
    edge.publish(2, 2, "huitian/edge/v1/gate-4/up", b"frame")
        .await;
    assert_eq!(edge.receive().await, None);
    // The password of another does not help, nor its client id.
    for hello in [hello(4, "bin-1"), unnamed("bin-1")] {
        assert!(!pki.lets_in(addr, Some("gate"), &hello).await);
    }
    pki.issue("stranger", &client("gate-9"), &pki.ours);
    assert!(
        !pki.lets_in(addr, Some("stranger"), &unnamed("gate-9"))
            .await
    );
    let names = vec!["gate-3".to_owned()];
    let mut by_dns_name = CertificateParams::new(names).unwrap();
    by_dns_name
        .distinguished_name
        .push(DnType::CommonName, "bin-1");
    pki.issue("dns", &by_dns_name, &pki.ours);
    assert!(pki.lets_in(addr, Some("dns"), &unnamed("gate-3")).await);
}

#[tokio::test]
async fn certificates_that_are_not_good_are_refused() {
    let pki = Pki::new();
    let mut expired = client("gate-3");
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    pki.issue("expired", &expired, &pki.ours);
    pki.issue("wrong-ca", &client("gate-3"), &pki.theirs);
    pki.issue("good", &client("gate-3"), &pki.ours);
    let mut revoked = client("gate-3");
    revoked.serial_number = Some(SerialNumber::from(7));
    pki.issue("revoked", &revoked, &pki.ours);
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2099, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(7),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&pki.ours).unwrap().pem().unwrap();
    write_secret(&pki.file("crl.pem"), &list);
    let tls = Tls {
        client_crl: Some(pki.file("crl.pem")),
        ..pki.mutual()
    };
    let guarded = guarded(Some(tls)).await;
    let addr = guarded.broker.local_addr();
    let hello = unnamed("gate-3");
    for certificate in [Some("expired"), Some("wrong-ca"), Some("revoked"), None] {
        let is_in = pki.lets_in(addr, certificate, &hello).await;
        assert!(!is_in, "{certificate:?}");
    }
    assert_eq!(guarded.broker.counts().failed_handshakes, 4);
    assert!(pki.lets_in(addr, Some("good"), &hello).await);
}

#[tokio::test]
async fn plain_text_and_older_tls_are_refused() {
    let pki = Pki::new();
    let guarded = guarded(Some(pki.tls())).await;
    let addr = guarded.broker.local_addr();
    let plain = said(addr, &hello_packet()).await;
    assert_ne!(plain.first(), Some(&0x20), "a CONNACK");
    // Alert, fatal, protocol_version (RFC 5246, 7.2). The same of TLS 1.2 is refused for its
    // suites.
    for (minor, alert) in [(1, 70), (2, 70), (3, 40)] {
        let older = said(addr, &client_hello(minor)).await;
        assert_eq!(older.get(5..), Some(&[2, alert][..]), "TLS 1.{}", minor - 1);
    }
    assert_eq!(guarded.broker.counts().failed_handshakes, 4);
}

/// What the broker says to these bytes before it closes.
async fn said(broker: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(broker).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let end = soon("the end", socket.read_to_end(&mut answer)).await;
    assert!(end.is_ok() || answer.is_empty());
    answer
}

fn hello_packet() -> Vec<u8> {
    b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bin-1".to_vec()
}

/// A `ClientHello` that knows no more than TLS 1.0 or 1.1 (RFC 4346, 7.4.1.2).
fn client_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session; the suites TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA and TLS_RSA_WITH_AES_128_CBC_SHA.
    body.extend([0, 0, 4, 0xC0, 0x13, 0x00, 0x2F, 1, 0]);
    // One extension: signature algorithms, ECDSA and RSA-PSS with SHA-256.
    body.extend([0, 10, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4]);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

#[tokio::test]
async fn handshakes_that_never_end_hold_up_only_their_own_address() {
    let pki = Pki::new();
    let guarded = guarded(Some(pki.tls())).await;
    let addr = guarded.broker.local_addr();
    let mut flood = Vec::new();
    for n in 0..128_usize {
        let mut slow = TcpStream::connect(addr).await.unwrap();
        // Half of them stop in the middle of their first message.
        if n % 2 == 0 {
            slow.write_all(&client_hello(3)[..9]).await.unwrap();
        }
        flood.push(slow);
    }
    let all_are_in = async {
        while guarded.broker.counts().connections < 128 {
            tokio::task::yield_now().await;
        }
    };
    soon("the flood", all_are_in).await;
    let mut one_more = TcpStream::connect(addr).await.unwrap();
    let end = soon("the end", one_more.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "closed at once");
    assert_eq!(guarded.broker.counts().refused_connections, 1);
    let elsewhere = TcpSocket::new_v4().unwrap();
    let other: IpAddr = "127.0.0.2".parse().unwrap();
    elsewhere.bind(SocketAddr::new(other, 0)).unwrap();
    let begun = std::time::Instant::now();
    let elsewhere = elsewhere.connect(addr).await.unwrap();
    let stream = pki.over(elsewhere, None, &TLS13).await.unwrap();
    let mut device = Client::over(stream, &hello(4, "bin-1")).await.unwrap();
    assert_eq!(device.before_ping_answer().await, []);
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    // Those that have waited too long are closed, and their address gets in again.
    for mut slow in flood {
        assert!(matches!(
            soon("the end", slow.read(&mut [0; 1])).await,
            Ok(0) | Err(_)
        ));
    }
    assert_eq!(guarded.broker.counts().failed_handshakes, 128);
    assert!(pki.lets_in(addr, None, &hello(4, "bin-2")).await);
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let pki = Pki::new();
    let guarded = guarded(Some(pki.tls())).await;
    let addr = guarded.broker.local_addr();
    let shown = async || {
        let stream = pki.connect(addr, None).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let first = shown().await;
    write_secret(&pki.file("broker.key"), "no key");
    assert!(guarded.broker.reload_tls().is_err());
    assert_eq!(shown().await, first, "all stays as it was");
    let names = vec!["localhost".to_owned()];
    pki.issue("broker", &CertificateParams::new(names).unwrap(), &pki.ours);
    guarded.broker.reload_tls().unwrap();
    assert_ne!(shown().await, first);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let pki = Pki::new();
    let start = async |tls: Tls| {
        let (inbox, _deliveries) = mpsc::channel(1);
        let config = BrokerConfig {
            tls: Some(tls),
            ..BrokerConfig::new(any_port())
        };
        Broker::start(config, inbox).await.unwrap_err()
    };
    assert!(matches!(
        start(pki.mutual()).await,
        BrokerError::CertificatesWithoutUsers
    ));
    let missing = Tls {
        cert: pki.file("missing.pem"),
        ..pki.tls()
    };
    assert!(start(missing).await.to_string().contains("missing.pem"));
    let foreign = Tls {
        key: pki.file("ca.pem"),
        ..pki.tls()
    };
    assert!(start(foreign).await.to_string().contains("a private key"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(pki.file("broker.key"), readable).unwrap();
        let error = start(pki.tls()).await.to_string();
        assert!(error.contains("mode 644"), "{error}");
    }
}

fn publish_by_mosquitto(program: &Path, broker: &Broker, arguments: &[&str]) -> Command {
    let port = broker.local_addr().port().to_string();
    let mut command = Command::new(program);
    command.args([
        "-h",
        "localhost",
        "-p",
        &port,
        "-q",
        "1",
        "-m",
        "{\"fill\":40}",
    ]);
    command.args(arguments);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_logs_in_with_passwords_and_certificates() {
    let Some(publisher) = find("mosquitto_pub") else {
        return;
    };
    let pki = Pki::new();
    pki.issue("gate", &client("gate-3"), &pki.ours);
    let paths = ["ca.pem", "other-ca.pem", "gate.pem", "gate.key"]
        .map(|name| pki.file(name).to_str().unwrap().to_owned());
    let [ca, other_ca, cert, key] = paths.each_ref().map(String::as_str);
    let device = [
        "-t",
        "huitian/v1/yard/bin-1",
        "-i",
        "bin-1",
        "-u",
        "bin-1",
        "-P",
        TOKEN,
    ];
    let edge = [
        "-t",
        "huitian/edge/v1/gate-3/up",
        "-i",
        "gate-3",
        "--cert",
        cert,
        "--key",
        key,
    ];
    for (tls, who) in [
        (None, device.to_vec()),
        (Some(pki.tls()), [&device[..], &["--cafile", ca]].concat()),
        (Some(pki.mutual()), [&edge[..], &["--cafile", ca]].concat()),
    ] {
        let mut guarded = guarded(tls).await;
        for version in ["mqttv311", "mqttv5"] {
            let arguments = [&who[..], &["-V", version]].concat();
            let mut command = publish_by_mosquitto(&publisher, &guarded.broker, &arguments);
            let publishing = tokio::task::spawn_blocking(move || command.status().unwrap());
            next(&mut guarded.deliveries).await.answer(Verdict::Durable);
            assert!(soon("mosquitto_pub", publishing).await.unwrap().success());
        }
    }
    // It does not trust a broker whose certificate another authority has signed.
    let guarded = guarded(Some(pki.tls())).await;
    let arguments = [&device[..], &["--cafile", other_ca]].concat();
    let mut command = publish_by_mosquitto(&publisher, &guarded.broker, &arguments);
    let publishing = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = soon("mosquitto_pub", publishing).await.unwrap();
    assert!(!output.status.success());
    assert_eq!(guarded.broker.counts().failed_handshakes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_sub_watches_over_tls_what_the_owner_says() {
    let Some(subscriber) = find("mosquitto_sub") else {
        return;
    };
    let pki = Pki::new();
    let guarded = guarded(Some(pki.tls())).await;
    let port = guarded.broker.local_addr().port().to_string();
    let ca = pki.file("ca.pem");
    let mut command = Command::new(&subscriber);
    command.args([
        "-h",
        "localhost",
        "-p",
        &port,
        "-u",
        "watch",
        "-P",
        TOKEN,
        "-i",
        "watch",
    ]);
    command
        .args(["-t", "huitian/#", "-q", "1", "-F", "seen %t %p", "--cafile"])
        .arg(&ca);
    let mut watcher = Running::start(&mut command);
    let topic = "huitian/edge/v1/gate-3/down";
    guarded
        .broker
        .publish(topic, "7".into(), Qos::AtLeastOnce, true)
        .unwrap();
    let seen = format!("seen {topic} 7");
    tokio::task::block_in_place(|| watcher.line(|line| line == seen));
    // One that may not subscribe is told so.
    let mut arguments = vec!["-h", "localhost", "-p", &port, "-u", "bin-1", "-P", TOKEN];
    let ca = ca.to_str().unwrap();
    arguments.extend(["-i", "bin-1", "-t", "#", "-E", "--cafile", ca]);
    run(&subscriber, &arguments);
    assert_eq!(guarded.broker.counts().refused_subscriptions, 1);
}
