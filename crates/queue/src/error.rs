//! What can go wrong, by what the caller does about it.

use std::io;

/// Why the queue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Nothing was numbered: the limit is reached, or the disk has no space. Ask again later.
    #[error("the queue is full: {used} of {limit} bytes are in use and {wanted} more were wanted")]
    Full {
        /// Bytes of all segment files.
        used: u64,
        /// Bytes that the append wanted.
        wanted: u64,
        /// The limit from the settings; what the disk has may be less.
        limit: u64,
    },
    /// Another process has this folder open.
    #[error("the queue is in use by another process; one process at a time may open a folder")]
    InUse,
    /// The caller asked for what can never be.
    #[error("{what} is {got}, expected {permitted}")]
    Invalid {
        /// The argument or setting.
        what: &'static str,
        /// What came.
        got: u64,
        /// The permitted range.
        permitted: String,
    },
    /// The file is of a later version of this program, which must read it.
    #[error("{file} has format version {got}, expected 1; open it with the version that wrote it")]
    Version {
        /// The file's name within the queue's folder.
        file: String,
        /// The version that it says.
        got: u8,
    },
    /// The disk refused.
    #[error("could not {what}: {source}")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Syncing failed twice: nothing may be believed until the folder is opened again.
    #[error("the disk lost writes and then refused a new file; open the queue again to go on")]
    Poisoned,
}

impl QueueError {
    /// Whether the same call may succeed later without anything being opened again.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Disk { .. } => true,
            Self::InUse | Self::Invalid { .. } | Self::Version { .. } | Self::Poisoned => false,
        }
    }

    pub(crate) fn disk(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Disk { what, source }
    }

    pub(crate) fn is_no_space(&self) -> bool {
        match self {
            Self::Disk { source, .. } => is_no_space(source),
            Self::Full { .. }
            | Self::InUse
            | Self::Invalid { .. }
            | Self::Version { .. }
            | Self::Poisoned => false,
        }
    }
}

/// A disk without space, or a user without quota, is normal and passes by itself.
pub(crate) fn is_no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
