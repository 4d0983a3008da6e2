//! Making room: released segments first, then what the policy gives up, ledger before all else.

use std::collections::BTreeMap;

use crate::disk::{Disk, DiskFile, write_all};
use crate::error::QueueError;
use crate::frame::{Batch, HEAD_BYTES, Head};
use crate::ledger::{LossReason, Missing};
use crate::limits::{SEGMENTS_MAX, WhenFull};
use crate::number::wide;
use crate::queue::Queue;
use crate::record::{self, Entry, Held};
use crate::segment::{self, OnEntry, Segment, file_name};
use crate::state::State;

/// Bytes that a thinned copy gathers before it writes.
const COPY_BYTES: u64 = 256 * 1024;

/// What an entry's fate is while its segment is thinned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Released,
    Dropped,
}

impl<D: Disk> Queue<D> {
    /// Writes an append; where there is no room the policy makes some, as often as it can.
    pub(crate) fn write_with_room(&mut self, now_ms: i64, batch: &Batch) -> Result<(), QueueError> {
        loop {
            let has_room = self.has_room(batch.bytes());
            let result = if has_room {
                self.write(batch)
            } else {
                Err(self.full(batch))
            };
            match result {
                Ok(()) => break,
                Err(error) if has_room && !error.is_no_space() => return Err(error),
                Err(_) if self.make_room(now_ms)? => {}
                Err(_) => return Err(self.full(batch)),
            }
        }
        self.fill_reserve();
        Ok(())
    }

    fn full(&self, batch: &Batch) -> QueueError {
        QueueError::Full {
            used: self.used(),
            wanted: batch.bytes(),
            limit: self.limits.bytes_max,
        }
    }

    /// Room for the batch, and for a new segment's snapshot and the ledger beside it.
    fn has_room(&self, bytes: u64) -> bool {
        let snapshot = self.state.snapshot().bytes().saturating_add(HEAD_BYTES);
        let wanted = bytes.saturating_add(snapshot.saturating_mul(2));
        self.used().saturating_add(wanted) <= self.limits.bytes_max
            && wide(self.segments.len()) < SEGMENTS_MAX
    }

    fn used(&self) -> u64 {
        self.segments
            .values()
            .fold(0_u64, |sum, one| sum.saturating_add(one.bytes))
    }

    /// Gives something up; false where there is nothing to give.
    fn make_room(&mut self, now_ms: i64) -> Result<bool, QueueError> {
        // Each turn must free something, or an append could go round for ever.
        let used = self.used();
        if self.sweep()? && self.used() < used {
            return Ok(true);
        }
        match self.limits.when_full {
            WhenFull::Block => Ok(false),
            WhenFull::DropOldest => self.drop_oldest(now_ms, LossReason::Full),
            WhenFull::ThinOut => match self.thin_one(now_ms) {
                Ok(true) => Ok(true),
                Ok(false) => self.drop_oldest(now_ms, LossReason::Full),
                Err(error) if error.is_no_space() => self.drop_oldest(now_ms, LossReason::Full),
                Err(error) => Err(error),
            },
        }
    }

    /// Removes full segments of which nothing is needed any more; says whether there were any.
    pub(crate) fn sweep(&mut self) -> Result<bool, QueueError> {
        let active = self.active.as_ref().map(|active| active.number);
        let done = self.segments.iter().filter(|(number, segment)| {
            Some(**number) != active && segment.is_released(&self.state)
        });
        let done: Vec<u64> = done.map(|(number, _)| *number).collect();
        if done.is_empty() {
            return Ok(false);
        }
        match self.change(&done, None, &|_| {}) {
            Ok(()) => Ok(true),
            // The space comes back with the next attempt; nothing depends on it here.
            Err(error) if error.is_no_space() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Drops entries older than the limit, a segment at a time, once its newest is too old.
    ///
    /// Call it only while the clock is known to be right. Segments with entries from before 2020
    /// have no age. Says how many readings were dropped.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn expire(&mut self, now_ms: i64) -> Result<u64, QueueError> {
        let before = self.total_lost();
        let oldest = now_ms.saturating_sub(self.limits.age_ms_max);
        let old = self.segments.iter().filter(|(_, segment)| {
            !segment.has_unset_clock && segment.newest_ms.is_some_and(|newest| newest < oldest)
        });
        let old: Vec<u64> = old.map(|(number, _)| *number).collect();
        for number in old {
            self.drop_segment(number, now_ms, LossReason::Age)?;
        }
        Ok(self.total_lost().saturating_sub(before))
    }

    fn total_lost(&self) -> u64 {
        self.state
            .lanes
            .values()
            .fold(0, |sum, lane| sum.saturating_add(lane.lost))
    }

    /// Drops the oldest segment that has entries; false where none has.
    fn drop_oldest(&mut self, now_ms: i64, reason: LossReason) -> Result<bool, QueueError> {
        let mut with_entries = self
            .segments
            .iter()
            .filter(|(_, segment)| segment.entries > 0);
        let Some(number) = with_entries.next().map(|(number, _)| *number) else {
            return Ok(false);
        };
        self.drop_segment(number, now_ms, reason)?;
        Ok(true)
    }

    fn drop_segment(
        &mut self,
        number: u64,
        now_ms: i64,
        reason: LossReason,
    ) -> Result<(), QueueError> {
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.number == number)
        {
            let mut rolled = self.roll();
            if rolled.is_err() && self.free_reserve() {
                rolled = self.roll();
            }
            rolled?;
        }
        let mut seen = BTreeMap::new();
        let mut rows = self.unreleased_of(number, &mut seen)?;
        if self.is_less(number, &seen) {
            // A frame rotted since the folder was opened: first that is told, then the rest goes.
            self.recount(number)?;
            rows = self.unreleased_of(number, &mut BTreeMap::new())?;
        }
        self.change(&[number], None, &|state| {
            state.lose(rows.clone(), reason, now_ms);
        })
    }

    /// What dropping this segment loses, with what the caller says about it.
    fn unreleased_of(
        &mut self,
        number: u64,
        seen: &mut BTreeMap<u8, u64>,
    ) -> Result<Vec<Missing>, QueueError> {
        let mut rows: BTreeMap<u8, Missing> = BTreeMap::new();
        let state = self.state.clone();
        let mut on_drop = std::mem::replace(&mut self.on_drop, Self::no_detail());
        let read = self.each_entry(number, &mut |entry, payload| {
            see(seen, &entry);
            if let Some(row) = part_of(&state, &entry) {
                add(&mut rows, &row);
                on_drop.entry(&state.lane(entry.lane).stored(&entry, payload));
            }
            Ok(())
        });
        for (lane, row) in &mut rows {
            row.detail = on_drop.detail(*lane);
        }
        self.on_drop = on_drop;
        read?;
        Ok(rows.into_values().collect())
    }

    /// Whether fewer readings were seen than the segment should hold.
    fn is_less(&self, number: u64, seen: &BTreeMap<u8, u64>) -> bool {
        self.segments.get(&number).is_some_and(|segment| {
            let mut held = segment.held.iter();
            held.any(|(lane, held)| seen.get(lane).copied().unwrap_or_default() < held.readings)
        })
    }

    /// Calls `on` for every good entry of a segment.
    pub(crate) fn each_entry(&self, number: u64, on: &mut OnEntry<'_>) -> Result<(), QueueError> {
        let Some(segment) = self.segments.get(&number) else {
            return Ok(());
        };
        let file = match self.disk.open(&segment.name) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(QueueError::disk("open a segment")(error)),
        };
        segment::each_entry(&file, segment, on)
    }

    /// Thins the least thinned segment of the oldest half; false where nothing can be thinned.
    fn thin_one(&mut self, now_ms: i64) -> Result<bool, QueueError> {
        loop {
            let active = self.active.as_ref().map(|active| active.number);
            let full: Vec<u64> = self
                .segments
                .keys()
                .copied()
                .filter(|number| Some(*number) != active)
                .collect();
            let half = full.len().div_ceil(2);
            let candidates = full
                .iter()
                .take(half)
                .filter(|number| !self.thin.contains(number));
            let least = candidates.min_by_key(|number| {
                (
                    self.segments
                        .get(number)
                        .map(|segment| segment.head.generation),
                    **number,
                )
            });
            let Some(number) = least.copied() else {
                return Ok(false);
            };
            if self.thin_segment(number, now_ms)? {
                return Ok(true);
            }
            self.thin.push(number);
        }
    }

    /// Writes a segment again without every second entry of each lane; false where all stay.
    fn thin_segment(&mut self, number: u64, now_ms: i64) -> Result<bool, QueueError> {
        let Some(old) = self.segments.get(&number).cloned() else {
            return Ok(false);
        };
        let generation = old.head.generation.saturating_add(1);
        let salt = old.head.salt.rotate_left(1) ^ u64::from(generation);
        let head = Head {
            generation,
            salt,
            ..old.head
        };
        let name = file_name(number, generation);
        let mut copy = Copied {
            segment: Segment::new(head, name.clone()),
            rows: BTreeMap::new(),
            batch: Batch::default(),
            seq: head.first_seq,
            is_shorter: false,
            seen: BTreeMap::new(),
        };
        let mut on_drop = std::mem::replace(&mut self.on_drop, Self::no_detail());
        let result = self.copy_thinned(&old, &mut copy, on_drop.as_mut());
        self.on_drop = on_drop;
        let is_less = result.is_ok() && self.is_less(number, &copy.seen);
        if result.is_err() || is_less || !copy.is_shorter {
            let _absent = self.disk.remove(&name);
            result?;
            // What rotted is not what is thinned: it is told first, and the next turn thins.
            if is_less {
                self.recount(number)?;
            }
            return Ok(self
                .segments
                .get(&number)
                .is_some_and(|now| now.held != old.held));
        }
        let rows: Vec<Missing> = copy.rows.into_values().collect();
        let edit = |state: &mut State| state.lose(rows.clone(), LossReason::Thinned, now_ms);
        self.leftovers.retain(|leftover| *leftover != name);
        self.change(&[], Some(&copy.segment), &edit)?;
        Ok(true)
    }

    fn copy_thinned(
        &self,
        old: &Segment,
        copy: &mut Copied,
        on_drop: &mut dyn crate::OnDrop,
    ) -> Result<(), QueueError> {
        let head = copy.segment.head.encode();
        let file = self.make_file(&copy.segment.name, &head)?;
        let mut seen: BTreeMap<u8, u64> = BTreeMap::new();
        self.each_entry(old.head.number, &mut |entry, payload| {
            see(&mut copy.seen, &entry);
            let held = old.held.get(&entry.lane).copied().unwrap_or_default();
            match fate(&self.state, &entry, held, &mut seen) {
                Fate::Kept => copy.keep(&file, &entry, payload)?,
                Fate::Released => copy.is_shorter = true,
                Fate::Dropped => {
                    copy.is_shorter = true;
                    on_drop.entry(&self.state.lane(entry.lane).stored(&entry, payload));
                    if let Some(row) = part_of(&self.state, &entry) {
                        add(&mut copy.rows, &row);
                    }
                }
            }
            Ok(())
        })?;
        for (lane, row) in &mut copy.rows {
            row.detail = on_drop.detail(*lane);
        }
        let held = copy.segment.held.iter().map(|(lane, held)| (*lane, *held));
        let trailer = record::encode_trailer(held);
        copy.batch.push(record::TRAILER, trailer);
        copy.write(&file)?;
        file.sync()
            .map_err(QueueError::disk("sync a thinned segment"))
    }
}

/// A thinned segment in the making.
struct Copied {
    segment: Segment,
    rows: BTreeMap<u8, Missing>,
    batch: Batch,
    seq: u64,
    is_shorter: bool,
    /// Readings of each lane that were read.
    seen: BTreeMap<u8, u64>,
}

impl Copied {
    fn keep(
        &mut self,
        file: &impl DiskFile,
        entry: &Entry,
        payload: &[u8],
    ) -> Result<(), QueueError> {
        self.segment.add(entry);
        self.batch.push(record::ENTRY, entry.encode(payload));
        if self.batch.bytes() >= COPY_BYTES {
            self.write(file)?;
        }
        Ok(())
    }

    fn write(&mut self, file: &impl DiskFile) -> Result<(), QueueError> {
        let batch = std::mem::take(&mut self.batch);
        let bytes = batch.encode(self.segment.head.salt, self.seq);
        write_all(file, self.segment.bytes, &bytes)
            .map_err(QueueError::disk("write a thinned segment"))?;
        self.seq = self.seq.saturating_add(batch.frames());
        self.segment.bytes = self.segment.bytes.saturating_add(wide(bytes.len()));
        Ok(())
    }
}

/// Every second entry of a lane goes, but never its last, so that a segment's numbers end where
/// they ended before. An entry that is released in part stays, and so does one above a mark
/// inside the segment: all that is gone above a mark is lost.
fn fate(state: &State, entry: &Entry, held: Held, seen: &mut BTreeMap<u8, u64>) -> Fate {
    let (at, end) = (state.lane(entry.lane), held.end);
    let released = at.released;
    let is_known = at.mark <= held.first || entry.end() <= at.mark;
    if entry.end() <= released && entry.end() < end && is_known {
        return Fate::Released;
    }
    let index = seen.entry(entry.lane).or_default();
    *index = index.saturating_add(1);
    if *index % 2 == 1 && entry.end() < end && entry.n >= released {
        Fate::Dropped
    } else {
        Fate::Kept
    }
}

fn see(seen: &mut BTreeMap<u8, u64>, entry: &Entry) {
    let readings = seen.entry(entry.lane).or_default();
    *readings = readings.saturating_add(u64::from(entry.count));
}

/// The part of an entry that is not released.
fn part_of(state: &State, entry: &Entry) -> Option<Missing> {
    let (lane, end) = (entry.lane, entry.end());
    let first = entry.n.max(state.lane(lane).released);
    let count = end.checked_sub(first).filter(|count| *count > 0)?;
    Some(Missing {
        lane,
        first,
        end,
        count,
        detail: Vec::new(),
    })
}

fn add(rows: &mut BTreeMap<u8, Missing>, part: &Missing) {
    let row = rows.entry(part.lane).or_insert(Missing {
        count: 0,
        ..part.clone()
    });
    row.first = row.first.min(part.first);
    row.end = row.end.max(part.end);
    row.count = row.count.saturating_add(part.count);
}
