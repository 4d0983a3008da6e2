//! The comparer itself: it sees a reading that is gone, and a window that is changed, missing,
//! too many, or said twice.

use std::collections::BTreeSet;

use huitian_model::{
    Asset, AssetId, AssetKind, Bilingual, Binding, Channel, ChannelName, Commit, CommitNumber,
    Device, DeviceId, Facility, FacilityId, FacilityKind, FillLevel, Inventory, Measurement,
    Output, Position, Quantity, Record, Site, SiteId, Stream, Tick, UtcMs, WindowBody,
    partition_of,
};

use super::FROM_MS;
use super::compare::{Mark, Windows, differences, lost, repeated, uninterrupted};
use super::load::Sent;

const MINUTE_MS: i64 = 60_000;

fn inventory() -> Inventory {
    let name = Bilingual {
        zh: "站".to_owned(),
        en: "Station".to_owned(),
    };
    let asset = AssetId::new("kitchen-1").unwrap();
    let facility = FacilityId::new("station").unwrap();
    let site = SiteId::new("middle").unwrap();
    let bin = Asset {
        id: asset.clone(),
        kind: AssetKind::Bin {
            stream: Stream::Kitchen,
            volume_l: None,
            empty_distance_mm: None,
            full_distance_mm: None,
            mount: None,
        },
    };
    let station = Facility {
        id: facility.clone(),
        name: name.clone(),
        kind: FacilityKind::WasteStation { sorting_mode: None },
        batch: None,
        assets: [(asset.clone(), bin)].into(),
    };
    let fill = ChannelName::new("fill").unwrap();
    let channel = Channel {
        name: fill.clone(),
        quantity: Quantity::Fill,
        binds: Binding {
            facility: facility.clone(),
            asset: Some(asset),
        },
        counter: huitian_model::CounterRule::Unstated,
    };
    let device = Device {
        id: DeviceId::new("fill-1").unwrap(),
        site: site.clone(),
        address: "fill-1".to_owned(),
        profile: "plain".to_owned(),
        expected_every_ms: 2 * MINUTE_MS,
        valid_for_ms: None,
        channels: [(fill, channel)].into(),
    };
    let compound = Site {
        id: site.clone(),
        name: name.clone(),
        subdistrict: name,
        company: "Example Property".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        facilities: [(facility, station)].into(),
    };
    Inventory {
        sites: [(site, compound)].into(),
        devices: [(device.id.clone(), device)].into(),
    }
}

/// A bin that fills by a percent with every reading, two minutes apart.
fn readings() -> Vec<Sent> {
    let reading = |n: u16| Sent {
        site: "middle",
        device: "fill-1",
        at: FROM_MS + i64::from(n) * 2 * MINUTE_MS,
        sequence: u32::from(n),
        values: vec![(
            "fill",
            Measurement::Fill(FillLevel::from_hundredths(n * 100).unwrap()),
        )],
    };
    (0..30).map(reading).collect()
}

fn windows(sent: &[Sent]) -> Windows {
    let told = [Record::Inventory {
        version: 1,
        inventory: inventory(),
    }];
    let tick = |minute| {
        Record::Tick(Tick {
            now: UtcMs(FROM_MS + minute * MINUTE_MS),
        })
    };
    let partition = partition_of(&SiteId::new("middle").unwrap());
    uninterrupted(partition, &told, &[tick(0), tick(90)], sent)
}

#[test]
fn a_reading_that_is_gone_from_the_log_is_named() {
    let sent = readings();
    let mark =
        |it: &Sent| -> Mark { (it.device.to_owned(), "fill".to_owned(), it.at, it.sequence) };
    let mut log: BTreeSet<Mark> = sent.iter().map(mark).collect();
    assert_eq!(lost(&sent, &log), []);
    log.remove(&mark(&sent[17]));
    assert_eq!(lost(&sent, &log), [mark(&sent[17])]);
}

#[test]
fn a_reading_that_is_gone_from_the_figures_shows_in_its_windows() {
    let whole = windows(&readings());
    assert_eq!(differences(&whole, &windows(&readings())), [""; 0]);
    let mut fewer = readings();
    fewer.remove(16);
    // 32 minutes after the start: one window of 5 minutes, and the 15 and 60 it is part of.
    let seen = differences(&whole, &windows(&fewer));
    assert_eq!(seen.len(), 3, "{seen:#?}");
    assert!(
        seen.iter().all(|line| line.contains("differs")),
        "{seen:#?}"
    );
}

#[test]
fn a_window_that_is_changed_missing_too_many_or_said_twice_is_named() {
    let whole = windows(&readings());
    let (key, row) = whole.iter().nth(3).unwrap();
    let mut changed = row.clone();
    match &mut changed.body {
        WindowBody::Station(station) => station.bins[0].fill_ms += 1,
        WindowBody::Lot(_) => panic!("the district of this test has no lot"),
    }
    let mut other = whole.clone();
    other.insert(key.clone(), changed);
    let seen = differences(&whole, &other);
    assert!(seen.len() == 1 && seen[0].contains("differs"), "{seen:#?}");
    let mut fewer = whole.clone();
    fewer.remove(key);
    let seen = differences(&whole, &fewer);
    assert!(
        seen.len() == 1 && seen[0].contains("is missing"),
        "{seen:#?}"
    );
    let seen = differences(&fewer, &whole);
    assert!(
        seen.len() == 1 && seen[0].contains("should not be there"),
        "{seen:#?}"
    );
    let commit = |number| Commit {
        partition: partition_of(&key.site),
        number: CommitNumber(number),
        epoch: 1,
        reached: Position(number),
        outputs: vec![Output::Window(row.clone())],
    };
    assert_eq!(repeated(&[commit(1)]), [""; 0]);
    assert_eq!(repeated(&[commit(1), commit(2)]).len(), 1);
}
