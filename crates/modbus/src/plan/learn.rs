//! What a device taught about its addresses by exceptions.
//!
//! Known is which runs were read (`good`) and which were refused (`bad`), each as a whole. Nothing
//! else is remembered: the bisection is what [`super::plan`] makes of it. A block that was refused
//! must not be asked for again, so it is cut; of all cuts with the fewest requests the plan takes
//! the one that halves what is still under suspicion. A refused part replaces the whole that it
//! explains, so after about log2 of the spans the cause stands alone: a span, or two neighbours
//! with something unreadable between them.
//!
//! ```text
//!            refused once        refused CONFIRM times, cycle after cycle
//!  unknown ───────────► suspect ───────────► fenced ──┐ probed after PROBE_FIRST cycles,
//!     ▲  ▲                 │ answered           │  ▲   │ then twice as long, up to PROBE_MAX
//!     │  └─────────────────┘                    │  └───┘ refused
//!     └──────────────────────── answered ───────┘
//! ```
//!
//! - Suspect: only cut off from its neighbours; it is asked for in every cycle, so cutting costs a
//!   request and never a value.
//! - Fenced: not asked for but by probes, one in a cycle, and one in every cycle where nothing else
//!   is left to ask for.
//! - What was read before is only suspect after [`CONFIRM`] refusals without an answer between
//!   them, because some devices refuse now and then (modbus-esp8266#255).
//!
//! Only exceptions 2 and 3 speak of addresses; 3 because some devices answer it for 2.

use std::collections::{BTreeMap, BTreeSet};

use huitian_codec::{RegisterFunction, RegisterSpan};
use huitian_model::UtcMs;

use super::request;
use crate::Request;

/// Refusals in a row that fence: three cycles, so that a hiccup costs no address.
pub const CONFIRM: u32 = 3;

/// Cycles until a fence is probed: at 10 s a quarter of an hour.
pub const PROBE_FIRST: u64 = 100;

/// Most cycles between two probes: at 10 s most of a day, so a mended device comes back by itself.
pub const PROBE_MAX: u64 = 6_400;

/// Runs remembered of each kind: twice the values that a map can have.
const RUNS_MAX: usize = 4_096;

/// A run of addresses that the device refuses.
///
/// Where every part of it was read alone, it is the run that is refused: it is longer than the
/// device bears, or nothing may be read across it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fence {
    /// What is read.
    pub function: RegisterFunction,
    /// First address that may be at fault.
    pub address: u16,
    /// How many may be.
    pub count: u16,
    /// When it was fenced.
    pub since: UtcMs,
    /// How often it was refused, probes included.
    pub refused: u32,
    /// The exception code that came last.
    pub code: u8,
}

/// A refused run.
#[derive(Clone, Copy, Debug)]
struct Bad {
    refused: u32,
    code: u8,
    /// Cycle of the last refusal: a cycle counts once, however often it was tried.
    last: u64,
    next_probe: u64,
    pause: u64,
    since: Option<UtcMs>,
}

impl Bad {
    const fn is_fenced(&self) -> bool {
        self.refused >= CONFIRM
    }
}

/// What is known of a device's addresses.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// Runs that the map says must not be read. Never probed.
    holes: Vec<RegisterSpan>,
    good: BTreeSet<RegisterSpan>,
    /// No entry holds another.
    bad: BTreeMap<RegisterSpan, Bad>,
    /// Refusals in a row of runs that were read before.
    doubts: BTreeMap<RegisterSpan, (u32, u64)>,
    cycle: u64,
    /// Rises with every change that a plan can see.
    version: u64,
}

impl Knowledge {
    /// Of a device with these holes.
    pub fn new(holes: &[RegisterSpan]) -> Self {
        Self {
            holes: holes.to_vec(),
            ..Self::default()
        }
    }

    /// Changes whenever another plan may be better.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Whether a span may be asked for: it holds no hole and no fence.
    pub fn is_readable(&self, span: RegisterSpan) -> bool {
        !self.holes.iter().any(|hole| hole.overlaps(span))
            && !self
                .bad_from(span.function, u32::from(span.address))
                .take_while(|(bad, _)| u32::from(bad.address) < span.end())
                .any(|(bad, known)| known.is_fenced() && span.contains(*bad))
    }

    /// The greatest end of a block that begins at `begin` and holds no refused run or hole.
    pub(super) fn end_max(&self, function: RegisterFunction, begin: u32) -> u32 {
        let holes = self
            .holes
            .iter()
            .filter(|hole| hole.function == function && u32::from(hole.address) >= begin);
        let bad = self.bad_from(function, begin).map(|(bad, _)| bad);
        holes
            .chain(bad)
            .map(|run| run.end() - 1)
            .min()
            .unwrap_or(u32::MAX)
    }

    /// Whether a span may be the cause of a refusal that is not yet explained.
    pub(super) fn suspects(&self, span: RegisterSpan) -> bool {
        self.bad.keys().any(|bad| bad.overlaps(span)) && !self.is_good(span)
    }

    fn is_good(&self, span: RegisterSpan) -> bool {
        self.good.contains(&span) || self.good.iter().any(|good| good.contains(span))
    }

    fn bad_from(
        &self,
        function: RegisterFunction,
        begin: u32,
    ) -> impl Iterator<Item = (&RegisterSpan, &Bad)> {
        let from = u16::try_from(begin).ok().map(|address| RegisterSpan {
            function,
            address,
            count: 0,
        });
        from.into_iter()
            .flat_map(|from| self.bad.range(from..))
            .take_while(move |(bad, _)| bad.function == function)
    }

    /// A request was answered: all of it can be read.
    pub fn on_answer(&mut self, request: Request) {
        let span = span(request);
        self.doubts.remove(&span);
        let cleared: Vec<_> = self
            .bad
            .keys()
            .copied()
            .filter(|bad| span.contains(*bad))
            .collect();
        let lifts = cleared
            .iter()
            .any(|bad| self.bad.get(bad).is_some_and(Bad::is_fenced));
        for bad in &cleared {
            self.bad.remove(bad);
        }
        if lifts {
            // It changed its mind once: the other fences are worth a look now.
            for bad in self.bad.values_mut() {
                bad.next_probe = self.cycle;
            }
        }
        let is_new = !self.good.contains(&span);
        if is_new && self.good.len() < RUNS_MAX {
            self.good.retain(|good| !span.contains(*good));
            self.good.insert(span);
        }
        if !cleared.is_empty() || (is_new && !self.bad.is_empty()) {
            self.version += 1;
        }
    }

    /// A request was refused. Does nothing where the code does not speak of addresses.
    pub fn on_exception(&mut self, request: Request, code: u8) {
        if !speaks_of_addresses(code) {
            return;
        }
        let span = span(request);
        if let Some(known) = self.bad.get_mut(&span) {
            known.refuse(self.cycle, code);
            if known.refused == CONFIRM {
                self.version += 1;
            }
            return;
        }
        if self.is_good(span) && !self.is_doubted_enough(span) {
            return;
        }
        // A known refused part explains it: nothing new.
        let is_explained = self.bad.keys().any(|bad| span.contains(*bad));
        if is_explained || self.bad.len() == RUNS_MAX {
            return;
        }
        self.doubts.remove(&span);
        self.good.retain(|good| !good.contains(span));
        self.bad.retain(|bad, _| !bad.contains(span));
        self.bad.insert(span, Bad::new(self.cycle, code));
        self.version += 1;
    }

    /// Counts a refusal of what was read before; whether there were enough in a row.
    fn is_doubted_enough(&mut self, span: RegisterSpan) -> bool {
        if self.doubts.len() == RUNS_MAX {
            // Old doubts of requests that are no longer made: at worst some counts begin anew.
            self.doubts.clear();
        }
        let (refused, last) = self.doubts.entry(span).or_insert((0, u64::MAX));
        if *last != self.cycle {
            *refused += 1;
            *last = self.cycle;
        }
        *refused >= CONFIRM
    }

    /// What is to be asked for beside the plan in this cycle.
    pub fn probe(&self, wanted: &[RegisterSpan], planned: &[Request]) -> Option<Request> {
        let nothing_else = planned.is_empty();
        let due = self.bad.iter().filter(|(span, known)| {
            if planned.contains(&request(**span)) {
                return false;
            }
            if known.is_fenced() {
                return nothing_else || known.next_probe <= self.cycle;
            }
            // A suspect run of several spans: once its parts are all cleared, it is the whole
            // that must be asked for to convict what lies between them.
            !wanted
                .iter()
                .any(|wanted| span.contains(*wanted) && self.suspects(*wanted))
        });
        let first = due.min_by_key(|(_, known)| (known.is_fenced(), known.next_probe));
        first.map(|(span, _)| request(*span))
    }

    /// Ends a cycle.
    pub fn finish(&mut self, at: UtcMs) {
        for known in self.bad.values_mut() {
            if known.is_fenced() && known.since.is_none() {
                known.since = Some(at);
            }
        }
        self.cycle += 1;
    }

    /// The cycles that ended.
    pub const fn cycle(&self) -> u64 {
        self.cycle
    }

    /// What the device refuses for good, as far as is known.
    pub fn fences(&self) -> Vec<Fence> {
        let fenced = self.bad.iter().filter(|(_, known)| known.is_fenced());
        fenced
            .map(|(span, known)| {
                let (address, count) = self.narrowed(*span);
                Fence {
                    function: span.function,
                    address,
                    count,
                    since: known.since.unwrap_or(UtcMs(0)),
                    refused: known.refused,
                    code: known.code,
                }
            })
            .collect()
    }

    /// The part of a refused run that no answer ever held; all of it where every part was.
    fn narrowed(&self, bad: RegisterSpan) -> (u16, u16) {
        let is_cleared = |address: u16| {
            self.is_good(RegisterSpan {
                address,
                count: 1,
                ..bad
            })
        };
        let last = bad.address.saturating_add(bad.count.saturating_sub(1));
        let first = (bad.address..=last).find(|address| !is_cleared(*address));
        let last = (bad.address..=last)
            .rev()
            .find(|address| !is_cleared(*address));
        match (first, last) {
            (Some(first), Some(last)) => (first, (last - first).saturating_add(1)),
            _ => (bad.address, bad.count),
        }
    }
}

impl Bad {
    const fn new(cycle: u64, code: u8) -> Self {
        Self {
            refused: 1,
            code,
            last: cycle,
            next_probe: cycle + PROBE_FIRST,
            pause: PROBE_FIRST,
            since: None,
        }
    }

    fn refuse(&mut self, cycle: u64, code: u8) {
        if self.last == cycle {
            return;
        }
        if self.is_fenced() {
            self.pause = (self.pause * 2).min(PROBE_MAX);
        }
        self.refused = self.refused.saturating_add(1);
        self.code = code;
        self.last = cycle;
        self.next_probe = cycle + self.pause;
    }
}

/// Whether an exception code says that an address cannot be read: 2 (illegal data address) and 3
/// (illegal data value). 1, 4, 5, 6, 8, 10 and 11 speak of function, device, load and gateway.
pub(crate) const fn speaks_of_addresses(code: u8) -> bool {
    matches!(code, 2 | 3)
}

const fn span(request: Request) -> RegisterSpan {
    RegisterSpan {
        function: request.function,
        address: request.address,
        count: request.count,
    }
}
