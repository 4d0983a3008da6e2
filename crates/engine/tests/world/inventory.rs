//! Small inventories: up to three facilities at two sites in two zones.

use std::collections::BTreeMap;

use huitian_model::{
    Asset, AssetId, AssetKind, Bilingual, Binding, Channel, ChannelName, CounterBits, CounterRule,
    Device, DeviceId, Facility, FacilityId, FacilityKind, Inventory, Quantity, Site, SiteId,
    Stream, UtcMs, civil_day_bounds,
};

use super::{FacilityPlan, PlacePlan, pick};

/// A zone and noon UTC of a day: plain days, and days on which clocks change.
const DAYS: [(&str, i64); 12] = [
    ("Asia/Shanghai", 1_795_435_200_000),       // 2026-11-23
    ("Europe/London", 1_427_630_400_000),       // 2015-03-29: 23 hours
    ("Europe/London", 1_445_774_400_000),       // 2015-10-25: 25 hours
    ("Asia/Kathmandu", 1_795_435_200_000),      // a quarter of an hour off
    ("America/New_York", 1_772_971_200_000),    // 2026-03-08: 23 hours
    ("America/New_York", 1_793_534_400_000),    // 2026-11-01: 25 hours
    ("Australia/Lord_Howe", 1_775_347_200_000), // 2026-04-05: half an hour
    ("America/Sao_Paulo", 1_541_332_800_000),   // 2018-11-04: midnight does not exist
    ("UTC", 1_795_435_200_000),
    ("Pacific/Apia", 1_325_160_000_000), // 2011-12-29: the next day does not exist
    ("Asia/Shanghai", 1_767_182_400_000), // 2025-12-31
    ("UTC", -43_200_000),                // the last day before 1970
];

/// Where and when a case takes place.
pub struct Place {
    pub zone: &'static str,
    /// Where the readings begin.
    pub start: i64,
    /// How long they last.
    pub span_ms: i64,
}

impl Place {
    pub fn new(plan: &PlacePlan) -> Self {
        let (zone, noon) = pick(&DAYS, plan.day);
        let (midnight, _) = civil_day_bounds(zone, UtcMs(noon)).unwrap();
        let spans = [1, 1, 2, 3, 3, 8, 30, 80];
        let span_ms = pick(&spans, plan.span) * 3_600_000;
        // Half of the days begin before midnight, so that the span crosses it.
        let before = if plan.day >= 12 { span_ms / 2 } else { 0 };
        Self {
            zone,
            start: midnight.0 - before + i64::from(plan.quarter / 4) * 900_000,
            span_ms,
        }
    }
}

pub fn inventory(place: &Place, plans: &[FacilityPlan]) -> Inventory {
    let mut inventory = Inventory::default();
    for (index, plan) in plans.iter().enumerate() {
        let (site, zone) = if plan.is_elsewhere {
            ("south", "Asia/Shanghai")
        } else {
            ("north", place.zone)
        };
        let builder = Builder {
            site: SiteId::new(site).unwrap(),
            facility: FacilityId::new(&format!("f{index}")).unwrap(),
            plan,
            assets: BTreeMap::new(),
            devices: Vec::new(),
        };
        let (facility, devices) = builder.build();
        let of_site = inventory.sites.entry(SiteId::new(site).unwrap());
        let of_site = of_site.or_insert_with(|| new_site(site, zone));
        of_site.facilities.insert(facility.id.clone(), facility);
        let devices = devices
            .into_iter()
            .map(|device| (device.id.clone(), device));
        inventory.devices.extend(devices);
    }
    inventory
}

fn new_site(id: &str, zone: &str) -> Site {
    Site {
        id: SiteId::new(id).unwrap(),
        name: name(),
        subdistrict: name(),
        company: String::new(),
        zone: zone.to_owned(),
        facilities: BTreeMap::new(),
    }
}

fn name() -> Bilingual {
    Bilingual {
        zh: String::new(),
        en: String::new(),
    }
}

struct Builder<'a> {
    site: SiteId,
    facility: FacilityId,
    plan: &'a FacilityPlan,
    assets: BTreeMap<AssetId, Asset>,
    devices: Vec<Device>,
}

impl Builder<'_> {
    fn build(mut self) -> (Facility, Vec<Device>) {
        let kind = if self.plan.is_station {
            self.station()
        } else {
            self.lot()
        };
        if self.plan.is_doubled {
            self.double();
        }
        let facility = Facility {
            id: self.facility,
            name: name(),
            kind,
            batch: None,
            assets: self.assets,
        };
        (facility, self.devices)
    }

    /// Measures the first asset of every kind a second time, and the whole lot too.
    fn double(&mut self) {
        let quantities = self.devices.iter().map(|device| {
            let channel = device.channels.values().next_back().unwrap();
            (channel.binds.asset.clone(), channel.quantity)
        });
        let quantities: BTreeMap<Option<AssetId>, Quantity> = quantities.collect();
        for (asset, quantity) in quantities.into_iter().take(4) {
            let other = match quantity {
                Quantity::InUse => Quantity::FreePlaces,
                Quantity::Distance => Quantity::Fill,
                // A bay's second channel, which is of no matter: its state is.
                Quantity::Battery => Quantity::Occupied,
                same => same,
            };
            self.device(asset.as_ref(), &[other]);
        }
    }

    fn lot(&mut self) -> FacilityKind {
        let plan = self.plan;
        for bay in 0..plan.parts {
            let asset = self.asset(&format!("bay{bay}"), AssetKind::Bay);
            let also_battery = [Quantity::Occupied, Quantity::Battery];
            self.device(Some(&asset), &also_battery[..=usize::from(bay % 2)]);
        }
        for bay in 0..plan.blind_parts {
            self.asset(&format!("blind{bay}"), AssetKind::Bay);
        }
        for gate in 0..plan.gates {
            let asset = self.asset(&format!("gate{gate}"), AssetKind::Gate);
            // One device with both counters, or only one way is counted.
            let both = [Quantity::Entries, Quantity::Exits];
            self.device(Some(&asset), &both[..2 - usize::from(gate % 2)]);
        }
        match plan.counted {
            0 => {}
            1 => self.device(None, &[Quantity::InUse]),
            _ => self.device(None, &[Quantity::FreePlaces]),
        }
        FacilityKind::ParkingLot {
            capacity: u32::from(plan.parts + plan.blind_parts).max(1),
            initial_count: plan.initial_count,
        }
    }

    fn station(&mut self) -> FacilityKind {
        let streams = [
            Stream::Kitchen,
            Stream::Other,
            Stream::Recyclable,
            Stream::Hazardous,
        ];
        let distances = [(1_000, 100), (1_203, 207), (777, 0)];
        for bin in 0..self.plan.parts + self.plan.blind_parts {
            let by_distance = (self.plan.cadence + bin) % 2 == 1;
            let (empty, full) = pick(&distances, self.plan.counted + bin);
            let kind = AssetKind::Bin {
                stream: pick(&streams, bin),
                volume_l: None,
                empty_distance_mm: by_distance.then_some(empty),
                full_distance_mm: by_distance.then_some(full),
                mount: None,
            };
            let asset = self.asset(&format!("bin{bin}"), kind);
            let quantity = if by_distance {
                Quantity::Distance
            } else {
                Quantity::Fill
            };
            // The last of them has no sensor where the plan has blind parts.
            if bin < self.plan.parts {
                self.device(Some(&asset), &[quantity]);
            }
        }
        FacilityKind::WasteStation { sorting_mode: None }
    }

    fn asset(&mut self, id: &str, kind: AssetKind) -> AssetId {
        let id = AssetId::new(id).unwrap();
        let asset = Asset {
            id: id.clone(),
            kind,
        };
        self.assets.insert(id.clone(), asset);
        id
    }

    fn device(&mut self, asset: Option<&AssetId>, quantities: &[Quantity]) {
        let id = format!("{}-d{}", self.facility, self.devices.len());
        let number = u8::try_from(self.devices.len()).unwrap();
        let channels = quantities.iter().map(|quantity| {
            let name = ChannelName::new(&quantity.name().replace('_', "-")).unwrap();
            let binds = Binding {
                facility: self.facility.clone(),
                asset: asset.cloned(),
            };
            let channel = Channel {
                name: name.clone(),
                quantity: *quantity,
                binds,
                counter: pick(&COUNTERS, self.plan.cadence + self.plan.counted + number),
            };
            (name, channel)
        });
        let drawn = self.plan.cadence + u8::try_from(self.devices.len() % 3).unwrap();
        let (every_s, valid_ms) = pick(&CADENCES, drawn);
        self.devices.push(Device {
            id: DeviceId::new(&id).unwrap(),
            site: self.site.clone(),
            address: id,
            profile: "plain".to_owned(),
            expected_every_ms: every_s * 1_000,
            valid_for_ms: valid_ms,
            channels: channels.collect(),
        });
    }
}

/// What counters mean: the four kinds that sensors have, and those of which nothing is said.
const COUNTERS: [CounterRule; 8] = [
    CounterRule::Total {
        wrap: Some(CounterBits::Eight),
        stored: false,
    },
    CounterRule::Unstated,
    CounterRule::Interval,
    CounterRule::Total {
        wrap: Some(CounterBits::Eight),
        stored: false,
    },
    CounterRule::Total {
        wrap: None,
        stored: false,
    },
    CounterRule::Total {
        wrap: Some(CounterBits::Sixteen),
        stored: false,
    },
    CounterRule::Total {
        wrap: Some(CounterBits::ThirtyTwo),
        stored: true,
    },
    CounterRule::Total {
        wrap: Some(CounterBits::Eight),
        stored: true,
    },
];

/// How often a device speaks, s, and how long its readings hold, ms.
const CADENCES: [(i64, Option<i64>); 12] = [
    (600, None),
    (300, None),
    (120, None),
    (3_600, None),
    (60, Some(60_000)),
    (60, Some(300_000)),
    (30, Some(61_001)),
    (86_400, None),
    (7_200, Some(90 * 86_400_000)),
    (1, Some(1_000)),
    (60, None),
    (900, Some(3_600_000)),
];
