//! Measures a repair on this machine: `cargo run --release -p huitian-engine --example repair`.
//!
//! One site of 420 bays that speak every half hour, a log of 90 days with ticks of 10 s, and an
//! outage of its last week whose readings came three days too late. Reads the log twice in wire
//! form, as a repair does, and recomputes every window of the week.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program that prints what it measured, of a world that it made itself"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use huitian_engine::{Engine, LateReadings, Recompute};
use huitian_model::{
    Asset, AssetId, AssetKind, Bilingual, Binding, Channel, ChannelName, ChannelRef, CounterRule,
    Device, DeviceId, EdgeId, Facility, FacilityId, FacilityKind, Frame, Inventory, LotFigures,
    Measurement, Origin, Partition, Position, Quantity, Reading, Record, Sample, Settings, Site,
    SiteId, Tick, TimeSource, UtcMs, WindowBody, WindowKey, WindowLength, WindowRow, WindowStatus,
    wire,
};

const BAYS: u32 = 420;
const DAYS: i64 = 90;
const AWAY_DAYS: i64 = 7;
const HALF_HOUR: i64 = 1_800_000;
const START: i64 = 1_785_542_400_000;

fn names() -> Bilingual {
    Bilingual {
        zh: String::new(),
        en: String::new(),
    }
}

fn name(bay: u32) -> String {
    format!("bay-{bay}")
}

fn inventory() -> Inventory {
    let facility = FacilityId::new("lot").unwrap();
    let site = SiteId::new("site").unwrap();
    let assets = (0..BAYS).map(|bay| AssetId::new(&name(bay)).unwrap());
    let asset = |id: AssetId| {
        let kind = AssetKind::Bay;
        (id.clone(), Asset { id, kind })
    };
    let lot = Facility {
        id: facility.clone(),
        name: names(),
        kind: FacilityKind::ParkingLot {
            capacity: BAYS,
            initial_count: None,
        },
        batch: None,
        assets: assets.map(asset).collect(),
    };
    let device = |bay: u32| {
        let channel = Channel {
            name: ChannelName::new("occupied").unwrap(),
            quantity: Quantity::Occupied,
            binds: Binding {
                facility: facility.clone(),
                asset: Some(AssetId::new(&name(bay)).unwrap()),
            },
            counter: CounterRule::Unstated,
        };
        let device = Device {
            id: DeviceId::new(&name(bay)).unwrap(),
            site: site.clone(),
            address: name(bay),
            profile: "plain".to_owned(),
            expected_every_ms: HALF_HOUR,
            valid_for_ms: None,
            channels: BTreeMap::from([(channel.name.clone(), channel)]),
        };
        (device.id.clone(), device)
    };
    let devices = (0..BAYS).map(device).collect();
    let site = Site {
        id: site.clone(),
        name: names(),
        subdistrict: names(),
        company: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        facilities: BTreeMap::from([(lot.id.clone(), lot)]),
    };
    Inventory {
        sites: BTreeMap::from([(site.id.clone(), site)]),
        devices,
    }
}

/// What all bays say in one half hour.
fn frame(step: i64, first_n: u64) -> Record {
    let reading = |bay: u32| {
        let at = UtcMs(START + step * HALF_HOUR + i64::from(bay) * 3_000);
        let phase = (step + i64::from(bay) * 7) % 29;
        let reading = Reading {
            at,
            received_at: at,
            time_source: TimeSource::Device,
            sequence: None,
            sample: Sample::Good(Measurement::Occupied(phase < 17)),
        };
        (bay, reading)
    };
    let channel = |bay: u32| ChannelRef {
        device: DeviceId::new(&name(bay)).unwrap(),
        channel: ChannelName::new("occupied").unwrap(),
    };
    Record::Frame(Frame {
        edge: EdgeId::new("edge").unwrap(),
        epoch: 1,
        first_n,
        origin: Origin::Live,
        channels: (0..BAYS).map(channel).collect(),
        readings: (0..BAYS).map(reading).collect(),
    })
}

fn log() -> Vec<Vec<u8>> {
    let mut log = Vec::new();
    let mut add = |record: &Record| log.push(wire::encode_record(record).unwrap());
    add(&Record::Settings {
        version: 1,
        settings: Settings::with_defaults().unwrap(),
    });
    add(&Record::Inventory {
        version: 1,
        inventory: inventory(),
    });
    let (mut n, away) = (0, (DAYS - AWAY_DAYS - 3) * 48..(DAYS - 3) * 48);
    for step in 0..DAYS * 48 {
        let mut steps = if away.contains(&step) {
            0..0
        } else {
            step..step + 1
        };
        if step == DAYS * 48 - 48 {
            steps = away.start..step + 1;
        }
        for said in steps.filter(|said| away.contains(said) || *said == step) {
            add(&frame(said, n));
            n += u64::from(BAYS);
        }
        for tick in 1..=180 {
            let now = UtcMs(START + step * HALF_HOUR + tick * 10_000);
            add(&Record::Tick(Tick { now }));
        }
    }
    log
}

/// The windows that were published: their figures do not matter here, all are to be amended.
fn windows(end: i64) -> Vec<WindowRow> {
    let from = START + (DAYS - AWAY_DAYS - 3) * 48 * HALF_HOUR;
    let mut rows = Vec::new();
    for length in [WindowLength::Min5, WindowLength::Min15, WindowLength::Hour1] {
        let ms = length.fixed_ms().unwrap();
        for start in (from..end - ms).step_by(usize::try_from(ms).unwrap()) {
            rows.push(WindowRow {
                key: WindowKey {
                    site: SiteId::new("site").unwrap(),
                    facility: FacilityId::new("lot").unwrap(),
                    length,
                    start: UtcMs(start),
                },
                end: UtcMs(start + ms),
                revision: 0,
                status: WindowStatus::Final,
                body: WindowBody::Lot(LotFigures::default()),
            });
        }
    }
    rows
}

fn resident_kb() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.unwrap_or("VmRSS unknown").to_owned()
}

fn main() {
    let log = log();
    let bytes: usize = log.iter().map(Vec::len).sum();
    println!(
        "log: {} records, {} MB; {}",
        log.len(),
        bytes / 1_000_000,
        resident_kb()
    );
    let live = Engine::new(Partition::new(1).unwrap());
    let begun = Instant::now();
    let mut late = LateReadings::new(&live);
    for bytes in &log {
        late.note(&wire::decode_record(bytes).unwrap());
    }
    println!(
        "{} late readings found in {:?}",
        late.count,
        begun.elapsed()
    );
    let mut again = Recompute::new(&live, Position(0));
    again.remember_from(late.earliest.unwrap());
    for (position, bytes) in (1..).zip(&log) {
        again.apply(Position(position), &wire::decode_record(bytes).unwrap());
    }
    let reach = again.reach();
    println!(
        "recomputed after {:?}; {}; reach {reach:?}",
        begun.elapsed(),
        resident_kb()
    );
    let rows = windows(START + DAYS * 48 * HALF_HOUR);
    let amended = rows.iter().filter_map(|row| again.amended(row).unwrap());
    let amended = amended.count();
    println!(
        "{amended} of {} windows differ, after {:?}",
        rows.len(),
        begun.elapsed()
    );
}
