//! The worlds of the bench: stations of four bins, and the demo's lots and stations.

use std::collections::BTreeMap;

use huitian_model::{
    Asset, AssetId, AssetKind, Bilingual, Binding, Channel, ChannelName, ChannelRef, CounterRule,
    Device, DeviceId, EdgeId, Facility, FacilityId, FacilityKind, FillLevel, Frame, Inventory,
    Measurement, Origin, Quantity, Reading, Sample, Site, SiteId, Stream, TimeSource, UtcMs,
};

/// 2026-11-09T00:00:00Z.
pub const START: i64 = 1_794_182_400_000;

const MINUTE: i64 = 60_000;

/// How many sites the demo has, and what there is at each.
const SITES: u32 = 127;
const BAYS: u32 = 13;
const STATIONS: u32 = 2;

/// A world: channels in order, with the partition that each is in.
pub struct World {
    names: Vec<(u8, ChannelRef)>,
    inventories: BTreeMap<u8, Inventory>,
    facilities: u64,
}

/// A count as a fraction, for showing.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "for showing only"
)]
pub fn number(count: u64) -> f64 {
    count as f64
}

fn bilingual() -> Bilingual {
    Bilingual {
        zh: String::new(),
        en: String::new(),
    }
}

impl World {
    fn empty() -> Self {
        Self {
            names: Vec::new(),
            inventories: BTreeMap::new(),
            facilities: 0,
        }
    }

    /// Stations of four bins at one site, so many channels.
    pub fn stations(channels: u32) -> Self {
        let mut world = Self::empty();
        for station in 0..channels / 4 {
            world.station(0, "s0", &format!("w{station}"), 60_000);
        }
        world
    }

    /// The demo: 127 sites, each a lot of 13 bays with sensors and two stations.
    pub fn demo() -> Self {
        let mut world = Self::empty();
        for site in 0..SITES {
            let partition = u8::try_from(site % 64).unwrap();
            let name = format!("site-{site}");
            world.lot(partition, &name);
            for station in 0..STATIONS {
                world.station(partition, &name, &format!("w{station}"), 30 * MINUTE);
            }
        }
        world
    }

    /// The inventory of a partition.
    pub fn inventory(&self, partition: u8) -> Inventory {
        self.inventories
            .get(&partition)
            .cloned()
            .unwrap_or_default()
    }

    /// How many facilities there are.
    pub const fn facilities(&self) -> u64 {
        self.facilities
    }

    fn facility(&mut self, partition: u8, site: &str, facility: Facility) {
        let inventory = self.inventories.entry(partition).or_default();
        let id = SiteId::new(site).unwrap();
        let site = inventory.sites.entry(id.clone()).or_insert_with(|| Site {
            id,
            name: bilingual(),
            subdistrict: bilingual(),
            company: String::new(),
            zone: "Asia/Shanghai".to_owned(),
            facilities: BTreeMap::new(),
        });
        site.facilities.insert(facility.id.clone(), facility);
        self.facilities += 1;
    }

    fn station(&mut self, partition: u8, site: &str, id: &str, every_ms: i64) {
        let bin = AssetKind::Bin {
            stream: Stream::Other,
            volume_l: None,
            empty_distance_mm: None,
            full_distance_mm: None,
            mount: None,
        };
        let kind = FacilityKind::WasteStation { sorting_mode: None };
        self.build(
            partition,
            site,
            (id, kind, &bin),
            (4, Quantity::Fill, every_ms),
        );
    }

    fn lot(&mut self, partition: u8, site: &str) {
        let kind = FacilityKind::ParkingLot {
            capacity: BAYS,
            initial_count: None,
        };
        let bays = (BAYS, Quantity::Occupied, 30 * MINUTE);
        self.build(partition, site, ("p", kind, &AssetKind::Bay), bays);
    }

    fn build(
        &mut self,
        partition: u8,
        site: &str,
        (id, kind, asset): (&str, FacilityKind, &AssetKind),
        (count, quantity, every_ms): (u32, Quantity, i64),
    ) {
        let facility = FacilityId::new(id).unwrap();
        let mut assets = BTreeMap::new();
        for place in 0..count {
            let asset_id = AssetId::new(&format!("a{place}")).unwrap();
            assets.insert(
                asset_id.clone(),
                Asset {
                    id: asset_id.clone(),
                    kind: asset.clone(),
                },
            );
            let name = ChannelName::new(&quantity.name().replace('_', "-")).unwrap();
            let binds = Binding {
                facility: facility.clone(),
                asset: Some(asset_id),
            };
            let channel = Channel {
                name: name.clone(),
                quantity,
                binds,
                counter: CounterRule::Unstated,
            };
            let device = DeviceId::new(&format!("{site}-{id}-{place}")).unwrap();
            self.names.push((
                partition,
                ChannelRef {
                    device: device.clone(),
                    channel: name.clone(),
                },
            ));
            let inventory = self.inventories.entry(partition).or_default();
            inventory.devices.insert(
                device.clone(),
                Device {
                    id: device.clone(),
                    site: SiteId::new(site).unwrap(),
                    address: device.as_str().to_owned(),
                    profile: "plain".to_owned(),
                    expected_every_ms: every_ms,
                    valid_for_ms: None,
                    channels: BTreeMap::from([(name, channel)]),
                },
            );
        }
        let facility = Facility {
            id: facility,
            name: bilingual(),
            kind,
            batch: None,
            assets,
        };
        self.facility(partition, site, facility);
    }

    /// Readings of all channels, one each minute, in frames of 1,000 channels.
    pub fn frames(&self, start: i64, minutes: i64, block: i64) -> Vec<Frame> {
        let per_frame = 1_000 * u64::try_from(minutes).unwrap();
        let chunks = u64::try_from(self.names.chunks(1_000).len()).unwrap();
        let block = u64::try_from(block).unwrap();
        let frames = self.names.chunks(1_000).zip(0_u64..);
        frames
            .map(|(names, place)| {
                let first_n = (block * chunks + place) * per_frame;
                let mut frame = frame(
                    first_n,
                    names.iter().map(|(_, name)| name.clone()).collect(),
                );
                for minute in 0..minutes {
                    let at = start + minute * MINUTE;
                    for index in 0..u32::try_from(names.len()).unwrap() {
                        let phase = at / MINUTE * 7 + i64::from(index) * 13;
                        frame.readings.push((index, reading(at, fill(phase))));
                    }
                }
                frame
            })
            .collect()
    }

    /// Five minutes of the demo: a channel speaks every 26 minutes on average.
    pub fn demo_frame(&self, partition: u8, start: i64, first_n: u64) -> Frame {
        let mine = self.names.iter().filter(|(of, _)| *of == partition);
        let mut frame = frame(first_n, mine.map(|(_, name)| name.clone()).collect());
        let step = start / (5 * MINUTE);
        for (place, name) in frame.channels.iter().enumerate() {
            let place = i64::try_from(place).unwrap();
            if (step * 2 + place * 3) % 11 > 1 {
                continue;
            }
            let at = start + (place * 7_919) % (5 * MINUTE);
            let value = match name.channel.as_str() {
                "fill" => fill(step / 2 + place * 31),
                _ => Measurement::Occupied((step / 24 + place) % 3 != 0),
            };
            frame
                .readings
                .push((u32::try_from(place).unwrap(), reading(at, value)));
        }
        frame.readings.sort_by_key(|(_, reading)| reading.at);
        frame
    }
}

/// A bin that fills in some hours and is emptied.
fn fill(phase: i64) -> Measurement {
    let hundredths = u16::try_from(phase.rem_euclid(970) * 10).unwrap();
    Measurement::Fill(FillLevel::from_hundredths(hundredths).unwrap())
}

fn reading(at: i64, value: Measurement) -> Reading {
    Reading {
        at: UtcMs(at),
        received_at: UtcMs(at + 900),
        time_source: TimeSource::Network,
        sequence: None,
        sample: Sample::Good(value),
    }
}

fn frame(first_n: u64, channels: Vec<ChannelRef>) -> Frame {
    Frame {
        edge: EdgeId::new("local").unwrap(),
        epoch: 1,
        first_n,
        origin: Origin::History,
        channels,
        readings: Vec::new(),
    }
}
