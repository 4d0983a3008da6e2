//! What a request's bytes say, and what an answer to it must look like, byte by byte.
//!
//! ```text
//! Modbus TCP   transaction id u16 | protocol id u16 = 0 | length u16 | body
//! Modbus RTU   body | CRC-16 u16, low byte first
//! request      unit u8 | function u8 | address u16 | count u16
//! answer       unit u8 | function u8 | byte count u8 | data
//! exception    unit u8 | function u8 + 0x80 | code u8
//! ```
//!
//! (Modbus Application Protocol 1.1b3; Messaging on TCP/IP 1.0b; Serial Line 1.02.)

use std::io;

use crate::mismatch::Mismatch;

/// How requests and answers are framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// With a header that carries a transaction id.
    Tcp,
    /// With a checksum behind, on a serial port or carried over TCP.
    Rtu,
}

/// Bytes of a request in Modbus TCP; in RTU it has 8.
pub(crate) const REQUEST_BYTES_MAX: usize = 12;

/// The longest answer: 6 bytes of header, 3 of body, 250 of data; the length of the header's data
/// is one byte, so no more than 255 can be announced: 6 + 3 + 255.
pub(crate) const ANSWER_BYTES_MAX: usize = 264;

const EXCEPTION: u8 = 0x80;
const HEADER_BYTES: usize = 6;
const EXCEPTION_BODY_BYTES: usize = 3;
const BITS_MAX: u16 = 2_000;
const REGISTERS_MAX: u16 = 125;

/// What the answer to one request must carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Expected {
    framing: Framing,
    transaction: Option<u16>,
    unit: u8,
    function: u8,
    byte_count: u8,
}

/// How far an answer has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// It fits so far.
    More,
    /// It is there, whole, and fits.
    Complete,
}

impl Expected {
    /// What must answer these bytes of a request. With no `transaction`, any id is taken.
    ///
    /// # Errors
    ///
    /// If the bytes are anything but one read request: nothing else may leave this crate.
    pub fn to(framing: Framing, request: &[u8], transaction: Option<u16>) -> io::Result<Self> {
        let body = match framing {
            Framing::Tcp => request.get(HEADER_BYTES..),
            Framing::Rtu => request.split_last_chunk::<2>().map(|(body, _)| body),
        };
        let Some(&[unit, function, _, _, high, low]) = body else {
            return Err(refused("a read request has 6 bytes of body"));
        };
        let count = u16::from_be_bytes([high, low]);
        let byte_count = match (function, count) {
            (1 | 2, 1..=BITS_MAX) => count.div_ceil(8),
            (3 | 4, 1..=REGISTERS_MAX) => count * 2,
            (1..=4, _) => return Err(refused("1 to 2000 bits or 1 to 125 registers can be read")),
            _ => return Err(refused("only functions 1 to 4 are ever sent")),
        };
        let Ok(byte_count) = u8::try_from(byte_count) else {
            return Err(refused("250 bytes can be read"));
        };
        Ok(Self {
            framing,
            transaction,
            unit,
            function,
            byte_count,
        })
    }

    /// Whether these bytes can be, or are, the answer.
    ///
    /// # Errors
    ///
    /// The first thing that does not fit.
    pub fn check(self, got: &[u8]) -> Result<Progress, Mismatch> {
        let bytes = match self.framing {
            Framing::Tcp => self.bytes_tcp(got)?,
            Framing::Rtu => self.body_bytes(got)?.map(|body| body + 2),
        };
        let Some(bytes) = bytes else {
            return Ok(Progress::More);
        };
        match got.len() {
            length if length < bytes => return Ok(Progress::More),
            length if length > bytes => {
                let extra = length - bytes;
                return Err(Mismatch::Trailing { extra });
            }
            _ => {}
        }
        if self.framing == Framing::Rtu {
            check_crc(got)?;
        }
        Ok(Progress::Complete)
    }

    /// Bytes of the whole answer, once enough of it is there to tell.
    fn bytes_tcp(self, got: &[u8]) -> Result<Option<usize>, Mismatch> {
        let Some(came) = word(got, 0) else {
            return Ok(None);
        };
        if let Some(expected) = self.transaction.filter(|expected| *expected != came) {
            return Err(Mismatch::TransactionId { expected, came });
        }
        let Some(protocol) = word(got, 2) else {
            return Ok(None);
        };
        if protocol != 0 {
            return Err(Mismatch::ProtocolId { came: protocol });
        }
        let (Some(came), Some(rest)) = (word(got, 4), got.get(HEADER_BYTES..)) else {
            return Ok(None);
        };
        let Some(body) = self.body_bytes(rest)? else {
            return Ok(None);
        };
        if usize::from(came) != body {
            let expected = u16::try_from(body).unwrap_or(u16::MAX);
            return Err(Mismatch::Length { expected, came });
        }
        Ok(Some(HEADER_BYTES + body))
    }

    fn body_bytes(self, body: &[u8]) -> Result<Option<usize>, Mismatch> {
        let Some(&unit) = body.first() else {
            return Ok(None);
        };
        if unit != self.unit {
            return Err(Mismatch::Unit {
                expected: self.unit,
                came: unit,
            });
        }
        let Some(&function) = body.get(1) else {
            return Ok(None);
        };
        if function != self.function && function != self.function | EXCEPTION {
            return Err(Mismatch::Function {
                expected: self.function,
                came: function,
            });
        }
        let Some(&third) = body.get(2) else {
            return Ok(None);
        };
        if function == self.function | EXCEPTION {
            return match third {
                0 => Err(Mismatch::ExceptionCode),
                _ => Ok(Some(EXCEPTION_BODY_BYTES)),
            };
        }
        if third != self.byte_count {
            return Err(Mismatch::ByteCount {
                expected: self.byte_count,
                came: third,
            });
        }
        Ok(Some(3 + usize::from(third)))
    }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*pair))
}

fn check_crc(frame: &[u8]) -> Result<(), Mismatch> {
    let Some((content, crc)) = frame.split_last_chunk::<2>() else {
        return Ok(());
    };
    let (expected, came) = (crc16(content), u16::from_le_bytes(*crc));
    if expected != came {
        return Err(Mismatch::Checksum { expected, came });
    }
    Ok(())
}

/// CRC-16/MODBUS: polynomial 0x8005 reflected, begun with all ones (Serial Line 1.02, 6.2.2).
pub(crate) fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1 == 1;
            crc >>= 1;
            if carry {
                crc ^= 0xA001;
            }
        }
    }
    crc
}

#[cfg(test)]
mod tests;
