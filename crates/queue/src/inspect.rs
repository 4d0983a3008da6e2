//! Says what a folder holds without changing it, whatever state it is in.

use crate::disk::Disk;
use crate::error::QueueError;
use crate::ledger::Loss;
use crate::survey::{Damage, survey};

/// One segment as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// The file's name.
    pub file: String,
    /// Bytes of good frames.
    pub bytes: u64,
    /// Good entries.
    pub entries: u64,
    /// Readings in them.
    pub readings: u64,
    /// The earliest and latest time in it.
    pub at_ms: Option<(i64, i64)>,
}

/// One lane as it was found, in the numbers of the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneReport {
    /// The lane.
    pub lane: u8,
    /// The number of the next reading.
    pub next: u64,
    /// The hub has everything below.
    pub released: u64,
    /// Numbers below may have been sent.
    pub send_limit: u64,
    /// Readings lost since the queue was made, this damage not included.
    pub lost: u64,
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The epoch; none where no snapshot is left.
    pub epoch: Option<u64>,
    /// Lanes that were ever used.
    pub lanes: Vec<LaneReport>,
    /// Segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Losses that the hub was not told.
    pub losses: Vec<Loss>,
    /// What opening the folder would report.
    pub damage: Vec<Damage>,
}

/// Reads a folder without a lock: while a queue is open on it, its newest batch may look torn.
///
/// # Errors
///
/// The folder cannot be read, or is of another version.
pub fn inspect<D: Disk>(disk: &D) -> Result<Report, QueueError> {
    let found = survey(disk)?;
    let lanes = found.state.lanes.iter().map(|(lane, at)| LaneReport {
        lane: *lane,
        next: at.visible(at.next),
        released: at.visible(at.released),
        send_limit: at.visible(at.limit),
        lost: at.lost,
    });
    let segments = found.live.values().map(|facts| {
        let segment = &facts.segment;
        SegmentReport {
            file: segment.name.clone(),
            bytes: segment.bytes,
            entries: segment.entries,
            readings: segment
                .held
                .values()
                .fold(0, |sum, held| sum.saturating_add(held.readings)),
            at_ms: segment.oldest_ms.zip(segment.newest_ms),
        }
    });
    Ok(Report {
        epoch: found.has_state.then_some(found.state.epoch),
        lanes: lanes.collect(),
        segments: segments.collect(),
        losses: found.state.losses.clone(),
        damage: found.damage,
    })
}
