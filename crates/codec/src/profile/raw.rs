//! The TOML of a profile, as it is written. Unknown keys are refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// A state or value, sent by time or because it changed.
    Status,
    /// A repeated state: it keeps the signal alive, and is no arrival or departure.
    Heartbeat,
    /// After power-up, before calibration: its samples are uncertain.
    Startup,
    /// A limit was passed: carries some fields only.
    Alarm,
    /// Settings of the device: no samples.
    Parameters,
    /// Stored samples, each with its own time.
    History,
}

impl MessageKind {
    /// The name in profiles.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Heartbeat => "heartbeat",
            Self::Startup => "startup",
            Self::Alarm => "alarm",
            Self::Parameters => "parameters",
            Self::History => "history",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    pub id: Spanned<String>,
    pub name: String,
    pub vendor: String,
    /// For people: traps of this device.
    #[serde(default)]
    pub notes: Vec<String>,
    /// For people: where the layout and the vectors come from.
    #[serde(default, rename = "source")]
    pub sources: Vec<RawSource>,
    #[serde(rename = "channel")]
    pub channels: Vec<RawChannel>,
    #[serde(default)]
    pub require: Vec<RawCheck>,
    #[serde(default, rename = "spoil")]
    pub spoils: Vec<RawSpoil>,
    #[serde(rename = "message")]
    pub messages: Vec<RawMessage>,
    #[serde(default, rename = "vector")]
    pub vectors: Vec<Spanned<RawVector>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSource {
    pub what: String,
    pub licence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChannel {
    pub name: Spanned<String>,
    pub quantity: Spanned<String>,
    pub valid: Option<Spanned<[f64; 2]>>,
    pub plausible: Option<Spanned<[f64; 2]>>,
    pub blind: Option<Spanned<f64>>,
    pub compensate: Option<RawCompensate>,
    pub counter: Option<Spanned<RawCounter>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCompensate {
    pub with: Spanned<String>,
    pub reference: Spanned<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCounter {
    pub kind: RawCounterKind,
    pub bits: Option<u8>,
    #[serde(default)]
    pub stored: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawCounterKind {
    Total,
    Interval,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheck {
    pub at: i32,
    pub is: Spanned<Vec<u8>>,
    pub mask: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpoil {
    pub field: Spanned<String>,
    pub equals: Option<RawNumber>,
    pub below: Option<RawNumber>,
    pub above: Option<RawNumber>,
    pub one_of: Option<Vec<RawNumber>>,
    pub channels: Vec<Spanned<String>>,
    pub bad: Spanned<String>,
}

/// A whole or a decimal number.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(super) enum RawNumber {
    Whole(i64),
    Decimal(f64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMessage {
    pub name: Spanned<String>,
    pub kind: Spanned<MessageKind>,
    #[serde(default)]
    pub ports: Vec<u8>,
    #[serde(default)]
    pub lengths: Vec<usize>,
    #[serde(default)]
    pub when: Vec<RawCheck>,
    /// Paths that a message of named values must have.
    #[serde(default)]
    pub has: Vec<String>,
    /// The pattern of an ASCII payload.
    pub text: Option<Spanned<String>>,
    #[serde(default, rename = "field")]
    pub fields: Vec<RawField>,
    /// Where a record's length stands, if not in the profile.
    pub record_length: Option<Spanned<RawRecordLength>>,
    /// Where the first record stands.
    #[serde(default)]
    pub records_at: usize,
    #[serde(default, rename = "record")]
    pub records: Vec<RawRecord>,
    /// Bits that say which blocks are there.
    pub flags: Option<Spanned<RawFlags>>,
    #[serde(default, rename = "block")]
    pub blocks: Vec<RawBlock>,
    #[serde(default, rename = "group")]
    pub groups: Vec<RawGroup>,
    pub clock: Option<RawClock>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawRecordLength {
    /// A byte before the tag counts tag and value.
    Before,
    /// A byte behind the tag counts the value.
    After,
}

impl RawMessage {
    /// The first channel that any of its fields feeds.
    pub(super) fn first_channel(&self) -> Option<&Spanned<String>> {
        let records = self.records.iter().flat_map(|record| &record.fields);
        let blocks = self.blocks.iter().flat_map(|block| &block.fields);
        let groups = self.groups.iter().flat_map(|group| &group.fields);
        let mut fields = self
            .fields
            .iter()
            .chain(records)
            .chain(blocks)
            .chain(groups);
        fields.find_map(|field| field.channel.as_ref())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord {
    pub tag: Spanned<Vec<u8>>,
    pub length: Option<usize>,
    /// What a message with such a record is about.
    pub kind: Option<Spanned<MessageKind>>,
    #[serde(default, rename = "field")]
    pub fields: Vec<RawField>,
    pub clock: Option<RawClock>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlags {
    pub at: i32,
    #[serde(rename = "type")]
    pub shape: RawShape,
    /// Where the first block stands.
    pub blocks_at: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBlock {
    pub bit: Spanned<u8>,
    pub length: usize,
    #[serde(default, rename = "field")]
    pub fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGroup {
    pub name: Spanned<String>,
    pub at: usize,
    pub length: Spanned<usize>,
    pub count: Option<usize>,
    #[serde(default)]
    pub newest: RawNewest,
    /// A group of nothing but this byte is not available.
    pub absent: Option<u8>,
    pub every_s: Option<Spanned<i64>>,
    pub every: Option<Spanned<String>>,
    #[serde(default, rename = "field")]
    pub fields: Vec<RawField>,
    pub clock: Option<RawClock>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawNewest {
    #[default]
    First,
    Last,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClock {
    pub year: Spanned<String>,
    pub month: Spanned<String>,
    pub day: Spanned<String>,
    pub hour: Spanned<String>,
    pub minute: Spanned<String>,
    pub second: Option<Spanned<String>>,
    pub utc_offset_min: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub name: Spanned<String>,
    pub at: Option<Spanned<i32>>,
    #[serde(rename = "type")]
    pub shape: Option<Spanned<RawShape>>,
    pub path: Option<Spanned<String>>,
    pub formula: Option<Spanned<String>>,
    /// Bytes of `hex` and BCD.
    pub length: Option<usize>,
    pub mask: Option<u32>,
    pub bit: Option<u32>,
    pub bits: Option<u32>,
    pub multiply: Option<i64>,
    pub divide: Option<i64>,
    pub add: Option<RawNumber>,
    pub unit: Option<Spanned<String>>,
    pub curve: Option<Spanned<Vec<[f64; 2]>>>,
    #[serde(default)]
    pub pieces: Vec<RawPiece>,
    pub error_as: Option<Spanned<String>>,
    pub overflow_as: Option<Spanned<String>>,
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    #[serde(default)]
    pub texts: BTreeMap<String, i64>,
    #[serde(default)]
    pub sentinels: Vec<RawSentinel>,
    pub channel: Option<Spanned<String>>,
    #[serde(default)]
    pub optional: bool,
    pub time: Option<Spanned<RawTime>>,
    pub utc_offset_min: Option<i64>,
    #[serde(default)]
    pub sequence: bool,
}

/// From `raw` on the value is `is + (raw - from) * step`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPiece {
    pub from: Spanned<i64>,
    pub is: RawNumber,
    pub step: RawNumber,
    pub error: Option<RawNumber>,
    #[serde(default)]
    pub overflow: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawTime {
    /// Seconds since 1970, UTC.
    UnixS,
    /// Milliseconds since 1970, UTC.
    UnixMs,
    /// Seconds since 1970 by a local clock, whose offset the profile states.
    LocalS,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawShape {
    U8,
    I8,
    U16be,
    U16le,
    I16be,
    I16le,
    U24be,
    U24le,
    I24be,
    I24le,
    U32be,
    U32le,
    I32be,
    I32le,
    U64be,
    U64le,
    F16be,
    F16le,
    F32be,
    F32le,
    F64be,
    F64le,
    /// Bits that may cross bytes, bit 0 the highest of the first byte.
    UbitsBe,
    IbitsBe,
    /// Bits that may cross bytes, bit 0 the lowest of the first byte.
    UbitsLe,
    IbitsLe,
    /// Two decimal digits a byte.
    BcdBe,
    BcdLe,
    /// A bit or bits that mean yes when any is set.
    Flag,
    /// Bytes as they are.
    Hex,
    /// Three bytes: major, minor, patch.
    Version,
    /// Text that stays text, of named values and ASCII payloads.
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSentinel {
    pub raw: Option<RawNumber>,
    pub below: Option<RawNumber>,
    pub above: Option<RawNumber>,
    pub bad: Option<Spanned<String>>,
    /// The value tells that the device has started anew, and counts nothing.
    #[serde(default)]
    pub reboot: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVector {
    pub port: Option<u8>,
    pub hex: Option<Spanned<String>>,
    /// A message of named values, in place of `hex`.
    #[serde(default)]
    pub values: BTreeMap<String, toml::Value>,
    /// When the message was heard.
    pub at: Option<Spanned<String>>,
    /// The message that it is; none where the profile must not know it.
    pub message: Option<String>,
    #[serde(default)]
    pub fields: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub groups: Vec<BTreeMap<String, toml::Value>>,
    #[serde(default)]
    pub samples: BTreeMap<String, String>,
    /// Samples of another time than the message's: `at`, and one text for each channel.
    #[serde(default)]
    pub history: Vec<BTreeMap<String, String>>,
    #[serde(default)]
    pub reboot: bool,
    pub tolerance: Option<f64>,
    #[expect(
        dead_code,
        reason = "attribution for people: checked to be there, not used"
    )]
    pub source: String,
    #[serde(default, rename = "note")]
    #[expect(dead_code, reason = "for people")]
    pub note: String,
}
