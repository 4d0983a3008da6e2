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
/// The demo district at scale 1 writes some 180,000 readings a day (70 bytes each in the log where
/// they come alone, with the names of their channels) and some 105,000 windows (136 bytes each,
/// measured), so 27 MB a day and 380 MB for its 14 days of history. After two months it reaches
/// the quota, and from then on the oldest part of its log goes first. The write-ahead log beside
/// the file (64 MiB at most in ordinary use) keeps the data folder under 2 GB.
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
