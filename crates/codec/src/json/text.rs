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
        let stop = rest
            .bytes()
            .position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20);
        let Some(length) = stop else {
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
