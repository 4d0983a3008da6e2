//! Which numbers of which edge have been seen: each is applied once.

use huitian_model::EdgeId;
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

    /// Notes that the numbers up to `end` have come; returns the lowest that was new.
    pub fn advance(&mut self, edge: u16, epoch: u64, end: u64) -> u64 {
        let Some(epochs) = self.epochs.get_mut(usize::from(edge)) else {
            return 0;
        };
        if let Some(mark) = epochs.iter_mut().find(|mark| mark.epoch == epoch) {
            let seen = mark.next;
            mark.next = mark.next.max(end);
            return seen;
        }
        if epochs.len() == EPOCHS_MAX {
            epochs.remove(0);
        }
        epochs.push(Epoch { epoch, next: end });
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_the_mark_are_known_in_every_epoch() {
        let mut edges = Edges::default();
        let id = EdgeId::new("e").unwrap();
        let edge = edges.index(&id);
        assert_eq!(edges.high_water(&id), None);
        assert_eq!(edges.advance(edge, 7, 5), 0);
        assert_eq!(edges.advance(edge, 7, 8), 5);
        assert_eq!(edges.advance(edge, 9, 2), 0);
        assert_eq!(edges.advance(edge, 7, 3), 8);
        assert_eq!(edges.high_water(&id), Some((9, 2)));
    }
}
