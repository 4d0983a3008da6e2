//! Lots: time in use, sessions, counts and gates.

use huitian_model::{AssetKind, BadReason, Measurement, Quantity, Sample, UncertainReason, Usage};

use super::{MINUTE, SECOND, Story, at, in_use};

fn two_bays() -> Story {
    Story::lot(2, None)
        .asset("b1", AssetKind::Bay, Quantity::Occupied)
        .asset("b2", AssetKind::Bay, Quantity::Occupied)
        .tick(at(9, 58, 0))
}

#[test]
fn time_before_the_first_reading_is_unknown() {
    let told = two_bays()
        .said("b1", at(10, 1, 0), in_use(true))
        .said("b2", at(10, 2, 0), in_use(false))
        .tick(at(11, 0, 0))
        .told();
    let lot = told.lot(at(10, 0, 0));
    let expected = Usage {
        in_use_ms: 4 * MINUTE,
        free_ms: 3 * MINUTE,
        total_ms: 10 * MINUTE,
    };
    assert_eq!((lot.usage, lot.bays), (expected, Some(expected)));
    assert_eq!(lot.peak, Some((1, at(10, 1, 0))));
    assert_eq!(
        (lot.arrivals, lot.departures),
        (0, 0),
        "the first reading ever is no arrival"
    );
}

#[test]
fn a_reading_holds_no_longer_than_it_is_valid() {
    let told = two_bays()
        .said("b1", at(10, 1, 0), in_use(true))
        .tick(at(11, 0, 0))
        .told();
    let lot = told.lot(at(10, 5, 0));
    assert_eq!((lot.usage.in_use_ms, lot.usage.free_ms), (MINUTE, 0));
    assert_eq!(lot.peak, Some((1, at(10, 5, 0))));
    assert_eq!(told.lot(at(10, 10, 0)).peak, None);
}

#[test]
fn a_session_lies_between_its_first_reading_in_use_and_its_first_reading_free() {
    let told = two_bays()
        .said("b1", at(10, 1, 0), in_use(false))
        .said("b1", at(10, 3, 0), in_use(true))
        .said("b1", at(10, 7, 0), in_use(true))
        .said("b1", at(10, 11, 0), in_use(false))
        .tick(at(11, 0, 0))
        .told();
    assert_eq!(told.lot(at(10, 0, 0)).arrivals, 1);
    let second = told.lot(at(10, 5, 0));
    assert_eq!(
        (second.arrivals, second.departures),
        (0, 0),
        "a heartbeat is no arrival"
    );
    let third = told.lot(at(10, 10, 0));
    assert_eq!((third.departures, third.uncertain), (1, 0));
    assert_eq!((third.dwell.count, third.dwell.sum_ms), (1, 8 * MINUTE));
    assert_eq!(third.dwell.p50_ms, Some(9 * MINUTE));
}

#[test]
fn a_session_goes_on_through_unknown_time_but_an_end_in_it_is_uncertain() {
    let bad = Sample::Bad(Quantity::Occupied, BadReason::DeviceFault);
    let told = two_bays()
        .said("b1", at(10, 1, 0), in_use(false))
        .said("b1", at(10, 3, 0), in_use(true))
        .said("b1", at(10, 4, 0), bad)
        .said("b1", at(10, 6, 0), in_use(true))
        .said("b1", at(10, 12, 0), in_use(false))
        .tick(at(11, 0, 0))
        .told();
    assert_eq!(told.lot(at(10, 5, 0)).arrivals, 0);
    let third = told.lot(at(10, 10, 0));
    assert_eq!((third.departures, third.uncertain), (1, 1));
    assert_eq!((third.dwell.count, third.dwell.uncertain), (0, 1));
}

#[test]
fn a_change_at_the_very_end_of_validity_is_certain() {
    let told = two_bays()
        .said("b1", at(10, 1, 0), in_use(false))
        .said("b1", at(10, 6, 0), in_use(true))
        .said("b2", at(10, 1, 0), in_use(false))
        .said("b2", at(10, 6, 1), in_use(true))
        .tick(at(11, 0, 0))
        .told();
    let lot = told.lot(at(10, 5, 0));
    assert_eq!((lot.arrivals, lot.uncertain), (2, 1));
}

#[test]
fn a_change_that_a_device_shows_at_its_start_up_is_uncertain() {
    let startup = Sample::Uncertain(Measurement::Occupied(true), UncertainReason::Startup);
    let told = two_bays()
        .said("b1", at(10, 1, 0), in_use(false))
        .said("b1", at(10, 2, 0), startup)
        .tick(at(11, 0, 0))
        .told();
    let lot = told.lot(at(10, 0, 0));
    assert_eq!(
        (lot.arrivals, lot.uncertain, lot.usage.in_use_ms),
        (1, 1, 3 * MINUTE)
    );
}

#[test]
fn a_count_is_kept_above_capacity_and_below_zero() {
    let free = |places| Sample::Good(Measurement::FreePlaces(places));
    let told = Story::lot(10, None)
        .device("sign", None, Quantity::FreePlaces)
        .tick(at(9, 58, 0))
        .said("sign", at(10, 0, 0), free(-2))
        .said("sign", at(10, 1, 0), free(13))
        .said(
            "sign",
            at(10, 2, 0),
            Sample::Bad(Quantity::FreePlaces, BadReason::OutOfRange),
        )
        .tick(at(11, 0, 0))
        .told();
    let lot = told.lot(at(10, 0, 0));
    let expected = Usage {
        in_use_ms: 12 * MINUTE - 3 * MINUTE,
        free_ms: -2 * MINUTE + 13 * MINUTE,
        total_ms: 50 * MINUTE,
    };
    assert_eq!((lot.usage, lot.peak), (expected, Some((12, at(10, 0, 0)))));
    assert_eq!((lot.bays, lot.gates), (None, None));
}

#[test]
fn gates_count_from_the_operators_count_over_a_wrap() {
    let entries = |count| Sample::Good(Measurement::Entries(count));
    let exits = |count| Sample::Good(Measurement::Exits(count));
    let told = Story::lot(20, Some(3))
        .asset("in", AssetKind::Gate, Quantity::Entries)
        .asset("out", AssetKind::Gate, Quantity::Exits)
        .tick(at(9, 58, 0))
        .said("in", at(10, 0, 0), entries(250))
        .said("out", at(10, 1, 0), exits(40))
        .said("in", at(10, 2, 0), entries(3))
        .said("out", at(10, 3, 0), exits(2))
        .tick(at(11, 0, 0))
        .told();
    let gates = told.lot(at(10, 0, 0)).gates.unwrap();
    // 250 to 3 is 9 over 8 bits; 40 to 2 is 218 over 8 bits, as plausible as the rule says.
    assert_eq!((gates.entries, gates.exits), (9, 218));
    assert_eq!((gates.count, gates.count_error), (Some(3 + 9 - 218), 3));
    // Known from 10:01 on, when both have spoken: 3, then 12 from 10:02, then -206 from 10:03.
    assert_eq!(gates.usage.in_use_ms, (3 + 12 - 2 * 206) * MINUTE);
    assert_eq!(told.lot(at(10, 0, 0)).peak, Some((12, at(10, 2, 0))));
}

#[test]
fn a_counter_that_was_reset_counts_from_zero() {
    let entries = |count| Sample::Good(Measurement::Entries(count));
    let told = Story::lot(20, Some(0))
        .asset("in", AssetKind::Gate, Quantity::Entries)
        .tick(at(9, 58, 0))
        .said("in", at(10, 0, 0), entries(40_000))
        .said("in", at(10, 1, 0), entries(5))
        .said("in", at(10, 2, 0), entries(90_000))
        .said("in", at(10, 3, 0), entries(1_001))
        .tick(at(11, 0, 0))
        .told();
    let gates = told.lot(at(10, 0, 0)).gates.unwrap();
    assert_eq!(gates.entries, 5 + 89_995);
}

#[test]
fn sensors_at_some_places_leave_the_others_unknown() {
    let told = Story::lot(3, None)
        .asset("b1", AssetKind::Bay, Quantity::Occupied)
        .tick(at(9, 58, 0))
        .said("b1", at(10, 0, 0), in_use(true))
        .tick(at(11, 0, 0))
        .told();
    let lot = told.lot(at(10, 0, 0));
    assert_eq!(lot.usage.unknown_ms(), 10 * MINUTE);
    assert_eq!(lot.usage.in_use_ms, 300 * SECOND);
}
