//! What every backend promises, as claims that are tried on it.
//!
//! [`run`] tries all of them on fresh stores and names the first that does not hold. A test of a
//! backend calls it; a test of the suite gives it backends with a flaw and expects to be told.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use huitian_model::{Commit, CommitNumber, Partition, Position, Record, Tick, UtcMs};
use tokio::task::JoinSet;

use crate::{Backend, SinkName, Snapshot, StoreError};

mod chain;
mod log;

/// Makes stores of the backend that is tried.
pub trait Subject: Send {
    /// The backend.
    type Store: Backend;

    /// An empty store.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    fn fresh(&mut self) -> impl Future<Output = Result<Self::Store, StoreError>> + Send;

    /// The same store after its process was killed and its machine lost power.
    ///
    /// # Errors
    /// Whatever keeps it from being opened.
    fn restart(
        &mut self,
        store: Self::Store,
    ) -> impl Future<Output = Result<Self::Store, StoreError>> + Send;
}

/// A claim that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{claim}: {found}")]
pub struct Violation {
    /// Which claim.
    pub claim: &'static str,
    /// What was found instead.
    pub found: String,
}

/// Tries all claims.
///
/// # Errors
/// The first [`Violation`].
pub async fn run<S: Subject>(subject: &mut S) -> Result<(), Violation> {
    log::positions_are_contiguous_per_partition(subject).await?;
    log::acknowledged_records_survive(subject).await?;
    log::concurrent_appends_interleave_without_loss(subject).await?;
    log::a_read_is_a_page_of_the_log(subject).await?;
    log::trim_keeps_what_a_restart_needs(subject).await?;
    log::the_newest_snapshot_wins(subject).await?;
    chain::a_commit_continues_its_chain_or_is_fenced(subject).await?;
    chain::the_same_commit_again_is_ok(subject).await?;
    chain::acknowledged_commits_survive(subject).await?;
    chain::of_two_owners_one_is_fenced(subject).await?;
    chain::cursors_only_advance(subject).await?;
    chain::trim_keeps_commits_that_a_sink_has_not_read(subject).await
}

/// A claim, to be held against what is found.
#[derive(Clone, Copy)]
struct Claim(&'static str);

impl Claim {
    /// The value, unless the store failed.
    fn ok<T>(self, answer: Result<T, StoreError>) -> Result<T, Violation> {
        answer.map_err(|error| self.broken(format!("the store failed: {error}")))
    }

    fn equal<T: PartialEq + Debug>(self, found: &T, expected: &T) -> Result<(), Violation> {
        if found == expected {
            Ok(())
        } else {
            Err(self.broken(format!("expected {expected:?}, found {found:?}")))
        }
    }

    const fn broken(self, found: String) -> Violation {
        let Self(claim) = self;
        Violation { claim, found }
    }
}

/// Two partitions, neither the first.
fn parts() -> impl Iterator<Item = Partition> {
    Partition::all().skip(7).step_by(31).take(2)
}

fn tick(now: u64) -> Record {
    Record::Tick(Tick {
        now: UtcMs(now.cast_signed()),
    })
}

fn commit(partition: Partition, number: u64, epoch: u64) -> Commit {
    Commit {
        partition,
        number: CommitNumber(number),
        epoch,
        reached: Position(number),
        outputs: Vec::new(),
    }
}

fn snapshot(position: u64, commit: u64) -> Snapshot {
    Snapshot {
        position: Position(position),
        commit: CommitNumber(commit),
        bytes: position.to_le_bytes().to_vec(),
    }
}

fn sink(claim: Claim, name: &str) -> Result<SinkName, Violation> {
    SinkName::new(name).map_err(|error| claim.broken(error.to_string()))
}

/// Appends ticks `from..to` to a partition, one by one.
async fn append_ticks(
    claim: Claim,
    store: &impl Backend,
    partition: Partition,
    numbers: std::ops::Range<u64>,
) -> Result<(), Violation> {
    for now in numbers {
        claim.ok(store.append(vec![(partition, tick(now))]).await)?;
    }
    Ok(())
}

/// All ticks of a partition with their positions, read by pages.
async fn ticks(
    claim: Claim,
    store: &impl Backend,
    partition: Partition,
) -> Result<Vec<(u64, u64)>, Violation> {
    let (mut all, mut from) = (Vec::new(), Position(1));
    loop {
        let page = claim.ok(store.read(partition, from, 64).await)?;
        let Some((last, _)) = page.last() else {
            return Ok(all);
        };
        from = last.next();
        for (position, record) in page {
            let Record::Tick(tick) = record else {
                return Err(claim.broken(format!("another record at {position}")));
            };
            all.push((position.0, tick.now.0.cast_unsigned()));
        }
    }
}

/// Waits for all tasks.
async fn all(claim: Claim, mut tasks: JoinSet<Result<(), Violation>>) -> Result<(), Violation> {
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| claim.broken(error.to_string()))??;
    }
    Ok(())
}

/// A store that several tasks use.
fn shared<B: Backend>(store: B) -> Arc<B> {
    Arc::new(store)
}

/// The store back from the tasks, which have ended.
fn unshared<B: Backend>(claim: Claim, store: Arc<B>) -> Result<B, Violation> {
    Arc::into_inner(store).ok_or_else(|| claim.broken("a task still holds the store".to_owned()))
}

#[cfg(test)]
mod tests;
