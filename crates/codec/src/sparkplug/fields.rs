//! Protobuf field by field, over `prost`'s encoding. No recursion and no memory: a field's
//! bytes are borrowed, and what is unknown is stepped over.

use prost::encoding::{WireType, decode_key, decode_varint};

use crate::refusal::{Refusal, RefusalReason};

/// What a field holds on the wire.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

/// The fields of one message.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field and its number.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>, Refusal> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let rest = &mut self.rest;
        let (number, wire) = decode_key(rest).map_err(|_error| malformed("a field's key"))?;
        let value = match wire {
            WireType::Varint => Wire::Varint(varint(rest)?),
            WireType::ThirtyTwoBit => Wire::Fixed32(fixed(rest)?),
            WireType::SixtyFourBit => Wire::Fixed64(fixed(rest)?),
            WireType::LengthDelimited => {
                let length = usize::try_from(varint(rest)?).unwrap_or(usize::MAX);
                let (bytes, after) = rest
                    .split_at_checked(length)
                    .ok_or_else(|| malformed("a field that ends inside its message"))?;
                *rest = after;
                Wire::Bytes(bytes)
            }
            // Sparkplug has none, and they alone could nest without a length.
            WireType::StartGroup | WireType::EndGroup => return Err(malformed("no groups")),
        };
        Ok(Some((number, value)))
    }
}

fn varint(rest: &mut &[u8]) -> Result<u64, Refusal> {
    decode_varint(rest).map_err(|_error| malformed("a varint"))
}

fn fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refusal> {
    let (bytes, after) = rest
        .split_first_chunk()
        .ok_or_else(|| malformed("a number that ends inside its message"))?;
    *rest = after;
    Ok(*bytes)
}

pub(super) fn malformed(expected: &str) -> Refusal {
    let text = format!("no Sparkplug B payload: expected {expected}");
    Refusal::new(RefusalReason::WrongType, text)
}
