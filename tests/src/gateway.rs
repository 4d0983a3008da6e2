//! The edge under test.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use crate::net::{free_addr, listens};
use crate::process::Process;
use crate::wall::until;

/// Longest wait for a start: a debug build on a busy machine.
const START_MAX: Duration = Duration::from_secs(30);

/// Longest wait for its own word on how it stands.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// An edge named gate-1; ends with its test.
#[derive(Debug)]
pub struct Edge {
    /// The process.
    pub process: Process,
    /// Where it listens for devices.
    pub mqtt: SocketAddr,
    program: PathBuf,
    folder: PathBuf,
    data: PathBuf,
}

/// Where an edge belongs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Settings, what it said, and its data unless said otherwise.
    pub folder: &'a Path,
    /// Where its data is, if elsewhere.
    pub data: Option<&'a Path>,
    /// The inventory.
    pub inventory: &'a Path,
    /// The hub's broker.
    pub uplink: SocketAddr,
}

impl Edge {
    /// Starts it with `more` below its settings and waits until it listens.
    pub fn start(program: &str, place: Place<'_>, more: &str) -> Self {
        let folder = place.folder.join("edge");
        fs::create_dir(&folder).expect("a folder");
        let mqtt = free_addr();
        let own = folder.join("data");
        let data = place.data.unwrap_or(&own).to_path_buf();
        let text = format!(
            "[edge]\nid = \"gate-1\"\ndata = \"{}\"\n\n[uplink]\nhost = \"{}\"\nport = {}\n\n\
             [mqtt]\naddr = \"{mqtt}\"\n\n[inventory]\ndir = \"{}\"\n\n{more}",
            data.display(),
            place.uplink.ip(),
            place.uplink.port(),
            place.inventory.display()
        );
        fs::write(folder.join("edge.toml"), text).expect("a file");
        let program = PathBuf::from(program);
        let mut edge = Self {
            process: spawn(&program, &folder),
            mqtt,
            program,
            folder,
            data,
        };
        edge.wait_ready();
        edge
    }

    /// Starts it again over the same folder, without waiting.
    pub fn restart(&mut self) {
        self.process = spawn(&self.program, &self.folder);
    }

    /// Waits until it takes messages.
    pub fn wait_ready(&mut self) {
        until("the edge to listen", START_MAX, || {
            assert!(self.process.runs(), "ended: {}", self.process.said());
            listens(self.mqtt).then_some(())
        });
    }

    /// How it stands by its own word; none where it does not answer.
    pub fn status(&self) -> Option<Value> {
        let mut stream = UnixStream::connect(self.data.join("edge.sock")).ok()?;
        stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
        stream.write_all(b"status\n").ok()?;
        let mut line = String::new();
        stream.read_to_string(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// A figure of how it stands; none where it does not answer.
    pub fn figure(&self, name: &str) -> Option<u64> {
        self.status()?.get(name)?.as_u64()
    }

    /// Waits until the hub has everything that it keeps.
    pub fn wait_drained(&self, longest: Duration) {
        until("the hub to have all of the edge", longest, || {
            (self.figure("waiting")? == 0).then_some(())
        });
    }

    /// Stops it: how it ended, and how long that took.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        self.process.terminate()
    }
}

fn spawn(program: &Path, folder: &Path) -> Process {
    let mut command = Command::new(program);
    command.arg("--config").arg(folder.join("edge.toml"));
    Process::start("edge", folder, command.env("NO_COLOR", "1"))
}
