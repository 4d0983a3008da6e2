//! Which numbers of which edge have been seen: each is applied once.
//!
//! Of each epoch all numbers below `next` have been seen, and some ranges ahead of it: an edge
//! that comes back from an outage sends what is live first, and fills the gap afterwards.
//!
//! The ranges stand apart from the marks, at the end of the engine's state: snapshots of before
//! there were any are read with none.

use std::collections::BTreeMap;

use huitian_model::EdgeId;
use huitian_model::uplink::insert;
use serde::{Deserialize, Serialize};

/// Epochs that are remembered for one edge: a new one begins only when an edge loses its queue,
/// and frames of an old one are sent again for minutes, not for sixteen such losses.
const EPOCHS_MAX: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Epoch {
    epoch: u64,
    /// The lowest number that has not been seen.
    next: u64,
}

/// All edges by index, in order of their first frame.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Edges {
    ids: Vec<EdgeId>,
    /// Of each edge its epochs, the one seen first for the first time first.
    epochs: Vec<Vec<Epoch>>,
}

/// Ranges `[first, end)` seen ahead of the mark, by edge and epoch: in order, apart, not empty.
/// The hub takes no frame that would make more than 256 of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ahead(BTreeMap<(u16, u64), Vec<(u64, u64)>>);

/// What has been seen of one edge's epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Who.
    pub edge: EdgeId,
    /// Which queue of it.
    pub epoch: u64,
    /// All numbers below have been seen.
    pub next: u64,
    /// Ranges `[first, end)` seen beyond.
    pub ahead: Vec<(u64, u64)>,
}

/// Numbers of a frame that are new: in order, apart. Nearly always one range, or none.
pub type News = Vec<(u64, u64)>;

/// Whether a number is in one of the ranges.
pub fn holds(ranges: &[(u64, u64)], n: u64) -> bool {
    ranges
        .iter()
        .any(|(first, end)| (*first..*end).contains(&n))
}

impl Edges {
    /// The same edges with the same indexes, of none of which any number has come.
    pub fn unheard(&self) -> Self {
        Self {
            ids: self.ids.clone(),
            epochs: vec![Vec::new(); self.ids.len()],
        }
    }

    /// The names by index.
    pub fn ids(&self) -> &[EdgeId] {
        &self.ids
    }

    /// The index of an edge. At 65,535 edges, far above what a partition meets, the last index
    /// is shared.
    pub fn index(&mut self, id: &EdgeId) -> u16 {
        let known = self.ids.iter().position(|known| known == id);
        let place = known.unwrap_or_else(|| {
            self.ids.push(id.clone());
            self.epochs.push(Vec::new());
            self.ids.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// The latest epoch of an edge and the lowest number of it that has not been seen.
    pub fn high_water(&self, id: &EdgeId) -> Option<(u64, u64)> {
        let place = self.ids.iter().position(|known| known == id)?;
        self.epochs
            .get(place)?
            .last()
            .map(|mark| (mark.epoch, mark.next))
    }

    /// All that has been seen, of every edge and epoch.
    pub fn marks(&self, ahead: &Ahead) -> Vec<Mark> {
        let edges = self.ids.iter().zip(&self.epochs).zip(0_u16..);
        edges
            .flat_map(|((id, epochs), index)| {
                epochs.iter().map(move |mark| Mark {
                    edge: id.clone(),
                    epoch: mark.epoch,
                    next: mark.next,
                    ahead: ahead.of(index, mark.epoch).to_vec(),
                })
            })
            .collect()
    }

    /// Notes that the numbers `[first, end)` have come; returns those that are new.
    pub fn note(
        &mut self,
        ahead: &mut Ahead,
        (edge, epoch): (u16, u64),
        (first, end): (u64, u64),
    ) -> News {
        let Some(epochs) = self.epochs.get_mut(usize::from(edge)) else {
            return vec![(first, end)];
        };
        let known = epochs.iter().position(|mark| mark.epoch == epoch);
        let place = known.unwrap_or_else(|| {
            if epochs.len() == EPOCHS_MAX {
                let gone = epochs.remove(0);
                ahead.0.remove(&(edge, gone.epoch));
            }
            epochs.push(Epoch { epoch, next: 0 });
            epochs.len() - 1
        });
        let Some(mark) = epochs.get_mut(place) else {
            return Vec::new();
        };
        let first = first.max(mark.next);
        if first >= end {
            return Vec::new();
        }
        if first == mark.next && ahead.of(edge, epoch).is_empty() {
            mark.next = end;
            return vec![(first, end)];
        }
        let ranges = ahead.0.entry((edge, epoch)).or_default();
        let news = insert(ranges, (first, end));
        if let Some((_, reached)) = ranges.first().copied().filter(|(low, _)| *low == mark.next) {
            mark.next = reached;
            ranges.remove(0);
        }
        if ranges.is_empty() {
            ahead.0.remove(&(edge, epoch));
        }
        news
    }
}

impl Ahead {
    fn of(&self, edge: u16, epoch: u64) -> &[(u64, u64)] {
        self.0.get(&(edge, epoch)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn one() -> (Edges, Ahead, EdgeId, u16) {
        let mut edges = Edges::default();
        let id = EdgeId::new("e").unwrap();
        let edge = edges.index(&id);
        (edges, Ahead::default(), id, edge)
    }

    #[test]
    fn numbers_below_the_mark_are_known_in_every_epoch() {
        let (mut edges, mut ahead, id, edge) = one();
        let mut note =
            |edges: &mut Edges, epoch, range| edges.note(&mut ahead, (edge, epoch), range);
        assert_eq!(edges.high_water(&id), None);
        assert_eq!(note(&mut edges, 7, (0, 5)), [(0, 5)]);
        assert_eq!(note(&mut edges, 7, (3, 8)), [(5, 8)]);
        assert_eq!(note(&mut edges, 9, (0, 2)), [(0, 2)]);
        assert_eq!(note(&mut edges, 7, (0, 3)), []);
        assert_eq!(edges.high_water(&id), Some((9, 2)));
    }

    #[test]
    fn a_backlog_behind_live_readings_is_new_and_closes_the_gap() {
        let (mut edges, mut ahead, id, edge) = one();
        assert_eq!(edges.note(&mut ahead, (edge, 7), (100, 110)), [(100, 110)]);
        assert_eq!(edges.high_water(&id), Some((7, 0)));
        assert_eq!(edges.note(&mut ahead, (edge, 7), (0, 60)), [(0, 60)]);
        assert_eq!(edges.marks(&ahead)[0].ahead, [(100, 110)]);
        assert_eq!(edges.note(&mut ahead, (edge, 7), (50, 105)), [(60, 100)]);
        assert_eq!(edges.high_water(&id), Some((7, 110)));
        assert_eq!(edges.marks(&ahead)[0].ahead, []);
    }

    proptest! {
        #[test]
        fn every_number_is_new_exactly_once(
            frames in prop::collection::vec((0_u64..60, 0_u64..12), 1..60),
        ) {
            let (mut edges, mut ahead, _, edge) = one();
            let mut seen = BTreeSet::new();
            for (first, count) in frames {
                let end = first + count;
                let news = edges.note(&mut ahead, (edge, 1), (first, end));
                for n in first..end {
                    prop_assert_eq!(holds(&news, n), seen.insert(n), "number {}", n);
                }
                let mark = edges.marks(&ahead).remove(0);
                let told: BTreeSet<u64> = (0..mark.next)
                    .chain(mark.ahead.iter().flat_map(|(low, high)| *low..*high))
                    .collect();
                prop_assert_eq!(&told, &seen);
                prop_assert!(mark.ahead.first().is_none_or(|(low, _)| *low > mark.next));
                prop_assert!(mark.ahead.windows(2).all(|pair| pair[0].1 < pair[1].0));
            }
        }
    }
}
