//! The cases reach what the laws are about: a generator that never makes a session, a wrap or a
//! late reading would leave every law green.

use std::collections::BTreeMap;

use huitian_model::{Reason, WindowBody};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use super::dice;
use crate::reference::{Broken, Truth, accept, compute};
use crate::world::{Case, log, plans};

const CASES: u32 = 600;

#[test]
fn generated_cases_reach_what_the_laws_are_about() {
    let mut reached: BTreeMap<&str, u32> = BTreeMap::new();
    let mut runner = TestRunner::new_with_rng(Config::default(), dice("reach"));
    for _ in 0..CASES {
        let plan = plans().new_tree(&mut runner).unwrap().current();
        let log = log(&Case::new(&plan));
        let truth = compute(&log, Broken::Nothing);
        for (name, is_there) in figures(&truth).into_iter().chain(fates(&log)) {
            *reached.entry(name).or_default() += u32::from(is_there);
        }
        for rule in Broken::ALL {
            let shows = compute(&log, rule) != truth;
            *reached.entry(rule.name()).or_default() += u32::from(shows);
        }
    }
    for (name, cases) in &reached {
        println!("{name}: in {cases} of {CASES} cases");
    }
    let rare = reached.iter().find(|(_, cases)| **cases < CASES / 100);
    assert_eq!(rare, None, "in less than one of a hundred cases");
}

fn figures(truth: &Truth) -> Vec<(&'static str, bool)> {
    let bodies = || truth.windows.values().map(|(_, body)| body);
    let lots = || {
        bodies().filter_map(|body| match body {
            WindowBody::Lot(lot) => Some(lot),
            WindowBody::Station(_) => None,
        })
    };
    let bins = || {
        let stations = bodies().filter_map(|body| match body {
            WindowBody::Station(station) => Some(station),
            WindowBody::Lot(_) => None,
        });
        stations.flat_map(|station| &station.bins)
    };
    vec![
        (
            "a window of a day",
            truth
                .windows
                .keys()
                .any(|key| key.length.fixed_ms().is_none()),
        ),
        ("an arrival", lots().any(|lot| lot.arrivals > 0)),
        ("a departure", lots().any(|lot| lot.departures > 0)),
        ("an uncertain change", lots().any(|lot| lot.uncertain > 0)),
        ("a certain session", lots().any(|lot| lot.dwell.count > 0)),
        (
            "an uncertain session",
            lots().any(|lot| lot.dwell.uncertain > 0),
        ),
        (
            "a peak above one",
            lots().any(|lot| lot.peak.is_some_and(|(level, _)| level > 1)),
        ),
        (
            "a lot in part unknown",
            lots().any(|lot| {
                lot.usage.unknown_ms() > 0 && lot.usage.unknown_ms() < lot.usage.total_ms
            }),
        ),
        ("below zero", lots().any(|lot| lot.usage.in_use_ms < 0)),
        ("above capacity", lots().any(|lot| lot.usage.free_ms < 0)),
        (
            "a vehicle in",
            lots().any(|lot| lot.gates.is_some_and(|gates| gates.entries > 0)),
        ),
        (
            "a count by gates",
            lots().any(|lot| lot.gates.is_some_and(|gates| gates.count.is_some())),
        ),
        ("a bin emptied", bins().any(|bin| bin.emptied > 0)),
        ("a spike", bins().any(|bin| bin.rejected > 0)),
        ("overflow", bins().any(|bin| bin.overflow_ms > 0)),
        (
            "a bin in part unknown",
            bins().any(|bin| bin.known_ms % 300_000 > 0),
        ),
        (
            "an episode that ended",
            truth.episodes.iter().any(|episode| episode.end.is_some()),
        ),
        (
            "an episode that lasts",
            truth.episodes.iter().any(|episode| episode.end.is_none()),
        ),
        (
            "an onset after a known level",
            truth.episodes.iter().any(|one| one.onset_after.is_some()),
        ),
    ]
}

fn fates(log: &[huitian_model::Record]) -> Vec<(&'static str, bool)> {
    let fates = accept(log, Broken::Nothing).fates;
    let held = |reason: Reason| fates.held.iter().any(|(.., reasons)| *reasons == [reason]);
    vec![
        ("applied", fates.applied > 0),
        ("duplicate or superseded", fates.beaten > 0),
        ("late", held(Reason::Late)),
        ("future", held(Reason::QuarantinedFuture)),
        ("unknown", held(Reason::QuarantinedUnknown)),
        ("out of range", held(Reason::QuarantinedRange)),
    ]
}
