//! A bin: fill levels, emptyings and overflow, all derived in event-time order.
//!
//! A fall empties a bin where the reading after it shows it too: `v[i-1] - v[i]` and
//! `v[i-1] - v[i+1]` are both at least `emptied_drop`, bad readings left out. Overflow begins at
//! the first level at or above `on` and ends at the first at or below `off`; bad readings and
//! silence neither begin nor end it. Levels that are spikes ([`crate::spike`]) are left out of all
//! of it, and so is a newest level that may be one.

use huitian_model::{BinFigures, Settings, UtcMs};
use serde::{Deserialize, Serialize};

use crate::kept::{EMPTIED, HELD_BACK, Kept, OVERFLOWS, REJECTED, level};
use crate::spike::{Level, Spikes, Verdict};

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
    spikes: Spikes,
}

impl Limits {
    /// Those of the settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            on: i32::from(settings.overflow.on.hundredths()),
            off: i32::from(settings.overflow.off.hundredths()),
            drop: i32::from(settings.emptied_drop.hundredths()),
            spikes: Spikes::of(settings),
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

impl Rules {
    fn level(&self, kept: &Kept) -> Level {
        (kept.at, self.geometry.hundredths(kept))
    }
}

/// The first value from a place on.
fn value_from(samples: &[Kept], place: usize) -> Option<&Kept> {
    let rest = samples.get(place..).unwrap_or_default();
    rest.iter().find(|kept| kept.has_value())
}

fn least(one: Option<UtcMs>, other: Option<UtcMs>) -> Option<UtcMs> {
    one.into_iter().chain(other).min()
}

impl Ledger {
    /// Takes in the readings from `first` on. Returns the earliest instant before these readings
    /// for which something changed: emptyings and spikes are seen one reading late.
    pub fn advance(&mut self, samples: &mut [Kept], first: usize, rules: &Rules) -> Option<UtcMs> {
        let next = value_from(samples, first).map(|kept| rules.level(kept));
        let seen = samples.get_mut(..first).unwrap_or_default();
        let newest = seen.iter_mut().rev().find(|kept| kept.has_value());
        let mut decided = None;
        if let (Some(next), Some(newest)) = (next, newest) {
            let was_held_back = newest.marks & HELD_BACK != 0;
            let before = if was_held_back {
                self.state.last
            } else {
                self.state.before
            };
            let verdict = rules
                .limits
                .spikes
                .judge(before, rules.level(newest), Some(next));
            match (was_held_back, verdict) {
                (true, Verdict::Rejected) => {
                    newest.marks = REJECTED;
                    decided = Some(newest.at);
                }
                (true, _) | (false, Verdict::Rejected) => return self.again(samples, rules),
                (false, _) => {}
            }
        }
        least(decided, self.fold(samples, first, rules))
    }

    /// Takes in the readings from `first` on, each judged by the one after it.
    fn fold(&mut self, samples: &mut [Kept], first: usize, rules: &Rules) -> Option<UtcMs> {
        let mut earliest: Option<UtcMs> = None;
        for place in first..samples.len() {
            let after = value_from(samples, place + 1).map(|kept| rules.level(kept));
            let Some(kept) = samples.get_mut(place) else {
                break;
            };
            if kept.has_value() {
                let level = rules.level(kept);
                let verdict = rules.limits.spikes.judge(self.state.last, level, after);
                kept.marks = match verdict {
                    Verdict::Believed => 0,
                    Verdict::HeldBack => HELD_BACK,
                    Verdict::Rejected => REJECTED,
                };
                if verdict != Verdict::Believed {
                    continue;
                }
            }
            let step = self.state.step(kept, rules);
            let is_open = self.state.open.is_some();
            kept.marks = if is_open { OVERFLOWS } else { 0 };
            if let Some(emptying) = step.emptied {
                self.emptyings.push(emptying);
                let seen = samples.get_mut(..place).unwrap_or_default();
                if let Some(fallen) = seen.iter_mut().rev().find(|kept| kept.at == emptying.0) {
                    fallen.marks |= EMPTIED;
                    earliest = least(earliest, Some(fallen.at));
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
    /// emptying or a spike came or went.
    pub fn again(&mut self, samples: &mut [Kept], rules: &Rules) -> Option<UtcMs> {
        let old = std::mem::take(&mut self.emptyings);
        let doubt = |kept: &Kept| kept.marks & (REJECTED | HELD_BACK);
        let doubts: Vec<u8> = samples.iter().map(doubt).collect();
        self.begin_again();
        for kept in samples.iter_mut() {
            kept.marks = 0;
        }
        self.fold(samples, 0, rules);
        let differs = |all: &[Emptying], others: &[Emptying]| {
            let lost = all.iter().find(|one| !others.contains(one));
            lost.map(|(at, ..)| *at)
        };
        let lost = differs(&old, &self.emptyings);
        let found = differs(&self.emptyings, &old);
        let mut judged = samples.iter().zip(doubts);
        let judged = judged.find(|(kept, before)| doubt(kept) != *before);
        least(least(lost, found), judged.map(|(kept, _)| kept.at))
    }

    /// Forgets the given oldest readings; returns how many episodes and emptyings went with them.
    pub fn forget(&mut self, samples: &[Kept], rules: &Rules) -> (usize, usize) {
        let (mut episodes, mut emptyings) = (0, 0);
        for kept in samples.iter().filter(|kept| !kept.is_left_out()) {
            let step = self.base.step(kept, rules);
            episodes += usize::from(step.ended.is_some());
            emptyings += usize::from(step.emptied.is_some());
        }
        self.episodes.drain(..episodes.min(self.episodes.len()));
        self.emptyings.drain(..emptyings.min(self.emptyings.len()));
        (episodes, emptyings)
    }

    /// The earliest instant of which a reading in time can still change what is said of it: the
    /// last level before `late` may be a fall that it confirms as an emptying, or a level that it
    /// shows to be a spike, or none; and the fall before that one is confirmed by what is then
    /// believed. The windows of that instant may change, however old it is.
    pub fn pending(&self, samples: &[Kept], rules: &Rules, late: UtcMs) -> Option<UtcMs> {
        let (mut before, mut last) = (self.base.before, self.base.last);
        let mut newest = None;
        let values = samples.iter().filter(|kept| kept.has_value());
        for kept in values.take_while(|kept| kept.at < late) {
            // The one before it has been judged by it; itself it may be judged anew.
            if let Some(judged) = newest.replace(kept).filter(|kept| kept.is_believed()) {
                (before, last) = (last, Some(rules.level(judged)));
            }
        }
        let fell = |from: Option<Level>, to: Level| {
            from.is_some_and(|from| from.1 - to.1 >= rules.limits.drop)
        };
        let Some(newest) = newest else {
            return last.filter(|last| fell(before, *last)).map(|last| last.0);
        };
        let level = rules.level(newest);
        if !rules.limits.spikes.is_open(last, level) {
            return fell(last, level).then_some(level.0);
        }
        let confirmed = last.filter(|last| fell(before, *last));
        Some(confirmed.map_or(level.0, |fallen| fallen.0))
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
    let mut rejected = 0;
    let seen = samples.get(..first).unwrap_or_default();
    let held = seen.iter().rposition(|kept| !kept.is_left_out());
    let all = samples.iter().skip(held.unwrap_or(first));
    let mut rest = all
        .filter(|kept| {
            let is_inside = kept.at >= from && kept.at < to;
            rejected += u32::from(is_inside && kept.marks & REJECTED != 0);
            !kept.is_left_out()
        })
        .peekable();
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
    figures.rejected = rejected;
    if low <= high {
        figures.min = Some(level(low));
        figures.max = Some(level(high));
    }
}
