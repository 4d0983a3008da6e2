//! Publishing sends each message once it is due, and again until acknowledged.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;

fn message(number: u8) -> SimMessage {
    SimMessage {
        send_at_ms: 0,
        arrive_at_ms: 0,
        topic: "t".to_owned(),
        payload: vec![number],
        device: 0,
        readings: 1,
    }
}

fn config(broker: SocketAddr) -> PublishConfig {
    PublishConfig {
        broker,
        connections: 1,
        acknowledged: true,
    }
}

/// Takes a connection: CONNECT of any length under 128, CONNACK.
async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    packet(&mut stream).await;
    stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    stream
}

async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = stream.read_u8().await.unwrap();
    let len = stream.read_u8().await.unwrap();
    let mut body = vec![0; usize::from(len)];
    stream.read_exact(&mut body).await.unwrap();
    (first, body)
}

/// The next packet that is no ping.
async fn published(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    loop {
        let (first, body) = packet(stream).await;
        if first != 0xc0 {
            return (first, body);
        }
    }
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_with_the_duplicate_mark() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = listener.local_addr().unwrap();
    let (_stop, shutdown) = watch::channel(false);
    let messages = (0..3).map(message);
    let sender = tokio::spawn(publish(config(broker), messages, || 1, shutdown));
    let mut stream = accept(&listener).await;
    let (first, _) = published(&mut stream).await;
    assert_eq!(first, 0x32);
    drop(stream);
    let mut stream = accept(&listener).await;
    let mut seen = Vec::new();
    loop {
        let (first, body) = published(&mut stream).await;
        if first == 0xe0 {
            break;
        }
        seen.push((first, body[5]));
        stream
            .write_all(&[0x40, 2, body[3], body[4]])
            .await
            .unwrap();
    }
    let summary = sender.await.unwrap().unwrap();
    assert_eq!(seen.first(), Some(&(0x3a, 0)));
    let mut payloads: Vec<u8> = seen.iter().map(|(_, payload)| *payload).collect();
    payloads.dedup();
    assert_eq!(payloads, [0, 1, 2]);
    assert_eq!((summary.sent, summary.acknowledged), (3, 3));
    assert!(summary.sent_again >= 1 && summary.broken == 1);
}

#[tokio::test]
async fn another_host_is_refused_and_a_stop_ends_an_absent_broker() {
    let (stop, shutdown) = watch::channel(false);
    let away = config("192.0.2.1:1883".parse().unwrap());
    let refused = publish(away, std::iter::empty(), || 0, shutdown.clone()).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let broker = listener.local_addr().unwrap();
    drop(listener);
    stop.send_replace(true);
    let summary = publish(config(broker), (0..3).map(message), || 1, shutdown).await;
    assert_eq!(summary.unwrap().acknowledged, 0);
}
