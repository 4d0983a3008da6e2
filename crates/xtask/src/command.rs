//! Running other programs: in the open, or quietly with a log, a heartbeat and a clear error.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::say;

/// A long build says that it lives this often; a person gives up on silence after about a minute.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Lines of a failed program's log that are shown; more than a screen hides the first error.
const LOG_LINES_SHOWN: usize = 30;

/// One program and its arguments, ready to run.
#[derive(Debug)]
pub struct Run {
    command: Command,
    shown: String,
}

impl Run {
    /// A run of `program` with no arguments yet.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let shown = program.as_ref().to_string_lossy().into_owned();
        Self {
            command: Command::new(program),
            shown,
        }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Sets one variable of the program's environment.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Takes one variable out of the program's environment.
    pub fn env_remove(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    /// Sets the folder to run in.
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs with our own input and output.
    pub fn inherit(mut self) -> Result<(), String> {
        let status = self
            .command
            .status()
            .map_err(|error| self.unstartable(&error))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{}` ended with {status}", self.shown))
        }
    }

    /// Runs and returns what it wrote to standard output; the error holds standard error.
    pub fn output(mut self) -> Result<String, String> {
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| self.unstartable(&error))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "`{}` ended with {}: {}",
                self.shown,
                output.status,
                said.trim()
            ))
        }
    }

    /// Runs with all output in the file `log`, saying every 20 s that `what` is still at it.
    pub fn logged(mut self, what: &str, log: &Path) -> Result<(), String> {
        let unwritable = |error| format!("cannot write {}: {error}", log.display());
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let out = File::create(log).map_err(unwritable)?;
        let err = out.try_clone().map_err(unwritable)?;
        self.command.stdin(Stdio::null()).stdout(out).stderr(err);
        let started = Instant::now();
        let mut child = self
            .command
            .spawn()
            .map_err(|error| self.unstartable(&error))?;
        // One message, the exit: a queue of one.
        let (sender, exit) = sync_channel(1);
        let waiter = thread::spawn(move || sender.send(child.wait()));
        let status = loop {
            match exit.recv_timeout(HEARTBEAT) {
                Ok(status) => break status.map_err(|error| self.unstartable(&error))?,
                Err(RecvTimeoutError::Timeout) => {
                    say::line(&format!(
                        "    ... {what}: {} s",
                        started.elapsed().as_secs()
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("`{}` was lost while it ran", self.shown));
                }
            }
        };
        if waiter.join().is_err() {
            return Err(format!("`{}` was lost while it ran", self.shown));
        }
        if status.success() {
            return Ok(());
        }
        let text = fs::read_to_string(log).unwrap_or_default();
        let tail = tail(&text, LOG_LINES_SHOWN);
        Err(format!(
            "`{}` ended with {status}; {} ends:\n{tail}",
            self.shown,
            log.display()
        ))
    }

    fn unstartable(&self, error: &std::io::Error) -> String {
        format!("cannot start `{}`: {error}", self.shown)
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    let skipped = all.len().saturating_sub(lines);
    all.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
