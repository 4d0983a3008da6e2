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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    pub id: Spanned<String>,
    pub name: String,
    pub vendor: String,
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
    pub equals: i64,
    pub channels: Vec<Spanned<String>>,
    pub bad: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMessage {
    pub name: Spanned<String>,
    pub kind: MessageKind,
    #[serde(default)]
    pub ports: Vec<u8>,
    #[serde(default)]
    pub lengths: Vec<usize>,
    #[serde(default)]
    pub when: Vec<RawCheck>,
    #[serde(default, rename = "field")]
    pub fields: Vec<RawField>,
    #[serde(default, rename = "record")]
    pub records: Vec<RawRecord>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecord {
    pub tag: Spanned<Vec<u8>>,
    pub length: usize,
    #[serde(default, rename = "field")]
    pub fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub name: Spanned<String>,
    pub at: Spanned<i32>,
    #[serde(rename = "type")]
    pub shape: Spanned<RawShape>,
    /// Bytes of `hex`.
    pub length: Option<usize>,
    pub mask: Option<u32>,
    pub multiply: Option<i64>,
    pub divide: Option<Spanned<i64>>,
    pub add: Option<i64>,
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    #[serde(default)]
    pub sentinels: Vec<RawSentinel>,
    pub channel: Option<Spanned<String>>,
    #[serde(default)]
    pub optional: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawShape {
    U8,
    I8,
    U16be,
    U16le,
    I16be,
    I16le,
    U24be,
    U24le,
    U32be,
    U32le,
    I32be,
    I32le,
    F32be,
    F32le,
    /// A bit or bits that mean yes when any is set.
    Flag,
    /// Bytes as they are.
    Hex,
    /// Three bytes: major, minor, patch.
    Version,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSentinel {
    pub raw: i64,
    pub bad: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVector {
    pub port: u8,
    pub hex: Spanned<String>,
    /// The message that it is; none where the profile must not know it.
    pub message: Option<String>,
    #[serde(default)]
    pub fields: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub samples: BTreeMap<String, String>,
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
