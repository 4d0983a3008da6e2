//! A disk queue that is played.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use huitian_edge::Batch;
use huitian_edge::uplink::{Entry, Gone, Source};
use huitian_model::uplink::Lane;
use huitian_model::{
    ChannelName, ChannelRef, DeviceId, EdgeId, LossReason, Measurement, Partition, Reading, Sample,
    TimeSource, UtcMs,
};

/// A disk queue in memory, with what it keeps over a restart.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    pub epoch: u64,
    pub base: u64,
    pub next: u64,
    pub limit: u64,
    pub released: u64,
    /// By internal number; a hole is a reading that was given up.
    pub held: BTreeMap<u64, i64>,
    pub has_losses: bool,
    /// All starts on it, the last first.
    pub instances: Vec<u64>,
}

pub fn partition() -> Partition {
    Partition::new(9).unwrap()
}

pub fn edge() -> EdgeId {
    EdgeId::new("gate-3").unwrap()
}

pub fn batch(id: i64) -> Batch {
    let reading = Reading {
        at: UtcMs(id),
        received_at: UtcMs(id),
        time_source: TimeSource::Receiver,
        sequence: None,
        sample: Sample::Good(Measurement::InUse(0)),
    };
    Batch {
        clock_set: true,
        channels: vec![ChannelRef {
            device: DeviceId::new("lot").unwrap(),
            channel: ChannelName::new("in-use").unwrap(),
        }],
        readings: vec![(0, reading)],
    }
}

impl Source for Disk {
    type Error = std::convert::Infallible;

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn lanes(&self) -> Vec<Lane> {
        vec![Lane {
            partition: partition(),
            next: self.next - self.base,
            limit: self.limit.saturating_sub(self.base),
            released: self.released - self.base,
        }]
    }

    fn permit(&mut self) -> Result<(), Self::Error> {
        self.limit = self.next;
        Ok(())
    }

    fn read(
        &mut self,
        _partition: Partition,
        (first, end): (u64, u64),
        bytes_max: u64,
    ) -> Result<Vec<Entry>, Self::Error> {
        let range = (first + self.base)..(end + self.base);
        let entries = self.held.range(range).map(|(n, id)| Entry {
            first_n: n - self.base,
            batch: batch(*id),
        });
        Ok(entries
            .take(usize::try_from(bytes_max / 20_000).unwrap())
            .collect())
    }

    fn gone(&mut self, max: usize) -> Result<Vec<Gone>, Self::Error> {
        let numbers = self.released..self.next;
        let missing = numbers.filter(|n| self.has_losses && !self.held.contains_key(n));
        let gone = missing.map(|n| Gone {
            partition: partition(),
            first_n: n - self.base,
            count: 1,
            reason: LossReason::QueueFull,
            at_ms: 0,
            devices: Vec::new(),
        });
        Ok(gone.take(max).collect())
    }

    fn release(&mut self, _partition: Partition, next: u64) -> Result<(), Self::Error> {
        let next = next + self.base;
        if next > self.released && next <= self.next {
            self.released = next;
            self.held = self.held.split_off(&next);
        }
        Ok(())
    }

    fn all_told(&mut self) -> Result<(), Self::Error> {
        self.has_losses = false;
        Ok(())
    }

    fn renew(&mut self) -> Result<(), Self::Error> {
        // Drawn at random by a real queue: no two renewals ever give the same.
        static EPOCHS: AtomicU64 = AtomicU64::new(1_000);
        self.epoch = EPOCHS.fetch_add(1, Ordering::Relaxed);
        self.base = self.released;
        self.limit = self.base;
        Ok(())
    }
}
