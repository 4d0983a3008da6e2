//! The one path on which bytes become durable, and what follows when they do not.
//!
//! A failed write is cut off again. A failed sync ends the file: the kernel may have dropped the
//! pages, and a second sync would report success. The batch is written again to a new segment;
//! if that cannot be synced either the queue is poisoned.

use std::io;

use crate::account;
use crate::disk::{Disk, DiskFile, write_all};
use crate::error::QueueError;
use crate::frame::{Batch, Head};
use crate::number::wide;
use crate::queue::Queue;
use crate::record;
use crate::segment::{Segment, file_name};
use crate::state::State;

/// Named so that it sorts behind no segment.
pub(crate) const RESERVE: &str = "reserve";

/// The segment that is being written.
pub(crate) struct Active<F> {
    pub(crate) number: u64,
    pub(crate) file: F,
}

/// Why a batch is not durable.
pub(crate) enum Fault {
    /// It was never whole on disk.
    Write(io::Error),
    /// It may or may not be: the file must not be used any more.
    Sync(io::Error),
}

impl<D: Disk> Queue<D> {
    /// Makes a batch durable, in a second segment if the first one fails.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<(), QueueError> {
        self.write_built(batch.bytes(), &mut |_| batch.clone())
    }

    /// Writes a snapshot of the state after `edit`, without the segments `gone` and with
    /// `replaced` in place of its older generation. Only then are their files removed.
    pub(crate) fn change(
        &mut self,
        gone: &[u64],
        replaced: Option<&Segment>,
        edit: &dyn Fn(&mut State),
    ) -> Result<(), QueueError> {
        #[cfg(test)]
        if self.deletes_before_ledger {
            self.forget(gone, None);
        }
        let mut next = State::default();
        let mut build = |queue: &mut Self| {
            next = queue.state.clone();
            edit(&mut next);
            next.join_losses(queue.limits.segment_bytes / 16, queue.on_drop.as_mut());
            queue.fill_in(&mut next, gone, replaced);
            next.snapshot()
        };
        let size = self.state.snapshot().bytes();
        let mut result = self.write_built(size, &mut build);
        if result.as_ref().is_err_and(QueueError::is_no_space) && self.free_reserve() {
            result = self.write_built(size, &mut build);
        }
        result?;
        self.state = next;
        self.has_release = false;
        self.forget(gone, replaced);
        Ok(())
    }

    fn write_built(
        &mut self,
        size: u64,
        build: &mut dyn FnMut(&mut Self) -> Batch,
    ) -> Result<(), QueueError> {
        if self.is_poisoned {
            return Err(QueueError::Poisoned);
        }
        for _ in 0..2 {
            let result = self.make_active(size).and_then(|()| {
                let batch = build(self);
                self.write_active(&batch)
            });
            match result {
                Ok(()) => return Ok(()),
                Err(Fault::Write(error)) => return Err(QueueError::disk("write a segment")(error)),
                // The file is behind us; what is not acknowledged is written again elsewhere.
                Err(Fault::Sync(_)) => self.active = None,
            }
        }
        self.is_poisoned = true;
        Err(QueueError::Poisoned)
    }

    fn write_active(&mut self, batch: &Batch) -> Result<(), Fault> {
        let active = self.active.as_ref();
        let segment = active.and_then(|active| self.segments.get_mut(&active.number));
        let (Some(active), Some(segment)) = (active, segment) else {
            return Err(Fault::Write(io::ErrorKind::NotFound.into()));
        };
        let bytes = batch.encode(segment.head.salt, self.next_seq);
        if let Err(error) = write_all(&active.file, segment.bytes, &bytes) {
            if active.file.set_size(segment.bytes).is_err() {
                self.active = None;
            }
            return Err(Fault::Write(error));
        }
        if let Err(error) = active.file.sync() {
            // Best effort: frames past this point do not count once a successor exists.
            let _cut = active.file.set_size(segment.bytes);
            return Err(Fault::Sync(error));
        }
        segment.bytes = segment.bytes.saturating_add(wide(bytes.len()));
        self.next_seq = self.next_seq.saturating_add(batch.frames());
        self.has_release = false;
        Ok(())
    }

    /// Sees to it that there is a segment with room for so many bytes.
    fn make_active(&mut self, bytes: u64) -> Result<(), Fault> {
        let number = self.active.as_ref().map(|active| active.number);
        if let Some(segment) = number.and_then(|number| self.segments.get(&number)) {
            let is_small = segment.bytes.saturating_add(bytes) <= self.limits.segment_bytes;
            if is_small || segment.entries == 0 && segment.bytes <= self.limits.segment_bytes {
                return Ok(());
            }
        }
        self.roll()
    }

    /// Begins a new segment: its snapshot and its name are durable before anything else goes in.
    pub(crate) fn roll(&mut self) -> Result<(), Fault> {
        // From here on the old file gets nothing but its trailer: frames that came after the new
        // file's first number would not count.
        let old = self.active.take();
        let number = self.state.next_segment;
        let first_seq = self.next_seq.saturating_add(1);
        let salt = self.salt ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let head = Head {
            number,
            generation: 0,
            salt,
            first_seq,
        };
        let mut segment = Segment::new(head, file_name(number, 0));
        let mut state = self.state.clone();
        state.next_segment = number.saturating_add(1);
        self.fill_in(&mut state, &[], Some(&segment));
        let batch = state.snapshot();
        let bytes = [head.encode(), batch.encode(salt, first_seq)].concat();
        segment.bytes = wide(bytes.len());
        let file = match self.make_file(&segment.name, &bytes) {
            Ok(file) => file,
            Err(fault) => {
                // The number is used again, and what lies there then is removed first.
                let _absent = self.disk.remove(&segment.name);
                return Err(fault);
            }
        };
        if let Some(old) = old {
            self.seal(&old);
        }
        // What an earlier attempt left under this name is gone; this file must stay.
        self.leftovers.retain(|name| *name != segment.name);
        self.state = state;
        self.segments.insert(number, segment);
        self.active = Some(Active { number, file });
        self.next_seq = first_seq.saturating_add(batch.frames());
        self.has_release = false;
        self.clear_leftovers();
        Ok(())
    }

    /// A new file that is durable with its name.
    pub(crate) fn make_file(&self, name: &str, bytes: &[u8]) -> Result<D::File, Fault> {
        let file = match self.disk.create(name) {
            // What an earlier attempt left behind was never part of the queue.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(name).map_err(Fault::Write)?;
                self.disk.create(name)
            }
            other => other,
        };
        let file = file.map_err(Fault::Write)?;
        write_all(&file, 0, bytes).map_err(Fault::Write)?;
        file.sync().map_err(Fault::Sync)?;
        self.disk.sync_folder().map_err(Fault::Sync)?;
        Ok(file)
    }

    /// Ends a full segment with what it holds. Its successor stands already, so a trailer that
    /// cannot be written costs precision after later damage and nothing else.
    fn seal(&mut self, old: &Active<D::File>) {
        let Some(segment) = self.segments.get_mut(&old.number) else {
            return;
        };
        let mut batch = Batch::default();
        let held = segment.held.iter().map(|(lane, held)| (*lane, *held));
        batch.push(record::TRAILER, record::encode_trailer(held));
        let bytes = batch.encode(segment.head.salt, self.next_seq);
        let written = write_all(&old.file, segment.bytes, &bytes).and_then(|()| old.file.sync());
        if written.is_ok() {
            segment.bytes = segment.bytes.saturating_add(wide(bytes.len()));
        } else {
            let _cut = old.file.set_size(segment.bytes);
        }
    }

    /// Completes a state with the segments that will exist and what they hold.
    fn fill_in(&self, state: &mut State, gone: &[u64], replaced: Option<&Segment>) {
        let mut segments: std::collections::BTreeMap<u64, &Segment> = self
            .segments
            .iter()
            .map(|(number, segment)| (*number, segment))
            .collect();
        for number in gone {
            segments.remove(number);
        }
        if let Some(replaced) = replaced {
            segments.insert(replaced.head.number, replaced);
        }
        state.set_runs(
            segments
                .iter()
                .map(|(number, one)| (*number, one.head.generation)),
        );
        account::mark(state, segments.into_values());
    }

    /// Removes the files of segments that no longer count.
    fn forget(&mut self, gone: &[u64], replaced: Option<&Segment>) {
        for number in gone {
            if let Some(segment) = self.segments.remove(number) {
                self.leftovers.push(segment.name);
            }
            self.thin.retain(|thin| thin != number);
        }
        if let Some(new) = replaced
            && let Some(old) = self.segments.insert(new.head.number, new.clone())
            && old.name != new.name
        {
            self.leftovers.push(old.name);
        }
        if !self.leftovers.is_empty() {
            self.clear_leftovers();
        }
    }

    /// Tries to remove what could not be removed before. A name that comes back after a power
    /// cut is not in the newest snapshot and is removed when the folder is opened.
    pub(crate) fn clear_leftovers(&mut self) {
        let disk = &self.disk;
        self.leftovers.retain(|name| {
            disk.remove(name)
                .is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
        let _later = disk.sync_folder();
    }

    /// Gives the reserve's space to a write that must succeed on a full disk.
    pub(crate) fn free_reserve(&mut self) -> bool {
        if !self.has_reserve {
            return false;
        }
        self.has_reserve = false;
        self.disk.remove(RESERVE).is_ok()
    }

    /// Sets space aside again; a disk that is still full is asked again later.
    pub(crate) fn fill_reserve(&mut self) {
        if self.has_reserve || self.limits.reserve_bytes == 0 {
            return;
        }
        self.has_reserve = self.write_reserve().is_ok();
        if !self.has_reserve {
            let _absent = self.disk.remove(RESERVE);
        }
    }

    fn write_reserve(&self) -> io::Result<()> {
        const CHUNK: [u8; 16 * 1024] = [0; 16 * 1024];
        let file = self.disk.create(RESERVE)?;
        let mut at = 0;
        while at < self.limits.reserve_bytes {
            write_all(&file, at, &CHUNK)?;
            at = at.saturating_add(wide(CHUNK.len()));
        }
        file.sync()?;
        self.disk.sync_folder()
    }
}

impl From<Fault> for QueueError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Write(error) => QueueError::disk("write a segment")(error),
            Fault::Sync(error) => QueueError::disk("sync a segment")(error),
        }
    }
}
