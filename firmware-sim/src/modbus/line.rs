//! A line: several units behind one endpoint, and what goes wrong between them and who asks.
//!
//! A line is a pure machine: request, session and time go in, bytes with their delays come out.
//! The same seed and the same requests give the same bytes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::fault::{Fault, Rates};
use super::frame::{self, Framing, ILLEGAL_FUNCTION, NO_TARGET, Request};
use super::spoil::{self, Session, Spans, time_on_line};
use super::subject::Sight;
use super::unit::{Said, Unit};
use crate::dice::Dice;

/// How late a late reply is, unless told otherwise: past the usual time-out of 1 s.
const LATE: Duration = Duration::from_millis(1_500);
/// Between two bytes that drip, unless told otherwise.
const DRIP: Duration = Duration::from_secs(1);

/// What a line has seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Requests, of whatever kind.
    pub requests: u64,
    /// Requests that would have changed something: refused with exception 1.
    pub writes: u64,
    /// Requests that a unit did not hear, since they came too soon after the last.
    pub too_soon: u64,
    /// Requests to units that are dead or not there.
    pub unheard: u64,
    /// Bytes thrown away since they were no request.
    pub junk: u64,
    /// Times that each fault happened.
    pub faults: BTreeMap<Fault, u64>,
}

/// Units behind one endpoint.
#[derive(Clone, Debug)]
pub struct Line {
    units: BTreeMap<u8, Unit>,
    seed: u64,
    rates: Rates,
    script: VecDeque<Option<Fault>>,
    spans: Spans,
    baud: Option<u32>,
    tells_of_no_target: bool,
    busy_until: Duration,
    pub(crate) counts: Counts,
}

/// What comes of a request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Outcome {
    /// Bytes and when they go out, since the line began.
    pub(crate) pieces: Vec<(Duration, Vec<u8>)>,
    /// The connection is to be closed.
    pub(crate) closes: bool,
}

impl Line {
    /// A line with no unit on it, on which nothing goes wrong.
    pub fn new(seed: u64) -> Self {
        Self {
            units: BTreeMap::new(),
            seed,
            rates: Rates::none(),
            script: VecDeque::new(),
            spans: Spans {
                late: LATE,
                drip: DRIP,
            },
            baud: None,
            tells_of_no_target: false,
            busy_until: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// The same, with `unit` under this id (in the place of one that had it).
    #[must_use]
    pub fn with_unit(mut self, id: u8, unit: Unit) -> Self {
        self.units.insert(id, unit);
        self
    }

    /// The same, with faults by chance.
    #[must_use]
    pub fn with_faults(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }

    /// The same, with exactly these faults for the first requests, and chance only after them.
    #[must_use]
    pub fn with_script(mut self, faults: impl IntoIterator<Item = Option<Fault>>) -> Self {
        self.script = faults.into_iter().collect();
        self
    }

    /// The same, with late replies as late as this (else 1.5 s).
    #[must_use]
    pub const fn late_by(mut self, late: Duration) -> Self {
        self.spans.late = late;
        self
    }

    /// The same, with this much time between dripping bytes (else 1 s).
    #[must_use]
    pub const fn drip_every(mut self, drip: Duration) -> Self {
        self.spans.drip = drip;
        self
    }

    /// The same, with the time that bytes take at this rate (else none): one frame at a time.
    #[must_use]
    pub const fn at_baud(mut self, baud: u32) -> Self {
        self.baud = Some(baud);
        self
    }

    /// The same, behind a gateway that answers for silent units with exception 11.
    #[must_use]
    pub const fn telling_of_no_target(mut self) -> Self {
        self.tells_of_no_target = true;
        self
    }

    /// Its units by id.
    pub const fn units(&self) -> &BTreeMap<u8, Unit> {
        &self.units
    }

    /// What the sensor of a unit truly sees at `at_ms` (ms UTC).
    pub fn sight(&mut self, unit: u8, at_ms: i64) -> Option<Sight> {
        Some(self.units.get_mut(&unit)?.sight(at_ms))
    }

    /// The answer to a request that came at `now` on the line's own clock.
    pub(crate) fn on_request(
        &mut self,
        session: &mut Session,
        request: &Request,
        now: Duration,
        at_ms: i64,
    ) -> Outcome {
        self.counts.requests += 1;
        if frame::is_write(request.function()) {
            self.counts.writes += 1;
        }
        let heard_at = now.max(self.busy_until) + self.time(request.framing, request.len);
        self.busy_until = heard_at;
        let Some((pdu, after)) = self.said(session, request, heard_at, at_ms) else {
            return Outcome::default();
        };
        let number = self.counts.requests;
        let fault = match self.script.pop_front() {
            Some(told) => told,
            None => self.rates.draw(self.seed, number, request.framing),
        };
        if let Some(fault) = fault {
            *self.counts.faults.entry(fault).or_default() += 1;
        }
        let mut dice = Dice::new(self.seed, number.cast_signed(), 0x5b01);
        let chance = (self.spans, &mut dice);
        let pieces = spoil::reply(request, &pdu, fault, session, chance);
        let len = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        let sent_at = heard_at + after + self.time(request.framing, len);
        self.busy_until = sent_at;
        let timed = pieces.into_iter();
        Outcome {
            pieces: timed.map(|(wait, bytes)| (sent_at + wait, bytes)).collect(),
            closes: fault == Some(Fault::Closed),
        }
    }

    /// What the asked unit says, and after how long; none where nobody speaks.
    fn said(
        &mut self,
        session: &mut Session,
        request: &Request,
        heard_at: Duration,
        at_ms: i64,
    ) -> Option<(Vec<u8>, Duration)> {
        // A broadcast on a serial line is never answered (Modbus over Serial Line 1.02, 2.1).
        if request.unit == 0 && request.framing == Framing::Rtu {
            return None;
        }
        let refused = |code| frame::exception(request.function(), code);
        let unit = self.units.get_mut(&request.unit);
        let after = unit.as_ref().map_or(Duration::ZERO, |u| u.answers_after);
        let said = unit.map_or(Said::Nothing, |u| u.on_request(request, heard_at, at_ms));
        match said {
            Said::Nothing if frame::is_write(request.function()) => {
                // Even a unit that is not there says loudly that it was written to.
                self.counts.unheard += 1;
                Some((refused(ILLEGAL_FUNCTION), after))
            }
            Said::Nothing => {
                self.counts.unheard += 1;
                self.tells_of_no_target
                    .then(|| (refused(NO_TARGET), Duration::ZERO))
            }
            Said::TooSoon => {
                self.counts.too_soon += 1;
                None
            }
            Said::Pdu(pdu) => Some((pdu, after)),
            Said::PduThenStray(pdu) => {
                // The bytes come before the reply after this one.
                session.stray_next = vec![0x00, 0x00, 0x00, 0x00];
                Some((pdu, after))
            }
        }
    }

    fn time(&self, framing: Framing, bytes: usize) -> Duration {
        time_on_line(framing, self.baud, bytes)
    }
}

#[cfg(test)]
mod tests;
