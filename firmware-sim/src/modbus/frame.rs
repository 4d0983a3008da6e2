//! Modbus as bytes: requests in, answers out.
//!
//! ```text
//! RTU  = unit, PDU, CRC-16 low byte first            (Modbus over Serial Line 1.02, 2.5.1)
//! TCP  = tid u16be, 0 u16be, length u16be, unit, PDU (Messaging on TCP/IP 1.0b, 3.1.3)
//! read = function 1..4, address u16be, count u16be   (Application Protocol 1.1b3, 6.1 to 6.4)
//! exception = function | 80, code
//! ```

/// Longest RTU frame (Modbus over Serial Line 1.02, 2.3).
pub const RTU_LEN_MAX: usize = 256;
/// Longest TCP frame: 7 bytes of header and a PDU of 253.
pub const TCP_LEN_MAX: usize = 260;

/// Exception codes (Application Protocol 1.1b3, section 7).
pub const ILLEGAL_FUNCTION: u8 = 1;
pub const ILLEGAL_ADDRESS: u8 = 2;
pub const ILLEGAL_VALUE: u8 = 3;
pub const BUSY: u8 = 6;
pub const NO_TARGET: u8 = 11;

/// How frames are wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// With a header and a transaction id.
    Tcp,
    /// With a checksum: on a serial line, or through a plain TCP gateway.
    Rtu,
}

/// The four tables of a unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Table {
    /// Function 1.
    Coils,
    /// Function 2.
    DiscreteInputs,
    /// Function 3.
    HoldingRegisters,
    /// Function 4.
    InputRegisters,
}

impl Table {
    /// The table that a function code reads; none for functions that do something else.
    pub const fn of_function(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Coils),
            2 => Some(Self::DiscreteInputs),
            3 => Some(Self::HoldingRegisters),
            4 => Some(Self::InputRegisters),
            _ => None,
        }
    }

    /// Whether it holds single bits.
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coils | Self::DiscreteInputs)
    }
}

/// Functions that change something in a device (Application Protocol 1.1b3, section 5).
pub const fn is_write(function: u8) -> bool {
    matches!(function, 5 | 6 | 15 | 16 | 21 | 22 | 23)
}

/// A request as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub framing: Framing,
    /// Transaction id; 0 on a serial line.
    pub tid: u16,
    pub unit: u8,
    pub pdu: Vec<u8>,
    /// Bytes on the line.
    pub len: usize,
}

impl Request {
    /// Function code; 0 where the frame holds none.
    pub fn function(&self) -> u8 {
        self.pdu.first().copied().unwrap_or(0)
    }

    /// Address and count of a read.
    pub fn range(&self) -> Option<(u16, u16)> {
        match *self.pdu.as_slice() {
            [_, a, b, c, d] => Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
            _ => None,
        }
    }
}

/// What a buffer of received bytes holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// The beginning of a frame, or nothing.
    Part,
    /// A request; so many bytes are used up.
    Request(Request, usize),
    /// No frame: all of it is to be thrown away.
    Junk,
}

/// Looks for a request at the beginning of `bytes`.
pub fn find(framing: Framing, bytes: &[u8]) -> Found {
    match framing {
        Framing::Tcp => find_tcp(bytes),
        Framing::Rtu => find_rtu(bytes),
    }
}

fn find_tcp(bytes: &[u8]) -> Found {
    let [t0, t1, p0, p1, l0, l1, unit, ..] = *bytes else {
        return Found::Part;
    };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if [p0, p1] != [0, 0] || !(2..=TCP_LEN_MAX - 6).contains(&length) {
        return Found::Junk;
    }
    let len = 6 + length;
    bytes.get(7..len).map_or(Found::Part, |pdu| {
        let request = Request {
            framing: Framing::Tcp,
            tid: u16::from_be_bytes([t0, t1]),
            unit,
            pdu: pdu.to_vec(),
            len,
        };
        Found::Request(request, len)
    })
}

/// The length of a request's frame, from its first bytes.
fn rtu_len(bytes: &[u8]) -> Option<usize> {
    let count_at = |at: usize| bytes.get(at).map(|count| usize::from(*count));
    match *bytes.get(1)? {
        7 | 11 | 12 | 17 => Some(4),
        15 | 16 => Some(9 + count_at(6)?),
        22 => Some(10),
        23 => Some(13 + count_at(10)?),
        _ => Some(8),
    }
}

fn find_rtu(bytes: &[u8]) -> Found {
    let Some(len) = rtu_len(bytes) else {
        return Found::Part;
    };
    let Some(([unit, pdu @ ..], [low, high])) = bytes
        .get(..len)
        .and_then(|frame| frame.split_last_chunk::<2>())
    else {
        return Found::Part;
    };
    let told = u16::from_le_bytes([*low, *high]);
    let body = bytes.get(..len - 2).unwrap_or(&[]);
    if told != crc(body) {
        return Found::Junk;
    }
    let request = Request {
        framing: Framing::Rtu,
        tid: 0,
        unit: *unit,
        pdu: pdu.to_vec(),
        len,
    };
    Found::Request(request, len)
}

/// CRC-16 of a serial line: polynomial A001 (reflected), beginning with FFFF.
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { 0xa001 } else { 0 };
            (crc >> 1) ^ carry
        })
    })
}

/// Wraps an answer.
pub fn wrap(framing: Framing, tid: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Tcp => {
            // PDUs are made here and never longer than 253.
            let length = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
            let mut out = Vec::with_capacity(pdu.len() + 7);
            out.extend_from_slice(&tid.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&length.to_be_bytes());
            out.push(unit);
            out.extend_from_slice(pdu);
            out
        }
        Framing::Rtu => {
            let mut out = Vec::with_capacity(pdu.len() + 3);
            out.push(unit);
            out.extend_from_slice(pdu);
            let crc = crc(&out);
            out.extend_from_slice(&crc.to_le_bytes());
            out
        }
    }
}

/// The PDU of a refusal.
pub fn exception(function: u8, code: u8) -> Vec<u8> {
    vec![function | 0x80, code]
}

/// The PDU that answers a read of registers.
pub fn words(function: u8, values: &[u16]) -> Vec<u8> {
    let bytes = u8::try_from(values.len() * 2).unwrap_or(u8::MAX);
    let mut pdu = vec![function, bytes];
    pdu.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    pdu
}

/// The PDU that answers a read of bits: the first is the lowest of the first byte.
pub fn bits(function: u8, values: &[bool]) -> Vec<u8> {
    let packed = values.chunks(8).map(|eight| {
        let places = eight.iter().enumerate();
        places.fold(0, |byte, (place, bit)| byte | (u8::from(*bit) << place))
    });
    let mut pdu = vec![
        function,
        u8::try_from(values.len().div_ceil(8)).unwrap_or(u8::MAX),
    ];
    pdu.extend(packed);
    pdu
}

#[cfg(test)]
mod tests;
