//! The TOML of a register map, as it is written. Unknown keys are refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMap {
    pub id: Spanned<String>,
    pub name: String,
    pub vendor: String,
    /// What the vendor's first address is called.
    pub address_base: Option<Spanned<u8>>,
    /// For people: where the registers and the vectors come from.
    #[serde(default, rename = "source")]
    pub sources: Vec<RawSource>,
    #[serde(default)]
    pub line: RawLine,
    #[serde(default)]
    pub limits: RawLimits,
    #[serde(default, rename = "hole")]
    pub holes: Vec<RawHole>,
    #[serde(rename = "channel")]
    pub channels: Vec<RawChannel>,
    #[serde(rename = "register")]
    pub registers: Vec<RawRegister>,
    #[serde(default, rename = "spoil")]
    pub spoils: Vec<RawSpoil>,
    #[serde(default, rename = "vector")]
    pub vectors: Vec<Spanned<RawVector>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSource {
    pub what: String,
    pub licence: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLine {
    pub baud_rate: Option<Spanned<u32>>,
    pub data_bits: Option<Spanned<u8>>,
    pub parity: Option<Spanned<String>>,
    pub stop_bits: Option<Spanned<u8>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub unit_id: Option<u8>,
    pub unit_ids: Option<Spanned<[u8; 2]>>,
    pub registers: Option<Spanned<u16>>,
    pub bits: Option<Spanned<u16>>,
    pub gap_ms: Option<Spanned<u32>>,
    pub reply_ms: Option<Spanned<u32>>,
    #[serde(default)]
    pub one_request_per_field: bool,
}

/// An address, as a function and a number or as printed by the vendor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHole {
    pub function: Option<Spanned<String>>,
    pub address: Option<Spanned<u32>>,
    pub printed: Option<Spanned<String>>,
    pub count: Spanned<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChannel {
    pub name: Spanned<String>,
    pub quantity: Spanned<String>,
    pub valid: Option<Spanned<[f64; 2]>>,
    pub plausible: Option<Spanned<[f64; 2]>>,
    /// That many channels, numbered where the name has `{n}`.
    pub count: Option<Spanned<u16>>,
    /// The first number.
    pub first: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegister {
    pub name: Spanned<String>,
    pub function: Option<Spanned<String>>,
    pub address: Option<Spanned<u32>>,
    pub printed: Option<Spanned<String>>,
    #[serde(rename = "type")]
    pub kind: Spanned<String>,
    /// Of a bit inside a register.
    pub bit: Option<Spanned<u8>>,
    /// A run of that many values.
    pub count: Option<Spanned<u16>>,
    pub order: Option<Spanned<String>>,
    pub multiply: Option<i64>,
    pub divide: Option<i64>,
    pub add: Option<i64>,
    #[serde(default)]
    pub sentinels: Vec<RawSentinel>,
    pub unit: Option<Spanned<String>>,
    pub unit_from: Option<Spanned<String>>,
    #[serde(default)]
    pub units: BTreeMap<String, Spanned<String>>,
    pub decimals_from: Option<Spanned<String>>,
    pub channel: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSentinel {
    pub raw: i64,
    pub bad: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpoil {
    pub register: Spanned<String>,
    /// Bad at these values.
    pub is: Option<Vec<i64>>,
    /// Bad at any other value.
    pub is_not: Option<Vec<i64>>,
    pub channels: Vec<Spanned<String>>,
    pub bad: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVector {
    pub read: Vec<RawAnswer>,
    #[serde(default)]
    pub samples: BTreeMap<String, String>,
    #[expect(
        dead_code,
        reason = "attribution for people: checked to be there, not used"
    )]
    pub source: String,
    #[serde(default, rename = "note")]
    #[expect(dead_code, reason = "for people")]
    pub note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnswer {
    pub function: Option<Spanned<String>>,
    pub address: Option<Spanned<u32>>,
    pub printed: Option<Spanned<String>>,
    pub words: Option<Spanned<Vec<u16>>>,
    pub bits: Option<Spanned<Vec<u8>>>,
}
