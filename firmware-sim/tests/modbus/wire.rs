//! The simulated lines' bytes and times, seen through plain sockets.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firmware_sim::modbus::{Counts, Fault, Line, Rates, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::support::{EVENING, LOCAL, counting};

/// A read of two registers from 7 on, as serial frame.
const READ: [u8; 8] = [1, 3, 0, 7, 0, 2, 0x75, 0xca];
const REPLY: [u8; 9] = [1, 3, 4, 0, 22, 0, 25, 0xda, 0x3d];

/// Longer than anything takes here, so that a failure is no hang.
const PATIENCE: Duration = Duration::from_secs(20);

async fn talk(line: Line) -> (Server, TcpStream) {
    let mut server = Server::new(line, || EVENING);
    let at = server.listen_rtu_over_tcp(LOCAL.into()).await.unwrap();
    (server, TcpStream::connect(at).await.unwrap())
}

#[tokio::test]
async fn late_and_dripping_bytes_come_when_they_should() {
    let late = Duration::from_millis(700);
    let line = counting(1)
        .late_by(late)
        .drip_every(Duration::from_millis(20))
        .with_script([Some(Fault::Late), None, Some(Fault::Drip)]);
    let (server, mut stream) = talk(line).await;
    let begun = Instant::now();
    stream.write_all(&READ).await.unwrap();
    // The second reply overtakes the first.
    stream.write_all(&READ).await.unwrap();
    let mut reply = [0; 9];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!((reply, begun.elapsed() < late), (REPLY, true));
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!((reply, begun.elapsed() >= late), (REPLY, true));
    let begun = Instant::now();
    stream.write_all(&READ).await.unwrap();
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, REPLY);
    assert!(begun.elapsed() >= Duration::from_millis(160));
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_closed_connection_is_closed_and_the_next_one_is_answered() {
    let (mut server, mut stream) = talk(counting(1).with_script([Some(Fault::Closed)])).await;
    stream.write_all(&READ).await.unwrap();
    let mut nothing = [0; 9];
    let read = timeout(PATIENCE, stream.read(&mut nothing)).await;
    assert_eq!(read.unwrap().unwrap(), 0);
    let again = server.listen_rtu_over_tcp(LOCAL.into()).await.unwrap();
    let mut stream = TcpStream::connect(again).await.unwrap();
    stream.write_all(&READ).await.unwrap();
    let mut reply = [0; 9];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, REPLY);
    server.end().await.unwrap();
}

/// All bytes that 300 requests bring over a socket, and what was counted.
async fn bytes_of(seed: u64) -> (Vec<u8>, Counts) {
    // Only faults that keep the number of replies and need no waiting.
    let rates = [
        Fault::Crc,
        Fault::Short,
        Fault::WrongUnit,
        Fault::Busy,
        Fault::Stray,
    ];
    let rates = rates
        .into_iter()
        .fold(Rates::none(), |all, one| all.with(one, 0.1));
    let (server, mut stream) = talk(counting(seed).with_faults(rates)).await;
    for _ in 0..300 {
        stream.write_all(&READ).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    (bytes, server.end().await.unwrap())
}

#[tokio::test]
async fn the_same_seed_brings_the_same_bytes_over_a_socket() {
    let first = bytes_of(1).await;
    assert_eq!((first.1.requests, first.1.faults.len()), (300, 5));
    assert!(first == bytes_of(1).await);
    assert!(first.0 != bytes_of(2).await.0);
}

#[tokio::test]
async fn half_a_request_and_noise_do_not_spoil_the_next_request() {
    let (server, mut stream) = talk(counting(1)).await;
    for junk in [&READ[..5], &[0x55; 9]] {
        let before = server.counts().junk;
        stream.write_all(junk).await.unwrap();
        while server.counts().junk == before {
            tokio::task::yield_now().await;
        }
        stream.write_all(&READ).await.unwrap();
        let mut reply = [0; 9];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(reply, REPLY);
    }
    assert_eq!(server.end().await.unwrap().junk, 14);
}

#[tokio::test]
async fn an_endpoint_beyond_loopback_is_refused() {
    let mut server = Server::new(counting(1), || EVENING);
    let outside = ([0, 0, 0, 0], 0).into();
    let error = server.listen_tcp(outside).await.unwrap_err();
    assert!(error.to_string().contains("loopback"), "{error}");
}

/// Opens a serial line as it is, without setting any mode.
fn open(path: &Path) -> File {
    let no_control = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(no_control);
    options.open(path).unwrap()
}

/// Runs what blocks in a thread that nobody waits for, so that a hang is a failure.
async fn beside<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(PathBuf) -> T + Send + 'static,
) -> T {
    let (done, result) = oneshot::channel();
    let path = path.to_path_buf();
    std::thread::spawn(move || done.send(work(path)).is_ok());
    timeout(PATIENCE, result).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_serial_line_is_raw_from_the_start_and_can_be_closed_and_opened_again() {
    let mut server = Server::new(counting(1), || EVENING);
    let path = server.open_pty(None).unwrap();
    let read = |path: PathBuf| {
        let mut file = open(&path);
        file.write_all(&READ).unwrap();
        let mut reply = [0; 9];
        file.read_exact(&mut reply).unwrap();
        reply
    };
    for _ in 0..5 {
        assert_eq!(beside(&path, read).await, REPLY);
    }
    server.end().await.unwrap();
}
