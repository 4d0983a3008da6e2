//! The InfluxDB sink: reads commits behind a cursor of its own and delays nobody.

use std::sync::Arc;
use std::time::Duration;

use huitian_influx::{Batch, Bucket, Row, Target, WriteError, Writer};
use huitian_model::{CommitNumber, Partition};
use huitian_store::{Backend, SinkName, Sqlite, StoreError};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::config::InfluxConfig;
use crate::metrics::Metrics;

/// Commits read at once from one partition: bounds memory at some 10 MB of outputs.
const COMMITS_MAX: usize = 200;

/// First and longest wait after a failed write.
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// Longest wait after a failed write (promises 1.2: cap 60 s).
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often the sink looks for commits where nobody woke it.
const IDLE_WAIT: Duration = Duration::from_secs(10);

/// The name of the sink's cursor.
const SINK: &str = "influx";

/// Writes every commit to InfluxDB until told to stop.
pub struct InfluxSink {
    store: Sqlite,
    writer: Writer,
    sink: SinkName,
    metrics: Arc<Metrics>,
}

impl InfluxSink {
    /// Prepares the sink and makes its cursor known, so that no commit is trimmed before it.
    ///
    /// # Errors
    /// A sentence where the URL cannot be used, or the store's error.
    pub async fn new(
        config: &InfluxConfig,
        store: Sqlite,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let writer = Writer::new(Target {
            url: config.url.clone(),
            org: config.org.clone(),
            token: config.token.0.clone(),
            live: config.bucket_live.clone(),
            history: config.bucket_history.clone(),
        })
        .map_err(|error| error.to_string())?;
        let sink = SinkName::new(SINK).map_err(|error| error.to_string())?;
        store
            .register_sink(&sink)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            store,
            writer,
            sink,
            metrics,
        })
    }

    /// Runs until `stop`; `commits` wakes it.
    ///
    /// # Errors
    /// [`StoreError`] that waiting does not mend.
    pub async fn run(
        self,
        mut commits: watch::Receiver<u64>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let mut wait = WAIT_FIRST;
        loop {
            let pass = tokio::select! {
                pass = self.pass() => pass,
                _stopped = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            let pause = match pass {
                Ok(()) => {
                    wait = WAIT_FIRST;
                    None
                }
                Err(Fault::Store(error)) if error.is_retryable() => Some(error.to_string()),
                Err(Fault::Store(error)) => return Err(error),
                Err(Fault::Write(error)) => Some(Self::explain(&error)),
            };
            if let Some(reason) = pause {
                warn!(%reason, wait_s = wait.as_secs(), "InfluxDB sink waits: everything is kept");
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    _stopped = stop.wait_for(|stop| *stop) => return Ok(()),
                }
                wait = (wait * 2).min(WAIT_MAX);
                continue;
            }
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(IDLE_WAIT) => {}
                _stopped = stop.wait_for(|stop| *stop) => return Ok(()),
            }
        }
    }

    fn explain(error: &WriteError) -> String {
        if let WriteError::Refused { status, .. } = error {
            error!(
                status,
                "InfluxDB refuses us: check token, organisation and buckets"
            );
        }
        error.to_string()
    }

    /// Reads and writes until nothing is left.
    async fn pass(&self) -> Result<(), Fault> {
        let mut written = 0_u64;
        for partition in Partition::all() {
            loop {
                let from = self.store.cursor(&self.sink, partition).await?;
                let next = CommitNumber(from.0 + 1);
                let commits = self.store.commits(partition, next, COMMITS_MAX).await?;
                let Some(last) = commits.last().map(|commit| commit.number) else {
                    break;
                };
                let behind = self
                    .store
                    .head(partition)
                    .await?
                    .map_or(0, |head| head.number.0);
                self.metrics
                    .sink_behind(SINK, behind.saturating_sub(from.0));
                let mut row = Row::default();
                for output in commits.iter().flat_map(|commit| &commit.outputs) {
                    if let Err(fault) = row.add(output) {
                        // Our own encoder refuses it: a bug of ours, and never worth the others.
                        error!(%fault, partition = partition.number(), "a point is no line");
                        self.metrics.sink_dead(SINK, 1);
                    }
                }
                self.write(Bucket::History, row.history).await?;
                self.write(Bucket::Live, row.live).await?;
                self.store.advance(&self.sink, partition, last).await?;
                written += 1;
            }
        }
        self.metrics.sink_behind(SINK, 0);
        if written > 1_000 {
            info!(batches = written, "InfluxDB has caught up");
        }
        Ok(())
    }

    async fn write(&self, bucket: Bucket, lines: String) -> Result<(), Fault> {
        if lines.is_empty() {
            return Ok(());
        }
        let dead = self
            .writer
            .write(&Batch { bucket, lines })
            .await
            .map_err(Fault::Write)?;
        self.metrics.sink_dead(SINK, dead.len());
        for letter in dead.iter().take(3) {
            error!(
                line = letter.line,
                reason = letter.reason,
                "InfluxDB will never take this point"
            );
        }
        Ok(())
    }
}

/// What stops a pass.
enum Fault {
    Store(StoreError),
    Write(WriteError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
