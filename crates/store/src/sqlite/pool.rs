//! A few connections that only read, so that no reader waits for the writer.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::open;
use crate::StoreError;

/// Most readers at a time: pages, sinks and the driver; more wait for one to be free.
const READERS_MAX: usize = 8;

/// Connections that only read.
pub(super) struct Pool {
    dir: PathBuf,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
}

impl Pool {
    pub(super) fn new(dir: PathBuf) -> Self {
        let (state, freed) = (Mutex::default(), Condvar::new());
        Self { dir, state, freed }
    }

    /// Reads with one of the connections, in one transaction. Blocks: not for async code.
    ///
    /// # Errors
    /// Those of `read`, and of opening a connection.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let lent = Lent::take(self)?;
        let conn = lent.conn.as_ref().ok_or(StoreError::Closed)?;
        let transaction = conn.unchecked_transaction()?;
        let answer = read(&transaction)?;
        transaction.finish()?;
        Ok(answer)
    }
}

/// A connection that goes back when dropped, also where reading failed.
struct Lent<'a> {
    pool: &'a Pool,
    conn: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn take(pool: &'a Pool) -> Result<Self, StoreError> {
        let state = pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = pool
            .freed
            .wait_while(state, |state| {
                state.idle.is_empty() && state.lent >= READERS_MAX
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.lent += 1;
        let idle = state.idle.pop();
        drop(state);
        let mut lent = Self { pool, conn: idle };
        if lent.conn.is_none() {
            lent.conn = Some(open::reader(&pool.dir)?);
        }
        Ok(lent)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self
            .pool
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.lent -= 1;
        // A connection that is still inside a transaction would hold the write-ahead log back.
        state
            .idle
            .extend(self.conn.take().filter(Connection::is_autocommit));
        drop(state);
        self.pool.freed.notify_one();
    }
}
