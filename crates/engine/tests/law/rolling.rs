//! Law B of rolling figures: at every tick each of them is that of the readings so far.

use std::collections::BTreeSet;

use huitian_model::{Dwell, Output, Record, Rolling, WindowBody};

use super::{Verdict, broken, check, same};
use crate::reference::{Accepted, Broken, Known, Span, accept};
use crate::run::run;
use crate::world::log;

const MINUTE_MS: i64 = 60_000;

#[test]
fn rolling_figures_are_those_of_the_readings_so_far() {
    check("law B, rolling", |case| {
        let log = log(case);
        let run = run(&log);
        let mut keys = BTreeSet::new();
        for (index, (record, outputs)) in log.iter().zip(&run.outputs).enumerate() {
            let rolling = outputs.iter().filter_map(|output| match output {
                Output::Rolling(row) => Some(row),
                _ => None,
            });
            let rolling: Vec<&Rolling> = rolling.collect();
            if rolling.is_empty() {
                continue;
            }
            let Record::Tick(tick) = record else {
                return broken(&log, format!("not at a tick: {:?}", rolling[0]));
            };
            let accepted = accept(&log[..index], Broken::Nothing);
            let before = accepted.last_tick.unwrap_or(i64::MIN);
            for row in rolling {
                if row.end.0 % MINUTE_MS != 0 || row.end.0 <= before || row.end > tick.now {
                    return broken(
                        &log,
                        format!("not of a new minute at {}: {row:?}", tick.now),
                    );
                }
                let key = (row.site.clone(), row.facility.clone(), row.length, row.end);
                if !keys.insert(key) {
                    return broken(&log, format!("published twice: {row:?}"));
                }
                is_true(&log, row, &accepted)?;
            }
        }
        Ok(())
    });
}

fn is_true(log: &[Record], row: &Rolling, accepted: &Accepted) -> Verdict {
    let facility = accepted
        .inventory
        .facility(&row.site, &row.facility)
        .unwrap();
    let known = Known::new(&accepted.view(&row.site, facility, Broken::Nothing));
    let span = Span {
        start: row.end.0 - row.length.ms(),
        end: row.end.0,
    };
    let mut expected = known.figures(span);
    match &mut expected {
        WindowBody::Lot(lot) => {
            lot.peak = None;
            lot.dwell = Dwell::default();
        }
        WindowBody::Station(station) => {
            for bin in &mut station.bins {
                bin.min = None;
            }
        }
    }
    same(
        log,
        &format!("rolling figure {row:?}"),
        &row.body,
        &expected,
    )
}
