//! How large the queue may become, and what gives way then.

use crate::QueueError;

/// Lanes are partitions 0 to 63.
pub const LANES: u8 = 64;
/// Bytes of one frame on disk, so that a damaged length never asks for more memory.
pub const FRAME_BYTES_MAX: u32 = 1024 * 1024;
/// Bytes of one entry: a frame less its head (17) and the entry's own fields (21), rounded down.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024 - 64;
/// Bytes of one append, so that what waits for its one sync stays small in memory.
pub const APPEND_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Segments at a time: 16,384 summaries of a few lanes take about 2 MB of memory.
pub const SEGMENTS_MAX: u64 = 16_384;
/// Rows of the ledger above which the oldest of one lane and reason are joined. Each snapshot
/// carries all rows: 256 with 1 KiB of detail are 256 KiB.
pub const LOSSES_MAX: usize = 256;
/// Bytes of detail that a row of the ledger may carry.
pub const DETAIL_BYTES_MAX: usize = 1024;
/// Times before 2020 come from a clock that was never set: such entries have no age.
pub const SET_CLOCK_MS: i64 = 1_577_836_800_000;

/// What gives way when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Appending is refused: the caller stops polling.
    Block,
    /// The oldest segment goes.
    DropOldest,
    /// Of the oldest half every second entry per lane goes, again and again; then the oldest.
    ThinOut,
}

/// The limits of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all segment files; the reserve is extra.
    pub bytes_max: u64,
    /// Age above which [`Queue::expire`](crate::Queue::expire) drops.
    pub age_ms_max: i64,
    /// Bytes at which a new segment begins.
    pub segment_bytes: u64,
    /// What gives way.
    pub when_full: WhenFull,
    /// Bytes kept free for the ledger and an orderly end on a full disk.
    pub reserve_bytes: u64,
}

impl Default for Limits {
    /// 1 GiB, 30 days, segments of 4 MiB, oldest first, 1 MiB in reserve.
    fn default() -> Self {
        Self {
            bytes_max: 1024 * 1024 * 1024,
            age_ms_max: 30 * 86_400_000,
            segment_bytes: 4 * 1024 * 1024,
            when_full: WhenFull::DropOldest,
            reserve_bytes: 1024 * 1024,
        }
    }
}

impl Limits {
    /// Segments must be small against the whole, since space is given back by the segment.
    pub(crate) fn check(&self) -> Result<(), QueueError> {
        let (smallest, largest) = (self.bytes_max / SEGMENTS_MAX, self.bytes_max / 4);
        if self.segment_bytes < smallest.max(1024) || self.segment_bytes > largest {
            return Err(QueueError::Invalid {
                what: "segment_bytes",
                got: self.segment_bytes,
                permitted: format!("{} to a quarter of bytes_max", smallest.max(1024)),
            });
        }
        if self.age_ms_max <= 0 {
            return Err(QueueError::Invalid {
                what: "age_ms_max",
                got: 0,
                permitted: "1 or more".to_owned(),
            });
        }
        Ok(())
    }
}
