//! The checked layout of a device's messages. Built by `build` only.

use huitian_model::BadReason;

use super::bits::Shape;
use super::formula::Formula;
use super::raw::MessageKind;
use super::text::Pattern;
use super::time::{Clock, TimeForm};
use crate::number::{Fixed, MICRO};
use crate::registers::unit::Conversion;

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
        let found = start(bytes.len(), self.at, 1).and_then(|at| bytes.get(at));
        found.is_some_and(|byte| self.is.contains(&(byte & self.mask)))
    }
}

/// One kind of message.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Message {
    pub name: String,
    pub kind: MessageKind,
    /// Empty: any port.
    pub ports: Vec<u8>,
    /// Empty: any length.
    pub lengths: Vec<usize>,
    pub when: Vec<Check>,
    /// Whether it is of named values, not of bytes.
    pub is_named: bool,
    /// Paths that must be there.
    pub has: Vec<String>,
    pub text: Option<Pattern>,
    /// Fields at fixed places, paths or parts of the text; then those that are computed.
    pub fields: Vec<Field>,
    /// A stream of tagged records; empty where the message has none.
    pub records: Vec<TaggedRecord>,
    pub record_length: RecordLength,
    /// Where the first record stands.
    pub records_at: usize,
    pub flags: Option<Flags>,
    pub groups: Vec<Group>,
    pub clock: Option<Clock>,
}

impl Message {
    /// All fields wherever they stand.
    pub(super) fn all_fields(&self) -> impl Iterator<Item = &Field> {
        let records = self.records.iter().flat_map(|record| &record.fields);
        let blocks = self.flags.iter().flat_map(|flags| &flags.blocks);
        let blocks = blocks.flat_map(|block| &block.fields);
        let groups = self.groups.iter().flat_map(|group| &group.fields);
        self.fields
            .iter()
            .chain(records)
            .chain(blocks)
            .chain(groups)
    }

    /// Whether the message as a whole has a device time.
    pub(super) fn has_time(&self) -> bool {
        self.clock.is_some() || self.fields.iter().any(|field| field.time.is_some())
    }
}

/// Where the length of a record stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RecordLength {
    /// In the profile.
    Fixed,
    /// In a byte before the tag, which counts tag and value.
    Before,
    /// In a byte behind the tag, which counts the value.
    After,
}

/// A record of a stream: a tag, then a value.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct TaggedRecord {
    pub tag: Vec<u8>,
    /// Of the value; 0 where the bytes say it.
    pub length: usize,
    /// What a message with such a record is about.
    pub kind: Option<MessageKind>,
    pub fields: Vec<Field>,
    pub clock: Option<Clock>,
    /// Whether it has its own time.
    pub is_timed: bool,
}

/// Bits that say which blocks are there.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Flags {
    pub at: i32,
    pub shape: Shape,
    pub blocks_at: usize,
    /// In the order in which they stand.
    pub blocks: Vec<Block>,
}

/// Bytes that are there where their bit is set.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Block {
    pub bit: u8,
    pub length: usize,
    pub fields: Vec<Field>,
}

/// Bytes that repeat, one set of values each.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Group {
    pub name: String,
    pub at: usize,
    pub length: usize,
    /// None: as many as there are.
    pub count: Option<usize>,
    pub newest_first: bool,
    pub absent: Option<u8>,
    pub spacing: Spacing,
    pub fields: Vec<Field>,
    pub clock: Option<Clock>,
}

/// How the groups of one message lie in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Spacing {
    /// Each says its time.
    Own,
    /// The newest is now, and nothing says when the others were.
    Unknown,
    /// Seconds between two.
    Seconds(i64),
    /// The seconds between two stand in a field of the message.
    Field(String),
}

/// Where the value of a field comes from.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Place {
    /// Bytes from the start, or where negative from the end.
    Bytes(i32),
    /// A named value.
    Path(String),
    /// A part of the text, by its index.
    Part(usize),
    /// Other fields of the same scope.
    Computed(Formula),
}

/// A value inside a message, record, block or group.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Field {
    pub name: String,
    pub place: Place,
    pub shape: Shape,
    pub scale: Scale,
    /// In place of the scale, where not empty; ascending.
    pub pieces: Vec<Piece>,
    /// Names of raw values.
    pub names: Vec<(i64, String)>,
    /// Numbers that texts stand for.
    pub texts: Vec<(String, i64)>,
    pub sentinels: Vec<Sentinel>,
    /// From the field's unit to the quantity's.
    pub unit: Conversion,
    /// From the field's value to the channel's; empty: as it is.
    pub curve: Vec<(Fixed, Fixed)>,
    /// Index of the channel that it feeds.
    pub channel: Option<usize>,
    /// Whether older firmware may leave it out at the end.
    pub optional: bool,
    pub time: Option<TimeForm>,
    /// Whether it is the device's own sequence.
    pub is_sequence: bool,
    /// Whether people see yes or no.
    pub is_flag: bool,
}

/// Raw values that are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sentinel {
    pub range: RawRange,
    pub means: Meaning,
}

/// What a sentinel says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    Bad(BadReason),
    /// The device has started anew.
    Reboot,
}

/// Raw values in millionths, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RawRange {
    pub least: i128,
    pub most: i128,
}

impl RawRange {
    pub(super) fn contains(self, micros: i128) -> bool {
        (self.least..=self.most).contains(&micros)
    }
}

/// `value = raw * multiply / divide + add`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scale {
    pub multiply: i64,
    pub divide: i64,
    pub add: Fixed,
}

impl Scale {
    pub(super) const NONE: Self = Self {
        multiply: 1,
        divide: 1,
        add: Fixed::from_micros(0),
    };

    /// The value of a raw one in millionths.
    pub(super) fn apply(self, micros: i128) -> Option<Fixed> {
        let raised = micros.checked_mul(i128::from(self.multiply))?;
        let scaled = raised.checked_div(i128::from(self.divide))?;
        let moved = scaled.checked_add(i128::from(self.add.micros()))?;
        i64::try_from(moved).ok().map(Fixed::from_micros)
    }
}

/// From a raw value on: `is + (raw - from) * step`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub from: i64,
    pub is: Fixed,
    pub step: Fixed,
}

impl Piece {
    /// The value of a raw one, by the last piece that begins at or below it.
    pub(super) fn value(pieces: &[Self], micros: i128) -> Option<Fixed> {
        let raw = i64::try_from(micros / i128::from(MICRO)).ok()?;
        let piece = pieces.iter().rev().find(|piece| piece.from <= raw)?;
        let steps = i128::from(raw) - i128::from(piece.from);
        let moved = steps.checked_mul(i128::from(piece.step.micros()))?;
        let value = moved.checked_add(i128::from(piece.is.micros()))?;
        i64::try_from(value).ok().map(Fixed::from_micros)
    }
}

/// Where `width` bytes begin that are counted from the start, or where negative from the end.
pub(super) fn start(length: usize, at: i32, width: usize) -> Option<usize> {
    let distance = usize::try_from(at.unsigned_abs()).ok()?;
    let start = if at < 0 {
        length.checked_sub(distance)?
    } else {
        distance
    };
    (start.checked_add(width)? <= length).then_some(start)
}
