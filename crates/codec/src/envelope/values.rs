//! Values by name out of JSON: paths into objects and arrays are joined by `.`.
//!
//! The bounds hold before anything is kept: at most [`VALUES_MAX`] values of a message, each with
//! a path of at most [`TEXT_CHARS_MAX`] characters. That is at most 1,024 times (80 + 128) bytes,
//! 13 times the greatest payload.

use std::fmt::Write;

use crate::TEXT_CHARS_MAX;
use crate::json::{Reader, Scalar};
use crate::named::NamedValue;
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason, quoted};

/// Values of one message: a table of 16 KiB has some 1,000 cells of a few characters.
pub(crate) const VALUES_MAX: usize = 1_024;

/// What becomes of values beyond the bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Excess {
    /// They refuse the message.
    Refused,
    /// They are left aside: the message is sound without them.
    LeftAside,
    /// Long texts are left aside, such as descriptions; too many values refuse the message.
    LongLeftAside,
}

/// Values that are gathered, with the path at which the reader stands.
pub(super) struct Flat {
    path: String,
    room: usize,
    excess: Excess,
    /// What was read so far.
    pub(super) values: Vec<(String, NamedValue)>,
    /// Paths of numbers that are beyond the range of [`Fixed`], and so have no value.
    pub(super) beyond: Vec<String>,
}

impl Flat {
    /// Nothing read yet, with room for `room` values.
    pub(super) const fn new(excess: Excess, room: usize) -> Self {
        Self {
            path: String::new(),
            room,
            excess,
            values: Vec::new(),
            beyond: Vec::new(),
        }
    }

    /// What is left of the room.
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    /// Takes from the room what others have used of it.
    pub(super) const fn spend(&mut self, count: usize) {
        self.room = self.room.saturating_sub(count);
    }

    /// Reads the value of a member of that name.
    pub(super) fn member(&mut self, reader: &mut Reader, name: &str) -> Result<(), Refusal> {
        let before = self.enter(name);
        let read = self.value(reader);
        self.leave(before);
        read
    }

    /// Goes into a member of that name; where the path ended before.
    pub(super) fn enter(&mut self, name: &str) -> usize {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        before
    }

    /// Comes back to where the path ended before.
    pub(super) fn leave(&mut self, before: usize) {
        self.path.truncate(before);
    }

    /// Reads an object whose members stand at the present path.
    pub(super) fn object(&mut self, reader: &mut Reader) -> Result<(), Refusal> {
        reader.object(|reader, key| self.member(reader, &key))
    }

    /// Reads any value at the present path.
    pub(super) fn value(&mut self, reader: &mut Reader) -> Result<(), Refusal> {
        match reader.peek()? {
            b'{' => self.object(reader),
            b'[' => reader.array(|reader, index| {
                let before = self.path.len();
                let dot = if before > 0 { "." } else { "" };
                // Writing into a string cannot fail.
                let _written = write!(self.path, "{dot}{index}");
                let read = self.value(reader);
                self.path.truncate(before);
                read
            }),
            _scalar => {
                let value = self.scalar(reader.scalar()?);
                self.keep(value)
            }
        }
    }

    fn scalar(&mut self, scalar: Scalar) -> Option<NamedValue> {
        Some(match scalar {
            Scalar::Bool(yes) => NamedValue::Bool(yes),
            Scalar::Number(digits) => {
                if let Some(number) = Fixed::from_json(digits) {
                    NamedValue::Number(number)
                } else {
                    if self.excess == Excess::Refused {
                        self.beyond.push(self.path.clone());
                    }
                    NamedValue::Missing
                }
            }
            Scalar::Text(text) if self.excess != Excess::Refused && is_long(&text) => {
                return None;
            }
            Scalar::Text(text) => NamedValue::Text(text.into_owned()),
            Scalar::Null | Scalar::Container => NamedValue::Missing,
        })
    }

    fn keep(&mut self, value: Option<NamedValue>) -> Result<(), Refusal> {
        let Some(value) = value else { return Ok(()) };
        if self.room == 0 || is_long(&self.path) {
            return match self.excess {
                Excess::Refused | Excess::LongLeftAside if self.room == 0 => Err(too_many()),
                Excess::LeftAside | Excess::LongLeftAside => Ok(()),
                Excess::Refused => {
                    let found = quoted(&self.path);
                    let text = format!(
                        "expected a path of at most {TEXT_CHARS_MAX} characters, found {found}"
                    );
                    Err(Refusal::new(RefusalReason::TooLong, text))
                }
            };
        }
        self.room -= 1;
        self.values.push((self.path.clone(), value));
        Ok(())
    }
}

/// Takes the value of that name out of the values.
pub(super) fn take(values: &mut Vec<(String, NamedValue)>, name: &str) -> Option<NamedValue> {
    let at = values.iter().position(|(known, _)| known == name)?;
    Some(values.remove(at).1)
}

/// More values than a message may have.
pub(super) fn too_many() -> Refusal {
    let text = format!("expected at most {VALUES_MAX} values in a message");
    Refusal::new(RefusalReason::TooManyItems, text)
}

fn is_long(text: &str) -> bool {
    text.len() > TEXT_CHARS_MAX && text.chars().count() > TEXT_CHARS_MAX
}
