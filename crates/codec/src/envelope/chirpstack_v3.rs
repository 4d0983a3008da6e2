//! `ChirpStack` v3, the JSON marshaler of its MQTT integration and the legacy `json_v3` one.
//!
//! Source: brocaar/chirpstack-docs, `application-server/integrations/events.md`.
//!
//! - Topics `application/{id}/device/{devEui}/event/{event}`, before 3.11
//!   `application/{id}/device/{devEui}/rx`. The id is a number in version 3 and a UUID in
//!   version 4: this alone tells them apart. A body is never asked which version it is.
//! - `devEUI` is base64 of 8 bytes (12 characters) with one marshaler and 16 hex digits with the
//!   other. Lengths differ, so nothing is guessed; the device is that of the *topic*, and the
//!   body must agree.
//! - There is no time of the server: the first `rxInfo[].time` that is an instant is the event
//!   time, else the time of receipt.
//! - `objectJSON` is a text that holds JSON, `object` (legacy) is JSON. Either is handed on as
//!   values by name; a text that is no object is left aside, since the bytes are sound.
//! - `status` and `error` (version 4's `log`) are as in [`super::chirpstack`].

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huitian_model::UtcMs;

use super::chirpstack::{Status, gateway_time, log, read_frame};
use super::{Frame, Opened, decoded, dev_eui, mismatch, text, wrong_topic};
use crate::ENVELOPE_TEXT_CHARS_MAX;
use crate::json::Reader;
use crate::named::NamedValue;
use crate::refusal::{Refusal, RefusalReason};

/// Whether an application id is one of version 3: a number.
pub(super) fn is_of(application: &str) -> bool {
    !application.is_empty() && application.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a message under `application/{number}/`.
pub(super) fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut levels = topic.split('/').skip(2);
    let (Some("device"), Some(eui)) = (levels.next(), levels.next()) else {
        return Err(wrong_topic(topic));
    };
    let address = dev_eui(eui).ok_or_else(|| wrong_topic(topic))?;
    let event = match (levels.next(), levels.next(), levels.next()) {
        (Some("rx"), None, None) => "up",
        (Some("event"), Some(event), None)
        | (Some(event @ ("status" | "join" | "ack" | "error" | "location")), None, None) => event,
        (Some("command"), Some("down"), None) | (Some("tx"), None, None) => "command",
        _ => return Err(wrong_topic(topic)),
    };
    match event {
        "up" => up(address, payload),
        "status" => status(address, payload),
        "error" => log(payload, "type"),
        "join" => Ok(Opened::NotReadings("join")),
        "ack" => Ok(Opened::NotReadings("ack")),
        "txack" => Ok(Opened::NotReadings("txack")),
        "location" => Ok(Opened::NotReadings("location")),
        "integration" => Ok(Opened::NotReadings("integration")),
        "command" => Ok(Opened::NotReadings("command")),
        _ => Err(wrong_topic(topic)),
    }
}

#[derive(Default)]
struct Body<'a> {
    frame: Frame,
    eui: Option<Cow<'a, str>>,
    gateway_time: Option<UtcMs>,
}

fn up(address: String, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let mut body = Body::default();
    reader.object(|reader, key| body.read(reader, &key))?;
    reader.end()?;
    check_identity(&address, body.eui.as_deref())?;
    Ok(body.frame.opened(address, body.gateway_time))
}

fn status(address: String, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let (mut status, mut eui) = (Status::default(), None);
    reader.object(|reader, key| {
        match key.as_ref() {
            "devEUI" => eui = text(reader, "devEUI")?,
            key if status.read(reader, key)? => {}
            _other => reader.skip()?,
        }
        Ok(())
    })?;
    reader.end()?;
    check_identity(&address, eui.as_deref())?;
    Ok(status.opened(address, None))
}

impl<'a> Body<'a> {
    fn read(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<(), Refusal> {
        match key {
            "devEUI" => self.eui = text(reader, "devEUI")?,
            key if read_frame(&mut self.frame, reader, key)? => {}
            "objectJSON" => {
                if let Some(text) = text(reader, "objectJSON")? {
                    self.frame.decoded = inner(&text).unwrap_or_default();
                }
            }
            "rxInfo" if reader.peek()? == b'[' => self.gateway_time = gateway_time(reader)?,
            _other => reader.skip()?,
        }
        Ok(())
    }
}

/// The values of an object in a text; none where it is no object.
fn inner(text: &str) -> Option<Vec<(String, NamedValue)>> {
    let mut reader = Reader::new(text.as_bytes(), ENVELOPE_TEXT_CHARS_MAX).ok()?;
    let values = decoded(&mut reader).ok()?;
    reader.end().ok()?;
    Some(values)
}

fn check_identity(address: &str, eui: Option<&str>) -> Result<(), Refusal> {
    let Some(text) = eui else {
        let text = "expected devEUI of ChirpStack v3, found none";
        return Err(Refusal::new(RefusalReason::MissingField, text));
    };
    let named = dev_eui(text).or_else(|| {
        let bytes = STANDARD.decode(text).ok()?;
        let bytes: [u8; 8] = bytes.try_into().ok()?;
        Some(format!("{:016x}", u64::from_be_bytes(bytes)))
    });
    match named {
        Some(named) if named == address => Ok(()),
        Some(named) => Err(mismatch(address, &named)),
        None => {
            let text = "devEUI: expected 8 bytes in base64, or 16 hex digits";
            Err(Refusal::new(RefusalReason::WrongType, text))
        }
    }
}
