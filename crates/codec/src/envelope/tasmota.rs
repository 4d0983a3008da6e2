//! Tasmota, the JSON that its firmware publishes by itself.
//!
//! Source: tasmota/docs, `MQTT.md`, `Peripherals.md`; LoRaWAN bridge: arendst/Tasmota#23545.
//!
//! | topic | what it carries |
//! |---|---|
//! | `tele/{device}/SENSOR` | values by name, paths such as `SR04.Distance` |
//! | `tele/{device}/LWT` | `Online` or `Offline`: a note |
//! | others under `tele`, `stat`, `cmnd` | state of the firmware, results, commands: notes |
//!
//! - The device is what stands between the first and the last level, which may be several levels.
//! - `Time` is local time **without a zone**. Only a route that says `utc_offset` makes it the
//!   event time; else the time of receipt holds, since a wrong hour is worse than a late second.
//! - A bridge speaks for others: what stands under `LwDecoded` (LoRaWAN) or `ZbReceived` (Zigbee)
//!   belongs to the device of that key, called `{bridge}/{key}`, such as `hall/0x4EA0`. Such a
//!   key is only unique at its bridge.

use huitian_model::UtcMs;

use super::values::{Excess, Flat, VALUES_MAX};
use super::{Opened, address, utf8, wrong_topic, wrong_type};
use crate::json::{Reader, Scalar};
use crate::named::{Named, NamedMessage};
use crate::refusal::Refusal;
use crate::{TEXT_CHARS_MAX, instant};

/// What a bridge puts messages of other devices under.
const BRIDGED: [&str; 2] = ["LwDecoded", "ZbReceived"];

/// Reads a message by the shape of its topic.
pub(super) fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    let parts = topic.split_once('/').and_then(|(prefix, rest)| {
        let (device, kind) = rest.rsplit_once('/')?;
        Some((prefix, device, kind))
    });
    match parts {
        Some(("tele", device, kind)) if !device.is_empty() => read(device, kind, None, payload),
        Some(("stat", ..)) => Ok(Opened::NotReadings("command result")),
        Some(("cmnd", ..)) => Ok(Opened::NotReadings("command")),
        _ => Err(wrong_topic(topic)),
    }
}

/// Reads what `device` sent as `kind`; its clock is that many minutes east of UTC.
pub(crate) fn read(
    device: &str,
    kind: &str,
    utc_offset: Option<i32>,
    payload: &[u8],
) -> Result<Opened, Refusal> {
    match kind {
        "SENSOR" => sensor(device, utc_offset, payload),
        "LWT" => match utf8(payload)? {
            "Online" => Ok(Opened::NotReadings("device online")),
            "Offline" => Ok(Opened::NotReadings("device offline")),
            _other => Err(wrong_type("LWT", "Online or Offline")),
        },
        _other => Ok(Opened::NotReadings("state of the firmware")),
    }
}

fn sensor(device: &str, utc_offset: Option<i32>, payload: &[u8]) -> Result<Opened, Refusal> {
    let device = address(device)?;
    let mut reader = Reader::new(payload, TEXT_CHARS_MAX)?;
    let mut own = Flat::new(Excess::Refused, VALUES_MAX);
    let mut others = Vec::new();
    let mut at = None;
    reader.object(|reader, key| match key.as_ref() {
        "Time" => {
            at = time(reader, utc_offset)?;
            Ok(())
        }
        key if BRIDGED.contains(&key) && reader.peek()? == b'{' => reader.object(|reader, key| {
            let mut flat = Flat::new(Excess::Refused, own.room());
            flat.value(reader)?;
            own.spend(flat.values.len());
            others.push((address(&format!("{device}/{key}"))?, flat.values));
            Ok(())
        }),
        key => own.member(reader, key),
    })?;
    reader.end()?;
    let all = std::iter::once((device, own.values)).chain(others);
    let records: Vec<Named> = all
        .filter(|(_, values)| !values.is_empty())
        .map(|(address, values)| Named::said(address, at, values))
        .collect();
    if records.is_empty() {
        return Ok(Opened::NotReadings("no values"));
    }
    Ok(Opened::Named(NamedMessage {
        records,
        refused: Vec::new(),
    }))
}

fn time(reader: &mut Reader, utc_offset: Option<i32>) -> Result<Option<UtcMs>, Refusal> {
    match (reader.scalar()?, utc_offset) {
        (Scalar::Text(text), Some(minutes)) => {
            let at = instant::from_local(&text, minutes);
            at.map(Some).map_err(|refusal| refusal.at("Time"))
        }
        _local_or_none => Ok(None),
    }
}
