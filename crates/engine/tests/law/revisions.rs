//! Law V: revisions. Provisional while it is open, final once and at its time, then amended one
//! by one, each time because the figures changed.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::{
    Frame, Output, Record, Tick, UtcMs, WindowBody, WindowKey, WindowLength, WindowRow,
    WindowStatus,
};

use super::{Verdict, broken, check, same};
use crate::reference::{Broken, compute};
use crate::run::{Run, run};
use crate::world::log;

#[test]
fn revisions_follow_each_other_and_each_has_a_reason() {
    check("law V", |case| {
        let log = log(case);
        let run = run(&log);
        let mut last: BTreeMap<&WindowKey, &WindowRow> = BTreeMap::new();
        for (record, outputs) in log.iter().zip(&run.outputs) {
            let mut keys = BTreeSet::new();
            for output in outputs {
                let Output::Window(row) = output else {
                    continue;
                };
                let Record::Tick(tick) = record else {
                    return broken(&log, format!("not at a tick: {row:?}"));
                };
                if !keys.insert(&row.key) {
                    return broken(&log, format!("twice at tick {}: {row:?}", tick.now));
                }
                let before = last.insert(&row.key, row);
                if let Some(fault) = fault(before, row, *tick, case.settings.settle_ms) {
                    return broken(&log, format!("{fault} at tick {}: {row:?}", tick.now));
                }
            }
        }
        final_at_the_first_tick_after_settling(&log, &run, case.settings.settle_ms)
    });
}

/// What is wrong with a row after the one before it.
fn fault(
    before: Option<&WindowRow>,
    row: &WindowRow,
    tick: Tick,
    settle_ms: i64,
) -> Option<&'static str> {
    let settled = tick.now >= row.end.plus(settle_ms);
    let before = before.map(|row| (row.status, row.revision, &row.body));
    match (row.status, before) {
        (WindowStatus::Provisional, _) if settled => Some("provisional though settled"),
        (WindowStatus::Provisional, _) if row.key.length == WindowLength::Min5 => {
            Some("provisional though of 5 minutes")
        }
        (WindowStatus::Provisional, _) if tick.now < row.key.start || tick.now >= row.end => {
            Some("provisional though not open")
        }
        (WindowStatus::Provisional, None) if row.revision == 0 => None,
        (WindowStatus::Provisional, Some((WindowStatus::Provisional, 0, body)))
            if row.revision == 0 =>
        {
            (*body == row.body).then_some("provisional again though nothing changed")
        }
        (WindowStatus::Final, None | Some((WindowStatus::Provisional, ..)))
            if row.revision == 0 =>
        {
            (!settled).then_some("final before it settled")
        }
        (WindowStatus::Amended, Some((status, revision, body)))
            if status != WindowStatus::Provisional && row.revision == revision + 1 =>
        {
            (*body == row.body).then_some("amended though nothing changed")
        }
        _ => Some("does not follow the row before"),
    }
}

fn final_at_the_first_tick_after_settling(log: &[Record], run: &Run, settle_ms: i64) -> Verdict {
    for (index, record) in log.iter().enumerate() {
        let Record::Tick(tick) = record else { continue };
        for output in &run.outputs[index] {
            let Output::Window(row) = output else {
                continue;
            };
            let due = |now: UtcMs| now >= row.end.plus(settle_ms);
            let earlier = log[..index]
                .iter()
                .any(|record| matches!(record, Record::Tick(earlier) if due(earlier.now)));
            if row.status == WindowStatus::Final && earlier {
                return broken(log, format!("final late, at tick {}: {row:?}", tick.now));
            }
        }
    }
    Ok(())
}

#[test]
fn readings_that_change_nothing_give_no_new_revision() {
    check("law V, nothing new", |case| {
        let mut log = log(case);
        let last = *case.ticks.last().unwrap();
        let old = log.len();
        repeat_all_under_new_numbers(&mut log);
        log.push(Record::Tick(Tick { now: UtcMs(last) }));
        let run = run(&log);
        let new = run.outputs[old..].iter().flatten();
        for output in new {
            if let Output::Window(_) | Output::Emptied(_) | Output::Episode(_) = output {
                return broken(&log, format!("nothing changed, and yet: {output:?}"));
            }
        }
        Ok(())
    });
}

/// Says again what was said, by another edge: what was held is held again, and all else is known.
fn repeat_all_under_new_numbers(log: &mut Vec<Record>) {
    let mut next_n = 0;
    for index in 0..log.len() {
        let Record::Frame(frame) = &log[index] else {
            continue;
        };
        // A frame that was held for being late may have been in time for its own tick only.
        let again = Frame {
            edge: huitian_model::EdgeId::new("echo").unwrap(),
            epoch: 1,
            first_n: next_n,
            ..frame.clone()
        };
        next_n += u64::try_from(again.readings.len()).unwrap();
        log.push(Record::Frame(again));
    }
}

#[test]
fn the_values_at_any_tick_are_those_of_the_log_so_far() {
    check("law V, so far", |case| {
        let log = log(case);
        let ticks = || {
            log.iter()
                .enumerate()
                .filter(|(_, one)| matches!(one, Record::Tick(_)))
        };
        let nth = usize::try_from(case.cut % 1_000_003).unwrap() % ticks().count();
        let (at, _) = ticks().nth(nth).unwrap();
        let so_far = &log[..=at];
        let truth = compute(so_far, Broken::Nothing);
        let windows: BTreeMap<WindowKey, (UtcMs, WindowBody)> = run(so_far).final_windows();
        same(so_far, "final windows so far", &windows, &truth.windows)
    });
}
