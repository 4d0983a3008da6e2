//! Claims about the SQLite store; this file holds what they share.

use huitian_model::{
    AccountKey, AccountRow, AlertId, AlertRow, AlertState, AssetId, BinFigures, ChannelName,
    ChannelRef, Commit, CommitNumber, Counts, Current, CurrentBody, DeviceId, DeviceRow, EdgeId,
    Emptied, Evidence, FacilityId, FillLevel, Finding, FindingKind, HeldReading, LotFigures,
    Measurement, Output, OverflowEpisode, Partition, Position, Reading, Reason, Record, RuleId,
    RuleKind, Sample, Severity, SiteId, StationFigures, Stream, Tick, TimeSource, Transition,
    UtcMs, WindowBody, WindowKey, WindowLength, WindowRow, WindowStatus,
};
use tempfile::TempDir;

use super::*;

mod crash;
mod fleet;
mod intake;
mod limits;
mod opening;
mod outbox;
mod repair;
mod results;
mod writing;

const MINUTE: i64 = 60_000;

/// A store in a folder of its own.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        Self { dir }
    }

    fn config(&self) -> StoreConfig {
        StoreConfig::new(self.dir.path())
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(self.config()).unwrap()
    }
}

fn part() -> Partition {
    Partition::new(9).unwrap()
}

fn site() -> SiteId {
    SiteId::new("willow-court").unwrap()
}

fn facility(name: &str) -> FacilityId {
    FacilityId::new(name).unwrap()
}

fn tick(now: UtcMs) -> (Partition, Record) {
    (part(), Record::Tick(Tick { now }))
}

fn fill(percent: u16) -> FillLevel {
    FillLevel::from_hundredths(percent * 100).unwrap()
}

/// Commits outputs as the next of the chain.
async fn say(store: &Sqlite, outputs: Vec<Output>) {
    let head = store.head(part()).await.unwrap();
    let number = CommitNumber(head.map_or(0, |head| head.number.0) + 1);
    let (partition, reached) = (part(), Position(0));
    let commit = Commit {
        partition,
        number,
        epoch: 1,
        reached,
        outputs,
    };
    assert_eq!(
        store.commit(vec![commit]).await,
        Ok(vec![CommitOutcome::Ok])
    );
}

fn window(name: &str, length: WindowLength, start: UtcMs) -> WindowRow {
    WindowRow {
        key: WindowKey {
            site: site(),
            facility: facility(name),
            length,
            start,
        },
        end: start.plus(length.fixed_ms().unwrap_or(23 * 60 * MINUTE)),
        revision: 0,
        status: WindowStatus::Final,
        body: WindowBody::Lot(LotFigures {
            capacity: 40,
            ..LotFigures::default()
        }),
    }
}

fn alert(raised_at: i64, transition: Transition) -> AlertRow {
    let (state, activated_at) = match transition {
        Transition::Raised => (AlertState::Pending, None),
        Transition::Activated | Transition::Amended => (AlertState::Active, Some(UtcMs(50))),
        Transition::Returned => (AlertState::Returned, Some(UtcMs(50))),
        Transition::Dropped => (AlertState::Returned, None),
    };
    AlertRow {
        id: AlertId {
            rule: RuleId::new("overflow").unwrap(),
            site: site(),
            facility: facility("station-1"),
            asset: Some(AssetId::new("kitchen-1").unwrap()),
            raised_at: UtcMs(raised_at),
        },
        kind: RuleKind::Overflow,
        severity: Severity::Warning,
        state,
        evidence: Evidence::Fresh,
        transition,
        changed_at: UtcMs(raised_at + 10),
        onset: UtcMs(raised_at),
        activated_at,
        returned_at: None,
        value: Some(fill(95)),
        limit: fill(90),
        settings_version: 1,
    }
}
