//! The engines of all partitions: records in, commits out.
//!
//! The driver owns the chain of commits of every partition. Recovery is snapshot + replay: what
//! the replay says again up to the last commit is dropped, what it says beyond it was never
//! committed and is committed now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use huitian_engine::{Engine, SnapshotError};
use huitian_model::{Commit, CommitNumber, EdgeId, Output, Partition, Position, Record, UtcMs};
use huitian_store::{Backend, CommitOutcome, Snapshot, StoreError};
use tracing::{info, warn};

use super::appender::readings_of;

mod repair;

/// Records read at once while replaying: some 5 MB of frames.
const REPLAY_RECORDS_MAX: usize = 2_000;

/// Outputs of one commit at most: 20,000 windows of 200 bytes are 4 MB, one transaction of some
/// 50 ms. More are split over several commits.
const COMMIT_OUTPUTS_MAX: usize = 20_000;

/// Records applied to a partition before it is worth a snapshot: ten minutes of ticks. One
/// partition is saved per round, the one with the most, so that 64 snapshots (20 MB for the home
/// district) spread over some eleven minutes, and a start replays about as much.
const SNAPSHOT_RECORDS: u64 = 60;

/// Of a round that spans more than this, only the rolling figures of its end are kept: they are
/// live figures, and nobody asks for those of a past that is being caught up with.
const ROLLING_KEPT_MS: i64 = 5 * 60_000;

/// How long to wait before a commit that did not succeed is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// A record at its place.
pub type Placed = (Partition, Position, Arc<Record>);

/// One partition.
struct Part {
    partition: Partition,
    engine: Engine,
    head: CommitNumber,
    /// Log position that the head has reached.
    reached: Position,
    /// Records applied since the last snapshot.
    unsaved: u64,
    touched: bool,
    outputs: Vec<Output>,
}

impl Part {
    fn snapshot(&mut self) -> (Partition, Snapshot) {
        self.unsaved = 0;
        let snapshot = Snapshot {
            position: self.engine.position(),
            commit: self.head,
            bytes: self.engine.snapshot(),
        };
        (self.partition, snapshot)
    }

    fn drop_past_rolling(&mut self) {
        let Some(now) = self.engine.now() else { return };
        self.outputs.retain(|output| {
            !matches!(output, Output::Rolling(row) if now.since(row.end) > ROLLING_KEPT_MS)
        });
    }
}

/// The engines of all partitions and the store they commit to.
pub struct Driver<B> {
    backend: B,
    /// This process's epoch: higher than that of any commit before it.
    epoch: u64,
    parts: Vec<Part>,
}

impl<B: Backend + Clone> Driver<B> {
    /// Loads every partition: its snapshot, then the log behind it.
    ///
    /// What the replay says beyond the last commits is stored before this returns.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read or a snapshot is damaged.
    pub async fn recover(backend: B) -> Result<Self, StoreError> {
        let mut driver = Self {
            backend,
            epoch: 1,
            parts: Vec::new(),
        };
        let mut replayed = 0_u64;
        for partition in Partition::all() {
            let head = driver.backend.head(partition).await?;
            let snapshot = driver.backend.load_snapshot(partition).await?;
            let engine = match snapshot {
                None => Engine::new(partition),
                Some(snapshot) => driver.restore(partition, &snapshot).await?,
            };
            driver.epoch = driver.epoch.max(head.map_or(0, |head| head.epoch) + 1);
            driver.parts.push(Part {
                partition,
                engine,
                head: head.map_or(CommitNumber(0), |head| head.number),
                reached: head.map_or(Position(0), |head| head.reached),
                unsaved: 0,
                touched: false,
                outputs: Vec::new(),
            });
            let reached = head.map_or(Position(0), |head| head.reached);
            replayed += driver.replay(partition, reached).await?;
        }
        let said = driver.say();
        store(driver.backend.clone(), said).await?;
        info!(
            records = replayed,
            epoch = driver.epoch,
            "recovered from snapshots and log"
        );
        Ok(driver)
    }

    /// The engine of a snapshot. One that another version wrote is made anew of the log, where
    /// the whole log is there.
    async fn restore(
        &self,
        partition: Partition,
        snapshot: &Snapshot,
    ) -> Result<Engine, StoreError> {
        let error = match Engine::restore(&snapshot.bytes) {
            Ok(engine) => return Ok(engine),
            Err(error) => error,
        };
        let first = self.backend.read(partition, Position(0), 1).await?;
        let is_whole = first.first().is_some_and(|(at, _)| *at == Position(1));
        if matches!(error, SnapshotError::Version(_)) && is_whole {
            warn!(%partition, %error, "the engine is made anew of its log");
            return Ok(Engine::new(partition));
        }
        Err(StoreError::Damaged(format!(
            "snapshot of partition {partition}: {error}"
        )))
    }

    /// Applies the log behind the engine's position; outputs up to `reached` are dropped.
    async fn replay(&mut self, partition: Partition, reached: Position) -> Result<u64, StoreError> {
        let mut count = 0;
        let Some(part) = self.parts.last_mut() else {
            return Ok(0);
        };
        loop {
            let from = part.engine.position().next();
            let records = self
                .backend
                .read(partition, from, REPLAY_RECORDS_MAX)
                .await?;
            if records.is_empty() {
                return Ok(count);
            }
            for (position, record) in records {
                let before = part.outputs.len();
                part.engine.apply(position, &record, &mut part.outputs);
                if position <= reached {
                    part.outputs.truncate(before);
                } else {
                    part.touched = true;
                }
                part.unsaved += 1;
                count += 1;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Applies records in the order of their log. What they said is to be stored next, before
    /// anything that is applied after them.
    pub fn apply(&mut self, records: &[Placed]) -> Said {
        for (partition, position, record) in records {
            let Some(part) = self.parts.get_mut(usize::from(partition.number())) else {
                continue;
            };
            part.engine.apply(*position, record, &mut part.outputs);
            part.unsaved += 1;
            part.touched = true;
        }
        let readings = records.iter().map(|(.., record)| readings_of(record)).sum();
        Said {
            readings,
            ..self.say()
        }
    }

    fn say(&mut self) -> Said {
        let mut commits = Vec::new();
        for part in self.parts.iter_mut().filter(|part| part.touched) {
            part.touched = false;
            part.engine.publish_current(&mut part.outputs);
            part.drop_past_rolling();
            let mut outputs = std::mem::take(&mut part.outputs);
            while !outputs.is_empty() {
                let rest = outputs.split_off(outputs.len().min(COMMIT_OUTPUTS_MAX));
                part.head = CommitNumber(part.head.0 + 1);
                // Only the last commit of a split says that the records were reached: after a
                // stop in between the replay says all of it again, under the same keys.
                if rest.is_empty() {
                    part.reached = part.engine.position();
                }
                commits.push(Commit {
                    partition: part.partition,
                    number: part.head,
                    epoch: self.epoch,
                    reached: part.reached,
                    outputs,
                });
                outputs = rest;
            }
        }
        // The partition that has moved most, if it is worth it.
        let most = self.parts.iter_mut().max_by_key(|part| part.unsaved);
        let snapshot = most
            .filter(|part| part.unsaved >= SNAPSHOT_RECORDS)
            .map(Part::snapshot);
        Said {
            commits,
            snapshot,
            readings: 0,
        }
    }

    /// Saves a snapshot of every partition that has moved since its last. All that was said must
    /// be stored.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn save_all(&mut self) -> Result<(), StoreError> {
        for part in self.parts.iter_mut().filter(|part| part.unsaved > 0) {
            save(&self.backend, part.snapshot()).await?;
        }
        Ok(())
    }

    /// Where it commits to.
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// The latest tick of any partition.
    pub fn now(&self) -> Option<UtcMs> {
        self.parts.iter().filter_map(|part| part.engine.now()).max()
    }

    /// What the logs have of every edge.
    pub fn marks(&self) -> Vec<(Partition, huitian_engine::Mark)> {
        let parts = self.parts.iter();
        parts
            .flat_map(|part| {
                part.engine
                    .marks()
                    .into_iter()
                    .map(|mark| (part.partition, mark))
            })
            .collect()
    }

    /// The numbering of an edge as the logs have it: its epoch and the next numbers.
    pub fn numbering(&self, edge: &EdgeId) -> Option<(u64, BTreeMap<Partition, u64>)> {
        let known = self.parts.iter().filter_map(|part| {
            let (epoch, next) = part.engine.high_water(edge)?;
            Some((epoch, part.partition, next))
        });
        let known: Vec<_> = known.collect();
        let epoch = known.iter().map(|(epoch, ..)| *epoch).max()?;
        let next = known.into_iter().filter(|(of, ..)| *of == epoch);
        Some((
            epoch,
            next.map(|(_, partition, next)| (partition, next)).collect(),
        ))
    }
}

/// What a round of records said.
pub struct Said {
    /// To be stored, then shown.
    pub commits: Vec<Commit>,
    /// To be saved once the commits are stored.
    snapshot: Option<(Partition, Snapshot)>,
    /// How many readings the records held.
    pub readings: u64,
}

/// Stores what was said, and gives it back.
///
/// # Errors
/// [`StoreError::Fenced`] where another owner took over, and what no retry mends.
pub async fn store<B: Backend>(backend: B, mut said: Said) -> Result<Said, StoreError> {
    if !said.commits.is_empty() {
        commit(&backend, said.commits.clone()).await?;
    }
    if let Some(snapshot) = said.snapshot.take() {
        save(&backend, snapshot).await?;
    }
    Ok(said)
}

/// Commits until it is known to be stored.
async fn commit<B: Backend>(backend: &B, mut commits: Vec<Commit>) -> Result<(), StoreError> {
    loop {
        match backend.commit(commits.clone()).await {
            Ok(outcomes) => {
                if outcomes.contains(&CommitOutcome::Fenced) {
                    return Err(StoreError::Fenced);
                }
                let mut outcomes = outcomes.into_iter();
                commits.retain(|_| outcomes.next() != Some(CommitOutcome::Ok));
                if commits.is_empty() {
                    return Ok(());
                }
            }
            Err(error) if error.is_retryable() || error == StoreError::Indeterminate => {
                warn!(%error, "commit not stored: trying again");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(RETRY_WAIT).await;
    }
}

async fn save<B: Backend>(
    backend: &B,
    (partition, snapshot): (Partition, Snapshot),
) -> Result<(), StoreError> {
    match backend.save_snapshot(partition, snapshot).await {
        // A snapshot only shortens the next start: the log still holds everything.
        Err(error) if error.is_retryable() => {
            warn!(%error, partition = partition.number(), "snapshot not saved");
            Ok(())
        }
        saved => saved,
    }
}
