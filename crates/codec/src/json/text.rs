//! Texts of JSON: borrowed where nothing is escaped.

use std::borrow::Cow;

use super::Reader;
use crate::refusal::{Refusal, RefusalReason};

impl<'a> Reader<'a> {
    /// Reads a text of at most `chars_max` characters; the reader stands at its opening quote.
    pub(super) fn text(&mut self, chars_max: usize) -> Result<Cow<'a, str>, Refusal> {
        let start = self.at;
        self.at += 1;
        let plain = self.run()?;
        let text = if self.text.as_bytes().get(self.at) == Some(&b'"') {
            Cow::Borrowed(plain)
        } else {
            Cow::Owned(self.escaped(plain.to_owned())?)
        };
        self.at += 1;
        // Bytes are never fewer than characters: the exact count is seldom needed.
        if text.len() > chars_max && text.chars().count() > chars_max {
            let text =
                format!("expected a text of at most {chars_max} characters, at byte {start}");
            return Err(Refusal::new(RefusalReason::TooLong, text));
        }
        Ok(text)
    }

    /// The characters up to the next quote or backslash.
    fn run(&mut self) -> Result<&'a str, Refusal> {
        let rest = self.rest();
        let Some(length) = stop(rest.as_bytes()) else {
            self.at = self.text.len();
            return Err(self.not_json("a closing quote"));
        };
        self.at += length;
        if matches!(rest.as_bytes().get(length), Some(byte) if *byte < 0x20) {
            return Err(self.not_json("no control character inside a text"));
        }
        Ok(rest.get(..length).unwrap_or_default())
    }

    /// Reads on from a backslash up to the closing quote.
    fn escaped(&mut self, mut text: String) -> Result<String, Refusal> {
        while self.text.as_bytes().get(self.at) == Some(&b'\\') {
            self.at += 1;
            text.push(self.escape()?);
            text.push_str(self.run()?);
        }
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let refused = self.not_json("an escape sequence");
        let Some(byte) = self.text.as_bytes().get(self.at) else {
            return Err(refused);
        };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point().ok_or(refused),
            _ => return Err(refused),
        })
    }

    /// The character of `uXXXX`, or of a pair of surrogates; none for half a pair.
    fn code_point(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if !(0xd800..=0xdbff).contains(&high) {
            return char::from_u32(high);
        }
        if !self.rest().starts_with("\\u") {
            return None;
        }
        self.at += 2;
        let low = self.hex4()?;
        if !(0xdc00..=0xdfff).contains(&low) {
            return None;
        }
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at.saturating_add(4))?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// Where the first quote, backslash or control character stands.
///
/// Eight bytes at a time: this sweep sees most bytes of a message. The three tests are the
/// classic ones for a byte in a word (Anderson, Bit Twiddling Hacks); a borrow can only mark
/// bytes above a true one, so the lowest mark is right.
fn stop(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let has = |byte: u8| {
            let zeroed = word ^ (ONES * u64::from(byte));
            zeroed.wrapping_sub(ONES) & !zeroed
        };
        let is_control = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (has(b'"') | has(b'\\') | is_control) & HIGHS;
        if marks != 0 {
            let within = usize::try_from(marks.trailing_zeros() / 8).unwrap_or_default();
            return Some(index * 8 + within);
        }
    }
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    tail.iter()
        .position(is_stop)
        .map(|at| bytes.len() - tail.len() + at)
}
