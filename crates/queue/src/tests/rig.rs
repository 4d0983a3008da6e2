//! A queue on a simulated disk with a book of everything that was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use crate::number::wide;
use crate::simulated::Simulated;
use crate::{Limits, NewEntry, Opened, Position, Queue, QueueError, WhenFull};

/// Small enough that every sweep meets rolls, drops and thinning.
pub(super) const SMALL: Limits = Limits {
    bytes_max: 16 * 1024,
    age_ms_max: 1_000_000,
    segment_bytes: 2048,
    when_full: WhenFull::Block,
    reserve_bytes: 16 * 1024,
};
pub(super) const NOW: i64 = 1_790_000_000_000;

/// An acknowledged entry: lane, readings, size of its payload.
pub(super) type Spec = (u8, u32, usize);

/// One lane of the book, in numbers that never begin again.
#[derive(Default, Debug, Clone)]
pub(super) struct Page {
    pub(super) base: u64,
    pub(super) next: u64,
    pub(super) entries: BTreeMap<u64, (u32, Vec<u8>)>,
    /// Numbers that were seen to be missing.
    pub(super) lost: BTreeSet<u64>,
}

pub(super) struct Rig {
    pub(super) disk: Simulated,
    pub(super) limits: Limits,
    pub(super) queue: Option<Queue<Simulated>>,
    pub(super) book: BTreeMap<u8, Page>,
    /// An append that failed: after a crash it may be there.
    unsure: Vec<Spec>,
    opened: u64,
    epoch: u64,
    /// Bits of files that turned over.
    pub(super) rotten: BTreeSet<(String, usize, u8)>,
    /// The time of appends.
    pub(super) clock: i64,
}

pub(super) fn payload(lane: u8, n: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![lane];
    bytes.extend(n.to_le_bytes());
    bytes.extend((0_u8..=255).cycle().map(|byte| byte ^ lane).take(size));
    bytes
}

impl Rig {
    pub(super) fn new(limits: Limits) -> Self {
        Self::on(Simulated::default(), limits)
    }

    pub(super) fn on(disk: Simulated, limits: Limits) -> Self {
        let mut rig = Self {
            disk,
            limits,
            queue: None,
            book: BTreeMap::new(),
            unsure: Vec::new(),
            opened: 0,
            epoch: 0,
            rotten: BTreeSet::new(),
            clock: NOW,
        };
        rig.open().expect("a new queue opens");
        rig
    }

    pub(super) fn queue(&mut self) -> &mut Queue<Simulated> {
        self.queue.as_mut().expect("open")
    }

    /// Opens again, settles what was unsure, and checks everything.
    pub(super) fn open(&mut self) -> Result<Opened, QueueError> {
        self.queue = None;
        self.opened += 1;
        let random = self.opened.wrapping_mul(0x1234_5678_9ABC_DEF1);
        let (queue, opened) = Queue::open(self.disk.clone(), self.limits, NOW, random)?;
        self.queue = Some(queue);
        if self.queue().epoch() != self.epoch {
            self.rebase();
        }
        let unsure = std::mem::take(&mut self.unsure);
        let is_there = unsure.first().is_some_and(|(lane, _, _)| {
            let page = self.book.entry(*lane).or_default();
            self.queue.as_ref().expect("open").next(*lane) > page.next - page.base
        });
        if is_there {
            self.note(&unsure);
        }
        Ok(opened)
    }

    pub(super) fn reopen(&mut self) -> Opened {
        let opened = self.open().expect("opens");
        self.check();
        opened
    }

    fn rebase(&mut self) {
        let queue = self.queue.as_ref().expect("open");
        self.epoch = queue.epoch();
        for (lane, page) in &mut self.book {
            // Every number of the new epoch is above what was released in the old one.
            page.base = page.next - queue.next(*lane);
        }
    }

    fn note(&mut self, specs: &[Spec]) {
        for (lane, count, size) in specs {
            let page = self.book.entry(*lane).or_default();
            let entry = (*count, payload(*lane, page.next, *size));
            page.entries.insert(page.next, entry);
            page.next += u64::from(*count);
        }
    }

    /// Appends; what is refused must have no number.
    pub(super) fn append(&mut self, specs: &[Spec], permit: bool) -> Result<(), QueueError> {
        let mut nexts: BTreeMap<u8, u64> = self
            .book
            .iter()
            .map(|(lane, page)| (*lane, page.next))
            .collect();
        let mut payloads = Vec::new();
        for (lane, count, size) in specs {
            let next = nexts.entry(*lane).or_default();
            payloads.push(payload(*lane, *next, *size));
            *next += u64::from(*count);
        }
        let entries: Vec<NewEntry<'_>> = specs
            .iter()
            .zip(&payloads)
            .map(|((lane, count, _), payload)| NewEntry {
                lane: *lane,
                count: *count,
                at_ms: self.clock,
                payload,
            })
            .collect();
        let before: Vec<u64> = specs.iter().map(|(lane, ..)| self.next(*lane)).collect();
        let now = self.clock;
        let queue = self.queue.as_mut().expect("open");
        let result = if permit {
            queue.append_and_permit(now, &entries)
        } else {
            queue.append(now, &entries)
        };
        match result {
            Ok(numbers) => {
                let mut expected = self.book.clone();
                for (number, (lane, count, _)) in numbers.iter().zip(specs) {
                    let page = expected.entry(*lane).or_default();
                    assert_eq!(*number, page.next - page.base, "numbers follow each other");
                    page.next += u64::from(*count);
                }
                self.note(specs);
                Ok(())
            }
            Err(error) => {
                let after: Vec<u64> = specs.iter().map(|(lane, ..)| self.next(*lane)).collect();
                assert_eq!(before, after, "what was refused has no number");
                self.unsure = specs.to_vec();
                Err(error)
            }
        }
    }

    fn next(&self, lane: u8) -> u64 {
        self.queue.as_ref().expect("open").next(lane)
    }

    /// Releases a lane up to a share of 16 of its numbers.
    pub(super) fn release(&mut self, lane: u8, sixteenths: u64) -> Result<(), QueueError> {
        let to = self.next(lane) * sixteenths / 16;
        self.learn();
        self.queue().release(lane, to)
    }

    pub(super) fn tell(&mut self) -> Result<(), QueueError> {
        let rows: Vec<(u64, u64)> = self
            .queue()
            .losses()
            .iter()
            .map(|loss| (loss.id, loss.count))
            .collect();
        let Some((last, _)) = rows.last().copied() else {
            return Ok(());
        };
        self.queue().losses_told(last)
    }

    pub(super) fn renew(&mut self) -> Result<(), QueueError> {
        self.opened += 1;
        let random = self.opened.wrapping_mul(0xA234_5678_9ABC_DEF1);
        self.learn();
        self.queue().renew_epoch(random)?;
        self.rebase();
        Ok(())
    }

    /// Notes what is missing now.
    pub(super) fn learn(&mut self) {
        let Some(queue) = self.queue.as_ref() else {
            return;
        };
        for (lane, page) in &mut self.book {
            // A fault that waits for the next operation hits once; without power nothing is read.
            let read = || queue.missing(*lane, 10_000);
            let Ok(missing) = read().or_else(|_| read()) else {
                return;
            };
            for range in missing {
                page.lost.extend(range.map(|n| n + page.base));
            }
        }
    }

    /// All that is stored and not released, in order.
    pub(super) fn read_all(&mut self) -> Vec<crate::StoredEntry> {
        let mut from = Position::default();
        let mut all = Vec::new();
        loop {
            let out = self
                .queue()
                .read(from, 4096, &mut |_, _| true)
                .expect("reads");
            if out.entries.is_empty() {
                return all;
            }
            from = out.next;
            all.extend(out.entries);
        }
    }

    /// The queue and the book agree: appended = released + stored + lost, and every stored entry
    /// is the one that was acknowledged under its number.
    pub(super) fn check(&mut self) {
        let all = self.read_all();
        self.learn();
        let queue = self.queue.as_ref().expect("open");
        let mut reached: BTreeMap<u8, u64> = BTreeMap::new();
        let mut stored: BTreeMap<u8, u64> = BTreeMap::new();
        for entry in &all {
            let page = self.book.get(&entry.lane).expect("a lane that was used");
            let n = entry.n + page.base - u64::from(entry.skip);
            let count = entry.count + entry.skip;
            let known = page
                .entries
                .range(..=n)
                .next_back()
                .expect("an entry at this number");
            assert_eq!(*known.0, n, "an entry begins at its number");
            assert_eq!(
                (known.1.0, &known.1.1),
                (count, &entry.payload),
                "unchanged"
            );
            let from = reached
                .entry(entry.lane)
                .or_insert(queue.released(entry.lane));
            let end = entry.n + u64::from(entry.count);
            assert!(
                entry.n >= *from || entry.n < queue.released(entry.lane),
                "in order, once"
            );
            *stored.entry(entry.lane).or_default() += end - entry.n.max(queue.released(entry.lane));
            *from = end;
        }
        for (lane, page) in &self.book {
            let next = page.next - page.base;
            assert_eq!(queue.next(*lane), next, "appended on lane {lane}");
            let released = queue.released(*lane);
            let lost_now = wide(
                page.lost
                    .iter()
                    .filter(|n| **n >= page.base + released)
                    .count(),
            );
            let stored = stored.get(lane).copied().unwrap_or_default();
            assert_eq!(
                next,
                released + stored + lost_now,
                "conservation on lane {lane}"
            );
            assert_eq!(
                queue.lost(*lane),
                wide(page.lost.len()),
                "the ledger on lane {lane}"
            );
            assert!(queue.send_limit(*lane) <= next);
        }
    }
}
