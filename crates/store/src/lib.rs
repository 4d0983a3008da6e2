//! The durable log, commits, snapshots and results.
//!
//! [`Backend`] is what the hub needs of any store; [`Sqlite`] keeps everything in one file and
//! answers queries of results; [`Memory`] is for tests and fails on purpose. This crate is *not*
//! the engine: it never looks into a reading, and knows no clock.

mod backend;
mod config;
pub mod conformance;
mod error;
mod memory;
mod rows;
mod sqlite;

pub use backend::{Backend, CommitHead, CommitOutcome, SinkName, Snapshot};
pub use config::{
    MIN5_KEPT_DAYS, QUOTA_BYTES, READINGS_KEPT_DAYS, RESULTS_KEPT_DAYS, Retention, StoreConfig,
};
pub use error::StoreError;
pub use memory::{Faults, Flaw, Memory};
pub use rows::{
    AlertQuery, DiskUse, EdgeConfigRow, EdgeRow, IntakeNote, IntakeReason, IntakeRow, Maintained,
    OTHER_SOURCES, OutboxItem, OutboxState, QUERY_ROWS_MAX, SAMPLE_BYTES_MAX, SOURCE_CHARS_MAX,
    SOURCES_PER_HOUR_MAX, UNKNOWN_DEVICES_MAX, UNKNOWN_LISTED_BYTES, UNKNOWN_PAYLOAD_BYTES_MAX,
    UnknownDevice, UnknownNote, WindowQuery,
};
pub use sqlite::Sqlite;
