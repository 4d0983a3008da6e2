//! A mosquitto that can die and forget.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::net::{free_addr, listens};
use crate::process::Process;
use crate::wall::until;

/// Longest wait for a start.
const START_MAX: Duration = Duration::from_secs(20);

/// A mosquitto with a database in a folder; ends with its test.
#[derive(Debug)]
pub struct Mosquitto {
    /// Where it listens.
    pub addr: SocketAddr,
    program: PathBuf,
    folder: PathBuf,
    process: Process,
}

impl Mosquitto {
    /// Starts it on a free port and waits until it listens.
    pub fn start(program: &Path, folder: &Path) -> Self {
        Self::start_at(program, folder, free_addr())
    }

    /// Starts it here and waits until it listens.
    pub fn start_at(program: &Path, folder: &Path, addr: SocketAddr) -> Self {
        let folder = folder.join("mosquitto");
        fs::create_dir(&folder).expect("a folder");
        // As root it would become another user, who cannot write here. What waits is bounded by
        // the test, not by the broker. The database is written with every change.
        let text = format!(
            "listener {} {}\nallow_anonymous true\nuser root\nmax_inflight_messages 0\n\
             max_queued_messages 0\npersistence true\npersistence_location {}/\n\
             autosave_on_changes true\nautosave_interval 5\n",
            addr.port(),
            addr.ip(),
            folder.display()
        );
        fs::write(folder.join("mosquitto.conf"), text).expect("a file");
        let broker = Self {
            process: spawn(program, &folder),
            addr,
            program: program.to_path_buf(),
            folder,
        };
        broker.wait();
        broker
    }

    fn wait(&self) {
        until("mosquitto to listen", START_MAX, || {
            listens(self.addr).then_some(())
        });
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Deletes its whole database, of which there was one if it says so, and starts it again.
    pub fn restart_without_database(&mut self) -> bool {
        let was_there = fs::remove_file(self.folder.join("mosquitto.db")).is_ok();
        self.process = spawn(&self.program, &self.folder);
        self.wait();
        was_there
    }
}

fn spawn(program: &Path, folder: &Path) -> Process {
    let config = folder.join("mosquitto.conf");
    Process::start(
        "mosquitto",
        folder,
        Command::new(program).arg("-c").arg(config),
    )
}
