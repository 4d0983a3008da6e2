//! Follows the state through the records of all segments, oldest first.

use crate::record::Marks;
use crate::segment::Item;
use crate::state::{Lane, State};

/// The state as the records said it so far.
#[derive(Debug, Default)]
pub(crate) struct Track {
    pub(crate) state: State,
    /// Whether any snapshot was whole.
    pub(crate) has_state: bool,
}

impl Track {
    /// Applies the records of one batch.
    pub(crate) fn replay(&mut self, items: Vec<Item>) {
        let mut items = items.into_iter().peekable();
        while let Some(item) = items.next() {
            match item {
                Item::State(mut state, count) => {
                    while let Some(Item::Loss(_)) = items.peek() {
                        if let Some(Item::Loss(loss)) = items.next() {
                            state.losses.push(loss);
                        }
                    }
                    if u32::try_from(state.losses.len()) == Ok(count) {
                        self.state = state;
                        self.has_state = true;
                    }
                }
                Item::Entry(entry) => self.reach(entry.lane, entry.n, entry.end()),
                Item::Permit(pairs) => {
                    for (lane, limit) in pairs {
                        self.reach(lane, limit, limit);
                        let lane = self.state.lanes.entry(lane).or_default();
                        lane.limit = lane.limit.max(limit);
                    }
                }
                Item::Release(pairs) => {
                    for (lane, released) in pairs {
                        self.release(lane, released);
                    }
                }
                Item::Marks(marks) => {
                    for marks in marks {
                        self.mark(&marks);
                    }
                }
                // Losses without their state, and trailers, say nothing new.
                Item::Loss(_) | Item::Trailer(_) => {}
            }
        }
    }

    /// What the hub has is true even in a batch that was never whole.
    pub(crate) fn replay_torn(&mut self, items: Vec<Item>) {
        for item in items {
            let pairs: Vec<(u8, u64)> = match item {
                Item::Release(pairs) => pairs,
                Item::Marks(marks) => marks.iter().map(|one| (one.lane, one.released)).collect(),
                Item::State(state, _) => {
                    let lanes = state.lanes.iter();
                    lanes.map(|(lane, at)| (*lane, at.released)).collect()
                }
                Item::Loss(_) | Item::Entry(_) | Item::Permit(_) | Item::Trailer(_) => continue,
            };
            for (lane, released) in pairs {
                self.release(lane, released);
            }
        }
    }

    fn release(&mut self, lane: u8, released: u64) {
        self.reach(lane, released, released);
        if let Some(lane) = self.state.lanes.get_mut(&lane) {
            lane.released = lane.released.max(released);
        }
    }

    /// The state after these marks may be lost. Without it they say what is known to be gone only
    /// if it changed nothing in the ledger: rows that are gone with it must be found again.
    fn mark(&mut self, marks: &Marks) {
        self.release(marks.lane, marks.released);
        let Some(lane) = self.state.lanes.get_mut(&marks.lane) else {
            return;
        };
        if lane.lost == marks.lost {
            (lane.mark, lane.gone) = (marks.mark, marks.gone);
        }
    }

    /// Numbers up to `end` were given: what lies between was appended, wherever it is now.
    fn reach(&mut self, lane: u8, first: u64, end: u64) {
        let unknown = Lane {
            base: first,
            next: first,
            released: first,
            mark: first,
            ..Lane::default()
        };
        let start = if self.has_state {
            Lane::default()
        } else {
            unknown
        };
        let lane = self.state.lanes.entry(lane).or_insert(start);
        lane.stored = lane.stored.saturating_add(end.saturating_sub(lane.next));
        lane.next = lane.next.max(end);
    }
}
