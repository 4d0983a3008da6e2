//! Bytes to packets.

use bytes::{Bytes, BytesMut};
use huitian_mqtt::Qos;

use super::properties::{self, Property, id};
use super::wire::Body;
use super::{
    Connect, Fault, Inbound, Password, Publish, RetainHandling, Subscription, Version, Will,
};

/// Properties a message may carry; all are passed on to subscribers.
const MESSAGE: [u32; 6] = [
    id::PAYLOAD_FORMAT,
    id::MESSAGE_EXPIRY,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::USER,
];
/// Filters in one SUBSCRIBE or UNSUBSCRIBE: as many as a session may hold.
const FILTERS_MAX: usize = 100;

/// What the first bytes of a packet say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// Fewer bytes than a header has.
    Incomplete,
    /// The whole packet is `total` bytes long, its body starts at `body_at`.
    Complete {
        first: u8,
        body_at: usize,
        total: usize,
    },
}

/// Reads type and length without taking anything from the buffer.
///
/// # Errors
/// A length of more than four bytes, or a packet above `limit_bytes`.
pub(crate) fn split_header(buffer: &BytesMut, limit_bytes: usize) -> Result<Header, Fault> {
    let mut bytes = buffer.iter().copied();
    let Some(first) = bytes.next() else {
        return Ok(Header::Incomplete);
    };
    let mut length = 0_usize;
    let mut body_at = 1;
    for shift in [0, 7, 14, 21] {
        let Some(byte) = bytes.next() else {
            return Ok(Header::Incomplete);
        };
        body_at += 1;
        length |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            let total = body_at + length;
            if total > limit_bytes {
                return Err(Fault::TooLarge(total));
            }
            return Ok(Header::Complete {
                first,
                body_at,
                total,
            });
        }
    }
    Err(Fault::Malformed("remaining length longer than four bytes"))
}

/// Decodes one packet. `version` is what CONNECT agreed on; a CONNECT brings its own.
///
/// # Errors
/// The packet breaks the protocol; the connection must be closed.
pub(crate) fn decode(first: u8, body: Bytes, version: Version) -> Result<Inbound, Fault> {
    let flags = first & 0x0F;
    let mut body = Body::new(body);
    let expected = match first >> 4 {
        3 => return publish(flags, body, version).map(Inbound::Publish),
        6 | 8 | 10 => 2,
        _ => 0,
    };
    if flags != expected {
        return Err(Fault::Malformed("reserved flags of the packet type"));
    }
    let packet = match first >> 4 {
        1 => Inbound::Connect(Box::new(connect(&mut body)?)),
        4 => Inbound::Puback(acknowledgement(&mut body, version)?.0),
        5 => {
            let (id, reason) = acknowledgement(&mut body, version)?;
            Inbound::Pubrec {
                id,
                refused: reason >= 0x80,
            }
        }
        6 => Inbound::Pubrel(acknowledgement(&mut body, version)?.0),
        7 => Inbound::Pubcomp(acknowledgement(&mut body, version)?.0),
        8 => subscribe(&mut body, version)?,
        10 => unsubscribe(&mut body, version)?,
        12 => Inbound::Pingreq,
        14 => disconnect(&mut body, version)?,
        15 => return Err(Fault::Protocol("AUTH without an authentication method")),
        _ => return Err(Fault::Protocol("packet type only a server may send")),
    };
    if body.is_empty() {
        Ok(packet)
    } else {
        Err(Fault::Malformed("bytes after the end of the packet"))
    }
}

fn publish(flags: u8, mut body: Body, version: Version) -> Result<Publish, Fault> {
    let qos = Qos::from_level((flags >> 1) & 3).ok_or(Fault::Malformed("QoS 3"))?;
    let dup = flags & 8 != 0;
    if dup && qos == Qos::AtMostOnce {
        return Err(Fault::Malformed("DUP with QoS 0"));
    }
    let topic = body.string()?;
    let id = if qos == Qos::AtMostOnce {
        0
    } else {
        body.id()?
    };
    let properties = match version {
        Version::V311 => Bytes::new(),
        Version::V5 => message_properties(&mut body)?,
    };
    check_topic_name(&topic)?;
    Ok(Publish {
        topic,
        payload: body.rest(),
        qos,
        retain: flags & 1 != 0,
        dup,
        id,
        properties,
    })
}

fn message_properties(body: &mut Body) -> Result<Bytes, Fault> {
    let mut allowed = [0; MESSAGE.len() + 1];
    for (slot, id) in allowed
        .iter_mut()
        .zip(MESSAGE.into_iter().chain([id::TOPIC_ALIAS]))
    {
        *slot = id;
    }
    let found = properties::read(body, &allowed)?;
    if found.iter().any(|property| property.id == id::TOPIC_ALIAS) {
        return Err(Fault::TopicAlias);
    }
    Ok(joined(&found))
}

/// The properties' own bytes, in their order.
fn joined(found: &[Property]) -> Bytes {
    let mut bytes = BytesMut::new();
    for property in found
        .iter()
        .filter(|property| property.id != id::WILL_DELAY)
    {
        bytes.extend_from_slice(&property.raw);
    }
    bytes.freeze()
}

fn check_topic_name(topic: &str) -> Result<(), Fault> {
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(Fault::TopicName);
    }
    Ok(())
}

fn connect(body: &mut Body) -> Result<Connect, Fault> {
    if body.binary()?.as_ref() != b"MQTT" {
        return Err(Fault::Malformed("protocol name is not MQTT"));
    }
    let version = match body.u8()? {
        4 => Version::V311,
        5 => Version::V5,
        level => return Err(Fault::Level(level)),
    };
    let flags = body.u8()?;
    if flags & 1 != 0 {
        return Err(Fault::Malformed("reserved flag of CONNECT"));
    }
    let clean_start = flags & 2 != 0;
    let keep_alive_s = body.u16()?;
    let mut connect = Connect {
        version,
        client_id: String::new(),
        clean_start,
        keep_alive_s,
        session_expiry_s: if version == Version::V5 || clean_start {
            0
        } else {
            u32::MAX
        },
        receive_max: u16::MAX,
        packet_max: u32::MAX,
        wants_enhanced_auth: false,
        will: None,
        user: None,
        password: None,
    };
    if version == Version::V5 {
        connect_properties(body, &mut connect)?;
    }
    connect.client_id = body.string()?;
    connect.will = will(flags, body, version)?;
    credentials(flags, body, &mut connect)?;
    Ok(connect)
}

fn connect_properties(body: &mut Body, connect: &mut Connect) -> Result<(), Fault> {
    let allowed = [
        id::SESSION_EXPIRY,
        id::RECEIVE_MAX,
        id::PACKET_MAX,
        id::TOPIC_ALIAS_MAX,
        id::REQUEST_RESPONSE,
        id::REQUEST_PROBLEM,
        id::USER,
        id::AUTH_METHOD,
        id::AUTH_DATA,
    ];
    for Property { id, number, .. } in properties::read(body, &allowed)? {
        match (id, number) {
            (id::RECEIVE_MAX | id::PACKET_MAX, 0) => {
                return Err(Fault::Protocol("receive maximum or packet size of 0"));
            }
            (id::SESSION_EXPIRY, seconds) => connect.session_expiry_s = seconds,
            (id::PACKET_MAX, bytes) => connect.packet_max = bytes,
            (id::RECEIVE_MAX, count) => {
                connect.receive_max = u16::try_from(count).unwrap_or(u16::MAX);
            }
            (id::AUTH_METHOD, _) => connect.wants_enhanced_auth = true,
            _ => {}
        }
    }
    Ok(())
}

fn will(flags: u8, body: &mut Body, version: Version) -> Result<Option<Will>, Fault> {
    if flags & 4 == 0 {
        if flags & 0x38 != 0 {
            return Err(Fault::Malformed("will QoS or retain without a will"));
        }
        return Ok(None);
    }
    let qos = Qos::from_level((flags >> 3) & 3).ok_or(Fault::Malformed("will QoS 3"))?;
    let mut delay_s = 0;
    let mut properties = Bytes::new();
    if version == Version::V5 {
        let mut allowed = MESSAGE.to_vec();
        allowed.push(id::WILL_DELAY);
        let found = properties::read(body, &allowed)?;
        delay_s = found
            .iter()
            .find(|property| property.id == id::WILL_DELAY)
            .map_or(0, |property| property.number);
        properties = joined(&found);
    }
    let topic = body.string()?;
    check_topic_name(&topic)?;
    Ok(Some(Will {
        topic,
        payload: body.binary()?,
        qos,
        retain: flags & 0x20 != 0,
        properties,
        delay_s,
    }))
}

fn credentials(flags: u8, body: &mut Body, connect: &mut Connect) -> Result<(), Fault> {
    let (user, password) = (flags & 0x80 != 0, flags & 0x40 != 0);
    if password && !user && connect.version == Version::V311 {
        return Err(Fault::Malformed("password without a user name"));
    }
    if user {
        connect.user = Some(body.string()?);
    }
    if password {
        connect.password = Some(Password(body.binary()?));
    }
    Ok(())
}

fn acknowledgement(body: &mut Body, version: Version) -> Result<(u16, u8), Fault> {
    let packet = body.id()?;
    if version == Version::V311 || body.is_empty() {
        return Ok((packet, 0));
    }
    let reason = body.u8()?;
    if !body.is_empty() {
        properties::read(body, &[id::REASON_STRING, id::USER])?;
    }
    Ok((packet, reason))
}

fn subscribe(body: &mut Body, version: Version) -> Result<Inbound, Fault> {
    let id = body.id()?;
    let mut has_identifier = false;
    if version == Version::V5 {
        let found = properties::read(body, &[id::SUBSCRIPTION_ID, id::USER])?;
        has_identifier = found
            .iter()
            .any(|property| property.id == id::SUBSCRIPTION_ID);
    }
    let mut subscriptions = Vec::new();
    while !body.is_empty() {
        check_count(subscriptions.len())?;
        let filter = body.string()?;
        subscriptions.push(subscription(filter, body.u8()?, version)?);
    }
    if subscriptions.is_empty() {
        return Err(Fault::Protocol("SUBSCRIBE without a filter"));
    }
    Ok(Inbound::Subscribe {
        id,
        has_identifier,
        subscriptions,
    })
}

fn check_count(filters: usize) -> Result<(), Fault> {
    if filters >= FILTERS_MAX {
        return Err(Fault::Protocol("more than 100 filters in one packet"));
    }
    Ok(())
}

fn subscription(filter: String, options: u8, version: Version) -> Result<Subscription, Fault> {
    let reserved = if version == Version::V5 { 0xC0 } else { 0xFC };
    if options & reserved != 0 {
        return Err(Fault::Malformed("reserved bits of subscription options"));
    }
    let retain_handling = match (options >> 4) & 3 {
        0 => RetainHandling::Always,
        1 => RetainHandling::IfNew,
        2 => RetainHandling::Never,
        _ => return Err(Fault::Protocol("retain handling 3")),
    };
    Ok(Subscription {
        filter,
        qos: Qos::from_level(options & 3).ok_or(Fault::Malformed("QoS 3"))?,
        no_local: options & 4 != 0,
        retain_as_published: options & 8 != 0,
        retain_handling,
    })
}

fn unsubscribe(body: &mut Body, version: Version) -> Result<Inbound, Fault> {
    let id = body.id()?;
    if version == Version::V5 {
        properties::read(body, &[id::USER])?;
    }
    let mut filters = Vec::new();
    while !body.is_empty() {
        check_count(filters.len())?;
        filters.push(body.string()?);
    }
    if filters.is_empty() {
        return Err(Fault::Protocol("UNSUBSCRIBE without a filter"));
    }
    Ok(Inbound::Unsubscribe { id, filters })
}

fn disconnect(body: &mut Body, version: Version) -> Result<Inbound, Fault> {
    let mut reason = 0;
    let mut session_expiry_s = None;
    if version == Version::V5 && !body.is_empty() {
        reason = body.u8()?;
        if !body.is_empty() {
            let allowed = [id::SESSION_EXPIRY, id::REASON_STRING, id::USER];
            session_expiry_s = properties::read(body, &allowed)?
                .into_iter()
                .find(|property| property.id == id::SESSION_EXPIRY)
                .map(|property| property.number);
        }
    }
    Ok(Inbound::Disconnect {
        reason,
        session_expiry_s,
    })
}
