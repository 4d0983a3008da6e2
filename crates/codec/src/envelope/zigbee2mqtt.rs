//! zigbee2mqtt, the state of Zigbee devices as JSON.
//!
//! Source: zigbee2mqtt's guide, "MQTT topics and messages".
//!
//! | topic | what it carries |
//! |---|---|
//! | `zigbee2mqtt/{name}` | values by name |
//! | `zigbee2mqtt/{name}/availability` | `online` or `offline`, also in JSON: a note |
//! | `zigbee2mqtt/{name}/set`, `/get` | commands: notes |
//! | `zigbee2mqtt/bridge/...` | what the bridge says of itself: notes |
//!
//! - The device is its friendly name, which may contain `/`. A name that ends in `/set`, `/get`
//!   or `/availability` cannot be told from such a topic.
//! - `last_seen`, where it is switched on, is the event time: ISO text or ms since 1970.
//! - `output: attribute`, one topic for each value, is not read: set `output: json`.

use huitian_model::UtcMs;

use super::values::{Excess, Flat, VALUES_MAX, take};
use super::{Opened, address, opened, wrong_topic, wrong_type};
use crate::json::{Reader, Scalar};
use crate::named::{Named, NamedValue};
use crate::refusal::Refusal;
use crate::{TEXT_CHARS_MAX, instant};

/// Reads a message under `zigbee2mqtt/`.
pub(super) fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    match topic.split_once('/') {
        Some((_base, name)) => read(name, payload),
        None => Err(wrong_topic(topic)),
    }
}

/// Reads what stands under the topic `name` below the base topic.
pub(crate) fn read(name: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    if name == "bridge" || name.starts_with("bridge/") {
        return Ok(Opened::NotReadings("bridge"));
    }
    match name.rsplit_once('/') {
        Some((_device, "availability")) => return availability(payload),
        Some((_device, "set" | "get")) => return Ok(Opened::NotReadings("command")),
        _state => {}
    }
    let device = address(name)?;
    let mut reader = Reader::new(payload, TEXT_CHARS_MAX)?;
    let mut flat = Flat::new(Excess::Refused, VALUES_MAX);
    flat.object(&mut reader)?;
    reader.end()?;
    let at = last_seen(take(&mut flat.values, "last_seen"))?;
    Ok(opened(Named::said(device, at, flat.values)))
}

fn last_seen(value: Option<NamedValue>) -> Result<Option<UtcMs>, Refusal> {
    let at = match value {
        None | Some(NamedValue::Missing) => return Ok(None),
        Some(NamedValue::Number(ms)) => instant::from_ms(&ms.to_string()),
        Some(NamedValue::Text(text)) => instant::from_rfc3339(&text),
        Some(NamedValue::Bool(_)) => Err(wrong_type("it", "ISO text or ms since 1970")),
    };
    at.map(Some).map_err(|refusal| refusal.at("last_seen"))
}

/// `online`, or `{"state":"online"}` since version 1.23.
fn availability(payload: &[u8]) -> Result<Opened, Refusal> {
    let note = |state: &str| match state {
        "online" => Ok(Opened::NotReadings("device online")),
        "offline" => Ok(Opened::NotReadings("device offline")),
        _other => Err(wrong_type("availability", "online or offline")),
    };
    if payload.first() != Some(&b'{') {
        return note(super::utf8(payload)?);
    }
    let mut reader = Reader::new(payload, TEXT_CHARS_MAX)?;
    let mut state = String::new();
    reader.object(|reader, key| {
        if key != "state" {
            return reader.skip();
        }
        if let Scalar::Text(text) = reader.scalar()? {
            state = text.into_owned();
        }
        Ok(())
    })?;
    reader.end()?;
    note(&state)
}
