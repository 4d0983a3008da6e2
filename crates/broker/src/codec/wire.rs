//! The primitive values of MQTT, read from a packet's body.

use bytes::{Buf, Bytes};

use super::Fault;

/// What is left of a packet's body. Every read is checked.
pub(super) struct Body(Bytes);

impl Body {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes not yet read, without reading them.
    pub(super) fn peek(&self) -> Bytes {
        self.0.clone()
    }

    pub(super) fn rest(self) -> Bytes {
        self.0
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        self.0
            .try_get_u8()
            .map_err(|_short| Fault::Malformed("body too short"))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        self.0
            .try_get_u16()
            .map_err(|_short| Fault::Malformed("body too short"))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.0
            .try_get_u32()
            .map_err(|_short| Fault::Malformed("body too short"))
    }

    /// A packet identifier: never 0.
    pub(super) fn id(&mut self) -> Result<u16, Fault> {
        match self.u16()? {
            0 => Err(Fault::Protocol("packet identifier 0")),
            id => Ok(id),
        }
    }

    /// A variable byte integer, at most four bytes.
    pub(super) fn varint(&mut self) -> Result<u32, Fault> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Malformed(
            "variable byte integer longer than four bytes",
        ))
    }

    pub(super) fn take(&mut self, length: usize) -> Result<Bytes, Fault> {
        if length > self.0.len() {
            return Err(Fault::Malformed("body too short"));
        }
        Ok(self.0.split_to(length))
    }

    /// Binary data with its length before it.
    pub(super) fn binary(&mut self) -> Result<Bytes, Fault> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }

    /// A string as bytes that are known to be UTF-8 without U+0000.
    pub(super) fn text(&mut self) -> Result<Bytes, Fault> {
        let bytes = self.binary()?;
        checked(&bytes)?;
        Ok(bytes)
    }

    pub(super) fn string(&mut self) -> Result<String, Fault> {
        let bytes = self.binary()?;
        checked(&bytes).map(str::to_owned)
    }
}

fn checked(bytes: &[u8]) -> Result<&str, Fault> {
    let text =
        std::str::from_utf8(bytes).map_err(|_invalid| Fault::Malformed("string is not UTF-8"))?;
    if text.contains('\0') {
        return Err(Fault::Malformed("string holds U+0000"));
    }
    Ok(text)
}
