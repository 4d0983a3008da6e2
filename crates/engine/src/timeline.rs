//! A facility's level over time as differences: an interval's contribution is two edges, at its
//! start and its end, however long it is. Between edges the level is constant.
//!
//! Every edge carries the integral up to it, so that the sum over any span costs two searches.
//! Integrals wrap: only their differences are used, and these are right while a span's own sum
//! fits 64 bits.

use huitian_model::UtcMs;
use serde::{Deserialize, Serialize};

/// A level: what counts, and of how much anything is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Level {
    /// Places in use.
    pub in_use: i64,
    /// Places (or gate counters) of which something is known.
    pub known: i64,
}

impl Level {
    /// The level with another taken away.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            in_use: self.in_use.wrapping_sub(other.in_use),
            known: self.known.wrapping_sub(other.known),
        }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            in_use: self.in_use.wrapping_add(other.in_use),
            known: self.known.wrapping_add(other.known),
        }
    }

    const fn times(self, ms: i64) -> Self {
        Self {
            in_use: self.in_use.wrapping_mul(ms),
            known: self.known.wrapping_mul(ms),
        }
    }
}

/// What part of the level counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Counts {
    /// All that is known.
    Known,
    /// All or nothing: the level counts only while so many are known, and is then known as 1.
    AllOf(i64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Edge {
    at: UtcMs,
    /// The level from here on.
    level: Level,
    /// The integral up to here.
    sum: Level,
}

/// A piecewise-constant level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timeline {
    counts: Counts,
    /// What came before all edges.
    base: Edge,
    edges: Vec<Edge>,
}

impl Timeline {
    /// Nothing known; `in_use` is what a count begins with.
    pub const fn new(counts: Counts, in_use: i64) -> Self {
        let base = Edge {
            at: UtcMs(0),
            level: Level { in_use, known: 0 },
            sum: Level {
                in_use: 0,
                known: 0,
            },
        };
        Self {
            counts,
            base,
            edges: Vec::new(),
        }
    }

    /// Adds `by` to the level from `at` on.
    pub fn shift(&mut self, at: UtcMs, by: Level) {
        if by == Level::default() {
            return;
        }
        let mut place = self.edges.len();
        while place > 0 && self.edges.get(place - 1).is_some_and(|edge| edge.at > at) {
            place -= 1;
            if self.edges.len() - place > 16 {
                place = self.edges.partition_point(|edge| edge.at <= at);
                break;
            }
        }
        let before = self.edge_before(place);
        if before.at == at && place > 0 {
            place -= 1;
        } else {
            let edge = Edge { at, ..before };
            self.edges.insert(place, edge);
        }
        for edge in self.edges.iter_mut().skip(place) {
            edge.level = edge.level.plus(by);
        }
        if self.edges.get(place).map(|edge| edge.level) == Some(self.edge_before(place).level) {
            self.edges.remove(place);
        }
        self.sum_from(place);
    }

    /// The edge before the one at `place`.
    fn edge_before(&self, place: usize) -> Edge {
        let before = place
            .checked_sub(1)
            .and_then(|before| self.edges.get(before));
        before.copied().unwrap_or(self.base)
    }

    fn sum_from(&mut self, place: usize) {
        let counts = self.counts;
        let mut before = self.edge_before(place);
        for edge in self.edges.iter_mut().skip(place) {
            edge.sum = integral(counts, before, edge.at);
            before = *edge;
        }
    }

    /// How many edges lie at or before an instant.
    fn until(&self, at: UtcMs) -> usize {
        let recent = self.edges.len().saturating_sub(8);
        if self.edges.get(recent).is_some_and(|edge| edge.at <= at) {
            let tail = self.edges.get(recent..).unwrap_or_default();
            return recent + tail.partition_point(|edge| edge.at <= at);
        }
        self.edges.partition_point(|edge| edge.at <= at)
    }

    /// The level at an instant, known or not.
    pub fn level(&self, at: UtcMs) -> Level {
        self.edge_before(self.until(at)).level
    }

    /// Places in use at an instant, where known.
    pub fn known_level(&self, at: UtcMs) -> Option<i64> {
        self.known(self.level(at))
    }

    fn known(&self, level: Level) -> Option<i64> {
        let is_known = match self.counts {
            Counts::Known => level.known > 0,
            Counts::AllOf(all) => level.known == all,
        };
        is_known.then_some(level.in_use)
    }

    /// The sums over `[from, to)`, ms times places.
    pub fn over(&self, from: UtcMs, to: UtcMs) -> Level {
        let end = integral(self.counts, self.edge_before(self.until(to)), to);
        end.minus(integral(
            self.counts,
            self.edge_before(self.until(from)),
            from,
        ))
    }

    /// The highest level known in `[from, to)`, and the first instant there at which it stands.
    pub fn peak(&self, from: UtcMs, to: UtcMs) -> Option<(i64, UtcMs)> {
        let first = self.until(from);
        let carried = self.known(self.edge_before(first).level);
        let mut peak = carried.map(|level| (level, from));
        let inside = self
            .edges
            .iter()
            .skip(first)
            .take_while(|edge| edge.at < to);
        for edge in inside {
            if let Some(level) = self.known(edge.level)
                && peak.is_none_or(|(highest, _)| level > highest)
            {
                peak = Some((level, edge.at));
            }
        }
        peak
    }

    /// Forgets the edges before an instant, but not the level that they lead to.
    pub fn forget(&mut self, before: UtcMs) {
        let old = self.edges.partition_point(|edge| edge.at < before);
        self.base = self.edge_before(old);
        self.edges.drain(..old);
    }
}

fn integral(counts: Counts, edge: Edge, at: UtcMs) -> Level {
    let level = match counts {
        Counts::Known => edge.level,
        Counts::AllOf(all) if edge.level.known == all => Level {
            known: 1,
            ..edge.level
        },
        Counts::AllOf(_) => Level::default(),
    };
    edge.sum.plus(level.times(at.since(edge.at)))
}

#[cfg(test)]
mod tests;
