//! What can go wrong with a store, by what the caller does about it.

use std::path::PathBuf;

use huitian_model::wire::WireError;
use rusqlite::{ErrorCode, ffi};

/// Why the store did not do, or did not say that it did, what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else continued the partition's chain: stop owning it.
    #[error("another owner has continued the chain of commits: this one must stop")]
    Fenced,
    /// The answer was lost: it may have been done or not. Look before repeating.
    #[error("the answer was lost: it may have been stored or not")]
    Indeterminate,
    /// Disk or quota is full: nothing was stored. Repeat later; it recovers by itself.
    #[error("the disk or the store's quota is full: {0}")]
    Full(String),
    /// A commit or sync failed: what the disk holds is not known any more. Stop the program.
    #[error("a sync to disk failed earlier, so the store takes nothing more: {0}")]
    Poisoned(String),
    /// What is on disk cannot be read. An operator is needed.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Reading or writing failed, and nothing was stored.
    #[error("the store could not be read or written: {0}")]
    Io(String),
    /// The caller asked for something that no state of the store permits: a bug.
    #[error("refused: {0}")]
    Refused(String),
    /// The store is closing or closed.
    #[error("the store is closed")]
    Closed,
    /// Another process has the data folder.
    #[error(
        "the data folder {} is in use by another huitian: stop that one first, \
         or name another folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// Written by a newer program.
    #[error(
        "{} has schema version {found}, this program knows up to {known}: \
         use a newer huitian",
        file.display()
    )]
    TooNew {
        /// The database file.
        file: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody's doing.
    ///
    /// [`StoreError::Indeterminate`] is not among them: repeating blindly would append twice.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Io(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    /// A failed sync poisons, wherever it shows itself: the kernel may have dropped the pages.
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        let Some(failure) = error.sqlite_error() else {
            return Self::Damaged(text);
        };
        match failure.extended_code {
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => return Self::Poisoned(text),
            _ => {}
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "SQLite's list is open; what is not named here stored nothing and may pass"
        )]
        match failure.code {
            ErrorCode::DiskFull => Self::Full(text),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(text),
            ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::ApiMisuse => {
                Self::Refused(text)
            }
            _ => Self::Io(text),
        }
    }
}

impl From<WireError> for StoreError {
    fn from(error: WireError) -> Self {
        Self::Damaged(error.to_string())
    }
}
