//! The task that feeds the engines and shows what they say.

use std::sync::Arc;

use huitian_console::Board;
use huitian_model::UtcMs;
use huitian_store::{Backend, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::driver::{Driver, Placed, Said, store};
use super::repair::{Asked, Repairs};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Groups that wait for the engines, all taken at once: at 10,000 readings each some 20 MB.
pub const GROUPS_MAX: usize = 8;

/// Wishes that wait while one is being fulfilled: they are asked one after the other.
pub const WISHES_MAX: usize = 1;

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
    /// What is late, and what is done about it.
    pub repairs: Repairs,
    /// What people wish of it.
    pub wishes: mpsc::Receiver<Asked>,
}

impl Drive {
    fn show(&mut self, said: &Said, now: Option<UtcMs>) {
        let commits = &said.commits;
        for commit in commits {
            self.board.apply_commit(commit);
            self.repairs.note(commit, now);
        }
        self.metrics.applied.inc_by(said.readings);
        self.committed(u64::try_from(commits.len()).unwrap_or_default());
    }

    fn committed(&self, count: u64) {
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
/// after the one before it, and shown only when it is stored. A repair reads the log meanwhile,
/// and is published between two rounds.
///
/// # Errors
/// [`StoreError`] that no retry mends.
pub async fn drive<B: Backend + Clone>(
    mut driver: Driver<B>,
    mut groups: mpsc::Receiver<Vec<Placed>>,
    mut drive: Drive,
) -> Result<(), StoreError> {
    let mut taken = Vec::new();
    let mut storing = Storing::default();
    loop {
        let takes_wishes = drive.repairs.takes_wishes();
        tokio::select! {
            biased;
            stored = storing.stored(), if storing.0.is_some() => {
                drive.show(&stored?, driver.now());
                drive.repairs.begin(&driver).await?;
            }
            ready = drive.repairs.prepared(), if drive.repairs.is_running() => {
                if storing.0.is_some() {
                    drive.show(&storing.stored().await?, driver.now());
                }
                if let Some(ready) = ready {
                    let count = drive.repairs.finish(&mut driver, ready, Some(&drive.board)).await?;
                    drive.committed(count);
                    drive.repairs.begin(&driver).await?;
                }
            }
            Some(asked) = drive.wishes.recv(), if takes_wishes => {
                drive.repairs.wish(asked)?;
                if storing.0.is_some() {
                    drive.show(&storing.stored().await?, driver.now());
                }
                drive.repairs.begin(&driver).await?;
            }
            count = groups.recv_many(&mut taken, GROUPS_MAX) => {
                if count == 0 {
                    break;
                }
                let records: Vec<Placed> = taken.drain(..).flatten().collect();
                let said = driver.apply(&records);
                if storing.0.is_some() {
                    drive.show(&storing.stored().await?, driver.now());
                }
                storing.0 = Some(tokio::spawn(store(driver.backend().clone(), said)));
            }
        }
    }
    if storing.0.is_some() {
        drive.show(&storing.stored().await?, driver.now());
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
