//! Starting the servers, and the wires to them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use huitian_modbus::{Endpoint, Parity, SerialSettings, StopBits};

use super::programs::{Running, find, free_port};

pub const BAUD: u32 = 115_200;

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    Pymodbus,
    Libmodbus,
}

/// A server that runs, and how to reach it.
pub struct Served {
    pub endpoint: Endpoint,
    _server: Running,
    _wire: Option<Wire>,
}

/// Two pseudo-terminals, each the other end of the other.
struct Wire {
    _folder: tempfile::TempDir,
    ends: [PathBuf; 2],
    _socat: Running,
}

/// The Python with pymodbus that `cargo xtask services` sets up.
fn find_pymodbus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = folder.join("../../target/services/venv/bin/python");
    let import = Command::new(&python)
        .args(["-c", "import pymodbus"])
        .output();
    if import.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    // Says that it is missing, or fails where nothing may be.
    find("pymodbus for Python")
}

/// The command that starts the server, or none where it is not installed.
fn command(peer: Peer) -> Option<Command> {
    let mut command = match peer {
        Peer::Libmodbus => Command::new(find("huitian-modbus-peer")?),
        Peer::Pymodbus => {
            let mut python = Command::new(find_pymodbus()?);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
            python.arg(folder.join("tests/peers/pymodbus_server.py"));
            python
        }
    };
    // It ends when this pipe does.
    command.stdin(Stdio::piped());
    Some(command)
}

fn ready(command: &mut Command) -> Running {
    let mut running = Running::start(command);
    running.line(|line| line == "ready");
    running
}

pub fn tcp(peer: Peer) -> Option<Served> {
    let port = free_port();
    let mut command = command(peer)?;
    let server = ready(command.args(["tcp", &port.to_string()]));
    let host = "127.0.0.1".to_owned();
    Some(Served {
        endpoint: Endpoint::Tcp { host, port },
        _server: server,
        _wire: None,
    })
}

pub fn rtu_over_tcp() -> Option<Served> {
    let port = free_port();
    let mut command = command(Peer::Pymodbus)?;
    let server = ready(command.args(["rtu-over-tcp", &port.to_string()]));
    let host = "127.0.0.1".to_owned();
    Some(Served {
        endpoint: Endpoint::RtuOverTcp { host, port },
        _server: server,
        _wire: None,
    })
}

pub fn rtu(peer: Peer) -> Option<Served> {
    let wire = wire()?;
    let [ours, theirs] = &wire.ends;
    let mut command = command(peer)?;
    command.arg("rtu").arg(theirs).arg(BAUD.to_string());
    let server = ready(&mut command);
    Some(Served {
        endpoint: Endpoint::Serial(SerialSettings {
            path: ours.display().to_string(),
            baud: BAUD,
            parity: Parity::None,
            stop_bits: StopBits::One,
        }),
        _server: server,
        _wire: Some(wire),
    })
}

fn wire() -> Option<Wire> {
    let socat = find("socat")?;
    let folder = tempfile::tempdir().unwrap();
    let ends = ["ours", "theirs"].map(|name| folder.path().join(name));
    let mut command = Command::new(socat);
    for end in &ends {
        command.arg(format!("pty,raw,echo=0,link={}", end.display()));
    }
    let socat = Running::start(&mut command);
    for _ in 0..2_000 {
        if ends.iter().all(|end| end.exists()) {
            return Some(Wire {
                _folder: folder,
                ends,
                _socat: socat,
            });
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    panic!("no pseudo-terminals after 20 s");
}
