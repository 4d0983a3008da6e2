//! Measures the store on this machine: `cargo run --release -p huitian-store --example measure`.
//!
//! Projects the windows of 14 days of 256 facilities in commits of a day per partition, and
//! appends single readings from 32 tasks at once, before, meanwhile and after; prints rows per
//! second, bytes per row and the time that an append takes to be on disk.
#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]

use std::error::Error;
use std::time::Instant;

use huitian_model::{
    AssetId, BinFigures, ChannelName, ChannelRef, Commit, CommitNumber, DeviceId, EdgeId,
    FacilityId, FillLevel, Frame, LotFigures, Measurement, Origin, Output, Partition, Position,
    Reading, Record, Sample, SiteId, StationFigures, Stream, TimeSource, Usage, UtcMs, WindowBody,
    WindowKey, WindowLength, WindowRow, WindowStatus,
};
use huitian_store::{Backend, Snapshot, Sqlite, StoreConfig};

const DAYS: u64 = 14;
const DAY_MS: i64 = 86_400_000;
const START: UtcMs = UtcMs(1_790_000_000_000 / DAY_MS * DAY_MS);
const PARTS: u8 = 64;
const TASKS: u64 = 32;
const APPENDS: u64 = 200;

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let dir = tempfile::TempDir::new()?;
    let path = std::env::args()
        .nth(1)
        .map_or(dir.path().to_owned(), Into::into);
    let store = Sqlite::open(StoreConfig::new(path))?;
    append(&store, "appends").await?;
    let (projected, beside) = tokio::join!(project(&store), beside(&store));
    projected?;
    beside?;
    append(&store, "appends").await?;
    trim(&store).await
}

/// Lets all commits go, as when every sink has passed them, and shows what the windows take.
async fn trim(store: &Sqlite) -> Result<(), Failed> {
    for part in (0..PARTS).filter_map(Partition::new) {
        let position = store.append(vec![(part, frame(0, 0)?)]).await?;
        let position = position.first().copied().unwrap_or_default();
        let commit = CommitNumber(DAYS);
        store
            .save_snapshot(
                part,
                Snapshot {
                    position,
                    commit,
                    bytes: Vec::new(),
                },
            )
            .await?;
    }
    let begun = Instant::now();
    let done = store.maintain(START).await?;
    let (took, used) = (begun.elapsed(), store.usage()?.used_bytes());
    println!(
        "{} commits trimmed in {took:?}, {used} bytes are left",
        done.commits
    );
    Ok(())
}

/// Appends while windows are projected.
async fn beside(store: &Sqlite) -> Result<(), Failed> {
    append(store, "appends beside the projection").await
}

async fn project(store: &Sqlite) -> Result<(), Failed> {
    let begun = Instant::now();
    let mut rows = 0;
    for day in 0..DAYS {
        let mut commits = Vec::new();
        for part in (0..PARTS).filter_map(Partition::new) {
            commits.push(commit(part, day)?);
        }
        rows += commits
            .iter()
            .map(|commit| commit.outputs.len())
            .sum::<usize>();
        store.commit(commits).await?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = store.usage()?.used_bytes();
    let per_second = f64::from(u32::try_from(rows)?) / seconds;
    let per_row = bytes / u64::try_from(rows)?;
    println!(
        "{rows} windows in {seconds:.1} s: {per_second:.0}/s, {per_row} bytes each with commits"
    );
    Ok(())
}

async fn append(store: &Sqlite, what: &str) -> Result<(), Failed> {
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::new();
            for n in 0..APPENDS {
                let part = Partition::try_from(u8::try_from(task)?)?;
                let record = frame(task, n)?;
                let begun = Instant::now();
                store.append(vec![(part, record)]).await?;
                took.push(begun.elapsed());
            }
            Ok::<_, Failed>(took)
        }));
    }
    let begun = Instant::now();
    let mut took = Vec::new();
    for task in tasks {
        took.append(&mut task.await??);
    }
    took.sort_unstable();
    let seconds = begun.elapsed().as_secs_f64();
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).copied();
    println!(
        "{} {what} in {seconds:.1} s: p50 {:?}, p99 {:?}",
        took.len(),
        at(50),
        at(99)
    );
    Ok(())
}

fn commit(part: Partition, day: u64) -> Result<Commit, Failed> {
    let mut outputs = Vec::new();
    let start = START.plus(i64::try_from(day)? * DAY_MS);
    for minute in (0..24 * 60).step_by(5) {
        for length in WindowLength::ALL {
            let length_ms = length.fixed_ms().unwrap_or(DAY_MS);
            let at = start.plus(minute * 60_000);
            if (at.0 - START.0) % length_ms != 0 {
                continue;
            }
            for facility in 0..4 {
                outputs.push(Output::Window(window(
                    part,
                    facility,
                    (length, length_ms),
                    at,
                )?));
            }
        }
    }
    Ok(Commit {
        partition: part,
        number: CommitNumber(day + 1),
        epoch: 1,
        reached: Position(day + 1),
        outputs,
    })
}

fn window(
    part: Partition,
    facility: u32,
    (length, length_ms): (WindowLength, i64),
    start: UtcMs,
) -> Result<WindowRow, Failed> {
    let body = if facility.is_multiple_of(2) {
        let usage = Usage {
            in_use_ms: length_ms * 71,
            free_ms: length_ms * 40,
            total_ms: length_ms * 120,
        };
        WindowBody::Lot(LotFigures {
            capacity: 120,
            usage,
            peak: Some((80, start.plus(60_000))),
            arrivals: 7,
            bays: Some(usage),
            ..LotFigures::default()
        })
    } else {
        let mut bins = Vec::new();
        for name in ["kitchen-1", "other-1", "recyclable-1", "hazardous-1"] {
            bins.push(BinFigures {
                asset: AssetId::new(name)?,
                stream: Stream::Other,
                known_ms: length_ms,
                fill_ms: length_ms * 4_321,
                min: FillLevel::from_hundredths(4_000),
                max: FillLevel::from_hundredths(5_000),
                last: FillLevel::from_hundredths(5_000),
                overflow_ms: 0,
                emptied: 0,
                rejected: 0,
            });
        }
        WindowBody::Station(StationFigures { length_ms, bins })
    };
    let site = SiteId::new(&format!("site-{part}-{}", facility / 2))?;
    let facility = FacilityId::new(&format!("facility-{facility}"))?;
    Ok(WindowRow {
        key: WindowKey {
            site,
            facility,
            length,
            start,
        },
        end: start.plus(length_ms),
        revision: 0,
        status: WindowStatus::Final,
        body,
    })
}

fn frame(task: u64, n: u64) -> Result<Record, Failed> {
    let at = START.plus(i64::try_from(n)? * 1_000);
    let channel = ChannelRef {
        device: DeviceId::new(&format!("device-{task}"))?,
        channel: ChannelName::new("occupied")?,
    };
    let reading = Reading {
        at,
        received_at: at,
        time_source: TimeSource::Network,
        sequence: None,
        sample: Sample::Good(Measurement::Occupied(n.is_multiple_of(2))),
    };
    Ok(Record::Frame(Frame {
        edge: EdgeId::new("local")?,
        epoch: 1,
        first_n: n,
        origin: Origin::Live,
        channels: vec![channel],
        readings: vec![(0, reading)],
    }))
}
