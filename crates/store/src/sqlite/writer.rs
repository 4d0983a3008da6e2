//! The one thread that writes, and its group commit.
//!
//! Callers put jobs into one of two bounded queues: appends, which devices wait for, and
//! everything else. The thread takes what is there, appends first, up to the limits below, does
//! it in one transaction, and answers all of them after COMMIT has returned. While one
//! transaction syncs, the next group gathers; nothing waits for a timer.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rusqlite::{Connection, DEFAULT_NAME};
use tokio::sync::{mpsc, oneshot};

use super::tx::{State, Tx};
use crate::StoreError;

/// Jobs that wait in each queue; callers wait for a place. 1,024 appends of some 10 KiB are
/// 10 MiB.
const QUEUE_JOBS: usize = 1_024;

/// What one transaction takes of appends at most, unless one job alone is larger: 8,192 records,
/// 8 MiB, written in under 50 ms.
const APPENDS_MAX: Size = Size {
    rows: 8_192,
    bytes: 8 * 1024 * 1024,
};

/// What one transaction takes of everything else at most, unless one job alone is larger: at
/// 200,000 rows a second, 6,000 rows delay an append by some 30 ms. Commits are best made by
/// partition and stretch of time, so that their windows lie on few pages.
const RESULTS_MAX: Size = Size {
    rows: 6_000,
    bytes: 32 * 1024 * 1024,
};

/// The write-ahead log is copied into the file when it holds so many pages: 16 MiB. The larger it
/// is, the fewer copies of the same hot pages, and the longer an append may wait for one.
const CHECKPOINT_FRAMES: i32 = 4_096;

/// How much a job writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

impl Size {
    /// One row.
    pub(super) const ROW: Self = Self { rows: 1, bytes: 0 };

    const fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(other.rows),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    const fn fits(self, limit: Self) -> bool {
        self.rows <= limit.rows && self.bytes <= limit.bytes
    }
}

/// Something to be done in a transaction; it may be done again where the transaction failed.
pub(super) trait Job: Send {
    fn size(&self) -> Size;
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    /// Called once, after COMMIT returned or the transaction failed.
    fn answer(self: Box<Self>, failed: Option<&StoreError>);
}

struct Task<T, F> {
    size: Size,
    run: F,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn size(&self) -> Size {
        self.size
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.done = Some((self.run)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<&StoreError>) {
        let answer = match (failed, self.done) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(done)) => Ok(done),
            (None, None) => Err(StoreError::Closed),
        };
        // Whoever asked may have gone: then nobody is acknowledged, which is always permitted.
        drop(self.reply.send(answer));
    }
}

/// Which queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// Devices wait for it.
    Appends,
    /// Everything else.
    Results,
}

/// The writer thread, as seen by callers.
pub(super) struct Writer {
    queues: Option<[mpsc::Sender<Box<dyn Job>>; 2]>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// No writer: every write is refused as [`StoreError::Closed`].
    pub(super) const fn none() -> Self {
        Self {
            queues: None,
            thread: None,
        }
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// Those of reading the state, and of starting a thread.
    pub(super) fn start(
        conn: Connection,
        poison: Arc<OnceLock<StoreError>>,
        quota_bytes: u64,
    ) -> Result<Self, StoreError> {
        let state = State::load(&conn)?;
        let (appends, append_queue) = mpsc::channel(QUEUE_JOBS);
        let (results, result_queue) = mpsc::channel(QUEUE_JOBS);
        let io = |error: std::io::Error| StoreError::Io(format!("the writer thread: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(io)?;
        let desk = Desk {
            conn,
            state,
            poison,
            quota_bytes,
        };
        let appends_in = Inbox::new(append_queue, APPENDS_MAX);
        let results_in = Inbox::new(result_queue, RESULTS_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || runtime.block_on(desk.serve(appends_in, results_in)))
            .map_err(io)?;
        Ok(Self {
            queues: Some([appends, results]),
            thread: Some(thread),
        })
    }

    /// Puts a job into its queue and waits for its answer.
    ///
    /// # Errors
    /// Those of the job and its transaction.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        size: Size,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(lane, size, run)
            .await?
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Puts a job into its queue, waiting for a place there only.
    ///
    /// # Errors
    /// [`StoreError::Closed`].
    pub(super) async fn queue<T: Send + 'static>(
        &self,
        lane: Lane,
        size: Size,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let [appends, results] = self.queues.as_ref().ok_or(StoreError::Closed)?;
        let queue = match lane {
            Lane::Appends => appends,
            Lane::Results => results,
        };
        let (reply, answer) = oneshot::channel();
        let done = None;
        let job = Box::new(Task {
            size,
            run,
            done,
            reply,
        });
        queue
            .send(job)
            .await
            .map_err(|_closed| StoreError::Closed)?;
        Ok(answer)
    }
}

impl Drop for Writer {
    /// Lets the thread finish what is queued and close the file.
    fn drop(&mut self) {
        self.queues = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread panicked");
        }
    }
}

/// One queue, with the job that did not fit the last transaction.
struct Inbox {
    queue: mpsc::Receiver<Box<dyn Job>>,
    waiting: VecDeque<Box<dyn Job>>,
    limit: Size,
}

impl Inbox {
    const fn new(queue: mpsc::Receiver<Box<dyn Job>>, limit: Size) -> Self {
        let waiting = VecDeque::new();
        Self {
            queue,
            waiting,
            limit,
        }
    }

    /// Takes what is there, at least one job and at most the limit.
    fn take(&mut self) -> Vec<Box<dyn Job>> {
        let mut group: Vec<Box<dyn Job>> = Vec::new();
        let mut size = Size::default();
        while let Some(job) = self
            .waiting
            .pop_front()
            .or_else(|| self.queue.try_recv().ok())
        {
            let sum = size.plus(job.size());
            if !group.is_empty() && !sum.fits(self.limit) {
                self.waiting.push_front(job);
                break;
            }
            size = sum;
            group.push(job);
        }
        group
    }
}

/// What the thread owns.
struct Desk {
    conn: Connection,
    state: State,
    poison: Arc<OnceLock<StoreError>>,
    quota_bytes: u64,
}

/// Makes room under the quota; nobody waits for it.
struct Relief(u64);

impl Job for Relief {
    fn size(&self) -> Size {
        Size::default()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.relieve(self.0).map(|_slice| ())
    }

    fn answer(self: Box<Self>, _failed: Option<&StoreError>) {}
}

impl Desk {
    async fn serve(mut self, mut appends: Inbox, mut results: Inbox) {
        let (mut appends_open, mut results_open) = (true, true);
        loop {
            if appends.waiting.is_empty() && results.waiting.is_empty() {
                tokio::select! {
                    biased;
                    job = appends.queue.recv(), if appends_open => match job {
                        Some(job) => appends.waiting.push_back(job),
                        None => appends_open = false,
                    },
                    job = results.queue.recv(), if results_open => match job {
                        Some(job) => results.waiting.push_back(job),
                        None => results_open = false,
                    },
                    else => break,
                }
            }
            let mut group = appends.take();
            group.append(&mut results.take());
            if !group.is_empty() {
                self.write(group);
                self.checkpoint();
            }
        }
        self.close();
    }

    /// Writes one group and answers it, appends first. A group that failed is tried again job by
    /// job, so that no job can fail another.
    fn write(&mut self, mut group: Vec<Box<dyn Job>>) {
        let failed = self.transact(&mut group).err();
        let is_alone = group.len() < 2 || self.poison.get().is_some();
        let mut is_full = matches!(failed, Some(StoreError::Full(_)));
        if failed.is_none() || is_alone {
            for job in group {
                job.answer(failed.as_ref());
            }
        } else {
            for mut job in group {
                let failed = self.transact(std::slice::from_mut(&mut job)).err();
                is_full |= matches!(failed, Some(StoreError::Full(_)));
                job.answer(failed.as_ref());
            }
        }
        if is_full {
            self.relieve();
        }
    }

    /// Makes room where the quota is the reason, so that the next attempt may succeed. Where the
    /// disk itself is full, nothing here helps: it is tried again when space has returned.
    fn relieve(&mut self) {
        let relief: Box<dyn Job> = Box::new(Relief(self.quota_bytes));
        if let Err(error) = self.transact(&mut [relief]) {
            tracing::warn!(%error, "no room could be made");
        }
    }

    /// One transaction over all jobs. Anything that fails undoes all of it.
    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        if let Some(poison) = self.poison.get() {
            return Err(poison.clone());
        }
        let done = self.attempt(jobs);
        if let Err(error) = &done
            && self.poison.get().is_none()
        {
            self.undo(error);
        }
        done.map_err(|error| self.poison.get().cloned().unwrap_or(error))
    }

    fn attempt(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut tx = Tx::new(&self.conn, &mut self.state);
        for job in jobs {
            job.run(&mut tx)?;
        }
        self.conn.execute_batch("COMMIT").map_err(|error| {
            let error = StoreError::from(error);
            // Only a full disk is known to leave the write-ahead log as it was.
            if matches!(error, StoreError::Full(_)) {
                error
            } else {
                self.poisoned(&error)
            }
        })
    }

    /// Rolls back and reads the state anew; where even that fails, the store is poisoned.
    fn undo(&mut self, error: &StoreError) {
        if let StoreError::Poisoned(_) | StoreError::Damaged(_) = error {
            self.poisoned(error);
            return;
        }
        let undone = if self.conn.is_autocommit() {
            Ok(())
        } else {
            self.conn
                .execute_batch("ROLLBACK")
                .map_err(StoreError::from)
        };
        match undone.and_then(|()| State::load(&self.conn)) {
            Ok(state) => self.state = state,
            Err(error) => {
                self.poisoned(&error);
            }
        }
    }

    fn poisoned(&self, error: &StoreError) -> StoreError {
        let poison = if let StoreError::Damaged(_) | StoreError::Poisoned(_) = error {
            error.clone()
        } else {
            StoreError::Poisoned(error.to_string())
        };
        if self.poison.set(poison.clone()).is_ok() {
            tracing::error!(%error, "the store takes nothing more: an operator is needed");
        }
        poison
    }

    /// Copies the write-ahead log into the file where it has grown long.
    fn checkpoint(&self) {
        use rusqlite::wal::CheckpointMode::{NOOP, PASSIVE};
        if self.poison.get().is_some() {
            return;
        }
        let frames = match self.conn.wal_checkpoint_v2(DEFAULT_NAME, NOOP) {
            Ok((frames, copied)) if frames.saturating_sub(copied) >= CHECKPOINT_FRAMES => {
                self.conn.wal_checkpoint_v2(DEFAULT_NAME, PASSIVE)
            }
            other => other,
        };
        match frames.map_err(StoreError::from) {
            Ok(_) => {}
            // No room to copy to: everything is still in the write-ahead log. Tried again later.
            Err(StoreError::Full(error)) => tracing::warn!(error, "no room for a checkpoint"),
            Err(error) => {
                self.poisoned(&error);
            }
        }
    }

    /// Leaves no write-ahead log behind, so that the file alone is a backup.
    fn close(self) {
        if self.poison.get().is_some() {
            return;
        }
        let mode = rusqlite::wal::CheckpointMode::TRUNCATE;
        if let Err(error) = self.conn.wal_checkpoint_v2(DEFAULT_NAME, mode) {
            tracing::warn!(%error, "the write-ahead log stays: the next start reads it");
        }
    }
}
