//! Programs of others that tests speak to: found, started, waited for, ended by process id.

#![expect(
    dead_code,
    reason = "test programs of several crates share this file, and none uses all of it"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// `target` of the workspace, where `cargo xtask services` puts what the system does not have.
fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services")
}

/// A program under `target/services/bin`, else on `PATH`, else where Debian puts daemons.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![services().join("bin")];
    folders.extend(std::env::split_paths(&path));
    folders.push("/usr/sbin".into());
    let found = folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(name);
    }
    found
}

/// The Python with paho that `cargo xtask services` sets up.
pub fn find_paho() -> Option<PathBuf> {
    let python = services().join("venv/bin/python");
    let import = Command::new(&python)
        .args(["-c", "import paho.mqtt.client"])
        .output();
    if import.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skip("paho-mqtt");
    None
}

#[expect(
    clippy::disallowed_methods,
    reason = "the contract of skipping is an environment variable"
)]
fn skip(name: &str) {
    let is_required = std::env::var("HUITIAN_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(!is_required, "needs {name}, and HUITIAN_REQUIRE_SERVICES=1");
    // Past the test runner, which keeps what a passing test prints.
    writeln!(std::io::stderr().lock(), "SKIPPED (needs {name})").unwrap();
}

/// A free port below those that the system gives to clients and for port 0, never given twice:
/// nobody takes it before the program that is told of it binds it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() % 13_000;
    let ports = std::iter::repeat_with(|| {
        let step = first + NEXT.fetch_add(1, Ordering::Relaxed);
        18_000 + u16::try_from(step % 13_000).unwrap()
    });
    let mut ports = ports.take(13_000);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("a free port")
}

/// Runs a program to its end; fails the test if it fails.
pub fn run(program: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} {arguments:?}: {error}",
        program.display()
    );
    output
}

/// A program that runs beside the test and is ended with it, also when the test panics.
pub struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Starts a server and waits until it takes connections.
    pub fn serve(command: &mut Command, port: u16) -> Self {
        let running = Self::start(command);
        for _ in 0..2_000 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return running;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
        panic!("no server on port {port} after 20 s");
    }

    /// Reads what it prints up to the first line that `is_wanted`.
    pub fn line(&mut self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut seen = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if is_wanted(&line) {
                return line;
            }
            seen.push(line);
        }
        panic!("the program ended, having printed {seen:#?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
