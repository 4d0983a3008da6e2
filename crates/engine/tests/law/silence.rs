//! Law S: silence resolves no alert, and alerts follow their state diagram.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::{
    AlertId, AlertRow, AlertState, AssetId, Evidence, FacilityId, Output, OverflowEpisode,
    Quantity, Record, Tick, Transition, UtcMs,
};

use super::{Verdict, broken, check};
use crate::reference::{Accepted, Broken, Voice, accept, compute};
use crate::run::{Run, run};
use crate::world::log;

const HOUR_MS: i64 = 3_600_000;

#[test]
fn alerts_follow_their_state_diagram() {
    check("law S, diagram", |case| {
        let log = log(case);
        let run = run(&log);
        let mut last: BTreeMap<&AlertId, &AlertRow> = BTreeMap::new();
        for output in run.all() {
            let Output::Alert(row) = output else { continue };
            let before = last.insert(&row.id, row);
            if let Some(fault) = fault(before, row) {
                return broken(&log, format!("{fault}: {row:?}\n  after {before:?}"));
            }
        }
        one_at_a_time(&log, &run)
    });
}

/// What is wrong with a row after the one before it.
fn fault(before: Option<&AlertRow>, row: &AlertRow) -> Option<&'static str> {
    use AlertState::{Active, Pending, Returned};
    let follows = match (before.map(|row| row.state), row.transition) {
        (None, Transition::Raised) => row.state == Pending,
        (Some(Pending), Transition::Activated) => row.state == Active,
        (Some(Pending), Transition::Dropped) | (Some(Active), Transition::Returned) => {
            row.state == Returned
        }
        (Some(state), Transition::Amended) => row.state == state,
        _ => false,
    };
    if !follows {
        return Some("not a transition of the diagram");
    }
    if row.state == Active && row.activated_at.is_none() {
        return Some("active since no time");
    }
    if row.state == Returned && row.returned_at.is_none() {
        return Some("returned at no time");
    }
    if row.state != Returned && row.returned_at.is_some() {
        return Some("returned before it has");
    }
    let before = before?;
    if row.transition != Transition::Amended && row.changed_at < before.changed_at {
        return Some("changed before the change before");
    }
    let same_but_for_time = AlertRow {
        changed_at: before.changed_at,
        ..row.clone()
    };
    (same_but_for_time == *before).then_some("a row though nothing changed")
}

/// A bin has one alert at a time.
fn one_at_a_time(log: &[Record], run: &Run) -> Verdict {
    let mut open: BTreeMap<(&FacilityId, &Option<AssetId>), &AlertId> = BTreeMap::new();
    for output in run.all() {
        let Output::Alert(row) = output else { continue };
        let subject = (&row.id.facility, &row.id.asset);
        if row.state == AlertState::Returned {
            if open.get(&subject) == Some(&&row.id) {
                open.remove(&subject);
            }
        } else if open
            .insert(subject, &row.id)
            .is_some_and(|other| *other != row.id)
        {
            return broken(log, format!("a second alert of one bin: {row:?}"));
        }
    }
    Ok(())
}

#[test]
fn silence_never_resolves_an_alert_and_ages_its_evidence() {
    check("law S", |case| {
        let mut log = log(case);
        let end = UtcMs(*case.ticks.last().unwrap());
        let spoken = log.len();
        for hours in [1, 2, 4, 26] {
            log.push(Record::Tick(Tick {
                now: end.plus(hours * HOUR_MS),
            }));
        }
        silence_resolves_nothing(&log, &run(&log), spoken)
    });
}

fn silence_resolves_nothing(log: &[Record], run: &Run, spoken: usize) -> Verdict {
    let truth = compute(&log[..spoken], Broken::Nothing);
    for episode in truth
        .episodes
        .iter()
        .filter(|episode| episode.end.is_none())
    {
        let is_of_bin = |row: &&AlertRow| {
            row.id.facility == episode.facility && row.id.asset.as_ref() == Some(&episode.asset)
        };
        let rows = |outputs: &'_ [Vec<Output>]| -> Vec<AlertRow> {
            let outputs = outputs.iter().flatten();
            let rows = outputs.filter_map(|output| match output {
                Output::Alert(row) => Some(row),
                _ => None,
            });
            rows.filter(is_of_bin).cloned().collect()
        };
        let after = rows(&run.outputs[spoken..]);
        let resolves =
            |row: &&AlertRow| matches!(row.transition, Transition::Returned | Transition::Dropped);
        if let Some(row) = after.iter().find(resolves) {
            return broken(log, format!("silence resolved {row:?}"));
        }
        // What only late data shows is amended at most: nobody is told of it.
        if !came_in_order(log, episode) {
            continue;
        }
        let all = rows(&run.outputs);
        let Some(last) = all.last() else {
            return broken(log, format!("nobody was told of {episode:?}"));
        };
        if last.state != AlertState::Active {
            return broken(log, format!("not active though full: {last:?}"));
        }
        if is_silent(log, episode) && last.evidence == Evidence::Fresh {
            return broken(log, format!("fresh after silence: {last:?}"));
        }
    }
    Ok(())
}

/// Whether the readings of a bin came in the order of their event times.
fn came_in_order(log: &[Record], bin: &OverflowEpisode) -> bool {
    let accepted = accept(log, Broken::Nothing);
    let (device, channel, _) = voice(&accepted, bin);
    let mut numbers = BTreeSet::new();
    let mut newest = i64::MIN;
    for record in log {
        let Record::Frame(frame) = record else {
            continue;
        };
        for (n, (index, reading)) in (frame.first_n..).zip(&frame.readings) {
            let name = &frame.channels[usize::try_from(*index).unwrap()];
            let is_of_bin = name.device == device.id && name.channel == channel.name;
            if is_of_bin && numbers.insert((&frame.edge, frame.epoch, n)) {
                if reading.at.0 <= newest {
                    return false;
                }
                newest = reading.at.0;
            }
        }
    }
    true
}

/// Whether the newest reading of a bin is bad or holds no more at the last tick.
fn is_silent(log: &[Record], bin: &OverflowEpisode) -> bool {
    let accepted = accept(log, Broken::Nothing);
    let now = accepted.last_tick.unwrap();
    let (device, _, kept) = voice(&accepted, bin);
    let newest = kept.iter().map(|kept| kept.reading);
    let newest = newest.max_by_key(|reading| reading.at).unwrap();
    let is_bad = newest.sample.value().is_none() && newest.at.0 <= now;
    is_bad || newest.at.plus(device.valid_for_ms()).0 < now
}

/// The channel that a bin's level is taken from, with its device and what it said.
fn voice<'a>(accepted: &'a Accepted, bin: &'a OverflowEpisode) -> Voice<'a> {
    let facility = accepted
        .inventory
        .facility(&bin.site, &bin.facility)
        .unwrap();
    let view = accepted.view(&bin.site, facility, Broken::Nothing);
    let voices = view.voices().into_iter().cloned();
    let mut voices = voices.filter(|(_, channel, _)| {
        let is_level = matches!(channel.quantity, Quantity::Fill | Quantity::Distance);
        is_level && channel.binds.asset.as_ref() == Some(&bin.asset)
    });
    voices.next().unwrap()
}
