//! Things by index: a `Vec` that is asked with `u32`, as indices are kept everywhere.

use serde::{Deserialize, Serialize};

/// Things by index, in order of their first appearance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Arena<T>(Vec<T>);

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

fn place(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

impl<T> Arena<T> {
    /// Adds one; returns its index. Indices end at 2^32 - 1, far above what a partition holds.
    pub fn push(&mut self, thing: T) -> u32 {
        self.0.push(thing);
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    /// The one with that index.
    pub fn get(&self, index: u32) -> Option<&T> {
        self.0.get(place(index))
    }

    /// The one with that index, to change.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.0.get_mut(place(index))
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// All, in order, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}
