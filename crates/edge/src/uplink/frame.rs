//! Frames of entries.

use huitian_model::uplink::UpFrame;
use huitian_model::{Origin, Partition, TimeSource};

use super::source::{Entry, Now};
use crate::number::Packing;

/// One frame of entries that follow each other without a gap and share a clock; also the number
/// after its last reading.
pub fn frame(
    partition: Partition,
    entries: &[Entry],
    origin: Origin,
    now: Now,
) -> Option<(UpFrame, u64)> {
    let first = entries.first()?;
    let clock_set = first.batch.clock_set;
    let mut all = Packing::default();
    let mut next = first.first_n;
    for entry in entries {
        let is_full = all.readings.len() + entry.batch.readings.len()
            > huitian_model::uplink::FRAME_READINGS_MAX;
        let goes_on = entry.first_n == next && entry.batch.clock_set == clock_set;
        if !goes_on || (is_full && next > first.first_n) {
            break;
        }
        for (index, reading) in &entry.batch.readings {
            let channel = usize::try_from(*index).ok();
            let channel = channel.and_then(|at| entry.batch.channels.get(at))?;
            all.add(channel.clone(), *reading);
        }
        next += u64::from(entry.batch.count());
    }
    let unset_now = (!clock_set && now.shift_ms.is_none()).then_some(now.stamp);
    if let (false, Some(shift_ms)) = (clock_set, now.shift_ms) {
        for (_, reading) in &mut all.readings {
            reading.received_at = reading.received_at.plus(shift_ms);
            if reading.time_source == TimeSource::Receiver {
                reading.at = reading.at.plus(shift_ms);
                reading.time_source = TimeSource::Corrected;
            }
        }
    }
    let frame = UpFrame {
        partition,
        first_n: first.first_n,
        origin,
        unset_now,
        channels: all.channels,
        readings: all.readings,
    };
    Some((frame, next))
}
