//! The simulated Modbus lines, read by pymodbus and by plain sockets.
//!
//! pymodbus shares no line with the simulator: what it reads is what a real client would.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use firmware_sim::modbus::{Counts, Device, Fault, Line, Rates, Server, Subject, Unit};
use firmware_sim::{Config, FaultRates, World};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};

/// Tuesday 2026-11-10 20:00 in Shanghai.
const EVENING: i64 = 1_794_312_000_000;
const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("a folder of the repository")
}

/// The Python of the tests, or a skip that is said aloud.
fn python() -> Option<PathBuf> {
    let python = root().join("target/services/venv/bin/python3");
    if python.exists() {
        return Some(python);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "this test's one setting from the environment"
    )]
    let required = std::env::var("HUITIAN_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(!required, "pymodbus is missing: cargo xtask services");
    println!("SKIPPED (needs pymodbus): run `cargo xtask services`");
    None
}

/// pymodbus, asked line by line.
struct Peer {
    child: Child,
    asks: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(python: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(python)
            .arg(root().join("tests/services/modbus/pymodbus_client.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let asks = child.stdin.take().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, asks, says }
    }

    /// Values, `exception N` or `none`.
    async fn ask(&mut self, request: &str) -> String {
        let line = format!("{request}\n");
        self.asks.write_all(line.as_bytes()).await.unwrap();
        let said = timeout(Duration::from_secs(20), self.says.next_line()).await;
        said.expect("an answer").unwrap().expect("a line")
    }

    async fn end(mut self) {
        drop(self.asks);
        assert!(self.child.wait().await.unwrap().success());
    }
}

fn world() -> Arc<World> {
    Arc::new(World::new(Config {
        seed: 7,
        scale: 1,
        faults: FaultRates::none(),
    }))
}

fn counting(seed: u64) -> Line {
    Line::new(seed).with_unit(1, Unit::new(Device::Counting, None))
}

/// A line with one unit of each kind, under the ids that their makers give.
fn all_kinds(world: &Arc<World>) -> Line {
    let mut line = Line::new(1);
    for (number, device) in Device::OVER_BINS.into_iter().enumerate() {
        let id = match device {
            Device::SommerUsh9 => 2,
            Device::FtsSdiRadar300 => 3,
            other => other.unit_id(),
        };
        let bin = Subject::bin(world, number);
        assert!(bin.is_some());
        line = line.with_unit(id, Unit::new(device, bin));
    }
    line.with_unit(254, Unit::new(Device::ProconLd120, Subject::bay(world, 0)))
}

async fn check_all_kinds(peer: &mut Peer, line: &mut Line) {
    let mut sight = |unit| line.sight(unit, EVENING).unwrap();
    let temperature = u16::try_from(sight(11).temperature_dc).unwrap();
    let cm = sight(11).distance_mm / 10;
    assert_eq!(peer.ask("11 3 5 2").await, format!("{cm} {temperature}"));
    let tenths = sight(12).distance_mm * 10;
    assert_eq!(peer.ask("12 3 5 1").await, tenths.to_string());
    assert_eq!(
        peer.ask("80 3 52 1").await,
        sight(80).distance_mm.to_string()
    );
    assert_eq!(peer.ask("80 3 51 2").await, "exception 2");
    assert_eq!(
        peer.ask("1 4 300 1").await,
        sight(1).distance_mm.to_string()
    );
    let bits = f32::from(sight(2).distance_mm).to_bits();
    let words = format!("{} {}", bits >> 16, bits & 0xffff);
    assert_eq!(peer.ask("2 4 36 2").await, words);
    let radar = sight(3);
    let words = format!("1 {} {}", radar.distance_mm, radar.empty_mm / 10);
    assert_eq!(peer.ask("3 3 20 3").await, words);
    let detect = sight(254);
    let bits = format!("0 {}", u8::from(detect.is_detected));
    assert_eq!(peer.ask("254 2 0 2").await, bits);
    let words = format!("{} {}", detect.vehicles >> 16, detect.vehicles & 0xffff);
    assert_eq!(peer.ask("254 3 9 2").await, words);
    assert_eq!(peer.ask("254 3 9 9").await, "exception 3");
}

#[tokio::test]
async fn pymodbus_reads_every_kind_over_tcp_rtu_over_tcp_and_a_serial_line() {
    let Some(python) = python() else { return };
    let world = world();
    for way in ["tcp", "rtu-over-tcp", "rtu"] {
        let mut server = Server::new(all_kinds(&world), || EVENING);
        let place = match way {
            "tcp" => server
                .listen_tcp(LOCAL.into())
                .await
                .map(|at| at.port().to_string()),
            "rtu" => server.open_pty(None).map(|path| path.display().to_string()),
            _ => server
                .listen_rtu_over_tcp(LOCAL.into())
                .await
                .map(|at| at.port().to_string()),
        };
        let mut peer = Peer::start(&python, &[way, &place.unwrap(), "19200"]);
        check_all_kinds(&mut peer, &mut all_kinds(&world)).await;
        peer.end().await;
        let counts = server.end().await.unwrap();
        assert_eq!((counts.requests, counts.junk, counts.too_soon), (10, 0, 0));
    }
}

#[tokio::test]
async fn pymodbus_cannot_write_and_the_attempt_is_told_at_the_end() {
    let Some(python) = python() else { return };
    let mut server = Server::new(counting(1), || EVENING);
    let at = server.listen_tcp(LOCAL.into()).await.unwrap();
    let mut peer = Peer::start(&python, &["tcp", &at.port().to_string()]);
    assert_eq!(peer.ask("1 6 3 99").await, "exception 1");
    assert_eq!(peer.ask("1 3 3 1").await, "10");
    peer.end().await;
    let told = server.end().await.unwrap_err();
    assert_eq!((told.0.writes, told.0.requests), (1, 2));
    assert!(told.to_string().contains("found 1 of 2"));
}

#[tokio::test]
async fn pymodbus_gets_nothing_or_an_error_from_a_spoilt_reply_and_the_truth_after_it() {
    let Some(python) = python() else { return };
    // Those that pymodbus notices within its second; what it makes of others is its affair.
    let script = [
        Fault::Lost,
        Fault::Late,
        Fault::Cut,
        Fault::Crc,
        Fault::Noise,
        Fault::Busy,
    ];
    let mut server = Server::new(counting(1), || EVENING);
    let at = server.listen_rtu_over_tcp(LOCAL.into()).await.unwrap();
    for fault in script {
        server.change(|line| line.with_script([None, Some(fault)]));
        let mut peer = Peer::start(&python, &["rtu-over-tcp", &at.port().to_string()]);
        assert_eq!(peer.ask("1 3 7 2").await, "22 25", "{fault:?}");
        let expected = if fault == Fault::Busy {
            "exception 6"
        } else {
            "none"
        };
        assert_eq!(peer.ask("1 3 7 2").await, expected, "{fault:?}");
        peer.end().await;
        assert_eq!(server.counts().faults.get(&fault), Some(&1));
    }
    server.end().await.unwrap();
}

/// A read of two registers from 7 on, as serial frame.
const READ: [u8; 8] = [1, 3, 0, 7, 0, 2, 0x75, 0xca];
const REPLY: [u8; 9] = [1, 3, 4, 0, 22, 0, 25, 0xda, 0x3d];

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
    assert_eq!(stream.read(&mut [0; 9]).await.unwrap(), 0);
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
