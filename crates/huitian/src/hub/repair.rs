//! Repair: windows recomputed with the readings that came too late for them.
//!
//! ```text
//! late readings ──quiet for 2 min──► prepare (a blocking thread reads the log twice)
//! command ─────────────────────────►    │ while the engines go on
//!                                       ▼
//!            finish (the driver's loop): read the rest, compare with what is stored,
//!            commit the amended rows, let the engine go on from there, save it, mark the readings
//! ```
//!
//! A stop anywhere before the mark leaves the readings to be repaired: the next start does it
//! again, finds what is published already as it should be, and publishes the rest.
//!
//! Memory: one partition at a time. The readings that are remembered (see [`Recompute`]), and the
//! amended rows: 409 windows a facility and day, so a month of a site's ten facilities is 120,000
//! rows of some 400 bytes, 50 MB.

use std::collections::{BTreeMap, VecDeque};

use huitian_console::Board;
use huitian_engine::{LateReadings, Recompute};
use huitian_model::{
    Commit, Output, Partition, Position, Reason, Record, SiteId, UtcMs, partition_of,
};
use huitian_store::{Backend, Sqlite, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::driver::Driver;

mod compare;
mod report;
use compare::{Change, Compared, compare};
pub use report::Report;

/// Records read at once: some 5 MB of frames.
const RECORDS_MAX: usize = 2_000;

/// Progress is told after so many records: four days of ticks.
const TOLD_RECORDS: u64 = 40_000;

/// Partition time for which nothing late must have come before a repair begins by itself.
const QUIET_MS: i64 = 2 * 60_000;

/// Partition time between two repairs of one partition by itself: a device whose clock is always
/// days behind must not have the whole log read again and again.
const AGAIN_MS: i64 = 60 * 60_000;

/// After a repair that had to leave something out, the next by itself comes a day later.
const REFUSED_MS: i64 = 24 * 60 * 60_000;

/// What a person wishes.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Wish {
    /// Only this site.
    pub site: Option<SiteId>,
    /// Say what would be amended, and amend nothing.
    pub dry_run: bool,
}

/// A wish and who waits for the answer.
pub type Asked = (Wish, oneshot::Sender<Vec<Report>>);

/// What is to be repaired, and what is being repaired.
pub struct Repairs {
    store: Sqlite,
    /// When something late came last, by partition.
    late_at: BTreeMap<Partition, UtcMs>,
    /// Not by itself before then.
    not_before: BTreeMap<Partition, UtcMs>,
    asked: Option<(Asked, VecDeque<Partition>, Vec<Report>)>,
    running: Option<Running>,
}

/// A log that is being read, and for whom.
struct Running {
    partition: Partition,
    wish: Option<Wish>,
    job: JoinHandle<Result<Prepared, StoreError>>,
}

/// A partition's past, recomputed up to some position of its log.
pub struct Prepared {
    partition: Partition,
    again: Recompute,
    is_trimmed: bool,
    began: Option<UtcMs>,
    wish: Option<Wish>,
}

impl Repairs {
    /// What earlier runs have left to repair is due at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn new(store: Sqlite) -> Result<Self, StoreError> {
        let left = store.to_repair()?.into_iter();
        let late_at = left.map(|(partition, _)| (partition, UtcMs(i64::MIN / 2)));
        Ok(Self {
            late_at: late_at.collect(),
            not_before: BTreeMap::new(),
            asked: None,
            running: None,
            store,
        })
    }

    /// Notes what is late in a commit.
    pub fn note(&mut self, commit: &Commit, now: Option<UtcMs>) {
        let is_late = |output: &Output| match output {
            Output::Held(held) => held.reason == Reason::Late,
            Output::Window(_)
            | Output::Rolling(_)
            | Output::Current(_)
            | Output::Alert(_)
            | Output::Episode(_)
            | Output::Emptied(_)
            | Output::Finding(_)
            | Output::Account(_)
            | Output::Device(_)
            | Output::Lost(_) => false,
        };
        if let Some(now) = now
            && commit.outputs.iter().any(is_late)
        {
            self.late_at.insert(commit.partition, now);
        }
    }

    /// Whether another wish can be taken.
    pub const fn takes_wishes(&self) -> bool {
        self.asked.is_none()
    }

    /// Takes a wish.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn wish(&mut self, asked: Asked) -> Result<(), StoreError> {
        let all = self.store.to_repair()?.into_iter();
        let wanted = asked.0.site.as_ref().map(partition_of);
        let partitions = all
            .map(|(partition, _)| partition)
            .filter(|partition| wanted.is_none_or(|wanted| wanted == *partition));
        self.asked = Some((asked, partitions.collect(), Vec::new()));
        Ok(())
    }

    /// Begins what is due next, if nothing is being repaired. All that the engines said must be
    /// stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin<B: Backend + Clone>(
        &mut self,
        driver: &Driver<B>,
    ) -> Result<(), StoreError> {
        if self.running.is_some() {
            return Ok(());
        }
        let Some((partition, wish)) = self.next(driver.now()) else {
            return Ok(());
        };
        let Some(engine) = driver.engine(partition) else {
            return Ok(());
        };
        let first = self.store.read(partition, Position(1), 1).await?;
        let is_trimmed = first.first().is_none_or(|(position, _)| position.0 > 1);
        let since = self.store.repaired_to(partition)?;
        let again = if is_trimmed {
            Recompute::of_trimmed_log(engine, since)
        } else {
            Recompute::new(engine, since)
        };
        info!(
            partition = partition.number(),
            "repair: recomputing with the late readings"
        );
        let job = Job {
            store: self.store.clone(),
            partition,
            until: engine.position(),
            late: LateReadings::new(engine),
            is_trimmed,
            wish: wish.clone(),
        };
        let runtime = tokio::runtime::Handle::current();
        let job = tokio::task::spawn_blocking(move || runtime.block_on(job.prepare(again)));
        self.running = Some(Running {
            partition,
            wish,
            job,
        });
        Ok(())
    }

    /// The next partition to repair: what a person wishes first.
    fn next(&mut self, now: Option<UtcMs>) -> Option<(Partition, Option<Wish>)> {
        if let Some(((wish, _), partitions, _)) = &mut self.asked {
            if let Some(partition) = partitions.pop_front() {
                return Some((partition, Some(wish.clone())));
            }
            if let Some(((_, answer), _, reports)) = self.asked.take() {
                // Who asked may have gone: what was done is done.
                let _gone = answer.send(reports);
            }
        }
        let now = now?;
        let due = self.late_at.iter().find(|(partition, at)| {
            let not_before = self.not_before.get(partition);
            now.since(**at) >= QUIET_MS && not_before.is_none_or(|not_before| *not_before <= now)
        });
        let partition = due.map(|(partition, _)| *partition)?;
        self.late_at.remove(&partition);
        self.not_before.insert(partition, now.plus(AGAIN_MS));
        Some((partition, None))
    }

    /// Whether something is being recomputed.
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Waits until the log has been read. Dropping the future loses nothing. None where that
    /// failed: it is done again later.
    pub async fn prepared(&mut self) -> Option<Ready> {
        let Some(running) = self.running.as_mut() else {
            return std::future::pending().await;
        };
        let (partition, is_asked) = (running.partition, running.wish.is_some());
        let prepared = match (&mut running.job).await {
            Ok(prepared) => prepared,
            Err(error) => Err(StoreError::Io(format!("the reading task ended: {error}"))),
        };
        self.running = None;
        match prepared {
            Ok(prepared) => Some(Ready(prepared)),
            Err(error) => {
                self.failed(partition, is_asked, &error);
                None
            }
        }
    }

    /// Says that a repair did not end, and lets it be done again.
    fn failed(&mut self, partition: Partition, is_asked: bool, error: &StoreError) {
        warn!(%error, partition = partition.number(), "repair: not done, to be done again");
        self.late_at.entry(partition).or_insert(UtcMs(i64::MIN / 2));
        if let (true, Some((_, _, reports))) = (is_asked, &mut self.asked) {
            let mut report = Report::new(partition);
            report.refused.push(error.to_string());
            reports.push(report);
        }
    }

    /// Publishes what differs. All that the engines said must be stored.
    ///
    /// # Errors
    /// [`StoreError`] that no retry mends.
    pub async fn finish<B: Backend + Clone>(
        &mut self,
        driver: &mut Driver<B>,
        Ready(prepared): Ready,
        board: Option<&Board>,
    ) -> Result<u64, StoreError> {
        let partition = prepared.partition;
        let Some(until) = driver
            .engine(partition)
            .map(huitian_engine::Engine::position)
        else {
            return Ok(0);
        };
        let is_asked = prepared.wish.is_some();
        let wish = prepared.wish.clone().unwrap_or_default();
        let store = self.store.clone();
        let runtime = tokio::runtime::Handle::current();
        let only = wish.site.clone();
        let compared = tokio::task::spawn_blocking(move || {
            runtime.block_on(compare(store, prepared, until, only))
        });
        let compared = match compared.await {
            Ok(compared) => compared,
            Err(error) => Err(StoreError::Io(format!("the comparing task ended: {error}"))),
        };
        let mut compared = match compared {
            Ok(compared) => compared,
            Err(error) => {
                self.failed(partition, is_asked, &error);
                return Ok(0);
            }
        };
        compared.report.dry_run = wish.dry_run;
        let mut commits = 0;
        if !wish.dry_run {
            commits = publish(driver, &mut compared, board).await?;
            match driver.save_one(partition).await {
                Ok(()) => self.settle(until, &compared, wish.site.is_some()).await?,
                Err(error) if error.is_retryable() => self.failed(partition, false, &error),
                Err(error) => return Err(error),
            }
        }
        compared.report.say();
        if let (true, Some((_, _, reports))) = (is_asked, &mut self.asked) {
            reports.push(compared.report);
        }
        Ok(commits)
    }

    /// Marks the late readings where all of them were taken in.
    async fn settle(
        &mut self,
        until: Position,
        compared: &Compared,
        is_for_one_site: bool,
    ) -> Result<(), StoreError> {
        let partition = compared.prepared.partition;
        let now = compared.prepared.again.now().unwrap_or(UtcMs(0));
        if compared.report.refused.is_empty() && !is_for_one_site {
            self.late_at.remove(&partition);
            return self.store.mark_repaired(partition, until, now).await;
        }
        let next = if compared.report.refused.is_empty() {
            AGAIN_MS
        } else {
            REFUSED_MS
        };
        self.late_at.entry(partition).or_insert(now);
        self.not_before.insert(partition, now.plus(next));
        Ok(())
    }
}

/// Commits what differs, shows it, and lets the engine go on from there; how many commits.
async fn publish<B: Backend + Clone>(
    driver: &mut Driver<B>,
    compared: &mut Compared,
    board: Option<&Board>,
) -> Result<u64, StoreError> {
    let Compared {
        prepared,
        changes,
        report,
    } = compared;
    let outputs = changes.iter().flat_map(Change::outputs).collect();
    let commits = driver.publish(prepared.partition, outputs).await?;
    for commit in &commits {
        if let Some(board) = board {
            board.apply_commit(commit);
        }
    }
    for change in changes.iter() {
        let again = (prepared.partition, &prepared.again);
        if !driver.adopt(again, &change.key, &change.amended) {
            report.refused.push(format!(
                "{}/{}: another inventory holds than at the end of the log",
                change.key.0, change.key.1
            ));
        }
    }
    Ok(u64::try_from(commits.len()).unwrap_or_default())
}

/// A past that has been read and can be compared.
pub struct Ready(Prepared);

/// Reading the log.
struct Job {
    store: Sqlite,
    partition: Partition,
    until: Position,
    late: LateReadings,
    is_trimmed: bool,
    wish: Option<Wish>,
}

impl Job {
    async fn prepare(mut self, mut again: Recompute) -> Result<Prepared, StoreError> {
        let (mut began, mut first) = (None, None);
        let mut from = Position(1);
        while let Some(records) = self.read(from).await? {
            first = first.or_else(|| records.first().map(|(position, _)| *position));
            for (position, record) in records {
                if let (Record::Tick(tick), None) = (&record, began) {
                    began = Some(tick.now);
                }
                self.late.note(&record);
                from = position.next();
            }
        }
        if let (Some(earliest), Some(first)) = (self.late.earliest, first) {
            again.remember_from(earliest);
            self.take_in(first, &mut again).await?;
        }
        Ok(Prepared {
            partition: self.partition,
            again,
            is_trimmed: self.is_trimmed,
            began,
            wish: self.wish,
        })
    }

    async fn take_in(&self, first: Position, again: &mut Recompute) -> Result<(), StoreError> {
        let mut from = first;
        let mut told = first;
        while let Some(records) = self.read(from).await? {
            if records
                .first()
                .is_none_or(|(position, _)| *position != from)
            {
                let text = "the log was trimmed while it was read";
                return Err(StoreError::Io(text.to_owned()));
            }
            for (position, record) in records {
                again.apply(position, &record);
                from = position.next();
            }
            if from.0 - told.0 >= TOLD_RECORDS {
                told = from;
                info!(
                    partition = self.partition.number(),
                    position = from.0,
                    of = self.until.0,
                    "repair: reading the log"
                );
            }
        }
        Ok(())
    }

    async fn read(&self, from: Position) -> Result<Option<Vec<(Position, Record)>>, StoreError> {
        read(&self.store, self.partition, (from, self.until)).await
    }
}

/// The next records up to a position; none where there are no more.
pub async fn read(
    store: &Sqlite,
    partition: Partition,
    (from, until): (Position, Position),
) -> Result<Option<Vec<(Position, Record)>>, StoreError> {
    if from > until {
        return Ok(None);
    }
    let mut records = store.read(partition, from, RECORDS_MAX).await?;
    records.retain(|(position, _)| *position <= until);
    Ok((!records.is_empty()).then_some(records))
}

/// Repairs a store that no hub has open.
///
/// # Errors
/// [`StoreError`].
pub async fn alone(store: Sqlite, wish: Wish) -> Result<Vec<Report>, StoreError> {
    let mut driver = Driver::recover(store.clone()).await?;
    let mut repairs = Repairs::new(store)?;
    repairs.late_at.clear();
    let (answer, mut reports) = oneshot::channel();
    repairs.wish((wish, answer))?;
    loop {
        repairs.begin(&driver).await?;
        if let Ok(reports) = reports.try_recv() {
            return Ok(reports);
        }
        if let Some(ready) = repairs.prepared().await {
            repairs.finish(&mut driver, ready, None).await?;
        }
    }
}

#[cfg(test)]
mod tests;
