//! Dwell of parking sessions, in a fixed integer histogram.
//!
//! Bucket widths: 1 min below 1 h (60 buckets), 5 min below 6 h (60), 15 min below 24 h (72),
//! 1 h below 7 d (144), and one for all that is longer. A percentile is the upper end of the
//! bucket it falls in, so it is at most one bucket width too high, never too low.

use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60_000;

/// Where each span of equal buckets begins, the width there, and the index of its first bucket.
const SPANS: [(i64, i64, usize); 4] = [
    (0, MINUTE, 0),
    (60 * MINUTE, 5 * MINUTE, 60),
    (6 * 60 * MINUTE, 15 * MINUTE, 120),
    (24 * 60 * MINUTE, 60 * MINUTE, 192),
];

/// Index of the last bucket: 7 days and longer.
const LAST: usize = 336;

/// Upper end of the last bucket as shown: 7 days.
const LONGEST_MS: i64 = 7 * 24 * 60 * MINUTE;

/// Dwell of the sessions that ended in a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Dwell {
    /// Sessions whose start and end are certain.
    pub count: u32,
    /// Sessions whose start or end fell in unknown time: counted, not in the figures below.
    pub uncertain: u32,
    /// Sum of the certain dwells, ms.
    pub sum_ms: i64,
    /// Median, ms.
    pub p50_ms: Option<i64>,
    /// 90th percentile, ms.
    pub p90_ms: Option<i64>,
}

impl Dwell {
    /// Mean dwell, ms.
    pub fn mean_ms(&self) -> Option<i64> {
        (self.count > 0).then(|| self.sum_ms / i64::from(self.count))
    }
}

/// Collects dwells; the result does not depend on their order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DwellHistogram {
    counts: Vec<u32>,
    count: u32,
    uncertain: u32,
    sum_ms: i64,
}

impl DwellHistogram {
    /// Counts one certain session.
    pub fn add(&mut self, dwell_ms: i64) {
        let index = bucket(dwell_ms);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.count += 1;
        self.sum_ms += dwell_ms;
    }

    /// Counts one uncertain session.
    pub const fn add_uncertain(&mut self) {
        self.uncertain += 1;
    }

    /// The figures.
    pub fn figures(&self) -> Dwell {
        Dwell {
            count: self.count,
            uncertain: self.uncertain,
            sum_ms: self.sum_ms,
            p50_ms: self.percentile(50),
            p90_ms: self.percentile(90),
        }
    }

    /// The upper end of the bucket in which the session of rank ceil(count x percent / 100) lies.
    fn percentile(&self, percent: u64) -> Option<i64> {
        let rank = (u64::from(self.count) * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.counts.iter().enumerate().find_map(|(index, &count)| {
            seen += u64::from(count);
            (count > 0 && seen >= rank).then(|| upper_end(index))
        })
    }
}

fn bucket(dwell_ms: i64) -> usize {
    if dwell_ms >= LONGEST_MS {
        return LAST;
    }
    let dwell = dwell_ms.max(0);
    SPANS
        .iter()
        .rev()
        .find(|(from, ..)| dwell >= *from)
        .and_then(|(from, width, first)| {
            usize::try_from((dwell - from) / width)
                .ok()
                .map(|steps| first + steps)
        })
        .unwrap_or(0)
}

fn upper_end(index: usize) -> i64 {
    let span = SPANS.iter().rev().find(|(.., first)| index >= *first);
    let (from, width, first) = span.copied().unwrap_or((0, MINUTE, 0));
    let steps = i64::try_from(index - first).unwrap_or(0) + 1;
    (from + steps * width).min(LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dwell_lies_in_a_bucket_whose_end_is_not_below_it() {
        let mut last = 0;
        for minutes in 0..7 * 24 * 60 {
            let dwell = minutes * MINUTE;
            let index = bucket(dwell);
            assert!(index >= last && index < LAST, "{minutes} min in {index}");
            assert!(upper_end(index) > dwell && upper_end(index) <= dwell + 60 * MINUTE);
            last = index;
        }
        assert_eq!(bucket(LONGEST_MS), LAST);
        assert_eq!(upper_end(LAST), LONGEST_MS);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_dwells_rounded_up_to_a_bucket() {
        let mut histogram = DwellHistogram::default();
        for minutes in [10, 20, 30, 40, 200] {
            histogram.add(minutes * MINUTE);
        }
        let figures = histogram.figures();
        assert_eq!(figures.p50_ms, Some(31 * MINUTE));
        assert_eq!(figures.p90_ms, Some(205 * MINUTE));
        assert_eq!(figures.mean_ms(), Some(60 * MINUTE));
    }

    #[test]
    fn nothing_seen_has_no_percentile() {
        assert_eq!(DwellHistogram::default().figures(), Dwell::default());
    }
}
