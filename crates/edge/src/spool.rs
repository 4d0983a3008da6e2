//! The disk queue as the uplink sees it: lanes are partitions, entries are batches.

use std::collections::BTreeMap;

use huitian_model::uplink::Lane;
use huitian_model::{DeviceId, LossReason, Partition, UtcMs};
use huitian_queue::{Disk, OnDrop, Queue, QueueError, StoredEntry};

use crate::batch::Batch;
use crate::uplink::{Entry, Gone, Source};

/// Devices named in one row of the loss ledger: 20 bytes each are within its 1 KiB.
const DEVICES_MAX: usize = 40;

/// The queue of an edge.
pub struct Spool<D: Disk> {
    queue: Queue<D>,
    random: fn() -> u64,
}

impl<D: Disk> Spool<D> {
    /// Wraps an open queue; what it drops is counted by device.
    pub fn new(mut queue: Queue<D>, random: fn() -> u64) -> Self {
        queue.set_on_drop(Box::new(Droppings::default()));
        Self { queue, random }
    }

    /// The queue itself.
    pub const fn queue(&mut self) -> &mut Queue<D> {
        &mut self.queue
    }

    /// The newest stamp in the queue, and the newest of those made with a clock that was not set.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn newest(&mut self) -> Result<(Option<UtcMs>, Option<UtcMs>), QueueError> {
        let (mut newest, mut unset) = (None, None);
        for lane in self.queue.lanes() {
            let next = self.queue.next(lane);
            let from = self.queue.position_of(lane, next.saturating_sub(1));
            let wanted = &mut |of: u8, range: std::ops::Range<u64>| of == lane && range.end >= next;
            for entry in self.queue.read(from, 1, wanted)?.entries {
                let at = Some(UtcMs(entry.at_ms));
                newest = newest.max(at);
                if Batch::decode(&entry.payload).is_ok_and(|batch| !batch.clock_set) {
                    unset = unset.max(at);
                }
            }
        }
        Ok((newest, unset))
    }

    /// The queue itself, to be closed.
    pub fn into_queue(self) -> Queue<D> {
        self.queue
    }

    /// Readings that wait for the hub.
    pub fn waiting(&self) -> u64 {
        let lanes = self.queue.lanes().into_iter();
        let numbers = |lane: u8| {
            self.queue
                .next(lane)
                .saturating_sub(self.queue.released(lane))
        };
        lanes.map(numbers).sum()
    }
}

impl<D: Disk> Source for Spool<D> {
    type Error = QueueError;

    fn epoch(&self) -> u64 {
        self.queue.epoch()
    }

    fn lanes(&self) -> Vec<Lane> {
        let lanes = self.queue.lanes().into_iter();
        lanes
            .filter_map(|lane| {
                Some(Lane {
                    partition: Partition::new(lane)?,
                    next: self.queue.next(lane),
                    limit: self.queue.send_limit(lane),
                    released: self.queue.released(lane),
                })
            })
            .collect()
    }

    fn permit(&mut self) -> Result<(), QueueError> {
        self.queue.permit_sending()
    }

    fn read(
        &mut self,
        partition: Partition,
        (first, end): (u64, u64),
        bytes_max: u64,
    ) -> Result<Vec<Entry>, QueueError> {
        let lane = partition.number();
        let from = self.queue.position_of(lane, first);
        let wanted = &mut |of: u8, range: std::ops::Range<u64>| {
            of == lane && range.start < end && range.end > first
        };
        let read = self.queue.read(from, bytes_max, wanted)?;
        let entries = read.entries.into_iter().filter_map(|entry| {
            match Batch::decode(&entry.payload) {
                Ok(mut batch) => {
                    // What the hub had of it before a new epoch began within it.
                    let skip = usize::try_from(entry.skip).unwrap_or(usize::MAX);
                    batch.readings.drain(..skip.min(batch.readings.len()));
                    Some(Entry {
                        first_n: entry.n,
                        batch,
                    })
                }
                Err(error) => {
                    tracing::error!(n = entry.n, %error, "an entry of the queue cannot be read");
                    None
                }
            }
        });
        Ok(entries.collect())
    }

    fn gone(&mut self, max: usize) -> Result<Vec<Gone>, QueueError> {
        let rows = self.queue.losses().to_vec();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let epoch = self.queue.epoch();
        let mut all = Vec::new();
        for lane in self.queue.lanes() {
            let Some(partition) = Partition::new(lane) else {
                continue;
            };
            let of_lane: Vec<_> = rows.iter().filter(|row| row.lane == lane).collect();
            for range in self.queue.missing(lane, max.saturating_sub(all.len()))? {
                let fits = |row: &&&huitian_queue::Loss| {
                    row.epoch == epoch && row.first_n < range.end && row.end_n > range.start
                };
                let row = of_lane.iter().find(fits).or(of_lane.last());
                // Neighbouring rows leave one range between them. A row's devices are told once:
                // with the range that it begins in.
                let mut begun: Vec<&[u8]> = of_lane
                    .iter()
                    .filter(|row| fits(row) && row.first_n >= range.start)
                    .map(|row| row.detail.as_slice())
                    .collect();
                if begun.is_empty() && !of_lane.iter().any(|row| fits(&row)) {
                    let older = row.filter(|row| row.first_n >= range.start);
                    begun.extend(older.map(|row| row.detail.as_slice()));
                }
                all.push(Gone {
                    partition,
                    first_n: range.start,
                    count: range.end - range.start,
                    reason: row.map_or(LossReason::Damaged, |row| reason(row.reason)),
                    at_ms: row.map_or(0, |row| row.at_ms),
                    devices: joined(&begun),
                });
            }
        }
        Ok(all)
    }

    fn release(&mut self, partition: Partition, next: u64) -> Result<(), QueueError> {
        let lane = partition.number();
        if next > self.queue.released(lane) && next <= self.queue.next(lane) {
            self.queue.release(lane, next)?;
        }
        Ok(())
    }

    fn all_told(&mut self) -> Result<(), QueueError> {
        match self.queue.losses().last() {
            Some(row) => {
                let id = row.id;
                self.queue.losses_told(id)
            }
            None => Ok(()),
        }
    }

    fn renew(&mut self) -> Result<(), QueueError> {
        self.queue.renew_epoch((self.random)())
    }
}

const fn reason(reason: huitian_queue::LossReason) -> LossReason {
    match reason {
        huitian_queue::LossReason::Full => LossReason::QueueFull,
        huitian_queue::LossReason::Age => LossReason::TooOld,
        huitian_queue::LossReason::Thinned => LossReason::Thinned,
        huitian_queue::LossReason::Damaged => LossReason::Damaged,
    }
}

/// Counts readings by device before their entries are dropped.
#[derive(Default)]
struct Droppings {
    counts: BTreeMap<u8, BTreeMap<DeviceId, u64>>,
}

impl OnDrop for Droppings {
    fn entry(&mut self, entry: &StoredEntry) {
        if let Ok(batch) = Batch::decode(&entry.payload) {
            batch.count_devices(self.counts.entry(entry.lane).or_default());
        }
    }

    fn detail(&mut self, lane: u8) -> Vec<u8> {
        write_detail(self.counts.remove(&lane).unwrap_or_default())
    }

    fn join(&mut self, older: &[u8], newer: &[u8]) -> Vec<u8> {
        write_detail(joined(&[older, newer]).into_iter().collect())
    }
}

/// The devices that lost most; what the others lost is the rest of the row's count.
fn write_detail(counts: BTreeMap<DeviceId, u64>) -> Vec<u8> {
    let mut all: Vec<(DeviceId, u64)> = counts.into_iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.truncate(DEVICES_MAX);
    loop {
        // No list of ids and counts can fail to be written.
        let bytes = postcard::to_allocvec(&all).unwrap_or_default();
        if bytes.len() <= huitian_queue::DETAIL_BYTES_MAX || all.pop().is_none() {
            return bytes;
        }
    }
}

/// The devices of several rows together.
fn joined(details: &[&[u8]]) -> Vec<(DeviceId, u64)> {
    let mut counts: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for (device, count) in details.iter().flat_map(|detail| read_detail(detail)) {
        *counts.entry(device).or_default() += count;
    }
    counts.into_iter().collect()
}

/// A detail that cannot be read names no devices: the count of the row stands all the same.
fn read_detail(bytes: &[u8]) -> Vec<(DeviceId, u64)> {
    postcard::from_bytes(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
