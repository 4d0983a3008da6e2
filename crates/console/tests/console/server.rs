//! The listener: who may connect, and for how long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use huitian_console::{Console, ConsoleConfig, ConsoleError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::desk::{NOW, board, config};
use crate::past::Past;
use crate::world::World;

fn bind(config: ConsoleConfig) -> Result<Console, ConsoleError> {
    let world = World::new(2);
    let board = board(&world);
    Console::bind(config, Arc::new(Past::new(world, NOW)), board)
}

struct Running {
    at: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<Result<(), ConsoleError>>,
}

fn start(config: ConsoleConfig) -> Running {
    let console = bind(config).unwrap();
    let at = console.local_addr().unwrap();
    let (stop, shutdown) = watch::channel(false);
    let served = tokio::spawn(console.serve(shutdown));
    Running { at, stop, served }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, what).await.expect("in time")
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    within(stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off_while_others_are_served() {
    let running = start(config());
    let mut slow = TcpStream::connect(running.at).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        .await
        .unwrap();
    let mut good = TcpStream::connect(running.at).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    good.write_all(request).await.unwrap();
    assert!(read_all(&mut good).await.ends_with("ok\n"));
    let cut = read_all(&mut slow).await;
    assert!(!cut.contains("200 OK"), "{cut}");
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused() {
    for text in ["0.0.0.0:0", "192.0.2.1:8080", "[::]:0"] {
        let http = text.parse().unwrap();
        let error = bind(ConsoleConfig { http, ..config() }).err().unwrap();
        assert!(matches!(error, ConsoleError::NotLoopback(_)), "{error}");
        assert!(error.to_string().contains("--http"), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_flag() {
    let first = bind(config()).unwrap();
    let http = first.local_addr().unwrap();
    let error = bind(ConsoleConfig { http, ..config() }).err().unwrap();
    let text = error.to_string();
    let port = format!("port {} is taken", http.port());
    assert!(text.contains(&port) && text.contains("--http"), "{text}");
}

#[tokio::test]
async fn shutdown_ends_event_streams_and_returns() {
    let running = start(config());
    let mut events = TcpStream::connect(running.at).await.unwrap();
    let request = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    events.write_all(request).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("event: figures") {
        let mut bytes = [0; 4_096];
        let n = within(events.read(&mut bytes)).await.unwrap();
        assert!(n > 0, "the stream goes on");
        seen.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    running.stop.send_replace(true);
    within(running.served).await.unwrap().unwrap();
    read_all(&mut events).await;
}

#[tokio::test]
async fn one_event_stream_too_many_is_refused_with_a_reason() {
    let mut config = config();
    config.limits.event_streams = 1;
    let running = start(config);
    let request = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut first = TcpStream::connect(running.at).await.unwrap();
    first.write_all(request).await.unwrap();
    let mut bytes = [0; 64];
    within(first.read_exact(&mut bytes)).await.unwrap();
    let mut second = TcpStream::connect(running.at).await.unwrap();
    second.write_all(request).await.unwrap();
    let mut answer = [0; 12];
    within(second.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
}
