//! Law A: accepted = applied + all that was not, for every account at every tick, and every
//! reading is accounted exactly once.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::{AccountKey, AccountRow, Counts, EdgeId, Output, Record};

use super::{Verdict, broken, check, same};
use crate::reference::{Broken, accept};
use crate::run::{Run, apply, new_engine, run};
use crate::world::log;

const DAY_MS: i64 = 86_400_000;

#[test]
fn every_reading_is_accounted_exactly_once_at_every_tick() {
    check("law A", |case| {
        let log = log(case);
        let run = run(&log);
        balance_at_every_tick(&log, &run)?;
        marks_are_the_numbers_that_came(&log)?;
        fates_are_true(&log, &run)
    });
}

/// The edge is told which numbers the hub has: all below the mark, and those ahead of it.
fn marks_are_the_numbers_that_came(log: &[Record]) -> Verdict {
    let mut engine = new_engine();
    let mut came: BTreeMap<(EdgeId, u64), BTreeSet<u64>> = BTreeMap::new();
    for (index, record) in log.iter().enumerate() {
        apply(&mut engine, index, record);
        let Record::Frame(frame) = record else {
            continue;
        };
        let end = frame.first_n + u64::try_from(frame.readings.len()).unwrap();
        let key = (frame.edge.clone(), frame.epoch);
        came.entry(key).or_default().extend(frame.first_n..end);
        let told = engine.marks().into_iter().map(|mark| {
            let beyond = mark.ahead.iter().flat_map(|(low, high)| *low..*high);
            let numbers = (0..mark.next).chain(beyond).collect();
            assert!(mark.ahead.iter().all(|(low, _)| *low > mark.next));
            ((mark.edge, mark.epoch), numbers)
        });
        let told: BTreeMap<(EdgeId, u64), BTreeSet<u64>> = told.collect();
        same(
            log,
            &format!("marks after record {}", index + 1),
            &told,
            &came,
        )?;
    }
    Ok(())
}

fn balance_at_every_tick(log: &[Record], run: &Run) -> Verdict {
    let mut came: BTreeMap<AccountKey, u64> = BTreeMap::new();
    let mut accounts: BTreeMap<AccountKey, AccountRow> = BTreeMap::new();
    let mut time = None;
    for (index, (record, outputs)) in log.iter().zip(&run.outputs).enumerate() {
        for output in outputs {
            if let Output::Account(row) = output {
                accounts.insert(row.key.clone(), row.clone());
            }
        }
        match record {
            Record::Frame(frame) => {
                for (channel, reading) in &frame.readings {
                    let channel = &frame.channels[usize::try_from(*channel).unwrap()];
                    let key = AccountKey {
                        edge: frame.edge.clone(),
                        device: channel.device.clone(),
                        day: reading.received_at.floor(DAY_MS),
                    };
                    *came.entry(key).or_default() += 1;
                }
            }
            // A tick that moves no time says nothing.
            Record::Tick(tick) if time.replace(tick.now) < Some(tick.now) => {
                if let Some(row) = accounts.values().find(|row| !row.counts.balance()) {
                    return broken(log, format!("record {}: {row:?}", index + 1));
                }
                let counted = accounts
                    .iter()
                    .map(|(key, row)| (key.clone(), row.counts.accepted));
                let counted: BTreeMap<AccountKey, u64> = counted.collect();
                same(
                    log,
                    &format!("accounts after record {}", index + 1),
                    &counted,
                    &came,
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn fates_are_true(log: &[Record], run: &Run) -> Verdict {
    let accepted = accept(log, Broken::Nothing);
    let fates = accepted.fates;
    let mut sum = Counts::default();
    for row in run.accounts().values() {
        sum.add(&row.counts);
        let device = accepted.inventory.devices.get(&row.key.device);
        let site = device.map(|device| device.site.clone());
        same(log, &format!("site of {:?}", row.key), &row.site, &site)?;
    }
    same(log, "applied", &sum.applied, &fates.applied)?;
    same(
        log,
        "duplicate and superseded",
        &(sum.duplicate + sum.superseded),
        &fates.beaten,
    )?;
    let mut held = Counts::default();
    let outputs = run.held();
    same(
        log,
        "number of held readings",
        &outputs.len(),
        &fates.held.len(),
    )?;
    for (found, (channel, reading, reasons)) in outputs.into_iter().zip(&fates.held) {
        *held.by_mut(found.reason) += 1;
        same(
            log,
            "held",
            &(&found.channel, &found.reading),
            &(channel, reading),
        )?;
        if !reasons.contains(&found.reason) {
            return broken(
                log,
                format!("{found:?} is held, expected one of {reasons:?}"),
            );
        }
    }
    let counted = [sum.late, sum.quarantined_future, sum.quarantined_unknown];
    let emitted = [held.late, held.quarantined_future, held.quarantined_unknown];
    same(log, "late, future and unknown", &counted, &emitted)?;
    same(
        log,
        "out of range",
        &sum.quarantined_range,
        &held.quarantined_range,
    )
}
