//! Law P: readings that came too late, repaired at any time and as often as one likes, end in the
//! windows and ledgers of a run in which none of them was late.

use std::collections::BTreeMap;

use huitian_engine::{Engine, LateReadings, Recompute};
use huitian_model::{
    AccountKey, AccountRow, AssetId, Emptied, FacilityId, Output, OverflowEpisode, Position,
    Record, SiteId, UtcMs, WindowKey, WindowRow, WindowStatus,
};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use super::{Verdict, broken, check, dice, same};
use crate::run::{Run, apply, new_engine, position, run};
use crate::world::{Case, log, plans};

/// Cases after which a broken repair must have shown itself.
const CASES_MAX: u32 = 4_000;

/// A repair that is wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Nothing,
    /// Only windows that hold a late reading: what it says of the time after is forgotten.
    OnlyWindowsOfReadings,
    /// Only windows of the outage: sessions that end after it are forgotten.
    OnlyWindowsOfOutage,
    /// One facility of those that have late readings.
    OneFacility,
    /// The engine goes on as if nothing had been repaired.
    NotAdopted,
    /// Windows alone: emptyings and overflow stay as they were.
    NoLedger,
    /// The revision stays.
    SameRevision,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::OnlyWindowsOfReadings,
        Self::OnlyWindowsOfOutage,
        Self::OneFacility,
        Self::NotAdopted,
        Self::NoLedger,
        Self::SameRevision,
    ];
}

type BinKey = (SiteId, FacilityId, AssetId, UtcMs);

/// What stands in the store.
#[derive(Default)]
struct Stored {
    windows: BTreeMap<WindowKey, WindowRow>,
    episodes: BTreeMap<BinKey, OverflowEpisode>,
    emptied: BTreeMap<BinKey, Emptied>,
    /// Rows whose revision does not follow the one before.
    unruly: Vec<WindowRow>,
}

impl Stored {
    fn take(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Window(row) => self.window(row),
                Output::Episode(row) => {
                    let bin = (row.site.clone(), row.facility.clone());
                    let key = (bin.0, bin.1, row.asset.clone(), row.onset);
                    self.episodes.insert(key, row.clone());
                }
                Output::Emptied(row) => {
                    let bin = (row.site.clone(), row.facility.clone());
                    let key = (bin.0, bin.1, row.asset.clone(), row.at);
                    self.emptied.insert(key, row.clone());
                }
                _ => {}
            }
        }
    }

    fn window(&mut self, row: &WindowRow) {
        let old = self.windows.insert(row.key.clone(), row.clone());
        let expected = old
            .filter(|old| old.status != WindowStatus::Provisional)
            .map_or(0, |old| old.revision + 1);
        if row.revision != expected {
            self.unruly.push(row.clone());
        }
    }
}

/// A live engine, what it published, and up to where its late readings have been repaired.
struct Live {
    engine: Engine,
    stored: Stored,
    repaired: Position,
}

impl Live {
    /// Repairs as a driver does, from the log up to where the engine stands; returns how many
    /// rows that published.
    fn repair(&mut self, log: &[Record], fault: Fault) -> usize {
        let mut late = LateReadings::new(&self.engine);
        for record in log {
            late.note(record);
        }
        let Some(earliest) = late.earliest else {
            return 0;
        };
        let mut again = Recompute::new(&self.engine, self.repaired);
        again.remember_from(earliest);
        for (index, record) in log.iter().enumerate() {
            again.apply(position(index), record);
        }
        self.repaired = again.position();
        let mut published = 0;
        let some = usize::from(fault == Fault::OneFacility);
        let all = again.reach();
        let count = if some == 1 { 1 } else { all.len() };
        for (site, facility, reach) in all.into_iter().take(count) {
            let key = (site, facility);
            let end = latest_late(log);
            let mut amended = Vec::new();
            for row in self.stored.windows.values() {
                let is_reached = match fault {
                    Fault::OnlyWindowsOfReadings => holds_late(log, row),
                    Fault::OnlyWindowsOfOutage => row.end > reach.from && row.key.start <= end,
                    _ => row.end > reach.from,
                };
                if (&row.key.site, &row.key.facility) == (&key.0, &key.1) && is_reached {
                    amended.extend(again.amended(row).unwrap());
                }
            }
            if fault == Fault::SameRevision {
                for row in &mut amended {
                    row.revision -= 1;
                }
            }
            let mut outputs: Vec<Output> = amended.iter().cloned().map(Output::Window).collect();
            if fault != Fault::NoLedger {
                outputs.extend(self.ledger(&again, &key, reach.from));
            }
            published += outputs.len();
            self.stored.take(&outputs);
            if fault != Fault::NotAdopted {
                assert!(self.engine.adopt(&again, &key, &amended));
            }
        }
        published
    }

    fn ledger(&self, again: &Recompute, key: &(SiteId, FacilityId), from: UtcMs) -> Vec<Output> {
        let here = |bin: &BinKey| (&bin.0, &bin.1) == (&key.0, &key.1);
        let episodes = self.stored.episodes.iter();
        let episodes: Vec<_> = episodes
            .filter(|(bin, row)| here(bin) && row.stands)
            .map(|(_, row)| row.clone())
            .collect();
        let emptied = self.stored.emptied.iter();
        let emptied: Vec<_> = emptied
            .filter(|(bin, row)| here(bin) && row.stands)
            .map(|(_, row)| row.clone())
            .collect();
        again.ledger((&key.0, &key.1), from, (&episodes, &emptied))
    }
}

/// All late readings of a log, by event time.
fn lates(log: &[Record]) -> Vec<UtcMs> {
    let (mut now, mut lateness_ms, mut all) = (None, 0, Vec::new());
    for record in log {
        match (record, now) {
            (Record::Tick(tick), _) => now = Some(tick.now),
            (Record::Settings { settings, .. }, _) => lateness_ms = settings.lateness_ms,
            (Record::Frame(frame), Some(now)) => {
                let at = frame.readings.iter().map(|(_, one)| one.at);
                all.extend(at.filter(|at| *at < UtcMs::minus(now, lateness_ms)));
            }
            _ => {}
        }
    }
    all
}

fn latest_late(log: &[Record]) -> UtcMs {
    lates(log).into_iter().max().unwrap_or(UtcMs(i64::MIN))
}

fn holds_late(log: &[Record], row: &WindowRow) -> bool {
    lates(log)
        .into_iter()
        .any(|at| row.key.start <= at && at < row.end)
}

/// The case with outages: what an edge has from some instant on comes only some ticks later.
fn with_outages(case: &Case) -> Case {
    let mut case = case.clone();
    let minutes = [1, 3, 10, 60][usize::try_from(case.cut % 4).unwrap()];
    case.settings.lateness_ms = minutes * 60_000;
    let last = case.ticks[case.ticks.len() - 1];
    for number in 0..=case.cut % 3 {
        let drawn = case
            .cut
            .rotate_left(u32::try_from(number * 17 + 5).unwrap());
        let edge = u8::try_from(drawn % 3).unwrap();
        let place = |bits: u64| usize::try_from(bits % 64).unwrap() % case.ticks.len();
        let (down, up) = (place(drawn >> 8), place(drawn >> 16));
        let (down, up) = (case.ticks[down.min(up)], case.ticks[down.max(up)]);
        for arrival in &mut case.arrivals {
            if arrival.edge == edge && down <= arrival.enters_at && arrival.enters_at < up {
                arrival.enters_at = up.min(last);
            }
        }
    }
    case.arrivals.sort_by_key(|arrival| arrival.enters_at);
    case
}

/// The log as if nothing could ever be late.
fn never_late(log: &[Record]) -> Run {
    let mut log = log.to_vec();
    for record in &mut log {
        if let Record::Settings { settings, .. } = record {
            settings.lateness_ms = 400 * 86_400_000;
        }
    }
    run(&log)
}

/// Runs a log, repairs where `repairs` says so, and demands the law of the end.
fn judge(case: &Case, fault: Fault, restarts: bool) -> Verdict {
    let case = &with_outages(case);
    let log = log(case);
    let at = usize::try_from(case.cut % 1_000_003).unwrap() % log.len();
    let mut live = Live {
        engine: new_engine(),
        stored: Stored::default(),
        repaired: Position(0),
    };
    for (index, record) in log.iter().enumerate() {
        let outputs = apply(&mut live.engine, index, record);
        live.stored.take(&outputs);
        if index == at {
            live.repair(&log[..=index], fault);
            if restarts {
                live.engine = Engine::restore(&live.engine.snapshot()).unwrap();
            }
        }
    }
    let is_late_again = lates(&log).len() > lates(&log[..=at]).len();
    if is_late_again {
        live.repair(&log, fault);
    }
    let published = live.repair(&log, fault);
    same(&log, "rows of a second repair", &published, &0)?;
    if let Some(row) = live.stored.unruly.first() {
        return broken(&log, format!("revision out of order: {row:?}"));
    }
    agree(&log, &live.stored, &never_late(&log))
}

fn agree(log: &[Record], stored: &Stored, expected: &Run) -> Verdict {
    let finals = stored.windows.values();
    let finals = finals.filter(|row| row.status != WindowStatus::Provisional);
    let found: BTreeMap<_, _> = finals
        .map(|row| (row.key.clone(), (row.end, row.body.clone())))
        .collect();
    let windows = expected.final_windows();
    for (key, expected) in &windows {
        let found = found.get(key);
        same(log, &format!("window {key:?}"), &found, &Some(expected))?;
    }
    same(log, "number of windows", &found.len(), &windows.len())?;
    let emptied: Vec<Emptied> = stored.emptied.values().cloned().collect();
    let emptied: Vec<Emptied> = emptied.into_iter().filter(|row| row.stands).collect();
    same(log, "emptied", &emptied, &expected.emptied())?;
    let episodes: Vec<OverflowEpisode> = stored.episodes.values().cloned().collect();
    let episodes: Vec<OverflowEpisode> = episodes.into_iter().filter(|row| row.stands).collect();
    same(log, "episodes", &episodes, &expected.episodes())
}

#[test]
fn repaired_windows_are_those_of_a_run_without_the_outage() {
    check("law P", |case| judge(case, Fault::Nothing, false));
}

#[test]
fn a_restart_after_a_repair_changes_nothing() {
    check("law P, restarted", |case| judge(case, Fault::Nothing, true));
}

/// Accounts by what no repair may change: a copy of a late reading that is in time is applied
/// where nothing was repaired, and a duplicate after the repair.
fn settled(outputs: &[Output]) -> BTreeMap<AccountKey, (u64, u64, u64)> {
    let accounts = outputs.iter().filter_map(|output| match output {
        Output::Account(row) => Some(row),
        _ => None,
    });
    let of = |row: &AccountRow| {
        let counts = &row.counts;
        let in_time = counts.applied + counts.duplicate + counts.superseded;
        (row.key.clone(), (counts.accepted, counts.late, in_time))
    };
    accounts.map(of).collect()
}

#[test]
fn late_readings_stay_accounted_as_late_after_a_repair() {
    check("law P, accounts", |case| {
        let case = &with_outages(case);
        let log = log(case);
        let mut plain = new_engine();
        let mut live = Live {
            engine: new_engine(),
            stored: Stored::default(),
            repaired: Position(0),
        };
        // An account is said where it changed, and a repair may change one: all that was said.
        let (mut found, mut expected) = (BTreeMap::new(), BTreeMap::new());
        for (index, record) in log.iter().enumerate() {
            let said = apply(&mut live.engine, index, record);
            live.stored.take(&said);
            for output in &said {
                if let Output::Account(row) = output
                    && !row.counts.balance()
                {
                    return broken(&log, format!("{row:?}"));
                }
            }
            found.extend(settled(&said));
            expected.extend(settled(&apply(&mut plain, index, record)));
            same(&log, "accounts", &found, &expected)?;
            if index % 7 == 3 {
                live.repair(&log[..=index], Fault::Nothing);
            }
        }
        Ok(())
    });
}

#[test]
fn every_repair_broken_on_purpose_is_caught() {
    for fault in Fault::ALL {
        let mut runner = TestRunner::new_with_rng(Config::default(), dice("broken repair"));
        let shows = (1..=CASES_MAX).find(|_| {
            let plan = plans().new_tree(&mut runner).unwrap().current();
            judge(&Case::new(&plan), fault, false).is_err()
        });
        let case = shows.unwrap_or_else(|| panic!("{fault:?} agrees in {CASES_MAX} cases"));
        println!("{fault:?}: shows in case {case}");
    }
}
