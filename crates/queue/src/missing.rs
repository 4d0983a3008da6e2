//! Finds which numbers are gone, from what segments say about themselves and their neighbours.
//!
//! How *many* are newly lost says the module `account`. *Which* comes from gaps between
//! neighbours; where there are more gaps than lost readings (an older loss was told already), the
//! row spans them all and counts the exact number.

use std::collections::BTreeMap;

use crate::ledger::Missing;
use crate::limits::LANES;
use crate::segment::Facts;
use crate::state::{Lane, State};

/// A live segment, if its file could be read.
pub(crate) type Live<'a> = (u64, Option<&'a Facts>);

/// Rows for so many lost readings of each lane, with the segment that they were in.
pub(crate) fn find(
    state: &State,
    live: &[Live<'_>],
    counts: &BTreeMap<u8, u64>,
) -> Vec<(u64, Missing)> {
    let mut walk = Walk {
        state,
        cursor: BTreeMap::new(),
        gaps: Vec::new(),
    };
    let mut before = None;
    for (number, facts) in live {
        let follows = *number == 0 || number.checked_sub(1) == before;
        walk.segment((*number, *facts), before, follows);
        before = Some(*number);
    }
    if let Some(last) = before {
        for (lane, at) in &state.lanes {
            walk.reach(last, *lane, at.next);
        }
    }
    let mut rows = Vec::new();
    for (lane, count) in counts.iter().filter(|(_, count)| **count > 0) {
        let of_lane = walk.gaps.iter().filter(|(_, gap)| gap.lane == *lane);
        let gaps: Vec<(u64, Missing)> = of_lane.cloned().collect();
        let newest = before.unwrap_or_default();
        rows.extend(bounded(&state.lane(*lane), (*lane, *count), gaps, newest));
    }
    rows
}

struct Walk<'a> {
    state: &'a State,
    /// The number up to which each lane is accounted for; absent where that is not known.
    cursor: BTreeMap<u8, u64>,
    gaps: Vec<(u64, Missing)>,
}

impl Walk<'_> {
    fn segment(&mut self, (number, facts): Live<'_>, before: Option<u64>, follows: bool) {
        if !follows {
            self.cursor.clear();
        }
        if number == 0 {
            self.cursor = (0..LANES).map(|lane| (lane, 0)).collect();
        }
        let start = facts.and_then(|facts| facts.start.as_ref());
        if self.cursor.is_empty() && start.is_none() {
            // Where it began is not known; how much is missing bounds what is counted.
            let released = (0..LANES).map(|lane| (lane, self.state.lane(lane).released));
            self.cursor = released.collect();
        }
        let Some(facts) = facts else { return };
        if let Some(start) = start {
            for lane in 0..LANES {
                let next = start.get(&lane).copied().unwrap_or_default();
                if follows || before.is_none() {
                    self.reach(before.unwrap_or(number), lane, next);
                }
                let cursor = self.cursor.entry(lane).or_insert(next);
                *cursor = (*cursor).max(next);
            }
        }
        if facts.segment.head.generation == 0 {
            self.whole(number, facts);
        } else {
            self.thinned(number, facts);
        }
    }

    /// A segment as it was first written has no gaps of its own.
    fn whole(&mut self, number: u64, facts: &Facts) {
        for (lane, ranges) in &facts.ranges {
            for range in ranges {
                self.reach(number, *lane, range.start);
                self.cursor.insert(*lane, range.end);
            }
        }
        for (lane, held) in facts.trailer.iter().flatten() {
            self.reach(number, *lane, held.end);
        }
    }

    fn thinned(&mut self, number: u64, facts: &Facts) {
        for (lane, held) in facts.trailer.iter().flatten() {
            let found = facts
                .segment
                .held
                .get(lane)
                .map_or(0, |found| found.readings);
            self.gap(
                number,
                *lane,
                (held.first, held.end),
                held.readings.saturating_sub(found),
            );
            self.cursor.insert(*lane, held.end);
        }
        for (lane, held) in &facts.segment.held {
            let cursor = self.cursor.entry(*lane).or_insert(held.end);
            *cursor = (*cursor).max(held.end);
        }
    }

    /// Everything of the lane below `next` should have been met.
    fn reach(&mut self, number: u64, lane: u8, next: u64) {
        if let Some(cursor) = self.cursor.get(&lane).copied() {
            self.gap(number, lane, (cursor, next), next.saturating_sub(cursor));
            self.cursor.insert(lane, cursor.max(next));
        }
    }

    fn gap(&mut self, number: u64, lane: u8, (first, end): (u64, u64), count: u64) {
        let released = self.state.lane(lane).released;
        let first = first.max(released);
        let count = count.min(end.saturating_sub(first));
        if count > 0 {
            let detail = Vec::new();
            self.gaps.push((
                number,
                Missing {
                    lane,
                    first,
                    end,
                    count,
                    detail,
                },
            ));
        }
    }
}

/// The gaps of a lane, or one row over all of them where they are not just what is lost.
fn bounded(
    at: &Lane,
    (lane, count): (u8, u64),
    gaps: Vec<(u64, Missing)>,
    newest: u64,
) -> Vec<(u64, Missing)> {
    let sums = gaps.iter().map(|(_, gap)| gap.count);
    let sum = sums.fold(0_u64, u64::saturating_add);
    if sum == count {
        return gaps;
    }
    let firsts = gaps.iter().map(|(_, gap)| gap.first);
    let ends = gaps.iter().map(|(_, gap)| gap.end);
    let hull = firsts.min().zip(ends.max()).filter(|_| sum > count);
    // Where too few gaps are left to see, it may be any number that is not released.
    let (first, end) = hull.unwrap_or((at.released, at.next));
    let detail = Vec::new();
    let row = Missing {
        lane,
        first,
        end,
        count,
        detail,
    };
    let number = gaps.first().map_or(newest, |(number, _)| *number);
    vec![(number, row)]
}
