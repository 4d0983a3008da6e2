//! The SQLite backend: everything in one file, one thread that writes, readers beside it.
//!
//! Write-ahead log with `synchronous = FULL`: a commit is on disk when COMMIT returned. The
//! tables are described in `schema`, the group commit in `writer`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use huitian_model::{Commit, CommitNumber, Partition, Position, Record, wire};
use rusqlite::{Connection, OptionalExtension, params};
use tempfile::TempDir;

use crate::{Backend, CommitHead, CommitOutcome, SinkName, Snapshot, StoreConfig, StoreError};

mod fleet;
mod intake;
mod keys;
mod maintain;
mod open;
mod outbox;
mod pool;
mod project;
mod repair;
mod results;
mod schema;
mod tx;
mod unknown;
mod writer;

use open::Durability;
use pool::Pool;
use tx::{Encoded, Prepared, Tx};
use writer::{Lane, Size, Writer};

/// An answer of `read` or `commits` is cut after so many bytes: 16 MiB.
const READ_BYTES_MAX: usize = 16 * 1024 * 1024;

/// From so many outputs on a commit is encoded on a thread of its own: 500 take 0.2 ms.
const ENCODED_INLINE_MAX: usize = 500;

/// Records removed by one transaction of a trim: some 20 ms.
const TRIM_SLICE: usize = 10_000;

/// The store in one SQLite file. Cheap to clone; closed when the last clone is dropped, which
/// waits for what is queued.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

/// Fields are dropped in this order: the writer first, the lock and the folder last.
struct Inner {
    writer: Writer,
    pool: Pool,
    poison: Arc<OnceLock<StoreError>>,
    config: StoreConfig,
    _lock: Option<File>,
    _ephemeral: Option<TempDir>,
}

impl Sqlite {
    /// Opens the store in a folder, which is made where it does not exist.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::TooNew`], [`StoreError::Damaged`] or
    /// [`StoreError::Io`].
    pub fn open(config: StoreConfig) -> Result<Self, StoreError> {
        Self::open_as(config, Durability::Fsynced, None)
    }

    /// Opens a store in a temporary folder that vanishes with it. Nothing survives, so nothing is
    /// synced.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open_ephemeral() -> Result<Self, StoreError> {
        let dir = TempDir::with_prefix("huitian-")
            .map_err(|error| StoreError::Io(format!("a temporary folder: {error}")))?;
        let config = StoreConfig::new(dir.path());
        Self::open_as(config, Durability::Ephemeral, Some(dir))
    }

    /// Opens the store of a folder for reading only, also while a hub has it: every write is
    /// refused as [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError::Io`] where there is no store.
    pub fn open_to_read(config: StoreConfig) -> Result<Self, StoreError> {
        let file = config.dir.join(open::FILE_NAME);
        if !file.exists() {
            let text = format!(
                "{} is not there: has a hub run with this folder?",
                file.display()
            );
            return Err(StoreError::Io(text));
        }
        Ok(Self(Arc::new(Inner {
            writer: Writer::none(),
            pool: Pool::new(config.dir.clone()),
            poison: Arc::new(OnceLock::new()),
            config,
            _lock: None,
            _ephemeral: None,
        })))
    }

    fn open_as(
        config: StoreConfig,
        durability: Durability,
        ephemeral: Option<TempDir>,
    ) -> Result<Self, StoreError> {
        let lock = open::lock(&config.dir)?;
        let conn = open::writer(&config.dir, durability, config.quota_bytes)?;
        let poison = Arc::new(OnceLock::new());
        Ok(Self(Arc::new(Inner {
            writer: Writer::start(conn, Arc::clone(&poison), config.quota_bytes)?,
            pool: Pool::new(config.dir.clone()),
            poison,
            config,
            _lock: Some(lock),
            _ephemeral: ephemeral,
        })))
    }

    /// The data folder.
    pub fn dir(&self) -> &Path {
        &self.0.config.dir
    }

    /// The database file.
    pub fn file(&self) -> PathBuf {
        self.0.config.dir.join(open::FILE_NAME)
    }

    /// Reads on a connection of the pool. Blocks.
    fn read_with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.0.poison.get() {
            Some(poison) => Err(poison.clone()),
            None => self.0.pool.with(read),
        }
    }

    /// Reads on a connection of the pool, on a thread that may block.
    async fn read_apart<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.read_with(read))
            .await
            .map_err(|_cancelled| StoreError::Closed)?
    }

    async fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        size: Size,
        run: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.writer.run(lane, size, run).await
    }

    /// Forgets a sink: commits are no longer kept for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_sink(&self, sink: &SinkName) -> Result<(), StoreError> {
        let sink = sink.clone();
        self.write(Lane::Results, Size::ROW, move |tx| tx.forget_sink(&sink))
            .await
    }

    /// Checks the whole file, which reads all of it: empty where it is sound.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare("PRAGMA quick_check")?;
            let said = statement.query_map([], |row| row.get::<_, String>(0))?;
            let said: Vec<String> = said.collect::<Result<_, _>>()?;
            Ok(said.into_iter().filter(|line| line != "ok").collect())
        })
    }
}

fn prepare(commit: Commit) -> Result<Prepared, StoreError> {
    let body = wire::encode(&commit)?;
    let rows = commit
        .outputs
        .iter()
        .map(project::row)
        .collect::<Result<_, _>>()?;
    Ok(Prepared { commit, body, rows })
}

async fn prepare_apart(commit: Commit) -> Result<Prepared, StoreError> {
    if commit.outputs.len() <= ENCODED_INLINE_MAX {
        return prepare(commit);
    }
    tokio::task::spawn_blocking(move || prepare(commit))
        .await
        .map_err(|_cancelled| StoreError::Closed)?
}

impl Backend for Sqlite {
    async fn append(&self, records: Vec<(Partition, Record)>) -> Result<Vec<Position>, StoreError> {
        let encoded = records
            .iter()
            .map(|(partition, record)| Ok((*partition, Encoded::new(record)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let bytes = encoded.iter().map(|(_, record)| record.bytes.len()).sum();
        let rows = encoded.len();
        self.write(Lane::Appends, Size { rows, bytes }, move |tx| {
            tx.append(&encoded)
        })
        .await
    }

    async fn read(
        &self,
        partition: Partition,
        from: Position,
        max_records: usize,
    ) -> Result<Vec<(Position, Record)>, StoreError> {
        self.read_apart(move |conn| {
            let sql = "SELECT key, record FROM log WHERE key >= ?1 AND key < ?2 \
                       ORDER BY key LIMIT ?3";
            let found = blobs(conn, sql, (partition, from.0), max_records)?;
            let decode = |(key, bytes): (i64, Vec<u8>)| {
                Ok((Position(keys::number(key)), wire::decode_record(&bytes)?))
            };
            found.into_iter().map(decode).collect()
        })
        .await
    }

    async fn trim(&self, partition: Partition, before: Position) -> Result<(), StoreError> {
        let slice = move |tx: &mut Tx<'_>| tx.trim(partition, before, TRIM_SLICE);
        let size = Size {
            rows: TRIM_SLICE,
            bytes: 0,
        };
        while self.write(Lane::Results, size, slice).await? == TRIM_SLICE {}
        Ok(())
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<Vec<CommitOutcome>, StoreError> {
        let mut answers = Vec::with_capacity(commits.len());
        for commit in commits {
            let prepared = prepare_apart(commit).await?;
            let rows = prepared.rows.len() + 1;
            let bytes = prepared.body.len() + prepared.rows.iter().map(Vec::len).sum::<usize>();
            let size = Size { rows, bytes };
            let job = move |tx: &mut Tx<'_>| tx.commit(&prepared);
            answers.push(self.0.writer.queue(Lane::Results, size, job).await?);
        }
        let mut outcomes = Vec::with_capacity(answers.len());
        for answer in answers {
            outcomes.push(answer.await.unwrap_or(Err(StoreError::Closed))?);
        }
        Ok(outcomes)
    }

    async fn head(&self, partition: Partition) -> Result<Option<CommitHead>, StoreError> {
        self.read_apart(move |conn| tx::head(conn, partition)).await
    }

    async fn commits(
        &self,
        partition: Partition,
        from: CommitNumber,
        max: usize,
    ) -> Result<Vec<Commit>, StoreError> {
        self.read_apart(move |conn| {
            let sql = "SELECT key, body FROM commits WHERE key >= ?1 AND key < ?2 \
                       ORDER BY key LIMIT ?3";
            let found = blobs(conn, sql, (partition, from.0), max)?;
            found
                .iter()
                .map(|(_, bytes)| Ok(wire::decode(bytes)?))
                .collect()
        })
        .await
    }

    async fn trim_commits(
        &self,
        partition: Partition,
        before: CommitNumber,
    ) -> Result<(), StoreError> {
        let slice = move |tx: &mut Tx<'_>| tx.trim_commits(partition, before, TRIM_SLICE);
        let size = Size {
            rows: TRIM_SLICE,
            bytes: 0,
        };
        while self.write(Lane::Results, size, slice).await? == TRIM_SLICE {}
        Ok(())
    }

    async fn save_snapshot(
        &self,
        partition: Partition,
        snapshot: Snapshot,
    ) -> Result<(), StoreError> {
        let (rows, bytes) = (1, snapshot.bytes.len());
        self.write(Lane::Results, Size { rows, bytes }, move |tx| {
            tx.save_snapshot(partition, &snapshot)
        })
        .await
    }

    async fn load_snapshot(&self, partition: Partition) -> Result<Option<Snapshot>, StoreError> {
        let mut snapshots = self.snapshots(partition).await?;
        Ok(if snapshots.is_empty() {
            None
        } else {
            Some(snapshots.swap_remove(0))
        })
    }

    async fn register_sink(&self, sink: &SinkName) -> Result<(), StoreError> {
        let sink = sink.clone();
        self.write(Lane::Results, Size::ROW, move |tx| tx.register_sink(&sink))
            .await
    }

    async fn cursor(
        &self,
        sink: &SinkName,
        partition: Partition,
    ) -> Result<CommitNumber, StoreError> {
        let sink = sink.clone();
        self.read_apart(move |conn| {
            let passed: Option<i64> = conn
                .prepare_cached("SELECT passed FROM cursors WHERE sink = ?1 AND part = ?2")?
                .query_row(params![sink.as_str(), partition.number()], |row| row.get(0))
                .optional()?;
            Ok(CommitNumber(passed.map_or(0, i64::cast_unsigned)))
        })
        .await
    }

    async fn advance(
        &self,
        sink: &SinkName,
        partition: Partition,
        to: CommitNumber,
    ) -> Result<(), StoreError> {
        let sink = sink.clone();
        self.write(Lane::Results, Size::ROW, move |tx| {
            tx.advance(&sink, partition, to)
        })
        .await
    }
}

impl Sqlite {
    /// The snapshots kept of a partition, newest first: a second one should the first be damaged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshots(&self, partition: Partition) -> Result<Vec<Snapshot>, StoreError> {
        self.read_apart(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT key, number, body FROM snapshots WHERE key >= ?1 AND key < ?2 \
                 ORDER BY key DESC",
            )?;
            let range = [keys::first(partition), keys::end(partition)];
            let rows = statement.query_map(range, |row| {
                Ok(Snapshot {
                    position: Position(keys::number(row.get(0)?)),
                    commit: CommitNumber(row.get::<_, i64>(1)?.cast_unsigned()),
                    bytes: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Keys and bytes of a partition from a number on, cut after [`READ_BYTES_MAX`].
fn blobs(
    conn: &Connection,
    sql: &str,
    (partition, from): (Partition, u64),
    max: usize,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let first = keys::key(partition, from)?;
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![first, keys::end(partition), keys::limit(max)])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < READ_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let blob: Vec<u8> = row.get(1)?;
        bytes += blob.len();
        found.push((row.get(0)?, blob));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
