//! The task that feeds the engines and shows what they say.

use std::sync::Arc;

use huitian_console::Board;
use huitian_model::Commit;
use huitian_store::{Backend, StoreError};
use tokio::sync::{mpsc, watch};

use super::appender::readings_of;
use super::driver::{Driver, Placed};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Groups taken at once: as many as may wait.
const GROUPS_MAX: usize = 8;

/// What the driving task works with.
pub struct Drive {
    /// Shows the commits.
    pub board: Board,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Wakes the sinks.
    pub commits: watch::Sender<u64>,
    /// What time it is.
    pub clock: Clock,
}

impl Drive {
    fn show(&self, commits: &[Commit]) {
        for commit in commits {
            self.board.apply_commit(commit);
        }
        let count = u64::try_from(commits.len()).unwrap_or_default();
        self.metrics.commits.inc_by(count);
        if count > 0 {
            self.commits.send_modify(|total| *total += count);
        }
        self.board.set_now(self.clock.now());
    }
}

/// Feeds the engines until nothing more can come, then saves their state.
///
/// # Errors
/// [`StoreError`] that no retry mends.
pub async fn drive<B: Backend>(
    mut driver: Driver<B>,
    mut groups: mpsc::Receiver<Vec<Placed>>,
    drive: Drive,
    recovered: Vec<Commit>,
) -> Result<(), StoreError> {
    drive.show(&recovered);
    let mut taken = Vec::new();
    while groups.recv_many(&mut taken, GROUPS_MAX).await > 0 {
        let records: Vec<Placed> = taken.drain(..).flatten().collect();
        let readings = records
            .iter()
            .map(|(_, _, record)| readings_of(record))
            .sum();
        let commits = driver.apply(&records).await?;
        drive.metrics.applied.inc_by(readings);
        drive.show(&commits);
    }
    driver.save_all().await
}
