//! The history of a channel: its readings inside the horizon in event-time order, and the one
//! before, which still holds at the horizon.
//!
//! One reading holds at an instant. Two rules say which: of the copies of one uplink one holds
//! ([`crate::copies`]), and of these at one instant the greatest. Readings that do not hold but
//! would, were another not there, are kept aside. What holds is a function of the set of readings
//! that were offered.

use std::cmp::Ordering;

use huitian_model::{Quantity, Reason, UtcMs};
use serde::{Deserialize, Serialize};

use crate::copies::{self, COPIES_WITHIN_MS};
use crate::kept::Kept;

/// Readings in event-time order, one for each instant, and those kept aside.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    samples: Vec<Kept>,
    /// Those that do not hold, by instant. As many as there are copies and contradictions.
    aside: Vec<Kept>,
}

/// What became of a reading that was offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It holds now, at this place.
    Inserted(usize),
    /// It holds now instead of another of the same instant.
    Replaced(usize, Kept),
    /// It is known already.
    Duplicate,
    /// Another of the same instant outranks it.
    Beaten,
    /// What holds is to be changed by steps, and others are accounted otherwise.
    Settled(Box<Settlement>),
}

/// One change of what holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// This one holds from now on, instead of another of the same instant if there is one.
    Put(Kept),
    /// None holds at that instant any more.
    Take(UtcMs),
}

impl Step {
    /// The instant at which it changes what holds.
    pub const fn at(self) -> UtcMs {
        match self {
            Self::Put(kept) => kept.at,
            Self::Take(at) => at,
        }
    }
}

/// What one step did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// One holds at this place where none did.
    Inserted(usize),
    /// One holds instead of another of the same instant.
    Replaced(usize, Kept),
    /// The one that held at this place does not any more.
    Removed(usize, Kept),
}

/// As what a reading is accounted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It holds.
    Applied,
    /// Another copy of its uplink holds.
    Duplicate,
    /// Another of its instant holds.
    Superseded,
}

impl Standing {
    /// Why it is not applied, if it is not.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Applied => None,
            Self::Duplicate => Some(Reason::Duplicate),
            Self::Superseded => Some(Reason::Superseded),
        }
    }
}

/// What follows from a reading where copies or contradictions are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// How what holds changes, in order.
    pub steps: Vec<Step>,
    /// As what the reading itself is accounted.
    pub own: Standing,
    /// Readings that are accounted otherwise than before.
    pub moved: Vec<(Kept, Standing, Standing)>,
}

impl History {
    /// All that holds.
    pub fn samples(&self) -> &[Kept] {
        &self.samples
    }

    /// All that holds, to mark.
    pub fn samples_mut(&mut self) -> &mut [Kept] {
        &mut self.samples
    }

    /// The newest that holds.
    pub fn newest(&self) -> Option<&Kept> {
        self.samples.last()
    }

    /// How many of them lie before an instant.
    pub fn before(&self, at: UtcMs) -> usize {
        before(&self.samples, at)
    }

    /// Takes a reading in. Where the fate is [`Fate::Settled`], what holds is changed by its
    /// steps, each by [`History::step`].
    pub fn offer(&mut self, mut kept: Kept, quantity: Quantity) -> Fate {
        let is_alone = !kept.has_copies() || !self.has_copy_of(&kept);
        if kept.has_copies() && is_alone {
            kept.place_among_copies(true, false);
        }
        if is_alone && self.newest().is_none_or(|newest| newest.at < kept.at) {
            self.samples.push(kept);
            return Fate::Inserted(self.samples.len() - 1);
        }
        let place = self.before(kept.at);
        let known = self.samples.get_mut(place);
        let known = known.filter(|known| known.at == kept.at);
        let is_plain = |one: &Kept| !kept.has_copies() && !one.has_copies();
        match known {
            None if is_alone => {
                self.samples.insert(place, kept);
                Fate::Inserted(place)
            }
            Some(known) if is_plain(known) => {
                match kept.rank(quantity).cmp(&known.rank(quantity)) {
                    Ordering::Equal => Fate::Duplicate,
                    Ordering::Greater => Fate::Replaced(place, std::mem::replace(known, kept)),
                    Ordering::Less => Fate::Beaten,
                }
            }
            _ => self.settle(kept, quantity),
        }
    }

    /// Changes what holds by one step.
    pub fn step(&mut self, step: Step) -> Option<Done> {
        let at = step.at();
        let place = self.before(at);
        let known = self.samples.get_mut(place);
        match (step, known.filter(|known| known.at == at)) {
            (Step::Put(kept), Some(known)) => {
                Some(Done::Replaced(place, std::mem::replace(known, kept)))
            }
            (Step::Put(kept), None) => {
                self.samples.insert(place, kept);
                Some(Done::Inserted(place))
            }
            (Step::Take(_), Some(_)) => Some(Done::Removed(place, self.samples.remove(place))),
            (Step::Take(_), None) => None,
        }
    }

    /// Whether a reading with the same counter lies so near that it may be of the same uplink.
    fn has_copy_of(&self, kept: &Kept) -> bool {
        let (from, to) = (
            kept.at.minus(COPIES_WITHIN_MS),
            kept.at.plus(COPIES_WITHIN_MS),
        );
        let has = |all: &[Kept]| near(all, from, to).any(|one| one.has_counter_of(kept));
        has(&self.samples) || has(&self.aside)
    }

    /// The readings that hold or are kept aside at an instant, with their standing.
    fn at(&self, at: UtcMs) -> Vec<(Kept, Standing)> {
        let holds = near(&self.samples, at, at).map(|kept| (*kept, Standing::Applied));
        let aside = near(&self.aside, at, at).map(|kept| (*kept, standing_aside(kept)));
        holds.chain(aside).collect()
    }

    /// All readings with their standing.
    pub fn standings(&self) -> impl Iterator<Item = (&Kept, Standing)> {
        let holds = self.samples.iter().map(|kept| (kept, Standing::Applied));
        holds.chain(self.aside.iter().map(|kept| (kept, standing_aside(kept))))
    }

    /// The standing of one reading, as one edge numbered it.
    pub fn standing_of(&self, kept: &Kept) -> Option<Standing> {
        let all = self.at(kept.at).into_iter();
        let is_it = |one: &Kept| {
            one.is_same(kept) && (one.edge, one.received_at) == (kept.edge, kept.received_at)
        };
        all.filter(|(one, _)| is_it(one))
            .map(|(_, standing)| standing)
            .next()
    }

    /// Takes a reading in where copies of it, or contradictions that may come back, are known.
    fn settle(&mut self, kept: Kept, quantity: Quantity) -> Fate {
        let mut moved = Vec::new();
        let twin = self.at(kept.at).into_iter();
        let twin = twin.into_iter().find(|(one, _)| one.is_same(&kept));
        if let Some((twin, standing)) = twin {
            // The one that was received first stands for both: the copies are ranked by it.
            if !kept.has_copies() || twin.received_at <= kept.received_at {
                return Fate::Duplicate;
            }
            moved.push((twin, standing, Standing::Duplicate));
        }
        let run = self.run_with(&kept, quantity);
        let mut instants: Vec<UtcMs> = run.iter().map(|one| one.at).collect();
        instants.push(kept.at);
        instants.sort_unstable();
        instants.dedup();
        let mut settlement = Settlement {
            steps: Vec::new(),
            own: Standing::Superseded,
            moved,
        };
        for at in instants {
            self.settle_instant(at, &kept, (&run, quantity), &mut settlement);
        }
        Fate::Settled(Box::new(settlement))
    }

    /// The readings with the counter of `kept`, and itself, as far as it may say which of them
    /// are copies of what: each says which copy it is.
    fn run_with(&self, kept: &Kept, quantity: Quantity) -> Vec<Kept> {
        if !kept.has_copies() {
            return Vec::new();
        }
        let with_counter = |from: UtcMs, to: UtcMs| {
            let holds = near(&self.samples, from, to);
            let all = holds.chain(near(&self.aside, from, to));
            all.filter(|one| one.has_counter_of(kept) && !one.is_same(kept))
        };
        let place = |one: &Kept| (one.at, one.sample(quantity));
        let earliest = kept.at.minus(COPIES_WITHIN_MS);
        // The first copy of the uplink that is under way where `kept` lies.
        let firsts = with_counter(earliest, kept.at).filter(|one| one.is_first_copy());
        let first = firsts.map(place).filter(|first| *first < place(kept)).max();
        let from = first.unwrap_or(place(kept));
        let before = with_counter(from.0, kept.at).filter(|one| place(one) >= from);
        let mut run: Vec<Kept> = before.copied().collect();
        run.push(*kept);
        // Onwards as far as one lies near the one before: after a gap another uplink begins.
        let mut last = kept.at;
        loop {
            let until = last.plus(COPIES_WITHIN_MS);
            let after = with_counter(last, until).filter(|one| one.at > last);
            let next: Vec<Kept> = after.copied().collect();
            let Some(newest) = next.iter().map(|one| one.at).max() else {
                break;
            };
            run.extend(next);
            last = newest;
        }
        copies::sort(&mut run, quantity);
        copies::decide(&mut run);
        run
    }

    /// Says anew what holds at an instant.
    fn settle_instant(
        &mut self,
        at: UtcMs,
        kept: &Kept,
        (run, quantity): (&[Kept], Quantity),
        settlement: &mut Settlement,
    ) {
        let old = self.at(at);
        let held = old
            .iter()
            .find(|(_, standing)| *standing == Standing::Applied);
        let held = held.map(|(one, _)| *one);
        let mut all: Vec<(Kept, Option<Standing>)> = old
            .into_iter()
            .filter(|(one, _)| !one.is_same(kept))
            .map(|(one, standing)| (one, Some(standing)))
            .collect();
        if at == kept.at {
            all.push((*kept, None));
        }
        for (one, _) in &mut all {
            if let Some(decided) = run.iter().find(|decided| decided.is_same(one)) {
                one.place_among_copies(decided.is_first_copy(), decided.is_shadowed());
            }
        }
        let winner = all.iter().filter(|(one, _)| !one.is_shadowed());
        let winner = winner.map(|(one, _)| *one);
        let winner = winner.max_by_key(|one| one.rank_of_instant(quantity));
        let is_winner = |one: &Kept| winner.is_some_and(|winner| winner.is_same(one));
        let first = before(&self.aside, at);
        let count = near(&self.aside, at, at).count();
        self.aside.drain(first..first + count);
        for (one, before) in &all {
            let now = if is_winner(one) {
                Standing::Applied
            } else {
                standing_aside(one)
            };
            match before {
                None => settlement.own = now,
                Some(before) if *before != now => settlement.moved.push((*one, *before, now)),
                Some(_) => {}
            }
            let may_return = one.has_copies() || winner.is_none_or(|one| one.has_copies());
            if now != Standing::Applied && may_return {
                self.aside.insert(first, *one);
            }
        }
        match (held, winner) {
            (Some(held), Some(winner)) if held.says_as(&winner) => {
                // Nothing that shows has changed: it holds as it did.
                let place = self.before(at);
                if let Some(known) = self.samples.get_mut(place) {
                    let marks = known.marks;
                    *known = winner;
                    known.marks = marks;
                }
            }
            (_, Some(winner)) => settlement.steps.push(Step::Put(winner)),
            (Some(_), None) => settlement.steps.push(Step::Take(at)),
            (None, None) => {}
        }
    }

    /// How many may be forgotten so that the one that holds at `horizon` stays.
    pub fn forgettable(&self, horizon: UtcMs) -> usize {
        let after = self.samples.partition_point(|kept| kept.at <= horizon);
        after.saturating_sub(1)
    }

    /// Forgets the oldest. What is kept aside so long ago nothing can bring back.
    pub fn forget(&mut self, count: usize) {
        self.samples.drain(..count.min(self.samples.len()));
        if let Some(oldest) = self.samples.first().map(|kept| kept.at) {
            self.aside.retain(|kept| kept.at >= oldest);
        }
        if self.samples.capacity() > 2 * self.samples.len() + 16 {
            self.samples
                .shrink_to(self.samples.len() + self.samples.len() / 4);
        }
    }
}

/// How many readings lie before an instant. Fast near the newest end, where most are asked.
fn before(all: &[Kept], at: UtcMs) -> usize {
    let mut low = all.len();
    let mut high = low;
    let mut step = 1;
    while low > 0 {
        low = high.saturating_sub(step).min(low);
        if all.get(low).is_some_and(|kept| kept.at < at) {
            break;
        }
        high = low;
        step *= 2;
    }
    let near = all.get(low..high).unwrap_or_default();
    low + near.partition_point(|kept| kept.at < at)
}

/// The readings of `[from, to]`.
fn near(all: &[Kept], from: UtcMs, to: UtcMs) -> impl Iterator<Item = &Kept> {
    let first = before(all, from);
    let rest = all.get(first..).unwrap_or_default().iter();
    rest.take_while(move |kept| kept.at <= to)
}

/// As what a reading that does not hold is accounted.
const fn standing_aside(kept: &Kept) -> Standing {
    if kept.is_shadowed() {
        Standing::Duplicate
    } else {
        Standing::Superseded
    }
}

#[cfg(test)]
mod tests;
