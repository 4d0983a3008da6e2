//! The hub under test.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use serde_json::Value;

use crate::district::District;
use crate::net::{self, Answer};
use crate::process::Process;
use crate::wall::{now_ms, until};

/// Longest wait for a start: a debug build on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// A line of time on which all restarts stand.
#[derive(Debug, Clone, Copy)]
pub struct FastClock {
    /// The hub's time at `base`.
    pub from: i64,
    /// A wall time.
    pub base: i64,
    /// Hub seconds in a second.
    pub speed: i64,
}

impl FastClock {
    /// A clock that stands at `from` now.
    pub fn starting_at(from: i64, speed: i64) -> Self {
        Self {
            from,
            base: now_ms(),
            speed,
        }
    }

    /// The hub's time now.
    pub fn now(&self) -> i64 {
        self.from + (now_ms() - self.base) * self.speed
    }
}

/// A hub over a district; ends with its test.
#[derive(Debug)]
pub struct Hub {
    /// The process.
    pub process: Process,
    /// Its settings and folders.
    pub district: District,
    program: PathBuf,
    clock: Option<FastClock>,
}

impl Hub {
    /// Starts it by the wall clock and waits until it is ready.
    pub fn start(program: &str, district: District) -> Self {
        Self::start_at(program, district, None)
    }

    /// Starts it by a clock and waits until it is ready.
    pub fn start_at(program: &str, district: District, clock: Option<FastClock>) -> Self {
        let program = PathBuf::from(program);
        let mut hub = Self {
            process: spawn(&program, &district, clock),
            district,
            program,
            clock,
        };
        hub.wait_ready();
        hub
    }

    /// Starts it again over the same folder, without waiting.
    pub fn restart(&mut self) {
        self.process = spawn(&self.program, &self.district, self.clock);
    }

    /// Waits until readings are taken.
    pub fn wait_ready(&mut self) {
        let http = self.district.http;
        until("the hub to be ready", START_MAX, || {
            assert!(self.process.runs(), "ended: {}", self.process.said());
            let answer = net::try_get(http, "/readyz").ok()?;
            // Ready is said before the broker listens.
            (answer.status == 200 && net::listens(self.district.mqtt)).then_some(())
        });
    }

    /// `GET` a path.
    pub fn get(&self, path: &str) -> Answer {
        net::get(self.district.http, path)
    }

    /// `GET` JSON.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Waits until what a path answers satisfies `look`.
    pub fn until<T>(&self, path: &str, longest: Duration, look: impl Fn(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(path, longest, || {
                last = self.json(path);
                look(&last)
            })
        }));
        seen.unwrap_or_else(|_failed| panic!("{path} never said what was wanted, last: {last:#}"))
    }

    /// The sum of a counter's samples in `/metrics` whose line contains `part`.
    pub fn metric(&self, part: &str) -> u64 {
        let text = self.get("/metrics").body;
        let lines = text.lines().filter(|line| line.contains(part));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        values.sum()
    }

    /// Stops it: how it ended, and how long that took.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        self.process.terminate()
    }
}

fn spawn(program: &PathBuf, district: &District, clock: Option<FastClock>) -> Process {
    let mut command = Command::new(program);
    command.arg("--config").arg(district.config());
    if let Some(FastClock { from, base, speed }) = clock {
        command.env("HUITIAN_TEST_CLOCK", format!("{from}:{base}:{speed}"));
    }
    Process::start("hub", district.path(), &mut command)
}

/// Runs the program once over a district's settings and waits for its end.
pub fn command(program: &str, district: &District, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.arg("--config").arg(district.config());
    command.args(arguments).env("NO_COLOR", "1");
    command.output().expect("the program starts")
}
