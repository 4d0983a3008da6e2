//! The laws, one file each, and how their cases are drawn.

mod accounting;
mod batch;
mod broken;
mod convergence;
mod current;
mod late;
mod reach;
mod repair;
mod restart;
mod revisions;
mod rolling;
mod silence;
mod total;

use std::cell::Cell;

use huitian_model::Record;
use proptest::prelude::TestCaseError;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use crate::run::describe;
use crate::world::{Case, Plan, plans};

/// Cases of each law where the environment says nothing.
const CASES: u32 = 2_000;

/// What a law says about one case: nothing, or how it is broken.
type Verdict = Result<(), Violation>;

/// How a law is broken, and by which log.
struct Violation {
    what: String,
    log: Vec<Record>,
}

/// A law that is broken by `log`.
fn broken<T>(log: &[Record], what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation {
        what: what.into(),
        log: log.to_vec(),
    })
}

/// Demands that two things are equal.
fn same<T: PartialEq + std::fmt::Debug>(
    log: &[Record],
    what: &str,
    found: &T,
    expected: &T,
) -> Verdict {
    if found == expected {
        return Ok(());
    }
    broken(
        log,
        format!("{what}\n     found {found:?}\n  expected {expected:?}"),
    )
}

/// Draws cases and demands the law of each; a case that breaks it is shrunk and shown.
fn check(law: &str, demand: impl Fn(&Case) -> Verdict) {
    let cases = number_from("HUITIAN_LAW_CASES").and_then(|n| u32::try_from(n).ok());
    let config = Config {
        cases: cases.unwrap_or(CASES),
        max_shrink_iters: 4_000,
        // A failure prints its numbers and its log: no file is written.
        failure_persistence: None,
        ..Config::default()
    };
    let cases = config.cases;
    let judged = Cell::new(0_u32);
    let outcome = TestRunner::new_with_rng(config, dice(law)).run(&plans(), |plan: Plan| {
        judged.set(judged.get() + 1);
        demand(&Case::new(&plan)).map_err(|violation| TestCaseError::fail(violation.text()))
    });
    match outcome {
        Ok(()) => println!("{law}: {} cases", judged.get()),
        Err(TestError::Fail(reason, plan)) => {
            panic!("{law}: broken (of {cases} cases): {reason}\n{plan:?}")
        }
        Err(TestError::Abort(reason)) => panic!("{law}: no verdict: {reason}"),
    }
}

/// The source of the cases of a law: the same for the same seed.
fn dice(law: &str) -> TestRng {
    let mut seed = [0_u8; 32];
    let name = law.bytes().chain([0]);
    let number = number_from("HUITIAN_LAW_SEED").unwrap_or(1).to_le_bytes();
    for (place, byte) in seed.iter_mut().rev().zip(name) {
        *place = byte;
    }
    for (place, byte) in seed.iter_mut().zip(number) {
        *place = byte;
    }
    TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the laws have no configuration but these"
)]
fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

impl Violation {
    fn text(&self) -> String {
        format!("{}\n{}", self.what, describe(&self.log))
    }
}
