//! Numbers: (edge, epoch, partition, n) without a gap.

use std::collections::BTreeMap;

use huitian_model::{ChannelRef, EdgeId, Frame, Origin, Partition, Reading, Record};

/// Most readings of one frame: at some 25 bytes each a frame stays below 256 KiB, a quarter of
/// the largest MQTT packet that will carry it.
pub const FRAME_READINGS_MAX: usize = 10_000;

/// A reading with its partition and channel, ready to be numbered.
pub type Numbered = (Partition, ChannelRef, Reading);

/// What this edge has numbered so far.
#[derive(Debug, Clone)]
pub struct Numbering {
    edge: EdgeId,
    epoch: u64,
    next: BTreeMap<Partition, u64>,
}

impl Numbering {
    /// Numbering that goes on at `next`; partitions that are not named begin at 0.
    pub const fn new(edge: EdgeId, epoch: u64, next: BTreeMap<Partition, u64>) -> Self {
        Self { edge, epoch, next }
    }

    /// Packs readings into frames: one per partition, more where a frame would be too large.
    /// Within a partition the order is kept.
    pub fn frames(
        &mut self,
        origin: Origin,
        readings: impl IntoIterator<Item = Numbered>,
    ) -> Vec<(Partition, Record)> {
        let mut open: BTreeMap<Partition, Packing> = BTreeMap::new();
        let mut full = Vec::new();
        for (partition, channel, reading) in readings {
            let packing = open.entry(partition).or_default();
            packing.add(channel, reading);
            if packing.readings.len() >= FRAME_READINGS_MAX
                && let Some(packing) = open.remove(&partition)
            {
                full.push((partition, self.seal(origin, partition, packing)));
            }
        }
        for (partition, packing) in open {
            full.push((partition, self.seal(origin, partition, packing)));
        }
        full
    }

    fn seal(&mut self, origin: Origin, partition: Partition, packing: Packing) -> Record {
        let next = self.next.entry(partition).or_default();
        let first_n = *next;
        // A frame holds at most 10,000 readings, so this always fits.
        *next += u64::try_from(packing.readings.len()).unwrap_or_default();
        Record::Frame(Frame {
            edge: self.edge.clone(),
            epoch: self.epoch,
            first_n,
            origin,
            channels: packing.channels,
            readings: packing.readings,
        })
    }
}

/// A frame that is being filled.
#[derive(Default)]
pub(crate) struct Packing {
    index: BTreeMap<ChannelRef, u32>,
    pub(crate) channels: Vec<ChannelRef>,
    pub(crate) readings: Vec<(u32, Reading)>,
}

impl Packing {
    pub(crate) fn add(&mut self, channel: ChannelRef, reading: Reading) {
        let index = if let Some(index) = self.index.get(&channel) {
            *index
        } else {
            // At most as many channels as readings: 10,000.
            let index = u32::try_from(self.channels.len()).unwrap_or(u32::MAX);
            self.channels.push(channel.clone());
            self.index.insert(channel, index);
            index
        };
        self.readings.push((index, reading));
    }
}

#[cfg(test)]
mod tests;
