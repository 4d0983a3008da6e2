//! What a store in memory holds, and how each operation changes it.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::{Commit, CommitNumber, Partition, Position, Record};

use super::Flaw;
use crate::{CommitHead, CommitOutcome, SinkName, Snapshot, StoreError};

/// Snapshots kept per partition, as in SQLite.
const SNAPSHOTS_KEPT: usize = 2;

/// One change: applied to what is seen at once, and to what is synced at the sync.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Append(Vec<(Partition, Record)>),
    Trim(Partition, Position),
    Commit(Commit),
    TrimCommits(Partition, CommitNumber),
    Snapshot(Partition, Snapshot),
    Register(SinkName),
    Advance(SinkName, Partition, CommitNumber),
}

/// What a change answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) positions: Vec<Position>,
    pub(super) outcome: Option<CommitOutcome>,
}

/// All partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) logs: BTreeMap<Partition, BTreeMap<Position, Record>>,
    last: BTreeMap<Partition, Position>,
    pub(super) commits: BTreeMap<Partition, BTreeMap<CommitNumber, Commit>>,
    /// Oldest first.
    pub(super) snapshots: BTreeMap<Partition, Vec<Snapshot>>,
    sinks: BTreeSet<SinkName>,
    pub(super) cursors: BTreeMap<(SinkName, Partition), CommitNumber>,
}

impl Image {
    pub(super) fn head(&self, partition: Partition) -> Option<CommitHead> {
        let (number, commit) = self.commits.get(&partition)?.last_key_value()?;
        let (epoch, reached) = (commit.epoch, commit.reached);
        Some(CommitHead {
            number: *number,
            epoch,
            reached,
        })
    }

    pub(super) fn apply(
        &mut self,
        change: Change,
        flaw: Option<Flaw>,
    ) -> Result<Answer, StoreError> {
        let mut answer = Answer::default();
        match change {
            Change::Append(records) => {
                for (partition, record) in records {
                    let last = self.last.entry(partition).or_default();
                    *last = last.next();
                    self.logs
                        .entry(partition)
                        .or_default()
                        .insert(*last, record);
                    answer.positions.push(*last);
                }
            }
            Change::Trim(partition, before) => self.trim(partition, before),
            Change::Commit(commit) => answer.outcome = Some(self.commit(commit, flaw)),
            Change::TrimCommits(partition, before) => self.trim_commits(partition, before, flaw),
            Change::Snapshot(partition, snapshot) => self.save(partition, snapshot)?,
            Change::Register(sink) => {
                self.sinks.insert(sink);
            }
            Change::Advance(sink, partition, to) => {
                self.sinks.insert(sink.clone());
                let passed = self.cursors.entry((sink, partition)).or_default();
                *passed = match flaw {
                    Some(Flaw::CursorsGoBack) => to,
                    _ => to.max(*passed),
                };
            }
        }
        Ok(answer)
    }

    fn commit(&mut self, commit: Commit, flaw: Option<Flaw>) -> CommitOutcome {
        let head = self.head(commit.partition);
        let chain = self.commits.entry(commit.partition).or_default();
        if head.is_some_and(|head| commit.number <= head.number) {
            let is_same = chain.get(&commit.number) == Some(&commit);
            return match flaw {
                Some(Flaw::RefusesTheSameCommit) => CommitOutcome::Fenced,
                _ if is_same => CommitOutcome::Ok,
                _ => CommitOutcome::Fenced,
            };
        }
        let (number, epoch) = head.map_or((0, 0), |head| (head.number.0, head.epoch));
        let is_low = commit.epoch < epoch && flaw != Some(Flaw::TakesLowerEpochs);
        if commit.number.0 != number + 1 || is_low {
            return CommitOutcome::Fenced;
        }
        chain.insert(commit.number, commit);
        CommitOutcome::Ok
    }

    fn save(&mut self, partition: Partition, snapshot: Snapshot) -> Result<(), StoreError> {
        let last = self.last.get(&partition).copied().unwrap_or_default();
        let head = self
            .head(partition)
            .map(|head| head.number)
            .unwrap_or_default();
        if snapshot.position > last || snapshot.commit > head {
            let found = format!("a snapshot beyond the log or chain of partition {partition}");
            return Err(StoreError::Refused(found));
        }
        let kept = self.snapshots.entry(partition).or_default();
        if kept
            .last()
            .is_some_and(|newest| newest.position > snapshot.position)
        {
            return Ok(());
        }
        kept.retain(|other| other.position != snapshot.position);
        kept.push(snapshot);
        let surplus = kept.len().saturating_sub(SNAPSHOTS_KEPT);
        kept.drain(..surplus);
        Ok(())
    }

    fn trim(&mut self, partition: Partition, before: Position) {
        let oldest = self.snapshots.get(&partition).and_then(|kept| kept.first());
        let last = self.last.get(&partition).copied().unwrap_or_default();
        if let (Some(oldest), Some(log)) = (oldest, self.logs.get_mut(&partition)) {
            let before = before.min(oldest.position.next()).min(last);
            *log = log.split_off(&before);
        }
    }

    fn trim_commits(&mut self, partition: Partition, before: CommitNumber, flaw: Option<Flaw>) {
        let passed = self.sinks.iter().map(|sink| {
            let cursor = self.cursors.get(&(sink.clone(), partition));
            cursor.copied().unwrap_or_default()
        });
        let slowest = passed
            .min()
            .filter(|_| flaw != Some(Flaw::TrimsUnreadCommits));
        let oldest = self.snapshots.get(&partition).and_then(|kept| kept.first());
        let (Some(oldest), Some(head)) = (oldest, self.head(partition)) else {
            return;
        };
        let passed = slowest.unwrap_or(head.number).min(oldest.commit);
        let before = before.min(CommitNumber(passed.0 + 1)).min(head.number);
        if let Some(chain) = self.commits.get_mut(&partition) {
            *chain = chain.split_off(&before);
        }
    }
}
