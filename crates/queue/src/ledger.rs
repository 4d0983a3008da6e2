//! The ledger of losses: written before anything is dropped, kept until the hub was told.

use std::collections::BTreeMap;

use crate::StoredEntry;
use crate::limits::{DETAIL_BYTES_MAX, LOSSES_MAX};
use crate::state::State;

/// Why readings that had a number are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossReason {
    /// The queue or the disk was full and the oldest went.
    Full,
    /// They were older than the limit.
    Age,
    /// The queue was full and every second entry went.
    Thinned,
    /// The disk gave back something else than was written, or a file was missing.
    Damaged,
}

impl LossReason {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Full => 1,
            Self::Age => 2,
            Self::Thinned => 3,
            Self::Damaged => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Full),
            2 => Some(Self::Age),
            3 => Some(Self::Thinned),
            4 => Some(Self::Damaged),
            _ => None,
        }
    }
}

/// A row of the ledger: of the numbers `first_n..end_n` of this lane and epoch, `count` are lost.
///
/// Where `count` is the whole range, all of it is lost. Where it is less (thinned, or joined from
/// several rows), readings in between survive; [`Queue::missing`](crate::Queue::missing) tells
/// which. No reading is counted in two rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Rises from row to row and is never used again.
    pub id: u64,
    /// The epoch that the numbers belong to.
    pub epoch: u64,
    /// The lane.
    pub lane: u8,
    /// The first lost number.
    pub first_n: u64,
    /// One past the last lost number.
    pub end_n: u64,
    /// How many readings are lost.
    pub count: u64,
    /// Why.
    pub reason: LossReason,
    /// When it was noticed, by the caller's clock; the first time of a joined row.
    pub at_ms: i64,
    /// What [`OnDrop::detail`] said about the readings; empty where they could not be read.
    pub detail: Vec<u8>,
}

impl Loss {
    /// Bytes that the row takes in a snapshot.
    fn bytes(&self) -> u64 {
        crate::number::wide(self.detail.len()).saturating_add(67)
    }
}

/// Looks at entries before they are dropped, so that a row can say whose readings they were.
pub trait OnDrop {
    /// An unreleased entry that is about to be dropped.
    fn entry(&mut self, entry: &StoredEntry);
    /// What the lane's row says about its entries seen since the last call for this lane; cut
    /// off at [`DETAIL_BYTES_MAX`].
    fn detail(&mut self, lane: u8) -> Vec<u8>;
    /// The detail of two rows that become one because the ledger is full.
    fn join(&mut self, older: &[u8], newer: &[u8]) -> Vec<u8>;
}

/// Says nothing about what is dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDetail;

impl OnDrop for NoDetail {
    fn entry(&mut self, _entry: &StoredEntry) {}

    fn detail(&mut self, _lane: u8) -> Vec<u8> {
        Vec::new()
    }

    fn join(&mut self, _older: &[u8], _newer: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

/// A row to be, with internal numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) lane: u8,
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) count: u64,
    pub(crate) detail: Vec<u8>,
}

impl State {
    /// Adds rows, and to the lanes' totals.
    pub(crate) fn lose(&mut self, rows: Vec<Missing>, reason: LossReason, at_ms: i64) {
        for mut row in rows {
            if row.count == 0 {
                continue;
            }
            let lane = self.lanes.entry(row.lane).or_default();
            lane.lost = lane.lost.saturating_add(row.count);
            lane.gone = lane.gone.saturating_add(row.count);
            row.detail.truncate(DETAIL_BYTES_MAX);
            self.losses.push(Loss {
                id: self.next_loss,
                epoch: self.epoch,
                lane: row.lane,
                first_n: row.first.saturating_sub(lane.base),
                end_n: row.end.saturating_sub(lane.base),
                count: row.count,
                reason,
                at_ms,
                detail: row.detail,
            });
            self.next_loss = self.next_loss.saturating_add(1);
        }
    }

    /// Joins the oldest rows of one epoch, lane and reason until few enough are left, and they
    /// take no more than `bytes_max` of each snapshot.
    pub(crate) fn join_losses(&mut self, bytes_max: u64, on_drop: &mut dyn OnDrop) {
        let size = |losses: &[Loss]| losses.iter().map(Loss::bytes).fold(0, u64::saturating_add);
        while self.losses.len() > LOSSES_MAX || size(&self.losses) > bytes_max {
            let mut seen = BTreeMap::new();
            let pair = self.losses.iter().enumerate().find_map(|(index, loss)| {
                let key = (loss.epoch, loss.lane, loss.reason);
                seen.insert(key, index).map(|older| (older, index))
            });
            let Some((older, newer)) = pair else { return };
            let older = self.losses.remove(older);
            let id = self.next_loss;
            let Some(row) = self.losses.get_mut(newer.saturating_sub(1)) else {
                return;
            };
            row.detail = on_drop.join(&older.detail, &row.detail);
            row.detail.truncate(DETAIL_BYTES_MAX);
            row.first_n = row.first_n.min(older.first_n);
            row.end_n = row.end_n.max(older.end_n);
            row.count = row.count.saturating_add(older.count);
            row.at_ms = older.at_ms;
            // A new id: telling the hub of one half must not delete the other.
            row.id = id;
            self.next_loss = id.saturating_add(1);
            self.losses.sort_by_key(|loss| loss.id);
        }
    }
}
