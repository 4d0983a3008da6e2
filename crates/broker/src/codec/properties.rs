//! MQTT 5 properties (MQTT 5.0, table 2-4): checked by the packet they stand in.

use bytes::Bytes;

use super::Fault;
use super::wire::Body;

pub(super) mod id {
    pub(in crate::codec) const PAYLOAD_FORMAT: u32 = 0x01;
    pub(in crate::codec) const MESSAGE_EXPIRY: u32 = 0x02;
    pub(in crate::codec) const CONTENT_TYPE: u32 = 0x03;
    pub(in crate::codec) const RESPONSE_TOPIC: u32 = 0x08;
    pub(in crate::codec) const CORRELATION_DATA: u32 = 0x09;
    pub(in crate::codec) const SUBSCRIPTION_ID: u32 = 0x0B;
    pub(in crate::codec) const SESSION_EXPIRY: u32 = 0x11;
    pub(in crate::codec) const ASSIGNED_CLIENT_ID: u32 = 0x12;
    pub(in crate::codec) const AUTH_METHOD: u32 = 0x15;
    pub(in crate::codec) const AUTH_DATA: u32 = 0x16;
    pub(in crate::codec) const REQUEST_PROBLEM: u32 = 0x17;
    pub(in crate::codec) const WILL_DELAY: u32 = 0x18;
    pub(in crate::codec) const REQUEST_RESPONSE: u32 = 0x19;
    pub(in crate::codec) const REASON_STRING: u32 = 0x1F;
    pub(in crate::codec) const RECEIVE_MAX: u32 = 0x21;
    pub(in crate::codec) const TOPIC_ALIAS_MAX: u32 = 0x22;
    pub(in crate::codec) const TOPIC_ALIAS: u32 = 0x23;
    pub(in crate::codec) const USER: u32 = 0x26;
    pub(in crate::codec) const PACKET_MAX: u32 = 0x27;
    pub(in crate::codec) const SUBSCRIPTION_IDS_AVAILABLE: u32 = 0x29;
    pub(in crate::codec) const SHARED_AVAILABLE: u32 = 0x2A;
}

/// One property: its id, its value if it is a number (0 otherwise), and its bytes with the id.
pub(super) struct Property {
    pub(super) id: u32,
    pub(super) number: u32,
    pub(super) raw: Bytes,
}

/// Reads a block of properties. `allowed` are the ids this packet may carry; none may come twice
/// but the user property.
pub(super) fn read(body: &mut Body, allowed: &[u32]) -> Result<Vec<Property>, Fault> {
    let length = usize::try_from(body.varint()?).map_err(|_large| Fault::TooLarge(usize::MAX))?;
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut block = Body::new(body.take(length)?);
    let mut properties: Vec<Property> = Vec::new();
    let mut seen = 0_u64;
    while !block.is_empty() {
        let before = block.peek();
        let id = block.varint()?;
        if !allowed.contains(&id) {
            return Err(Fault::Protocol("property not allowed in this packet"));
        }
        let bit = 1_u64
            .checked_shl(id)
            .ok_or(Fault::Malformed("unknown property"))?;
        if id != id::USER && seen & bit != 0 {
            return Err(Fault::Protocol("property given twice"));
        }
        seen |= bit;
        let number = value(&mut block, id)?;
        let raw = before.slice(..before.len().saturating_sub(block.len()));
        properties.push(Property { id, number, raw });
    }
    Ok(properties)
}

fn value(block: &mut Body, id: u32) -> Result<u32, Fault> {
    match id {
        id::PAYLOAD_FORMAT | id::REQUEST_PROBLEM | id::REQUEST_RESPONSE => match block.u8()? {
            byte @ (0 | 1) => Ok(u32::from(byte)),
            _ => Err(Fault::Protocol("flag property is neither 0 nor 1")),
        },
        id::RECEIVE_MAX | id::TOPIC_ALIAS_MAX | id::TOPIC_ALIAS => block.u16().map(u32::from),
        id::MESSAGE_EXPIRY | id::SESSION_EXPIRY | id::WILL_DELAY | id::PACKET_MAX => block.u32(),
        id::SUBSCRIPTION_ID => block.varint(),
        id::CONTENT_TYPE | id::RESPONSE_TOPIC | id::AUTH_METHOD | id::REASON_STRING => {
            block.text().map(|_text| 0)
        }
        id::CORRELATION_DATA | id::AUTH_DATA => block.binary().map(|_data| 0),
        id::USER => {
            block.text()?;
            block.text().map(|_text| 0)
        }
        _ => Err(Fault::Malformed("unknown property")),
    }
}
