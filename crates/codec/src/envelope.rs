//! From topic and payload to what a message is.
//!
//! | topic | what it carries |
//! |---|---|
//! | `huitian/v1/{site}/{device}` | the plain form, [`crate::plain`] |
//! | `application/{app}/device/{devEui}/event/{event}` | `ChirpStack` v4, [`chirpstack`] |
//! | `v3/{app}[@{tenant}]/devices/{id}/{event}` | The Things Stack v3, [`tts`] |
//!
//! The shape of the topic alone decides: a body is never guessed at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huitian_model::{DeviceId, SiteId, TimeSource, UtcMs};

use crate::json::{Reader, Scalar};
use crate::named::NamedMessage;
use crate::number::Fixed;
use crate::plain::PlainMessage;
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX, UPLINK_BYTES_MAX};

pub mod chirpstack;
pub mod tts;

/// What a message is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opened {
    /// Bytes of a LoRaWAN device, to be decoded by its profile.
    Uplink(Uplink),
    /// The plain form.
    Plain(PlainMessage),
    /// Values by name, to be decoded by the profiles of their devices.
    Named(NamedMessage),
    /// Traffic that carries no readings, such as a join: the word says which.
    NotReadings(&'static str),
}

/// Bytes of a LoRaWAN device, as its network server hands them on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uplink {
    /// `DevEUI` in lower-case hex; where The Things Stack gives none, its device id.
    pub address: String,
    /// The port, 1 to 255; none where the envelope has no such thing.
    pub f_port: Option<u8>,
    /// The frame counter; a missing one is 0, as protobuf's JSON leaves zeros out.
    pub f_cnt: Option<u32>,
    /// The application payload, 1 to [`UPLINK_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
    /// When the network heard it.
    pub at: Option<UtcMs>,
    /// [`TimeSource::Network`], or [`TimeSource::Receiver`] exactly where `at` is none.
    pub time_source: TimeSource,
}

/// Reads a message by the shape of its topic.
///
/// # Errors
/// [`Refusal`] where nothing of the message can be used. What is wrong with single readings of a
/// plain message stands in [`PlainMessage::refused`] instead.
pub fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        let found = payload.len();
        let text = format!("expected at most {PAYLOAD_BYTES_MAX} bytes, found {found}");
        return Err(Refusal::new(RefusalReason::Oversized, text));
    }
    if topic.len() > TOPIC_BYTES_MAX {
        return Err(wrong_topic(topic));
    }
    let mut levels = topic.split('/');
    match (levels.next(), levels.next()) {
        (Some("huitian"), Some("v1")) => plain(topic, payload),
        (Some("application"), Some(_app)) => chirpstack::open(topic, payload),
        (Some("v3"), Some(_app)) => tts::open(topic, payload),
        _ => Err(wrong_topic(topic)),
    }
}

fn plain(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    let mut levels = topic.split('/').skip(2);
    let (Some(site), Some(device), None) = (levels.next(), levels.next(), levels.next()) else {
        return Err(wrong_topic(topic));
    };
    let refuse = |error: huitian_model::IdError| {
        let refusal = Refusal::new(RefusalReason::WrongTopic, error.to_string());
        refusal.at("topic huitian/v1/{site}/{device}")
    };
    let site = SiteId::new(site).map_err(refuse)?;
    let device = DeviceId::new(device).map_err(refuse)?;
    PlainMessage::parse(site, device, payload).map(Opened::Plain)
}

/// What the bodies of the network servers have in common.
#[derive(Default)]
struct Frame {
    f_port: u8,
    f_cnt: u32,
    bytes: Vec<u8>,
}

impl Frame {
    /// The uplink, or the word for an uplink that carries nothing for an application.
    fn opened(self, address: String, at: Option<UtcMs>) -> Opened {
        if self.f_port == 0 || self.bytes.is_empty() {
            return Opened::NotReadings("uplink without application payload");
        }
        Opened::Uplink(Uplink {
            address,
            f_port: Some(self.f_port),
            f_cnt: Some(self.f_cnt),
            bytes: self.bytes,
            at,
            time_source: match at {
                Some(_) => TimeSource::Network,
                None => TimeSource::Receiver,
            },
        })
    }
}

fn wrong_topic(topic: &str) -> Refusal {
    let expected = "huitian/v1/{site}/{device}, application/{app}/device/{devEui}/event/{event} \
                    or v3/{app}/devices/{id}/up";
    let text = format!("expected topic {expected}, found {}", quoted(topic));
    Refusal::new(RefusalReason::WrongTopic, text)
}

fn mismatch(topic: &str, body: &str) -> Refusal {
    let text = format!(
        "the topic names device {}, the body {}",
        quoted(topic),
        quoted(body)
    );
    Refusal::new(RefusalReason::IdentityMismatch, text)
}

fn wrong_type(place: &str, expected: &str) -> Refusal {
    Refusal::new(
        RefusalReason::WrongType,
        format!("{place}: expected {expected}"),
    )
}

/// Text, or none for `null`.
fn text<'a>(
    reader: &mut Reader<'a>,
    place: &str,
) -> Result<Option<std::borrow::Cow<'a, str>>, Refusal> {
    match reader.scalar()? {
        Scalar::Text(text) => Ok(Some(text)),
        Scalar::Null => Ok(None),
        Scalar::Bool(_) | Scalar::Number(_) | Scalar::Container => Err(wrong_type(place, "text")),
    }
}

/// A whole number of 0 to `most`; 0 for `null`.
fn whole(reader: &mut Reader, place: &str, most: u32) -> Result<u32, Refusal> {
    let digits = match reader.scalar()? {
        Scalar::Number(digits) => digits,
        Scalar::Null => return Ok(0),
        Scalar::Bool(_) | Scalar::Text(_) | Scalar::Container => {
            return Err(wrong_type(place, "a whole number"));
        }
    };
    let found = Fixed::from_json(digits).and_then(Fixed::whole);
    found
        .and_then(|found| u32::try_from(found).ok())
        .filter(|found| *found <= most)
        .ok_or_else(|| {
            let found = quoted(digits);
            let text = format!("{place}: expected a whole number of 0 to {most}, found {found}");
            Refusal::new(RefusalReason::OutOfRange, text)
        })
}

/// An instant in RFC 3339 text, or none for `null`.
fn instant(reader: &mut Reader, place: &str) -> Result<Option<UtcMs>, Refusal> {
    match text(reader, place)? {
        Some(text) => crate::instant::from_rfc3339(&text)
            .map(Some)
            .map_err(|refusal| refusal.at(place)),
        None => Ok(None),
    }
}

/// An instant of a gateway's own clock, which may be unset or wrong: what is no instant of this
/// century is none, because the envelope has better times and the uplink itself is sound.
fn gateway_instant(reader: &mut Reader, place: &str) -> Result<Option<UtcMs>, Refusal> {
    let text = text(reader, place)?;
    Ok(text.and_then(|text| crate::instant::from_rfc3339(&text).ok()))
}

/// Bytes in base64; none for `null`.
fn bytes(reader: &mut Reader, place: &str) -> Result<Vec<u8>, Refusal> {
    let Some(encoded) = text(reader, place)? else {
        return Ok(Vec::new());
    };
    let bytes = STANDARD
        .decode(encoded.as_bytes())
        .map_err(|error| wrong_type(place, &format!("base64 with padding: {error}")))?;
    if bytes.len() > UPLINK_BYTES_MAX {
        let found = bytes.len();
        let text = format!("{place}: expected at most {UPLINK_BYTES_MAX} bytes, found {found}");
        return Err(Refusal::new(RefusalReason::OutOfRange, text));
    }
    Ok(bytes)
}

/// A `DevEUI`, 16 hex digits, in lower case.
fn dev_eui(text: &str) -> Option<String> {
    let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
