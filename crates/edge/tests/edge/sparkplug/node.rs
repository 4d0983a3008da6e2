//! Programs of others: mosquitto, and a node in Python.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tokio::sync::mpsc;

use crate::programs::{find, find_paho};
use crate::support::{LONGEST, free_addr};

/// What these tests need.
pub struct Programs {
    mosquitto: PathBuf,
    publish: PathBuf,
    python: PathBuf,
}

impl Programs {
    /// Finds them, or says that the test does nothing.
    pub fn find() -> Option<Self> {
        Some(Self {
            mosquitto: find("mosquitto")?,
            publish: find("mosquitto_pub")?,
            python: find_paho()?,
        })
    }
}

/// Publishes one message with `QoS` 1, to be retained.
pub fn publish(programs: &Programs, addr: SocketAddr, topic: &str, payload: &str) {
    let port = addr.port().to_string();
    let arguments = [
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-q",
        "1",
        "-r",
        "-t",
        topic,
        "-m",
        payload,
    ];
    let output = Command::new(&programs.publish)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A mosquitto; ends with its test.
pub struct Mosquitto {
    addr: SocketAddr,
    program: PathBuf,
    folder: tempfile::TempDir,
    process: Child,
}

impl Mosquitto {
    pub fn start(programs: &Programs) -> Self {
        let (addr, folder) = (free_addr(), tempfile::tempdir().unwrap());
        let mut text = String::new();
        writeln!(
            text,
            "listener {} 127.0.0.1\nallow_anonymous true",
            addr.port()
        )
        .unwrap();
        std::fs::write(folder.path().join("mosquitto.conf"), text).unwrap();
        let process = spawn(&programs.mosquitto, folder.path());
        let broker = Self {
            addr,
            program: programs.mosquitto.clone(),
            folder,
            process,
        };
        broker.wait();
        broker
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// SIGKILL, and a new start without anything kept.
    pub fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(&self.program, self.folder.path());
        self.wait();
    }

    fn wait(&self) {
        let begin = std::time::Instant::now();
        while TcpStream::connect(self.addr).is_err() {
            assert!(begin.elapsed() < LONGEST, "mosquitto does not listen");
            std::thread::yield_now();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn spawn(program: &Path, folder: &Path) -> Child {
    let mut mosquitto = Command::new(program);
    mosquitto.arg("-c").arg(folder.join("mosquitto.conf"));
    let quiet = mosquitto.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().unwrap()
}

/// An edge node in a process of its own; ends with its test.
pub struct Node {
    process: Child,
    orders: ChildStdin,
    said: mpsc::Receiver<String>,
}

impl Node {
    /// Starts it with the number of its session.
    pub fn start(programs: &Programs, addr: SocketAddr, session: u32) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge/sparkplug/node.py");
        let mut process = Command::new(&programs.python)
            .arg(script)
            .args(["127.0.0.1", &addr.port().to_string(), &session.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, said) = mpsc::channel(256);
        std::thread::spawn(move || {
            // Ends with the process, or with the test.
            let lines = lines.map_while(Result::ok);
            lines
                .map(|line| sender.blocking_send(line))
                .all(|sent| sent.is_ok())
        });
        Self {
            process,
            orders,
            said,
        }
    }

    pub fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// Waits until it says this.
    pub async fn until(&mut self, word: &str) {
        let hearing = async {
            loop {
                let line = self.said.recv().await.expect("the node runs");
                if line == word {
                    return;
                }
            }
        };
        let heard = tokio::time::timeout(LONGEST, hearing).await;
        assert!(heard.is_ok(), "the node did not say {word}");
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}
