//! A store in memory that fails on purpose, for tests of whoever uses a store.
//!
//! It keeps what is seen and what is synced apart: [`Memory::crash`] forgets everything that was
//! not synced, as a power failure does. Two clones are two owners of the same store. All that it
//! does follows from its seed and the order of the calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use huitian_model::{Commit, CommitNumber, Partition, Position, Record};

use crate::{Backend, CommitHead, CommitOutcome, SinkName, Snapshot, StoreError};

mod image;

use image::{Answer, Change, Image};

/// How often it fails, in percent of calls, and by which seed. The default never fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// The seed.
    pub seed: u64,
    /// Appends and commits whose answer is lost: half of them were synced, the other half are
    /// seen until the next crash, unless a later sync takes them along.
    pub lost_answers_percent: u8,
    /// Reads that fail.
    pub read_errors_percent: u8,
}

/// A deliberate error in what the store promises: for tests that the conformance suite finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// Says yes before it has synced.
    AcknowledgesBeforeSync,
    /// Lets an owner of a lower epoch continue the chain.
    TakesLowerEpochs,
    /// Calls the same commit again fenced.
    RefusesTheSameCommit,
    /// Moves a cursor back.
    CursorsGoBack,
    /// Trims commits that a sink has not read.
    TrimsUnreadCommits,
    /// Loses every tenth record of a read.
    SkipsRecords,
}

/// A store in memory.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Mutex<Disk>>);

#[derive(Debug)]
struct Disk {
    seen: Image,
    synced: Image,
    unsynced: Vec<Change>,
    faults: Faults,
    flaw: Option<Flaw>,
    random: u64,
}

/// What happens to an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    LostAfterSync,
    LostBeforeSync,
}

impl Memory {
    /// An empty store.
    pub fn new(faults: Faults) -> Self {
        Self::flawed(faults, None)
    }

    /// An empty store that breaks a promise.
    pub fn flawed(faults: Faults, flaw: Option<Flaw>) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            seen: Image::default(),
            synced: Image::default(),
            unsynced: Vec::new(),
            faults,
            flaw,
            random: faults.seed,
        })))
    }

    /// Forgets everything that was not synced, for all clones.
    pub fn crash(&self) {
        let mut disk = self.disk();
        disk.unsynced.clear();
        disk.seen = disk.synced.clone();
    }

    /// Changes how often it fails from now on; the seed is not used anew.
    pub fn set_faults(&self, faults: Faults) {
        self.disk().faults = faults;
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    /// The next number of splitmix64.
    const fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn happens(&mut self, percent: u8) -> bool {
        percent > 0 && self.next() % 100 < u64::from(percent)
    }

    fn fate(&mut self) -> Fate {
        if !self.happens(self.faults.lost_answers_percent) {
            Fate::Arrives
        } else if self.happens(50) {
            Fate::LostAfterSync
        } else {
            Fate::LostBeforeSync
        }
    }

    fn change(&mut self, change: Change, fate: Fate) -> Result<Answer, StoreError> {
        let answer = self.seen.apply(change.clone(), self.flaw)?;
        self.unsynced.push(change);
        let syncs = self.flaw != Some(Flaw::AcknowledgesBeforeSync);
        if syncs && fate != Fate::LostBeforeSync {
            for change in std::mem::take(&mut self.unsynced) {
                self.synced.apply(change, self.flaw)?;
            }
        }
        Ok(answer)
    }

    /// A change whose answer always arrives.
    fn change_surely(&mut self, change: Change) -> Result<(), StoreError> {
        self.change(change, Fate::Arrives).map(|_answer| ())
    }

    fn readable(&mut self) -> Result<&Image, StoreError> {
        if self.happens(self.faults.read_errors_percent) {
            return Err(StoreError::Io("a read error on purpose".to_owned()));
        }
        Ok(&self.seen)
    }
}

impl Backend for Memory {
    async fn append(&self, records: Vec<(Partition, Record)>) -> Result<Vec<Position>, StoreError> {
        let mut disk = self.disk();
        let fate = disk.fate();
        let answer = disk.change(Change::Append(records), fate)?;
        match fate {
            Fate::Arrives => Ok(answer.positions),
            Fate::LostAfterSync | Fate::LostBeforeSync => Err(StoreError::Indeterminate),
        }
    }

    async fn read(
        &self,
        partition: Partition,
        from: Position,
        max_records: usize,
    ) -> Result<Vec<(Position, Record)>, StoreError> {
        let mut disk = self.disk();
        let skips = disk.flaw == Some(Flaw::SkipsRecords);
        let log = disk.readable()?.logs.get(&partition);
        let records = log
            .into_iter()
            .flat_map(|log| log.range(from..))
            .take(max_records);
        Ok(records
            .filter(|(position, _)| !skips || position.0 % 10 != 0)
            .map(|(position, record)| (*position, record.clone()))
            .collect())
    }

    async fn trim(&self, partition: Partition, before: Position) -> Result<(), StoreError> {
        self.disk().change_surely(Change::Trim(partition, before))
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        let mut disk = self.disk();
        let mut outcomes = Vec::with_capacity(commits.len());
        for commit in commits {
            let fate = disk.fate();
            let answer = disk.change(Change::Commit(commit), fate)?;
            outcomes.push(match (fate, answer.outcome) {
                (Fate::Arrives, Some(outcome)) => outcome,
                _ => CommitOutcome::Indeterminate,
            });
        }
        Ok(outcomes)
    }

    async fn head(&self, partition: Partition) -> Result<Option<CommitHead>, StoreError> {
        Ok(self.disk().readable()?.head(partition))
    }

    async fn commits(
        &self,
        partition: Partition,
        from: CommitNumber,
        max: usize,
    ) -> Result<Vec<Commit>, StoreError> {
        let mut disk = self.disk();
        let chain = disk.readable()?.commits.get(&partition);
        let commits = chain.into_iter().flat_map(|chain| chain.range(from..));
        Ok(commits
            .take(max)
            .map(|(_, commit)| commit.clone())
            .collect())
    }

    async fn trim_commits(
        &self,
        partition: Partition,
        before: CommitNumber,
    ) -> Result<(), StoreError> {
        self.disk()
            .change_surely(Change::TrimCommits(partition, before))
    }

    async fn save_snapshot(
        &self,
        partition: Partition,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        self.disk()
            .change_surely(Change::Snapshot(partition, snapshot))
    }

    async fn load_snapshot(&self, partition: Partition) -> Result<Option<Snapshot>, StoreError> {
        let mut disk = self.disk();
        let kept = disk.readable()?.snapshots.get(&partition);
        Ok(kept.and_then(|kept| kept.last()).cloned())
    }

    async fn register_sink(&self, sink: &SinkName) -> Result<(), StoreError> {
        self.disk().change_surely(Change::Register(sink.clone()))
    }

    async fn cursor(
        &self,
        sink: &SinkName,
        partition: Partition,
    ) -> Result<CommitNumber, StoreError> {
        let mut disk = self.disk();
        let passed = disk.readable()?.cursors.get(&(sink.clone(), partition));
        Ok(passed.copied().unwrap_or_default())
    }

    async fn advance(
        &self,
        sink: &SinkName,
        partition: Partition,
        to: CommitNumber,
    ) -> Result<(), StoreError> {
        self.disk()
            .change_surely(Change::Advance(sink.clone(), partition, to))
    }
}

#[cfg(test)]
mod tests;
