//! How many durable `QoS` 1 messages a second the broker takes: prints one line for each case.
//!
//! `cargo run --release -p huitian-broker --example pipelined -- [commit_ms] [seconds]`
//!
//! A commit is simulated by a wait of `commit_ms` (default 3): all that has arrived when it begins
//! is answered when it ends, as a group commit does. Each message is 150 bytes. Every message sent
//! must be acknowledged exactly once and in order, otherwise the program fails.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program, not a library"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use huitian_broker::{Broker, BrokerConfig, Delivery, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// One group: 20,000 messages of 150 bytes are 3 MB.
const GROUP_MAX: usize = 20_000;
const PAYLOAD: [u8; 150] = [b'x'; 150];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().unwrap())
    };
    let (commit_ms, seconds) = (number(3), number(5));
    let (inbox, deliveries) = mpsc::channel(GROUP_MAX);
    let intake = tokio::spawn(commit(deliveries, Duration::from_millis(commit_ms)));
    let config = BrokerConfig::new("127.0.0.1:0".parse().unwrap());
    let broker = Broker::start(config, inbox).await.unwrap();
    println!("commit of {commit_ms} ms, {} byte messages", PAYLOAD.len());
    for (connections, window) in [(1, 100), (1, 1_000), (1, 4_000), (50, 100), (50, 1)] {
        let acked = load(broker.local_addr(), connections, window, seconds).await;
        println!("{connections:>3} connections x {window:>4} in flight: {acked:>9.0} msg/s");
    }
    broker.stop().await;
    intake.await.unwrap();
}

async fn commit(mut deliveries: mpsc::Receiver<Delivery>, wait: Duration) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while deliveries.recv_many(&mut group, GROUP_MAX).await > 0 {
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        for delivery in group.drain(..) {
            assert!(delivery.answer(Verdict::Durable), "a publisher went away");
        }
    }
}

async fn load(broker: SocketAddr, connections: u16, window: u64, seconds: u64) -> f64 {
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let mut publishers = JoinSet::new();
    for number in 0..connections {
        publishers.spawn(publisher(broker, number, window, end));
    }
    let mut acked = 0_u32;
    while let Some(one) = publishers.join_next().await {
        acked += one.unwrap();
    }
    f64::from(acked) / begin.elapsed().as_secs_f64()
}

async fn publisher(broker: SocketAddr, number: u16, window: u64, end: Instant) -> u32 {
    let mut socket = TcpStream::connect(broker).await.unwrap();
    socket.set_nodelay(true).unwrap();
    socket.write_all(&connect(number)).await.unwrap();
    let mut connack = [0; 4];
    socket.read_exact(&mut connack).await.unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    let (mut sent, mut acked) = (0_u64, 0_u64);
    let mut out = Vec::new();
    let mut received = Vec::new();
    while Instant::now() < end || acked < sent {
        out.clear();
        while Instant::now() < end && sent - acked < window {
            sent += 1;
            publish(&mut out, id(sent), number);
        }
        socket.write_all(&out).await.unwrap();
        if sent == acked {
            continue;
        }
        assert!(
            socket.read_buf(&mut received).await.unwrap() > 0,
            "the broker closed"
        );
        let whole = received.len() / 4 * 4;
        for puback in received.drain(..whole).collect::<Vec<_>>().chunks(4) {
            acked += 1;
            let [high, low] = id(acked).to_be_bytes();
            assert_eq!(puback, [0x40, 2, high, low]);
        }
    }
    u32::try_from(acked).unwrap()
}

fn id(count: u64) -> u16 {
    u16::try_from(count % 65_535 + 1).unwrap()
}

fn connect(number: u16) -> Vec<u8> {
    let client_id = format!("load-{number:05}");
    let mut packet = vec![0x10, 22, 0, 4];
    packet.extend_from_slice(b"MQTT\x04\x02\x00\x3C\x00\x0A");
    packet.extend_from_slice(client_id.as_bytes());
    packet
}

fn publish(out: &mut Vec<u8>, id: u16, number: u16) {
    let topic = format!("huitian/v1/site-{number:05}/device-{number:05}");
    let length = u16::try_from(2 + topic.len() + 2 + PAYLOAD.len()).unwrap();
    out.push(0x32);
    out.push(u8::try_from(length & 0x7F).unwrap() | 0x80);
    out.push(u8::try_from(length >> 7).unwrap());
    out.extend_from_slice(&u16::try_from(topic.len()).unwrap().to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&PAYLOAD);
}
