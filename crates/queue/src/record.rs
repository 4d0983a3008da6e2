//! What frames say.
//!
//! ```text
//! 1 state   = epoch u64 | next_segment u64 | next_loss u64 | losses u32
//!             | lanes u32 { lane u8, base, next, released, limit, lost, stored u64 }
//!             | runs u32 { first u64, end u64, generation u32 }
//!             | { mark u64, gone u64 }                for each lane; absent in older folders
//! 2 loss    = id u64 | epoch u64 | lane u8 | reason u8 | first_n, end_n, count u64
//!             | at_ms i64 | detail
//! 3 entry   = lane u8 | n u64 | count u32 | at_ms i64 | payload
//! 4 permit  = { lane u8, limit u64 }
//! 5 release = { lane u8, released u64 }
//! 6 trailer = { lane u8, first u64, end u64, readings u64 }      last frame of a full segment
//! 7 marks   = { lane u8, released, mark, gone, lost u64 }
//! ```
//!
//! A state is followed by its `losses` in the same batch: a *snapshot*, which replaces all that
//! was said before. Numbers are internal: they never begin again. What the hub sees is
//! `n - base`, except in a loss, which keeps the numbers of its epoch. Of a
//! lane's numbers from `mark` on, `gone` are in no segment of `runs`: what is missing later and
//! is not among them is a new loss. Marks stand before the state that they belong to, and count
//! without it where the `lost` readings are as many as in the state before.

use crate::ledger::{Loss, LossReason};
use crate::number::Take;
use crate::state::{Lane, Run, State};

pub(crate) const STATE: u8 = 1;
pub(crate) const LOSS: u8 = 2;
pub(crate) const ENTRY: u8 = 3;
pub(crate) const PERMIT: u8 = 4;
pub(crate) const RELEASE: u8 = 5;
pub(crate) const TRAILER: u8 = 6;
pub(crate) const MARKS: u8 = 7;
/// The highest kind.
pub(crate) const KINDS: u8 = 7;
/// Bytes of an entry before its payload.
pub(crate) const ENTRY_HEAD: usize = 21;

/// An entry's own fields; `n` is internal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) lane: u8,
    pub(crate) n: u64,
    pub(crate) count: u32,
    pub(crate) at_ms: i64,
}

impl Entry {
    pub(crate) fn end(&self) -> u64 {
        self.n.saturating_add(u64::from(self.count))
    }

    pub(crate) fn encode(&self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENTRY_HEAD.saturating_add(payload.len()));
        bytes.push(self.lane);
        bytes.extend(self.n.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(self.at_ms.to_le_bytes());
        bytes.extend(payload);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut take = Take(bytes);
        let entry = Self {
            lane: take.u8()?,
            n: take.u64()?,
            count: take.u32()?,
            at_ms: take.i64()?,
        };
        Some((entry, bytes.get(ENTRY_HEAD..)?))
    }
}

/// Pairs of lane and number: permits and releases.
pub(crate) fn encode_pairs(pairs: &[(u8, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (lane, number) in pairs {
        bytes.push(*lane);
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

pub(crate) fn decode_pairs(bytes: &[u8]) -> Option<Vec<(u8, u64)>> {
    let mut take = Take(bytes);
    let mut pairs = Vec::new();
    while !take.0.is_empty() {
        pairs.push((take.u8()?, take.u64()?));
    }
    Some(pairs)
}

/// What a segment holds of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    pub(crate) first: u64,
    pub(crate) end: u64,
    pub(crate) readings: u64,
}

pub(crate) fn encode_trailer(held: impl Iterator<Item = (u8, Held)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (lane, held) in held {
        bytes.push(lane);
        for number in [held.first, held.end, held.readings] {
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes
}

pub(crate) fn decode_trailer(bytes: &[u8]) -> Option<Vec<(u8, Held)>> {
    let mut take = Take(bytes);
    let mut lanes = Vec::new();
    while !take.0.is_empty() {
        let lane = take.u8()?;
        let held = Held {
            first: take.u64()?,
            end: take.u64()?,
            readings: take.u64()?,
        };
        lanes.push((lane, held));
    }
    Some(lanes)
}

pub(crate) fn encode_loss(loss: &Loss) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(loss.id.to_le_bytes());
    bytes.extend(loss.epoch.to_le_bytes());
    bytes.push(loss.lane);
    bytes.push(loss.reason.code());
    for number in [loss.first_n, loss.end_n, loss.count] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(loss.at_ms.to_le_bytes());
    bytes.extend(&loss.detail);
    bytes
}

pub(crate) fn decode_loss(bytes: &[u8]) -> Option<Loss> {
    let mut take = Take(bytes);
    Some(Loss {
        id: take.u64()?,
        epoch: take.u64()?,
        lane: take.u8()?,
        reason: LossReason::from_code(take.u8()?)?,
        first_n: take.u64()?,
        end_n: take.u64()?,
        count: take.u64()?,
        at_ms: take.i64()?,
        detail: take.0.to_vec(),
    })
}

/// The state without its losses.
pub(crate) fn encode_state(state: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in [state.epoch, state.next_segment, state.next_loss] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(count32(state.losses.len()));
    bytes.extend(count32(state.lanes.len()));
    for (lane, at) in &state.lanes {
        bytes.push(*lane);
        for number in [at.base, at.next, at.released, at.limit, at.lost, at.stored] {
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes.extend(count32(state.runs.len()));
    for run in &state.runs {
        bytes.extend(run.first.to_le_bytes());
        bytes.extend(run.end.to_le_bytes());
        bytes.extend(run.generation.to_le_bytes());
    }
    for at in state.lanes.values() {
        bytes.extend(at.mark.to_le_bytes());
        bytes.extend(at.gone.to_le_bytes());
    }
    bytes
}

/// What a lane's marks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) lane: u8,
    pub(crate) released: u64,
    pub(crate) mark: u64,
    pub(crate) gone: u64,
    pub(crate) lost: u64,
}

pub(crate) fn encode_marks(state: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (lane, at) in &state.lanes {
        bytes.push(*lane);
        for number in [at.released, at.mark, at.gone, at.lost] {
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes
}

pub(crate) fn decode_marks(bytes: &[u8]) -> Option<Vec<Marks>> {
    let mut take = Take(bytes);
    let mut marks = Vec::new();
    while !take.0.is_empty() {
        marks.push(Marks {
            lane: take.u8()?,
            released: take.u64()?,
            mark: take.u64()?,
            gone: take.u64()?,
            lost: take.u64()?,
        });
    }
    Some(marks)
}

fn count32(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

/// A state, and how many losses must follow for it to count.
pub(crate) fn decode_state(bytes: &[u8]) -> Option<(State, u32)> {
    let mut take = Take(bytes);
    let mut state = State {
        epoch: take.u64()?,
        next_segment: take.u64()?,
        next_loss: take.u64()?,
        ..State::default()
    };
    let losses = take.u32()?;
    for _ in 0..take.u32()? {
        let lane = take.u8()?;
        let at = Lane {
            base: take.u64()?,
            next: take.u64()?,
            released: take.u64()?,
            limit: take.u64()?,
            lost: take.u64()?,
            stored: take.u64()?,
            ..Lane::default()
        };
        state.lanes.insert(lane, at);
    }
    for _ in 0..take.u32()? {
        let run = Run {
            first: take.u64()?,
            end: take.u64()?,
            generation: take.u32()?,
        };
        state.runs.push(run);
    }
    state.is_unmarked = take.0.is_empty();
    for at in state.lanes.values_mut() {
        if state.is_unmarked {
            at.mark = at.released;
        } else {
            (at.mark, at.gone) = (take.u64()?, take.u64()?);
        }
    }
    Some((state, losses))
}
