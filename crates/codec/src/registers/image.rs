//! What a device answered in one cycle.

use std::collections::BTreeMap;

use huitian_model::UtcMs;

use super::{RegisterFunction, RegisterSpan};

/// What one request gave.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Block {
    at: UtcMs,
    content: Content,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Content {
    Bits(Vec<bool>),
    Words(Vec<u16>),
}

/// Everything that a device answered in one cycle, answer by answer.
///
/// A value is only ever taken out of one answer: its registers are of one moment. At most as many
/// blocks as a unit has requests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegisterImage {
    /// By function, first address and length, so that no answer hides another.
    blocks: BTreeMap<(RegisterFunction, u16, u32), Block>,
}

/// Bits or registers out of one answer.
pub(super) enum Part<'a> {
    Bit(bool),
    Words(&'a [u16]),
}

impl RegisterImage {
    /// Forgets everything: the begin of a cycle.
    pub fn clear(&mut self) {
        self.blocks.clear();
    }

    /// Whether nothing was answered.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Keeps the bits of an answer that begins at `address`.
    pub fn put_bits(&mut self, function: RegisterFunction, address: u16, bits: &[bool], at: UtcMs) {
        let content = Content::Bits(bits.to_vec());
        self.put(function, address, bits.len(), Block { at, content });
    }

    /// Keeps the registers of an answer that begins at `address`.
    pub fn put_words(
        &mut self,
        function: RegisterFunction,
        address: u16,
        words: &[u16],
        at: UtcMs,
    ) {
        let content = Content::Words(words.to_vec());
        self.put(function, address, words.len(), Block { at, content });
    }

    fn put(&mut self, function: RegisterFunction, address: u16, length: usize, block: Block) {
        if let Ok(length) = u32::try_from(length) {
            self.blocks.insert((function, address, length), block);
        }
    }

    /// All of a span out of one answer, with the time of that answer; the answer that begins last
    /// before it, where several hold it.
    pub(super) fn get(&self, span: RegisterSpan) -> Option<(UtcMs, Part<'_>)> {
        let from = (span.function, 0, 0);
        let to = (span.function, span.address, u32::MAX);
        let answers = self.blocks.range(from..=to).rev();
        let (&(_, address, _), block) = answers.into_iter().find(|((_, address, length), _)| {
            u32::from(*address).saturating_add(*length) >= span.end()
        })?;
        let first = usize::from(span.address - address);
        let part = match &block.content {
            Content::Bits(bits) => Part::Bit(*bits.get(first)?),
            Content::Words(words) => {
                Part::Words(words.get(first..first + usize::from(span.count))?)
            }
        };
        Some((block.at, part))
    }
}
