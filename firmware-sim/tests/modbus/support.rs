//! pymodbus as a client, and the lines that several tests read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use firmware_sim::modbus::{Device, Line, Unit};
use firmware_sim::{Config, FaultRates, World};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Tuesday 2026-11-10 20:00 in Shanghai.
pub const EVENING: i64 = 1_794_312_000_000;
pub const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("a folder of the repository")
}

/// The Python of the tests, or a skip that is said aloud.
pub fn python() -> Option<PathBuf> {
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
    // Not eprintln, which the test harness would keep back.
    let told = writeln!(
        std::io::stderr(),
        "SKIPPED (needs pymodbus): cargo xtask services"
    );
    assert!(told.is_ok());
    None
}

/// pymodbus, asked line by line.
pub struct Peer {
    child: Child,
    asks: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    pub fn start(python: &Path, arguments: &[&str]) -> Self {
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
    pub async fn ask(&mut self, request: &str) -> String {
        let line = format!("{request}\n");
        self.asks.write_all(line.as_bytes()).await.unwrap();
        let said = timeout(Duration::from_secs(20), self.says.next_line()).await;
        said.expect("an answer").unwrap().expect("a line")
    }

    pub async fn end(mut self) {
        drop(self.asks);
        assert!(self.child.wait().await.unwrap().success());
    }
}

pub fn world() -> Arc<World> {
    Arc::new(World::new(Config {
        seed: 7,
        scale: 1,
        faults: FaultRates::none(),
    }))
}

pub fn counting(seed: u64) -> Line {
    Line::new(seed).with_unit(1, Unit::new(Device::Counting, None))
}
