//! Why a message, or one reading of it, was refused: a closed reason and a text for people.

use std::fmt;

/// Why something was refused. A closed list: the intake ledger counts by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefusalReason {
    /// The payload is longer than [`crate::PAYLOAD_BYTES_MAX`].
    Oversized,
    /// Not JSON (nor CBOR, CSV or line protocol, where those are wanted), not UTF-8, or cut off.
    NotJson,
    /// Objects and arrays nest deeper than [`crate::DEPTH_MAX`].
    TooDeep,
    /// An object has more keys than [`crate::KEYS_MAX`].
    TooManyKeys,
    /// An object has the same key twice.
    DuplicateKey,
    /// A text is longer than permitted.
    TooLong,
    /// A batch has more items than [`crate::BATCH_ITEMS_MAX`].
    TooManyItems,
    /// The topic is none that carries device traffic.
    WrongTopic,
    /// Something that must be there is not.
    MissingField,
    /// Something is there, but of another type.
    WrongType,
    /// A value lies outside the permitted range.
    OutOfRange,
    /// Topic and body name different devices.
    IdentityMismatch,
    /// No device profile has that id.
    UnknownProfile,
    /// The device has no such channel in the inventory.
    UnknownChannel,
    /// The device's bytes do not have the shape that its profile describes.
    PayloadShape,
}

impl RefusalReason {
    /// All reasons, in declaration order.
    pub const ALL: [Self; 15] = [
        Self::Oversized,
        Self::NotJson,
        Self::TooDeep,
        Self::TooManyKeys,
        Self::DuplicateKey,
        Self::TooLong,
        Self::TooManyItems,
        Self::WrongTopic,
        Self::MissingField,
        Self::WrongType,
        Self::OutOfRange,
        Self::IdentityMismatch,
        Self::UnknownProfile,
        Self::UnknownChannel,
        Self::PayloadShape,
    ];

    /// The name in API, metrics and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::TooManyKeys => "too_many_keys",
            Self::DuplicateKey => "duplicate_key",
            Self::TooLong => "too_long",
            Self::TooManyItems => "too_many_items",
            Self::WrongTopic => "wrong_topic",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::IdentityMismatch => "identity_mismatch",
            Self::UnknownProfile => "unknown_profile",
            Self::UnknownChannel => "unknown_channel",
            Self::PayloadShape => "payload_shape",
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal: its reason, and a text that names the place, what was expected and what came.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The closed reason.
    pub reason: RefusalReason,
    /// For people: lower case, no full stop, at most a few hundred characters.
    pub text: String,
}

impl Refusal {
    pub(crate) fn new(reason: RefusalReason, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { reason, text }
    }

    /// The same refusal with the place put before its text.
    #[must_use]
    pub(crate) fn at(self, place: &str) -> Self {
        let text = format!("{place}: {}", self.text);
        Self { text, ..self }
    }
}

/// A foreign text cut to 40 characters, quoted, fit for a refusal's text.
pub(crate) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    if cut.len() == text.len() {
        format!("{cut:?}")
    } else {
        format!("{cut:?}...")
    }
}
