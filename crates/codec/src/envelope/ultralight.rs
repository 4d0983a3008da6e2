//! FIWARE `UltraLight` 2.0: keys and values between bars.
//!
//! Source: telefonicaid/iotagent-ul, user's manual (payload and MQTT binding).
//!
//! ```text
//! t|15|k|abc                        two values
//! gps|1.2/3.4#t|10                  two groups, each a record of its own
//! 2016-06-13T00:35:30Z|lle|100      a group with its time
//! ```
//!
//! | topic | what it carries |
//! |---|---|
//! | `/ul/{key}/{device}/attrs` | groups as above |
//! | `/ul/{key}/{device}/attrs/{name}` | one plain value |
//! | `/ul/{key}/{device}/cmd`, `cmdexe`, `configuration/...` | commands: notes |
//!
//! - Values have no types: what is a number, `true`, `false`, `null` or quoted text in JSON's
//!   grammar is that, all else is text. So `007` stays text.
//! - The API key names a group of devices for access rules; the device's id is its address.

use huitian_model::UtcMs;

use super::values::{VALUES_MAX, too_many};
use super::{Opened, address, cell, utf8, wrong_topic, wrong_type};
use crate::json::{Reader, Scalar};
use crate::named::{Named, NamedMessage, NamedValue};
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{BATCH_ITEMS_MAX, KEYS_MAX, TEXT_CHARS_MAX, instant};

/// Reads a message under `/ul/`.
pub(super) fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut levels = topic.strip_prefix('/').unwrap_or(topic).split('/').skip(2);
    let device = levels.next().ok_or_else(|| wrong_topic(topic))?;
    match (levels.next(), levels.next(), levels.next()) {
        (Some("attrs"), None, None) => read(device, None, payload),
        (Some("attrs"), Some(name), None) => read(device, Some(name), payload),
        (Some("cmd" | "cmdexe" | "configuration"), _more, None) => {
            Ok(Opened::NotReadings("command"))
        }
        _ => Err(wrong_topic(topic)),
    }
}

/// Reads what a device sent: groups, or the one value of that name.
pub(crate) fn read(device: &str, name: Option<&str>, payload: &[u8]) -> Result<Opened, Refusal> {
    let device = address(device)?;
    let text = utf8(payload)?;
    let mut message = NamedMessage::default();
    if let Some(name) = name {
        let values = vec![(key(name)?, value(text)?)];
        message.records.push(Named::said(device, None, values));
        return Ok(Opened::Named(message));
    }
    let mut count = 0;
    for (index, text) in text.split('#').enumerate() {
        if index == BATCH_ITEMS_MAX {
            let text = format!("expected at most {BATCH_ITEMS_MAX} groups");
            return Err(Refusal::new(RefusalReason::TooManyItems, text));
        }
        match group(&device, text) {
            Ok(record) => {
                count += record.values.len();
                message.records.push(record);
            }
            Err(refusal) => message.refused.push(refusal.at(&format!("group {index}"))),
        }
        if count > VALUES_MAX {
            return Err(too_many());
        }
    }
    Ok(Opened::Named(message))
}

fn group(device: &str, text: &str) -> Result<Named, Refusal> {
    let mut at = None;
    let mut values: Vec<(String, NamedValue)> = Vec::new();
    let mut parts = text.split('|').peekable();
    if text.bytes().filter(|byte| *byte == b'|').count() % 2 == 0 {
        let time = parts.next().unwrap_or_default().trim();
        at = Some(instant_of(time)?);
    }
    while let (Some(name), Some(text)) = (parts.next(), parts.next()) {
        let name = key(name)?;
        if values.len() == KEYS_MAX {
            let text = format!("expected at most {KEYS_MAX} values");
            return Err(Refusal::new(RefusalReason::TooManyKeys, text));
        }
        if values.iter().any(|(known, _)| *known == name) {
            let text = format!("key {} stands twice in one group", quoted(&name));
            return Err(Refusal::new(RefusalReason::DuplicateKey, text));
        }
        values.push((name, value(text)?));
    }
    if values.is_empty() {
        let text = "expected key|value, found none";
        return Err(Refusal::new(RefusalReason::MissingField, text));
    }
    Ok(Named::said(device.to_owned(), at, values))
}

/// The time before a group of an odd number of parts.
fn instant_of(text: &str) -> Result<UtcMs, Refusal> {
    instant::from_rfc3339(text)
        .map_err(|refusal| refusal.at("an odd number of parts begins with a time"))
}

fn key(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 || chars > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(wrong_type(
            "key",
            &format!("1 to {TEXT_CHARS_MAX} characters"),
        ));
    }
    Ok(text.to_owned())
}

fn value(text: &str) -> Result<NamedValue, Refusal> {
    let text = text.trim();
    if text.starts_with('"')
        && let Some(inner) = quoted_text(text)
    {
        return Ok(NamedValue::Text(inner));
    }
    cell(text)
}

/// What a JSON text in quotes says; none where it is no such text.
fn quoted_text(text: &str) -> Option<String> {
    let mut reader = Reader::new(text.as_bytes(), TEXT_CHARS_MAX).ok()?;
    let Scalar::Text(inner) = reader.scalar().ok()? else {
        return None;
    };
    reader.end().ok()?;
    Some(inner.into_owned())
}
