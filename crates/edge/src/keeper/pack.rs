//! Readings as entries of the queue, and what a heartbeat needs besides.

use std::collections::BTreeMap;

use huitian_model::Partition;
use tracing::error;

use crate::batch::Batch;
use crate::number::{Numbered, Packing};

/// Readings of one entry of the queue: with names as long as they may be 340 KB, so that every
/// entry fits a message to the hub.
const ENTRY_READINGS_MAX: usize = 2_000;

/// Readings as entries: lane, count, newest stamp and bytes.
pub fn payloads(readings: &[Numbered], clock_set: bool) -> Vec<(u8, u32, i64, Vec<u8>)> {
    let mut lanes: BTreeMap<Partition, Vec<(Packing, i64)>> = BTreeMap::new();
    for (partition, channel, reading) in readings {
        let entries = lanes.entry(*partition).or_default();
        let is_full = |(packing, _): &(Packing, i64)| packing.readings.len() >= ENTRY_READINGS_MAX;
        if entries.last().is_none_or(is_full) {
            entries.push((Packing::default(), 0));
        }
        if let Some((packing, at)) = entries.last_mut() {
            packing.add(channel.clone(), *reading);
            *at = (*at).max(reading.received_at.0);
        }
    }
    let mut payloads = Vec::new();
    for (partition, entries) in lanes {
        for (packing, at_ms) in entries {
            let batch = Batch::of(packing, clock_set);
            match batch.encode() {
                Ok(payload) => payloads.push((partition.number(), batch.count(), at_ms, payload)),
                Err(failure) => error!(%failure, "readings that cannot be written"),
            }
        }
    }
    payloads
}

/// Resident memory, where the system says.
pub fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096
}
