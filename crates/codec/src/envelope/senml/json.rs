//! The labels of `SenML` in JSON.

use super::{Content, Entry, Label};
use crate::TEXT_CHARS_MAX;
use crate::json::{Reader, Scalar};
use crate::number::Fixed;
use crate::refusal::Refusal;

/// Reads a pack, calling `each` with every record.
pub(super) fn read(
    payload: &[u8],
    each: &mut impl FnMut(Entry) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut reader = Reader::new(payload, TEXT_CHARS_MAX)?;
    reader.array(|reader, _index| {
        let mut entry = Entry::default();
        reader.object(|reader, key| match Label::of_name(&key)? {
            None => reader.skip(),
            Some(label) => entry.take(label, content(reader.scalar()?)),
        })?;
        each(entry)
    })?;
    reader.end()
}

fn content(scalar: Scalar) -> Content {
    match scalar {
        Scalar::Number(digits) => Content::Number(Fixed::from_json(digits)),
        Scalar::Text(text) => Content::Text(text.into_owned()),
        Scalar::Bool(yes) => Content::Bool(yes),
        Scalar::Null | Scalar::Container => Content::Other,
    }
}
