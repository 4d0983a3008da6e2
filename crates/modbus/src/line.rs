//! One line: an endpoint, the units behind it, and the task that reads them in cycles.
//!
//! Cycles start on a grid of the interval. A start that passes while an earlier cycle goes on, or
//! while nobody takes the samples, is counted and never made up for.

mod account;
mod cycle;
mod reach;
mod served;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use huitian_model::UtcMs;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::endpoint::{Dial, Network};
use crate::health::LineHealth;
use crate::link::Link;
use crate::unit::{Sampled, Unit};

use account::Account;
use reach::Reach;
use served::Served;
pub use settings::LineSettings;

/// A line. Dropping it closes the connection.
pub struct Line {
    settings: Arc<LineSettings>,
    link: Link,
    reach: Reach,
    account: Account,
    units: Vec<Served>,
    health: LineHealth,
    seen: watch::Sender<LineHealth>,
}

impl Line {
    /// A line that is not connected yet.
    pub fn new(settings: LineSettings, units: Vec<Box<dyn Unit>>) -> Self {
        let settings = Arc::new(settings);
        let link = Link::new(Arc::clone(&settings), Box::new(Network));
        let units: Vec<Served> = units.into_iter().map(Served::new).collect();
        let health = LineHealth {
            name: settings.name.clone(),
            endpoint: settings.endpoint.to_string(),
            units: units.iter().map(|unit| unit.health.clone()).collect(),
            ..LineHealth::default()
        };
        // What makes one unit degraded is paid for in advance.
        let cap = (settings.timeout + link.recovery()) * settings.degrade_after.max(1);
        Self {
            account: Account::new(settings.dead_share_percent, cap, Instant::now()),
            reach: Reach::default(),
            seen: watch::Sender::new(health.clone()),
            link,
            settings,
            units,
            health,
        }
    }

    /// With connections from elsewhere than the network.
    #[must_use]
    pub fn with_dial(mut self, dial: Box<dyn Dial>) -> Self {
        self.link.with_dial(dial);
        self
    }

    /// How it is, after every cycle.
    pub fn health(&self) -> watch::Receiver<LineHealth> {
        self.seen.subscribe()
    }

    /// Reads every unit once, now. Degraded units are probed if the account permits.
    pub async fn poll_once(&mut self, clock: impl Fn() -> UtcMs + Send + Sync) -> Vec<Sampled> {
        let samples = self.cycle(&clock).await;
        self.show();
        samples
    }

    /// Reads in cycles until `stop` is true or gone, or nobody takes the samples any more.
    pub async fn run(
        mut self,
        clock: impl Fn() -> UtcMs + Send + Sync,
        out: mpsc::Sender<Vec<Sampled>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let stopped = async move {
            // An error is a sender that is gone, which also means stop.
            stop.wait_for(|stop| *stop).await.is_err()
        };
        tokio::select! {
            _ = stopped => {}
            () = self.cycles(&clock, &out) => {}
        }
        self.show();
    }

    async fn cycles(
        &mut self,
        clock: &(impl Fn() -> UtcMs + Send + Sync),
        out: &mpsc::Sender<Vec<Sampled>>,
    ) {
        let interval = self.settings.interval.max(Duration::from_millis(1));
        let mut start = Instant::now() + self.first_wait(clock());
        loop {
            sleep_until(start).await;
            let samples = self.poll_once(clock).await;
            start += interval;
            self.health.missed_cycles += skip_passed(&mut start, interval);
            if !samples.is_empty() && out.send(samples).await.is_err() {
                return;
            }
            self.health.blocked_cycles += skip_passed(&mut start, interval);
        }
    }

    /// To the next start on the grid of this line.
    fn first_wait(&self, now: UtcMs) -> Duration {
        let interval = i64::try_from(self.settings.interval.as_millis()).unwrap_or(i64::MAX);
        let offset = i64::try_from(self.settings.offset().as_millis()).unwrap_or_default();
        let wait = offset.saturating_sub(now.0).rem_euclid(interval.max(1));
        Duration::from_millis(wait.unsigned_abs())
    }

    fn show(&mut self) {
        let wire = self.link.wire();
        self.health.bytes_sent = wire.sent();
        self.health.bytes_received = wire.received();
        self.health.connects = self.link.opened;
        self.health.barriers = self.link.barriers;
        for (seen, unit) in self.health.units.iter_mut().zip(&self.units) {
            seen.clone_from(&unit.health);
        }
        self.seen.send_replace(self.health.clone());
    }
}

/// Moves `start` beyond now, and says how many starts that leaves out.
fn skip_passed(start: &mut Instant, interval: Duration) -> u64 {
    let late = Instant::now().saturating_duration_since(*start);
    let passed = late.as_nanos().div_ceil(interval.as_nanos().max(1));
    let passed = u32::try_from(passed).unwrap_or(u32::MAX);
    *start += interval.saturating_mul(passed);
    u64::from(passed)
}
