//! LORIOT, the JSON of its application output over MQTT or web sockets.
//!
//! Source: thingsboard/data-converters, example messages of LORIOT converters.
//!
//! - LORIOT says one uplink up to twice: at once as `"cmd":"rx"`, and with the list of gateways
//!   as `"cmd":"gw"` a little later. Either is read into the same [`super::Uplink`]: address,
//!   port, frame counter and bytes are equal, so the rule for copies downstream counts it once.
//! - Event time of both is `ts`, ms since 1970 by the server's clock. Where it is missing, the
//!   earliest instant that a gateway gives: `gws[].time` by its GPS, else `gws[].ts`.
//! - `data` is hex. `encdata`, bytes that the server has no key for, are of no use to us.
//! - Every other `cmd` carries no readings.

use std::borrow::Cow;

use huitian_model::UtcMs;

use super::{Frame, Opened, dev_eui, gateway_instant, hex, text, whole};
use crate::ENVELOPE_TEXT_CHARS_MAX;
use crate::instant;
use crate::json::{Reader, Scalar};
use crate::refusal::{Refusal, RefusalReason};

#[derive(Default)]
struct Body<'a> {
    frame: Frame,
    command: Option<Cow<'a, str>>,
    eui: Option<Cow<'a, str>>,
    time: Option<UtcMs>,
    gateway_time: Option<UtcMs>,
}

/// Reads a message.
pub(crate) fn open(payload: &[u8]) -> Result<Opened, Refusal> {
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let mut body = Body::default();
    reader.object(|reader, key| body.read(reader, &key))?;
    reader.end()?;
    match body.command.as_deref() {
        Some("rx" | "gw") => {}
        Some(_other) => return Ok(Opened::NotReadings("other command")),
        None => return Err(missing("expected cmd of LORIOT, found none")),
    }
    let eui = body
        .eui
        .ok_or_else(|| missing("expected EUI, found none"))?;
    let address = dev_eui(&eui).ok_or_else(|| {
        let text = "EUI: expected 16 hex digits";
        Refusal::new(RefusalReason::WrongType, text)
    })?;
    Ok(body.frame.opened(address, body.time.or(body.gateway_time)))
}

impl<'a> Body<'a> {
    fn read(&mut self, reader: &mut Reader<'a>, key: &str) -> Result<(), Refusal> {
        match key {
            "cmd" => self.command = text(reader, "cmd")?,
            "EUI" => self.eui = text(reader, "EUI")?,
            "ts" => {
                if let Scalar::Number(digits) = reader.scalar()? {
                    self.time = Some(instant::from_ms(digits).map_err(|fault| fault.at("ts"))?);
                }
            }
            "fcnt" => self.frame.f_cnt = whole(reader, "fcnt", u32::MAX)?,
            "port" => {
                let port = whole(reader, "port", u32::from(u8::MAX))?;
                self.frame.f_port = u8::try_from(port).unwrap_or(u8::MAX);
            }
            "data" => self.frame.bytes = hex(reader, "data")?,
            "gws" if reader.peek()? == b'[' => reader.array(|reader, _index| {
                let heard = gateway(reader)?;
                self.gateway_time = match (self.gateway_time, heard) {
                    (Some(first), Some(other)) => Some(first.min(other)),
                    (first, other) => first.or(other),
                };
                Ok(())
            })?,
            _other => reader.skip()?,
        }
        Ok(())
    }
}

/// When a gateway heard it: by its GPS, else by its own clock.
fn gateway(reader: &mut Reader) -> Result<Option<UtcMs>, Refusal> {
    let (mut exact, mut own) = (None, None);
    reader.object(|reader, key| {
        match key.as_ref() {
            "time" => exact = gateway_instant(reader, "gws[].time")?,
            "ts" => {
                if let Scalar::Number(digits) = reader.scalar()? {
                    own = instant::from_ms(digits).ok();
                }
            }
            _other => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(exact.or(own))
}

fn missing(text: &str) -> Refusal {
    Refusal::new(RefusalReason::MissingField, text)
}
