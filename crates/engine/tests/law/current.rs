//! Current figures are a view of the same state: they add up, and agree with the reference at
//! the partition's time.

use huitian_model::{Current, CurrentBody, FacilityKind, LotCurrent, Output, Record};

use super::{Verdict, broken, check, same};
use crate::reference::{Accepted, Broken, Known, Span, accept};
use crate::run::{apply, new_engine};
use crate::world::log;

#[test]
fn current_figures_are_those_of_the_reference_at_the_partitions_time() {
    check("current figures", |case| {
        let log = log(case);
        let mut engine = new_engine();
        for (index, record) in log.iter().enumerate() {
            apply(&mut engine, index, record);
        }
        // The inventory once more touches every facility.
        let mut outputs = apply(&mut engine, log.len(), &log[1]);
        engine.publish_current(&mut outputs);
        let accepted = accept(&log, Broken::Nothing);
        for output in &outputs {
            if let Output::Current(current) = output {
                is_true(&log, current, &accepted)?;
            }
        }
        Ok(())
    });
}

fn is_true(log: &[Record], current: &Current, accepted: &Accepted) -> Verdict {
    let now = accepted.last_tick.unwrap();
    same(log, "as of", &current.as_of.0, &now)?;
    let facility = accepted
        .inventory
        .facility(&current.site, &current.facility)
        .unwrap();
    let view = accepted.view(&current.site, facility, Broken::Nothing);
    let total = u32::try_from(view.channels.len()).unwrap();
    same(log, "channels", &current.channels_total, &total)?;
    let newest = view
        .channels
        .iter()
        .flat_map(|(.., kept)| kept)
        .map(|kept| kept.reading.at);
    let newest = newest.max();
    same(log, "newest reading", &current.newest_at, &newest)?;
    if newest.is_some_and(|at| at.0 > now) {
        // A clock is ahead, as it may be: whether such a reading shows already is left open.
        return Ok(());
    }
    let fresh = view.channels.iter().filter(|(device, _, kept)| {
        let newest = kept
            .iter()
            .map(|kept| kept.reading)
            .max_by_key(|reading| reading.at);
        newest.is_some_and(|newest| {
            newest.sample.value().is_some() && newest.at.plus(device.valid_for_ms()).0 > now
        })
    });
    let fresh = u32::try_from(fresh.count()).unwrap();
    same(
        log,
        &format!("fresh channels of {current:?}"),
        &current.channels_fresh,
        &fresh,
    )?;
    match (&current.body, Known::new(&view)) {
        (CurrentBody::Lot(lot), Known::Lot(known)) => {
            let FacilityKind::ParkingLot { capacity, .. } = facility.kind else {
                return broken(log, "a lot is no lot");
            };
            lot_is_true(log, lot, capacity, known.level(now))
        }
        (CurrentBody::Station(bins), Known::Station(known)) => {
            let instant = Span {
                start: now,
                end: now + 1,
            };
            let levels = known.figures(instant).bins.into_iter().map(|bin| bin.last);
            let levels: Vec<_> = levels.collect();
            let shown: Vec<_> = bins.iter().map(|bin| bin.fill).collect();
            same(log, &format!("levels of {current:?}"), &shown, &levels)
        }
        _ => broken(log, format!("of another kind: {current:?}")),
    }
}

fn lot_is_true(log: &[Record], lot: &LotCurrent, capacity: u32, level: Option<i64>) -> Verdict {
    let capacity = i32::try_from(capacity).unwrap();
    if (0..=capacity).contains(&lot.in_use) {
        let sum = lot.in_use + lot.free + lot.unknown;
        same(log, &format!("sum of {lot:?}"), &sum, &capacity)?;
    }
    same(
        log,
        &format!("in use of {lot:?}"),
        &i64::from(lot.in_use),
        &level.unwrap_or(0),
    )
}
