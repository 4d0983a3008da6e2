//! InfluxDB line protocol.
//!
//! Source: InfluxDB's documentation, "Line protocol reference".
//!
//! ```text
//! bins,device=bin-7,site=s1 distance=640i,temperature=21.5,lid="shut",open=f 1795406400000000000
//! ```
//!
//! - The device is the value of one tag, or what the topic says. Other tags are left aside.
//! - The values are the fields; a route with `with_measurement = true` puts the measurement
//!   before their names, such as `bins.distance`.
//! - `1i` and `1u` are whole numbers, `t`, `T`, `true`, `True`, `TRUE` and their opposites are
//!   yes and no. NaN and infinities are not in the protocol.
//! - Times are nanoseconds unless the route says another unit. Without one the time of receipt
//!   holds.
//! - A backslash escapes `,`, space and `=` in names and tags, `"` and `\` in texts; before
//!   anything else it is itself.
//! - A line with a fault is refused alone; so is one with the same tag or field twice.

use std::borrow::Cow;

use super::values::{VALUES_MAX, too_many};
use super::{Opened, address, utf8};
use crate::instant::{self, TimeUnit};
use crate::json::is_number;
use crate::named::{Named, NamedMessage, NamedValue};
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{BATCH_ITEMS_MAX, KEYS_MAX, TEXT_CHARS_MAX};

/// What a route says of such messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lines {
    /// The tag that names the device; none: the topic names it.
    pub(crate) device: Option<String>,
    /// The unit of times.
    pub(crate) unit: TimeUnit,
    /// Whether names of values begin with the measurement.
    pub(crate) with_measurement: bool,
}

/// Reads a message; `named_by_topic` is what its topic calls the device.
pub(crate) fn read(
    lines: &Lines,
    named_by_topic: Option<&str>,
    payload: &[u8],
) -> Result<Opened, Refusal> {
    let mut cursor = Cursor {
        rest: utf8(payload)?,
    };
    let mut message = NamedMessage::default();
    let (mut index, mut count) = (0, 0);
    while cursor.find_line() {
        if index == BATCH_ITEMS_MAX {
            let text = format!("expected at most {BATCH_ITEMS_MAX} lines");
            return Err(Refusal::new(RefusalReason::TooManyItems, text));
        }
        match cursor
            .line()
            .and_then(|line| lines.record(line, named_by_topic))
        {
            Ok(record) => {
                count += record.values.len();
                message.records.push(record);
            }
            Err(refusal) => {
                message.refused.push(refusal.at(&format!("line {index}")));
                cursor.skip_line();
            }
        }
        if count > VALUES_MAX {
            return Err(too_many());
        }
        index += 1;
    }
    if message.records.is_empty() && message.refused.is_empty() {
        return Ok(Opened::NotReadings("no values"));
    }
    Ok(Opened::Named(message))
}

/// One line.
struct Line<'a> {
    measurement: Cow<'a, str>,
    tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    fields: Vec<(Cow<'a, str>, NamedValue)>,
    time: Option<&'a str>,
}

impl Lines {
    fn record(&self, line: Line<'_>, named_by_topic: Option<&str>) -> Result<Named, Refusal> {
        let device = match &self.device {
            Some(tag) => {
                let found = line.tags.iter().find(|(name, _)| name == tag);
                let (_, device) = found.ok_or_else(|| {
                    let text = format!("expected the tag {} with the device", quoted(tag));
                    Refusal::new(RefusalReason::MissingField, text)
                })?;
                address(device)?
            }
            None => address(named_by_topic.unwrap_or_default())?,
        };
        let time = line.time.map(|text| instant::from_text(text, self.unit));
        let at = time.transpose().map_err(|refusal| refusal.at("time"))?;
        let fields = line.fields.into_iter().map(|(name, value)| {
            let name = if self.with_measurement {
                format!("{}.{name}", line.measurement)
            } else {
                name.into_owned()
            };
            (name, value)
        });
        Ok(Named::said(device, at, fields.collect()))
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Goes to the next line that says something.
    fn find_line(&mut self) -> bool {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_line, rest)| rest);
    }

    fn line(&mut self) -> Result<Line<'a>, Refusal> {
        let measurement = self.name(", ", "a measurement")?;
        let mut tags: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        while self.eat(',') {
            let name = self.name(",= ", "a tag")?;
            check_new(tags.iter().map(|(known, _)| known), &name)?;
            self.must('=', "'=' after a tag")?;
            tags.push((name, self.name(",= ", "a tag's value")?));
        }
        self.must(' ', "a space before the fields")?;
        let mut fields: Vec<(Cow<'a, str>, NamedValue)> = Vec::new();
        loop {
            let name = self.name(",= ", "a field")?;
            check_new(fields.iter().map(|(known, _)| known), &name)?;
            self.must('=', "'=' after a field")?;
            fields.push((name, self.value()?));
            if !self.eat(',') {
                break;
            }
        }
        let time = self.eat(' ').then(|| self.bare());
        let time = time.filter(|text| !text.is_empty());
        self.rest = self.rest.trim_start_matches(' ');
        if !self.rest.is_empty() && !self.rest.starts_with(['\r', '\n']) {
            return Err(self.fault("the end of the line"));
        }
        Ok(Line {
            measurement,
            tags,
            fields,
            time,
        })
    }

    /// A name, up to one of the characters of `ends` that is not escaped.
    fn name(&mut self, ends: &str, what: &str) -> Result<Cow<'a, str>, Refusal> {
        let mut text = Cow::Borrowed("");
        loop {
            let stop = |char: char| matches!(char, '\\' | '\n') || ends.contains(char);
            let length = self.rest.find(stop).unwrap_or(self.rest.len());
            let (part, rest) = self.rest.split_at(length);
            text += part;
            self.rest = rest;
            let Some(escaped) = rest.strip_prefix('\\') else {
                break;
            };
            let next = escaped.chars().next().filter(|next| ",= ".contains(*next));
            let (char, rest) = escaped.split_at(usize::from(next.is_some()));
            text += if next.is_some() { char } else { "\\" };
            self.rest = rest;
        }
        let chars = text.chars().count();
        if chars == 0 || chars > TEXT_CHARS_MAX {
            return Err(self.fault(&format!("{what} of 1 to {TEXT_CHARS_MAX} characters")));
        }
        Ok(text)
    }

    fn value(&mut self) -> Result<NamedValue, Refusal> {
        if self.eat('"') {
            return self.text();
        }
        let text = self.bare();
        let whole = |fixed: Option<Fixed>| fixed.map_or(NamedValue::Missing, NamedValue::Number);
        Ok(match text {
            "t" | "T" | "true" | "True" | "TRUE" => NamedValue::Bool(true),
            "f" | "F" | "false" | "False" | "FALSE" => NamedValue::Bool(false),
            number if is_number(number) => whole(Fixed::from_json(number)),
            other => {
                let signed = other.strip_suffix('i').and_then(|text| text.parse().ok());
                let unsigned = other
                    .strip_suffix('u')
                    .and_then(|text| text.parse::<u64>().ok());
                match (signed, unsigned) {
                    (Some(number), _) => whole(Fixed::from_whole(number)),
                    (None, Some(number)) => {
                        whole(i64::try_from(number).ok().and_then(Fixed::from_whole))
                    }
                    (None, None) => {
                        let found = quoted(other);
                        let text = format!(
                            "expected a number, 1i, 1u, t, f or text in quotes, found {found}"
                        );
                        return Err(Refusal::new(RefusalReason::WrongType, text));
                    }
                }
            }
        })
    }

    /// Text up to the quote that closes it; line ends belong to it.
    fn text(&mut self) -> Result<NamedValue, Refusal> {
        let mut text = String::new();
        loop {
            let Some(length) = self.rest.find(['"', '\\']) else {
                self.rest = "";
                return Err(self.fault("a closing quote"));
            };
            let (part, rest) = self.rest.split_at(length);
            text.push_str(part);
            if let Some(rest) = rest.strip_prefix('"') {
                self.rest = rest;
                break;
            }
            let escaped = rest.get(1..).unwrap_or_default();
            let is_escape = escaped.starts_with(['"', '\\']);
            let (char, rest) = escaped.split_at(usize::from(is_escape));
            text.push_str(if is_escape { char } else { "\\" });
            self.rest = rest;
        }
        if text.chars().count() > TEXT_CHARS_MAX {
            let text = format!("expected a text of at most {TEXT_CHARS_MAX} characters");
            return Err(Refusal::new(RefusalReason::TooLong, text));
        }
        Ok(NamedValue::Text(text))
    }

    /// What stands up to a comma, a space or the end of the line.
    fn bare(&mut self) -> &'a str {
        let length = self.rest.find([',', ' ', '\r', '\n']);
        let (text, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        text
    }

    fn eat(&mut self, char: char) -> bool {
        let rest = self.rest.strip_prefix(char);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn must(&mut self, char: char, expected: &str) -> Result<(), Refusal> {
        if self.eat(char) {
            Ok(())
        } else {
            Err(self.fault(expected))
        }
    }

    fn fault(&self, expected: &str) -> Refusal {
        let text = match self.rest.chars().next() {
            Some(found) => format!("expected {expected}, found {found:?}"),
            None => format!("expected {expected}, the message ends"),
        };
        Refusal::new(RefusalReason::NotJson, text)
    }
}

fn check_new<'a>(
    mut known: impl ExactSizeIterator<Item = &'a Cow<'a, str>>,
    name: &str,
) -> Result<(), Refusal> {
    if known.len() == KEYS_MAX {
        let text = format!("expected at most {KEYS_MAX} tags or fields in a line");
        return Err(Refusal::new(RefusalReason::TooManyKeys, text));
    }
    if known.any(|known| known == name) {
        let text = format!("{} stands twice in one line", quoted(name));
        return Err(Refusal::new(RefusalReason::DuplicateKey, text));
    }
    Ok(())
}
