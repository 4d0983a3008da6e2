//! A parking lot: its figures from the timelines of its bays, its count and its gates.

use huitian_model::{AssetId, Dwell, GateFigures, LotFigures, Usage, UtcMs};
use serde::{Deserialize, Serialize};

use crate::arena::Arena;
use crate::bay::Changes;
use crate::book::Span;
use crate::channel::{Channel, Role};
use crate::facility::Detail;
use crate::timeline::{Counts, Timeline};

/// What the figure of a lot is taken from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Basis {
    /// Every place has a sensor, or there is nothing better.
    Bays,
    /// A car-park system counts.
    Counted,
    /// The gates count from an operator's count on.
    Gates,
}

/// A parking lot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lot {
    /// Places.
    pub capacity: i64,
    /// Vehicles inside when counting by gates began.
    pub initial_count: Option<u32>,
    /// Bays with a sensor, by asset id, with their channels.
    pub bays: Vec<(AssetId, u32)>,
    /// The channel that counts the whole lot.
    pub counted: Option<u32>,
    /// The gates' channels.
    pub gates: Vec<u32>,
    /// Places in use and known by bays.
    pub by_bays: Timeline,
    /// Places in use by the count.
    pub by_count: Timeline,
    /// Vehicles inside by the gates, known while all their counters are.
    pub by_gates: Timeline,
    /// Arrivals and departures of all bays.
    pub changes: Changes,
}

impl Lot {
    /// A lot of which nothing is known yet.
    pub fn new(capacity: u32, initial_count: Option<u32>) -> Self {
        Self {
            capacity: i64::from(capacity),
            initial_count,
            bays: Vec::new(),
            counted: None,
            gates: Vec::new(),
            by_bays: Timeline::new(Counts::Known, 0),
            by_count: Timeline::new(Counts::Known, 0),
            by_gates: Timeline::new(Counts::Known, 0),
            changes: Changes::default(),
        }
    }

    /// Begins the timelines anew for the channels that are bound now; so many vehicles passed
    /// inwards before their oldest kept readings.
    pub fn clear(&mut self, passed: i64) {
        let gates = i64::try_from(self.gates.len()).unwrap_or(i64::MAX);
        let inside = i64::from(self.initial_count.unwrap_or(0)).saturating_add(passed);
        self.by_bays = Timeline::new(Counts::Known, 0);
        self.by_count = Timeline::new(Counts::Known, 0);
        self.by_gates = Timeline::new(Counts::AllOf(gates), inside);
        self.changes = Changes::default();
    }

    /// The timeline that a channel's holds stand in.
    pub const fn timeline(&mut self, role: &Role) -> Option<&mut Timeline> {
        match role {
            Role::Bay(..) => Some(&mut self.by_bays),
            Role::Counted { .. } => Some(&mut self.by_count),
            Role::Gate { .. } => Some(&mut self.by_gates),
            Role::Bin { .. } | Role::Other => None,
        }
    }

    /// What the figure of the lot is taken from.
    pub fn basis(&self) -> Basis {
        if i64::try_from(self.bays.len()) == Ok(self.capacity) {
            Basis::Bays
        } else if self.counted.is_some() {
            Basis::Counted
        } else if self.has_gate_count() {
            Basis::Gates
        } else {
            Basis::Bays
        }
    }

    /// Whether its gates count from an anchor on.
    pub const fn has_gate_count(&self) -> bool {
        !self.gates.is_empty() && self.initial_count.is_some()
    }

    const fn by(&self, basis: Basis) -> &Timeline {
        match basis {
            Basis::Bays => &self.by_bays,
            Basis::Counted => &self.by_count,
            Basis::Gates => &self.by_gates,
        }
    }

    /// Places in use and free over a span, up to `until`.
    fn usage(&self, basis: Basis, span: Span, until: UtcMs) -> Usage {
        let sums = self.by(basis).over(span.start, until);
        let known = match basis {
            Basis::Gates => sums.known.wrapping_mul(self.capacity),
            Basis::Bays | Basis::Counted => sums.known,
        };
        Usage {
            in_use_ms: sums.in_use,
            free_ms: known.wrapping_sub(sums.in_use),
            total_ms: self.capacity.wrapping_mul(span.ms()),
        }
    }

    /// The figures over a span, of what is known up to `until`.
    pub fn figures(
        &self,
        channels: &Arena<Channel>,
        miscount_ppm: u32,
        span: Span,
        (detail, until): (Detail, UtcMs),
    ) -> LotFigures {
        let basis = self.basis();
        let bays = (!self.bays.is_empty()).then(|| self.usage(Basis::Bays, span, until));
        let tally = self.changes.over(span.start, until);
        let is_rolling = detail == Detail::Rolling;
        let peak = (!is_rolling)
            .then(|| self.by(basis).peak(span.start, until))
            .flatten();
        let has_dwell = !is_rolling && tally.departures > 0;
        let gates = (!self.gates.is_empty())
            .then(|| self.gate_figures(channels, miscount_ppm, span, until));
        let usage = match (basis, bays, gates) {
            (Basis::Bays, Some(bays), _) => bays,
            (Basis::Gates, _, Some(gates)) => gates.usage,
            _ => self.usage(basis, span, until),
        };
        LotFigures {
            capacity: u32::try_from(self.capacity).unwrap_or(u32::MAX),
            usage,
            peak: peak.map(|(level, at)| (held(level), at)),
            arrivals: tally.arrivals,
            departures: tally.departures,
            uncertain: tally.uncertain,
            dwell: if has_dwell {
                self.changes.dwell(span.start, until)
            } else {
                Dwell::default()
            },
            bays,
            gates,
        }
    }

    fn gate_figures(
        &self,
        channels: &Arena<Channel>,
        miscount_ppm: u32,
        span: Span,
        until: UtcMs,
    ) -> GateFigures {
        let total = Usage {
            total_ms: self.capacity.wrapping_mul(span.ms()),
            ..Usage::default()
        };
        let mut figures = GateFigures {
            usage: total,
            ..GateFigures::default()
        };
        let mut passages: i64 = 0;
        for channel in self
            .gates
            .iter()
            .filter_map(|channel| channels.get(*channel))
        {
            let Role::Gate { is_entry, counter } = &channel.role else {
                continue;
            };
            let before_end = counter.before(until);
            let inside = before_end.wrapping_sub(counter.before(span.start));
            passages = passages.wrapping_add(before_end);
            let sum = if *is_entry {
                &mut figures.entries
            } else {
                &mut figures.exits
            };
            *sum = sum.wrapping_add(inside);
        }
        if self.initial_count.is_some() {
            figures.usage = self.usage(Basis::Gates, span, until);
            figures.count = self.by_gates.known_level(until.minus(1)).map(held);
        }
        if figures.count.is_some() {
            figures.count_error = miscounts(passages, miscount_ppm);
        }
        figures
    }

    /// The count by gates at an instant with its error, where it is known.
    pub fn gate_count(
        &self,
        channels: &Arena<Channel>,
        miscount_ppm: u32,
        now: UtcMs,
    ) -> Option<(i32, i32)> {
        let instant = Span {
            start: now,
            end: now.plus(1),
        };
        let figures = self.gate_figures(channels, miscount_ppm, instant, instant.end);
        Some((figures.count?, figures.count_error))
    }

    /// Forgets what lies before an instant.
    pub fn forget(&mut self, before: UtcMs) {
        self.by_bays.forget(before);
        self.by_count.forget(before);
        self.by_gates.forget(before);
        self.changes.forget(before);
    }
}

/// Half-width of the error interval after so many passages: rounded up.
fn miscounts(passages: i64, miscount_ppm: u32) -> i32 {
    let millionths = i128::from(passages.max(0)) * i128::from(miscount_ppm);
    i32::try_from((millionths + 999_999) / 1_000_000).unwrap_or(i32::MAX)
}

/// A level as it is published, held at the ends of the range.
pub fn held(level: i64) -> i32 {
    i32::try_from(level).unwrap_or(if level < 0 { i32::MIN } else { i32::MAX })
}
