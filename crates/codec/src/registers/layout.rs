//! The checked layout of a device's registers. Built by `build` and `inline` only.

use huitian_model::BadReason;

use super::RegisterSpan;
use super::unit::Conversion;

/// How a value stands in its bits or registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegisterKind {
    /// A coil or discrete input, or where a number is given that bit of a register; 0 is the
    /// least significant.
    Bit(Option<u8>),
    /// The upper (`high`) or lower byte of a register.
    Byte {
        /// Whether it is the upper one.
        high: bool,
        /// Whether it is in two's complement.
        signed: bool,
    },
    /// A whole number of 1, 2 or 4 registers.
    Int {
        /// How many registers.
        words: u16,
        /// Whether it is in two's complement.
        signed: bool,
    },
    /// IEEE 754 in 2 or 4 registers.
    Float {
        /// How many registers.
        words: u16,
    },
    /// Four decimal digits per register, 1 or 2 registers.
    Bcd {
        /// How many registers.
        words: u16,
    },
}

impl RegisterKind {
    /// How many bits (of a coil or discrete input) or registers it takes.
    pub const fn words(self) -> u16 {
        match self {
            Self::Bit(_) | Self::Byte { .. } => 1,
            Self::Int { words, .. } | Self::Float { words } | Self::Bcd { words } => words,
        }
    }
}

/// The order of the bytes on the wire; A is the most significant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WordOrder {
    /// Big end first, as the protocol has it.
    #[default]
    Abcd,
    /// Little end first.
    Dcba,
    /// Big end first, the bytes of each register swapped.
    Badc,
    /// Registers in reverse, bytes as the protocol has it.
    Cdab,
}

impl WordOrder {
    /// The order of that name, such as `CDAB`; of one register also `AB` and `BA`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ABCD" | "AB" => Some(Self::Abcd),
            "DCBA" | "BA" => Some(Self::Dcba),
            "BADC" => Some(Self::Badc),
            "CDAB" => Some(Self::Cdab),
            _ => None,
        }
    }

    /// Whether the register that came last counts most.
    pub(super) const fn reverses(self) -> bool {
        matches!(self, Self::Dcba | Self::Cdab)
    }

    /// Whether the bytes inside a register are swapped.
    pub(super) const fn swaps(self) -> bool {
        matches!(self, Self::Dcba | Self::Badc)
    }
}

/// `value = raw * multiply / divide + add`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scale {
    pub multiply: i64,
    pub divide: i64,
    pub add: i64,
}

/// Which unit a value is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum UnitRule {
    /// Always the same.
    Fixed(Conversion),
    /// Another value of the device says it.
    Read {
        field: usize,
        units: Vec<(i64, Conversion)>,
    },
}

/// A value of the device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub name: String,
    pub span: RegisterSpan,
    pub kind: RegisterKind,
    pub order: WordOrder,
    pub scale: Scale,
    pub sentinels: Vec<(i64, BadReason)>,
    pub unit: UnitRule,
    /// The value that says how many decimals this one has.
    pub decimals: Option<usize>,
    /// Index of the channel that it feeds.
    pub channel: Option<usize>,
}

impl Field {
    /// The values that say its unit and decimals.
    pub(super) fn helpers(&self) -> impl Iterator<Item = usize> {
        let unit = match &self.unit {
            UnitRule::Read { field, .. } => Some(*field),
            UnitRule::Fixed(_) => None,
        };
        unit.into_iter().chain(self.decimals)
    }
}

/// A value that makes channels of the same cycle bad.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Spoil {
    pub field: usize,
    /// The values meant.
    pub values: Vec<i64>,
    /// Whether the channels are bad at one of these values, or at any other.
    pub bad_when_listed: bool,
    pub channels: Vec<usize>,
    pub bad: BadReason,
}

/// Parity of a serial line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parity {
    /// No parity bit.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

impl Parity {
    /// The parity of that letter: `N`, `E` or `O`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "N" => Some(Self::None),
            "E" => Some(Self::Even),
            "O" => Some(Self::Odd),
            _ => None,
        }
    }

    /// Its letter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "N",
            Self::Even => "E",
            Self::Odd => "O",
        }
    }
}

/// How a device's line is set when it leaves the factory, as far as the vendor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LineDefaults {
    /// Bits per second.
    pub baud_rate: Option<u32>,
    /// 7 or 8.
    pub data_bits: Option<u8>,
    /// Parity.
    pub parity: Option<Parity>,
    /// 1 or 2.
    pub stop_bits: Option<u8>,
}

/// What a device can bear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceLimits {
    /// Unit id that it has from the factory.
    pub unit_id: Option<u8>,
    /// Lowest and highest unit id that it can have.
    pub unit_ids: (u8, u8),
    /// Registers of one request, 1 to 125.
    pub registers_max: u16,
    /// Bits of one request, 1 to 2,000.
    pub bits_max: u16,
    /// Silence between the end of one transaction and the begin of the next, ms.
    pub gap_ms: u32,
    /// How long it takes to begin an answer, ms.
    pub reply_ms: u32,
    /// Whether each value needs a request of its own.
    pub one_request_per_field: bool,
}

impl DeviceLimits {
    /// Registers of one request: the byte count of an answer is one byte (Modbus 1.1b3, 6.3).
    pub const REGISTERS_MAX: u16 = 125;
    /// Bits of one request (Modbus 1.1b3, 6.1).
    pub const BITS_MAX: u16 = 2_000;
    /// How long a device takes to begin an answer where nothing is said: 5 to 45 ms are typical.
    pub const REPLY_MS: u32 = 45;
}

impl Default for DeviceLimits {
    fn default() -> Self {
        Self {
            unit_id: None,
            unit_ids: (1, 247),
            registers_max: Self::REGISTERS_MAX,
            bits_max: Self::BITS_MAX,
            gap_ms: 0,
            reply_ms: Self::REPLY_MS,
            one_request_per_field: false,
        }
    }
}
