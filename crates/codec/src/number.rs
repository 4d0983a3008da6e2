//! Decimal numbers without floating point: millionths in 64 bits.
//!
//! A JSON number is read from its digits, never through a float, so `21.5` is exactly 21.5.
//! Digits beyond the millionths are cut off towards zero; because every later rounding is half
//! away from zero, cutting first never changes its result.

use std::fmt;

/// Millionths per unit.
pub(crate) const MICRO: i64 = 1_000_000;

/// Significant digits that are kept: 18 fit in a `u64` whatever they are.
const DIGITS_MAX: u32 = 18;

/// A number in millionths, between -9.2e12 and 9.2e12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fixed(i64);

impl Fixed {
    /// From millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Millionths.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// A whole number; none beyond the range.
    pub const fn from_whole(whole: i64) -> Option<Self> {
        match whole.checked_mul(MICRO) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// A finite float, rounded to millionths; none for NaN, infinities and beyond the range.
    pub fn from_f64(value: f64) -> Option<Self> {
        let micros = (value * 1e6).round();
        // 9e18 lies inside i64, so the conversion below is exact for every whole float here.
        if !micros.is_finite() || micros.abs() > 9e18 {
            return None;
        }
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            reason = "a whole float of at most 9e18 in size fits i64; std has no TryFrom<f64>"
        )]
        Some(Self(micros as i64))
    }

    /// A number in JSON's grammar, which the caller has checked; none beyond the range.
    pub fn from_json(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, parse_exponent(exponent)),
            None => (text, 0),
        };
        let (mantissa, scale) = significant(digits);
        let micros = shifted(mantissa, exponent.saturating_add(scale).saturating_add(6))?;
        Some(Self(if negative { -micros } else { micros }))
    }

    /// The whole number, where it is one.
    pub const fn whole(self) -> Option<i64> {
        if self.0 % MICRO == 0 {
            Some(self.0 / MICRO)
        } else {
            None
        }
    }

    /// Rounded half away from zero to units of `per_unit` per one: 1 = whole, 100 = hundredths.
    pub(crate) const fn rounded(self, per_unit: i64) -> i64 {
        let step = MICRO / per_unit;
        let half = step / 2;
        let moved = if self.0 < 0 {
            self.0.saturating_sub(half)
        } else {
            self.0.saturating_add(half)
        };
        moved / step
    }
}

impl fmt::Display for Fixed {
    /// The shortest decimal, such as `21.5` or `-3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        let unit = MICRO.unsigned_abs();
        let (whole, rest) = (micros / unit, micros % unit);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:06}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

/// The exponent of a JSON number, held at the ends of the range.
fn parse_exponent(text: &str) -> i32 {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let size = digits.bytes().fold(0_i32, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i32::from(digit.wrapping_sub(b'0')))
    });
    if negative { -size } else { size }
}

/// The leading significant digits and the power of ten that they stand for.
fn significant(digits: &str) -> (u64, i32) {
    let (mut mantissa, mut taken, mut scale, mut in_fraction) = (0_u64, 0_u32, 0_i32, false);
    for byte in digits.bytes() {
        if byte == b'.' {
            in_fraction = true;
            continue;
        }
        if taken < DIGITS_MAX {
            mantissa = mantissa * 10 + u64::from(byte.wrapping_sub(b'0'));
            taken += u32::from(mantissa != 0);
            scale -= i32::from(in_fraction);
        } else {
            scale += i32::from(!in_fraction);
        }
    }
    (mantissa, scale)
}

/// `mantissa * 10^power`, cut towards zero; none beyond `i64`.
fn shifted(mantissa: u64, power: i32) -> Option<i64> {
    if mantissa == 0 {
        return Some(0);
    }
    let size = power.unsigned_abs();
    let moved = if power >= 0 {
        mantissa.checked_mul(10_u64.checked_pow(size)?)?
    } else {
        // A divisor beyond u64 leaves nothing of 18 digits.
        10_u64
            .checked_pow(size)
            .map_or(0, |divisor| mantissa / divisor)
    };
    i64::try_from(moved).ok()
}

#[cfg(test)]
mod tests;
