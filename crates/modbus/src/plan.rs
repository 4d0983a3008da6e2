//! The fewest requests that read all that is wanted.
//!
//! A request reads one run of addresses of one function, so covering the wanted spans is covering
//! intervals on a line with blocks that are limited: by the device's greatest request, by runs
//! that must not be read together ([`Knowledge`]), and where wanted by the greatest gap.
//!
//! Why the result is the fewest: let `s` be the lowest wanted address that is not yet covered.
//! Some block covers it, and beginning at `s` loses nothing, since nothing wanted lies below.
//! What a block that begins at `s` may hold is limited by its end alone: every limit is one of
//! length, or one of not reaching the end of a forbidden run. So spans in order of their begin
//! are best cut into consecutive runs, and `cover` tries every cut: the sum of the best rest
//! and the block before it, from the last span to the first.
//!
//! (A span nested in another needs no thought: whatever block holds the outer one holds it too.)
//!
//! Among plans of equally many requests the one is taken that best halves what is under
//! suspicion (the bisection), and then the one that reads fewest addresses.

use std::collections::BTreeSet;

use huitian_codec::registers::DeviceLimits;
use huitian_codec::{RegisterFunction, RegisterSpan};

use crate::Request;

mod learn;

pub use learn::{Fence, Knowledge};

/// What a plan must keep to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlanLimits {
    /// Registers of one request.
    pub registers_max: u16,
    /// Bits of one request.
    pub bits_max: u16,
    /// Greatest run of unwanted addresses that may be read along; none = any.
    pub gap_max: Option<u16>,
    /// Whether each value needs a request of its own.
    pub one_request_per_field: bool,
    /// Whether the first request of coils must begin at address 0.
    pub coils_from_zero: bool,
}

impl PlanLimits {
    /// The limits of a device, gaps read along.
    pub fn of(device: DeviceLimits) -> Self {
        Self {
            registers_max: device.registers_max,
            bits_max: device.bits_max,
            gap_max: None,
            one_request_per_field: device.one_request_per_field,
            coils_from_zero: false,
        }
    }

    fn length_max(self, function: RegisterFunction) -> u32 {
        u32::from(if function.reads_bits() {
            self.bits_max
        } else {
            self.registers_max
        })
    }
}

/// The requests that read all wanted spans, by function and address, as far as they can be read.
///
/// A span is read whole by at least one request, or not at all where it holds a run that is
/// known not to be readable.
pub fn plan(wanted: &[RegisterSpan], limits: PlanLimits, knowledge: &Knowledge) -> Vec<Request> {
    let mut wanted: BTreeSet<_> = wanted
        .iter()
        .copied()
        .filter(|span| knowledge.is_readable(*span))
        .collect();
    let coils = RegisterFunction::Coils;
    let first_coil = RegisterSpan {
        function: coils,
        address: 0,
        count: 1,
    };
    if limits.coils_from_zero && wanted.iter().any(|span| span.function == coils) {
        wanted.insert(first_coil);
    }
    let mut requests = Vec::new();
    for function in RegisterFunction::ALL {
        let spans = wanted.iter().filter(|span| span.function == function);
        let spans: Vec<_> = spans.copied().collect();
        if limits.one_request_per_field {
            each(&spans, &mut requests);
        } else {
            cover(&spans, limits, knowledge, &mut requests);
        }
    }
    requests
}

/// A request per span; one for those that begin at the same address.
fn each(spans: &[RegisterSpan], requests: &mut Vec<Request>) {
    for (index, span) in spans.iter().enumerate() {
        // Sorted by address, then by length: the last of an address is its longest.
        let next = spans.get(index + 1);
        if next.is_none_or(|next| next.address != span.address) {
            requests.push(request(*span));
        }
    }
}

const fn request(span: RegisterSpan) -> Request {
    Request {
        function: span.function,
        address: span.address,
        count: span.count,
    }
}

/// Of two plans the one with the lesser cost is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Cost {
    requests: u32,
    /// The sum of the squares of the spans under suspicion in each block: least when halved.
    doubt: u64,
    /// The spans in blocks with doubt: innocent company is left out of them.
    company: u64,
    /// The addresses that are read.
    addresses: u64,
}

/// The best plan from one span on: its cost, and how many spans its first block takes.
#[derive(Clone, Copy)]
struct Best {
    cost: Cost,
    take: usize,
    end: u32,
}

/// Cuts spans of one function, sorted by begin, into the best blocks.
fn cover(
    spans: &[RegisterSpan],
    limits: PlanLimits,
    knowledge: &Knowledge,
    requests: &mut Vec<Request>,
) {
    let Some(function) = spans.first().map(|span| span.function) else {
        return;
    };
    let length_max = limits.length_max(function);
    let gap_max = limits.gap_max.map_or(u32::MAX, u32::from);
    let suspects: Vec<bool> = spans.iter().map(|span| knowledge.suspects(*span)).collect();
    // From behind: best[i] is the best plan of spans[i..].
    let mut best = vec![
        Best {
            cost: Cost::default(),
            take: 0,
            end: 0,
        };
        spans.len() + 1
    ];
    for first in (0..spans.len()).rev() {
        let Some(begin) = spans.get(first).map(|span| u32::from(span.address)) else {
            continue;
        };
        let end_max = (begin + length_max).min(knowledge.end_max(function, begin));
        let mut found: Option<Best> = None;
        let (mut end, mut doubted) = (begin, 0_u64);
        for (last, span) in spans.iter().enumerate().skip(first) {
            let gap = u32::from(span.address).saturating_sub(end);
            end = end.max(span.end());
            // A span alone is asked for even under suspicion: only so is it convicted or cleared.
            let is_alone = last == first && end - begin <= length_max;
            if !is_alone && (end > end_max || gap > gap_max) {
                break;
            }
            doubted += u64::from(suspects.get(last).copied().unwrap_or(false));
            let rest = best.get(last + 1).map(|best| best.cost).unwrap_or_default();
            let take = last + 1 - first;
            let company = if doubted == 0 { 0 } else { take };
            let cost = Cost {
                requests: rest.requests + 1,
                doubt: rest.doubt + doubted * doubted,
                company: rest.company + u64::try_from(company).unwrap_or(u64::MAX),
                addresses: rest.addresses + u64::from(end - begin),
            };
            if found.is_none_or(|found| cost < found.cost) {
                found = Some(Best { cost, take, end });
            }
        }
        // Longer than any request: left out. Settings with such a span are refused before.
        let alone = Best {
            cost: best
                .get(first + 1)
                .map(|best| best.cost)
                .unwrap_or_default(),
            take: 1,
            end: begin,
        };
        if let Some(slot) = best.get_mut(first) {
            *slot = found.unwrap_or(alone);
        }
    }
    collect(spans, &best, requests);
}

fn collect(spans: &[RegisterSpan], best: &[Best], requests: &mut Vec<Request>) {
    let mut at = 0;
    while let (Some(span), Some(chosen)) = (spans.get(at), best.get(at)) {
        let length = chosen.end.saturating_sub(u32::from(span.address));
        if let Ok(count @ 1..) = u16::try_from(length) {
            requests.push(Request {
                count,
                ..request(*span)
            });
        }
        at += chosen.take.max(1);
    }
}

#[cfg(test)]
mod tests;
