//! Law L: late and quarantined readings change nothing but the ledger, and silence keeps no
//! window open.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::{
    ChannelName, ChannelRef, DeviceId, Frame, Output, Reason, Record, UtcMs, WindowKey,
};

use super::{check, same};
use crate::reference::{Broken, accept};
use crate::run::{Run, run};
use crate::world::log;

#[test]
fn held_readings_change_no_figure_and_no_alert() {
    check("law L", |case| {
        let log = log(case);
        let whole = run(&log);
        let held = whole
            .held()
            .into_iter()
            .map(|one| one.number.clone())
            .collect();
        let without = run(&without(&log, &held));
        same(
            &log,
            "figures and alerts",
            &figures(&whole),
            &figures(&without),
        )
    });
}

#[test]
fn a_reading_is_held_as_late_where_it_is_older_than_the_last_tick_permits() {
    check("law L, late", |case| {
        let mut case = case.clone();
        // The shortest lateness, so that many are late.
        case.settings.lateness_ms = case.settings.lateness_ms.min(180_000);
        let log = log(&case);
        let expected = accept(&log, Broken::Nothing).fates.held;
        let expected = expected
            .into_iter()
            .filter(|(.., reasons)| *reasons == [Reason::Late]);
        let expected: Vec<_> = expected
            .map(|(channel, reading, _)| (channel, reading))
            .collect();
        let run = run(&log);
        let found = run
            .held()
            .into_iter()
            .filter(|held| held.reason == Reason::Late);
        let found: Vec<_> = found
            .map(|held| (held.channel.clone(), held.reading))
            .collect();
        let missing = expected.iter().find(|one| !found.contains(one));
        same(
            &log,
            "late reading that is not held as late",
            &missing,
            &None,
        )
    });
}

#[test]
fn windows_of_silent_facilities_become_final_all_the_same() {
    check("law L, silence", |case| {
        let log = log(case);
        let mut silent = log.clone();
        silent.retain(|record| !matches!(record, Record::Frame(_)));
        let (spoken, silent) = (run(&log).final_windows(), run(&silent).final_windows());
        let ends = |windows: BTreeMap<WindowKey, (UtcMs, _)>| -> BTreeMap<WindowKey, UtcMs> {
            windows
                .into_iter()
                .map(|(key, (end, _))| (key, end))
                .collect()
        };
        same(
            &log,
            "final windows of a silent district",
            &ends(silent),
            &ends(spoken),
        )
    });
}

/// The log with every held reading said by a device that nobody knows: the numbers stay.
fn without(log: &[Record], held: &BTreeSet<(huitian_model::EdgeId, u64, u64)>) -> Vec<Record> {
    let nobody = ChannelRef {
        device: DeviceId::new("nobody").unwrap(),
        channel: ChannelName::new("occupied").unwrap(),
    };
    let replace = |frame: &Frame| {
        let mut frame = frame.clone();
        frame.channels.push(nobody.clone());
        let index = u32::try_from(frame.channels.len() - 1).unwrap();
        for (n, (channel, _)) in (frame.first_n..).zip(&mut frame.readings) {
            if held.contains(&(frame.edge.clone(), frame.epoch, n)) {
                *channel = index;
            }
        }
        frame
    };
    log.iter()
        .map(|record| match record {
            Record::Frame(frame) => Record::Frame(replace(frame)),
            other => other.clone(),
        })
        .collect()
}

/// All that a run says of figures and alerts, record by record.
fn figures(run: &Run) -> Vec<Vec<&Output>> {
    let is_figure = |output: &&Output| match output {
        Output::Window(_)
        | Output::Rolling(_)
        | Output::Alert(_)
        | Output::Episode(_)
        | Output::Emptied(_) => true,
        Output::Current(_)
        | Output::Finding(_)
        | Output::Held(_)
        | Output::Account(_)
        | Output::Device(_)
        | Output::Lost(_) => false,
    };
    let records = run.outputs.iter();
    records
        .map(|outputs| outputs.iter().filter(is_figure).collect())
        .collect()
}
