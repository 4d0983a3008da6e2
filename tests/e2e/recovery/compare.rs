//! What a store holds, what an uninterrupted run would have said, and how they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use huitian_engine::Engine;
use huitian_model::{
    ChannelName, ChannelRef, Commit, CommitNumber, DeviceId, EdgeId, FacilityId, Frame, Origin,
    Output, Partition, Position, Reading, Record, Sample, SiteId, Tick, TimeSource, UtcMs,
    WindowKey, WindowLength, WindowRow, WindowStatus, partition_of,
};
use huitian_store::{Backend, Sqlite, StoreConfig, WindowQuery};

use super::load::Sent;

/// Records or commits read at once.
const READ_MAX: usize = 1_000;

/// Time between two ticks of the hub, ms.
const TICK_MS: i64 = 10_000;

/// Final and amended windows: the newest of each key.
pub type Windows = BTreeMap<WindowKey, WindowRow>;

/// Inventory and settings by partition.
pub type Told = BTreeMap<Partition, Vec<Record>>;

/// What tells a reading from all others: device, channel, its own time and counter.
pub type Mark = (String, String, i64, u32);

/// The whole store of a hub that has ended.
pub struct Stored {
    pub records: BTreeMap<Partition, Vec<Record>>,
    pub commits: BTreeMap<Partition, Vec<Commit>>,
    pub results: Windows,
}

impl Stored {
    pub fn read(dir: &Path) -> Self {
        let store = Sqlite::open_to_read(StoreConfig::new(dir)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut stored = Self {
            records: BTreeMap::new(),
            commits: BTreeMap::new(),
            results: results(&store),
        };
        for partition in Partition::all() {
            let records = runtime.block_on(records(&store, partition));
            let commits = runtime.block_on(commits(&store, partition));
            stored.records.insert(partition, records);
            stored.commits.insert(partition, commits);
        }
        stored
    }

    /// The readings of the log.
    pub fn marks(&self) -> BTreeSet<Mark> {
        let frames = self
            .records
            .values()
            .flatten()
            .filter_map(|record| match record {
                Record::Frame(frame) => Some(frame),
                Record::Tick(_)
                | Record::Inventory { .. }
                | Record::Settings { .. }
                | Record::Lost(_) => None,
            });
        let readings = frames.flat_map(|frame| {
            frame.readings.iter().map(|(index, reading)| {
                let channel = &frame.channels[usize::try_from(*index).unwrap()];
                let (device, name) = (channel.device.to_string(), channel.channel.to_string());
                (device, name, reading.at.0, reading.sequence.unwrap_or(0))
            })
        });
        readings.collect()
    }

    /// The final windows as the chain of commits has them.
    pub fn windows(&self) -> Windows {
        let rows = self
            .commits
            .values()
            .flatten()
            .flat_map(|commit| settled(&commit.outputs));
        rows.map(|row| (row.key.clone(), row.clone())).collect()
    }
}

/// The log without a hole; maintenance may have removed its head.
async fn records(store: &Sqlite, partition: Partition) -> Vec<Record> {
    let mut all = Vec::new();
    let mut next: Option<Position> = None;
    loop {
        let from = next.unwrap_or(Position(1));
        let read = store.read(partition, from, READ_MAX).await.unwrap();
        if read.is_empty() {
            return all;
        }
        for (position, record) in read {
            let wanted = next.unwrap_or(position);
            assert_eq!(
                position, wanted,
                "a hole in the log of partition {partition}"
            );
            next = Some(position.next());
            all.push(record);
        }
    }
}

/// Inventory and settings of each partition, as they were told to the log.
pub fn told(dir: &Path) -> Told {
    let mut records = Stored::read(dir).records;
    for log in records.values_mut() {
        log.retain(|record| matches!(record, Record::Inventory { .. } | Record::Settings { .. }));
    }
    records
}

/// The chain of commits without a hole; maintenance may have removed its head.
async fn commits(store: &Sqlite, partition: Partition) -> Vec<Commit> {
    let mut all: Vec<Commit> = Vec::new();
    loop {
        let next = all.last().map_or(1, |last| last.number.0 + 1);
        let read = store
            .commits(partition, CommitNumber(next), READ_MAX)
            .await
            .unwrap();
        if read.is_empty() {
            return all;
        }
        for commit in read {
            let follows = |last: &Commit| last.number.0 + 1 == commit.number.0;
            let whole = all.last().is_none_or(follows);
            assert!(whole, "a hole in the chain of partition {partition}");
            all.push(commit);
        }
    }
}

/// The final rows of the table of results.
fn results(store: &Sqlite) -> Windows {
    let mut found = Windows::new();
    for (site, facility) in [("north", "lot"), ("middle", "station"), ("south", "gates")] {
        for length in WindowLength::ALL {
            let query = WindowQuery {
                site: SiteId::new(site).unwrap(),
                facility: FacilityId::new(facility).unwrap(),
                length,
                from: UtcMs(0),
                to: UtcMs(i64::MAX),
                after: None,
                limit: READ_MAX * 10,
            };
            let rows = store.windows(&query).unwrap().into_iter();
            let settled = rows.filter(|row| row.status != WindowStatus::Provisional);
            found.extend(settled.map(|row| (row.key.clone(), row)));
        }
    }
    found
}

fn settled(outputs: &[Output]) -> impl Iterator<Item = &WindowRow> {
    outputs.iter().filter_map(|output| match output {
        Output::Window(row) if row.status != WindowStatus::Provisional => Some(row),
        _other => None,
    })
}

/// The final windows of one partition that nobody interrupted: what it was told, its first tick,
/// everything that was sent in one go, then ticks to the same end.
pub fn uninterrupted(
    partition: Partition,
    told: &[Record],
    log: &[Record],
    sent: &[Sent],
) -> Windows {
    let ticks = log.iter().filter_map(|record| match record {
        Record::Tick(tick) => Some(tick.now.0),
        Record::Frame(_) | Record::Inventory { .. } | Record::Settings { .. } | Record::Lost(_) => {
            None
        }
    });
    let ticks: Vec<i64> = ticks.collect();
    let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else {
        return Windows::new();
    };
    let mut whole = told.to_vec();
    whole.push(Record::Tick(Tick { now: UtcMs(*first) }));
    let here = |it: &&Sent| partition_of(&SiteId::new(it.site).unwrap()) == partition;
    whole.push(frame(sent.iter().filter(here)));
    let mut now = *first;
    while now < *last {
        now = (now + TICK_MS).min(*last);
        whole.push(Record::Tick(Tick { now: UtcMs(now) }));
    }
    let mut engine = Engine::new(partition);
    let mut outputs = Vec::new();
    for (record, position) in whole.iter().zip(1..) {
        engine.apply(Position(position), record, &mut outputs);
    }
    settled(&outputs)
        .map(|row| (row.key.clone(), row.clone()))
        .collect()
}

fn frame<'a>(sent: impl Iterator<Item = &'a Sent>) -> Record {
    let mut channels = Vec::new();
    let mut readings = Vec::new();
    for sent in sent {
        for (channel, value) in &sent.values {
            channels.push(ChannelRef {
                device: DeviceId::new(sent.device).unwrap(),
                channel: ChannelName::new(channel).unwrap(),
            });
            let reading = Reading {
                at: UtcMs(sent.at),
                received_at: UtcMs(sent.at),
                time_source: TimeSource::Device,
                sequence: Some(sent.sequence),
                sample: Sample::Good(*value),
            };
            readings.push((u32::try_from(readings.len()).unwrap(), reading));
        }
    }
    Record::Frame(Frame {
        edge: EdgeId::new("local").unwrap(),
        epoch: 1,
        first_n: 0,
        origin: Origin::Live,
        channels,
        readings,
    })
}

/// Readings that were sent, and acknowledged, and are not in the log.
pub fn lost(sent: &[Sent], log: &BTreeSet<Mark>) -> Vec<Mark> {
    let marks = sent.iter().flat_map(|it| {
        it.values.iter().map(|(channel, _value)| {
            (
                it.device.to_owned(),
                (*channel).to_owned(),
                it.at,
                it.sequence,
            )
        })
    });
    marks.filter(|mark| !log.contains(mark)).collect()
}

/// How two sets of windows differ: missing, too many, or other figures.
pub fn differences(wanted: &Windows, found: &Windows) -> Vec<String> {
    let keys: BTreeSet<&WindowKey> = wanted.keys().chain(found.keys()).collect();
    let of = |key: &WindowKey| {
        let (site, facility) = (&key.site, &key.facility);
        format!("{site}/{facility} {} {}", key.length.name(), key.start)
    };
    let differ = keys
        .into_iter()
        .filter_map(|key| match (wanted.get(key), found.get(key)) {
            (Some(_), None) => Some(format!("{} is missing", of(key))),
            (None, Some(_)) => Some(format!("{} should not be there", of(key))),
            (Some(wanted), Some(found)) if wanted.body != found.body => Some(format!(
                "{} differs: wanted {:?}, found {:?}",
                of(key),
                wanted.body,
                found.body
            )),
            _same => None,
        });
    differ.collect()
}

/// Windows that a chain says twice with the same revision and status.
pub fn repeated(commits: &[Commit]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let rows = commits.iter().flat_map(|commit| settled(&commit.outputs));
    let twice = rows.filter(|row| !seen.insert((row.key.clone(), row.revision, row.status)));
    twice
        .map(|row| format!("{:?} revision {}", row.key, row.revision))
        .collect()
}

/// How many windows there are of a length.
pub fn count(windows: &Windows, length: WindowLength) -> usize {
    windows.keys().filter(|key| key.length == length).count()
}
