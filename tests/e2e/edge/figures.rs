//! What the edge costs on a small machine: bytes of the program, resident memory, time to ready.
//!
//! Size and time mean something for an optimised program only: `cargo build --release -p
//! huitian-edge` first, or name one with `HUITIAN_EDGE_PROGRAM`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use huitian_tests::district::District;
use huitian_tests::gateway::Place;
use huitian_tests::net::free_addr;
use huitian_tests::services::{program, root, say, setting};
use huitian_tests::wall::pause;
use huitian_tests::{Edge, Mosquitto};

use crate::EDGE;

/// Bytes of the stripped program.
const PROGRAM_BYTES_MAX: u64 = 15_000_000;

/// Resident bytes when nothing happens. The goal is 10 MB; 8.8 MB of it are pages of the program
/// and of the C library, and their number depends on how the system reads them ahead.
const IDLE_BYTES_MAX: u64 = 12_000_000;

/// Of these so many may be its own: 1.2 MB were seen.
const PRIVATE_BYTES_MAX: u64 = 3_000_000;

/// Starts that are measured.
const STARTS: usize = 9;

/// After so long it is idle: whatever a start needs has been given back.
const SETTLED: Duration = Duration::from_secs(3);

/// The optimised program, if somebody has built one.
fn optimised() -> Option<PathBuf> {
    let named = setting("HUITIAN_EDGE_PROGRAM").map(PathBuf::from);
    let built = root().join("target/release/huitian-edge");
    named.or_else(|| built.exists().then_some(built))
}

/// Resident bytes of an idle edge that is connected where there is a broker, and how many of them
/// are its own.
fn idle_bytes(edge_program: &str) -> (u64, u64) {
    let district = District::new("");
    let broker =
        program("mosquitto").map(|mosquitto| Mosquitto::start(&mosquitto, district.path()));
    let inventory = district.inventory();
    let place = Place {
        folder: district.path(),
        data: None,
        inventory: &inventory,
        uplink: broker.as_ref().map_or_else(free_addr, |broker| broker.addr),
    };
    let edge = Edge::start(edge_program, place, "");
    pause(SETTLED);
    let process = &edge.process;
    (
        process.resident_bytes().unwrap(),
        process.private_bytes().unwrap(),
    )
}

/// From the start of the process until it says that it is ready: half of all starts are faster.
fn ready_after(edge_program: &str) -> Duration {
    let district = District::new("");
    let inventory = district.inventory();
    let place = Place {
        folder: district.path(),
        data: None,
        inventory: &inventory,
        uplink: free_addr(),
    };
    // Once for the settings, and so that the queue exists.
    let mut first = Edge::start(edge_program, place, "");
    first.stop();
    let config = district.path().join("edge/edge.toml");
    let mut took: Vec<Duration> = (0..STARTS)
        .map(|_start| {
            let mut command = Command::new(edge_program);
            command.arg("--config").arg(&config).stderr(Stdio::piped());
            let begun = Instant::now();
            let mut child = command.spawn().unwrap();
            let lines = BufReader::new(child.stderr.take().unwrap()).lines();
            let is_ready = lines
                .map_while(Result::ok)
                .any(|line| line.contains("ready"));
            let took = begun.elapsed();
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(is_ready, "it ended before it was ready");
            took
        })
        .collect();
    took.sort_unstable();
    took[STARTS / 2]
}

#[test]
fn an_idle_edge_fits_a_small_machine() {
    let optimised = optimised();
    let kind = optimised.as_ref().map_or("unoptimised", |_| "optimised");
    let edge = optimised
        .as_ref()
        .map_or(EDGE, |path| path.to_str().unwrap());
    let ((idle, own), ready) = (idle_bytes(edge), ready_after(edge));
    say(&format!(
        "{kind} edge: {idle} bytes resident when idle, {own} of them its own, ready after {ready:?}"
    ));
    assert!(
        own <= PRIVATE_BYTES_MAX,
        "{own} bytes of its own, expected {PRIVATE_BYTES_MAX} at most"
    );
    let Some(path) = optimised else {
        say("size not measured: cargo build --release -p huitian-edge");
        return;
    };
    assert!(
        idle <= IDLE_BYTES_MAX,
        "{idle} bytes, expected {IDLE_BYTES_MAX} at most"
    );
    let folder = tempfile::TempDir::with_prefix("huitian-size-").unwrap();
    let stripped = folder.path().join("huitian-edge");
    fs::copy(&path, &stripped).unwrap();
    let strip = Command::new("strip").arg(&stripped).status();
    let what = if strip.is_ok_and(|status| status.success()) {
        "stripped"
    } else {
        "not stripped"
    };
    let bytes = fs::metadata(&stripped).unwrap().len();
    say(&format!("{bytes} bytes of program, {what}"));
    assert!(
        bytes <= PROGRAM_BYTES_MAX,
        "{bytes} bytes, expected 15 MB at most"
    );
}
