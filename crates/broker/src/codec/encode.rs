//! Packets to bytes, appended to a connection's output buffer.

use bytes::{BufMut, BytesMut};
use huitian_mqtt::Qos;

use super::properties::id;
use super::{Message, Version, reason};

/// Longest body a remaining length can tell (MQTT 5.0, 2.1.4): 268,435,455 bytes.
const BODY_BYTES_MAX: usize = 0x0FFF_FFFF;

/// Which acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AckKind {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

impl AckKind {
    fn first(self) -> u8 {
        match self {
            Self::Puback => 0x40,
            Self::Pubrec => 0x50,
            Self::Pubrel => 0x62,
            Self::Pubcomp => 0x70,
        }
    }
}

/// What a successful CONNACK tells an MQTT 5 client beyond success.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connack<'a> {
    pub(crate) session_present: bool,
    pub(crate) receive_max: u16,
    pub(crate) packet_max: u32,
    /// What the broker keeps of a session, if that is less than the client asked for.
    pub(crate) session_expiry_s: Option<u32>,
    /// The id the broker gave to a client that came without one.
    pub(crate) assigned_id: Option<&'a str>,
}

/// CONNACK: success with what the server offers, or a refusal by its MQTT 5 reason code.
pub(crate) fn connack(out: &mut BytesMut, version: Version, answer: Result<Connack<'_>, u8>) {
    let session_present = answer.is_ok_and(|connack| connack.session_present);
    let code = match (answer, version) {
        (Ok(_), _) => 0,
        (Err(reason), Version::V5) => reason,
        (Err(reason), Version::V311) => return_code(reason),
    };
    let properties = answer
        .ok()
        .filter(|_| version == Version::V5)
        .map(|connack| offered(&connack));
    let mut body = BytesMut::new();
    body.put_u8(u8::from(session_present));
    body.put_u8(code);
    if version == Version::V5 {
        put_properties(&mut body, &properties.unwrap_or_default());
    }
    packet(out, 0x20, &body);
}

/// MQTT 3.1.1 knows five refusals (table 3.1).
fn return_code(reason: u8) -> u8 {
    match reason {
        reason::UNSUPPORTED_PROTOCOL_VERSION => 1,
        reason::CLIENT_IDENTIFIER_NOT_VALID => 2,
        reason::BAD_USER_NAME_OR_PASSWORD => 4,
        reason::NOT_AUTHORIZED => 5,
        _ => 3,
    }
}

fn offered(connack: &Connack<'_>) -> BytesMut {
    let mut block = BytesMut::new();
    put_id(&mut block, id::RECEIVE_MAX);
    block.put_u16(connack.receive_max);
    put_id(&mut block, id::PACKET_MAX);
    block.put_u32(connack.packet_max);
    put_id(&mut block, id::SUBSCRIPTION_IDS_AVAILABLE);
    block.put_u8(0);
    put_id(&mut block, id::SHARED_AVAILABLE);
    block.put_u8(0);
    if let Some(seconds) = connack.session_expiry_s {
        put_id(&mut block, id::SESSION_EXPIRY);
        block.put_u32(seconds);
    }
    if let Some(assigned) = connack.assigned_id {
        put_id(&mut block, id::ASSIGNED_CLIENT_ID);
        put_text(&mut block, assigned);
    }
    block
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP; the reason is told to MQTT 5 clients only.
pub(crate) fn ack(out: &mut BytesMut, kind: AckKind, packet_id: u16, reason: u8, version: Version) {
    out.put_u8(kind.first());
    if reason == reason::SUCCESS || version == Version::V311 {
        out.put_u8(2);
        out.put_u16(packet_id);
    } else {
        out.put_u8(3);
        out.put_u16(packet_id);
        out.put_u8(reason);
    }
}

/// How one PUBLISH goes to one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) qos: Qos,
    /// 0 for `QoS` 0.
    pub(crate) id: u16,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
}

/// PUBLISH to a subscriber. False if the packet would be above `packet_max`: then nothing is
/// written, and the message counts as delivered (MQTT 5.0, 3.1.2.11.4).
pub(crate) fn publish(
    out: &mut BytesMut,
    message: &Message,
    how: Outgoing,
    version: Version,
    packet_max: u32,
) -> bool {
    let id_bytes = if how.qos == Qos::AtMostOnce { 0 } else { 2 };
    let property_bytes = match version {
        Version::V311 => 0,
        Version::V5 => varint_bytes(message.properties.len()) + message.properties.len(),
    };
    let body = 2 + message.topic.len() + id_bytes + property_bytes + message.payload.len();
    let total = 1 + varint_bytes(body) + body;
    if body > BODY_BYTES_MAX || u32::try_from(total).is_ok_and(|total| total > packet_max) {
        return false;
    }
    out.reserve(total);
    let flags = u8::from(how.dup) << 3 | how.qos.level() << 1 | u8::from(how.retain);
    out.put_u8(0x30 | flags);
    put_varint(out, body);
    put_text(out, &message.topic);
    if how.qos != Qos::AtMostOnce {
        out.put_u16(how.id);
    }
    if version == Version::V5 {
        put_properties(out, &message.properties);
    }
    out.put_slice(&message.payload);
    true
}

/// SUBACK with one code per filter.
pub(crate) fn suback(out: &mut BytesMut, packet_id: u16, codes: &[u8], version: Version) {
    let codes = codes.iter().map(|&code| match version {
        Version::V311 => code.min(0x80),
        Version::V5 => code,
    });
    with_codes(out, 0x90, packet_id, &codes.collect::<Vec<u8>>(), version);
}

/// UNSUBACK; MQTT 3.1.1 has no codes in it.
pub(crate) fn unsuback(out: &mut BytesMut, packet_id: u16, codes: &[u8], version: Version) {
    let codes = match version {
        Version::V311 => &[],
        Version::V5 => codes,
    };
    with_codes(out, 0xB0, packet_id, codes, version);
}

fn with_codes(out: &mut BytesMut, first: u8, packet_id: u16, codes: &[u8], version: Version) {
    let mut body = BytesMut::new();
    body.put_u16(packet_id);
    if version == Version::V5 {
        body.put_u8(0);
    }
    body.put_slice(codes);
    packet(out, first, &body);
}

pub(crate) fn pingresp(out: &mut BytesMut) {
    out.put_slice(&[0xD0, 0]);
}

/// DISCONNECT from the server; MQTT 3.1.1 has none, there the connection is just closed.
pub(crate) fn disconnect(out: &mut BytesMut, reason: u8, version: Version) {
    if version == Version::V5 {
        out.put_slice(&[0xE0, 1, reason]);
    }
}

fn packet(out: &mut BytesMut, first: u8, body: &[u8]) {
    out.put_u8(first);
    put_varint(out, body.len());
    out.put_slice(body);
}

fn put_properties(out: &mut BytesMut, block: &[u8]) {
    put_varint(out, block.len());
    out.put_slice(block);
}

fn put_id(out: &mut BytesMut, id: u32) {
    // Every id in use is below 128, where a variable byte integer is one byte.
    out.put_u8(u8::try_from(id).unwrap_or(u8::MAX));
}

/// Texts written here come from a packet or are made by us, so that they fit 65,535 bytes; a longer
/// one would be cut rather than break the framing.
fn put_text(out: &mut BytesMut, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.put_slice(
        text.as_bytes()
            .get(..usize::from(length))
            .unwrap_or_default(),
    );
}

fn varint_bytes(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

fn put_varint(out: &mut BytesMut, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7F).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            out.put_u8(low);
            return;
        }
        out.put_u8(low | 0x80);
    }
}
