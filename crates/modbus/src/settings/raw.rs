//! Lines as they are written. Unknown keys are refused.

use huitian_settings::Span;
use serde::Deserialize;

/// `[[modbus]]`
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are Telegraf's; the module shows them"
)]
pub struct RawLine {
    pub name: String,
    pub controller: String,
    pub backup_controller: Option<String>,
    pub slave_id: Option<u8>,
    pub baud_rate: Option<u32>,
    pub data_bits: Option<u8>,
    pub parity: Option<String>,
    pub stop_bits: Option<u8>,
    pub transmission_mode: Option<String>,
    pub configuration_type: Option<String>,
    pub timeout: Option<Span>,
    pub busy_retries: Option<u32>,
    pub busy_retries_wait: Option<Span>,
    pub interval: Option<Span>,
    pub latency: Option<Span>,
    pub dead_share: Option<u8>,
    pub optimization: Option<String>,
    pub optimization_max_register_fill: Option<u16>,
    #[serde(default)]
    pub workarounds: RawWorkarounds,
    #[serde(rename = "request")]
    pub requests: Vec<RawRequest>,
}

/// `[modbus.workarounds]`
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are Telegraf's; the module shows them"
)]
pub struct RawWorkarounds {
    pub pause_after_connect: Option<Span>,
    pub pause_between_requests: Option<Span>,
    #[serde(default)]
    pub close_connection_after_gather: bool,
    #[serde(default)]
    pub one_request_per_field: bool,
    #[serde(default)]
    pub read_coils_starting_at_zero: bool,
    pub max_bit_registers_per_request: Option<u16>,
    pub max_word_registers_per_request: Option<u16>,
}

/// `[[modbus.request]]`
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are Telegraf's; the module shows them"
)]
pub struct RawRequest {
    pub slave_id: Option<u8>,
    pub device: String,
    pub map: Option<String>,
    pub address_base: Option<u8>,
    pub byte_order: Option<String>,
    pub register: Option<String>,
    pub optimization: Option<String>,
    pub optimization_max_register_fill: Option<u16>,
    #[serde(default)]
    pub fields: Vec<RawField>,
}

/// One of `fields`.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the keys are Telegraf's; the module shows them"
)]
pub struct RawField {
    pub address: u32,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub bit: Option<u8>,
    pub scale: Option<f64>,
    #[serde(default)]
    pub omit: bool,
}
