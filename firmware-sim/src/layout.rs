//! What stands where: draws compounds, lots, stations and their devices from the seed.
//!
//! How many of each kind there are follows the compound's number, not the seed, so that a
//! scale has the same budget of channels and readings under every seed.

use crate::calendar::MINUTE_MS;
use crate::dice::{Dice, mix};
use crate::inventory::{
    Asset, AssetKind, Bilingual, Channel, Device, Facility, FacilityKind, Inventory, Site, Stream,
};
use crate::names;

/// Compounds at scale 1.
pub const SITES: usize = 127;

/// A lot.
#[derive(Clone, Debug)]
pub struct Lot {
    pub key: u64,
    pub facility: usize,
    pub capacity: i64,
    /// Fullest by day (beside a metro station or a market), not by night.
    pub by_day: bool,
    /// In demand beyond its places.
    pub tight: bool,
    /// Sensored bays, as indices into [`Layout::bays`]; empty where gates alone count.
    pub bays: std::ops::Range<usize>,
    pub gates: i64,
}

/// A sensored bay.
#[derive(Clone, Debug)]
pub struct Bay {
    pub key: u64,
    pub by_day: bool,
}

/// A bin.
#[derive(Clone, Debug)]
pub struct Bin {
    pub key: u64,
    pub asset: usize,
    pub stream: Stream,
    pub empty_mm: i64,
    pub full_mm: i64,
}

/// What a device looks at.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// A bay.
    Bay(usize),
    /// Gate number `1` of lot `0`.
    Gate(usize, i64),
    /// The free places of a lot, as its display shows them.
    Display(usize),
    /// A bin.
    Bin(usize),
}

/// By which way a device's messages come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Network {
    ChirpStack,
    TheThingsStack,
    Plain,
}

/// A device, beside its entry of the same index in the inventory.
#[derive(Clone, Debug)]
pub struct Transmitter {
    pub key: u64,
    pub subject: Subject,
    pub network: Network,
    pub profile: Profile,
    pub every_ms: i64,
    pub phase_ms: i64,
    pub asset: Option<usize>,
}

/// The devices the world knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    BoschTps110,
    DingtekDf702,
    MilesightEm310,
    MilesightEm400,
    PlainGate,
    PlainDisplay,
    PlainFill,
    /// Four fill readings in one message.
    PlainFillBatch,
}

impl Profile {
    /// Name of the profile, the beginning of a device's id, and how often it speaks.
    const fn facts(self) -> (&'static str, &'static str, i64) {
        match self {
            Self::BoschTps110 => ("bosch-tps110", "tps110", 60 * MINUTE_MS),
            Self::DingtekDf702 => ("dingtek-df702", "df702", 30 * MINUTE_MS),
            Self::MilesightEm310 => ("milesight-em310-udl", "em310", 30 * MINUTE_MS),
            Self::MilesightEm400 => ("milesight-em400-tld", "em400", 30 * MINUTE_MS),
            Self::PlainGate => ("plain", "gate", 10 * MINUTE_MS),
            Self::PlainDisplay => ("plain", "display", 5 * MINUTE_MS),
            Self::PlainFill => ("plain", "fill", 15 * MINUTE_MS),
            Self::PlainFillBatch => ("plain", "fill", 60 * MINUTE_MS),
        }
    }

    const fn channels(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::BoschTps110 => &[("occupied", "occupied"), ("temperature", "temperature")],
            Self::DingtekDf702 => &[
                ("distance", "distance"),
                ("temperature", "temperature"),
                ("tilt", "tilt"),
            ],
            Self::MilesightEm310 => &[
                ("battery", "battery"),
                ("distance", "distance"),
                ("tilt", "tilt"),
            ],
            Self::MilesightEm400 => &[
                ("battery", "battery"),
                ("distance", "distance"),
                ("temperature", "temperature"),
                ("tilt", "tilt"),
            ],
            Self::PlainGate => &[("entries", "entries"), ("exits", "exits")],
            Self::PlainDisplay => &[("free-places", "free_places")],
            Self::PlainFill | Self::PlainFillBatch => &[("fill", "fill")],
        }
    }
}

/// The world as it stands.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    pub inventory: Inventory,
    pub lots: Vec<Lot>,
    pub bays: Vec<Bay>,
    pub bins: Vec<Bin>,
    pub devices: Vec<Transmitter>,
}

struct Place {
    index: usize,
    site: String,
    network: Network,
    dice: Dice,
}

impl Layout {
    pub fn new(seed: u64, scale: u32) -> Self {
        let mut layout = Self::default();
        let scale = usize::try_from(scale.max(1)).unwrap_or(1);
        for index in 0..SITES * scale {
            layout.add_site(seed, index);
        }
        layout
    }

    fn add_site(&mut self, seed: u64, index: usize) {
        let (id, zh, en) = names::compound(index);
        let (part_zh, part_en) = names::subdistrict(index);
        let number = i64::try_from(index).unwrap_or(0);
        let mut dice = Dice::new(mix(seed, 0x5172), number, 1);
        let network = if dice.chance(650) {
            Network::ChirpStack
        } else {
            Network::TheThingsStack
        };
        self.inventory.sites.push(Site {
            id: id.clone(),
            name: Bilingual { zh, en },
            subdistrict: Bilingual {
                zh: part_zh.to_owned(),
                en: part_en.to_owned(),
            },
            company: names::company(index).to_owned(),
            zone: "Asia/Shanghai",
        });
        let mut place = Place {
            index,
            site: id,
            network,
            dice,
        };
        self.add_lot(&mut place, index % 10 < 3, false);
        if index % 16 == 5 {
            self.add_lot(&mut place, true, true);
        }
        self.add_station(&mut place, 1);
        if index % 20 == 3 {
            self.add_station(&mut place, 2);
        }
    }

    fn add_facility(&mut self, place: &mut Place, id: &str, name: [&str; 2], kind: FacilityKind) {
        let batch = match place.dice.below(5) {
            0 => "handed-over",
            1 => "purchased",
            2 => "converted",
            3 => "upgraded",
            _ => "new-built",
        };
        self.inventory.facilities.push(Facility {
            site: place.site.clone(),
            id: id.to_owned(),
            name: Bilingual {
                zh: name[0].to_owned(),
                en: name[1].to_owned(),
            },
            kind,
            batch,
        });
    }

    fn add_lot(&mut self, place: &mut Place, sensored: bool, visitors: bool) {
        let (id, zh, en) = if visitors {
            ("lot-2", "访客停车场", "Visitors' lot")
        } else {
            ("lot-1", "1 号停车场", "Lot 1")
        };
        let index = place.index;
        let places = match (sensored, visitors) {
            (true, true) => place.dice.between(8, 17),
            (true, false) => place.dice.between(8, 27),
            (false, _) => place.dice.between(30, 121) * 5,
        };
        let gates = match (sensored, visitors) {
            (true, false) if index.is_multiple_of(40) => 1,
            (true, _) => 0,
            (false, _) => 1 + i64::from(index.is_multiple_of(2)),
        };
        let facility = self.inventory.facilities.len();
        let capacity = u32::try_from(places).unwrap_or(1);
        let kind = FacilityKind::ParkingLot {
            capacity,
            initial_count: None,
        };
        self.add_facility(place, id, [zh, en], kind);
        let first = self.bays.len();
        let number = self.lots.len();
        let by_day = visitors || (!sensored && index % 13 == 6);
        self.lots.push(Lot {
            key: place.dice.bits(),
            facility,
            capacity: places,
            by_day,
            tight: place.dice.chance(60),
            bays: first..first,
            gates,
        });
        if sensored {
            for bay in 0..places {
                self.add_bay(place, facility, by_day, bay);
            }
        }
        if let Some(lot) = self.lots.last_mut() {
            lot.bays = first..self.bays.len();
        }
        for gate in 0..gates {
            let name = format!("gate-{}", gate + 1);
            let asset = self.add_asset(facility, &name, AssetKind::Gate);
            let subject = Subject::Gate(number, gate);
            self.add_device(place, Profile::PlainGate, subject, (facility, Some(asset)));
        }
        if !sensored && index % 16 == 7 {
            let subject = Subject::Display(number);
            self.add_device(place, Profile::PlainDisplay, subject, (facility, None));
        }
    }

    fn add_bay(&mut self, place: &mut Place, facility: usize, by_day: bool, bay: i64) {
        let asset = self.add_asset(facility, &format!("bay-{:03}", bay + 1), AssetKind::Bay);
        self.bays.push(Bay {
            key: place.dice.bits(),
            by_day: by_day || place.dice.chance(120),
        });
        let subject = Subject::Bay(self.bays.len() - 1);
        self.add_device(
            place,
            Profile::BoschTps110,
            subject,
            (facility, Some(asset)),
        );
    }

    fn add_station(&mut self, place: &mut Place, number: usize) {
        let facility = self.inventory.facilities.len();
        let sorting_mode = match place.dice.below(3) {
            0 => "fixed-station",
            1 => "timed-and-placed",
            _ => "mobile-collection",
        };
        let profile = match place.index % 8 {
            0 | 1 => Profile::PlainFill,
            2 => Profile::PlainFillBatch,
            3 | 4 => Profile::MilesightEm310,
            5 | 6 => Profile::DingtekDf702,
            _ => Profile::MilesightEm400,
        };
        let (id, zh) = (format!("station-{number}"), format!("{number} 号桶站"));
        let en = format!("Station {number}");
        let kind = FacilityKind::WasteStation { sorting_mode };
        self.add_facility(place, &id, [&zh, &en], kind);
        for stream in Stream::ALL {
            self.add_bin(place, facility, profile, stream);
        }
    }

    fn add_bin(&mut self, place: &mut Place, facility: usize, profile: Profile, stream: Stream) {
        let (volume_l, empty_mm, full_mm) = match (stream, place.dice.below(3)) {
            (Stream::Hazardous, _) | (Stream::Kitchen, 0) => (120, 860, 200),
            (Stream::Recyclable | Stream::Other, 0) => (660, 1_180, 260),
            _ => (240, 980, 220),
        };
        let kind = AssetKind::Bin {
            stream,
            volume_l,
            empty_distance_mm: empty_mm,
            full_distance_mm: full_mm,
        };
        let asset = self.add_asset(facility, &format!("{}-1", stream.name()), kind);
        self.bins.push(Bin {
            key: place.dice.bits(),
            asset,
            stream,
            empty_mm: i64::from(empty_mm),
            full_mm: i64::from(full_mm),
        });
        let subject = Subject::Bin(self.bins.len() - 1);
        self.add_device(place, profile, subject, (facility, Some(asset)));
    }

    fn add_asset(&mut self, facility: usize, id: &str, kind: AssetKind) -> usize {
        if let Some(one) = self.inventory.facilities.get(facility) {
            self.inventory.assets.push(Asset {
                site: one.site.clone(),
                facility: one.id.clone(),
                id: id.to_owned(),
                kind,
            });
        }
        self.inventory.assets.len() - 1
    }

    fn add_device(
        &mut self,
        place: &mut Place,
        profile: Profile,
        subject: Subject,
        (facility, asset): (usize, Option<usize>),
    ) {
        let (name, short, every_ms) = profile.facts();
        let number = self.devices.len();
        let id = format!("{short}-{number:05}");
        let key = place.dice.bits();
        let network = if name == "plain" {
            Network::Plain
        } else {
            place.network
        };
        let address = match network {
            Network::Plain => id.clone(),
            // Locally administered, so that it is nobody's: 02, seed-free, then the number.
            Network::ChirpStack | Network::TheThingsStack => format!("02485449{number:08x}"),
        };
        let expected_every_s = u32::try_from(every_ms / 1_000).unwrap_or(3_600);
        let owner = self.inventory.facilities.get(facility);
        let facility_id = owner.map(|one| one.id.clone()).unwrap_or_default();
        let of_asset = asset.and_then(|index| self.inventory.assets.get(index));
        for (channel, quantity) in profile.channels() {
            self.inventory.channels.push(Channel {
                device: id.clone(),
                channel,
                quantity,
                facility: facility_id.clone(),
                asset: of_asset.map(|one| one.id.clone()),
            });
        }
        self.inventory.devices.push(Device {
            id,
            site: place.site.clone(),
            address,
            profile: name,
            expected_every_s,
            valid_for_s: expected_every_s * 5 / 2,
        });
        self.devices.push(Transmitter {
            key,
            subject,
            network,
            profile,
            every_ms,
            phase_ms: place.dice.below(every_ms),
            asset,
        });
    }
}
