//! Signals: what a channel said, and how long each of its readings holds.

use huitian_model::{Measurement, Sample, UncertainReason};

use super::accept::Kept;
use super::{Broken, Span};

/// One reading of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    pub at: i64,
    /// The value; none where the reading is bad.
    pub value: Option<Measurement>,
    /// Right after start-up: a change that it shows is in doubt.
    pub is_startup: bool,
    pub copies: i64,
}

/// A stretch of time for which a value is known.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    pub from: i64,
    pub to: i64,
    pub value: Measurement,
    copies: i64,
}

impl Hold {
    /// How long it lies in a span, ms.
    pub fn time_in(&self, span: Span, broken: Broken) -> i64 {
        let copies = if broken == Broken::DuplicatesSum {
            self.copies
        } else {
            1
        };
        span.overlap(self.from, self.to) * copies
    }

    pub fn covers(&self, at: i64) -> bool {
        self.from <= at && at < self.to
    }
}

/// What a channel said, in event-time order.
pub fn said(kept: &[Kept]) -> Vec<Said> {
    let mut said: Vec<Said> = kept
        .iter()
        .map(|Kept { reading, copies }| Said {
            at: reading.at.0,
            value: reading.sample.value(),
            is_startup: matches!(
                reading.sample,
                Sample::Uncertain(_, UncertainReason::Startup)
            ),
            copies: *copies,
        })
        .collect();
    said.sort_by_key(|one| one.at);
    said
}

/// The stretches of known time: each value until the channel speaks again, good or bad, and no
/// longer than `valid_for_ms`.
pub fn holds(said: &[Said], valid_for_ms: i64, broken: Broken) -> Vec<Hold> {
    let mut holds = Vec::new();
    for (index, one) in said.iter().enumerate() {
        let Some(value) = one.value else { continue };
        let next = said.get(index + 1).map_or(i64::MAX, |next| next.at);
        let expiry = match broken {
            Broken::HoldsForever => i64::MAX,
            _ => one.at.saturating_add(valid_for_ms),
        };
        holds.push(Hold {
            from: one.at,
            to: next.min(expiry),
            value,
            copies: one.copies,
        });
    }
    holds
}

/// Whether nothing is unknown between the value at `earlier` and the instant `later`.
pub fn is_known_throughout(said: &[Said], earlier: &Said, later: i64, valid_for_ms: i64) -> bool {
    let expired = earlier.at.saturating_add(valid_for_ms) < later;
    let bad_between = said
        .iter()
        .any(|one| earlier.at < one.at && one.at < later && one.value.is_none());
    !expired && !bad_between
}

/// The value of a signal at an instant.
pub fn value_at(holds: &[Hold], at: i64) -> Option<Measurement> {
    holds
        .iter()
        .find(|hold| hold.covers(at))
        .map(|hold| hold.value)
}

/// Where a signal may change within a span: its start, and every start and end of a hold in it.
pub fn instants<'a>(holds: impl IntoIterator<Item = &'a Hold>, span: Span) -> Vec<i64> {
    let mut instants = vec![span.start];
    for hold in holds {
        let edges = [hold.from, hold.to];
        instants.extend(
            edges
                .into_iter()
                .filter(|at| span.start < *at && *at < span.end),
        );
    }
    instants.sort_unstable();
    instants.dedup();
    instants
}
