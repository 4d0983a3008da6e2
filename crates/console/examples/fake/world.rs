//! An invented district: every figure is a function of the place and the time.

use std::collections::BTreeMap;

use huitian_model::{
    AlertId, AlertRow, AlertState, Asset, AssetId, AssetKind, BadReason, BayCurrent, BayState,
    Bilingual, BinCurrent, Binding, Channel, ChannelName, Current, CurrentBody, Device, DeviceId,
    DeviceRow, Evidence, Facility, FacilityId, FacilityKind, FillLevel, GateCount, Inventory,
    LotCurrent, Quantity, RuleId, RuleKind, Severity, Site, SiteId, Stream, Transition, UtcMs,
};

pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;

const PLACES: [(&str, &str); 16] = [
    ("龙腾苑", "Longteng Yuan"),
    ("云趣园", "Yunqu Yuan"),
    ("龙跃苑", "Longyue Yuan"),
    ("天通苑东", "Tiantongyuan East"),
    ("天通苑西", "Tiantongyuan West"),
    ("天通苑北", "Tiantongyuan North"),
    ("霍营华龙苑", "Hualong Yuan"),
    ("流星花园", "Liuxing Garden"),
    ("融泽嘉园", "Rongze Jiayuan"),
    ("新龙城", "Xinlongcheng"),
    ("首开智慧社", "Zhihuishe"),
    ("北店嘉园", "Beidian Jiayuan"),
    ("风雅园", "Fengya Yuan"),
    ("佳运园", "Jiayun Yuan"),
    ("矩阵小区", "Juzhen"),
    ("通达园", "Tongda Yuan"),
];

const SUBDISTRICTS: [(&str, &str); 6] = [
    ("回龙观街道", "Huilongguan"),
    ("龙泽园街道", "Longzeyuan"),
    ("史各庄街道", "Shigezhuang"),
    ("天通苑北街道", "Tiantongyuan North"),
    ("天通苑南街道", "Tiantongyuan South"),
    ("霍营街道", "Huoying"),
];

pub const STREAMS: [Stream; 4] = [
    Stream::Kitchen,
    Stream::Recyclable,
    Stream::Hazardous,
    Stream::Other,
];

/// The limit of overflow.
pub fn limit() -> FillLevel {
    fill(9_000)
}

pub fn fill(hundredths: i64) -> FillLevel {
    FillLevel::from_hundredths(u16::try_from(hundredths.clamp(0, 10_000)).unwrap()).unwrap()
}

/// A number that looks drawn at random, the same for the same arguments.
pub fn draw(a: u64, b: u64) -> i64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 29;
    i64::try_from(x % 1_000_000).unwrap()
}

/// The district.
#[derive(Clone)]
pub struct World {
    /// What is out there.
    pub inventory: Inventory,
}

impl World {
    /// With so many compounds.
    pub fn new(sites: u64) -> Self {
        let mut inventory = Inventory::default();
        for n in 0..sites {
            let site = site(n);
            add_devices(&mut inventory, &site, n);
            inventory.sites.insert(site.id.clone(), site);
        }
        Self { inventory }
    }

    /// All facilities with the number of their compound.
    pub fn facilities(&self) -> impl Iterator<Item = (u64, &Site, &Facility)> {
        (0_u64..)
            .zip(self.inventory.sites.values())
            .flat_map(|(n, site)| {
                site.facilities
                    .values()
                    .map(move |facility| (n, site, facility))
            })
    }

    /// All facilities as they stand.
    pub fn currents(&self, now: UtcMs) -> Vec<Current> {
        self.facilities()
            .map(|(n, site, it)| current(n, site, it, now))
            .collect()
    }

    /// Alerts of the bins that overflow, and one that is over.
    pub fn alerts(&self, now: UtcMs) -> Vec<AlertRow> {
        let mut rows = Vec::new();
        for (n, site, facility) in self.facilities() {
            let CurrentBody::Station(bins) = current(n, site, facility, now).body else {
                continue;
            };
            for bin in bins {
                if let Some(since) = bin.overflow_since {
                    rows.push(alert((site, facility), &bin, since, AlertState::Active));
                } else if bin.emptied_at.is_some() && n % 17 == 3 {
                    let since = now.minus(9 * HOUR);
                    rows.push(alert((site, facility), &bin, since, AlertState::Returned));
                }
            }
        }
        rows
    }

    /// Health of all devices.
    pub fn devices(&self, now: UtcMs) -> Vec<DeviceRow> {
        let rows = (0_u64..).zip(self.inventory.devices.values());
        rows.filter(|(n, _)| n % 41 != 7)
            .map(|(n, device)| {
                let idle = n % 29 == 3;
                let ago = if idle { 9 * HOUR } else { draw(n, 5) / 2 };
                DeviceRow {
                    device: device.id.clone(),
                    site: device.site.clone(),
                    watermark: Some(now.minus(ago)),
                    heard_at: Some(now.minus(ago - 400)),
                    idle,
                    battery: (n % 3 > 0).then(|| u8::try_from(20 + n * 7 % 81).unwrap()),
                    skew_ms: Some(draw(n, 9) % 900),
                }
            })
            .collect()
    }
}

fn site(n: u64) -> Site {
    let (zh, en) = PLACES[usize::try_from(n % 16).unwrap()];
    let section = n / 16 + 1;
    let (district_zh, district_en) = SUBDISTRICTS[usize::try_from(n * 5 % 6).unwrap()];
    let mut facilities = BTreeMap::new();
    for facility in facilities_of(n) {
        facilities.insert(facility.id.clone(), facility);
    }
    Site {
        id: SiteId::new(&format!("site-{n:03}")).unwrap(),
        name: Bilingual {
            zh: format!("{zh}{section}区"),
            en: format!("{en} {section}"),
        },
        subdistrict: Bilingual {
            zh: district_zh.to_owned(),
            en: district_en.to_owned(),
        },
        company: "回天物业".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        facilities,
    }
}

fn facilities_of(n: u64) -> Vec<Facility> {
    let capacity = u32::try_from(60 + draw(n, 1) % 340).unwrap();
    let bays = if n.is_multiple_of(3) {
        capacity.min(60)
    } else {
        0
    };
    let asset = |id: String, kind| {
        let id = AssetId::new(&id).unwrap();
        (id.clone(), Asset { id, kind })
    };
    let lot = Facility {
        id: FacilityId::new("p1").unwrap(),
        name: Bilingual {
            zh: "地面停车场".to_owned(),
            en: "Surface lot".to_owned(),
        },
        kind: FacilityKind::ParkingLot {
            capacity: if bays > 0 { bays } else { capacity },
            initial_count: None,
        },
        batch: Some(huitian_model::Batch::NewBuilt),
        assets: (0..bays)
            .map(|k| asset(format!("bay-{k:03}"), AssetKind::Bay))
            .collect(),
    };
    let station = |k: u64| Facility {
        id: FacilityId::new(&format!("w{k}")).unwrap(),
        name: Bilingual {
            zh: format!("{k}号垃圾分类驿站"),
            en: format!("Waste station {k}"),
        },
        kind: FacilityKind::WasteStation {
            sorting_mode: Some("bucket-station".to_owned()),
        },
        batch: None,
        assets: STREAMS
            .into_iter()
            .map(|stream| {
                let kind = AssetKind::Bin {
                    stream,
                    volume_l: Some(240),
                    empty_distance_mm: None,
                    full_distance_mm: None,
                    mount: None,
                };
                asset(format!("{}-1", stream.name()), kind)
            })
            .collect(),
    };
    let mut all = vec![lot, station(1)];
    if n.is_multiple_of(2) {
        all.push(station(2));
    }
    all
}

fn add_devices(inventory: &mut Inventory, site: &Site, n: u64) {
    for facility in site.facilities.values() {
        for (k, asset) in facility.assets.values().enumerate() {
            let (quantity, name) = match asset.kind {
                AssetKind::Bay => (Quantity::Occupied, "occupied"),
                AssetKind::Gate => (Quantity::Entries, "entries"),
                AssetKind::Bin { .. } => (Quantity::Fill, "fill"),
            };
            let id = DeviceId::new(&format!("d{n:03}-{}-{k:03}", facility.id)).unwrap();
            let channel = Channel {
                name: ChannelName::new(name).unwrap(),
                quantity,
                binds: Binding {
                    facility: facility.id.clone(),
                    asset: Some(asset.id.clone()),
                },
                counter: huitian_model::CounterRule::Unstated,
            };
            let device = Device {
                id: id.clone(),
                site: site.id.clone(),
                address: format!("24e124{n:06x}{k:04x}"),
                profile: "milesight-em310-udl".to_owned(),
                expected_every_ms: 600_000,
                valid_for_ms: None,
                channels: BTreeMap::from([(channel.name.clone(), channel)]),
            };
            inventory.devices.insert(id, device);
        }
    }
}

/// Share of places in use in a residential lot: full at night, emptier by day.
pub fn parked(n: u64, at: UtcMs) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::as_conversions,
        reason = "a picture"
    )]
    let hour = ((at.0 + 8 * HOUR).rem_euclid(DAY) as f64) / 3_600_000.0;
    let day = (at.0 + 8 * HOUR).div_euclid(DAY);
    let weekend = matches!((day + 3).rem_euclid(7), 5 | 6);
    let wave = ((hour - 3.0) / 24.0 * std::f64::consts::TAU).cos();
    #[expect(
        clippy::cast_precision_loss,
        clippy::as_conversions,
        reason = "a picture"
    )]
    let own = draw(n, 3) as f64 / 1_000_000.0;
    #[expect(
        clippy::cast_precision_loss,
        clippy::as_conversions,
        reason = "a picture"
    )]
    let noise = draw(n, u64::try_from(at.0 / 900_000).unwrap()) as f64 / 1_000_000.0 - 0.5;
    let depth = if weekend { 0.12 } else { 0.25 };
    (0.62 + own * 0.36 + depth * wave + noise * 0.03).clamp(0.02, 1.0)
}

/// Level of a bin in hundredths of a percent, and when it was last emptied.
pub fn level(n: u64, k: u64, at: UtcMs) -> (i64, UtcMs) {
    let period = (18 + draw(n * 31 + k, 7) % 40) * HOUR;
    let shift = draw(n * 17 + k, 8) * 100;
    let age = (at.0 + shift).rem_euclid(period);
    let top = 7_000 + draw(n * 13 + k, 11) % 3_600;
    ((age * top / period).min(10_000), at.minus(age))
}

fn current(n: u64, site: &Site, facility: &Facility, now: UtcMs) -> Current {
    let blind = n % 37 == 5;
    let (body, total) = match &facility.kind {
        FacilityKind::ParkingLot { capacity, .. } => (
            lot(n, facility, *capacity, (now, blind)),
            2.max(facility.assets.len()),
        ),
        FacilityKind::WasteStation { .. } => {
            let bins = (0_u64..).zip(facility.assets.values());
            let key = n + if facility.id.as_str() == "w2" { 500 } else { 0 };
            let bins = bins
                .map(|(k, asset)| bin(key, k, asset, (now, blind)))
                .collect();
            (CurrentBody::Station(bins), facility.assets.len())
        }
    };
    let total = u32::try_from(total).unwrap();
    let lost = if n % 11 == 4 { total / 4 } else { 0 };
    Current {
        site: site.id.clone(),
        facility: facility.id.clone(),
        as_of: now,
        newest_at: Some(now.minus(if blind { 26 * HOUR } else { draw(n, 4) / 9 })),
        channels_fresh: if blind { 0 } else { total - lost },
        channels_total: total,
        body,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::as_conversions,
    reason = "a picture"
)]
fn lot(n: u64, facility: &Facility, capacity: u32, (now, blind): (UtcMs, bool)) -> CurrentBody {
    let places = i32::try_from(capacity).unwrap();
    let unknown = match n {
        _ if blind => places,
        n if n % 11 == 4 => places / 4,
        n if n % 5 == 1 => places / 30,
        _ => 0,
    };
    let share = if n % 21 == 8 { 1.0 } else { parked(n, now) };
    let in_use = (f64::from(places - unknown) * share).round() as i32;
    let bays = (0_i32..)
        .zip(facility.assets.values())
        .map(|(k, asset)| BayCurrent {
            asset: asset.id.clone(),
            state: match k {
                _ if blind => BayState::Silent,
                k if k < in_use => BayState::InUse,
                k if k < in_use + unknown => match k % 3 {
                    0 => BayState::Bad(BadReason::DeviceFault),
                    1 => BayState::Silent,
                    _ => BayState::NeverSeen,
                },
                _ => BayState::Free,
            },
            since: Some(now.minus(i64::from(k) * 240_000)),
            newest_at: Some(now.minus(i64::from(k) * 7_000)),
        });
    let mut bays: Vec<BayCurrent> = bays.collect();
    // Mix the states over the lot without changing any id.
    for index in 0..bays.len() {
        let other = usize::try_from(draw(n, u64::try_from(index).unwrap())).unwrap() % bays.len();
        let (a, b) = (bays[index].state, bays[other].state);
        bays[index].state = b;
        bays[other].state = a;
    }
    CurrentBody::Lot(LotCurrent {
        capacity,
        in_use: if blind { 0 } else { in_use },
        free: if blind { 0 } else { places - unknown - in_use },
        unknown,
        gates: bays.is_empty().then_some(GateCount {
            count: in_use,
            error: 3,
        }),
        bays,
    })
}

fn bin(n: u64, k: u64, asset: &Asset, (now, blind): (UtcMs, bool)) -> BinCurrent {
    let stream = match asset.kind {
        AssetKind::Bin { stream, .. } => stream,
        AssetKind::Bay | AssetKind::Gate => Stream::Other,
    };
    let (level, emptied) = level(n, k, now);
    let bad = n % 19 == 2 && k == 1;
    let overflow = level >= 9_000;
    BinCurrent {
        asset: asset.id.clone(),
        stream,
        fill: (!blind && !bad).then(|| fill(level)),
        last_fill: Some(fill(level)),
        bad: bad.then_some(BadReason::NoEcho),
        newest_at: Some(now.minus(if blind { 26 * HOUR } else { draw(n, k) / 3 })),
        overflow_since: overflow.then(|| now.minus((level - 8_950) * 20_000)),
        emptied_at: Some(emptied),
    }
}

fn alert(
    (site, facility): (&Site, &Facility),
    bin: &BinCurrent,
    since: UtcMs,
    state: AlertState,
) -> AlertRow {
    let over = state == AlertState::Returned;
    AlertRow {
        id: AlertId {
            rule: RuleId::new("overflow").unwrap(),
            site: site.id.clone(),
            facility: facility.id.clone(),
            asset: Some(bin.asset.clone()),
            raised_at: since,
        },
        kind: RuleKind::Overflow,
        severity: Severity::Warning,
        state,
        evidence: match bin.fill {
            Some(_) => Evidence::Fresh,
            None => Evidence::StaleSince(bin.newest_at.unwrap_or(since)),
        },
        transition: if over {
            Transition::Returned
        } else {
            Transition::Activated
        },
        changed_at: since.plus(5 * 60_000),
        onset: since,
        activated_at: Some(since.plus(5 * 60_000)),
        returned_at: over.then(|| since.plus(2 * HOUR)),
        value: bin.last_fill,
        limit: limit(),
        settings_version: 1,
    }
}
