//! Tiny scenarios through the whole engine: a lot of two bays, a bin, minutes from an hour on.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each scenario looks at the few outputs that it is about"
)]

use std::collections::BTreeMap;

use huitian_model::{
    Asset, AssetId, AssetKind, BayState, Bilingual, Binding, Channel, ChannelName, ChannelRef,
    CurrentBody, Device, EdgeId, Evidence, Facility, FacilityKind, FillLevel, FindingKind, Frame,
    Inventory, LotFigures, Measurement, Origin, Quantity, Reading, Reason, Sample, Site, Stream,
    Tick, TimeSource, Transition, WindowBody, WindowLength, WindowRow, WindowStatus,
};

use super::*;

/// 2026-11-23T04:00:00Z: a full hour.
const HOUR: i64 = 1_795_406_400_000;
const MINUTE: i64 = 60_000;

fn names() -> Bilingual {
    Bilingual {
        zh: String::new(),
        en: String::new(),
    }
}

/// What there is: bay1 and bay2 of lot `p`, its count, a gate, a bin of station `w`.
struct World {
    engine: Engine,
    inventory: Inventory,
    position: u64,
    n: u64,
    out: Vec<Output>,
}

const CHANNELS: [(&str, &str, Option<&str>, Quantity); 3] = [
    ("bay1", "p", Some("bay1"), Quantity::Occupied),
    ("bay2", "p", Some("bay2"), Quantity::Occupied),
    ("bin", "w", Some("bin"), Quantity::Fill),
];

fn facility(id: &str, kind: FacilityKind, assets: &[(&str, AssetKind)]) -> Facility {
    let asset = |(id, kind): &(&str, AssetKind)| Asset {
        id: AssetId::new(id).unwrap(),
        kind: kind.clone(),
    };
    let assets = assets.iter().map(asset);
    Facility {
        id: FacilityId::new(id).unwrap(),
        name: names(),
        kind,
        batch: None,
        assets: assets.map(|asset| (asset.id.clone(), asset)).collect(),
    }
}

fn device(name: &str, facility: &str, asset: Option<&str>, quantity: Quantity) -> Device {
    let channel = Channel {
        name: ChannelName::new("c").unwrap(),
        quantity,
        binds: Binding {
            facility: FacilityId::new(facility).unwrap(),
            asset: asset.map(|asset| AssetId::new(asset).unwrap()),
        },
        counter: huitian_model::CounterRule::Unstated,
    };
    Device {
        id: DeviceId::new(name).unwrap(),
        site: SiteId::new("s").unwrap(),
        address: name.to_owned(),
        profile: "plain".to_owned(),
        expected_every_ms: 5 * MINUTE,
        valid_for_ms: Some(10 * MINUTE),
        channels: BTreeMap::from([(channel.name.clone(), channel)]),
    }
}

fn inventory() -> Inventory {
    let lot = FacilityKind::ParkingLot {
        capacity: 2,
        initial_count: Some(1),
    };
    let bays = [("bay1", AssetKind::Bay), ("bay2", AssetKind::Bay)];
    let bin = AssetKind::Bin {
        stream: Stream::Other,
        volume_l: None,
        empty_distance_mm: None,
        full_distance_mm: None,
        mount: None,
    };
    let station = FacilityKind::WasteStation { sorting_mode: None };
    let facilities = [
        facility("p", lot, &bays),
        facility("w", station, &[("bin", bin)]),
    ];
    let site = Site {
        id: SiteId::new("s").unwrap(),
        name: names(),
        subdistrict: names(),
        company: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        facilities: facilities.map(|one| (one.id.clone(), one)).into(),
    };
    let devices = CHANNELS.map(|(name, at, asset, quantity)| device(name, at, asset, quantity));
    Inventory {
        sites: BTreeMap::from([(site.id.clone(), site)]),
        devices: devices.map(|one| (one.id.clone(), one)).into(),
    }
}

impl World {
    fn new() -> Self {
        Self::with(inventory())
    }

    fn with(inventory: Inventory) -> Self {
        let mut world = Self {
            engine: Engine::new(Partition::new(7).unwrap()),
            inventory: inventory.clone(),
            position: 0,
            n: 0,
            out: Vec::new(),
        };
        let mut settings = Settings::with_defaults().unwrap();
        // Levels leap here as no bin's do.
        settings.spike.limit = FillLevel::EMPTY;
        world.apply(&Record::Settings {
            version: 1,
            settings,
        });
        world.apply(&Record::Inventory {
            version: 1,
            inventory,
        });
        world.tick(0);
        world
    }

    fn apply(&mut self, record: &Record) {
        self.position += 1;
        let position = Position(self.position);
        self.engine.apply(position, record, &mut self.out);
    }

    /// A tick some minutes after the hour; what came before it is forgotten.
    fn tick(&mut self, minutes: i64) -> Vec<Output> {
        let now = UtcMs(HOUR + minutes * MINUTE);
        self.apply(&Record::Tick(Tick { now }));
        std::mem::take(&mut self.out)
    }

    fn say(&mut self, device: &str, minutes: i64, value: Measurement) {
        self.sample(device, minutes, Sample::Good(value));
    }

    fn sample(&mut self, device: &str, minutes: i64, sample: Sample) {
        let at = UtcMs(HOUR + minutes * MINUTE);
        let reading = Reading {
            at,
            received_at: at,
            time_source: TimeSource::Device,
            sequence: None,
            sample,
        };
        self.frame(device, self.n, reading);
        self.n += 1;
    }

    fn frame(&mut self, device: &str, first_n: u64, reading: Reading) {
        self.apply(&Record::Frame(Frame {
            edge: EdgeId::new("e").unwrap(),
            epoch: 1,
            first_n,
            origin: Origin::Live,
            channels: vec![ChannelRef {
                device: DeviceId::new(device).unwrap(),
                channel: ChannelName::new("c").unwrap(),
            }],
            readings: vec![(0, reading)],
        }));
    }

    fn bay(&mut self, device: &str, minutes: i64, in_use: bool) {
        self.say(device, minutes, Measurement::Occupied(in_use));
    }

    fn fill(&mut self, minutes: i64, percent: u16) {
        let level = FillLevel::from_hundredths(percent * 100).unwrap();
        self.say("bin", minutes, Measurement::Fill(level));
    }
}

fn windows(out: &[Output], length: WindowLength, status: WindowStatus) -> Vec<&WindowRow> {
    let rows = out.iter().filter_map(|output| match output {
        Output::Window(row) => Some(row),
        _ => None,
    });
    rows.filter(|row| row.key.length == length && row.status == status)
        .collect()
}

fn lot(row: &WindowRow) -> &LotFigures {
    match &row.body {
        WindowBody::Lot(lot) => lot,
        WindowBody::Station(_) => panic!("not a lot"),
    }
}

/// The 15-minute window of the lot from the hour on, as it became final.
fn quarter(world: &mut World) -> LotFigures {
    let out = world.tick(17);
    let rows = windows(&out, WindowLength::Min15, WindowStatus::Final);
    let of_lot = rows
        .into_iter()
        .find(|row| row.key.facility.as_str() == "p");
    lot(of_lot.unwrap()).clone()
}

#[test]
fn a_reading_holds_until_the_next_and_no_longer_than_it_is_valid() {
    let mut world = World::new();
    world.bay("bay1", 0, true);
    world.bay("bay1", 4, false);
    let figures = quarter(&mut world);
    assert_eq!(figures.usage.in_use_ms, 4 * MINUTE);
    assert_eq!(figures.usage.free_ms, 10 * MINUTE);
    assert_eq!(figures.usage.unknown_ms(), 16 * MINUTE);
    assert_eq!(figures.peak, Some((1, UtcMs(HOUR))));
    assert_eq!((figures.arrivals, figures.departures), (0, 1));
    assert_eq!((figures.dwell.count, figures.dwell.uncertain), (0, 1));
}

#[test]
fn a_session_in_known_time_has_a_dwell() {
    let mut world = World::new();
    for (minutes, in_use) in [(0, false), (2, true), (8, true), (14, false)] {
        world.bay("bay2", minutes, in_use);
    }
    let figures = quarter(&mut world);
    assert_eq!((figures.arrivals, figures.departures), (1, 1));
    assert_eq!((figures.uncertain, figures.dwell.count), (0, 1));
    assert_eq!(figures.dwell.sum_ms, 12 * MINUTE);
}

#[test]
fn a_late_reading_amends_a_final_window_and_a_repetition_does_not() {
    let mut world = World::new();
    world.bay("bay1", 0, true);
    quarter(&mut world);
    world.bay("bay1", 6, false);
    let out = world.tick(18);
    let rows = windows(&out, WindowLength::Min15, WindowStatus::Amended);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].revision, 1);
    assert_eq!(lot(rows[0]).usage.in_use_ms, 6 * MINUTE);
    world.bay("bay1", 6, false);
    let out = world.tick(19);
    assert!(windows(&out, WindowLength::Min15, WindowStatus::Amended).is_empty());
}

#[test]
fn open_windows_are_previewed_by_the_minute_but_not_in_fast_forward() {
    let mut world = World::new();
    world.bay("bay1", 0, true);
    let slow = world.tick(1);
    let rows = windows(&slow, WindowLength::Min15, WindowStatus::Provisional);
    assert_eq!(lot(rows[0]).usage.in_use_ms, MINUTE);
    let fast = world.tick(6);
    assert!(windows(&fast, WindowLength::Min15, WindowStatus::Provisional).is_empty());
}

#[test]
fn rolling_figures_are_published_where_they_changed() {
    let mut world = World::new();
    let count = |out: &[Output]| {
        let of_lot = |output: &&Output| match output {
            Output::Rolling(rolling) => rolling.facility.as_str() == "p",
            _ => false,
        };
        out.iter().filter(of_lot).count()
    };
    assert_eq!(count(&world.tick(1)), 3);
    assert_eq!(count(&world.tick(2)), 0);
    world.bay("bay1", 2, true);
    assert_eq!(count(&world.tick(3)), 3);
}

#[test]
fn an_emptying_persists_for_two_readings() {
    let mut world = World::new();
    let emptied = |out: &[Output]| {
        let stands = |output: &Output| match output {
            Output::Emptied(row) => Some((row.at.0 - HOUR, row.stands)),
            _ => None,
        };
        out.iter().filter_map(stands).collect::<Vec<_>>()
    };
    world.fill(0, 70);
    world.fill(1, 10);
    assert_eq!(emptied(&world.tick(2)), []);
    world.fill(3, 12);
    assert_eq!(emptied(&world.tick(4)), [(MINUTE, true)]);
    // It was a spike: a late reading between the two shows it.
    world.sample("bin", 2, Sample::Good(Measurement::Fill(FillLevel::FULL)));
    assert_eq!(emptied(&world.tick(5)), [(MINUTE, false)]);
}

#[test]
fn an_overflow_is_one_episode_and_one_alert() {
    let mut world = World::new();
    world.fill(1, 50);
    world.fill(2, 95);
    world.fill(4, 85);
    let transitions = |out: &[Output]| {
        let row = |output: &Output| match output {
            Output::Alert(row) => Some(row.transition),
            _ => None,
        };
        out.iter().filter_map(row).collect::<Vec<_>>()
    };
    assert_eq!(transitions(&world.tick(4)), [Transition::Raised]);
    assert_eq!(transitions(&world.tick(5)), [Transition::Activated]);
    let out = world.tick(20);
    let amended = out.iter().any(|output| {
        matches!(output, Output::Alert(row)
            if row.evidence == Evidence::StaleSince(UtcMs(HOUR + 14 * MINUTE)))
    });
    assert!(amended, "silence ages the evidence");
    world.fill(21, 30);
    let out = world.tick(21);
    assert_eq!(
        transitions(&out),
        [Transition::Amended, Transition::Returned]
    );
    let episode = out.iter().find_map(|output| match output {
        Output::Episode(row) => Some(row),
        _ => None,
    });
    let episode = episode.unwrap();
    assert_eq!(episode.onset, UtcMs(HOUR + 2 * MINUTE));
    assert_eq!(episode.onset_after, Some(UtcMs(HOUR + MINUTE)));
    assert_eq!(episode.end, Some(UtcMs(HOUR + 21 * MINUTE)));
}

#[test]
fn each_reading_is_accounted_once_by_its_fate() {
    let mut world = World::new();
    world.bay("bay1", 0, true);
    world.bay("bay1", 0, true);
    world.bay("bay1", 0, false);
    world.say("bay1", 1, Measurement::Tilt(true));
    world.bay("bay1", -49 * 60, true);
    let out = world.tick(1);
    let held = out.iter().filter_map(|output| match output {
        Output::Held(held) => Some(held.reason),
        _ => None,
    });
    let held: Vec<Reason> = held.collect();
    assert_eq!(held, [Reason::QuarantinedRange, Reason::Late]);
    let counts = out.iter().filter_map(|output| match output {
        Output::Account(row) => Some(row.counts),
        _ => None,
    });
    let mut sum = huitian_model::Counts::default();
    counts.for_each(|counts| sum.add(&counts));
    assert!(sum.balance());
    let fates = Reason::ALL.map(|reason| sum.by(reason));
    assert_eq!(
        (sum.accepted, sum.applied, fates),
        (5, 1, [1, 1, 1, 0, 0, 1])
    );
}

#[test]
fn silence_makes_a_bay_unknown_in_the_current_view() {
    let mut world = World::new();
    world.bay("bay1", 0, true);
    world.tick(9);
    let view = |world: &mut World| {
        let mut out = Vec::new();
        world.engine.publish_current(&mut out);
        let lot = out.into_iter().find_map(|output| match output {
            Output::Current(current) => match current.body {
                CurrentBody::Lot(lot) => Some(lot),
                CurrentBody::Station(_) => None,
            },
            _ => None,
        });
        lot.map(|lot| (lot.bays[0].state, lot.in_use, lot.unknown))
    };
    assert_eq!(view(&mut world), Some((BayState::InUse, 1, 1)));
    world.tick(9);
    assert_eq!(view(&mut world), None, "nothing has changed");
    world.tick(10);
    assert_eq!(view(&mut world), Some((BayState::Silent, 0, 2)));
}

#[test]
fn a_count_above_capacity_is_a_finding_and_is_kept() {
    let mut inventory = inventory();
    let count = device("count", "p", None, Quantity::InUse);
    inventory.devices.remove(&DeviceId::new("bay2").unwrap());
    inventory.devices.insert(count.id.clone(), count);
    let mut world = World::with(inventory);
    world.say("count", 0, Measurement::InUse(3));
    let out = world.tick(1);
    let finding = out.iter().find_map(|output| match output {
        Output::Finding(finding) => Some(finding.kind),
        _ => None,
    });
    assert_eq!(finding, Some(FindingKind::OverCapacity));
    let figures = quarter(&mut world);
    assert_eq!(figures.usage.in_use_ms, 30 * MINUTE);
    assert_eq!(figures.usage.free_ms, -10 * MINUTE);
    assert_eq!(figures.peak, Some((3, UtcMs(HOUR))));
}

#[test]
fn a_changed_binding_begins_anew_and_leaves_final_windows_alone() {
    let mut world = World::new();
    world.bay("bay1", 0, true);
    world.bay("bay2", 0, true);
    quarter(&mut world);
    let mut inventory = world.inventory.clone();
    inventory.devices.remove(&DeviceId::new("bay2").unwrap());
    world.apply(&Record::Inventory {
        version: 2,
        inventory,
    });
    world.bay("bay1", 16, true);
    world.bay("bay2", 16, true);
    world.bay("bay1", 5, false);
    let out = world.tick(32);
    assert!(windows(&out, WindowLength::Min15, WindowStatus::Amended).is_empty());
    let unknown = out.iter().any(
        |output| matches!(output, Output::Held(held) if held.reason == Reason::QuarantinedUnknown),
    );
    assert!(unknown, "bay2 is not in the inventory any more");
    let rows = windows(&out, WindowLength::Min15, WindowStatus::Final);
    assert_eq!(lot(rows[0]).usage.in_use_ms, 10 * MINUTE);
}

#[test]
fn a_snapshot_goes_on_as_if_nothing_had_happened() {
    let mut world = World::new();
    world.bay("bay1", 0, true);
    world.fill(1, 95);
    let bytes = world.engine.snapshot();
    let mut other = Engine::restore(&bytes).unwrap();
    assert_eq!(other.snapshot(), bytes);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let tick = Record::Tick(Tick {
        now: UtcMs(HOUR + 40 * MINUTE),
    });
    world.engine.apply(Position(99), &tick, &mut first);
    other.apply(Position(99), &tick, &mut second);
    assert!(!first.is_empty() && first == second);
    let mut damaged = bytes.clone();
    damaged[4] = 9;
    assert_eq!(
        Engine::restore(&damaged).unwrap_err(),
        SnapshotError::Version(9)
    );
    assert_eq!(
        Engine::restore(b"nothing").unwrap_err(),
        SnapshotError::Foreign
    );
}
