//! Messages that came before one they must follow, and what was heard lately.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use huitian_model::UtcMs;

use crate::sparkplug::topic::{Speech, Verb};

/// Messages held of one node: at ten a second these are six seconds, three reorder timeouts.
const HELD_MAX: usize = 64;

/// Messages remembered to know a repetition: fewer than the 256 after which numbers repeat.
const RECENT_MAX: usize = 64;

/// What a held message costs beside its payload, bytes.
const HELD_BYTES: usize = 256;

/// A message of a node that has a sequence number.
#[derive(Debug)]
pub(super) struct Message<T> {
    pub(super) verb: Verb,
    pub(super) device: Option<String>,
    pub(super) seq: u8,
    pub(super) at: Option<UtcMs>,
    pub(super) payload: Vec<u8>,
    pub(super) receipt: T,
    pub(super) print: u64,
}

/// What tells a repeated message from another one with its number.
pub(super) fn print(speech: &Speech<'_>, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let verb = match speech.verb {
        Verb::Birth => 0_u8,
        Verb::Data => 1,
        Verb::Death => 2,
    };
    (verb, speech.device, payload).hash(&mut hasher);
    hasher.finish()
}

/// The messages held of one node.
#[derive(Debug)]
pub(super) struct Held<T> {
    messages: Vec<Message<T>>,
    bytes: usize,
    recent: VecDeque<u64>,
}

impl<T> Held<T> {
    pub(super) const fn new() -> Self {
        Self {
            messages: Vec::new(),
            bytes: 0,
            recent: VecDeque::new(),
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether one more message of this length may be held.
    pub(super) fn has_room(&self, length: usize, room: usize) -> bool {
        self.messages.len() < HELD_MAX && length.saturating_add(HELD_BYTES) <= room
    }

    /// Whether this very message is held, or was taken lately.
    pub(super) fn knows(&self, print: u64) -> bool {
        self.recent.contains(&print) || self.messages.iter().any(|held| held.print == print)
    }

    /// Remembers a message that was taken.
    pub(super) fn remember(&mut self, print: u64) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(print);
    }

    pub(super) fn push(&mut self, message: Message<T>) {
        self.bytes = self.bytes.saturating_add(cost(&message));
        self.messages.push(message);
    }

    /// The first message with that number.
    pub(super) fn take(&mut self, seq: u8) -> Option<Message<T>> {
        let place = self.messages.iter().position(|held| held.seq == seq)?;
        let message = self.messages.remove(place);
        self.bytes = self.bytes.saturating_sub(cost(&message));
        Some(message)
    }

    /// All messages for which it holds, in the order of their numbers from `seq` on.
    pub(super) fn take_all(
        &mut self,
        seq: u8,
        is_wanted: impl Fn(&Message<T>) -> bool,
    ) -> Vec<Message<T>> {
        let (mut taken, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.messages)
            .into_iter()
            .partition(is_wanted);
        self.bytes = kept.iter().map(cost).sum();
        self.messages = kept;
        taken.sort_by_key(|held| held.seq.wrapping_sub(seq));
        taken
    }
}

const fn cost<T>(message: &Message<T>) -> usize {
    message.payload.len().saturating_add(HELD_BYTES)
}
