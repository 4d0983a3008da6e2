//! The trait of what keeps the log, the chain of commits, snapshots and cursors.

use std::fmt;
use std::future::Future;

use huitian_model::{Commit, CommitNumber, IdError, Partition, Position, Record, Slug};

use crate::StoreError;

/// The name of a sink, such as `influx`: a slug.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SinkName(Slug);

impl SinkName {
    /// Checks and keeps `text`.
    ///
    /// # Errors
    /// [`IdError`] where the length or a character is outside the permitted range.
    pub fn new(text: &str) -> Result<Self, IdError> {
        Slug::new(text).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The last commit of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommitHead {
    /// Its number.
    pub number: CommitNumber,
    /// Its owner's epoch.
    pub epoch: u64,
    /// Log position reached.
    pub reached: Position,
}

/// What became of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommitOutcome {
    /// It is in the chain, now or since an earlier attempt with the same content.
    Ok,
    /// It does not continue the chain: its number is not the next, or its epoch is too low.
    Fenced,
    /// Not known. Committing the same again is safe and tells.
    Indeterminate,
}

impl CommitOutcome {
    /// The outcome as a result, for callers that stop at anything but [`CommitOutcome::Ok`].
    ///
    /// # Errors
    /// [`StoreError::Fenced`] or [`StoreError::Indeterminate`].
    pub const fn accepted(self) -> Result<(), StoreError> {
        match self {
            Self::Ok => Ok(()),
            Self::Fenced => Err(StoreError::Fenced),
            Self::Indeterminate => Err(StoreError::Indeterminate),
        }
    }
}

/// The engine's state after a log position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The last log position applied.
    pub position: Position,
    /// The last commit that holds outputs of that state.
    pub commit: CommitNumber,
    /// `Engine::snapshot`.
    pub bytes: Vec<u8>,
}

/// Keeps the log, the chain of commits, snapshots and cursors of all partitions.
///
/// Every backend passes [`crate::conformance::run`]. What an answer `Ok` says is on disk.
/// Futures may be dropped; what was asked may then be done or not.
pub trait Backend: Send + Sync + 'static {
    /// Appends records to the logs of their partitions and gives their positions, in the order
    /// given. Positions of a partition are contiguous and begin at 1. Resolves when on disk; all
    /// of a call or nothing is stored.
    ///
    /// # Errors
    /// [`StoreError::Indeterminate`] where they may have been stored; else nothing was.
    fn append(
        &self,
        records: Vec<(Partition, Record)>,
    ) -> impl Future<Output = Result<Vec<Position>, StoreError>> + Send;

    /// Records of a partition from position `from` on, in order; at most `max_records`, and fewer
    /// where they are large. Empty only where there are no more, or `max_records` is 0.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    fn read(
        &self,
        partition: Partition,
        from: Position,
        max_records: usize,
    ) -> impl Future<Output = Result<Vec<(Position, Record)>, StoreError>> + Send;

    /// Removes the records before `before`, as far as nothing needs them: those after the oldest
    /// kept snapshot stay, and so does the last record.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn trim(
        &self,
        partition: Partition,
        before: Position,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Appends each commit to its partition's chain, if its number is the head's plus one and its
    /// epoch is not below the head's. The same commit again is [`CommitOutcome::Ok`] and changes
    /// nothing. One commit is stored wholly or not at all; several are independent.
    ///
    /// # Errors
    /// [`StoreError`] where nothing of the call that is not yet stored will be.
    fn commit(
        &self,
        commits: Vec<Commit>,
    ) -> impl Future<Output = Result<Vec<CommitOutcome>, StoreError>> + Send;

    /// The last commit of a chain.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    fn head(
        &self,
        partition: Partition,
    ) -> impl Future<Output = Result<Option<CommitHead>, StoreError>> + Send;

    /// Commits of a partition from number `from` on, in order; at most `max`, and fewer where they
    /// are large. Begins later than `from` where earlier ones were trimmed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    fn commits(
        &self,
        partition: Partition,
        from: CommitNumber,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Commit>, StoreError>> + Send;

    /// Removes commits before `before`, as far as nothing needs them: those that a registered
    /// sink's cursor or the oldest kept snapshot has not passed stay, and so does the head.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn trim_commits(
        &self,
        partition: Partition,
        before: CommitNumber,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps a snapshot; the one with the highest position wins. A snapshot at a lower position
    /// than the newest is ignored.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn save_snapshot(
        &self,
        partition: Partition,
        snapshot: Snapshot,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The newest snapshot of a partition.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    fn load_snapshot(
        &self,
        partition: Partition,
    ) -> impl Future<Output = Result<Option<Snapshot>, StoreError>> + Send;

    /// Makes a sink known, so that no commit is trimmed before it has passed. Known again: nothing
    /// changes. [`Backend::advance`] makes it known too.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn register_sink(&self, sink: &SinkName)
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The last commit that a sink has passed; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] or [`StoreError::Io`].
    fn cursor(
        &self,
        sink: &SinkName,
        partition: Partition,
    ) -> impl Future<Output = Result<CommitNumber, StoreError>> + Send;

    /// Moves a sink's cursor forward; a lower number than it has changes nothing.
    ///
    /// # Errors
    /// Any [`StoreError`].
    fn advance(
        &self,
        sink: &SinkName,
        partition: Partition,
        to: CommitNumber,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
