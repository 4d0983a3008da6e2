//! Makes the bytes of a reply, spoilt by a fault or not.

use std::time::Duration;

use super::fault::Fault;
use super::frame::{self, BUSY, Framing, ILLEGAL_ADDRESS, ILLEGAL_VALUE, Request};
use crate::dice::Dice;

/// What a connection remembers.
#[derive(Clone, Default, Debug)]
pub(crate) struct Session {
    /// Replies that wait for the next one.
    held: Vec<u8>,
    /// From now on a reply waits for the next request.
    is_shifted: bool,
    /// Bytes that precede this reply.
    stray: Vec<u8>,
    /// Bytes that precede the reply after this one.
    pub(crate) stray_next: Vec<u8>,
}

/// Bytes and how long after the reply's time they come.
pub(crate) type Piece = (Duration, Vec<u8>);

/// How long faults take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spans {
    /// How late a late reply is.
    pub(crate) late: Duration,
    /// Between two bytes that drip.
    pub(crate) drip: Duration,
}

/// What is sent for a request whose right answer is `pdu`.
pub(crate) fn reply(
    request: &Request,
    pdu: &[u8],
    fault: Option<Fault>,
    session: &mut Session,
    (spans, dice): (Spans, &mut Dice),
) -> Vec<Piece> {
    let (framing, tid, unit) = (request.framing, request.tid, request.unit);
    let function = request.function();
    let wrapped = |pdu: &[u8]| frame::wrap(framing, tid, unit, pdu);
    let right = || wrapped(pdu);
    let bytes = match fault {
        None => right(),
        Some(Fault::Lost | Fault::Closed) => return Vec::new(),
        Some(Fault::Late) => return vec![(spans.late, right())],
        Some(Fault::Glued) => {
            session.held.extend(right());
            return Vec::new();
        }
        Some(Fault::Shifted) => {
            session.is_shifted = true;
            right()
        }
        Some(Fault::WrongTid) => frame::wrap(framing, wrong_tid(tid, dice), unit, pdu),
        Some(Fault::WrongUnit) => frame::wrap(framing, tid, unit.wrapping_add(1), pdu),
        Some(Fault::WrongFunction) => wrapped(&renamed(pdu)),
        Some(Fault::Double) => [wrapped(&renamed(pdu)), right()].concat(),
        Some(Fault::Short) => wrapped(&shortened(pdu)),
        Some(Fault::ByteCountZero) => wrapped(&[function, 0]),
        Some(Fault::Cut) => {
            let mut whole = right();
            whole.truncate(whole.len() / 2);
            whole
        }
        Some(Fault::Stray) => [noise(dice, 4), right()].concat(),
        Some(Fault::Noise) => {
            let len = dice.between(3, 24);
            noise(dice, usize::try_from(len).unwrap_or(3))
        }
        Some(Fault::Crc) => flipped(right(), dice),
        Some(Fault::Drip) => return dripping(&right(), spans.drip),
        Some(Fault::Busy) => wrapped(&frame::exception(function, BUSY)),
        Some(Fault::Address) => wrapped(&frame::exception(function, ILLEGAL_ADDRESS)),
        Some(Fault::Value) => wrapped(&frame::exception(function, ILLEGAL_VALUE)),
    };
    session.send(bytes)
}

impl Session {
    /// What goes out now that `bytes` are ready.
    fn send(&mut self, bytes: Vec<u8>) -> Vec<Piece> {
        let mut out = std::mem::take(&mut self.stray);
        std::mem::swap(&mut self.stray, &mut self.stray_next);
        out.append(&mut self.held);
        if self.is_shifted {
            self.held = bytes;
        } else {
            out.extend(bytes);
        }
        if out.is_empty() {
            Vec::new()
        } else {
            vec![(Duration::ZERO, out)]
        }
    }
}

/// One more or less, 2 (as one gateway always says), 0, or with its bytes swapped.
fn wrong_tid(tid: u16, dice: &mut Dice) -> u16 {
    let wrong = match dice.below(5) {
        0 => tid.wrapping_add(1),
        1 => tid.wrapping_sub(1),
        2 => 2,
        3 => 0,
        _ => tid.swap_bytes(),
    };
    if wrong == tid {
        tid.wrapping_add(0x0101)
    } else {
        wrong
    }
}

/// The same answer under another function that reads the same kind of thing.
fn renamed(pdu: &[u8]) -> Vec<u8> {
    let mut pdu = pdu.to_vec();
    if let Some(function) = pdu.first_mut() {
        // 1 and 2 both read bits, 3 and 4 both read registers.
        *function = match *function {
            1 => 2,
            2 => 1,
            3 => 4,
            4 => 3,
            other => other ^ 1,
        };
    }
    pdu
}

/// One register (or byte of bits) less than asked for; a refusal stays as it is.
fn shortened(pdu: &[u8]) -> Vec<u8> {
    match pdu {
        [function @ 1..=2, count, values @ ..] if *count > 0 => {
            let kept = values.split_last().map_or(values, |(_, kept)| kept);
            [&[*function, count - 1], kept].concat()
        }
        [function @ 3..=4, count, values @ ..] if *count > 1 => {
            let kept = values
                .split_last_chunk::<2>()
                .map_or(values, |(kept, _)| kept);
            [&[*function, count - 2], kept].concat()
        }
        _ => pdu.to_vec(),
    }
}

fn noise(dice: &mut Dice, len: usize) -> Vec<u8> {
    let bytes = std::iter::repeat_with(|| dice.bits().to_be_bytes()[0]);
    bytes.take(len).collect()
}

/// One bit in one byte, but not in the unit: it must still look like this unit's reply.
fn flipped(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let last = i64::try_from(bytes.len()).unwrap_or(2);
    let place = usize::try_from(dice.between(3, last)).unwrap_or(3);
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << dice.below(8);
    }
    bytes
}

fn dripping(bytes: &[u8], every: Duration) -> Vec<Piece> {
    let numbered = (0_u32..).zip(bytes);
    numbered.map(|(n, byte)| (every * n, vec![*byte])).collect()
}

/// How long a frame takes on a serial line, with the silence of 3.5 characters after it
/// (Modbus over Serial Line 1.02, 2.5.1.1); no time without a rate.
pub(crate) fn time_on_line(framing: Framing, baud: Option<u32>, bytes: usize) -> Duration {
    let Some(baud) = baud else {
        return Duration::ZERO;
    };
    // A gateway strips the 6 bytes of the header and adds the checksum's 2.
    let bytes = match framing {
        Framing::Rtu => bytes,
        Framing::Tcp => bytes.saturating_sub(4),
    };
    // 11 bits a character, and half characters in the silence.
    let half_chars = u64::try_from(bytes * 2 + 7).unwrap_or(u64::MAX);
    Duration::from_micros(half_chars * 11 * 1_000_000 / 2 / u64::from(baud.max(1)))
}
