//! Opens the queue, and gives it to the keeper's thread.

use huitian_queue::{Folder, Queue, QueueError};
use tokio::sync::mpsc;
use tracing::{error, info};

use super::EdgeError;
use crate::clock::{Clock, Wall};
use crate::keeper::{Ask, Keeper};
use crate::random::random;
use crate::settings::{EdgeConfig, PlantConfig};
use crate::spool::Spool;

/// The queue, and the clock that goes on behind its newest stamp.
pub fn open_queue(
    config: &EdgeConfig,
    plant: &PlantConfig,
    wall: Wall,
) -> Result<(Spool<Folder>, Clock), EdgeError> {
    let folder = Folder::new(config.data.join("queue"));
    let (queue, opened) = Queue::open(folder, plant.limits, wall().0, random())?;
    for damage in &opened.damage {
        error!(?damage, "the queue was damaged: this is what it costs");
    }
    let mut spool = Spool::new(queue, random);
    let (newest, unset) = spool.newest()?;
    let clock = Clock::new(wall, newest, unset);
    info!(
        waiting = spool.waiting(),
        is_new = opened.is_new,
        clock_set = clock.is_set(),
        "queue"
    );
    Ok((spool, clock))
}

/// The keeper's thread, and how it ended.
pub type Kept = tokio::sync::oneshot::Receiver<Result<(), QueueError>>;

/// Runs the keeper in a thread of its own.
pub fn keep(keeper: Keeper<Folder>, asked: mpsc::Receiver<Ask>) -> Result<Kept, EdgeError> {
    let (ended, kept) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("keeper".to_owned());
    thread
        .spawn(move || {
            // Nobody waits only where the whole process ends.
            let _gone = ended.send(keeper.run(asked));
        })
        .map_err(|error| EdgeError::Other(format!("no thread: {error}")))?;
    Ok(kept)
}
