//! The head of a segment file, frames, and how the next good frame is found after a bad one.
//!
//! ```text
//! segment = head head frame*            (the head stands twice: one bit must not cost a file)
//! head    = "HTQUEUE\n" version u8 number u64 generation u32 salt u64 first_seq u64 crc u32
//! frame   = len u32 | crc u32 | kind u8 | seq u64 | payload        len = 9 + payload bytes
//! crc     = CRC-32 of salt, len, kind, seq, payload
//! kind    = record kind, 0x40 = first of its batch, 0x80 = last of its batch
//! ```
//!
//! All numbers are little-endian. The salt differs from file to file, so that bytes of another
//! file, or of a device that sends what looks like a frame, are never taken for one. `seq` rises
//! with every frame; a segment's `first_seq` ends what its predecessor may hold.

use std::io;

use crate::disk::{DiskFile, read_full};
use crate::limits::FRAME_BYTES_MAX;
use crate::number::{Take, narrow, wide};

const MAGIC: &[u8; 8] = b"HTQUEUE\n";
pub(crate) const VERSION: u8 = 1;
const HEAD_COPY: usize = 41;
/// Bytes before the first frame.
pub(crate) const HEAD_BYTES: u64 = 82;
/// Bytes of a frame before its payload.
pub(crate) const FRAME_HEAD: u64 = 17;
const FIRST: u8 = 0x40;
const LAST: u8 = 0x80;
/// Bytes read ahead while scanning.
const AHEAD: usize = 256 * 1024;

/// The head of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: u64,
    pub(crate) generation: u32,
    pub(crate) salt: u64,
    pub(crate) first_seq: u64,
}

/// What a file begins with.
pub(crate) enum HeadRead {
    /// A head; `damaged` where one of the two copies is bad.
    Good { head: Head, damaged: bool },
    /// A version that is not ours.
    Version(u8),
    /// Neither copy is whole.
    Bad,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut copy = MAGIC.to_vec();
        copy.push(VERSION);
        copy.extend(self.number.to_le_bytes());
        copy.extend(self.generation.to_le_bytes());
        copy.extend(self.salt.to_le_bytes());
        copy.extend(self.first_seq.to_le_bytes());
        let crc = crc32fast::hash(&copy);
        copy.extend(crc.to_le_bytes());
        copy.repeat(2)
    }

    pub(crate) fn read(file: &impl DiskFile) -> io::Result<HeadRead> {
        let mut bytes = [0; HEAD_COPY * 2];
        let count = read_full(file, 0, &mut bytes)?;
        let bytes = bytes.get(..count).unwrap_or_default();
        let (one, two) = bytes.split_at(count.min(HEAD_COPY));
        let (one, two) = (Self::decode(one), Self::decode(two));
        Ok(match (one, two) {
            (Some(Err(version)), _) | (_, Some(Err(version))) => HeadRead::Version(version),
            (Some(Ok(head)), Some(Ok(_))) => HeadRead::Good {
                head,
                damaged: false,
            },
            (Some(Ok(head)), None) | (None, Some(Ok(head))) => HeadRead::Good {
                head,
                damaged: true,
            },
            (None, None) => HeadRead::Bad,
        })
    }

    fn decode(copy: &[u8]) -> Option<Result<Self, u8>> {
        let (body, crc) = copy.split_last_chunk::<4>()?;
        if copy.len() != HEAD_COPY || crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut take = Take(body.strip_prefix(MAGIC)?);
        let version = take.u8()?;
        if version != VERSION {
            return Some(Err(version));
        }
        Some(Ok(Self {
            number: take.u64()?,
            generation: take.u32()?,
            salt: take.u64()?,
            first_seq: take.u64()?,
        }))
    }
}

/// Frames that become durable together: all of them, or none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    frames: Vec<(u8, Vec<u8>)>,
    bytes: u64,
}

impl Batch {
    pub(crate) fn push(&mut self, kind: u8, payload: Vec<u8>) {
        self.bytes = self
            .bytes
            .saturating_add(FRAME_HEAD)
            .saturating_add(wide(payload.len()));
        self.frames.push((kind, payload));
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn frames(&self) -> u64 {
        wide(self.frames.len())
    }

    /// The bytes for a file with this salt, numbered from `seq`.
    pub(crate) fn encode(&self, salt: u64, seq: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(narrow(self.bytes));
        let last = self.frames.len().saturating_sub(1);
        for (index, (kind, payload)) in self.frames.iter().enumerate() {
            let first = if index == 0 { FIRST } else { 0 };
            let end = if index == last { LAST } else { 0 };
            let seq = seq.saturating_add(wide(index));
            put_frame(&mut bytes, salt, (kind | first | end, seq), payload);
        }
        bytes
    }
}

fn put_frame(bytes: &mut Vec<u8>, salt: u64, (kind, seq): (u8, u64), payload: &[u8]) {
    let len = u32::try_from(payload.len().saturating_add(9)).unwrap_or(u32::MAX);
    let crc = checksum(salt, len, (kind, seq), payload);
    bytes.extend(len.to_le_bytes());
    bytes.extend(crc.to_le_bytes());
    bytes.push(kind);
    bytes.extend(seq.to_le_bytes());
    bytes.extend(payload);
}

fn checksum(salt: u64, len: u32, (kind, seq): (u8, u64), payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&salt.to_le_bytes());
    crc.update(&len.to_le_bytes());
    crc.update(&[kind]);
    crc.update(&seq.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

/// A frame where one was looked for.
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) is_first: bool,
    pub(crate) is_last: bool,
    pub(crate) seq: u64,
    pub(crate) end: u64,
    pub(crate) payload: &'a [u8],
}

/// Reads a file front to back through one buffer of at most a frame and [`AHEAD`].
pub(crate) struct Scan<'f, F> {
    file: &'f F,
    salt: u64,
    size: u64,
    buffer: Vec<u8>,
    start: u64,
}

impl<'f, F: DiskFile> Scan<'f, F> {
    /// Frames of `file` before `size`.
    pub(crate) fn new(file: &'f F, salt: u64, size: u64) -> Self {
        Self {
            file,
            salt,
            size,
            buffer: Vec::new(),
            start: 0,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes at `at`, or none where the file ends before.
    fn bytes(&mut self, at: u64, count: u64) -> io::Result<Option<&[u8]>> {
        if at.saturating_add(count) > self.size {
            return Ok(None);
        }
        let buffered = self.start.saturating_add(wide(self.buffer.len()));
        if at < self.start || at.saturating_add(count) > buffered {
            let want = narrow(count)
                .max(AHEAD)
                .min(narrow(self.size.saturating_sub(at)));
            self.buffer.resize(want, 0);
            let got = read_full(self.file, at, &mut self.buffer)?;
            self.buffer.truncate(got);
            self.start = at;
        }
        let from = narrow(at.saturating_sub(self.start));
        let to = from.saturating_add(narrow(count));
        Ok(self.buffer.get(from..to))
    }

    /// The frame that begins at `at`, if a whole and good one does.
    pub(crate) fn frame(&mut self, at: u64, seq_min: u64) -> io::Result<Option<Frame<'_>>> {
        let salt = self.salt;
        let Some(head) = self.bytes(at, FRAME_HEAD)? else {
            return Ok(None);
        };
        let mut take = Take(head);
        let read = (take.u32(), take.u32(), take.u8(), take.u64());
        let (Some(len), Some(crc), Some(kind), Some(seq)) = read else {
            return Ok(None);
        };
        // A file's frames are numbered without gaps, so no number lies further off than bytes.
        let seqs = seq_min..=seq_min.saturating_add(self.size);
        if !(9..=FRAME_BYTES_MAX).contains(&len) || !seqs.contains(&seq) || !is_known(kind) {
            return Ok(None);
        }
        let whole = u64::from(len).saturating_add(8);
        let Some(bytes) = self.bytes(at, whole)? else {
            return Ok(None);
        };
        let payload = bytes.get(narrow(FRAME_HEAD)..).unwrap_or_default();
        if checksum(salt, len, (kind, seq), payload) != crc {
            return Ok(None);
        }
        Ok(Some(Frame {
            kind: kind & !(FIRST | LAST),
            is_first: kind & FIRST != 0,
            is_last: kind & LAST != 0,
            seq,
            end: at.saturating_add(whole),
            payload,
        }))
    }

    /// Where the next good frame begins, looking from `at` on.
    pub(crate) fn resync(&mut self, mut at: u64, seq_min: u64) -> io::Result<Option<u64>> {
        while at.saturating_add(FRAME_HEAD) <= self.size {
            if self.frame(at, seq_min)?.is_some() {
                return Ok(Some(at));
            }
            at = at.saturating_add(1);
        }
        Ok(None)
    }

    /// Whether only zeros follow, as where space was set aside and never written.
    pub(crate) fn is_zero_from(&mut self, mut at: u64) -> io::Result<bool> {
        while at < self.size {
            let count = self.size.saturating_sub(at).min(4096);
            match self.bytes(at, count)? {
                Some(bytes) if bytes.iter().all(|byte| *byte == 0) => {}
                _ => return Ok(false),
            }
            at = at.saturating_add(count);
        }
        Ok(true)
    }
}

fn is_known(kind: u8) -> bool {
    (1..=crate::record::KINDS).contains(&(kind & !(FIRST | LAST)))
}
