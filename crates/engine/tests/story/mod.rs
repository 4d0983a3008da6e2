//! Stories worked out by hand: the reference and the engine must both tell them.
//!
//! They happen on 23 November 2026 in a place whose time is UTC; readings hold for five minutes.

mod accounts;
mod alerts;
mod bins;
mod lots;
mod windows;

use std::collections::BTreeMap;

use huitian_model::{
    Asset, AssetId, AssetKind, Bilingual, Binding, Channel, ChannelName, ChannelRef, CounterRule,
    Device, DeviceId, EdgeId, Facility, FacilityId, FacilityKind, FillLevel, Frame, Inventory,
    LotFigures, Measurement, Origin, Quantity, Reading, Record, Sample, Settings, Site, SiteId,
    StationFigures, Tick, TimeSource, UtcMs, WindowBody, WindowKey, WindowLength,
};

use crate::reference::{Broken, Truth, compute};
use crate::run::{Run, describe, run};

/// 2026-11-23T00:00:00Z.
const MIDNIGHT: i64 = 1_795_392_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// One facility, what its devices said, and the ticks.
struct Story {
    site: Site,
    facility: Facility,
    devices: BTreeMap<DeviceId, Device>,
    settings: Settings,
    records: Vec<Record>,
    next_n: u64,
}

/// An instant of the day.
fn at(hour: i64, minute: i64, second: i64) -> UtcMs {
    UtcMs(MIDNIGHT + ((hour * 60 + minute) * 60 + second) * SECOND)
}

fn in_use(yes: bool) -> Sample {
    Sample::Good(Measurement::Occupied(yes))
}

/// The default settings, but every level of a bin is believed: a story is of one thing.
fn believing() -> Settings {
    let mut settings = Settings::with_defaults().unwrap();
    settings.spike.limit = FillLevel::EMPTY;
    settings
}

impl Story {
    fn new(kind: FacilityKind) -> Self {
        let name = Bilingual {
            zh: String::new(),
            en: String::new(),
        };
        Self {
            site: Site {
                id: SiteId::new("garden").unwrap(),
                name: name.clone(),
                subdistrict: name.clone(),
                company: String::new(),
                zone: "UTC".to_owned(),
                facilities: BTreeMap::new(),
            },
            facility: Facility {
                id: FacilityId::new("f").unwrap(),
                name,
                kind,
                batch: None,
                assets: BTreeMap::new(),
            },
            devices: BTreeMap::new(),
            settings: believing(),
            records: Vec::new(),
            next_n: 0,
        }
    }

    fn lot(capacity: u32, initial_count: Option<u32>) -> Self {
        Self::new(FacilityKind::ParkingLot {
            capacity,
            initial_count,
        })
    }

    /// Adds an asset with one device of the same name.
    fn asset(mut self, id: &str, kind: AssetKind, quantity: Quantity) -> Self {
        let asset = AssetId::new(id).unwrap();
        self.facility.assets.insert(
            asset.clone(),
            Asset {
                id: asset.clone(),
                kind,
            },
        );
        self.device(id, Some(asset), quantity)
    }

    /// Adds a device whose one channel is named `value`.
    fn device(mut self, id: &str, asset: Option<AssetId>, quantity: Quantity) -> Self {
        let name = ChannelName::new("value").unwrap();
        let binds = Binding {
            facility: self.facility.id.clone(),
            asset,
        };
        let channel = Channel {
            name: name.clone(),
            quantity,
            binds,
            counter: CounterRule::Unstated,
        };
        let device = Device {
            id: DeviceId::new(id).unwrap(),
            site: self.site.id.clone(),
            address: id.to_owned(),
            profile: "plain".to_owned(),
            expected_every_ms: 2 * MINUTE,
            valid_for_ms: None,
            channels: [(name, channel)].into(),
        };
        self.devices.insert(device.id.clone(), device);
        self
    }

    /// A device says something, in a frame of its own.
    fn said(mut self, device: &str, at: UtcMs, sample: Sample) -> Self {
        let channel = ChannelRef {
            device: DeviceId::new(device).unwrap(),
            channel: ChannelName::new("value").unwrap(),
        };
        let reading = Reading {
            at,
            received_at: at,
            time_source: TimeSource::Device,
            sequence: None,
            sample,
        };
        self.records.push(Record::Frame(Frame {
            edge: EdgeId::new("local").unwrap(),
            epoch: 1,
            first_n: self.next_n,
            origin: Origin::Live,
            channels: vec![channel],
            readings: vec![(0, reading)],
        }));
        self.next_n += 1;
        self
    }

    fn tick(mut self, now: UtcMs) -> Self {
        self.records.push(Record::Tick(Tick { now }));
        self
    }

    fn log(&self) -> Vec<Record> {
        let mut site = self.site.clone();
        site.facilities
            .insert(self.facility.id.clone(), self.facility.clone());
        let inventory = Inventory {
            sites: [(site.id.clone(), site)].into(),
            devices: self.devices.clone(),
        };
        assert_eq!(inventory.faults(), Vec::new());
        let settings = self.settings.clone();
        let head = [
            Record::Settings {
                version: 1,
                settings,
            },
            Record::Inventory {
                version: 1,
                inventory,
            },
        ];
        head.into_iter().chain(self.records.clone()).collect()
    }

    /// What the reference and the engine make of it.
    fn told(&self) -> Told {
        let log = self.log();
        Told {
            truth: compute(&log, Broken::Nothing),
            run: run(&log),
            log,
        }
    }
}

/// A story as the reference and as the engine tell it.
struct Told {
    truth: Truth,
    run: Run,
    log: Vec<Record>,
}

impl Told {
    /// The figures of the 5 minutes from `start`, by which both agree.
    fn lot(&self, start: UtcMs) -> LotFigures {
        match self.window(WindowLength::Min5, start) {
            WindowBody::Lot(lot) => lot,
            other @ WindowBody::Station(_) => panic!("not a lot: {other:?}"),
        }
    }

    /// The same of a station.
    fn station(&self, start: UtcMs) -> StationFigures {
        match self.window(WindowLength::Min5, start) {
            WindowBody::Station(station) => station,
            other @ WindowBody::Lot(_) => panic!("not a station: {other:?}"),
        }
    }

    /// The same over the day.
    fn station_day(&self) -> StationFigures {
        match self.window(WindowLength::Day1, UtcMs(MIDNIGHT)) {
            WindowBody::Station(station) => station,
            other @ WindowBody::Lot(_) => panic!("not a station: {other:?}"),
        }
    }

    fn window(&self, length: WindowLength, start: UtcMs) -> WindowBody {
        let key = WindowKey {
            site: SiteId::new("garden").unwrap(),
            facility: FacilityId::new("f").unwrap(),
            length,
            start,
        };
        let expected = self.truth.windows.get(&key).cloned();
        let found = self.run.final_windows().remove(&key);
        assert_eq!(
            found,
            expected,
            "engine and reference\n{}",
            describe(&self.log)
        );
        expected.unwrap().1
    }
}
