//! Connections and the lock on the data folder.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::schema;
use crate::StoreError;

/// The database file within the data folder.
pub(super) const FILE_NAME: &str = "huitian.db";

/// The lock file within the data folder; its content means nothing.
const LOCK_NAME: &str = "lock";

/// Page cache of the writer, KiB: the right-hand leaves of some 1,000 runs of windows (250
/// facilities x 4 lengths), 4 KiB each, four times over.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Page cache of each reader, KiB.
const READER_CACHE_KIB: i64 = 4 * 1024;

/// The write-ahead log file is cut back to this when it is reset, bytes. It is larger only while
/// one transaction or one long reader makes it so.
const WAL_KEPT_BYTES: i64 = 64 * 1024 * 1024;

/// Statements kept ready per connection: all of this crate's, about 70.
const STATEMENTS: usize = 96;

/// Whether what is acknowledged must survive a power failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Durability {
    /// fsync at every commit.
    Fsynced,
    /// The folder is thrown away at the end.
    Ephemeral,
}

/// Takes the data folder for this process, until the file is closed.
///
/// # Errors
/// [`StoreError::InUse`] where another process has it; [`StoreError::Io`].
pub(super) fn lock(dir: &Path) -> Result<File, StoreError> {
    let io = |error: std::io::Error| StoreError::Io(format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(io)?;
    let file = File::create(dir.join(LOCK_NAME)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Makes the data folder's own entry survive a power failure, and the new file's in it.
///
/// # Errors
/// [`StoreError::Io`].
fn sync_folder(dir: &Path) -> Result<(), StoreError> {
    let io = |error: std::io::Error| StoreError::Io(format!("{}: {error}", dir.display()));
    for folder in dir.ancestors().take(2) {
        let named = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(named)
            .and_then(|open| open.sync_all())
            .map_err(io)?;
    }
    Ok(())
}

/// Opens the connection that writes, bringing the file to the newest schema.
///
/// # Errors
/// [`StoreError`] where the file is too new, damaged, or cannot be opened.
pub(super) fn writer(
    dir: &Path,
    durability: Durability,
    quota_bytes: u64,
) -> Result<Connection, StoreError> {
    let path = dir.join(FILE_NAME);
    let conn = Connection::open_with_flags(
        &path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // Before the first table, else it has no effect: a trimmed file can give space back.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Fsynced => "FULL",
        Durability::Ephemeral => "OFF",
    };
    conn.pragma_update(None, "synchronous", synchronous)?;
    // Checkpoints are the writer's own: SQLite's automatic ones hide a failed sync.
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    schema::migrate(&conn, &path)?;
    let page: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = i64::try_from(quota_bytes).unwrap_or(i64::MAX) / page.max(1);
    conn.pragma_update(None, "max_page_count", pages.max(1))?;
    if durability == Durability::Fsynced {
        sync_folder(dir)?;
    }
    Ok(conn)
}

/// Opens a connection that only reads.
///
/// # Errors
/// [`StoreError::Io`] where it cannot be opened.
pub(super) fn reader(dir: &Path) -> Result<Connection, StoreError> {
    let path: PathBuf = dir.join(FILE_NAME);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}
