//! A writer of JSON and of instants that allocates nothing of its own.
//!
//! The texts it is given hold nothing that JSON must escape: ids, hex, base64 and digits.

use crate::calendar::{DAY_MS, HOUR_MS, MINUTE_MS};

/// The longest decimal of an i64, with its sign.
const DIGITS_MAX: usize = 20;

/// A message in the making.
#[derive(Debug, Default)]
pub struct Json(pub Vec<u8>);

impl Json {
    /// Adds text as it is.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds a whole number.
    pub fn number(&mut self, n: i64) -> &mut Self {
        let mut digits = [0; DIGITS_MAX];
        let mut left = n.unsigned_abs();
        let mut used = 0;
        for place in digits.iter_mut().rev() {
            *place = b'0' + u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
            used += 1;
            if left == 0 {
                break;
            }
        }
        if n < 0 {
            self.0.push(b'-');
        }
        self.0
            .extend(digits.get(DIGITS_MAX - used..).unwrap_or(&[]));
        self
    }

    /// Adds a number with one decimal, given in tenths.
    pub fn tenths(&mut self, n: i64) -> &mut Self {
        if n < 0 {
            self.0.push(b'-');
        }
        let n = i64::try_from(n.unsigned_abs()).unwrap_or(i64::MAX);
        self.number(n / 10);
        if n % 10 != 0 {
            self.text(".").number(n % 10);
        }
        self
    }

    /// Adds exactly `width` digits.
    pub fn padded(&mut self, n: i64, width: u32) -> &mut Self {
        for place in (0..width).rev() {
            let digit = n / 10_i64.pow(place) % 10;
            self.0.push(b'0' + u8::try_from(digit).unwrap_or(0));
        }
        self
    }

    /// Adds lower- or upper-case hex of the last `digits` digits.
    pub fn hex(&mut self, n: u64, digits: u32, table: &[u8; 16]) -> &mut Self {
        for place in (0..digits).rev() {
            let nibble = usize::try_from(n >> (4 * place) & 0xf).unwrap_or(0);
            self.0.push(table.get(nibble).copied().unwrap_or(b'0'));
        }
        self
    }

    /// Adds a UUID (version 4 by its marks) made of two numbers.
    pub fn uuid(&mut self, high: u64, low: u64) -> &mut Self {
        self.hex(high >> 32, 8, LOWER).text("-");
        self.hex(high >> 16, 4, LOWER).text("-4");
        self.hex(high, 3, LOWER).text("-a");
        self.hex(low >> 48, 3, LOWER).text("-");
        self.hex(low, 12, LOWER)
    }

    /// Adds an instant in UTC, `2026-11-23T12:00:00.123`, with `more` behind the milliseconds.
    pub fn instant(&mut self, at_ms: i64, more: &str) -> &mut Self {
        let (day, time) = (at_ms.div_euclid(DAY_MS), at_ms.rem_euclid(DAY_MS));
        let (year, month, date) = date_of(day);
        self.padded(year, 4).text("-").padded(month, 2);
        self.text("-").padded(date, 2).text("T");
        self.padded(time / HOUR_MS, 2).text(":");
        self.padded(time / MINUTE_MS % 60, 2).text(":");
        self.padded(time / 1_000 % 60, 2).text(".");
        self.padded(time % 1_000, 3).text(more)
    }

    /// Adds base64 with padding.
    pub fn base64(&mut self, bytes: &[u8]) -> &mut Self {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        // Four letters for three bytes; a frame has at most 25 bytes.
        let mut letters = [0; 64];
        let used = STANDARD.encode_slice(bytes, &mut letters).unwrap_or(0);
        self.0.extend(letters.get(..used).unwrap_or(&[]));
        self
    }
}

/// Digits of hex in lower case.
pub const LOWER: &[u8; 16] = b"0123456789abcdef";
/// Digits of hex in upper case.
pub const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Year, month and day of the month of a day since 1970-01-01, in the Gregorian calendar.
pub const fn date_of(day: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day comes last.
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, date)
}
