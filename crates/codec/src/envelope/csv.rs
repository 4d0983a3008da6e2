//! Rows of values between commas, semicolons, bars or tabs (RFC 4180).
//!
//! ```text
//! dev,time,distance,lid
//! bin-7,2026-11-23T12:00:00+08:00,640,false
//! bin-8,2026-11-23T12:00:05+08:00,"1,5",true
//! ```
//!
//! - A route names the columns; where it does not, the first row does.
//! - A cell in quotes may hold the delimiter, line ends and `""` for a quote.
//! - A cell is a number, `true`, `false` or `null` in JSON's grammar, nothing, or text. An empty
//!   cell is a missing value. Decimal commas are text: no number is guessed at.
//! - A row with a fault, such as too few cells, is refused alone. Empty rows mean nothing.

use std::borrow::Cow;

use super::mapped::{device_of, sequence_of};
use super::values::{VALUES_MAX, take, too_many};
use super::{Opened, address, cell, utf8};
use crate::instant::{self, TimeUnit};
use crate::named::{Named, NamedMessage, NamedValue};
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{BATCH_ITEMS_MAX, KEYS_MAX, TEXT_CHARS_MAX};

/// What a route says of such messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Table {
    /// Names of the columns; none: the first row says them.
    pub(crate) columns: Option<Vec<String>>,
    /// What stands between cells: an ASCII character.
    pub(crate) delimiter: u8,
    /// Column of the device's name; none: the topic names it.
    pub(crate) device: Option<String>,
    /// Column of the time, and its unit.
    pub(crate) time: Option<(String, TimeUnit)>,
    /// Column of the device's own counter.
    pub(crate) sequence: Option<String>,
}

/// Reads a message; `named_by_topic` is what its topic calls the device.
pub(crate) fn read(
    table: &Table,
    named_by_topic: Option<&str>,
    payload: &[u8],
) -> Result<Opened, Refusal> {
    let text = utf8(payload)?;
    let mut rows = Rows {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        delimiter: table.delimiter,
    };
    let columns = match &table.columns {
        Some(columns) => columns.clone(),
        None => header(&mut rows)?,
    };
    let mut message = NamedMessage::default();
    let (mut index, mut count) = (0, 0);
    while let Some(row) = rows.next()? {
        if index == BATCH_ITEMS_MAX {
            let text = format!("expected at most {BATCH_ITEMS_MAX} rows");
            return Err(Refusal::new(RefusalReason::TooManyItems, text));
        }
        count += row.len();
        if count > VALUES_MAX {
            return Err(too_many());
        }
        match table.record(&columns, &row, named_by_topic) {
            Ok(record) if record.values.is_empty() => {}
            Ok(record) => message.records.push(record),
            Err(refusal) => message.refused.push(refusal.at(&format!("row {index}"))),
        }
        index += 1;
    }
    if message.records.is_empty() && message.refused.is_empty() {
        return Ok(Opened::NotReadings("no values"));
    }
    Ok(Opened::Named(message))
}

fn header(rows: &mut Rows<'_>) -> Result<Vec<String>, Refusal> {
    let names = rows.next()?.unwrap_or_default();
    check_columns(&names).map_err(|refusal| refusal.at("first row"))?;
    Ok(names.into_iter().map(Cow::into_owned).collect())
}

/// Names of columns: each once, none empty, at most 64.
pub(crate) fn check_columns<T: AsRef<str>>(names: &[T]) -> Result<(), Refusal> {
    if names.is_empty() || names.len() > KEYS_MAX {
        let text = format!("expected 1 to {KEYS_MAX} columns, found {}", names.len());
        return Err(Refusal::new(RefusalReason::TooManyKeys, text));
    }
    for (index, name) in names.iter().enumerate() {
        let name = name.as_ref();
        if name.is_empty() || name.chars().count() > TEXT_CHARS_MAX {
            let found = quoted(name);
            let text = format!("expected names of 1 to {TEXT_CHARS_MAX} characters, found {found}");
            return Err(Refusal::new(RefusalReason::OutOfRange, text));
        }
        if names.iter().take(index).any(|known| known.as_ref() == name) {
            let text = format!("column {} stands twice", quoted(name));
            return Err(Refusal::new(RefusalReason::DuplicateKey, text));
        }
    }
    Ok(())
}

impl Table {
    fn record(
        &self,
        columns: &[String],
        row: &[Cow<'_, str>],
        named_by_topic: Option<&str>,
    ) -> Result<Named, Refusal> {
        if row.len() != columns.len() {
            let (wanted, found) = (columns.len(), row.len());
            let text = format!("expected {wanted} cells, found {found}");
            return Err(Refusal::new(RefusalReason::WrongType, text));
        }
        let mut at = None;
        let mut values = Vec::with_capacity(row.len());
        for (name, text) in columns.iter().zip(row) {
            match &self.time {
                Some((column, unit)) if column == name => {
                    at = (!text.is_empty())
                        .then(|| instant::from_text(text, *unit))
                        .transpose()
                        .map_err(|refusal| refusal.at(name))?;
                }
                _value => {
                    let value = cell(text).map_err(|refusal| refusal.at(name))?;
                    values.push((name.clone(), value));
                }
            }
        }
        let device = match &self.device {
            Some(column) => {
                device_of(take(&mut values, column)).map_err(|refusal| refusal.at(column))?
            }
            None => address(named_by_topic.unwrap_or_default())?,
        };
        let sequence = match &self.sequence {
            Some(column) => {
                sequence_of(take(&mut values, column)).map_err(|refusal| refusal.at(column))?
            }
            None => None,
        };
        // A row of empty cells says nothing.
        if values
            .iter()
            .all(|(_, value)| *value == NamedValue::Missing)
        {
            values.clear();
        }
        let mut record = Named::said(device, at, values);
        record.sequence = sequence;
        Ok(record)
    }
}

struct Rows<'a> {
    rest: &'a str,
    delimiter: u8,
}

impl<'a> Rows<'a> {
    /// The next row that is not empty.
    fn next(&mut self) -> Result<Option<Vec<Cow<'a, str>>>, Refusal> {
        self.rest = self.rest.trim_start_matches(['\r', '\n']);
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        loop {
            if cells.len() == KEYS_MAX {
                let text = format!("expected at most {KEYS_MAX} cells in a row");
                return Err(Refusal::new(RefusalReason::TooManyKeys, text));
            }
            cells.push(if self.rest.starts_with('"') {
                self.quoted()?
            } else {
                self.bare()
            });
            match self.rest.as_bytes().first() {
                Some(byte) if *byte == self.delimiter => {
                    self.rest = self.rest.get(1..).unwrap_or_default();
                }
                None | Some(b'\r' | b'\n') => return Ok(Some(cells)),
                Some(_other) => {
                    let text = "expected a delimiter after a cell in quotes";
                    return Err(Refusal::new(RefusalReason::NotJson, text));
                }
            }
        }
    }

    fn bare(&mut self) -> Cow<'a, str> {
        let is_end = |byte: &u8| matches!(*byte, b'\r' | b'\n') || *byte == self.delimiter;
        let length = self.rest.bytes().position(|byte| is_end(&byte));
        // The delimiter is ASCII, so this is never within a character.
        let (cell, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        Cow::Borrowed(cell.trim_matches(' '))
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, Refusal> {
        let mut text = Cow::Borrowed("");
        let mut rest = self.rest.get(1..).unwrap_or_default();
        loop {
            let Some((part, after)) = rest.split_once('"') else {
                let text = "expected a closing quote, the message ends";
                return Err(Refusal::new(RefusalReason::NotJson, text));
            };
            text += part;
            let Some(more) = after.strip_prefix('"') else {
                self.rest = after;
                return Ok(text);
            };
            text += "\"";
            rest = more;
        }
    }
}
