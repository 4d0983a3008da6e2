//! A parking lot over a window: bays, counts, sessions and the peak.

use huitian_model::{
    Dwell, DwellHistogram, FacilityKind, LotFigures, Measurement, Quantity, Usage, UtcMs,
};

use super::accept::View;
use super::gates::Gates;
use super::holds::{Hold, Said, holds, instants, is_known_throughout, said, value_at};
use super::{Broken, Span};

/// A lot with all that its channels ever said.
pub struct Lot {
    capacity: i64,
    bays: Vec<Bay>,
    /// The count of the whole lot, where a channel gives it.
    counted: Option<Vec<Hold>>,
    gates: Option<Gates>,
    broken: Broken,
}

struct Bay {
    holds: Vec<Hold>,
    changes: Vec<Change>,
}

/// An arrival or a departure.
struct Change {
    at: i64,
    arrives: bool,
    is_uncertain: bool,
    /// For a departure: how long the session was, where its start and end are certain.
    dwell_ms: Option<i64>,
}

/// What the figure of the lot is taken from.
#[derive(PartialEq, Eq)]
enum Basis {
    Bays,
    Counted,
    Gates,
}

impl Lot {
    pub fn new(view: &View<'_>) -> Self {
        let FacilityKind::ParkingLot {
            capacity,
            initial_count,
        } = view.facility.kind
        else {
            panic!("not a lot")
        };
        let mut bays = Vec::new();
        let mut counted = None;
        for (device, channel, kept) in view.voices() {
            let said = said(kept);
            let valid_for_ms = device.valid_for_ms();
            let holds = holds(&said, valid_for_ms, view.broken);
            match channel.quantity {
                Quantity::Occupied => bays.push(Bay {
                    changes: changes(&said, valid_for_ms, view.broken),
                    holds,
                }),
                Quantity::InUse | Quantity::FreePlaces => counted = Some(holds),
                _ => {}
            }
        }
        Self {
            capacity: i64::from(capacity),
            bays,
            counted,
            gates: Gates::new(view, initial_count),
            broken: view.broken,
        }
    }

    pub fn figures(&self, span: Span) -> LotFigures {
        let bays = (!self.bays.is_empty()).then(|| self.usage_by_bays(span));
        let gates = self
            .gates
            .as_ref()
            .map(|gates| gates.figures(span, self.capacity));
        let usage = match self.basis() {
            Basis::Bays => bays.unwrap_or(self.nothing_known(span)),
            Basis::Counted => self.usage_by_count(span),
            Basis::Gates => gates.unwrap().usage,
        };
        let changes = || {
            let all = self.bays.iter().flat_map(|bay| &bay.changes);
            all.filter(|change| span.holds(change.at, self.broken))
        };
        let number = |count: usize| u32::try_from(count).unwrap();
        LotFigures {
            capacity: u32::try_from(self.capacity).unwrap(),
            usage: self.with_unknown_as_broken(usage),
            peak: self.peak(span),
            arrivals: number(changes().filter(|change| change.arrives).count()),
            departures: number(changes().filter(|change| !change.arrives).count()),
            uncertain: number(changes().filter(|change| change.is_uncertain).count()),
            dwell: dwell(changes()),
            bays: bays.map(|usage| self.with_unknown_as_broken(usage)),
            gates,
        }
    }

    /// Bays where every place has a sensor, else the count, else anchored gates, else what bays
    /// there are.
    fn basis(&self) -> Basis {
        let sensored = i64::try_from(self.bays.len()).unwrap();
        if sensored == self.capacity {
            Basis::Bays
        } else if self.counted.is_some() {
            Basis::Counted
        } else if self.gates.as_ref().is_some_and(Gates::is_anchored) {
            Basis::Gates
        } else {
            Basis::Bays
        }
    }

    fn nothing_known(&self, span: Span) -> Usage {
        Usage {
            total_ms: self.capacity * span.length(),
            ..Usage::default()
        }
    }

    fn usage_by_bays(&self, span: Span) -> Usage {
        let mut usage = self.nothing_known(span);
        for hold in self.bays.iter().flat_map(|bay| &bay.holds) {
            let time = hold.time_in(span, self.broken);
            if is_in_use(hold.value) {
                usage.in_use_ms += time;
            } else {
                usage.free_ms += time;
            }
        }
        usage
    }

    fn usage_by_count(&self, span: Span) -> Usage {
        let mut usage = self.nothing_known(span);
        for hold in self.counted.iter().flatten() {
            let time = hold.time_in(span, self.broken);
            let in_use = self.in_use(hold.value);
            usage.in_use_ms += in_use * time;
            usage.free_ms += (self.capacity - in_use) * time;
        }
        usage
    }

    fn with_unknown_as_broken(&self, usage: Usage) -> Usage {
        match self.broken {
            Broken::UnknownIsFree => Usage {
                free_ms: usage.total_ms - usage.in_use_ms,
                ..usage
            },
            _ => usage,
        }
    }

    fn in_use(&self, count: Measurement) -> i64 {
        match count {
            Measurement::InUse(in_use) => i64::from(in_use),
            Measurement::FreePlaces(free) => self.capacity - i64::from(free),
            other => panic!("not a count: {other:?}"),
        }
    }

    /// The highest level known at any instant of the span, and the first instant of the span at
    /// which it stands (the start, where it stood before).
    fn peak(&self, span: Span) -> Option<(i32, UtcMs)> {
        let mut peak: Option<(i64, i64)> = None;
        for at in self.instants(span) {
            let Some(level) = self.level(at) else {
                continue;
            };
            if peak.is_none_or(|(highest, _)| level > highest) {
                peak = Some((level, at));
            }
        }
        peak.map(|(level, at)| {
            (
                i32::try_from(level.clamp(i32::MIN.into(), i32::MAX.into())).unwrap(),
                UtcMs(at),
            )
        })
    }

    fn instants(&self, span: Span) -> Vec<i64> {
        match self.basis() {
            Basis::Bays => instants(self.bays.iter().flat_map(|bay| &bay.holds), span),
            Basis::Counted => instants(self.counted.iter().flatten(), span),
            Basis::Gates => self.gates.as_ref().unwrap().instants(span),
        }
    }

    /// Places known to be in use at an instant; none where nothing is known.
    pub fn level(&self, at: i64) -> Option<i64> {
        match self.basis() {
            Basis::Bays => {
                let states = self.bays.iter().filter_map(|bay| value_at(&bay.holds, at));
                let states: Vec<bool> = states.map(is_in_use).collect();
                let in_use = states.iter().filter(|in_use| **in_use).count();
                (!states.is_empty()).then(|| i64::try_from(in_use).unwrap())
            }
            Basis::Counted => value_at(self.counted.as_ref()?, at).map(|count| self.in_use(count)),
            Basis::Gates => self.gates.as_ref()?.count(at),
        }
    }
}

fn is_in_use(state: Measurement) -> bool {
    match state {
        Measurement::Occupied(in_use) => in_use,
        other => panic!("not the state of a bay: {other:?}"),
    }
}

/// The arrivals and departures of one bay, from all that it said.
fn changes(said: &[Said], valid_for_ms: i64, broken: Broken) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut previous: Option<(&Said, bool)> = None;
    // The session under way: when it began, where that was seen and is certain.
    let mut certain_start: Option<i64> = None;
    for one in said {
        let Some(in_use) = one.value.map(is_in_use) else {
            continue;
        };
        let Some((before, was_in_use)) = previous.replace((one, in_use)) else {
            continue;
        };
        let repeats = in_use && was_in_use && broken == Broken::HeartbeatArrives;
        if in_use == was_in_use && !repeats {
            continue;
        }
        let is_known = is_known_throughout(said, before, one.at, valid_for_ms);
        let is_uncertain = !is_known || one.is_startup;
        let mut dwell_ms = None;
        if in_use {
            certain_start = (!is_uncertain).then_some(one.at);
        } else if let Some(start) = certain_start.take().filter(|_| !is_uncertain) {
            dwell_ms = Some(one.at - start);
        }
        changes.push(Change {
            at: one.at,
            arrives: in_use,
            is_uncertain,
            dwell_ms,
        });
    }
    changes
}

fn dwell<'a>(changes: impl Iterator<Item = &'a Change>) -> Dwell {
    let mut histogram = DwellHistogram::default();
    for departure in changes.filter(|change| !change.arrives) {
        match departure.dwell_ms {
            Some(dwell_ms) => histogram.add(dwell_ms),
            None => histogram.add_uncertain(),
        }
    }
    histogram.figures()
}
