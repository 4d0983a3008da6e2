//! Settings of Modbus lines, with Telegraf's field names (plugins/inputs/modbus of Telegraf 1.3x).
//!
//! ```toml
//! [[modbus]]
//! name = "gatehouse"
//! controller = "file:///dev/ttyUSB0"      # or tcp://10.0.0.7:502
//! backup_controller = "file:///dev/ttyUSB1"  # ours
//! baud_rate = 9600
//! data_bits = 8
//! parity = "N"
//! stop_bits = 1
//! transmission_mode = "auto"              # RTU; over tcp:// TCP (auto) or RTUoverTCP
//! timeout = "1s"
//! busy_retries = 0
//! busy_retries_wait = "100ms"
//! interval = "10s"
//! dead_share = 20                         # ours: % of the line that dead units may cost
//! latency = "20ms"                        # ours: round trip of the network, for the budget
//! [modbus.workarounds]
//! pause_after_connect = "0ms"
//! pause_between_requests = "0ms"
//! close_connection_after_gather = false
//! one_request_per_field = false
//! read_coils_starting_at_zero = false
//! max_bit_registers_per_request = 2000
//! max_word_registers_per_request = 125
//!
//! [[modbus.request]]                      # a unit by its register map
//! slave_id = 12                           # left out: as the map says
//! map = "dfrobot-urm14"                   # ours
//! device = "bin-7"                        # ours: in the inventory, with the map as its profile
//! address_base = 0                        # ours: overrides the map's
//!
//! [[modbus.request]]                      # a unit by fields; its device has the profile `modbus`
//! slave_id = 3
//! device = "node-3"
//! register = "holding"
//! byte_order = "CDAB"
//! optimization = "max_insert"             # left out: the fewest requests, gaps read along
//! optimization_max_register_fill = 50
//! fields = [{ address = 9, name = "entries", type = "UINT32", scale = 1.0 }]
//! ```
//!
//! The names of fields are those of the device's channels, which say what is measured. Keys that
//! mean nothing here (measurement, tags, output) are refused rather than passed over. Only what is
//! configured is ever read: there is no discovery.

use std::collections::BTreeSet;
use std::path::PathBuf;

use huitian_codec::RegisterFunction;
use huitian_codec::registers::{Parity, RegisterKind, WordOrder};
use huitian_model::{ChannelName, DeviceId};

mod check;
mod raw;
mod units;

pub use raw::{RawField, RawLine, RawRequest, RawWorkarounds};

pub use huitian_codec::registers::INLINE_PROFILE;

/// Units of one line: as many as there are unit ids.
pub const UNITS_MAX: usize = 256;

/// What is wrong in the settings of a line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("modbus line {line:?}: {message}")]
pub struct SettingFault {
    /// The line's name.
    pub line: String,
    /// What was expected and what was found.
    pub message: String,
}

/// Where a line begins.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Endpoint {
    /// A device or gateway in the network.
    Tcp {
        /// Name or address, IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A serial port of this machine.
    Serial(PathBuf),
}

/// How frames travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transmission {
    /// RTU frames on a serial port.
    Rtu,
    /// Modbus TCP, with transaction ids.
    Tcp,
    /// RTU frames in a TCP connection, as transparent gateways have it.
    RtuOverTcp,
}

/// How a serial line is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SerialParams {
    /// Bits per second.
    pub baud_rate: u32,
    /// 7 or 8.
    pub data_bits: u8,
    /// Parity.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// Times of a line, ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Until a request counts as not answered.
    pub timeout_ms: u64,
    /// How often a busy device (exception 6) is asked again.
    pub busy_retries: u32,
    /// Before it is.
    pub busy_retries_wait_ms: u64,
    /// Silence after connecting.
    pub pause_after_connect_ms: u64,
    /// Silence between two transactions.
    pub pause_between_requests_ms: u64,
    /// Whether the connection is closed after every cycle.
    pub close_connection_after_gather: bool,
    /// Round trip of the network that the budget counts with.
    pub latency_ms: u64,
}

/// A checked line: what the transport needs.
#[derive(Clone, PartialEq, Debug)]
pub struct LineConfig {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub endpoint: Endpoint,
    /// Where it begins when that does not answer; of the same kind.
    pub backup: Option<Endpoint>,
    /// How frames travel.
    pub transmission: Transmission,
    /// How the serial line is set; of a TCP line with devices of its own without meaning.
    pub serial: SerialParams,
    /// Times.
    pub timing: Timing,
    /// From the begin of one cycle to the begin of the next, ms.
    pub interval_ms: u64,
    /// Percent of the line's time that tries of dead units may cost, all together, 1 to 90. The
    /// budget counts on the transport to keep it, but for one try that cannot be cut.
    pub dead_share: u8,
    /// Its units.
    pub units: Vec<UnitConfig>,
}

/// A checked unit.
#[derive(Clone, PartialEq, Debug)]
pub struct UnitConfig {
    /// Unit id; none where it is the map's.
    pub id: Option<u8>,
    /// The device of the inventory that it feeds.
    pub device: DeviceId,
    /// Its registers.
    pub registers: UnitRegisters,
    /// Limits that the settings add to the device's.
    pub limits: UnitLimits,
}

/// Where a unit's registers are described.
#[derive(Clone, PartialEq, Debug)]
pub enum UnitRegisters {
    /// In a register map.
    Map {
        /// Its id.
        id: String,
        /// What overrides the map's `address_base`.
        address_base: Option<u8>,
    },
    /// In the settings.
    Inline(Vec<FieldConfig>),
}

/// A field in the settings.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldConfig {
    /// The channel that it feeds.
    pub channel: ChannelName,
    /// What is read.
    pub function: RegisterFunction,
    /// Address on the wire.
    pub address: u16,
    /// How it stands there.
    pub kind: RegisterKind,
    /// Order of its bytes.
    pub order: WordOrder,
    /// Factor to the quantity's unit.
    pub scale: Option<f64>,
}

/// Limits of requests that the settings add to the device's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitLimits {
    /// Registers of one request.
    pub registers_max: u16,
    /// Bits of one request.
    pub bits_max: u16,
    /// Greatest run of unwanted addresses that may be read along; none = any.
    pub gap_max: Option<u16>,
    /// Whether each value needs a request of its own.
    pub one_request_per_field: bool,
    /// Whether the first request of coils begins at address 0.
    pub coils_from_zero: bool,
}

impl LineConfig {
    /// Checks one line.
    ///
    /// # Errors
    /// The first fault, with the key that it is about.
    pub fn new(raw: RawLine) -> Result<Self, SettingFault> {
        let line = raw.name.clone();
        check::line(raw).map_err(|message| SettingFault { line, message })
    }

    /// Checks all lines: each, and that no two of them share a name, an endpoint or a device.
    ///
    /// # Errors
    /// The first fault.
    pub fn all(raw: Vec<RawLine>) -> Result<Vec<Self>, SettingFault> {
        let (mut names, mut ends) = (BTreeSet::new(), BTreeSet::new());
        let mut devices = BTreeSet::new();
        let mut lines = Vec::with_capacity(raw.len());
        for raw in raw {
            let line = Self::new(raw)?;
            let fault = |message| {
                let line = line.name.clone();
                Err(SettingFault { line, message })
            };
            if !names.insert(line.name.clone()) {
                return fault("two lines have this name".to_owned());
            }
            for end in std::iter::once(&line.endpoint).chain(&line.backup) {
                if !ends.insert(end.clone()) {
                    // Two masters on one bus talk into each other.
                    let text = "another line begins there too: one endpoint is one line";
                    return fault(format!("{end:?}: {text}"));
                }
            }
            for unit in &line.units {
                if !devices.insert(unit.device.clone()) {
                    return fault(format!("device {} is named twice", unit.device));
                }
            }
            lines.push(line);
        }
        Ok(lines)
    }

    fn fault(&self, message: String) -> SettingFault {
        SettingFault {
            line: self.name.clone(),
            message,
        }
    }
}

#[cfg(test)]
mod tests;
