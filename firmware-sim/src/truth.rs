//! What truly happened, for those who score what others make of the messages.

use crate::bay::plan;
use crate::bin_fill::{fill, visits};
use crate::calendar::{DAY_MS, HOUR_MS, day_of, day_start, kind_of};
use crate::faults::Fault;
use crate::layout::{Lot, Subject};
use crate::lot::LotDay;
use crate::traffic::{Counters, Event, Sink, run_day};
use crate::world::{FIRST_DAY, World};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TruthKind {
    /// A vehicle took a bay, or came in by a gate.
    Arrival,
    /// A vehicle left a bay, or went out by a gate.
    Departure,
    /// How full a bin is at the full hour, permille.
    Level(i64),
    /// A bin was emptied; how full it was, permille.
    Emptied(i64),
    /// A visit stood in the schedule and was not made.
    VisitMissed,
    /// Something went wrong with a device.
    Fault(Fault),
}

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TruthEvent {
    /// When, ms UTC.
    pub at_ms: i64,
    /// Index into [`crate::Inventory::assets`]; none for a device that speaks of a whole lot.
    pub asset: Option<usize>,
    /// Index into [`crate::Inventory::devices`].
    pub device: u32,
    /// What.
    pub kind: TruthKind,
}

/// Events of a range; see [`World::truth`]. Holds one day.
#[derive(Debug)]
pub struct Truth<'a> {
    world: &'a World,
    from_ms: i64,
    to_ms: i64,
    next_day: i64,
    /// In reverse order.
    ready: Vec<TruthEvent>,
}

struct Faults<'a> {
    world: &'a World,
    found: &'a mut Vec<TruthEvent>,
}

impl Sink for Faults<'_> {
    fn event(&mut self, _: Event) {}
    fn fault(&mut self, at_ms: i64, device: u32, fault: Fault) {
        self.found.push(TruthEvent {
            at_ms,
            asset: self.world.device(device).and_then(|one| one.asset),
            device,
            kind: TruthKind::Fault(fault),
        });
    }
    fn wants_events(&self) -> bool {
        true
    }
}

impl<'a> Truth<'a> {
    pub(crate) fn new(world: &'a World, from_ms: i64, to_ms: i64) -> Self {
        Self {
            world,
            from_ms,
            to_ms,
            next_day: day_of(from_ms).max(FIRST_DAY),
            ready: Vec::new(),
        }
    }

    fn make_day(&mut self) {
        let (world, day) = (self.world, self.next_day);
        self.next_day += 1;
        let mut found = Vec::new();
        for index in 0..world.device_count() {
            happenings(world, index, day, &mut found);
            let mut sink = Faults {
                world,
                found: &mut found,
            };
            run_day(world, index, day, &mut Counters::default(), &mut sink);
        }
        let range = self.from_ms..self.to_ms;
        found.retain(|event| range.contains(&event.at_ms));
        found.sort_unstable_by(|a, b| b.cmp(a));
        self.ready = found;
    }
}

impl Iterator for Truth<'_> {
    type Item = TruthEvent;

    fn next(&mut self) -> Option<TruthEvent> {
        loop {
            if let Some(event) = self.ready.pop() {
                return Some(event);
            }
            if day_start(self.next_day) >= self.to_ms {
                return None;
            }
            self.make_day();
        }
    }
}

fn happenings(world: &World, index: u32, day: i64, found: &mut Vec<TruthEvent>) {
    let Some(device) = world.device(index) else {
        return;
    };
    let start_ms = day_start(day);
    let mut add = |offset: i64, kind: TruthKind| {
        found.push(TruthEvent {
            at_ms: start_ms + offset,
            asset: device.asset,
            device: index,
            kind,
        });
    };
    match device.subject {
        Subject::Bay(bay) => {
            let Some(bay) = world.layout.bays.get(bay) else {
                return;
            };
            let plan = plan(bay, day, kind_of(day));
            let mut in_use = plan.starts_in_use;
            for at in plan.changes() {
                in_use = !in_use;
                let kind = if in_use {
                    TruthKind::Arrival
                } else {
                    TruthKind::Departure
                };
                add(*at, kind);
            }
        }
        Subject::Gate(lot, gate) => {
            if let Some(lot) = world.layout.lots.get(lot) {
                passages(world, lot, gate, day, &mut add);
            }
        }
        Subject::Display(_) => {}
        Subject::Bin(bin) => {
            let Some(bin) = world.layout.bins.get(bin) else {
                return;
            };
            for hour in 0..24 {
                let at = hour * HOUR_MS;
                add(at, TruthKind::Level(fill(bin, start_ms + at)));
            }
            for visit in visits(bin, day).into_iter().flatten() {
                let kind = if visit.made {
                    TruthKind::Emptied(fill(bin, start_ms + visit.offset_ms - 1))
                } else {
                    TruthKind::VisitMissed
                };
                add(visit.offset_ms, kind);
            }
        }
    }
}

/// Every passage of a gate, by halving the day until the instant at which the count rises.
fn passages(world: &World, lot: &Lot, gate: i64, day: i64, add: &mut impl FnMut(i64, TruthKind)) {
    let flows = LotDay::new(lot, &world.layout.bays, day);
    let (entries, exits) = flows.passed(gate, DAY_MS);
    let mut each = |total: i64, kind: TruthKind, count: &dyn Fn(i64) -> i64| {
        for number in 1..=total {
            let (mut low, mut high) = (0, DAY_MS);
            while low < high {
                let middle = i64::midpoint(low, high);
                if count(middle) >= number {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            add(low, kind);
        }
    };
    each(entries, TruthKind::Arrival, &|at| flows.passed(gate, at).0);
    each(exits, TruthKind::Departure, &|at| flows.passed(gate, at).1);
}
