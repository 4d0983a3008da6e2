//! The hub's time on its way into the log, and the figures that are taken along.

use std::sync::Arc;
use std::time::Duration;

use huitian_console::{Board, Health};
use huitian_store::Sqlite;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use super::appender::Ask;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// How much time of the hub passes between two ticks (semantics 9).
const TICK_MS: u64 = 10_000;

/// Ticks between two rounds of maintenance: one hour.
const MAINTAIN_TICKS: u64 = 360;

/// What the ticker works with.
pub struct Ticker {
    /// To the appender.
    pub asks: mpsc::Sender<Ask>,
    /// What time it is.
    pub clock: Clock,
    /// The board's clock and health.
    pub board: Board,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// To be maintained.
    pub store: Sqlite,
}

impl Ticker {
    /// Ticks until `stop`.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let speed = u64::from(self.clock.speed());
        let every = Duration::from_millis((TICK_MS / speed).max(100));
        let mut interval = tokio::time::interval(every);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut readings_before = self.metrics.readings.get();
        let mut ticks = 0_u64;
        loop {
            tokio::select! {
                _at = interval.tick() => {}
                _stopped = stop.wait_for(|stop| *stop) => return,
            }
            let now = self.clock.now();
            if self.asks.send(Ask::Tick(now)).await.is_err() {
                return;
            }
            self.metrics.tick.set(now.0 / 1_000);
            let readings = self.metrics.readings.get();
            let per_s = (readings - readings_before) * 100_000
                / u64::try_from(every.as_millis()).unwrap_or(1).max(1);
            readings_before = readings;
            self.board.set_health(Health {
                not_ready: Vec::new(),
                readings_per_s_hundredths: per_s,
                in_flight: readings.saturating_sub(self.metrics.applied.get()),
            });
            ticks += 1;
            if ticks % MAINTAIN_TICKS == 1 {
                self.maintain(now).await;
            }
        }
    }

    async fn maintain(&self, now: huitian_model::UtcMs) {
        loop {
            match self.store.maintain(now).await {
                Ok(done) => {
                    let removed = done.records + done.commits + done.windows + done.others;
                    if removed > 0 {
                        info!(
                            records = done.records,
                            commits = done.commits,
                            windows = done.windows,
                            others = done.others,
                            at_quota = done.at_quota,
                            "removed what is past retention"
                        );
                    }
                    if !done.more {
                        break;
                    }
                }
                Err(error) => {
                    warn!(%error, "maintenance of the store failed: trying again in an hour");
                    break;
                }
            }
        }
        if let Ok(usage) = self.store.usage() {
            let bytes = i64::try_from(usage.file_bytes + usage.wal_bytes).unwrap_or(i64::MAX);
            self.metrics.store_bytes.set(bytes);
        }
    }
}
