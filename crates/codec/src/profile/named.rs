//! Reading values by name by a profile.

use huitian_model::BadReason;

use super::Profile;
use super::bits::Raw;
use super::layout::{Field, Message, Place};
use super::read::{Decoding, Value};
use crate::named::{Named, NamedValue};

impl Profile {
    /// Whether any of its messages is of named values.
    pub fn reads_names(&self) -> bool {
        self.messages.iter().any(|message| message.is_named)
    }

    /// Whether any of its messages is of bytes.
    pub fn reads_bytes(&self) -> bool {
        self.messages.iter().any(|message| !message.is_named)
    }

    /// Reads values by name into fields and samples.
    ///
    /// A record that has nothing of what the profile names gives no fields and no error.
    pub fn read_named<'a>(&'a self, named: &'a Named) -> Decoding<'a> {
        let mut decoding = Decoding::empty(self, named.values.len());
        let mut messages = self.messages.iter();
        let Some(message) = messages.find(|message| is_meant(message, named)) else {
            return decoding;
        };
        decoding.message = Some(message);
        for field in &message.fields {
            if let Some(raw) = value_of(field, named) {
                decoding.unread = decoding.unread.saturating_sub(1);
                decoding.values.push(Value {
                    field,
                    raw,
                    start: 0,
                    scope: 0,
                });
            }
        }
        decoding.compute(&message.fields, 0, 0);
        decoding.device_at = decoding.instant(message.clock.as_ref(), 0, 0);
        decoding
    }
}

/// A message of named values is meant when all that it must have is there, and any of the rest.
pub(super) fn is_meant(message: &Message, named: &Named) -> bool {
    let is_there = |path: &str| named.values.iter().any(|(known, _)| known == path);
    message.is_named
        && message.has.iter().all(|path| is_there(path))
        && message.fields.iter().any(|field| match &field.place {
            Place::Path(path) => is_there(path),
            Place::Bytes(_) | Place::Part(_) | Place::Computed(_) => false,
        })
}

/// What the record says for a field; none where it does not name it. The last one holds.
fn value_of<'a>(field: &Field, named: &'a Named) -> Option<Raw<'a>> {
    let Place::Path(path) = &field.place else {
        return None;
    };
    let mut values = named.values.iter().rev();
    let (_, value) = values.find(|(known, _)| known == path)?;
    Some(match value {
        NamedValue::Bool(yes) => Raw::Bool(*yes),
        NamedValue::Number(number) => Raw::Number(*number),
        NamedValue::Text(text) => field.of_text(text),
        NamedValue::Missing => Raw::None(BadReason::DeviceFault),
    })
}
