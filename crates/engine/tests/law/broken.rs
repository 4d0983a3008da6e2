//! The harness can fail: a reference with one rule broken on purpose disagrees with the engine.

use std::cell::Cell;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use super::batch::agree;
use super::dice;
use crate::reference::{Broken, compute};
use crate::run::run;
use crate::world::{Case, log, plans};

/// Cases after which a broken rule must have shown itself; most do within 50.
const CASES_MAX: u32 = 2_000;

#[test]
fn every_rule_broken_on_purpose_disagrees_with_the_engine() {
    for rule in Broken::ALL {
        let judged = Cell::new(0);
        let mut runner = TestRunner::new_with_rng(Config::default(), dice("broken"));
        let shows = (1..=CASES_MAX).any(|number| {
            judged.set(number);
            let plan = plans().new_tree(&mut runner).unwrap().current();
            let log = log(&Case::new(&plan));
            agree(&log, &run(&log), &compute(&log, rule)).is_err()
        });
        assert!(
            shows,
            "{:?} agrees with the engine in {CASES_MAX} cases",
            rule.name()
        );
        println!("{}: shows in case {}", rule.name(), judged.get());
    }
}
