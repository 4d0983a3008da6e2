//! From topic and payload to what a message is.
//!
//! These are known by the shape of their topic alone, by [`open`]:
//!
//! | topic | format | what |
//! |---|---|---|
//! | `huitian/v1/{site}/{device}` | the plain form, [`crate::plain`] | values |
//! | `application/{uuid}/device/{devEui}/event/{event}` | `ChirpStack` v4, [`chirpstack`] | bytes |
//! | `application/{number}/device/{devEui}/...` | `ChirpStack` v3, [`chirpstack_v3`] | bytes |
//! | `v3/{app}[@{tenant}]/devices/{id}/{event}` | The Things Stack v3, [`tts`] | bytes |
//! | `tele/{device}/SENSOR`, `LWT` | Tasmota, [`tasmota`] | values |
//! | `zigbee2mqtt/{device}[/availability]` | zigbee2mqtt, [`zigbee2mqtt`] | values |
//! | `/ul/{key}/{device}/attrs[/{name}]` | FIWARE `UltraLight` 2.0, [`ultralight`] | values |
//!
//! The others have no topic of their own: a [route](crate::route) says which topic carries them.
//!
//! | format of a route | what it carries |
//! |---|---|
//! | `loriot` | LORIOT's `rx` and `gw`, [`loriot`]: bytes |
//! | `json` | JSON whose keys a route maps, [`mapped`]: values by name |
//! | `csv` | rows of values, [`csv`]: values by column |
//! | `line` | InfluxDB line protocol, [`line`](mod@line): values by field |
//! | `senml-json`, `senml-cbor` | `SenML` (RFC 8428), [`senml`]: values by name |
//! | `ngsi-ld` | notifications of NGSI-LD, [`ngsi`]: values by attribute |
//! | `tasmota`, `zigbee2mqtt`, `ultralight` | the same as above, under another topic |
//!
//! The shape of the topic or the route alone decides: a body is never guessed at (decision 0121).
//!
//! Whatever comes: at most [`PAYLOAD_BYTES_MAX`] bytes, depth [`crate::DEPTH_MAX`],
//! [`crate::KEYS_MAX`] keys of an object, no key twice, texts of
//! [`crate::TEXT_CHARS_MAX`] characters, [`crate::BATCH_ITEMS_MAX`] records and 1,024 values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use huitian_model::{DeviceId, SiteId, TimeSource, UtcMs};

use crate::json::{Reader, Scalar};
use crate::named::{Named, NamedMessage, NamedValue};
use crate::number::Fixed;
use crate::plain::PlainMessage;
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{PAYLOAD_BYTES_MAX, TEXT_CHARS_MAX, TOPIC_BYTES_MAX, UPLINK_BYTES_MAX};

pub mod chirpstack;
pub mod chirpstack_v3;
pub mod csv;
pub mod line;
pub mod loriot;
pub mod mapped;
pub mod ngsi;
pub mod senml;
pub mod tasmota;
pub mod tts;
pub mod ultralight;
pub mod zigbee2mqtt;

mod values;

/// The name under which a network server says a device's battery, in percent.
pub const BATTERY_LEVEL: &str = "batteryLevel";

/// Values of a decoded object that are kept of an uplink; a codec's object has some ten.
pub const DECODED_VALUES_MAX: usize = 64;

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
    /// What a codec in the network server made of the bytes, by name: the first
    /// [`DECODED_VALUES_MAX`]. A profile that reads the bytes needs none of it.
    pub decoded: Vec<(String, NamedValue)>,
}

impl Uplink {
    /// What the network server's codec made of it, as values by name.
    pub fn named(&self) -> Named {
        Named {
            address: self.address.clone(),
            at: self.at,
            time_source: self.time_source,
            sequence: self.f_cnt,
            values: self.decoded.clone(),
        }
    }
}

/// Reads a message by the shape of its topic.
///
/// # Errors
/// [`Refusal`] where nothing of the message can be used. What is wrong with single readings of a
/// plain message stands in [`PlainMessage::refused`] instead.
pub fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    check_size(topic, payload)?;
    let mut levels = topic.split('/');
    match (levels.next(), levels.next()) {
        (Some("huitian"), Some("v1")) => plain(topic, payload),
        (Some("application"), Some(app)) if chirpstack_v3::is_of(app) => {
            chirpstack_v3::open(topic, payload)
        }
        (Some("application"), Some(_app)) => chirpstack::open(topic, payload),
        (Some("v3"), Some(_app)) => tts::open(topic, payload),
        (Some("tele" | "stat" | "cmnd"), Some(_device)) => tasmota::open(topic, payload),
        (Some("zigbee2mqtt"), Some(_device)) => zigbee2mqtt::open(topic, payload),
        (Some(""), Some("ul")) | (Some("ul"), Some(_)) => ultralight::open(topic, payload),
        _ => Err(wrong_topic(topic)),
    }
}

/// Whether a record is what a network server says of a device by itself (`DevStatusAns`), which
/// devices whose profile reads bytes have beside their uplinks.
pub fn is_server_status(record: &Named) -> bool {
    let first = record.values.first();
    first.is_some_and(|(name, _)| name == BATTERY_LEVEL)
        && record.sequence.is_none()
        && record
            .values
            .iter()
            .any(|(name, _)| name == "externalPowerSource")
}

/// What is checked before anything else.
pub(crate) fn check_size(topic: &str, payload: &[u8]) -> Result<(), Refusal> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        let found = payload.len();
        let text = format!("expected at most {PAYLOAD_BYTES_MAX} bytes, found {found}");
        return Err(Refusal::new(RefusalReason::Oversized, text));
    }
    if topic.len() > TOPIC_BYTES_MAX {
        return Err(wrong_topic(topic));
    }
    Ok(())
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
    decoded: Vec<(String, NamedValue)>,
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
            decoded: self.decoded,
        })
    }
}

/// What a codec in the network server made of an uplink; what is too much of it is left aside.
fn decoded(reader: &mut Reader) -> Result<Vec<(String, NamedValue)>, Refusal> {
    let mut flat = values::Flat::new(values::Excess::LeftAside, DECODED_VALUES_MAX);
    match reader.peek()? {
        b'{' => flat.object(reader)?,
        _none => reader.skip()?,
    }
    Ok(flat.values)
}

/// What a device's name in a message must be: 1 to 128 characters, none of them a control.
fn address(text: &str) -> Result<String, Refusal> {
    let chars = text.chars().count();
    if chars == 0 || chars > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
        let text = format!(
            "expected a device's name of 1 to {TEXT_CHARS_MAX} characters, found {}",
            quoted(text)
        );
        return Err(Refusal::new(RefusalReason::OutOfRange, text));
    }
    Ok(text.to_owned())
}

/// One record as a message, or the word for a message without values.
fn opened(record: Named) -> Opened {
    if record.values.is_empty() {
        return Opened::NotReadings("no values");
    }
    Opened::Named(NamedMessage {
        records: vec![record],
        refused: Vec::new(),
    })
}

/// The text of a payload that is no JSON.
fn utf8(payload: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(payload).map_err(|error| {
        let text = format!("expected UTF-8 at byte {}", error.valid_up_to());
        Refusal::new(RefusalReason::NotJson, text)
    })
}

/// A cell of a text format: a number, yes or no in JSON's grammar, nothing, or text.
fn cell(text: &str) -> Result<NamedValue, Refusal> {
    Ok(match text {
        "" | "null" => NamedValue::Missing,
        "true" => NamedValue::Bool(true),
        "false" => NamedValue::Bool(false),
        number if crate::json::is_number(number) => {
            Fixed::from_json(number).map_or(NamedValue::Missing, NamedValue::Number)
        }
        text if text.len() > TEXT_CHARS_MAX && text.chars().count() > TEXT_CHARS_MAX => {
            let text = format!("expected a text of at most {TEXT_CHARS_MAX} characters");
            return Err(Refusal::new(RefusalReason::TooLong, text));
        }
        text => NamedValue::Text(text.to_owned()),
    })
}

fn wrong_topic(topic: &str) -> Refusal {
    let expected = "huitian/v1/{site}/{device}, application/{app}/device/{devEui}/event/{event}, \
                    v3/{app}/devices/{id}/up, tele/{device}/SENSOR, zigbee2mqtt/{device}, \
                    /ul/{key}/{device}/attrs or one of mqtt.routes";
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

/// Bytes in hex; none for `null`.
fn hex(reader: &mut Reader, place: &str) -> Result<Vec<u8>, Refusal> {
    let Some(encoded) = text(reader, place)? else {
        return Ok(Vec::new());
    };
    let (pairs, odd) = encoded.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok())
        .collect();
    let bytes = bytes.filter(|bytes| odd.is_empty() && bytes.len() <= UPLINK_BYTES_MAX);
    bytes.ok_or_else(|| wrong_type(place, &format!("hex of at most {UPLINK_BYTES_MAX} bytes")))
}

/// A `DevEUI`, 16 hex digits, in lower case.
fn dev_eui(text: &str) -> Option<String> {
    let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
