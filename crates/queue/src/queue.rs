//! The queue itself: appending, permits, releases, and what is asked of it.

use std::collections::BTreeMap;

use crate::disk::Disk;
use crate::error::QueueError;
use crate::frame::Batch;
use crate::ledger::{Loss, NoDetail, OnDrop};
use crate::limits::{APPEND_BYTES_MAX, LANES, Limits, PAYLOAD_BYTES_MAX};
use crate::number::wide;
use crate::record::{self, Entry};
use crate::segment::Segment;
use crate::state::{Lane, State};
use crate::write::Active;

/// Readings of one lane to be appended together.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// The partition, 0 to 63.
    pub lane: u8,
    /// How many readings the payload holds, at least 1.
    pub count: u32,
    /// When they were received, in milliseconds UTC by the caller's clock; decides their age.
    pub at_ms: i64,
    /// The readings, opaque here.
    pub payload: &'a [u8],
}

/// An entry as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The partition.
    pub lane: u8,
    /// The number of the first reading in the present epoch.
    pub n: u64,
    /// How many readings of this epoch the payload holds, from `n` on.
    pub count: u32,
    /// Readings at the payload's beginning that the hub had before this epoch began; mostly 0.
    pub skip: u32,
    /// When they were received.
    pub at_ms: i64,
    /// The readings.
    pub payload: Vec<u8>,
}

/// The queue in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Bytes of all segment files; the reserve is not among them.
    pub bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Entries in them, released ones of segments that still stand included.
    pub entries: u64,
    /// Readings in them, likewise.
    pub readings: u64,
    /// The earliest `at_ms` in them.
    pub oldest_ms: Option<i64>,
}

/// A bounded disk queue; see the crate's page.
#[cfg_attr(
    test,
    expect(
        clippy::struct_excessive_bools,
        reason = "the fourth breaks the queue on purpose"
    )
)]
pub struct Queue<D: Disk> {
    pub(crate) disk: D,
    pub(crate) _lock: D::Lock,
    pub(crate) limits: Limits,
    pub(crate) state: State,
    pub(crate) segments: BTreeMap<u64, Segment>,
    pub(crate) active: Option<Active<D::File>>,
    pub(crate) next_seq: u64,
    pub(crate) salt: u64,
    pub(crate) has_release: bool,
    pub(crate) is_poisoned: bool,
    pub(crate) has_reserve: bool,
    /// Files that no longer count and could not be removed yet.
    pub(crate) leftovers: Vec<String>,
    /// Segments in which nothing is left to thin.
    pub(crate) thin: Vec<u64>,
    pub(crate) on_drop: Box<dyn OnDrop + Send>,
    #[cfg(test)]
    pub(crate) deletes_before_ledger: bool,
}

impl<D: Disk> Queue<D> {
    /// Who looks at entries before they are dropped; without one, rows have no detail.
    pub fn set_on_drop(&mut self, on_drop: Box<dyn OnDrop + Send>) {
        self.on_drop = on_drop;
    }

    /// Stores all entries with one sync and says the number of each one's first reading. They
    /// are durable when this returns. If it fails nothing was numbered.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn append(
        &mut self,
        now_ms: i64,
        entries: &[NewEntry<'_>],
    ) -> Result<Vec<u64>, QueueError> {
        self.append_batch(now_ms, entries, false)
    }

    /// As [`Queue::append`] followed by [`Queue::permit_sending`], with one sync for both.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn append_and_permit(
        &mut self,
        now_ms: i64,
        entries: &[NewEntry<'_>],
    ) -> Result<Vec<u64>, QueueError> {
        self.append_batch(now_ms, entries, true)
    }

    fn append_batch(
        &mut self,
        now_ms: i64,
        entries: &[NewEntry<'_>],
        is_permitted: bool,
    ) -> Result<Vec<u64>, QueueError> {
        check(entries)?;
        let numbered = self.number(entries);
        let mut batch = Batch::default();
        self.push_releases(&mut batch);
        for (entry, new) in numbered.iter().zip(entries) {
            batch.push(record::ENTRY, entry.encode(new.payload));
        }
        if is_permitted {
            batch.push(
                record::PERMIT,
                record::encode_pairs(&self.permits(&numbered)),
            );
        }
        if batch.bytes() > APPEND_BYTES_MAX.min(self.limits.bytes_max / 4) {
            return Err(QueueError::Invalid {
                what: "bytes of one append",
                got: batch.bytes(),
                permitted: format!("at most {APPEND_BYTES_MAX} and a quarter of bytes_max"),
            });
        }
        self.write_with_room(now_ms, &batch)?;
        self.count(&numbered, is_permitted);
        Ok(numbered
            .iter()
            .map(|entry| self.state.lane(entry.lane).visible(entry.n))
            .collect())
    }

    fn number(&self, entries: &[NewEntry<'_>]) -> Vec<Entry> {
        let mut next: BTreeMap<u8, u64> = BTreeMap::new();
        let mut numbered = Vec::with_capacity(entries.len());
        for new in entries {
            let next = next
                .entry(new.lane)
                .or_insert(self.state.lane(new.lane).next);
            let entry = Entry {
                lane: new.lane,
                n: *next,
                count: new.count,
                at_ms: new.at_ms,
            };
            *next = entry.end();
            numbered.push(entry);
        }
        numbered
    }

    /// What may be sent once these entries are stored, where that is more than before.
    fn permits(&self, numbered: &[Entry]) -> Vec<(u8, u64)> {
        let lanes = self.state.lanes.iter();
        let mut limits: BTreeMap<u8, u64> = lanes
            .filter(|(_, at)| at.limit < at.next)
            .map(|(lane, at)| (*lane, at.next))
            .collect();
        for entry in numbered {
            limits.insert(entry.lane, entry.end());
        }
        limits.into_iter().collect()
    }

    fn count(&mut self, numbered: &[Entry], is_permitted: bool) {
        let number = self.active.as_ref().map(|active| active.number);
        for entry in numbered {
            let lane = self.state.lanes.entry(entry.lane).or_default();
            lane.next = entry.end();
            if let Some(segment) = number.and_then(|number| self.segments.get_mut(&number)) {
                segment.add(entry);
            }
        }
        if is_permitted {
            self.permitted();
        }
    }

    fn permitted(&mut self) {
        for lane in self.state.lanes.values_mut() {
            lane.limit = lane.next;
        }
    }

    /// Remembers, durably, that all numbers below each lane's [`Queue::next`] may have been sent.
    ///
    /// Call it before the first byte leaves. If a peer ever knows a number that is not below
    /// [`Queue::send_limit`], this folder is a copy or was restored from an old backup.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn permit_sending(&mut self) -> Result<(), QueueError> {
        let pairs = self.permits(&[]);
        if pairs.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        self.push_releases(&mut batch);
        batch.push(record::PERMIT, record::encode_pairs(&pairs));
        self.write(&batch)?;
        self.permitted();
        Ok(())
    }

    /// The hub has everything of this lane below `next`. Kept in memory until something else is
    /// written; losing it is harmless. Whole segments are removed once nothing in them is left.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn release(&mut self, lane: u8, next: u64) -> Result<(), QueueError> {
        let Some(at) = self.state.lanes.get_mut(&lane) else {
            return if next == 0 {
                Ok(())
            } else {
                Err(beyond(next, 0))
            };
        };
        let internal = at.base.saturating_add(next);
        if internal > at.next {
            return Err(beyond(next, at.visible(at.next)));
        }
        if internal <= at.released {
            return Ok(());
        }
        at.released = internal;
        self.has_release = true;
        self.sweep().map(|_| ())
    }

    /// Begins a new epoch: what is not released is numbered again from 0 in each lane. Untold
    /// losses keep the numbers of the epoch in which they happened.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn renew_epoch(&mut self, random: u64) -> Result<(), QueueError> {
        let old = self.state.epoch;
        let epoch = if random == old {
            random.wrapping_add(1)
        } else {
            random
        };
        let gone = self.count_gone()?;
        self.change(&[], None, &|state| {
            state.epoch = epoch;
            for (number, lane) in &mut state.lanes {
                lane.base = lane.released;
                lane.limit = lane.released;
                lane.mark = lane.released;
                lane.gone = gone.get(number).copied().unwrap_or_default();
            }
        })
    }

    /// Removes the rows up to this id, which the hub has stored.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn losses_told(&mut self, up_to_id: u64) -> Result<(), QueueError> {
        if self.state.losses.iter().all(|loss| loss.id > up_to_id) {
            return Ok(());
        }
        self.change(&[], None, &|state| {
            state.losses.retain(|loss| loss.id > up_to_id);
        })
    }

    /// Writes everything that was only in memory. Without it nothing durable is lost either.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn close(mut self) -> Result<(), QueueError> {
        self.change(&[], None, &|_| {})
    }

    /// The rows of the ledger that the hub was not told yet.
    pub fn losses(&self) -> &[Loss] {
        &self.state.losses
    }

    /// The present epoch.
    pub fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// The number that the lane's next reading will have.
    pub fn next(&self, lane: u8) -> u64 {
        let at = self.state.lane(lane);
        at.visible(at.next)
    }

    /// The hub has every reading of the lane below.
    pub fn released(&self, lane: u8) -> u64 {
        let at = self.state.lane(lane);
        at.visible(at.released)
    }

    /// Numbers of the lane below may have been sent; what they stand for is fixed on disk.
    pub fn send_limit(&self, lane: u8) -> u64 {
        let at = self.state.lane(lane);
        at.visible(at.limit)
    }

    /// Readings of the lane that were lost since the queue was made, told or not.
    pub fn lost(&self, lane: u8) -> u64 {
        self.state.lane(lane).lost
    }

    /// The lanes that were ever used.
    pub fn lanes(&self) -> Vec<u8> {
        self.state.lanes.keys().copied().collect()
    }

    /// The queue in figures.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for segment in self.segments.values() {
            stats.bytes = stats.bytes.saturating_add(segment.bytes);
            stats.segments = stats.segments.saturating_add(1);
            stats.entries = stats.entries.saturating_add(segment.entries);
            for held in segment.held.values() {
                stats.readings = stats.readings.saturating_add(held.readings);
            }
            let oldest = [stats.oldest_ms, segment.oldest_ms].into_iter().flatten();
            stats.oldest_ms = oldest.min();
        }
        stats
    }

    pub(crate) fn push_releases(&self, batch: &mut Batch) {
        if self.has_release {
            let lanes = self.state.lanes.iter();
            let pairs: Vec<(u8, u64)> = lanes.map(|(lane, at)| (*lane, at.released)).collect();
            batch.push(record::RELEASE, record::encode_pairs(&pairs));
        }
    }

    pub(crate) fn no_detail() -> Box<dyn OnDrop + Send> {
        Box::new(NoDetail)
    }
}

impl Lane {
    /// The present epoch's view of an internal entry.
    pub(crate) fn stored(&self, entry: &Entry, payload: &[u8]) -> StoredEntry {
        let before = self
            .base
            .saturating_sub(entry.n)
            .min(u64::from(entry.count));
        let skip = u32::try_from(before).unwrap_or(entry.count);
        StoredEntry {
            lane: entry.lane,
            n: self.visible(entry.n),
            count: entry.count.saturating_sub(skip),
            skip,
            at_ms: entry.at_ms,
            payload: payload.to_vec(),
        }
    }
}

fn beyond(next: u64, permitted: u64) -> QueueError {
    QueueError::Invalid {
        what: "the released number",
        got: next,
        permitted: format!("0 to {permitted}, the lane's next number"),
    }
}

fn check(entries: &[NewEntry<'_>]) -> Result<(), QueueError> {
    for entry in entries {
        let invalid = |what, got, permitted: String| {
            Err(QueueError::Invalid {
                what,
                got,
                permitted,
            })
        };
        if entry.lane >= LANES {
            return invalid(
                "the lane",
                u64::from(entry.lane),
                format!("0 to {}", LANES - 1),
            );
        }
        if entry.count == 0 {
            return invalid("the count of readings", 0, format!("1 to {}", u32::MAX));
        }
        if entry.payload.len() > PAYLOAD_BYTES_MAX {
            let got = wide(entry.payload.len());
            return invalid(
                "the payload's bytes",
                got,
                format!("0 to {PAYLOAD_BYTES_MAX}"),
            );
        }
    }
    if entries.is_empty() {
        return Err(QueueError::Invalid {
            what: "the number of entries",
            got: 0,
            permitted: "1 or more".to_owned(),
        });
    }
    Ok(())
}
