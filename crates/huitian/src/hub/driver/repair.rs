//! What the driver does for a repair: it alone commits, and it alone has the engines.

use huitian_engine::{Engine, Recompute};
use huitian_model::{Commit, CommitNumber, FacilityId, Output, Partition, SiteId, WindowRow};
use huitian_store::{Backend, StoreError};

use super::{COMMIT_OUTPUTS_MAX, Driver, Part, commit};

impl<B: Backend + Clone> Driver<B> {
    fn part(&self, partition: Partition) -> Option<&Part> {
        self.parts.get(usize::from(partition.number()))
    }

    fn part_mut(&mut self, partition: Partition) -> Option<&mut Part> {
        self.parts.get_mut(usize::from(partition.number()))
    }

    /// The engine of a partition. All that it said must be stored.
    pub fn engine(&self, partition: Partition) -> Option<&Engine> {
        self.part(partition).map(|part| &part.engine)
    }

    /// Publishes rows that no record of the log has led to, in commits that reach no further than
    /// the one before them. All that the engine said must be stored.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] where another owner took over, and what no retry mends.
    pub async fn publish(
        &mut self,
        partition: Partition,
        mut outputs: Vec<Output>,
    ) -> Result<Vec<Commit>, StoreError> {
        let epoch = self.epoch;
        let Some(part) = self.part_mut(partition) else {
            return Ok(Vec::new());
        };
        let mut commits = Vec::new();
        while !outputs.is_empty() {
            let rest = outputs.split_off(outputs.len().min(COMMIT_OUTPUTS_MAX));
            part.head = CommitNumber(part.head.0 + 1);
            commits.push(Commit {
                partition,
                number: part.head,
                epoch,
                reached: part.reached,
                outputs,
            });
            outputs = rest;
        }
        if !commits.is_empty() {
            commit(&self.backend, commits.clone()).await?;
        }
        Ok(commits)
    }

    /// Lets an engine go on from what was recomputed of a facility; whether it did.
    pub fn adopt(
        &mut self,
        (partition, again): (Partition, &Recompute),
        key: &(SiteId, FacilityId),
        amended: &[WindowRow],
    ) -> bool {
        self.part_mut(partition)
            .is_some_and(|part| part.engine.adopt(again, key, amended))
    }

    /// Saves the state of one partition now. Unlike the snapshots that only shorten a start, this
    /// one must be kept: the log alone does not lead to it.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn save_one(&mut self, partition: Partition) -> Result<(), StoreError> {
        let backend = self.backend.clone();
        let Some(part) = self.part_mut(partition) else {
            return Ok(());
        };
        let (partition, snapshot) = part.snapshot();
        backend.save_snapshot(partition, snapshot).await
    }
}
