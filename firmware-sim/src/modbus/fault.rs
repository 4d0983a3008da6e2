//! What goes wrong between a Modbus device and who asks it, and how often.
//!
//! The list follows what people report of real gateways and devices: replies that belong to the
//! request before (things-go/go-modbus#12, grid-x/modbus#26), a wrong transaction id
//! (kellerza/sunsynk#680, pymodbus#2709), late replies glued to the next (pymodbus#2777), two
//! replies in one buffer (EasyModbus#56), a byte count of 0 (pymodbus#2718), stray bytes
//! (kellerza/sunsynk#18), a refusal that comes and goes (node-modbus-serial#474).

use super::frame::Framing;
use crate::dice::{Dice, threshold};

/// One fault of one request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// No reply.
    Lost,
    /// The reply comes whole, but after the time-out.
    Late,
    /// The reply is held back and comes in one piece with the next one, before it.
    Glued,
    /// From now on every request of this connection gets the reply to the one before.
    Shifted,
    /// The reply carries another transaction id. TCP only.
    WrongTid,
    /// The reply is another unit's.
    WrongUnit,
    /// The reply names another function.
    WrongFunction,
    /// A reply of another function stands before the right one, in one piece.
    Double,
    /// Fewer registers than asked for, with a true byte count.
    Short,
    /// The reply's byte count is 0.
    ByteCountZero,
    /// Only the first half of the reply comes.
    Cut,
    /// Four bytes stand before the reply.
    Stray,
    /// Random bytes come in the reply's place.
    Noise,
    /// One bit of the reply is flipped, and its checksum no longer fits. Serial framing only.
    Crc,
    /// One byte a second.
    Drip,
    /// Refused: busy (exception 6).
    Busy,
    /// Refused: illegal address (exception 2), though it is there.
    Address,
    /// Refused: illegal value (exception 3), though it is none.
    Value,
    /// The connection is closed in place of a reply. TCP connections only.
    Closed,
}

impl Fault {
    /// All, in the order in which they are drawn.
    pub const ALL: [Self; 19] = [
        Self::Lost,
        Self::Late,
        Self::Glued,
        Self::Shifted,
        Self::WrongTid,
        Self::WrongUnit,
        Self::WrongFunction,
        Self::Double,
        Self::Short,
        Self::ByteCountZero,
        Self::Cut,
        Self::Stray,
        Self::Noise,
        Self::Crc,
        Self::Drip,
        Self::Busy,
        Self::Address,
        Self::Value,
        Self::Closed,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Glued => "glued",
            Self::Shifted => "shifted",
            Self::WrongTid => "wrong-tid",
            Self::WrongUnit => "wrong-unit",
            Self::WrongFunction => "wrong-function",
            Self::Double => "double",
            Self::Short => "short",
            Self::ByteCountZero => "byte-count-zero",
            Self::Cut => "cut",
            Self::Stray => "stray",
            Self::Noise => "noise",
            Self::Crc => "crc",
            Self::Drip => "drip",
            Self::Busy => "busy",
            Self::Address => "address",
            Self::Value => "value",
            Self::Closed => "closed",
        }
    }

    /// The fault with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether it can happen in this framing.
    pub(crate) fn fits(self, framing: Framing) -> bool {
        let only = match framing {
            Framing::Tcp => Self::Crc,
            Framing::Rtu => Self::WrongTid,
        };
        // The other framing has no such field.
        self != only
    }
}

/// How often each fault happens, as a share of requests.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rates(Vec<(Fault, f64)>);

impl Rates {
    /// Nothing goes wrong.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The same, with `fault` in a share of 0 to 1 of requests.
    #[must_use]
    pub fn with(mut self, fault: Fault, share: f64) -> Self {
        self.0.retain(|(other, _)| *other != fault);
        self.0.push((fault, share));
        self.0.sort_by_key(|(fault, _)| *fault);
        self
    }

    /// A little of everything: every kind in one of 200 requests, so one in ten goes wrong.
    pub fn demo() -> Self {
        let all = Fault::ALL.into_iter();
        all.fold(Self::none(), |rates, fault| rates.with(fault, 0.005))
    }

    /// What happens to request number `number`: at most one fault, the same for the same seed.
    pub(crate) fn draw(&self, seed: u64, number: u64, framing: Framing) -> Option<Fault> {
        let mut dice = Dice::new(seed, number.cast_signed(), 0x0d1e);
        let mut found = None;
        for (fault, share) in &self.0 {
            // Every kind throws, so that one rate does not change when another fault happens.
            if dice.under(threshold(*share)) && found.is_none() && fault.fits(framing) {
                found = Some(*fault);
            }
        }
        found
    }
}
