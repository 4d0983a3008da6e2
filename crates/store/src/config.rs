//! Where the store is and how much it keeps.

use std::path::PathBuf;

/// One day, ms.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Readings are kept for 90 days.
pub const READINGS_KEPT_DAYS: u32 = 90;

/// Results are kept for five years.
pub const RESULTS_KEPT_DAYS: u32 = 5 * 365;

/// 5-minute windows are kept for 90 days: 288 of them per facility and day are three quarters of
/// all results, and the 15-minute windows say the same of older days.
pub const MIN5_KEPT_DAYS: u32 = 90;

/// The quota: 1.8 GB.
///
/// The demo district at scale 1 writes some 180,000 readings (20 bytes each in the log) and some
/// 105,000 windows (150 bytes each) a day, so 20 MB a day and 280 MB for its 14 days of history;
/// 90 days of both are 1.8 GB, and the demo's data folder stays under 2 GB with the write-ahead
/// log (at most 64 MiB) and its index beside the file.
pub const QUOTA_BYTES: u64 = 1_800_000_000;

/// How long each kind is kept, in whole days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Records of the log and late or quarantined readings, by `received_at`.
    pub readings_days: u32,
    /// Windows, alerts, episodes, findings, accounts, ledgers.
    pub results_days: u32,
    /// 5-minute windows.
    pub min5_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            readings_days: READINGS_KEPT_DAYS,
            results_days: RESULTS_KEPT_DAYS,
            min5_days: MIN5_KEPT_DAYS,
        }
    }
}

/// Where the store is and how much it keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreConfig {
    /// The data folder; made where it does not exist.
    pub dir: PathBuf,
    /// How long each kind is kept.
    pub retention: Retention,
    /// Size that the database file never exceeds, bytes; its write-ahead log comes on top.
    pub quota_bytes: u64,
}

impl StoreConfig {
    /// The stated defaults in that folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            retention: Retention::default(),
            quota_bytes: QUOTA_BYTES,
        }
    }
}
