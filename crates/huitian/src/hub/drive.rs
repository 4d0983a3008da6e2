//! The task that feeds the engines and shows what they say.

use std::sync::Arc;

use huitian_console::Board;
use huitian_store::{Backend, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::driver::{Driver, Placed, Said, store};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Groups that wait for the engines, all taken at once: at 10,000 readings each some 20 MB.
pub const GROUPS_MAX: usize = 8;

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
    fn show(&self, said: &Said) {
        let commits = &said.commits;
        for commit in commits {
            self.board.apply_commit(commit);
        }
        self.metrics.applied.inc_by(said.readings);
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
/// While what one round said is being stored the engines work on the next; a round is stored only
/// after the one before it, and shown only when it is stored.
///
/// # Errors
/// [`StoreError`] that no retry mends.
pub async fn drive<B: Backend + Clone>(
    mut driver: Driver<B>,
    mut groups: mpsc::Receiver<Vec<Placed>>,
    drive: Drive,
) -> Result<(), StoreError> {
    let mut taken = Vec::new();
    let mut storing = Storing::default();
    loop {
        tokio::select! {
            biased;
            stored = storing.stored(), if storing.0.is_some() => drive.show(&stored?),
            count = groups.recv_many(&mut taken, GROUPS_MAX) => {
                if count == 0 {
                    break;
                }
                let records: Vec<Placed> = taken.drain(..).flatten().collect();
                let said = driver.apply(&records);
                if storing.0.is_some() {
                    drive.show(&storing.stored().await?);
                }
                storing.0 = Some(tokio::spawn(store(driver.backend().clone(), said)));
            }
        }
    }
    if storing.0.is_some() {
        drive.show(&storing.stored().await?);
    }
    driver.save_all().await
}

/// The round that is being stored, if any.
#[derive(Default)]
struct Storing(Option<JoinHandle<Result<Said, StoreError>>>);

impl Storing {
    /// Waits for it. Dropping the future loses nothing: the round goes on being stored.
    async fn stored(&mut self) -> Result<Said, StoreError> {
        let Some(round) = self.0.as_mut() else {
            return std::future::pending().await;
        };
        let stored = round.await;
        self.0 = None;
        stored.map_err(|error| StoreError::Io(format!("the storing task ended: {error}")))?
    }
}
