//! One unit on a line: its registers, and its manners.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::device::Device;
use super::frame::{self, ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Request, Table};
use super::subject::{Sight, Subject};

/// Most bits of one message (Application Protocol 1.1b3, 6.1).
const BITS_MAX: u16 = 2_000;

/// What a unit does where an address is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Holes {
    /// Refuses with exception 2, as the standard says.
    #[default]
    Address,
    /// Refuses with exception 3 (modbus-esp8266#255).
    Value,
    /// Answers 0, and refuses with exception 2 only where every address is missing
    /// (ioBroker.modbus#581).
    OnlyIfAll,
    /// Refuses with exception 2, and four stray bytes precede the line's next reply
    /// (kellerza/sunsynk#18).
    Stray,
}

/// A unit.
#[derive(Clone, Debug)]
pub struct Unit {
    pub(crate) device: Device,
    subject: Option<Subject>,
    is_dead: bool,
    pub(crate) answers_after: Duration,
    pub(crate) min_gap: Duration,
    registers_max: u16,
    holes: Holes,
    missing: Vec<RangeInclusive<u16>>,
    /// When it was last done with a request, since the line began.
    last: Option<Duration>,
}

/// What a unit makes of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// This PDU.
    Pdu(Vec<u8>),
    /// A refusal after which stray bytes come.
    PduThenStray(Vec<u8>),
    /// Nothing, being dead.
    Nothing,
    /// Nothing, since the request came too soon after the last.
    TooSoon,
}

impl Unit {
    /// A device in good order, with the gap and the limit its maker names. Without a subject its
    /// sensor sees zeros.
    pub fn new(device: Device, subject: Option<Subject>) -> Self {
        Self {
            device,
            subject,
            is_dead: false,
            answers_after: Duration::ZERO,
            min_gap: device.min_gap(),
            registers_max: device.registers_max(),
            holes: Holes::default(),
            missing: Vec::new(),
            last: None,
        }
    }

    /// The same, without a voice.
    #[must_use]
    pub const fn dead(mut self) -> Self {
        self.is_dead = true;
        self
    }

    /// The same, answering only after a while.
    #[must_use]
    pub const fn slow(mut self, answers_after: Duration) -> Self {
        self.answers_after = answers_after;
        self
    }

    /// The same, deaf for `gap` after each request.
    #[must_use]
    pub const fn with_min_gap(mut self, gap: Duration) -> Self {
        self.min_gap = gap;
        self
    }

    /// The same, refusing to read more registers than this at once (exception 3).
    #[must_use]
    pub const fn with_registers_max(mut self, most: u16) -> Self {
        self.registers_max = most;
        self
    }

    /// The same, with another answer to what is not there.
    #[must_use]
    pub const fn with_holes(mut self, holes: Holes) -> Self {
        self.holes = holes;
        self
    }

    /// The same, without these addresses, in every table.
    #[must_use]
    pub fn without(mut self, addresses: RangeInclusive<u16>) -> Self {
        self.missing.push(addresses);
        self
    }

    /// Its device.
    pub const fn device(&self) -> Device {
        self.device
    }

    /// What it looks at.
    pub const fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    /// What its sensor truly sees at `at_ms` (ms UTC).
    pub fn sight(&mut self, at_ms: i64) -> Sight {
        let subject = self.subject.as_mut();
        subject.map_or_else(Sight::default, |subject| subject.look(at_ms))
    }

    /// Answers a request that came at `now` on the line's own clock.
    pub(crate) fn on_request(&mut self, request: &Request, now: Duration, at_ms: i64) -> Said {
        if self.is_dead {
            return Said::Nothing;
        }
        if self.last.is_some_and(|last| now < last + self.min_gap) {
            return Said::TooSoon;
        }
        self.last = Some(now + self.answers_after);
        let function = request.function();
        let refused = |code| Said::Pdu(frame::exception(function, code));
        let Some(table) = Table::of_function(function) else {
            return refused(ILLEGAL_FUNCTION);
        };
        let most = if table.is_bits() {
            BITS_MAX
        } else {
            self.registers_max
        };
        match request.range() {
            Some((address, count)) if (1..=most).contains(&count) => {
                let sight = self.sight(at_ms);
                self.read((table, address, count), request, &sight)
            }
            _ => refused(ILLEGAL_VALUE),
        }
    }

    fn read(
        &self,
        (table, first, count): (Table, u16, u16),
        request: &Request,
        sight: &Sight,
    ) -> Said {
        let function = request.function();
        let (mut words, mut bits) = (Vec::new(), Vec::new());
        let mut missing = 0;
        for step in 0..count {
            let address = first.checked_add(step);
            let there = address.filter(|at| !self.missing.iter().any(|hole| hole.contains(at)));
            if table.is_bits() {
                let bit = there.and_then(|at| self.device.bit((table, at), sight));
                missing += u16::from(bit.is_none());
                bits.push(bit.unwrap_or(false));
            } else {
                let id = request.unit;
                let word = there.and_then(|at| self.device.register((table, at), id, sight));
                missing += u16::from(word.is_none());
                words.push(word.unwrap_or(0));
            }
        }
        let refused = |code| frame::exception(function, code);
        let tolerates = self.holes == Holes::OnlyIfAll && missing < count;
        if missing > 0 && !tolerates {
            return match self.holes {
                Holes::Address | Holes::OnlyIfAll => Said::Pdu(refused(ILLEGAL_ADDRESS)),
                Holes::Value => Said::Pdu(refused(ILLEGAL_VALUE)),
                Holes::Stray => Said::PduThenStray(refused(ILLEGAL_ADDRESS)),
            };
        }
        Said::Pdu(if table.is_bits() {
            frame::bits(function, &bits)
        } else {
            frame::words(function, &words)
        })
    }
}
