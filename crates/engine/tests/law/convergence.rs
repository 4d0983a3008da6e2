//! Law C: readings that are all in time give the same values in every order of arrival, however
//! often they come, and however they are cut into frames.

use std::collections::BTreeMap;

use huitian_model::{DeviceId, Record, UtcMs};

use super::{Verdict, check, same};
use crate::run::{Run, run};
use crate::world::{Case, Shuffle, log, log_in_any_order};

#[test]
fn any_order_duplication_and_batching_gives_identical_values() {
    check("law C", |case| {
        let shuffle = |number: u64| Shuffle {
            seed: case.cut.wrapping_add(number),
            doubles: number == 1,
        };
        let [mut first, mut second, mut third] = [
            log(case),
            log_in_any_order(case, shuffle(0)),
            log_in_any_order(case, shuffle(1)),
        ];
        // Half of the cases forget as early as they may: nothing is late by one ms.
        let needed = [&first, &second, &third]
            .into_iter()
            .map(|log| lateness_needed(log));
        let spare_ms = if case.cut % 2 == 0 { 0 } else { SPARE_MS };
        let lateness_ms = needed.max().unwrap_or(0) + spare_ms;
        for log in [&mut first, &mut second, &mut third] {
            set_lateness(log, lateness_ms);
        }
        let expected = run(&first);
        converge(&second, &run(&second), &expected)?;
        converge(&third, &run(&third), &expected)
    });
}

/// 400 days are longer than any case: nothing is ever forgotten.
const SPARE_MS: i64 = 400 * 86_400_000;

/// The least lateness with which no reading of a log is late.
fn lateness_needed(log: &[Record]) -> i64 {
    let mut last_tick = UtcMs(i64::MIN);
    let mut needed = 0;
    for record in log {
        match record {
            Record::Tick(tick) => last_tick = tick.now,
            Record::Frame(frame) if last_tick.0 > i64::MIN => {
                let ages = frame
                    .readings
                    .iter()
                    .map(|(_, one)| last_tick.since(one.at));
                needed = needed.max(ages.max().unwrap_or(0));
            }
            _ => {}
        }
    }
    needed
}

fn set_lateness(log: &mut [Record], lateness_ms: i64) {
    for record in log {
        if let Record::Settings { settings, .. } = record {
            settings.lateness_ms = lateness_ms;
        }
    }
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
