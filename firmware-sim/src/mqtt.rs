//! As much of MQTT 3.1.1 as a publisher needs: CONNECT, PUBLISH, PUBACK, PINGREQ, DISCONNECT.
//!
//! ```text
//! packet     = [type << 4 | flags] [remaining length, 7 bits a byte, low first] body
//! CONNECT    = "MQTT" as text, 4, flags, keep-alive u16be s, client id as text
//! PUBLISH    = topic as text, packet id u16be (QoS 1 only), payload
//! text       = length u16be, UTF-8
//! ```

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest body of a packet that a broker sends to a publisher, bytes: answers have 2 to 4.
const ANSWER_LEN_MAX: usize = 1_024;

/// PINGREQ.
pub const PING: [u8; 2] = [0xc0, 0];
/// DISCONNECT.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// What a broker says to a publisher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The session stands, or is refused with a code.
    Connack(u8),
    /// It has this packet.
    Puback(u16),
    /// It is there.
    Pingresp,
}

fn packet(first: u8, body: &[&[u8]]) -> Vec<u8> {
    let mut left = body.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(left + 5);
    out.push(first);
    loop {
        let more = left >= 128;
        let low = u8::try_from(left % 128).unwrap_or(0);
        out.push(if more { low | 0x80 } else { low });
        left /= 128;
        if !more {
            break;
        }
    }
    for part in body {
        out.extend_from_slice(part);
    }
    out
}

fn length(text: &str) -> [u8; 2] {
    // Topics and client ids are made here and short.
    u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// CONNECT with a clean session.
pub fn connect(client: &str, keep_alive_s: u16) -> Vec<u8> {
    let keep_alive = keep_alive_s.to_be_bytes();
    let head = [0, 4, b'M', b'Q', b'T', b'T', 4, 0x02];
    packet(
        0x10,
        &[&head, &keep_alive, &length(client), client.as_bytes()],
    )
}

/// PUBLISH; with a packet id where it is to be acknowledged, else without.
pub fn publish(topic: &str, payload: &[u8], id: Option<u16>, again: bool) -> Vec<u8> {
    let first = 0x30 | u8::from(id.is_some()) << 1 | u8::from(again) << 3;
    let id = id.map(u16::to_be_bytes);
    let id = id.as_ref().map_or(&[][..], |bytes| &bytes[..]);
    packet(first, &[&length(topic), topic.as_bytes(), id, payload])
}

/// Reads one answer. Not safe to cancel: a task of its own must read.
///
/// # Errors
/// The connection's, or `InvalidData` for what a broker does not send to a publisher.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let first = from.read_u8().await?;
    let (mut len, mut shift) = (0_usize, 0_u32);
    loop {
        let byte = from.read_u8().await?;
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
        if shift > 21 {
            return Err(odd("expected a length of at most 4 bytes"));
        }
    }
    if len > ANSWER_LEN_MAX {
        return Err(odd("expected an answer of at most 1024 bytes"));
    }
    let mut body = vec![0; len];
    from.read_exact(&mut body).await?;
    match (first >> 4, body.as_slice()) {
        (2, [_, code]) => Ok(Answer::Connack(*code)),
        (4, [high, low]) => Ok(Answer::Puback(u16::from_be_bytes([*high, *low]))),
        (13, []) => Ok(Answer::Pingresp),
        _ => Err(odd("expected CONNACK, PUBACK or PINGRESP")),
    }
}

fn odd(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests;
