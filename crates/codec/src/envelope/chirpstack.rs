//! `ChirpStack` v4, the JSON marshaler of its MQTT integration.
//!
//! Source: chirpstack-docs, `integrations/events.md` and `mqtt.md`.
//!
//! - The device is the `DevEUI` of the *topic*: a broker's access rules speak of topics. A body
//!   that names another one is refused.
//! - Protobuf's JSON leaves out what is zero: a missing `fCnt` is 0 (the first uplink after a
//!   join), a missing `fPort` is 0 (no application payload), a missing `data` is empty.
//! - Event time is `time`. `ChirpStack` fills it from a gateway with GPS where there is one and
//!   from its own clock otherwise, so no better time stands elsewhere. Where it is missing, the
//!   first `rxInfo[].time` is taken.
//! - `object`, what a codec in the server made of the bytes, is handed on as values by name.
//! - `status` is a record of values by name: `batteryLevel` in percent (none where the device
//!   cannot say it or is on mains), `margin` in dB, `externalPowerSource`.
//! - `log` is a note of the server about the device, with its code where that is known: a health
//!   signal, and no error of ours.
//! - Version 3 publishes under topics of the same shape. Its application id is a number, that of
//!   version 4 a UUID, which has letters or dashes: this alone tells them apart.

use std::borrow::Cow;

use huitian_model::{TimeSource, UtcMs};

use super::{
    Frame, Opened, bytes, decoded, dev_eui, gateway_instant, instant, mismatch, opened, text,
    whole, wrong_topic, wrong_type,
};
use crate::ENVELOPE_TEXT_CHARS_MAX;
use crate::json::{Reader, Scalar};
use crate::named::{Named, NamedValue};
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason};

/// Events without readings.
const OTHER_EVENTS: [&str; 5] = ["join", "ack", "txack", "location", "integration"];

/// The codes of `log` events and of version 3's `error` events, each with its note.
const LOG_CODES: [(&str, &str); 15] = [
    ("UPLINK_CODEC", "log UPLINK_CODEC"),
    ("DOWNLINK_CODEC", "log DOWNLINK_CODEC"),
    ("UPLINK_MIC", "log UPLINK_MIC"),
    ("UPLINK_F_CNT_RESET", "log UPLINK_F_CNT_RESET"),
    (
        "UPLINK_F_CNT_RETRANSMISSION",
        "log UPLINK_F_CNT_RETRANSMISSION",
    ),
    (
        "UPLINK_FCNT_RETRANSMISSION",
        "log UPLINK_F_CNT_RETRANSMISSION",
    ),
    ("UPLINK_FCNT_RESET", "log UPLINK_F_CNT_RESET"),
    ("OTAA", "log OTAA"),
    ("EXPIRED", "log EXPIRED"),
    ("F_CNT_DOWN", "log F_CNT_DOWN"),
    ("DOWNLINK_PAYLOAD_SIZE", "log DOWNLINK_PAYLOAD_SIZE"),
    ("DOWNLINK_GATEWAY", "log DOWNLINK_GATEWAY"),
    ("DOWNLINK_FCNT", "log F_CNT_DOWN"),
    ("DATA_DOWN_GATEWAY", "log DOWNLINK_GATEWAY"),
    ("RELAY_NEW_END_DEVICE", "log RELAY_NEW_END_DEVICE"),
];

/// Reads a message under `application/`.
pub(super) fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut levels = topic.split('/').skip(2);
    let (Some("device"), Some(eui), Some(direction), Some(event), None) = (
        levels.next(),
        levels.next(),
        levels.next(),
        levels.next(),
        levels.next(),
    ) else {
        return Err(wrong_topic(topic));
    };
    match (direction, event) {
        ("event", "up") => {
            let address = dev_eui(eui).ok_or_else(|| wrong_topic(topic))?;
            up(address, payload)
        }
        ("event", "status") => {
            let address = dev_eui(eui).ok_or_else(|| wrong_topic(topic))?;
            status(address, payload)
        }
        ("event", "log") => log(payload, "code"),
        ("event", event) => OTHER_EVENTS
            .into_iter()
            .find(|known| *known == event)
            .map(Opened::NotReadings)
            .ok_or_else(|| wrong_topic(topic)),
        ("command", "down") => Ok(Opened::NotReadings("command")),
        _ => Err(wrong_topic(topic)),
    }
}

#[derive(Default)]
struct Body<'a> {
    frame: Frame,
    eui: Option<Cow<'a, str>>,
    time: Option<UtcMs>,
    gateway_time: Option<UtcMs>,
}

fn up(address: String, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let mut body = Body::default();
    reader.object(|reader, key| body.read(reader, &key))?;
    reader.end()?;
    check_identity(&address, body.eui.as_deref())?;
    let at = body.time.or(body.gateway_time);
    Ok(body.frame.opened(address, at))
}

impl<'a> Body<'a> {
    fn read(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<(), Refusal> {
        match key {
            "time" => self.time = instant(reader, "time")?,
            "deviceInfo" => self.eui = device_info(reader)?,
            key if read_frame(&mut self.frame, reader, key)? => {}
            // Nobody asks the gateways where the server has spoken.
            "rxInfo" if self.time.is_none() => self.gateway_time = gateway_time(reader)?,
            _other => return reader.skip(),
        }
        Ok(())
    }
}

/// Reads a member of the body that both versions have for the radio frame; whether it was one.
pub(super) fn read_frame(
    frame: &mut Frame,
    reader: &mut Reader,
    key: &str,
) -> Result<bool, Refusal> {
    match key {
        "fCnt" => frame.f_cnt = whole(reader, "fCnt", u32::MAX)?,
        "fPort" => {
            let port = whole(reader, "fPort", u32::from(u8::MAX))?;
            frame.f_port = u8::try_from(port).unwrap_or(u8::MAX);
        }
        "data" => frame.bytes = bytes(reader, "data")?,
        "object" => frame.decoded = decoded(reader)?,
        _other => return Ok(false),
    }
    Ok(true)
}

fn check_identity(address: &str, eui: Option<&str>) -> Result<(), Refusal> {
    let Some(eui) = eui else {
        let text = "expected deviceInfo.devEui of ChirpStack v4, found none";
        return Err(Refusal::new(RefusalReason::MissingField, text));
    };
    if !eui.eq_ignore_ascii_case(address) {
        return Err(mismatch(address, eui));
    }
    Ok(())
}

/// What a device says of itself when the server asks (`DevStatusAns`).
#[derive(Default)]
pub(super) struct Status {
    battery: Option<Fixed>,
    margin: Option<Fixed>,
    is_external: bool,
    is_unknown: bool,
}

impl Status {
    /// Reads a member of the body; whether it was one of these.
    pub(super) fn read(&mut self, reader: &mut Reader, key: &str) -> Result<bool, Refusal> {
        match key {
            "batteryLevel" => self.battery = number(reader, "batteryLevel")?,
            "margin" => self.margin = number(reader, "margin")?,
            "externalPowerSource" => self.is_external = reader.scalar()? == Scalar::Bool(true),
            "batteryLevelUnavailable" => self.is_unknown = reader.scalar()? == Scalar::Bool(true),
            _other => return Ok(false),
        }
        Ok(true)
    }

    /// The record of it.
    pub(super) fn opened(self, address: String, at: Option<UtcMs>) -> Opened {
        let told = |value: Option<Fixed>| value.map_or(NamedValue::Missing, NamedValue::Number);
        let battery = self
            .battery
            .filter(|_| !self.is_external && !self.is_unknown);
        let mut record = Named {
            address,
            at,
            time_source: TimeSource::Receiver,
            sequence: None,
            values: vec![
                (super::BATTERY_LEVEL.to_owned(), told(battery)),
                ("margin".to_owned(), told(self.margin)),
                (
                    "externalPowerSource".to_owned(),
                    NamedValue::Bool(self.is_external),
                ),
            ],
        };
        if at.is_some() {
            record.time_source = TimeSource::Network;
        }
        opened(record)
    }
}

fn status(address: String, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let (mut status, mut eui, mut time) = (Status::default(), None, None);
    reader.object(|reader, key| {
        match key.as_ref() {
            "deviceInfo" => eui = device_info(reader)?,
            "time" => time = instant(reader, "time")?,
            key if status.read(reader, key)? => {}
            _other => reader.skip()?,
        }
        Ok(())
    })?;
    reader.end()?;
    check_identity(&address, eui.as_deref())?;
    Ok(status.opened(address, time))
}

/// A number, or none for `null`.
fn number(reader: &mut Reader, place: &str) -> Result<Option<Fixed>, Refusal> {
    match reader.scalar()? {
        Scalar::Number(digits) => Ok(Fixed::from_json(digits)),
        Scalar::Null => Ok(None),
        Scalar::Bool(_) | Scalar::Text(_) | Scalar::Container => Err(wrong_type(place, "a number")),
    }
}

/// What the server notes of a device: its code stands under `key`.
pub(super) fn log(payload: &[u8], key: &str) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let mut note = "log";
    reader.object(|reader, found| {
        if found != key {
            return reader.skip();
        }
        let code = text(reader, key)?.unwrap_or_default();
        let known = LOG_CODES.into_iter().find(|(known, _)| *known == code);
        note = known.map_or(note, |(_, known)| known);
        Ok(())
    })?;
    reader.end()?;
    Ok(Opened::NotReadings(note))
}

fn device_info<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
    let mut eui = None;
    reader.object(|reader, key| {
        if key != "devEui" {
            return reader.skip();
        }
        eui = text(reader, "deviceInfo.devEui")?;
        Ok(())
    })?;
    Ok(eui)
}

/// The time of the first gateway that gives one.
pub(super) fn gateway_time(reader: &mut Reader) -> Result<Option<UtcMs>, Refusal> {
    let mut first = None;
    reader.array(|reader, _index| {
        reader.object(|reader, key| {
            if key != "time" || first.is_some() {
                return reader.skip();
            }
            first = gateway_instant(reader, "rxInfo[].time")?;
            Ok(())
        })
    })?;
    Ok(first)
}
