//! The Things Stack v3, the JSON of its MQTT integration.
//!
//! Source: lorawan-stack-docs, `integrations/data-formats` and `other-integrations/mqtt`.
//!
//! - The topic's device id must be the body's. The address is the body's `dev_eui` in lower
//!   case; where it has none, the device id.
//! - Empty fields are left out: a missing `f_cnt` is 0, a missing `f_port` is 0 (no application
//!   payload), a missing `frm_payload` is empty.
//! - Three times differ by up to seconds. Event time is `uplink_message.received_at`, the network
//!   server's: the same clock for every gateway, closest to the device. Then the first
//!   `rx_metadata[].time`, then `received_at` of the application server.
//! - The packet broker can make one gateway appear twice, the second time without its own clock:
//!   gateways are only looked at for a time, and the first that has one is taken.
//! - `decoded_payload`, what a formatter made of the bytes, is handed on as values by name.
//! - `simulated` uplinks are no readings: a click in a console must not fill a bin.

use std::borrow::Cow;

use huitian_model::{Slug, UtcMs};

use super::{
    Frame, Opened, bytes, decoded, dev_eui, gateway_instant, instant, mismatch, text, whole,
    wrong_topic,
};
use crate::ENVELOPE_TEXT_CHARS_MAX;
use crate::json::{Reader, Scalar};
use crate::refusal::{Refusal, RefusalReason};

/// Reads a message under `v3/`.
pub(super) fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut levels = topic.split('/').skip(1);
    let (Some(app), Some("devices"), Some(device)) = (levels.next(), levels.next(), levels.next())
    else {
        return Err(wrong_topic(topic));
    };
    match (levels.next(), levels.next(), levels.next()) {
        (Some("up"), None, None) => up(app, device, payload),
        (Some("join"), None, None) => Ok(Opened::NotReadings("join")),
        (Some("down"), _event, None) => Ok(Opened::NotReadings("down")),
        (Some("service"), Some("data"), None) => Ok(Opened::NotReadings("service")),
        (Some("location"), Some("solved"), None) => Ok(Opened::NotReadings("location")),
        _ => Err(wrong_topic(topic)),
    }
}

#[derive(Default)]
struct Body<'a> {
    frame: Frame,
    is_uplink: bool,
    is_simulated: bool,
    device: Option<Cow<'a, str>>,
    app: Option<Cow<'a, str>>,
    eui: Option<Cow<'a, str>>,
    network_time: Option<UtcMs>,
    gateway_time: Option<UtcMs>,
    application_time: Option<UtcMs>,
}

fn up(app: &str, device: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let mut body = Body::default();
    reader.object(|reader, key| body.read(reader, &key))?;
    reader.end()?;
    if !body.is_uplink {
        let text = "expected uplink_message, found none";
        return Err(Refusal::new(RefusalReason::MissingField, text));
    }
    let address = body.address(app, device)?;
    if body.is_simulated {
        return Ok(Opened::NotReadings("simulated uplink"));
    }
    let at = body
        .network_time
        .or(body.gateway_time)
        .or(body.application_time);
    Ok(body.frame.opened(address, at))
}

impl<'a> Body<'a> {
    fn address(&self, app: &str, device: &str) -> Result<String, Refusal> {
        let Some(named) = &self.device else {
            let text = "expected end_device_ids.device_id, found none";
            return Err(Refusal::new(RefusalReason::MissingField, text));
        };
        if named != device {
            return Err(mismatch(device, named));
        }
        // Device ids are unique within an application only; the tenant stands behind '@'.
        let app = app.split_once('@').map_or(app, |(app, _tenant)| app);
        if let Some(named) = self.app.as_deref().filter(|named| *named != app) {
            return Err(mismatch(app, named).at("application"));
        }
        match &self.eui {
            Some(eui) => dev_eui(eui).ok_or_else(|| {
                let text = "end_device_ids.dev_eui: expected 16 hex digits";
                Refusal::new(RefusalReason::WrongType, text)
            }),
            None => match Slug::new(device) {
                Ok(id) => Ok(id.as_str().to_owned()),
                Err(error) => Err(Refusal::new(RefusalReason::WrongTopic, error.to_string())),
            },
        }
    }

    fn read(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<(), Refusal> {
        match key {
            "end_device_ids" => reader.object(|reader, key| self.ids(reader, &key))?,
            "received_at" => self.application_time = instant(reader, "received_at")?,
            "uplink_message" => {
                self.is_uplink = true;
                reader.object(|reader, key| self.uplink(reader, &key))?;
            }
            "simulated" => self.is_simulated = reader.scalar()? == Scalar::Bool(true),
            _other => reader.skip()?,
        }
        Ok(())
    }

    fn ids(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<(), Refusal> {
        match key {
            "device_id" => self.device = text(reader, "end_device_ids.device_id")?,
            "dev_eui" => self.eui = text(reader, "end_device_ids.dev_eui")?,
            "application_ids" => reader.object(|reader, key| {
                if key != "application_id" {
                    return reader.skip();
                }
                self.app = text(reader, "end_device_ids.application_ids.application_id")?;
                Ok(())
            })?,
            _other => reader.skip()?,
        }
        Ok(())
    }

    fn uplink(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<(), Refusal> {
        match key {
            "f_port" => {
                let port = whole(reader, "uplink_message.f_port", u32::from(u8::MAX))?;
                self.frame.f_port = u8::try_from(port).unwrap_or(u8::MAX);
            }
            "f_cnt" => self.frame.f_cnt = whole(reader, "uplink_message.f_cnt", u32::MAX)?,
            "frm_payload" => {
                self.frame.bytes = bytes(reader, "uplink_message.frm_payload")?;
            }
            "decoded_payload" => self.frame.decoded = decoded(reader)?,
            "received_at" => {
                self.network_time = instant(reader, "uplink_message.received_at")?;
            }
            "rx_metadata" => self.gateways(reader)?,
            _other => reader.skip()?,
        }
        Ok(())
    }

    fn gateways(&mut self, reader: &mut Reader<'a>) -> Result<(), Refusal> {
        reader.array(|reader, _index| {
            reader.object(|reader, key| {
                if key != "time" || self.gateway_time.is_some() {
                    return reader.skip();
                }
                self.gateway_time = gateway_instant(reader, "rx_metadata[].time")?;
                Ok(())
            })
        })
    }
}
