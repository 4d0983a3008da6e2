//! Watches the packets that come from the broker, before the client library sees them.
//!
//! - A message above the limit is shrunk: topic [`OVERSIZED`], its own topic as payload, the same
//!   packet identifier. So it is counted and acknowledged in its turn, and costs no memory; the
//!   library by itself would end the connection on it, again and again.
//! - The first packet must be a CONNACK. What else a port may say first is named.
//!
//! ```text
//! packet  = type and flags u8, length (1 to 4 bytes of 7 bits, low first), body
//! PUBLISH = topic length u16, topic, packet identifier u16 if QoS > 0,
//!           properties (MQTT 5: their length, then they), payload
//! ```

use crate::config::Protocol;

/// The topic of a message that was too large. No subscription of ours can match it: wildcards do
/// not match a first level that begins with `$` (MQTT 3.1.1, 4.7.2).
pub(crate) const OVERSIZED: &str = "$oversized";
/// Of the topic of a message that was too large so many bytes are kept for the log.
const TOPIC_KEPT_MAX: usize = 100;
/// The fixed header has one byte and up to four of length.
const HEADER_MAX: usize = 5;

const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
/// The first byte of a TLS alert record (RFC 8446, 5.1).
const TLS_ALERT: u8 = 0x15;

/// Why no more of these bytes can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the port speaks TLS, and we do not: set up TLS for this broker")]
    SpeaksTls,
    #[error("the port speaks something else than MQTT: expected a CONNACK (0x20), got {0:#04x}")]
    NotMqtt(u8),
    #[error("a packet's length has more than four bytes")]
    Length,
    #[error("a packet of type {0:#04x} and {1} bytes is above the limit of {2} bytes")]
    TooLarge(u8, usize, usize),
    #[error("a message is shorter than its own topic")]
    Publish,
}

/// Where in the stream we are.
#[derive(Debug)]
enum Place {
    /// In the fixed header, as far as it has come.
    Header(Vec<u8>),
    /// So many bytes of a packet are passed on as they are.
    Passing(usize),
    /// At the head of a message that is too large.
    Shrinking {
        first: u8,
        left: usize,
        head: Vec<u8>,
    },
    /// So many bytes of it are still to be dropped.
    Dropping(usize),
}

/// The watch over one connection.
#[derive(Debug)]
pub(crate) struct Guard {
    protocol: Protocol,
    packet_bytes_max: usize,
    has_begun: bool,
    place: Place,
}

impl Guard {
    pub(crate) fn new(protocol: Protocol, packet_bytes_max: usize) -> Self {
        Self {
            protocol,
            packet_bytes_max,
            has_begun: false,
            place: Place::Header(Vec::new()),
        }
    }

    /// Whether the CONNACK has begun to come.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Takes what came and adds to `out` what the library may see.
    pub(crate) fn pass(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        while !input.is_empty() {
            input = match &mut self.place {
                Place::Header(_) => self.header(input, out)?,
                Place::Passing(left) => {
                    let (now, later) = split(input, *left);
                    out.extend_from_slice(now);
                    *left -= now.len();
                    later
                }
                Place::Dropping(left) => {
                    let (now, later) = split(input, *left);
                    *left -= now.len();
                    later
                }
                Place::Shrinking { .. } => self.shrink(input, out)?,
            };
            if matches!(self.place, Place::Passing(0) | Place::Dropping(0)) {
                self.place = Place::Header(Vec::new());
            }
        }
        Ok(())
    }

    fn header<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
        let Place::Header(header) = &mut self.place else {
            return Ok(input);
        };
        let (now, later) = split(input, 1);
        header.extend_from_slice(now);
        let Some((&first, length)) = header.split_first() else {
            return Ok(later);
        };
        if !self.has_begun {
            match first {
                CONNACK => self.has_begun = true,
                TLS_ALERT => return Err(Malformed::SpeaksTls),
                other => return Err(Malformed::NotMqtt(other)),
            }
        }
        if length.last().is_none_or(|byte| byte & 0x80 != 0) {
            return match header.len() {
                HEADER_MAX.. => Err(Malformed::Length),
                _ => Ok(later),
            };
        }
        let shifted = length.iter().zip([0, 7, 14, 21]);
        let left = shifted.fold(0, |sum, (byte, shift)| {
            sum | (usize::from(byte & 0x7F) << shift)
        });
        if header.len() + left <= self.packet_bytes_max {
            out.extend_from_slice(header);
            self.place = Place::Passing(left);
        } else if first & 0xF0 == PUBLISH {
            let head = Vec::new();
            self.place = Place::Shrinking { first, left, head };
        } else {
            return Err(Malformed::TooLarge(first, left, self.packet_bytes_max));
        }
        Ok(later)
    }

    fn shrink<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
        let Place::Shrinking { first, left, head } = &mut self.place else {
            return Ok(input);
        };
        let id_bytes = if *first & 0x06 == 0 { 0 } else { 2 };
        let wanted = match head.first_chunk() {
            None => 2,
            Some(&length) => 2 + usize::from(u16::from_be_bytes(length)) + id_bytes,
        };
        let (now, later) = split(input, wanted.saturating_sub(head.len()));
        *left = left.checked_sub(now.len()).ok_or(Malformed::Publish)?;
        head.extend_from_slice(now);
        if head.len() < wanted || head.len() == 2 {
            return Ok(later);
        }
        let (topic, id) = split(head.get(2..).unwrap_or_default(), wanted - 2 - id_bytes);
        let (topic, _) = split(topic, TOPIC_KEPT_MAX);
        let mut body = Vec::with_capacity(OVERSIZED.len() + TOPIC_KEPT_MAX + 8);
        body.extend_from_slice(&[0, u8::try_from(OVERSIZED.len()).unwrap_or(0)]);
        body.extend_from_slice(OVERSIZED.as_bytes());
        body.extend_from_slice(id);
        if self.protocol == Protocol::V5 {
            body.push(0);
        }
        body.extend_from_slice(topic);
        // At most 2 + 10 + 2 + 1 + 100 bytes: one byte of length says it.
        out.extend_from_slice(&[*first, u8::try_from(body.len()).unwrap_or(0)]);
        out.extend_from_slice(&body);
        self.place = Place::Dropping(*left);
        Ok(later)
    }
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests;
