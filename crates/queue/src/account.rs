//! How many of a lane's numbers are newly lost: all that are in no segment, less what is known.
//!
//! Every number below `next` was given once. It is released, or in a segment, or lost. A lane's
//! `mark` is a number, never above `released`, from which on it is known how many are `gone`. So
//! whatever rots, the new losses are what is absent above the mark less what was gone: nothing
//! has to be known of the place where they were.
//!
//! All that is gone above a mark is lost, so a release can be forgotten back to it. A mark only
//! rises, to where it costs no reading: at `released`, or where the segment that `released`
//! cuts begins, if that segment has gaps.

use crate::disk::Disk;
use crate::error::QueueError;
use crate::segment::{Segment, each_entry};
use crate::state::{Lane, State};

/// How many readings of the lane are stored from a number on.
type StoredFrom<'a> = dyn FnMut(u64) -> Result<u64, QueueError> + 'a;

/// Counts what is absent from `lane` and was not known to be; the lane is marked anew and knows
/// of all but the count that is returned.
///
/// Where readings below `released` are absent too, and others were known to be gone, it cannot
/// be told which are the new ones. Then the release is forgotten back to the mark, which errs
/// towards sending and reporting twice.
pub(crate) fn new_losses(
    lane: &mut Lane,
    stored_from: &mut StoredFrom<'_>,
) -> Result<u64, QueueError> {
    let mark = lane.mark.min(lane.released);
    let absent = lane.absent(mark, stored_from(mark)?);
    let mut above = lane.absent(lane.released, stored_from(lane.released)?);
    let new = absent.saturating_sub(lane.gone);
    let is_unclear = new > 0 && lane.gone > 0 && above > 0 && absent > above;
    if is_unclear {
        lane.released = mark.max(lane.base);
        above = lane.absent(lane.released, stored_from(lane.released)?);
    }
    let count = new.min(above);
    (lane.mark, lane.gone) = (lane.released, above.saturating_sub(count));
    Ok(count)
}

/// How many readings of the lane these segments hold from `at` on.
pub(crate) fn stored_from<'s, D: Disk>(
    disk: &D,
    segments: impl Iterator<Item = &'s Segment>,
    lane: u8,
    at: u64,
) -> Result<u64, QueueError> {
    let mut sum = 0_u64;
    for segment in segments {
        let Some(held) = segment.held.get(&lane).filter(|held| held.end > at) else {
            continue;
        };
        let part = if held.first >= at {
            held.readings
        } else if segment.has_gaps(lane) {
            // A disk may give on the second try what it refused at first.
            let read = || read_from(disk, segment, lane, at);
            read().or_else(|_| read())?
        } else {
            held.end.saturating_sub(at)
        };
        sum = sum.saturating_add(part);
    }
    Ok(sum)
}

fn read_from<D: Disk>(disk: &D, segment: &Segment, lane: u8, at: u64) -> Result<u64, QueueError> {
    let file = disk
        .open(&segment.name)
        .map_err(QueueError::disk("open a segment"))?;
    let mut sum = 0_u64;
    each_entry(&file, segment, &mut |entry, _| {
        if entry.lane == lane {
            sum = sum.saturating_add(entry.end().saturating_sub(entry.n.max(at)));
        }
        Ok(())
    })?;
    Ok(sum)
}

/// Moves each lane's mark up to where that costs no reading. Everything that is absent is known.
pub(crate) fn mark<'s>(state: &mut State, segments: impl Iterator<Item = &'s Segment>) {
    for lane in state.lanes.values_mut() {
        lane.stored = 0;
    }
    let mut marks = std::collections::BTreeMap::new();
    for segment in segments {
        for (number, held) in &segment.held {
            let lane = state.lanes.entry(*number).or_default();
            lane.stored = lane.stored.saturating_add(held.readings);
            if held.end <= lane.released {
                continue;
            }
            let is_cut = held.first < lane.released && segment.has_gaps(*number);
            let first = if is_cut { held.first } else { lane.released };
            let (mark, stored) = marks.entry(*number).or_insert((first, 0_u64));
            let whole = held.end.saturating_sub((*mark).max(held.first));
            let part = if segment.has_gaps(*number) {
                held.readings
            } else {
                whole
            };
            *stored = stored.saturating_add(part);
        }
    }
    for (number, lane) in &mut state.lanes {
        let (mark, stored) = marks.get(number).copied().unwrap_or((lane.released, 0));
        // Below the old mark there may be numbers that are gone and not lost, since they were
        // released before they rotted. It stays then, and `gone` has followed every loss.
        if mark >= lane.mark {
            (lane.mark, lane.gone) = (mark, lane.absent(mark, stored));
        }
    }
}
