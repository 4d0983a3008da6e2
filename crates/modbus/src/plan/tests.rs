//! Plans are the fewest, never more than Telegraf's `max_insert`, and learn what cannot be read.

use huitian_codec::registers::DeviceLimits;
use huitian_codec::{RegisterFunction, RegisterMaps, RegisterSpan};
use proptest::prelude::*;

use super::{Knowledge, PlanLimits, plan};
use crate::Request;

mod learning;

pub(super) const fn holding(address: u16, count: u16) -> RegisterSpan {
    RegisterSpan {
        function: RegisterFunction::HoldingRegisters,
        address,
        count,
    }
}

pub(super) const fn read(address: u16, count: u16) -> Request {
    Request {
        function: RegisterFunction::HoldingRegisters,
        address,
        count,
    }
}

pub(super) fn limits(registers_max: u16) -> PlanLimits {
    PlanLimits {
        registers_max,
        bits_max: registers_max.saturating_mul(16),
        ..PlanLimits::of(DeviceLimits::default())
    }
}

fn simple(wanted: &[RegisterSpan], registers_max: u16) -> Vec<Request> {
    plan(wanted, limits(registers_max), &Knowledge::default())
}

/// How many requests Telegraf's `max_insert` makes of some fields, by its documentation: fields
/// stay in one request as long as the hole between them is at most `fill` and the request at most
/// `longest` (plugins/inputs/modbus/README.md, optimization setting; the default of
/// `optimization_max_register_fill` is 50).
fn max_insert(
    fields: &[RegisterSpan],
    fill: u32,
    longest: impl Fn(RegisterFunction) -> u32,
) -> usize {
    let mut sorted = fields.to_vec();
    sorted.sort_by_key(|field| {
        (
            field.function,
            field.address,
            std::cmp::Reverse(field.count),
        )
    });
    let mut requests: Vec<(RegisterFunction, u32, u32)> = Vec::new();
    for field in sorted {
        let (begin, end) = (u32::from(field.address), field.end());
        if let Some((function, from, to)) = requests.last_mut()
            && *function == field.function
            && begin.saturating_sub(*to) <= fill
            && end.max(*to) - *from <= longest(field.function)
        {
            *to = end.max(*to);
        } else {
            requests.push((field.function, begin, end));
        }
    }
    requests.len()
}

#[test]
fn every_built_in_map_takes_at_most_the_requests_of_max_insert() {
    let maps = RegisterMaps::builtin().unwrap();
    let mut compared = 0;
    for id in maps.ids() {
        let map = maps.get(id).unwrap();
        let device = map.limits();
        let bound = map.spans(&|_| true);
        let longest = |function: RegisterFunction| {
            u32::from(if function.reads_bits() {
                device.bits_max
            } else {
                device.registers_max
            })
        };
        for wanted in [bound, map.all_spans()] {
            let ours = plan(
                &wanted,
                PlanLimits::of(device),
                &Knowledge::new(map.holes()),
            );
            let theirs = max_insert(&wanted, 50, longest);
            println!("{id}: {} requests, max_insert {theirs}", ours.len());
            assert!(ours.len() <= theirs, "{id}");
            check(&wanted, &ours, |span| {
                u32::from(span.count) <= longest(span.function)
            });
            compared += 1;
        }
    }
    assert_eq!(compared, 14);
}

/// Every span is read whole by one request, every request is permitted, none reads for nothing.
fn check(
    wanted: &[RegisterSpan],
    requests: &[Request],
    is_permitted: impl Fn(RegisterSpan) -> bool,
) {
    let spans: Vec<_> = requests
        .iter()
        .map(|request| RegisterSpan {
            function: request.function,
            address: request.address,
            count: request.count,
        })
        .collect();
    for span in wanted {
        let readers = spans.iter().filter(|read| read.contains(*span));
        assert!(readers.count() >= 1, "{span:?} is not read by {requests:?}");
    }
    for read in &spans {
        assert!(is_permitted(*read), "{read:?}");
        let begins = wanted.iter().any(|span| span.address == read.address);
        let ends = wanted.iter().any(|span| span.end() == read.end());
        assert!(
            begins && ends,
            "{read:?} begins and ends with what is wanted"
        );
    }
}

/// The fewest blocks that cover `rest`, by trying every way to put spans together.
fn brute(
    rest: &[RegisterSpan],
    blocks: &[RegisterSpan],
    is_permitted: &impl Fn(RegisterSpan) -> bool,
) -> usize {
    let Some((span, rest)) = rest.split_first() else {
        return blocks.len();
    };
    let mut fewest = usize::MAX;
    for place in 0..=blocks.len() {
        let mut tried = blocks.to_vec();
        match tried.get_mut(place) {
            None => tried.push(*span),
            Some(block) => {
                let address = block.address.min(span.address);
                let end = block.end().max(span.end());
                let count = u16::try_from(end - u32::from(address)).unwrap();
                *block = holding(address, count);
            }
        }
        // A block only grows, and what is forbidden stays forbidden.
        if tried.iter().all(|block| is_permitted(*block)) {
            fewest = fewest.min(brute(rest, &tried, is_permitted));
        }
    }
    fewest
}

fn spans(address_max: u16, most: usize) -> impl Strategy<Value = Vec<RegisterSpan>> {
    let one = (0..address_max, prop_oneof![Just(1_u16), Just(2), Just(4)]);
    let one = one.prop_map(|(address, count)| holding(address, count));
    prop::collection::vec(one, 1..most)
}

proptest! {
    #[test]
    fn a_plan_is_the_fewest_requests_that_brute_force_finds(
        wanted in spans(40, 8),
        longest in 4_u16..20,
        holes in prop::collection::vec((0_u16..44, 1_u16..4), 0..3),
    ) {
        let holes: Vec<_> = holes.into_iter().map(|(at, count)| holding(at, count)).collect();
        let wanted: Vec<_> = wanted
            .into_iter()
            .filter(|span| !holes.iter().any(|hole| hole.overlaps(*span)))
            .collect();
        let found = plan(&wanted, limits(longest), &Knowledge::new(&holes));
        let is_permitted = |span: RegisterSpan| {
            span.count <= longest && !holes.iter().any(|hole| span.overlaps(*hole))
        };
        check(&wanted, &found, is_permitted);
        prop_assert_eq!(found.len(), brute(&wanted, &[], &is_permitted));
    }

    #[test]
    fn a_random_map_takes_at_most_the_requests_of_max_insert(
        wanted in spans(2_000, 200),
        longest in prop_oneof![Just(8_u16), Just(125), 4_u16..125],
        fill in 0_u32..200,
    ) {
        let ours = simple(&wanted, longest);
        check(&wanted, &ours, |span| span.count <= longest);
        let theirs = max_insert(&wanted, fill, |_| u32::from(longest));
        prop_assert!(ours.len() <= theirs, "{} > {}", ours.len(), theirs);
    }
}

#[test]
fn gaps_are_read_along_and_of_equal_plans_the_shortest_is_taken() {
    assert_eq!(
        simple(&[holding(0, 1), holding(124, 1)], 125),
        [read(0, 125)]
    );
    let far = [holding(0, 1), holding(100, 1), holding(130, 1)];
    assert_eq!(simple(&far, 125), [read(0, 1), read(100, 31)]);
}

#[test]
fn the_last_address_is_read_and_nothing_beyond() {
    assert_eq!(simple(&[holding(65_535, 1)], 125), [read(65_535, 1)]);
    let wanted = [holding(65_534, 2), holding(65_412, 1), holding(65_411, 1)];
    assert_eq!(simple(&wanted, 125), [read(65_411, 125)]);
    let wanted = [holding(65_534, 2), holding(65_410, 1)];
    assert_eq!(simple(&wanted, 125), [read(65_410, 1), read(65_534, 2)]);
}

#[test]
fn a_value_of_two_registers_is_never_split_over_two_requests() {
    let wanted: Vec<_> = (0..100).map(|n| holding(n * 2, 2)).collect();
    for longest in 2..=125 {
        check(&wanted, &simple(&wanted, longest), |span| {
            span.count <= longest
        });
    }
}

#[test]
fn two_thousand_bits_are_one_request_and_halved_where_one_is_refused() {
    let wanted: Vec<_> = (0..2_000).map(bit).collect();
    let limits = PlanLimits::of(DeviceLimits::default());
    let mut knowledge = Knowledge::default();
    let first = plan(&wanted, limits, &knowledge);
    assert_eq!((first.len(), first[0].count), (1, 2_000));
    knowledge.on_exception(first[0], 2);
    let halves = plan(&wanted, limits, &knowledge);
    let counts: Vec<_> = halves.iter().map(|request| request.count).collect();
    assert_eq!(counts, [1_000, 1_000]);
}

const fn bit(address: u16) -> RegisterSpan {
    RegisterSpan {
        function: RegisterFunction::Coils,
        address,
        count: 1,
    }
}

#[test]
fn two_names_of_one_address_cost_one_request() {
    let twice = [holding(7, 2), holding(7, 2), holding(7, 1), holding(8, 1)];
    assert_eq!(simple(&twice, 125), [read(7, 2)]);
    let single = PlanLimits {
        one_request_per_field: true,
        ..limits(125)
    };
    let found = plan(&twice, single, &Knowledge::default());
    assert_eq!(found, [read(7, 2), read(8, 1)]);
}

#[test]
fn what_the_settings_ask_for_is_kept_to() {
    let wanted = [holding(0, 1), holding(1, 1), holding(5, 1)];
    let close = PlanLimits {
        gap_max: Some(0),
        ..limits(125)
    };
    let found = plan(&wanted, close, &Knowledge::default());
    assert_eq!(found, [read(0, 2), read(5, 1)]);
    let from_zero = PlanLimits {
        coils_from_zero: true,
        ..limits(125)
    };
    let found = plan(&[bit(9), holding(3, 1)], from_zero, &Knowledge::default());
    let first = Request {
        function: RegisterFunction::Coils,
        address: 0,
        count: 10,
    };
    assert_eq!(found, [first, read(3, 1)]);
}
