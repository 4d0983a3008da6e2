//! What a hub has of an edge's numbers: all below a mark, and ranges beyond it.

use serde::{Deserialize, Serialize};

use crate::Partition;

/// What a hub has of one partition of an edge's epoch, durably.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HubMark {
    /// Which.
    pub partition: Partition,
    /// All numbers below.
    pub next: u64,
    /// And these ranges `[first, end)` beyond.
    pub ahead: Vec<(u64, u64)>,
}

impl HubMark {
    /// Nothing yet.
    pub const fn new(partition: Partition) -> Self {
        Self {
            partition,
            next: 0,
            ahead: Vec::new(),
        }
    }

    /// One above the highest number that the hub has.
    pub fn top(&self) -> u64 {
        self.ahead.last().map_or(self.next, |(_, end)| *end)
    }

    /// Whether the hub has all of `[first, end)`.
    pub fn covers(&self, first: u64, end: u64) -> bool {
        end <= self.next
            || (self.ahead.iter()).any(|(low, high)| *low <= first.max(self.next) && end <= *high)
    }

    /// The first number at or after `n` that the hub does not have, and the first after it that
    /// it has again; none where it has nothing beyond.
    pub fn gap(&self, n: u64) -> (u64, Option<u64>) {
        let mut first = n.max(self.next);
        for (low, high) in &self.ahead {
            if first < *low {
                return (first, Some(*low));
            }
            first = first.max(*high);
        }
        (first, None)
    }

    /// Notes that `[first, end)` is there.
    pub fn note(&mut self, first: u64, end: u64) {
        let first = first.max(self.next);
        if first >= end {
            return;
        }
        // What was new matters to the engine only.
        let _news = insert(&mut self.ahead, (first, end));
        if let Some((low, high)) = self.ahead.first().copied()
            && low == self.next
        {
            self.next = high;
            self.ahead.remove(0);
        }
    }
}

/// Adds a range `[first, end)` to ranges that are in order and apart, joining what touches;
/// returns the parts that were not in.
pub fn insert(ranges: &mut Vec<(u64, u64)>, (first, end): (u64, u64)) -> Vec<(u64, u64)> {
    let mut news = Vec::new();
    let mut from = first;
    for (low, high) in ranges.iter().copied() {
        if high <= from || low >= end {
            continue;
        }
        if low > from {
            news.push((from, low));
        }
        from = high;
    }
    if from < end {
        news.push((from, end));
    }
    let touching = |(low, high): &(u64, u64)| *high >= first && *low <= end;
    let (joined, mut apart): (Vec<_>, Vec<_>) = ranges.drain(..).partition(touching);
    let low = joined.iter().map(|range| range.0).min().unwrap_or(first);
    let high = joined.iter().map(|range| range.1).max().unwrap_or(end);
    apart.push((low.min(first), high.max(end)));
    apart.sort_unstable();
    *ranges = apart;
    news
}
