//! What the uplink needs of the queue and of the clock.

use huitian_model::uplink::Lane;
use huitian_model::{DeviceId, LossReason, Partition};

use crate::batch::Batch;

/// An entry of the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Number of its first reading.
    pub first_n: u64,
    /// Its readings.
    pub batch: Batch,
}

/// A range of numbers that will never come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Whose.
    pub partition: Partition,
    /// The first number.
    pub first_n: u64,
    /// How many.
    pub count: u64,
    /// Why.
    pub reason: LossReason,
    /// When they were given up, ms.
    pub at_ms: i64,
    /// How many readings of which device, as far as is known.
    pub devices: Vec<(DeviceId, u64)>,
}

/// What the uplink needs of the queue.
pub trait Source {
    /// Why the queue could not do it.
    type Error;

    /// Of which queue the numbers are.
    fn epoch(&self) -> u64;

    /// All partitions that were ever numbered.
    fn lanes(&self) -> Vec<Lane>;

    /// Lets all numbers that exist be sent, durably.
    ///
    /// # Errors
    /// The queue's.
    fn permit(&mut self) -> Result<(), Self::Error>;

    /// Entries of a partition from the one that holds `first` (or the next there is) and before
    /// `end`, in order, some `bytes_max` bytes of them.
    ///
    /// # Errors
    /// The queue's.
    fn read(
        &mut self,
        partition: Partition,
        range: (u64, u64),
        bytes_max: u64,
    ) -> Result<Vec<Entry>, Self::Error>;

    /// Numbers from `released` on that are not there, lowest first, at most `max` ranges.
    ///
    /// # Errors
    /// The queue's.
    fn gone(&mut self, max: usize) -> Result<Vec<Gone>, Self::Error>;

    /// The hub has everything below.
    ///
    /// # Errors
    /// The queue's.
    fn release(&mut self, partition: Partition, next: u64) -> Result<(), Self::Error>;

    /// All that is gone has been told.
    ///
    /// # Errors
    /// The queue's.
    fn all_told(&mut self) -> Result<(), Self::Error>;

    /// Numbers what is left anew.
    ///
    /// # Errors
    /// The queue's.
    fn renew(&mut self) -> Result<(), Self::Error>;
}

/// The edge's clock as frames need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Milliseconds of a clock that never runs backwards.
    pub mono_ms: i64,
    /// What readings are stamped with now.
    pub stamp: huitian_model::UtcMs,
    /// By how much stamps that were made before the clock was set are to be moved, ms; none
    /// while it is not set.
    pub shift_ms: Option<i64>,
}
