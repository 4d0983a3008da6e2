//! A lot's gates: two counters each, and what they say about the number inside.

use huitian_model::{CounterRule, GateFigures, Measurement, Quantity, Usage};

use super::accept::View;
use super::holds::{Hold, Said, holds, instants, said, value_at};
use super::{Broken, Span};

/// The greatest step that a counter plausibly makes, vehicles.
const PLAUSIBLE: i64 = 1_000;

/// All gates of a lot.
pub struct Gates {
    initial_count: Option<i64>,
    miscount_ppm: i64,
    counters: Vec<Counter>,
    broken: Broken,
}

struct Counter {
    counts_entries: bool,
    holds: Vec<Hold>,
    /// Vehicles since the reading before, at the time of the later reading.
    passages: Vec<(i64, i64)>,
}

impl Gates {
    /// None where no gate has a counter.
    pub fn new(view: &View<'_>, initial_count: Option<u32>) -> Option<Self> {
        let mut counters = Vec::new();
        for (device, channel, kept) in view.voices() {
            let counts_entries = match channel.quantity {
                Quantity::Entries => true,
                Quantity::Exits => false,
                _ => continue,
            };
            let said = said(kept);
            counters.push(Counter {
                counts_entries,
                holds: holds(&said, device.valid_for_ms(), view.broken),
                passages: passages(&said, channel.counter, view.broken),
            });
        }
        (!counters.is_empty()).then_some(Self {
            initial_count: initial_count.map(i64::from),
            miscount_ppm: i64::from(view.settings.gate_miscount_ppm),
            counters,
            broken: view.broken,
        })
    }

    /// Whether it is known how many were inside when counting began.
    pub fn is_anchored(&self) -> bool {
        self.initial_count.is_some()
    }

    pub fn figures(&self, span: Span, capacity: i64) -> GateFigures {
        let in_span = |entries: bool| self.sum(entries, |at| span.holds(at, self.broken));
        let count = self.count(span.end - 1);
        let before_end = |at: i64| at < span.end;
        let passages = self.sum(true, before_end) + self.sum(false, before_end);
        let error = (passages * self.miscount_ppm + 999_999) / 1_000_000;
        // Held at the ends of the range, which no lot reaches.
        let number = |n: i64| i32::try_from(n.clamp(i32::MIN.into(), i32::MAX.into())).unwrap();
        GateFigures {
            entries: in_span(true),
            exits: in_span(false),
            usage: self.usage(span, capacity),
            count: count.map(number),
            count_error: if count.is_some() { number(error) } else { 0 },
        }
    }

    /// The number inside at an instant: known while every counter holds.
    pub fn count(&self, at: i64) -> Option<i64> {
        let initial = self.initial_count?;
        let all_hold = self
            .counters
            .iter()
            .all(|counter| value_at(&counter.holds, at).is_some());
        let until = |passed: i64| passed <= at;
        all_hold.then(|| initial + self.sum(true, until) - self.sum(false, until))
    }

    pub fn instants(&self, span: Span) -> Vec<i64> {
        instants(
            self.counters.iter().flat_map(|counter| &counter.holds),
            span,
        )
    }

    fn usage(&self, span: Span, capacity: i64) -> Usage {
        let mut usage = Usage {
            total_ms: capacity * span.length(),
            ..Usage::default()
        };
        let from = self.instants(span);
        let to = from.iter().skip(1).copied().chain([span.end]);
        for (from, to) in from.iter().copied().zip(to) {
            if let Some(count) = self.count(from) {
                usage.in_use_ms += count * (to - from);
                usage.free_ms += (capacity - count) * (to - from);
            }
        }
        usage
    }

    /// The vehicles in (or out) at the times that `counts` says yes to.
    fn sum(&self, entries: bool, counts: impl Fn(i64) -> bool) -> i64 {
        let counters = self.counters.iter();
        counters
            .filter(|counter| counter.counts_entries == entries)
            .flat_map(|counter| &counter.passages)
            .filter(|(at, _)| counts(*at))
            .map(|(_, vehicles)| vehicles)
            .sum()
    }
}

/// The vehicles that each value of a counter says have passed. Bad readings and silence between
/// two values change nothing: the counter went on counting.
fn passages(said: &[Said], rule: CounterRule, broken: Broken) -> Vec<(i64, i64)> {
    let values = said.iter().filter_map(|one| match one.value {
        Some(Measurement::Entries(value) | Measurement::Exits(value)) => {
            Some((one, i64::from(value)))
        }
        _ => None,
    });
    let values: Vec<(&Said, i64)> = values.collect();
    if rule == CounterRule::Interval && broken != Broken::IntervalsAreTotals {
        let times = |copies| match broken {
            Broken::DuplicatesSum => copies,
            _ => 1,
        };
        return values
            .iter()
            .map(|(one, value)| (one.at, value * times(one.copies)))
            .collect();
    }
    let pairs = values.iter().zip(values.iter().skip(1));
    let is_forgetful = matches!(rule, CounterRule::Total { stored: false, .. });
    let passed = |((_, before), (one, value)): (&(&Said, i64), &(&Said, i64))| {
        if one.is_startup && is_forgetful && broken != Broken::RebootsAreWraps {
            // The device has begun anew: whatever it shows has passed since.
            return (one.at, if *value <= PLAUSIBLE { *value } else { 0 });
        }
        (one.at, step(*before, *value, rule, broken))
    };
    pairs.map(passed).collect()
}

/// The vehicles between two values: a decrease is a wrap where the device has one and the step is
/// plausible, else a reset. Of a counter that a reboot sets to 0 a wrap must also be the shorter
/// way: at most half of what it can show.
fn step(before: i64, value: i64, rule: CounterRule, broken: Broken) -> i64 {
    if value >= before {
        return value - before;
    }
    let all = [1_i64 << 8, 1 << 16, 1 << 32];
    let (sizes, forgets): (Vec<i64>, bool) = match rule {
        _ if broken == Broken::NeverWraps => (Vec::new(), false),
        CounterRule::Total { wrap, stored } if broken != Broken::WrapsAnywhere => (
            wrap.map(|bits| 1_i64 << bits.bits()).into_iter().collect(),
            !stored && broken != Broken::RebootsAreWraps,
        ),
        _ => (all.to_vec(), false),
    };
    for size in sizes {
        let whole = size - before + value;
        let most = if forgets {
            PLAUSIBLE.min(size / 2)
        } else {
            PLAUSIBLE
        };
        if before < size && whole <= most {
            return whole;
        }
    }
    if value <= PLAUSIBLE { value } else { 0 }
}
