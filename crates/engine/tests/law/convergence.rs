//! Law C: readings that are all in time give the same values in every order of arrival, however
//! often they come, and however they are cut into frames.

use std::collections::BTreeMap;

use huitian_model::{DeviceId, Record};

use super::{Verdict, check, same};
use crate::run::{Run, run};
use crate::world::{Case, Shuffle, log, log_in_any_order};

/// Nothing is late: 400 days are longer than any case.
const NEVER_LATE_MS: i64 = 400 * 86_400_000;

#[test]
fn any_order_duplication_and_batching_gives_identical_values() {
    check("law C", |case| {
        let mut case = case.clone();
        case.settings.lateness_ms = NEVER_LATE_MS;
        let log = log(&case);
        let expected = run(&log);
        for number in 0..2 {
            let shuffle = Shuffle {
                seed: case.cut.wrapping_add(number),
                doubles: number == 1,
            };
            let shuffled = log_in_any_order(&case, shuffle);
            converge(&shuffled, &run(&shuffled), &expected)?;
        }
        Ok(())
    });
}

#[test]
fn the_same_log_gives_the_same_outputs_twice() {
    check("law C, twice", |case: &Case| {
        let log = log(case);
        same(&log, "outputs", &run(&log), &run(&log))
    });
}

fn converge(log: &[Record], found: &Run, expected: &Run) -> Verdict {
    let (windows, expected_windows) = (found.final_windows(), expected.final_windows());
    for (key, expected) in &expected_windows {
        same(
            log,
            &format!("window {key:?}"),
            &windows.get(key),
            &Some(expected),
        )?;
    }
    same(
        log,
        "number of windows",
        &windows.len(),
        &expected_windows.len(),
    )?;
    same(log, "emptied", &found.emptied(), &expected.emptied())?;
    same(log, "episodes", &found.episodes(), &expected.episodes())?;
    same(
        log,
        "applied by device",
        &applied(found),
        &applied(expected),
    )
}

/// Which copy of a reading is applied may follow the order; how many are, for a device, may not.
fn applied(run: &Run) -> BTreeMap<DeviceId, u64> {
    let mut applied = BTreeMap::new();
    for (key, row) in run.accounts() {
        *applied.entry(key.device).or_default() += row.counts.applied;
    }
    applied
}
