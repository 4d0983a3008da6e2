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
//! - Version 3 publishes under the same topics, without `deviceInfo`: refused, not guessed at.

use std::borrow::Cow;

use huitian_model::UtcMs;

use super::{
    Frame, Opened, bytes, dev_eui, gateway_instant, instant, mismatch, text, whole, wrong_topic,
};
use crate::ENVELOPE_TEXT_CHARS_MAX;
use crate::json::Reader;
use crate::refusal::{Refusal, RefusalReason};

/// Events without readings.
const OTHER_EVENTS: [&str; 7] = [
    "status",
    "join",
    "ack",
    "txack",
    "log",
    "location",
    "integration",
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
    let Some(eui) = &body.eui else {
        let text = "expected deviceInfo.devEui of ChirpStack v4, found none";
        return Err(Refusal::new(RefusalReason::MissingField, text));
    };
    if !eui.eq_ignore_ascii_case(&address) {
        return Err(mismatch(&address, eui));
    }
    let at = body.time.or(body.gateway_time);
    Ok(body.frame.opened(address, at))
}

impl<'a> Body<'a> {
    fn read(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<(), Refusal> {
        match key {
            "time" => self.time = instant(reader, "time")?,
            "deviceInfo" => self.eui = device_info(reader)?,
            "fCnt" => self.frame.f_cnt = whole(reader, "fCnt", u32::MAX)?,
            "fPort" => {
                let port = whole(reader, "fPort", u32::from(u8::MAX))?;
                self.frame.f_port = u8::try_from(port).unwrap_or(u8::MAX);
            }
            "data" => self.frame.bytes = bytes(reader, "data")?,
            // Nobody asks the gateways where the server has spoken.
            "rxInfo" if self.time.is_none() => self.gateway_time = gateway_time(reader)?,
            _other => return reader.skip(),
        }
        Ok(())
    }
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
fn gateway_time(reader: &mut Reader) -> Result<Option<UtcMs>, Refusal> {
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
