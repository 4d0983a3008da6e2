//! What the queue knows apart from its entries: a snapshot of it opens every segment.

use std::collections::BTreeMap;

use crate::frame::Batch;
use crate::ledger::Loss;
use crate::record;

/// One lane, in internal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lane {
    /// What the epoch calls 0.
    pub(crate) base: u64,
    /// The number of the next reading.
    pub(crate) next: u64,
    /// The hub has everything below.
    pub(crate) released: u64,
    /// Numbers below may have been sent.
    pub(crate) limit: u64,
    /// Readings lost since the queue was made.
    pub(crate) lost: u64,
    /// Readings in all segments, released or not. Only folders without marks need it.
    pub(crate) stored: u64,
    /// From here on all numbers are accounted for; never above `released`.
    pub(crate) mark: u64,
    /// Of the numbers from `mark` to `next`, so many are in no segment, and that is known.
    pub(crate) gone: u64,
}

impl Lane {
    /// How many of the numbers from `at` on are in no segment, where `stored` of them are.
    pub(crate) fn absent(&self, at: u64, stored: u64) -> u64 {
        self.next.saturating_sub(at).saturating_sub(stored)
    }

    pub(crate) fn visible(&self, n: u64) -> u64 {
        n.saturating_sub(self.base)
    }
}

/// Segments `first..end` that exist in this generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) generation: u32,
}

/// All that is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) epoch: u64,
    pub(crate) next_segment: u64,
    pub(crate) next_loss: u64,
    pub(crate) lanes: BTreeMap<u8, Lane>,
    /// Filled in when a snapshot is made.
    pub(crate) runs: Vec<Run>,
    pub(crate) losses: Vec<Loss>,
    /// Written before lanes had marks.
    pub(crate) is_unmarked: bool,
}

impl State {
    /// The state and its losses as one batch.
    pub(crate) fn snapshot(&self) -> Batch {
        let mut batch = Batch::default();
        // In a frame of its own: what is released and known survives rot in the state beside it.
        if !self.lanes.is_empty() {
            batch.push(record::MARKS, record::encode_marks(self));
        }
        batch.push(record::STATE, record::encode_state(self));
        for loss in &self.losses {
            batch.push(record::LOSS, record::encode_loss(loss));
        }
        batch
    }

    pub(crate) fn lane(&self, lane: u8) -> Lane {
        self.lanes.get(&lane).copied().unwrap_or_default()
    }

    /// Says which segments exist: numbers ascending, each in one generation.
    pub(crate) fn set_runs(&mut self, segments: impl Iterator<Item = (u64, u32)>) {
        self.runs.clear();
        for (number, generation) in segments {
            let end = number.saturating_add(1);
            match self.runs.last_mut() {
                Some(run) if run.end == number && run.generation == generation => run.end = end,
                _ => self.runs.push(Run {
                    first: number,
                    end,
                    generation,
                }),
            }
        }
    }

    /// The generation in which this segment exists, if it does.
    pub(crate) fn generation(&self, number: u64) -> Option<u32> {
        let mut runs = self.runs.iter();
        let run = runs.find(|run| (run.first..run.end).contains(&number))?;
        Some(run.generation)
    }
}
