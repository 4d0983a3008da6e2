//! What is learned of exceptions, against a device with addresses that cannot be read.

use std::collections::BTreeSet;

use huitian_codec::RegisterSpan;
use huitian_model::UtcMs;
use proptest::prelude::*;

use super::super::learn::{CONFIRM, PROBE_FIRST};
use super::super::{Knowledge, plan};
use super::{holding, limits, read, spans};
use crate::Request;

/// A device that refuses every request that touches one of these addresses.
struct Device {
    illegal: BTreeSet<u16>,
    code: u8,
}

impl Device {
    fn new(illegal: impl IntoIterator<Item = u16>) -> Self {
        Self {
            illegal: illegal.into_iter().collect(),
            code: 2,
        }
    }

    fn refuses(&self, request: Request) -> bool {
        let last = u32::from(request.address) + u32::from(request.count) - 1;
        let last = u16::try_from(last).unwrap();
        self.illegal.range(request.address..=last).next().is_some()
    }
}

/// One cycle: what was answered, and how many requests were refused.
fn cycle(
    knowledge: &mut Knowledge,
    wanted: &[RegisterSpan],
    device: &Device,
) -> (Vec<Request>, usize) {
    let planned = plan(wanted, limits(125), knowledge);
    let probe = knowledge.probe(wanted, &planned);
    let (mut answered, mut refused) = (Vec::new(), 0);
    for request in planned.into_iter().chain(probe) {
        if device.refuses(request) {
            knowledge.on_exception(request, device.code);
            refused += 1;
        } else {
            knowledge.on_answer(request);
            answered.push(request);
        }
    }
    knowledge.finish(UtcMs(i64::try_from(knowledge.cycle()).unwrap()));
    (answered, refused)
}

fn is_read(answered: &[Request], span: RegisterSpan) -> bool {
    answered.iter().any(|request| {
        let read = holding(request.address, request.count);
        read.contains(span)
    })
}

#[test]
fn one_illegal_address_among_a_hundred_is_found_by_halves() {
    let wanted: Vec<_> = (0..100).map(|address| holding(address, 1)).collect();
    for illegal in [0, 1, 49, 50, 73, 99] {
        let device = Device::new([illegal]);
        let mut knowledge = Knowledge::default();
        let mut refusals = 0;
        while knowledge.fences().is_empty() {
            let (answered, refused) = cycle(&mut knowledge, &wanted, &device);
            refusals += refused;
            // Two halves, and at most one probe.
            assert!(
                refused + answered.len() <= 3,
                "{illegal}: {refused} {answered:?}"
            );
            assert!(refusals < 20, "{illegal}");
        }
        println!(
            "{illegal}: {refusals} refusals in {} cycles",
            knowledge.cycle()
        );
        // The whole, 7 halvings (log2 of 100, rounded up), one where a half took good ones along,
        // and two more that convict.
        assert!(refusals <= 1 + 7 + 1 + 2, "{illegal}: {refusals}");
        let fence = knowledge.fences()[0];
        assert_eq!((fence.address, fence.count, fence.code), (illegal, 1, 2));
        assert!(fence.since > UtcMs(0) && fence.refused == CONFIRM);
        let (answered, refused) = cycle(&mut knowledge, &wanted, &device);
        assert_eq!(refused, 0, "{illegal}: it is not asked for again");
        for span in wanted.iter().filter(|span| span.address != illegal) {
            assert!(is_read(&answered, *span), "{illegal}: {span:?}");
        }
    }
}

#[test]
fn an_illegal_address_in_a_gap_costs_no_value() {
    let wanted = [holding(0, 10), holding(30, 10)];
    let device = Device::new([17]);
    let mut knowledge = Knowledge::default();
    for _ in 0..6 {
        cycle(&mut knowledge, &wanted, &device);
    }
    let fence = knowledge.fences()[0];
    assert_eq!((fence.address, fence.count), (10, 20), "all that it can be");
    let (answered, refused) = cycle(&mut knowledge, &wanted, &device);
    assert_eq!((answered, refused), (vec![read(0, 10), read(30, 10)], 0));
}

#[test]
fn a_value_that_spans_a_fence_is_left_out_and_its_neighbours_are_read() {
    let wanted = [holding(0, 2), holding(2, 4), holding(6, 2), holding(3, 1)];
    let device = Device::new([4]);
    let mut knowledge = Knowledge::default();
    for _ in 0..12 {
        cycle(&mut knowledge, &wanted, &device);
    }
    let (answered, refused) = cycle(&mut knowledge, &wanted, &device);
    assert_eq!(refused, 0);
    let read: Vec<_> = wanted
        .iter()
        .map(|span| is_read(&answered, *span))
        .collect();
    assert_eq!(read, [true, false, true, true]);
    assert!(!knowledge.is_readable(wanted[1]) && knowledge.is_readable(wanted[3]));
}

#[test]
fn a_fence_between_two_values_is_found_though_a_third_spans_it() {
    let wanted = [holding(72, 4), holding(73, 1), holding(75, 1)];
    let device = Device::new([74]);
    let mut knowledge = Knowledge::default();
    for _ in 0..15 {
        cycle(&mut knowledge, &wanted, &device);
    }
    let (answered, refused) = cycle(&mut knowledge, &wanted, &device);
    assert_eq!((answered, refused), (vec![read(73, 1), read(75, 1)], 0));
    assert!(!knowledge.is_readable(wanted[0]));
}

#[test]
fn now_and_then_an_exception_changes_no_plan_of_what_was_read() {
    let wanted = [holding(0, 100)];
    let sound = Device::new([]);
    let hiccup = Device::new([50]);
    let mut knowledge = Knowledge::default();
    for _ in 0..50 {
        cycle(&mut knowledge, &wanted, &sound);
        let version = knowledge.version();
        for _ in 1..CONFIRM {
            cycle(&mut knowledge, &wanted, &hiccup);
        }
        assert_eq!(knowledge.version(), version);
    }
    assert_eq!(knowledge.fences(), []);
    // Tried several times in a cycle it is still one cycle.
    for _ in 0..10 {
        knowledge.on_exception(read(0, 100), 2);
    }
    assert_eq!(plan(&wanted, limits(125), &knowledge), [read(0, 100)]);
}

#[test]
fn one_refusal_of_what_was_never_read_is_taken_back() {
    let wanted: Vec<_> = (0..10).map(|address| holding(address, 1)).collect();
    let mut knowledge = Knowledge::default();
    cycle(&mut knowledge, &wanted, &Device::new([5]));
    let sound = Device::new([]);
    for _ in 0..2 {
        let (answered, _) = cycle(&mut knowledge, &wanted, &sound);
        assert!(
            wanted.iter().all(|span| is_read(&answered, *span)),
            "nothing is lost by it"
        );
    }
    assert_eq!(plan(&wanted, limits(125), &knowledge), [read(0, 10)]);
    assert_eq!(knowledge.fences(), []);
}

#[test]
fn a_mended_device_is_read_again_by_itself() {
    let wanted: Vec<_> = (0..20).map(|address| holding(address, 1)).collect();
    let broken = Device::new([3, 11]);
    let mut knowledge = Knowledge::default();
    for _ in 0..40 {
        cycle(&mut knowledge, &wanted, &broken);
    }
    assert_eq!(knowledge.fences().len(), 2);
    let mut probes = 0;
    for _ in 0..PROBE_FIRST * 20 {
        probes += cycle(&mut knowledge, &wanted, &broken).1;
    }
    // After 100, 200, 400 ... cycles: 4 or 5 for each fence in 2,000 cycles.
    assert!((6..=12).contains(&probes), "{probes}");
    let sound = Device::new([]);
    let mut cycles = 0;
    while plan(&wanted, limits(125), &knowledge) != [read(0, 20)] {
        cycle(&mut knowledge, &wanted, &sound);
        cycles += 1;
        assert!(cycles <= 6_400 + 2);
    }
    assert_eq!(knowledge.fences(), []);
}

#[test]
fn a_device_that_refuses_all_while_it_starts_is_back_in_as_many_cycles_as_it_has_values() {
    let wanted: Vec<_> = (0..16).map(|n| holding(n * 8, 2)).collect();
    let starting = Device::new(0..200);
    let mut knowledge = Knowledge::default();
    for _ in 0..100 {
        cycle(&mut knowledge, &wanted, &starting);
    }
    assert_eq!(plan(&wanted, limits(125), &knowledge), [], "all is fenced");
    let sound = Device::new([]);
    for _ in 0..wanted.len() + 20 {
        cycle(&mut knowledge, &wanted, &sound);
    }
    let found = plan(&wanted, limits(125), &knowledge);
    assert_eq!(found.len(), 1, "{found:?} {:?}", knowledge.fences());
}

#[test]
fn a_device_that_bears_less_than_it_should_is_read_in_shorter_blocks() {
    for (longest, fewest) in [(8, 15), (20, 6), (60, 2)] {
        let wanted: Vec<_> = (0..60).map(|n| holding(n * 2, 2)).collect();
        let mut knowledge = Knowledge::default();
        let mut answered = Vec::new();
        for at in 0..120 {
            answered.clear();
            let planned = plan(&wanted, limits(125), &knowledge);
            let probe = knowledge.probe(&wanted, &planned);
            for request in planned.into_iter().chain(probe) {
                if request.count > longest {
                    knowledge.on_exception(request, 3);
                } else {
                    knowledge.on_answer(request);
                    answered.push(request);
                }
            }
            knowledge.finish(UtcMs(at));
        }
        let unread = wanted.iter().filter(|span| !is_read(&answered, **span));
        assert_eq!(unread.count(), 0, "{longest}: {answered:?}");
        assert_eq!(
            answered.len(),
            fewest,
            "{longest}: as many as 120 registers need"
        );
    }
}

#[test]
fn exceptions_that_speak_of_no_address_teach_nothing() {
    let wanted = [holding(0, 100)];
    for code in [1, 4, 5, 6, 8, 10, 11, 0, 255] {
        let mut device = Device::new([50]);
        device.code = code;
        let mut knowledge = Knowledge::default();
        for _ in 0..10 {
            cycle(&mut knowledge, &wanted, &device);
        }
        assert_eq!(knowledge.fences(), [], "{code}");
        assert_eq!(
            plan(&wanted, limits(125), &knowledge),
            [read(0, 100)],
            "{code}"
        );
    }
    let mut device = Device::new([50]);
    device.code = 3;
    let mut knowledge = Knowledge::default();
    for _ in 0..10 {
        cycle(&mut knowledge, &wanted, &device);
    }
    assert_eq!(knowledge.fences().len(), 1, "3 is answered for 2 by some");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_is_illegal_all_that_can_be_read_is_read_in_the_end(
        wanted in spans(200, 40),
        illegal in prop::collection::btree_set(0_u16..204, 0..12),
    ) {
        let device = Device { illegal, code: 2 };
        let mut knowledge = Knowledge::default();
        for _ in 0..80 {
            cycle(&mut knowledge, &wanted, &device);
        }
        let planned = plan(&wanted, limits(125), &knowledge);
        let (answered, refused) = cycle(&mut knowledge, &wanted, &device);
        prop_assert!(refused <= 1, "at most a probe: {}", refused);
        for request in &planned {
            prop_assert!(!device.refuses(*request), "{:?}", request);
        }
        for span in &wanted {
            let is_legal = !device.refuses(read(span.address, span.count));
            prop_assert_eq!(is_read(&answered, *span), is_legal, "{:?}", span);
            prop_assert_eq!(knowledge.is_readable(*span), is_legal, "{:?}", span);
        }
        for fence in knowledge.fences() {
            let fenced = read(fence.address, fence.count);
            prop_assert!(device.refuses(fenced), "{:?} is not at fault", fence);
        }
    }
}
