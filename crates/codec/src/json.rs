//! A bounded pull reader of JSON (RFC 8259): one pass, no tree, nothing kept.
//!
//! It exists because the bounds of a hostile payload (depth, keys per object, duplicate keys,
//! text lengths) must hold before anything is built, and because numbers must keep their digits
//! (decision 0050). Its grammar is tested against `serde_json` as an oracle.
//!
//! Depth counts open objects and arrays: `{"a":1}` has depth 1.

use std::borrow::Cow;

use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{DEPTH_MAX, KEYS_MAX, TEXT_CHARS_MAX};

mod text;

/// A value that is no container, or the fact that a container was skipped.
#[derive(Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// Its digits as they came, in JSON's grammar.
    Number(&'a str),
    Text(Cow<'a, str>),
    /// An object or array; it was checked and skipped.
    Container,
}

/// A reader at some place of a payload.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    text_chars_max: usize,
    /// Keys of all open objects, outermost first, each behind its [`fingerprint`].
    keys: Vec<(u32, Cow<'a, str>)>,
}

impl<'a> Reader<'a> {
    /// A reader of `payload` whose values may have `text_chars_max` characters of text each.
    pub(crate) fn new(payload: &'a [u8], text_chars_max: usize) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(payload).map_err(|error| {
            let at = error.valid_up_to();
            Refusal::new(
                RefusalReason::NotJson,
                format!("expected UTF-8 at byte {at}"),
            )
        })?;
        Ok(Self {
            text,
            at: 0,
            depth: 0,
            text_chars_max,
            keys: Vec::with_capacity(32),
        })
    }

    /// Reads an object, calling `each` with every key; `each` must read the value.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.descend(b'{', "an object")?;
        let first = self.keys.len();
        if self.peek()? == b'}' {
            self.at += 1;
        } else {
            loop {
                let key = self.key(first)?;
                self.expect(b':', "':' after a key")?;
                each(self, key)?;
                if self.is_last(b'}')? {
                    break;
                }
            }
        }
        self.keys.truncate(first);
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array, calling `each` with the index of every item; `each` must read the item.
    pub(crate) fn array(
        &mut self,
        mut each: impl FnMut(&mut Self, usize) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.descend(b'[', "an array")?;
        if self.peek()? == b']' {
            self.at += 1;
        } else {
            for index in 0.. {
                each(self, index)?;
                if self.is_last(b']')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads any value; a container is checked and skipped.
    pub(crate) fn scalar(&mut self) -> Result<Scalar<'a>, Refusal> {
        match self.peek()? {
            b'{' => self
                .object(|reader, _key| reader.skip())
                .map(|()| Scalar::Container),
            b'[' => self
                .array(|reader, _index| reader.skip())
                .map(|()| Scalar::Container),
            b'"' => self.text(self.text_chars_max).map(Scalar::Text),
            b't' => self.word("true").map(|()| Scalar::Bool(true)),
            b'f' => self.word("false").map(|()| Scalar::Bool(false)),
            b'n' => self.word("null").map(|()| Scalar::Null),
            b'-' | b'0'..=b'9' => self.number().map(Scalar::Number),
            _ => Err(self.not_json("a JSON value (NaN and Infinity are none)")),
        }
    }

    /// Checks and skips any value.
    pub(crate) fn skip(&mut self) -> Result<(), Refusal> {
        self.scalar().map(|_value| ())
    }

    /// The first byte of what comes next, white space left behind.
    pub(crate) fn peek(&mut self) -> Result<u8, Refusal> {
        self.next_byte().ok_or_else(|| {
            let text = format!("ends too early, after {} bytes", self.at);
            Refusal::new(RefusalReason::NotJson, text)
        })
    }

    fn next_byte(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    /// Checks that nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Refusal> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.not_json("the end of the message")),
        }
    }

    fn descend(&mut self, open: u8, name: &str) -> Result<(), Refusal> {
        if self.peek()? != open {
            let text = format!("expected {name} at byte {}", self.at);
            // What is no JSON at all is told so, rather than being of a wrong type.
            self.skip()?;
            return Err(Refusal::new(RefusalReason::WrongType, text));
        }
        if self.depth == DEPTH_MAX {
            let text = format!(
                "expected a depth of at most {DEPTH_MAX}, at byte {}",
                self.at
            );
            return Err(Refusal::new(RefusalReason::TooDeep, text));
        }
        self.at += 1;
        self.depth += 1;
        Ok(())
    }

    /// Reads what follows an item: a comma, or `close`.
    fn is_last(&mut self, close: u8) -> Result<bool, Refusal> {
        let byte = self.peek()?;
        if byte != b',' && byte != close {
            return Err(self.not_json("',' or the end of the object or array"));
        }
        self.at += 1;
        Ok(byte == close)
    }

    fn key(&mut self, first: usize) -> Result<Cow<'a, str>, Refusal> {
        if self.peek()? != b'"' {
            return Err(self.not_json("a key in quotes"));
        }
        let at = self.at;
        let key = self.text(TEXT_CHARS_MAX)?;
        let print = fingerprint(key.as_bytes());
        let open = self.keys.get(first..).unwrap_or_default();
        if open.len() == KEYS_MAX {
            let text = format!("expected at most {KEYS_MAX} keys in an object, at byte {at}");
            return Err(Refusal::new(RefusalReason::TooManyKeys, text));
        }
        if open.iter().any(|known| known.0 == print && known.1 == key) {
            let text = format!(
                "key {} stands twice in one object, at byte {at}",
                quoted(&key)
            );
            return Err(Refusal::new(RefusalReason::DuplicateKey, text));
        }
        self.keys.push((print, key.clone()));
        Ok(key)
    }

    fn expect(&mut self, byte: u8, name: &str) -> Result<(), Refusal> {
        if self.peek()? != byte {
            return Err(self.not_json(name));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Refusal> {
        if !self.rest().starts_with(word) {
            return Err(self.not_json("true, false or null"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, Refusal> {
        let start = self.at;
        self.eat(|byte| byte == b'-', 1);
        if self.eat(|byte| byte == b'0', 1) == 0 && self.digits() == 0 {
            return Err(self.not_json("a digit"));
        }
        if self.eat(|byte| byte == b'.', 1) == 1 && self.digits() == 0 {
            return Err(self.not_json("a digit after the decimal point"));
        }
        if self.eat(|byte| matches!(byte, b'e' | b'E'), 1) == 1 {
            self.eat(|byte| matches!(byte, b'+' | b'-'), 1);
            if self.digits() == 0 {
                return Err(self.not_json("a digit in the exponent"));
            }
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> usize {
        self.eat(|byte| byte.is_ascii_digit(), usize::MAX)
    }

    /// Moves over at most `max` bytes that `is_wanted`; how many they were.
    fn eat(&mut self, is_wanted: impl Fn(u8) -> bool, max: usize) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let eaten = rest
            .iter()
            .take(max)
            .take_while(|byte| is_wanted(**byte))
            .count();
        self.at += eaten;
        eaten
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn not_json(&self, expected: &str) -> Refusal {
        let found = match self.rest().chars().next() {
            Some(found) => format!("found {found:?}"),
            None => "the message ends".to_owned(),
        };
        let text = format!("expected {expected} at byte {}, {found}", self.at);
        Refusal::new(RefusalReason::NotJson, text)
    }
}

/// Whether a text is a number in JSON's grammar, which is what [`crate::Fixed::from_json`] takes.
pub(crate) fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(is_digits)
}

/// Length, first, middle and last byte: equal keys have equal ones, others seldom. Comparing
/// these first makes the search for duplicates cheap, and it runs for every key.
fn fingerprint(key: &[u8]) -> u32 {
    let byte = |at: usize| key.get(at).copied().unwrap_or_default();
    let last = byte(key.len().saturating_sub(1));
    let length = u8::try_from(key.len() & 0xff).unwrap_or_default();
    u32::from_le_bytes([length, byte(0), byte(key.len() / 2), last])
}

#[cfg(test)]
mod tests;
