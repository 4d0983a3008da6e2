//! One segment file: its name, what it holds, and the scan that finds out.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::disk::DiskFile;
use crate::error::QueueError;
use crate::frame::{HEAD_BYTES, Head, Scan};
use crate::limits::SET_CLOCK_MS;
use crate::record::{self, Entry, Held};
use crate::state::State;
use crate::track::Track;

/// Found ranges of a lane kept per segment; a thinned one has more, and only its ends matter.
const RANGES_MAX: usize = 64;

/// The file's name: `0000000007.seg`, or `0000000007-2.seg` when written again for the second time.
pub(crate) fn file_name(number: u64, generation: u32) -> String {
    match generation {
        0 => format!("{number:010}.seg"),
        _ => format!("{number:010}-{generation}.seg"),
    }
}

/// Number and generation of a file name.
pub(crate) fn parse_name(name: &str) -> Option<(u64, u32)> {
    let stem = name.strip_suffix(".seg")?;
    let (number, generation) = stem.split_once('-').unwrap_or((stem, "0"));
    let parsed = (number.parse().ok()?, generation.parse().ok()?);
    (file_name(parsed.0, parsed.1) == name).then_some(parsed)
}

/// What is kept in memory of a segment: nothing per entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) head: Head,
    pub(crate) name: String,
    /// Bytes of good frames and the head.
    pub(crate) bytes: u64,
    pub(crate) held: BTreeMap<u8, Held>,
    pub(crate) entries: u64,
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) newest_ms: Option<i64>,
    /// An entry was stamped by a clock that was never set.
    pub(crate) has_unset_clock: bool,
}

impl Segment {
    pub(crate) fn new(head: Head, name: String) -> Self {
        Self {
            head,
            name,
            bytes: HEAD_BYTES,
            held: BTreeMap::new(),
            entries: 0,
            oldest_ms: None,
            newest_ms: None,
            has_unset_clock: false,
        }
    }

    pub(crate) fn add(&mut self, entry: &Entry) {
        let held = self.held.entry(entry.lane).or_insert(Held {
            first: entry.n,
            end: entry.n,
            readings: 0,
        });
        held.first = held.first.min(entry.n);
        held.end = held.end.max(entry.end());
        held.readings = held.readings.saturating_add(u64::from(entry.count));
        self.entries = self.entries.saturating_add(1);
        self.has_unset_clock |= entry.at_ms < SET_CLOCK_MS;
        self.oldest_ms = Some(self.oldest_ms.map_or(entry.at_ms, |ms| ms.min(entry.at_ms)));
        self.newest_ms = Some(self.newest_ms.map_or(entry.at_ms, |ms| ms.max(entry.at_ms)));
    }

    /// Whether every entry is below the lanes' released numbers.
    pub(crate) fn is_released(&self, state: &State) -> bool {
        let mut held = self.held.iter();
        held.all(|(lane, held)| held.end <= state.lane(*lane).released)
    }

    /// Whether the numbers of this lane have gaps, so that counting needs the file.
    pub(crate) fn has_gaps(&self, lane: u8) -> bool {
        self.held
            .get(&lane)
            .is_some_and(|held| held.readings != held.end.saturating_sub(held.first))
    }
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    Clean,
    /// Space that was set aside and never written.
    Zeros,
    /// A batch that was never whole.
    Torn,
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) segment: Segment,
    pub(crate) ranges: BTreeMap<u8, Vec<Range<u64>>>,
    /// The lanes' next numbers where the file begins.
    pub(crate) start: Option<BTreeMap<u8, u64>>,
    pub(crate) trailer: Option<BTreeMap<u8, Held>>,
    /// Bytes that are no frames although frames follow.
    pub(crate) bad: Vec<Range<u64>>,
    pub(crate) tail: Tail,
    pub(crate) size: u64,
    pub(crate) next_seq: u64,
}

/// A decoded frame without an entry's payload.
pub(crate) enum Item {
    State(State, u32),
    Loss(crate::Loss),
    Entry(Entry),
    Permit(Vec<(u8, u64)>),
    Release(Vec<(u8, u64)>),
    Trailer(Vec<(u8, Held)>),
    Marks(Vec<record::Marks>),
}

impl Item {
    fn decode(kind: u8, payload: &[u8]) -> Option<Self> {
        match kind {
            record::STATE => record::decode_state(payload).map(|(state, n)| Self::State(state, n)),
            record::LOSS => record::decode_loss(payload).map(Self::Loss),
            record::ENTRY => Entry::decode(payload).map(|(entry, _)| Self::Entry(entry)),
            record::PERMIT => record::decode_pairs(payload).map(Self::Permit),
            record::RELEASE => record::decode_pairs(payload).map(Self::Release),
            record::MARKS => record::decode_marks(payload).map(Self::Marks),
            record::TRAILER => record::decode_trailer(payload).map(Self::Trailer),
            _ => None,
        }
    }
}

/// Reads a whole segment. Frames from `seq_end` on belong to a successor and do not count: they
/// were written here, their sync failed, and they were written again there.
pub(crate) fn scan(
    file: &impl DiskFile,
    segment: Segment,
    seq_end: u64,
    track: &mut Track,
) -> io::Result<Facts> {
    let (size, head) = (file.size()?, segment.head);
    let mut scan = Scan::new(file, head.salt, size);
    let mut found = Found::new(segment, size);
    let mut at = HEAD_BYTES;
    while at < size {
        let seq_min = found.facts.next_seq;
        if let Some(frame) = scan.frame(at, seq_min)? {
            if frame.seq >= seq_end {
                break;
            }
            if frame.is_first {
                found.batch_begins(at, track);
            }
            found.facts.next_seq = frame.seq.saturating_add(1);
            found
                .pending
                .extend(Item::decode(frame.kind, frame.payload));
            at = frame.end;
            if frame.is_last && !found.is_doubtful {
                found.accept(at, track);
            }
        } else if scan.is_zero_from(at)? {
            found.facts.tail = Tail::Zeros;
            break;
        } else if let Some(next) = scan.resync(at.saturating_add(1), seq_min)? {
            found.facts.bad.push(at..next);
            found.is_doubtful = true;
            at = next;
        } else {
            found.facts.tail = Tail::Torn;
            break;
        }
    }
    Ok(found.finish(track))
}

/// Called for an entry and its payload.
pub(crate) type OnEntry<'a> = dyn FnMut(Entry, &[u8]) -> Result<(), QueueError> + 'a;

/// Calls `on` for every good entry of a segment.
pub(crate) fn each_entry(
    file: &impl DiskFile,
    segment: &Segment,
    on: &mut OnEntry<'_>,
) -> Result<(), QueueError> {
    let read = || QueueError::disk("read a segment");
    let mut scan = Scan::new(file, segment.head.salt, segment.bytes);
    let (mut at, mut seq) = (HEAD_BYTES, segment.head.first_seq);
    while at < scan.size() {
        if let Some(frame) = scan.frame(at, seq).map_err(read())? {
            (at, seq) = (frame.end, frame.seq.saturating_add(1));
            let entry = Entry::decode(frame.payload).filter(|_| frame.kind == record::ENTRY);
            if let Some((entry, payload)) = entry {
                on(entry, payload)?;
            }
            continue;
        }
        let next = scan.resync(at.saturating_add(1), seq).map_err(read())?;
        at = next.unwrap_or(scan.size());
    }
    Ok(())
}

/// What a scan has found so far: whole batches, and one that may turn out to be torn.
struct Found {
    facts: Facts,
    pending: Vec<Item>,
    is_doubtful: bool,
    sure_seq: u64,
}

impl Found {
    fn new(segment: Segment, size: u64) -> Self {
        let seq = segment.head.first_seq;
        let facts = Facts {
            segment,
            ranges: BTreeMap::new(),
            start: None,
            trailer: None,
            bad: Vec::new(),
            tail: Tail::Clean,
            size,
            next_seq: seq,
        };
        Self {
            facts,
            pending: Vec::new(),
            is_doubtful: false,
            sure_seq: seq,
        }
    }

    /// A later batch proves that the one before it was whole once, whatever is left of it.
    fn batch_begins(&mut self, at: u64, track: &mut Track) {
        self.accept(at, track);
    }

    fn accept(&mut self, end: u64, track: &mut Track) {
        let is_start = self.facts.segment.bytes == HEAD_BYTES && self.facts.bad.is_empty();
        let items = std::mem::take(&mut self.pending);
        for item in &items {
            match item {
                Item::Entry(entry) => self.add(entry),
                Item::Trailer(lanes) => {
                    self.facts.trailer = Some(lanes.iter().copied().collect());
                }
                Item::State(state, _) if is_start && self.facts.start.is_none() => {
                    let next = state.lanes.iter().map(|(lane, at)| (*lane, at.next));
                    self.facts.start = Some(next.collect());
                }
                Item::State(..)
                | Item::Loss(_)
                | Item::Permit(_)
                | Item::Release(_)
                | Item::Marks(_) => {}
            }
        }
        if self.facts.segment.head.generation == 0 {
            track.replay(items);
        }
        self.facts.segment.bytes = end;
        self.sure_seq = self.facts.next_seq;
        self.is_doubtful = false;
    }

    fn add(&mut self, entry: &Entry) {
        self.facts.segment.add(entry);
        let ranges = self.facts.ranges.entry(entry.lane).or_default();
        let is_over = ranges.len() >= RANGES_MAX;
        match ranges.last_mut() {
            Some(last) if last.end == entry.n || is_over => last.end = entry.end(),
            _ => ranges.push(entry.n..entry.end()),
        }
    }

    fn finish(mut self, track: &mut Track) -> Facts {
        let sure = self.facts.segment.bytes;
        if !self.pending.is_empty() || self.is_doubtful {
            self.facts.tail = Tail::Torn;
        }
        track.replay_torn(self.pending);
        self.facts.bad.retain(|bad| bad.start < sure);
        self.facts.next_seq = self.sure_seq;
        self.facts
    }
}
