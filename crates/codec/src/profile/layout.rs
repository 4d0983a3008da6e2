//! The checked layout of a device's bytes. Built by `build` only.

use huitian_model::BadReason;

use super::raw::MessageKind;

/// A condition on one byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Check {
    /// From the start, or where negative from the end: -1 is the last byte.
    pub at: i32,
    pub mask: u8,
    pub is: Vec<u8>,
}

impl Check {
    /// Whether the byte is there and is one of the wanted ones.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        let found = slice(bytes, self.at, 1).and_then(<[u8]>::first);
        found.is_some_and(|byte| self.is.contains(&(byte & self.mask)))
    }
}

/// One kind of message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub name: String,
    pub kind: MessageKind,
    /// Empty: any port.
    pub ports: Vec<u8>,
    /// Empty: any length.
    pub lengths: Vec<usize>,
    pub when: Vec<Check>,
    /// Fields at fixed places.
    pub fields: Vec<Field>,
    /// A stream of tagged records; empty where the message has none.
    pub records: Vec<TaggedRecord>,
}

/// A record of a stream: a tag, then a value of a fixed length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TaggedRecord {
    pub tag: Vec<u8>,
    pub length: usize,
    pub fields: Vec<Field>,
}

/// A value inside a message or record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub name: String,
    pub at: i32,
    pub shape: Shape,
    pub scale: Scale,
    /// Names of raw values.
    pub names: Vec<(i64, String)>,
    pub sentinels: Vec<(i64, BadReason)>,
    /// Index of the channel that it feeds.
    pub channel: Option<usize>,
    /// Whether older firmware may leave it out at the end.
    pub optional: bool,
}

/// How the bytes of a field are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    Int {
        width: usize,
        signed: bool,
        big: bool,
        /// Bits that count; the result is moved down by the zeros below them.
        mask: Option<u32>,
    },
    Float {
        big: bool,
    },
    Flag {
        mask: u8,
    },
    Hex {
        length: usize,
    },
    Version,
}

impl Shape {
    /// Bytes.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Int { width, .. } => width,
            Self::Float { .. } => 4,
            Self::Flag { .. } => 1,
            Self::Hex { length } => length,
            Self::Version => 3,
        }
    }
}

/// `value = raw * multiply / divide + add`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scale {
    pub multiply: i64,
    pub divide: i64,
    pub add: i64,
}

/// `width` bytes at a place counted from the start, or where negative from the end.
pub(super) fn slice(bytes: &[u8], at: i32, width: usize) -> Option<&[u8]> {
    let distance = usize::try_from(at.unsigned_abs()).ok()?;
    let start = if at < 0 {
        bytes.len().checked_sub(distance)?
    } else {
        distance
    };
    bytes.get(start..start.checked_add(width)?)
}
