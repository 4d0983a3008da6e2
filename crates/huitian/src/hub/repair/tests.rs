//! A site whose edge is away for three days, and what is published of it afterwards.

use std::collections::BTreeMap;

use huitian_model::{
    Asset, AssetId, AssetKind, Bilingual, Binding, Channel, ChannelName, ChannelRef, Device,
    DeviceId, EdgeId, Facility, FacilityId, FacilityKind, FillLevel, Frame, Inventory, Measurement,
    Origin, Quantity, Reading, Sample, Settings, Site, Stream, Tick, TimeSource, WindowLength,
    WindowRow, WindowStatus,
};
use huitian_store::StoreConfig;
use tempfile::TempDir;

use super::compare::stored;
use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// 2026-11-01T00:00:00Z.
const FROM: i64 = 1_793_491_200_000;

/// When the edge is away, hours after the start.
const AWAY: std::ops::Range<i64> = 20..92;

/// How long it all lasts, hours.
const HOURS: i64 = 130;

fn names() -> Bilingual {
    Bilingual {
        zh: String::new(),
        en: String::new(),
    }
}

fn facility(id: &str, kind: FacilityKind, assets: &[(&str, AssetKind)]) -> Facility {
    let asset = |(id, kind): &(&str, AssetKind)| Asset {
        id: AssetId::new(id).unwrap(),
        kind: kind.clone(),
    };
    Facility {
        id: FacilityId::new(id).unwrap(),
        name: names(),
        kind,
        batch: None,
        assets: assets
            .iter()
            .map(asset)
            .map(|asset| (asset.id.clone(), asset))
            .collect(),
    }
}

/// Two lots of one bay each, the second behind an edge that stays, and a bin.
const DEVICES: [(&str, &str, &str, Quantity); 3] = [
    ("bay", "lot", "bay", Quantity::Occupied),
    ("near", "other", "near", Quantity::Occupied),
    ("bin", "station", "bin", Quantity::Fill),
];

fn site() -> SiteId {
    SiteId::new("north").unwrap()
}

fn inventory() -> Inventory {
    let lot = || FacilityKind::ParkingLot {
        capacity: 1,
        initial_count: None,
    };
    let bin = AssetKind::Bin {
        stream: Stream::Other,
        volume_l: None,
        empty_distance_mm: None,
        full_distance_mm: None,
        mount: None,
    };
    let station = FacilityKind::WasteStation { sorting_mode: None };
    let facilities = [
        facility("lot", lot(), &[("bay", AssetKind::Bay)]),
        facility("other", lot(), &[("near", AssetKind::Bay)]),
        facility("station", station, &[("bin", bin)]),
    ];
    let site = Site {
        id: site(),
        name: names(),
        subdistrict: names(),
        company: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        facilities: facilities.map(|one| (one.id.clone(), one)).into(),
    };
    let device = |(name, facility, asset, quantity): (&str, &str, &str, Quantity)| {
        let channel = Channel {
            name: ChannelName::new("c").unwrap(),
            quantity,
            binds: Binding {
                facility: FacilityId::new(facility).unwrap(),
                asset: Some(AssetId::new(asset).unwrap()),
            },
            counter: huitian_model::CounterRule::Unstated,
        };
        Device {
            id: DeviceId::new(name).unwrap(),
            site: site.id.clone(),
            address: name.to_owned(),
            profile: "plain".to_owned(),
            expected_every_ms: 30 * MINUTE,
            valid_for_ms: Some(75 * MINUTE),
            channels: BTreeMap::from([(channel.name.clone(), channel)]),
        }
    };
    Inventory {
        devices: DEVICES.map(device).map(|one| (one.id.clone(), one)).into(),
        sites: BTreeMap::from([(site.id.clone(), site)]),
    }
}

/// What each device says every half hour: cars come and go, a bin fills and is emptied.
fn sample(device: &str, step: i64) -> Sample {
    let level = u16::try_from(step % 41 * 250).unwrap();
    Sample::Good(match device {
        "bin" => Measurement::Fill(FillLevel::from_hundredths(level.min(10_000)).unwrap()),
        "bay" => Measurement::Occupied(step % 7 < 4),
        _ => Measurement::Occupied(step % 5 < 2),
    })
}

fn frame(edge: &str, device: &str, (first_n, steps): (u64, std::ops::Range<i64>)) -> Record {
    let reading = |step: i64| Reading {
        at: UtcMs(FROM + step * 30 * MINUTE + 7_000),
        received_at: UtcMs(FROM + step * 30 * MINUTE + 7_500),
        time_source: TimeSource::Device,
        sequence: None,
        sample: sample(device, step),
    };
    Record::Frame(Frame {
        edge: EdgeId::new(edge).unwrap(),
        epoch: 1,
        first_n,
        origin: Origin::Live,
        channels: vec![ChannelRef {
            device: DeviceId::new(device).unwrap(),
            channel: ChannelName::new("c").unwrap(),
        }],
        readings: steps.map(|step| (0, reading(step))).collect(),
    })
}

/// A reading that is still in time, an hour and a half after the edge is back, of a day of which
/// the other half is late: what amends that day must know of both halves.
fn straggler() -> Record {
    let step = (AWAY.end - 46) * 2;
    let Record::Frame(mut frame) = frame("edge-straggler", "bay", (0, step..step + 1)) else {
        unreachable!("a frame was asked for");
    };
    for (_, reading) in &mut frame.readings {
        let is_free = sample("bay", step) == Sample::Good(Measurement::Occupied(false));
        reading.at = reading.at.plus(11 * MINUTE);
        reading.received_at = reading.at;
        reading.sample = Sample::Good(Measurement::Occupied(is_free));
    }
    Record::Frame(frame)
}

/// The log up to an hour; where the edge was away, its readings of that time come when it is back.
fn log(is_away: bool, until_hour: i64) -> Vec<Record> {
    let mut settings = Settings::with_defaults().unwrap();
    if !is_away {
        settings.lateness_ms = 31 * 24 * HOUR;
    }
    let inventory = inventory();
    let mut records = vec![
        Record::Settings {
            version: 1,
            settings,
        },
        Record::Inventory {
            version: 1,
            inventory,
        },
    ];
    let mut next = BTreeMap::new();
    for step in 0..until_hour * 2 {
        let hour = step / 2;
        for (device, ..) in DEVICES {
            let is_behind = is_away && device != "near";
            if is_behind && AWAY.contains(&hour) {
                continue;
            }
            let edge = format!("edge-{device}");
            let n = next.entry(device).or_insert(0_u64);
            let mut take = |steps: std::ops::Range<i64>| {
                let count = u64::try_from(steps.end - steps.start).unwrap();
                records.push(frame(&edge, device, (*n, steps)));
                *n += count;
            };
            take(step..step + 1);
            if is_behind && hour == AWAY.end && step % 2 == 0 {
                for chunk in 0..(AWAY.end - AWAY.start) / 4 {
                    let first = (AWAY.start + chunk * 4) * 2;
                    take(first..first + 8);
                }
            }
        }
        if step == (AWAY.end + 1) * 2 + 1 {
            records.push(straggler());
        }
        for minute in [15, 30] {
            let now = UtcMs(FROM + step * 30 * MINUTE + minute * MINUTE);
            records.push(Record::Tick(Tick { now }));
        }
    }
    records
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(StoreConfig::new(self.0.path())).unwrap()
    }
}

fn partition() -> Partition {
    partition_of(&site())
}

async fn append(store: &Sqlite, records: Vec<Record>) {
    let records = records.into_iter().map(|record| (partition(), record));
    store.append(records.collect()).await.unwrap();
}

/// A store in which a log was lived through.
async fn lived(folder: &Folder, log: Vec<Record>) -> Sqlite {
    let store = folder.open();
    append(&store, log).await;
    Driver::recover(store.clone())
        .await
        .unwrap()
        .save_all()
        .await
        .unwrap();
    store
}

/// All that is published for good, without its revisions.
fn published(store: &Sqlite) -> (Vec<WindowRow>, Vec<Output>) {
    let (mut windows, mut rows) = (Vec::new(), Vec::new());
    for (_, id, ..) in DEVICES {
        let key = (site(), FacilityId::new(id).unwrap());
        for length in WindowLength::ALL {
            let all = stored(store, (&key, length), (UtcMs(0), UtcMs(i64::MAX))).unwrap();
            let finals = all
                .into_iter()
                .filter(|row| row.status != WindowStatus::Provisional);
            windows.extend(finals.map(|row| WindowRow {
                revision: 0,
                status: WindowStatus::Final,
                ..row
            }));
        }
        let (from, to) = (UtcMs(0), UtcMs(i64::MAX));
        let episodes = store.episodes(&key.0, Some(&key.1), from, to).unwrap();
        let emptied = store.emptied(&key.0, Some(&key.1), from, to).unwrap();
        rows.extend(episodes.into_iter().map(Output::Episode));
        rows.extend(emptied.into_iter().map(Output::Emptied));
    }
    (windows, rows)
}

fn revisions(store: &Sqlite) -> u64 {
    let mut sum = 0;
    for (_, id, ..) in DEVICES {
        let key = (site(), FacilityId::new(id).unwrap());
        for length in WindowLength::ALL {
            let all = stored(store, (&key, length), (UtcMs(0), UtcMs(i64::MAX))).unwrap();
            sum += all.iter().map(|row| u64::from(row.revision)).sum::<u64>();
        }
    }
    sum
}

fn agree(found: &Sqlite, expected: &Sqlite) {
    let (windows, rows) = published(found);
    let (expected_windows, expected_rows) = published(expected);
    assert_eq!(windows.len(), expected_windows.len());
    for (found, expected) in windows.iter().zip(&expected_windows) {
        assert_eq!(found, expected);
    }
    assert_eq!(rows, expected_rows);
}

async fn without_outage() -> (Folder, Sqlite) {
    let folder = Folder::new();
    let store = lived(&folder, log(false, HOURS)).await;
    (folder, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn repaired_windows_are_those_of_a_run_without_the_outage() {
    let (_kept, expected) = without_outage().await;
    let folder = Folder::new();
    let store = lived(&folder, log(true, HOURS)).await;
    assert_ne!(published(&store), published(&expected));
    let dry = Wish {
        dry_run: true,
        ..Wish::default()
    };
    let (before, revised) = (published(&store), revisions(&store));
    let looked = alone(store.clone(), dry).await.unwrap();
    assert_eq!(published(&store), before);
    let done = alone(store.clone(), Wish::default()).await.unwrap();
    let (looked, done) = (&looked[0], &done[0]);
    assert_eq!(
        (looked.windows(), looked.ledger),
        (done.windows(), done.ledger)
    );
    assert!(
        done.late > 40 && done.windows() > 800 && done.ledger > 0,
        "{done:?}"
    );
    assert!(
        done.rows.iter().all(|row| row.facility != "other"),
        "{done:?}"
    );
    agree(&store, &expected);
    assert_eq!(store.to_repair().unwrap(), []);
    let after = revisions(&store);
    assert_eq!(usize::try_from(after - revised).unwrap(), done.windows());
    assert!(
        alone(store.clone(), Wish::default())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(revisions(&store), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_repair_goes_on_from_it_also_after_a_restart() {
    let (_kept, expected) = without_outage().await;
    let folder = Folder::new();
    let soon = AWAY.end + 1;
    let store = lived(&folder, log(true, soon)).await;
    alone(store.clone(), Wish::default()).await.unwrap();
    let until = log(true, soon).len();
    append(&store, log(true, HOURS).split_off(until)).await;
    drop(store);
    let store = folder.open();
    Driver::recover(store.clone()).await.unwrap();
    agree(&store, &expected);
    assert_eq!(store.to_repair().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_publishing_and_saving_is_mended_by_the_next_repair() {
    let (_kept, expected) = without_outage().await;
    let folder = Folder::new();
    let soon = AWAY.end + 1;
    let store = lived(&folder, log(true, soon)).await;
    let mut driver = Driver::recover(store.clone()).await.unwrap();
    let mut repairs = Repairs::new(store.clone()).unwrap();
    repairs.begin(&driver).await.unwrap();
    let Ready(prepared) = repairs.prepared().await.unwrap();
    let until = driver.engine(partition()).unwrap().position();
    let mut compared = compare(store.clone(), prepared, until, None).await.unwrap();
    publish(&mut driver, &mut compared, None).await.unwrap();
    let after = revisions(&store);
    assert!(after > 1_000);
    // Here the process is killed: nothing of the engine was saved, nothing was marked.
    drop((driver, repairs, store));
    let store = folder.open();
    assert!(!store.to_repair().unwrap().is_empty());
    let done = alone(store.clone(), Wish::default()).await.unwrap();
    assert_eq!((done[0].windows(), done[0].ledger), (0, 0), "{done:?}");
    assert_eq!(revisions(&store), after);
    let until = log(true, soon).len();
    append(&store, log(true, HOURS).split_off(until)).await;
    Driver::recover(store.clone()).await.unwrap();
    agree(&store, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_readings_are_repaired_by_themselves_once_it_is_quiet() {
    let folder = Folder::new();
    let store = lived(&folder, log(true, AWAY.end + 1)).await;
    let driver = Driver::recover(store.clone()).await.unwrap();
    let mut repairs = Repairs::new(store.clone()).unwrap();
    let now = driver.now().unwrap();
    repairs.late_at.insert(partition(), now.minus(QUIET_MS - 1));
    assert_eq!(repairs.next(Some(now)).map(|(part, _)| part), None);
    let quiet = repairs.next(Some(now.plus(1)));
    assert_eq!(quiet.map(|(part, _)| part), Some(partition()));
    // A device that is always late does not have the log read again and again.
    repairs.late_at.insert(partition(), now);
    assert_eq!(
        repairs.next(Some(now.plus(AGAIN_MS))).map(|(part, _)| part),
        None
    );
    let again = repairs.next(Some(now.plus(AGAIN_MS + 1)));
    assert_eq!(again.map(|(part, _)| part), Some(partition()));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_log_does_not_reach_back_it_is_refused_and_said_from_when_on_it_can() {
    let folder = Folder::new();
    let store = lived(&folder, log(true, HOURS)).await;
    let before = published(&store);
    // Ten hours before the edge went away: too few to know what held then.
    let first = log(true, 10).len();
    let first = Position(u64::try_from(first).unwrap());
    store.trim(partition(), first).await.unwrap();
    let begins = store.read(partition(), Position(1), 1).await.unwrap()[0].0;
    assert_eq!(begins, first);
    let done = alone(store.clone(), Wish::default()).await.unwrap();
    let refused = &done[0].refused;
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(
        refused[0].contains("windows from 2026-11-03T14"),
        "{refused:?}"
    );
    assert_eq!(published(&store), before);
    assert!(!store.to_repair().unwrap().is_empty());
}
