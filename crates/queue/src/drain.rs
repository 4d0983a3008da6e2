//! Reading: what is not released yet, in the order in which it was appended.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::account;
use crate::disk::Disk;
use crate::error::QueueError;
use crate::frame::{HEAD_BYTES, Scan};
use crate::ledger::{LossReason, Missing};
use crate::number::wide;
use crate::queue::{Queue, StoredEntry};
use crate::record::{self, Entry};
use crate::segment::{self, Segment};
use crate::track::Track;

/// Where reading goes on. The default is the oldest entry that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    segment: u64,
    generation: u32,
    at: u64,
}

/// Some entries, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOut {
    /// In the order in which they were appended; empty at the end.
    pub entries: Vec<StoredEntry>,
    /// From here on with the next call.
    pub next: Position,
}

/// Whether the caller wants any of these numbers of a lane: asked for whole segments first, then
/// for single entries, so that what is acknowledged already costs no reading.
pub type Wanted<'a> = dyn FnMut(u8, Range<u64>) -> bool + 'a;

impl<D: Disk> Queue<D> {
    /// Reads entries that are not released and are wanted, until their payloads and 32 bytes for
    /// each reach `bytes_max`; at least one, if there is one. At the end `next` stays where later
    /// appends will be found.
    ///
    /// Segments that were thinned since are read from their beginning, so an entry may come twice.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn read(
        &mut self,
        from: Position,
        bytes_max: u64,
        wanted: &mut Wanted<'_>,
    ) -> Result<ReadOut, QueueError> {
        let mut out = ReadOut {
            entries: Vec::new(),
            next: from,
        };
        let mut room = bytes_max.max(1);
        let numbers: Vec<u64> = self
            .segments
            .range(from.segment..)
            .map(|(at, _)| *at)
            .collect();
        for number in numbers {
            let Some(segment) = self.segments.get(&number) else {
                continue;
            };
            let generation = segment.head.generation;
            if (out.next.segment, out.next.generation) != (number, generation) {
                out.next = Position {
                    segment: number,
                    generation,
                    at: HEAD_BYTES,
                };
            }
            out.next.at = out.next.at.max(HEAD_BYTES);
            if !self.is_wanted(segment, wanted) {
                out.next.at = segment.bytes;
                continue;
            }
            if self.read_segment(number, &mut out, &mut room, wanted)? {
                self.recount(number)?;
            }
            if room == 0 {
                break;
            }
        }
        Ok(out)
    }

    /// Where the entry with this number lies, or the next one of its lane after it.
    pub fn position_of(&self, lane: u8, n: u64) -> Position {
        let internal = self.state.lane(lane).base.saturating_add(n);
        let mut segments = self.segments.iter();
        let found = segments.find(|(_, segment)| {
            segment
                .held
                .get(&lane)
                .is_some_and(|held| held.end > internal)
        });
        let last = self.segments.last_key_value();
        found
            .or(last)
            .map_or(Position::default(), |(number, segment)| {
                let at = if found.is_some() {
                    HEAD_BYTES
                } else {
                    segment.bytes
                };
                Position {
                    segment: *number,
                    generation: segment.head.generation,
                    at,
                }
            })
    }

    fn is_wanted(&self, segment: &Segment, wanted: &mut Wanted<'_>) -> bool {
        segment.held.iter().any(|(lane, held)| {
            let at = self.state.lane(*lane);
            let first = held.first.max(at.released);
            first < held.end && wanted(*lane, at.visible(first)..at.visible(held.end))
        })
    }

    /// Reads on in one segment; true where a frame is not what was written.
    fn read_segment(
        &self,
        number: u64,
        out: &mut ReadOut,
        room: &mut u64,
        wanted: &mut Wanted<'_>,
    ) -> Result<bool, QueueError> {
        let Some(segment) = self.segments.get(&number) else {
            return Ok(false);
        };
        let file = match self.disk.open(&segment.name) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(QueueError::disk("open a segment")(error)),
        };
        let mut scan = Scan::new(&file, segment.head.salt, segment.bytes);
        let (mut is_damaged, seq) = (false, segment.head.first_seq);
        while out.next.at < segment.bytes && *room > 0 {
            let read = QueueError::disk("read a segment");
            let Some(frame) = scan.frame(out.next.at, seq).map_err(read)? else {
                is_damaged = true;
                let read = QueueError::disk("read a segment");
                let next = scan
                    .resync(out.next.at.saturating_add(1), seq)
                    .map_err(read)?;
                out.next.at = next.unwrap_or(segment.bytes);
                continue;
            };
            out.next.at = frame.end;
            if frame.kind != record::ENTRY {
                continue;
            }
            let Some((entry, payload)) = Entry::decode(frame.payload) else {
                continue;
            };
            let at = self.state.lane(entry.lane);
            let first = entry.n.max(at.released);
            if first < entry.end() && wanted(entry.lane, at.visible(first)..at.visible(entry.end()))
            {
                *room = room.saturating_sub(wide(payload.len()).saturating_add(32));
                out.entries.push(at.stored(&entry, payload));
            }
        }
        Ok(is_damaged)
    }

    /// Counts again what a segment holds, after a frame in it turned out to be damaged.
    pub(crate) fn recount(&mut self, number: u64) -> Result<(), QueueError> {
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.number == number)
        {
            self.roll()?;
        }
        let Some(old) = self.segments.get(&number).cloned() else {
            return Ok(());
        };
        let mut found = Segment::new(old.head, old.name.clone());
        let mut ranges = BTreeMap::new();
        match self.disk.open(&old.name) {
            Ok(file) => {
                let facts = segment::scan(&file, found, u64::MAX, &mut Track::default())
                    .map_err(QueueError::disk("read a segment"))?;
                (found, ranges) = (facts.segment, facts.ranges);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(QueueError::disk("open a segment")(error)),
        }
        found.bytes = old.bytes;
        if found.held == old.held {
            return Ok(());
        }
        let mut lanes = self.state.lanes.clone();
        let mut rows = Vec::new();
        for (lane, held) in &old.held {
            let Some(at) = lanes.get_mut(lane) else {
                continue;
            };
            let others = self.segments.iter().filter(|(other, _)| **other != number);
            let all = || others.clone().map(|(_, one)| one).chain([&found]);
            let mut stored_from = |at| account::stored_from(&self.disk, all(), *lane, at);
            let count = account::new_losses(at, &mut stored_from)?;
            let found = ranges.get(lane).map_or(&[][..], Vec::as_slice);
            let gaps = gaps(*held, found, at.released);
            let first = gaps.first().map_or(at.released, |gap| gap.start);
            let end = gaps.last().map_or(at.next, |gap| gap.end);
            rows.push(Missing {
                lane: *lane,
                first,
                end,
                count,
                detail: Vec::new(),
            });
        }
        let at_ms = old.newest_ms.unwrap_or_default();
        self.change(&[], Some(&found), &|state| {
            state.lanes.clone_from(&lanes);
            state.lose(rows.clone(), LossReason::Damaged, at_ms);
        })
    }

    /// Counts for each lane which numbers are lost that are not released: reads the segments
    /// that the released numbers cut, if they have gaps.
    pub(crate) fn count_gone(&mut self) -> Result<BTreeMap<u8, u64>, QueueError> {
        let cut = self.segments.iter().filter(|(_, segment)| {
            segment.held.iter().any(|(lane, held)| {
                let released = self.state.lane(*lane).released;
                held.first < released && released < held.end && segment.has_gaps(*lane)
            })
        });
        let cut: Vec<u64> = cut.map(|(number, _)| *number).collect();
        for number in cut {
            self.recount(number)?;
        }
        let mut gone = BTreeMap::new();
        for (lane, at) in &self.state.lanes {
            let segments = self.segments.values();
            let stored = account::stored_from(&self.disk, segments, *lane, at.released)?;
            gone.insert(*lane, at.absent(at.released, stored));
        }
        Ok(gone)
    }

    /// Numbers of the lane that are neither released nor stored: what the hub waits for in vain.
    /// At most `max` ranges, lowest first.
    ///
    /// # Errors
    ///
    /// See [`QueueError`]; nothing changed where it failed.
    pub fn missing(&self, lane: u8, max: usize) -> Result<Vec<Range<u64>>, QueueError> {
        let at = self.state.lane(lane);
        let mut cursor = at.released;
        let mut missing = Vec::new();
        for (number, segment) in &self.segments {
            let Some(held) = segment.held.get(&lane).filter(|held| held.end > cursor) else {
                continue;
            };
            if missing.len() >= max {
                break;
            }
            if segment.has_gaps(lane) {
                self.each_entry(*number, &mut |entry, _| {
                    if entry.lane == lane {
                        reach(&mut missing, &mut cursor, entry.n..entry.end());
                    }
                    Ok(())
                })?;
            } else {
                reach(&mut missing, &mut cursor, held.first..held.end);
            }
        }
        reach(&mut missing, &mut cursor, at.next..at.next);
        missing.truncate(max);
        Ok(missing
            .into_iter()
            .map(|gap| at.visible(gap.start)..at.visible(gap.end))
            .collect())
    }
}

fn reach(missing: &mut Vec<Range<u64>>, cursor: &mut u64, held: Range<u64>) {
    if held.start > *cursor {
        missing.push(*cursor..held.start);
    }
    *cursor = held.end.max(*cursor);
}

/// What lies between the found ranges of a lane, above the released numbers.
fn gaps(held: record::Held, ranges: &[Range<u64>], released: u64) -> Vec<Range<u64>> {
    let mut cursor = held.first.max(released);
    let mut gaps = Vec::new();
    for range in ranges {
        reach(&mut gaps, &mut cursor, range.clone());
    }
    reach(&mut gaps, &mut cursor, held.end..held.end);
    gaps
}
