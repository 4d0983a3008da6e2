//! The engine at work on a log, and what its outputs come to.

use std::collections::BTreeMap;

use huitian_engine::Engine;
use huitian_model::{
    AccountKey, AccountRow, Emptied, HeldReading, Output, OverflowEpisode, Partition, Position,
    Record, UtcMs, WindowBody, WindowKey, WindowRow, WindowStatus,
};

mod text;
pub use text::describe;

/// What the engine said to each record of a log.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    pub outputs: Vec<Vec<Output>>,
    pub snapshot: Vec<u8>,
}

/// An engine before its first record.
pub fn new_engine() -> Engine {
    Engine::new(Partition::new(7).unwrap())
}

/// Applies one record; every fifth is followed by a call for current figures, as a driver does
/// when it commits.
pub fn apply(engine: &mut Engine, index: usize, record: &Record) -> Vec<Output> {
    let mut outputs = Vec::new();
    engine.apply(position(index), record, &mut outputs);
    if index % 5 == 4 {
        engine.publish_current(&mut outputs);
    }
    outputs
}

/// The position of the record with that index.
pub fn position(index: usize) -> Position {
    Position(u64::try_from(index).unwrap() + 1)
}

/// Runs a whole log without interruption.
pub fn run(log: &[Record]) -> Run {
    run_restarting(log, |_| false)
}

/// Runs a log; after the records that `restarts` says yes to, the engine is thrown away and made
/// anew from its snapshot.
pub fn run_restarting(log: &[Record], restarts: impl Fn(usize) -> bool) -> Run {
    let mut engine = new_engine();
    let mut outputs = Vec::new();
    for (index, record) in log.iter().enumerate() {
        outputs.push(apply(&mut engine, index, record));
        if restarts(index) {
            engine = Engine::restore(&engine.snapshot()).expect("a snapshot can be restored");
        }
    }
    Run {
        outputs,
        snapshot: engine.snapshot(),
    }
}

impl Run {
    /// All outputs in order.
    pub fn all(&self) -> impl Iterator<Item = &Output> {
        self.outputs.iter().flatten()
    }

    /// All rows of windows in order.
    pub fn windows(&self) -> impl Iterator<Item = &WindowRow> {
        self.all().filter_map(|output| match output {
            Output::Window(row) => Some(row),
            _ => None,
        })
    }

    /// The last row of every window that became final: its end and its figures.
    pub fn final_windows(&self) -> BTreeMap<WindowKey, (UtcMs, WindowBody)> {
        let rows = self
            .windows()
            .filter(|row| row.status != WindowStatus::Provisional);
        rows.map(|row| (row.key.clone(), (row.end, row.body.clone())))
            .collect()
    }

    /// The emptyings that stand, in order of (facility, bin, time).
    pub fn emptied(&self) -> Vec<Emptied> {
        let rows = self.all().filter_map(|output| match output {
            Output::Emptied(row) => Some(row.clone()),
            _ => None,
        });
        let key = |row: &Emptied| {
            (
                row.site.clone(),
                row.facility.clone(),
                row.asset.clone(),
                row.at,
            )
        };
        let last: BTreeMap<_, Emptied> = rows.map(|row| (key(&row), row)).collect();
        last.into_values().filter(|row| row.stands).collect()
    }

    /// The overflow episodes that stand, in the same order.
    pub fn episodes(&self) -> Vec<OverflowEpisode> {
        let rows = self.all().filter_map(|output| match output {
            Output::Episode(row) => Some(row.clone()),
            _ => None,
        });
        let key = |row: &OverflowEpisode| {
            (
                row.site.clone(),
                row.facility.clone(),
                row.asset.clone(),
                row.onset,
            )
        };
        let last: BTreeMap<_, OverflowEpisode> = rows.map(|row| (key(&row), row)).collect();
        last.into_values().filter(|row| row.stands).collect()
    }

    /// Every account as it stands at the end.
    pub fn accounts(&self) -> BTreeMap<AccountKey, AccountRow> {
        let rows = self.all().filter_map(|output| match output {
            Output::Account(row) => Some((row.key.clone(), row.clone())),
            _ => None,
        });
        rows.collect()
    }

    /// All late and quarantined readings in order.
    pub fn held(&self) -> Vec<&HeldReading> {
        let held = self.all().filter_map(|output| match output {
            Output::Held(held) => Some(held),
            _ => None,
        });
        held.collect()
    }
}
