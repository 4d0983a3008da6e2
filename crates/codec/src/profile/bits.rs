//! How bytes are numbers: integers, bit fields, floats, decimal digits.

use huitian_model::BadReason;

use crate::number::{Fixed, MICRO};

/// A value as the message has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Raw<'a> {
    Int(i64),
    Bool(bool),
    Number(Fixed),
    Bytes(&'a [u8]),
    Text(&'a str),
    /// No value can be read, such as a float that is no number.
    None(BadReason),
}

impl Raw<'_> {
    /// The raw value in millionths, where it is a number.
    pub(super) fn ordinal(self) -> Option<i128> {
        match self {
            Raw::Int(whole) => Some(i128::from(whole) * i128::from(MICRO)),
            Raw::Bool(yes) => Some(i128::from(yes) * i128::from(MICRO)),
            Raw::Number(number) => Some(i128::from(number.micros())),
            Raw::Bytes(_) | Raw::Text(_) | Raw::None(_) => None,
        }
    }
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
    /// Bits that may cross bytes.
    Bits {
        /// Where big: 0 is the highest of the first byte; else 0 is the lowest.
        bit: u32,
        bits: u32,
        signed: bool,
        big: bool,
    },
    Float {
        width: usize,
        big: bool,
    },
    Bcd {
        length: usize,
        big: bool,
    },
    Flag {
        mask: u8,
    },
    Hex {
        length: usize,
    },
    Version,
    /// A named value, a part of a text, or a result: no bytes of its own.
    Value,
    /// As `Value`, and never a number.
    Text,
}

impl Shape {
    /// Bytes.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::Int { width, .. } | Self::Float { width, .. } => width,
            Self::Bits { bit, bits, .. } => {
                let mut bytes = 0;
                let mut left = bit.saturating_add(bits);
                while left > 0 {
                    bytes += 1;
                    left = left.saturating_sub(8);
                }
                bytes
            }
            Self::Bcd { length, .. } | Self::Hex { length } => length,
            Self::Flag { .. } => 1,
            Self::Version => 3,
            Self::Value | Self::Text => 0,
        }
    }

    /// Reads bytes of exactly its width.
    pub(super) fn read(self, part: &[u8]) -> Raw<'_> {
        match self {
            Self::Int {
                signed, big, mask, ..
            } => int(part, signed, big, mask),
            Self::Bits {
                bit,
                bits,
                signed,
                big,
            } => bit_field(part, (bit, bits), signed, big),
            Self::Float { big, .. } => float(part, big),
            Self::Bcd { big, .. } => bcd(part, big),
            Self::Flag { mask } => Raw::Bool(part.iter().any(|byte| byte & mask != 0)),
            Self::Hex { .. } | Self::Version | Self::Value | Self::Text => Raw::Bytes(part),
        }
    }
}

/// The bytes as one unsigned number of at most 8 bytes.
fn unsigned(part: &[u8], big: bool) -> u64 {
    let push = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
    if big {
        part.iter().fold(0, push)
    } else {
        part.iter().rev().fold(0, push)
    }
}

/// An integer of 1 to 8 bytes; beyond 2^63 it is none.
fn int(part: &[u8], signed: bool, big: bool, mask: Option<u32>) -> Raw<'static> {
    let Ok(unsigned) = i64::try_from(unsigned(part, big)) else {
        return Raw::None(BadReason::OutOfRange);
    };
    if let Some(mask) = mask {
        return Raw::Int((unsigned & i64::from(mask)) >> mask.trailing_zeros());
    }
    Raw::Int(if signed {
        with_sign(unsigned, part.len() * 8)
    } else {
        unsigned
    })
}

/// Two's complement of fewer than 63 bits.
fn with_sign(unsigned: i64, bits: usize) -> i64 {
    if (unsigned >> bits.saturating_sub(1)) & 1 == 1 {
        unsigned - (1_i64 << bits)
    } else {
        unsigned
    }
}

/// At most 32 bits behind at most 31, so at most 8 bytes.
fn bit_field(part: &[u8], (bit, bits): (u32, u32), signed: bool, big: bool) -> Raw<'static> {
    let all = unsigned(part, big);
    let below = if big {
        let width = u32::try_from(part.len() * 8).unwrap_or(u32::MAX);
        width.saturating_sub(bit).saturating_sub(bits)
    } else {
        bit
    };
    let kept = all.checked_shr(below).unwrap_or(0) & ((1_u64 << bits) - 1);
    let kept = i64::try_from(kept).unwrap_or(i64::MAX);
    let places = usize::try_from(bits).unwrap_or(0);
    Raw::Int(if signed {
        with_sign(kept, places)
    } else {
        kept
    })
}

fn float(part: &[u8], big: bool) -> Raw<'static> {
    let bits = unsigned(part, big);
    let value = match part.len() {
        2 => half(bits),
        4 => f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(u32::MAX))),
        _ => f64::from_bits(bits),
    };
    Fixed::from_f64(value).map_or(Raw::None(BadReason::OutOfRange), Raw::Number)
}

/// IEEE 754 binary16: 1 bit sign, 5 bits exponent, 10 bits fraction.
fn half(bits: u64) -> f64 {
    let fraction = f64::from(u16::try_from(bits & 0x3ff).unwrap_or(0)) / 1024.0;
    let exponent = i32::try_from((bits >> 10) & 0x1f).unwrap_or(0);
    let size = match exponent {
        0 => fraction * 2_f64.powi(-14),
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

/// Two decimal digits a byte, at most 8 bytes; another digit is a fault of the device.
fn bcd(part: &[u8], big: bool) -> Raw<'static> {
    let push = |sum: Option<i64>, byte: &u8| {
        let (high, low) = (byte >> 4, byte & 0x0f);
        let digits = (high < 10 && low < 10).then(|| i64::from(high) * 10 + i64::from(low));
        sum?.checked_mul(100)?.checked_add(digits?)
    };
    let value = if big {
        part.iter().fold(Some(0), push)
    } else {
        part.iter().rev().fold(Some(0), push)
    };
    value.map_or(Raw::None(BadReason::DeviceFault), Raw::Int)
}
