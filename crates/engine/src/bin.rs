//! A bin: fill levels, emptyings and overflow, all derived in event-time order.
//!
//! A fall empties a bin where the reading after it shows it too: `v[i-1] - v[i]` and
//! `v[i-1] - v[i+1]` are both at least `emptied_drop`, bad readings left out. Overflow begins at
//! the first level at or above `on` and ends at the first at or below `off`; bad readings and
//! silence neither begin nor end it.

use huitian_model::{BinFigures, Settings, UtcMs};
use serde::{Deserialize, Serialize};

use crate::kept::{EMPTIED, Kept, OVERFLOWS, level};

/// How a reading becomes a fill level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Geometry {
    /// The channel says the fill itself.
    Fill,
    /// The channel says a distance, mm.
    Distance {
        /// To the bottom of the empty bin.
        empty_mm: u32,
        /// To the waste of a full bin.
        full_mm: u32,
    },
}

impl Geometry {
    /// Hundredths of a percent, 0..=10,000, rounded down; the distance is held to what empty and
    /// full mean.
    pub fn hundredths(self, kept: &Kept) -> i32 {
        match self {
            Self::Fill => kept.value,
            Self::Distance { empty_mm, full_mm } => {
                let distance = kept.unsigned().min(empty_mm).max(full_mm);
                let filled = u64::from(empty_mm.saturating_sub(distance)) * 10_000;
                let whole = u64::from(empty_mm.saturating_sub(full_mm)).max(1);
                i32::try_from(filled / whole).unwrap_or(10_000)
            }
        }
    }
}

/// The limits that decide what a bin did.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    on: i32,
    off: i32,
    drop: i32,
}

impl Limits {
    /// Those of the settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            on: i32::from(settings.overflow.on.hundredths()),
            off: i32::from(settings.overflow.off.hundredths()),
            drop: i32::from(settings.emptied_drop.hundredths()),
        }
    }
}

/// One time of overflow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Episode {
    /// First reading at or above the limit.
    pub onset: UtcMs,
    /// The value before, where it held until the onset.
    pub onset_after: Option<UtcMs>,
    /// First reading at or below the lower limit.
    pub end: Option<UtcMs>,
    /// Highest level seen, hundredths of a percent.
    pub peak: i32,
}

/// One emptying: when, from and to which level.
pub type Emptying = (UtcMs, i32, i32);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The last two levels.
    before: Option<(UtcMs, i32)>,
    last: Option<(UtcMs, i32)>,
    is_in_doubt: bool,
    open: Option<Episode>,
}

/// What is derived of a bin's readings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    base: State,
    state: State,
    /// All episodes since the oldest kept reading; the last may be open.
    pub episodes: Vec<Episode>,
    /// All emptyings since then.
    pub emptyings: Vec<Emptying>,
}

/// What one more reading changed.
#[derive(Clone, Copy, Default)]
struct Step {
    emptied: Option<Emptying>,
    opened: bool,
    ended: Option<Episode>,
}

impl State {
    fn step(&mut self, kept: &Kept, bin: &Rules) -> Step {
        let mut step = Step::default();
        if !kept.has_value() {
            self.is_in_doubt = true;
            return step;
        }
        let new = bin.geometry.hundredths(kept);
        let was_in_doubt = std::mem::take(&mut self.is_in_doubt);
        let limits = &bin.limits;
        if let (Some((_, before)), Some((at, last))) = (self.before, self.last)
            && before - last >= limits.drop
            && before - new >= limits.drop
        {
            step.emptied = Some((at, before, last));
        }
        self.before = self.last.replace((kept.at, new));
        match &mut self.open {
            Some(episode) if new <= limits.off => {
                episode.end = Some(kept.at);
                step.ended = self.open.take();
            }
            Some(episode) => episode.peak = episode.peak.max(new),
            None if new >= limits.on => {
                let held = self
                    .before
                    .map(|(at, _)| at)
                    .filter(|at| !was_in_doubt && at.plus(bin.valid_for_ms) >= kept.at);
                self.open = Some(Episode {
                    onset: kept.at,
                    onset_after: held,
                    end: None,
                    peak: new,
                });
                step.opened = true;
            }
            None => {}
        }
        step
    }
}

/// What a bin's readings are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How a reading becomes a level.
    pub geometry: Geometry,
    /// The limits.
    pub limits: Limits,
    /// How long a reading holds, ms.
    pub valid_for_ms: i64,
}

impl Ledger {
    /// Takes in the readings from `first` on. Returns the earliest instant before these readings
    /// for which something changed: an emptying is seen one reading late.
    pub fn advance(&mut self, samples: &mut [Kept], first: usize, rules: &Rules) -> Option<UtcMs> {
        let mut earliest: Option<UtcMs> = None;
        let mut place = first;
        while let Some(kept) = samples.get_mut(place) {
            let step = self.state.step(kept, rules);
            let overflows = if self.state.open.is_some() {
                OVERFLOWS
            } else {
                0
            };
            kept.marks = (kept.marks & EMPTIED) | overflows;
            if let Some(emptying) = step.emptied {
                self.emptyings.push(emptying);
                let seen = samples.get_mut(..place).unwrap_or_default();
                if let Some(fallen) = seen.iter_mut().rev().find(|kept| kept.at == emptying.0) {
                    fallen.marks |= EMPTIED;
                    earliest = Some(earliest.map_or(fallen.at, |first| first.min(fallen.at)));
                }
            }
            if let Some(ended) = step.ended
                && let Some(last) = self.episodes.last_mut()
            {
                *last = ended;
            }
            match (self.state.open, self.episodes.last_mut()) {
                (Some(open), Some(last)) if !step.opened => *last = open,
                (Some(open), _) => self.episodes.push(open),
                (None, _) => {}
            }
            place += 1;
        }
        earliest
    }

    /// Takes back all that the kept readings led to.
    pub fn begin_again(&mut self) {
        self.emptyings.clear();
        self.episodes.clear();
        self.episodes.extend(self.base.open);
        self.state = self.base;
    }

    /// Derives all anew from all readings that are kept. Returns the earliest instant at which an
    /// emptying came or went.
    pub fn again(&mut self, samples: &mut [Kept], rules: &Rules) -> Option<UtcMs> {
        let old = std::mem::take(&mut self.emptyings);
        self.begin_again();
        for kept in samples.iter_mut() {
            kept.marks = 0;
        }
        self.advance(samples, 0, rules);
        let differs = |all: &[Emptying], others: &[Emptying]| {
            let lost = all.iter().find(|one| !others.contains(one));
            lost.map(|(at, ..)| *at)
        };
        let lost = differs(&old, &self.emptyings);
        let found = differs(&self.emptyings, &old);
        lost.into_iter().chain(found).min()
    }

    /// Forgets the given oldest readings; returns how many episodes and emptyings went with them.
    pub fn forget(&mut self, samples: &[Kept], rules: &Rules) -> (usize, usize) {
        let (mut episodes, mut emptyings) = (0, 0);
        for kept in samples {
            let step = self.base.step(kept, rules);
            episodes += usize::from(step.ended.is_some());
            emptyings += usize::from(step.emptied.is_some());
        }
        self.episodes.drain(..episodes.min(self.episodes.len()));
        self.emptyings.drain(..emptyings.min(self.emptyings.len()));
        (episodes, emptyings)
    }

    /// The last fall before `late` that a reading in time can still confirm or deny as an
    /// emptying: the windows of that instant may change, however old it is.
    pub fn pending_fall(&self, samples: &[Kept], rules: &Rules, late: UtcMs) -> Option<UtcMs> {
        let mut before = self.base.before.map(|(_, level)| level);
        let mut last = self.base.last;
        let values = samples.iter().filter(|kept| kept.has_value());
        for kept in values.take_while(|kept| kept.at < late) {
            before = last.map(|(_, level)| level);
            last = Some((kept.at, rules.geometry.hundredths(kept)));
        }
        let ((at, fallen), before) = (last?, before?);
        (before - fallen >= rules.limits.drop).then_some(at)
    }

    /// The last emptying that is remembered.
    pub fn emptied_at(&self) -> Option<UtcMs> {
        self.emptyings.last().map(|(at, ..)| *at)
    }

    /// Since when the bin overflows, where it does.
    pub fn overflow_since(&self) -> Option<UtcMs> {
        self.state.open.map(|episode| episode.onset)
    }
}

/// Adds up a bin over `[from, to)`; `first` is the place of the first reading at or after `from`.
pub fn add_up(
    figures: &mut BinFigures,
    samples: &[Kept],
    first: usize,
    rules: &Rules,
    (from, to): (UtcMs, UtcMs),
) {
    let mut low = i32::MAX;
    let mut high = i32::MIN;
    let mut rest = samples.iter().skip(first.saturating_sub(1)).peekable();
    while let Some(kept) = rest.next() {
        if kept.at >= to {
            break;
        }
        if kept.at >= from && kept.marks & EMPTIED != 0 {
            figures.emptied += 1;
        }
        if !kept.has_value() {
            continue;
        }
        let next = rest.peek().map_or(to, |next| next.at.min(to));
        let end = next.min(kept.at.plus(rules.valid_for_ms));
        let time = end.since(kept.at.max(from));
        if time <= 0 {
            continue;
        }
        let hundredths = rules.geometry.hundredths(kept);
        figures.known_ms += time;
        figures.fill_ms = figures
            .fill_ms
            .wrapping_add(i64::from(hundredths).wrapping_mul(time));
        figures.overflow_ms += if kept.marks & OVERFLOWS == 0 { 0 } else { time };
        low = low.min(hundredths);
        high = high.max(hundredths);
        if end == to {
            figures.last = Some(level(hundredths));
        }
    }
    if low <= high {
        figures.min = Some(level(low));
        figures.max = Some(level(high));
    }
}
