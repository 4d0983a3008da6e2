//! The inventory: the configured truth of what is out there. Never learned from traffic.
//!
//! A value of [`Inventory`] may still refer to things that do not exist; [`Inventory::faults`]
//! lists them, and only an inventory without faults may enter the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AssetId, ChannelName, ChannelRef, CounterRule, DeviceId, FacilityId, Mount, Quantity, SiteId,
    zone_is_known,
};

/// A name in both languages. Free text: never a tag, topic or file name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bilingual {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// The kind of project of the district's programme that made a facility.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batch {
    /// Handed over (移交).
    HandedOver,
    /// Purchased (购置).
    Purchased,
    /// Converted (改造).
    Converted,
    /// Upgraded (升级).
    Upgraded,
    /// Newly built (新建).
    NewBuilt,
}

/// What a bin takes in: the four classes of GB/T 19095-2019.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Kitchen waste (厨余垃圾).
    Kitchen,
    /// Recyclables (可回收物).
    Recyclable,
    /// Hazardous waste (有害垃圾).
    Hazardous,
    /// Other waste (其他垃圾).
    Other,
}

impl Stream {
    /// The name in CSV, API and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kitchen => "kitchen",
            Self::Recyclable => "recyclable",
            Self::Hazardous => "hazardous",
            Self::Other => "other",
        }
    }
}

/// What a facility is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FacilityKind {
    /// A parking lot.
    ParkingLot {
        /// Places, at least 1.
        capacity: u32,
        /// Vehicles inside when counting by gates began, by an operator's count.
        initial_count: Option<u32>,
    },
    /// A waste-sorting station.
    WasteStation {
        /// The sorting mode, one of a configurable list.
        sorting_mode: Option<String>,
    },
}

impl FacilityKind {
    /// The name in CSV, API and tags.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ParkingLot { .. } => "parking_lot",
            Self::WasteStation { .. } => "waste_station",
        }
    }
}

/// What an asset is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum AssetKind {
    /// One place of a lot.
    Bay,
    /// A way in or out of a lot.
    Gate,
    /// A bin of a station.
    Bin {
        /// What it takes in.
        stream: Stream,
        /// Volume in litres, where known.
        volume_l: Option<u32>,
        /// Sensor to the bottom of the empty bin, mm; with `full_distance_mm` gives the fill.
        empty_distance_mm: Option<u32>,
        /// Sensor to the waste of a full bin, mm; less than `empty_distance_mm`.
        full_distance_mm: Option<u32>,
        /// The model of bin and how its sensor is mounted, where the distances come from them.
        mount: Option<Mount>,
    },
}

/// A part of a facility that is measured by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asset {
    /// Its id.
    pub id: AssetId,
    /// What it is.
    pub kind: AssetKind,
}

/// Something shared at a site.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Facility {
    /// Its id.
    pub id: FacilityId,
    /// Its name.
    pub name: Bilingual,
    /// What it is.
    pub kind: FacilityKind,
    /// The kind of project that made it.
    pub batch: Option<Batch>,
    /// Its parts.
    pub assets: BTreeMap<AssetId, Asset>,
}

/// One residential compound.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name.
    pub name: Bilingual,
    /// Its subdistrict (街道).
    pub subdistrict: Bilingual,
    /// Its property company.
    pub company: String,
    /// IANA time zone, such as `Asia/Shanghai`.
    pub zone: String,
    /// Its facilities.
    pub facilities: BTreeMap<FacilityId, Facility>,
}

/// What a channel measures: an asset, or the facility as a whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Binding {
    /// The facility, at the device's site.
    pub facility: FacilityId,
    /// The asset; none where the channel speaks of the whole facility.
    pub asset: Option<AssetId>,
}

/// One quantity of one device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// Its name, unique within the device.
    pub name: ChannelName,
    /// What it measures.
    pub quantity: Quantity,
    /// Of what.
    pub binds: Binding,
    /// What its counts mean, where it counts passages; of any other quantity it says nothing.
    pub counter: CounterRule,
}

/// A transmitter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Where it is.
    pub site: SiteId,
    /// What the traffic calls it: a DevEUI in lower-case hex, or the id of a plain device.
    pub address: String,
    /// The device profile that decodes it; `plain` for the plain JSON form.
    pub profile: String,
    /// How often each of its channels is expected to speak, ms, at least 1,000.
    pub expected_every_ms: i64,
    /// How long a reading holds, ms; none = 2.5 times `expected_every_ms`.
    pub valid_for_ms: Option<i64>,
    /// Its channels.
    pub channels: BTreeMap<ChannelName, Channel>,
}

impl Device {
    /// How long a reading of this device holds, ms.
    pub fn valid_for_ms(&self) -> i64 {
        self.valid_for_ms
            .unwrap_or(self.expected_every_ms.saturating_mul(5) / 2)
    }
}

/// Everything that is out there, or the part of it that one partition holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Inventory {
    /// Sites by id.
    pub sites: BTreeMap<SiteId, Site>,
    /// Devices by id.
    pub devices: BTreeMap<DeviceId, Device>,
}

/// One thing that is wrong in an inventory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InventoryFault {
    /// What it is about, such as `channel tps-1/occupied`.
    pub subject: String,
    /// What was expected and what was found.
    pub fault: String,
}

impl fmt::Display for InventoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.fault)
    }
}

impl Inventory {
    /// The facility of that name.
    pub fn facility(&self, site: &SiteId, facility: &FacilityId) -> Option<&Facility> {
        self.sites.get(site)?.facilities.get(facility)
    }

    /// The device and channel of that name.
    pub fn channel(&self, name: &ChannelRef) -> Option<(&Device, &Channel)> {
        let device = self.devices.get(&name.device)?;
        Some((device, device.channels.get(&name.channel)?))
    }

    /// The part of this inventory whose sites `keep` says yes to.
    #[must_use]
    pub fn part(&self, keep: impl Fn(&SiteId) -> bool) -> Self {
        let sites = self.sites.iter().filter(|(id, _)| keep(id));
        let devices = self.devices.iter().filter(|(_, device)| keep(&device.site));
        Self {
            sites: sites.map(|(id, site)| (id.clone(), site.clone())).collect(),
            devices: devices
                .map(|(id, device)| (id.clone(), device.clone()))
                .collect(),
        }
    }

    /// All that is wrong in it; empty where it may enter the log.
    pub fn faults(&self) -> Vec<InventoryFault> {
        let mut faults = Vec::new();
        let mut add =
            |subject: String, fault: String| faults.push(InventoryFault { subject, fault });
        for site in self.sites.values() {
            if !zone_is_known(&site.zone) {
                let fault = format!("expected an IANA time zone, found {:?}", site.zone);
                add(format!("site {}", site.id), fault);
            }
            for facility in site.facilities.values() {
                facility.check(&site.id, &mut add);
            }
        }
        let mut addresses = BTreeSet::new();
        for device in self.devices.values() {
            if !addresses.insert(&device.address) {
                let fault = format!("address {:?} is used by two devices", device.address);
                add(format!("device {}", device.id), fault);
            }
            self.check_device(device, &mut add);
        }
        faults
    }

    fn check_device(&self, device: &Device, add: &mut impl FnMut(String, String)) {
        let subject = format!("device {}", device.id);
        if !(1_000..=31 * 86_400_000).contains(&device.expected_every_ms) {
            let found = device.expected_every_ms;
            add(
                subject.clone(),
                format!("expected_every must be 1s to 31d, found {found} ms"),
            );
        }
        if device
            .valid_for_ms
            .is_some_and(|ms| !(1_000..=90 * 86_400_000).contains(&ms))
        {
            add(subject.clone(), "valid_for must be 1s to 90d".to_owned());
        }
        if !self.sites.contains_key(&device.site) {
            add(
                subject,
                format!("site {} is not in the inventory", device.site),
            );
            return;
        }
        for channel in device.channels.values() {
            if let Err(fault) = self.check_channel(device, channel) {
                add(format!("channel {}/{}", device.id, channel.name), fault);
            }
        }
    }

    fn check_channel(&self, device: &Device, channel: &Channel) -> Result<(), String> {
        let Binding {
            facility: id,
            asset,
        } = &channel.binds;
        let facility = self
            .facility(&device.site, id)
            .ok_or_else(|| format!("facility {id} is not at site {}", device.site))?;
        let kind = match asset {
            None => None,
            Some(asset) => Some(
                &facility
                    .assets
                    .get(asset)
                    .ok_or_else(|| format!("asset {asset} is not in facility {id}"))?
                    .kind,
            ),
        };
        if binds(channel.quantity, &facility.kind, kind) {
            return Ok(());
        }
        let target = match kind {
            None => facility.kind.name(),
            Some(AssetKind::Bay) => "bay",
            Some(AssetKind::Gate) => "gate",
            Some(AssetKind::Bin { .. }) => "bin",
        };
        Err(format!(
            "{} cannot be measured of a {target}",
            channel.quantity
        ))
    }
}

impl Facility {
    fn check(&self, site: &SiteId, add: &mut impl FnMut(String, String)) {
        if let FacilityKind::ParkingLot { capacity, .. } = self.kind
            && !(1..=100_000).contains(&capacity)
        {
            let fault = format!("expected a capacity of 1 to 100000 places, found {capacity}");
            add(format!("facility {site}/{}", self.id), fault);
        }
        for asset in self.assets.values() {
            let subject = format!("asset {site}/{}/{}", self.id, asset.id);
            let is_bin = matches!(asset.kind, AssetKind::Bin { .. });
            if is_bin != matches!(self.kind, FacilityKind::WasteStation { .. }) {
                add(
                    subject.clone(),
                    "bays and gates belong to lots, bins to stations".to_owned(),
                );
            }
            if let AssetKind::Bin {
                empty_distance_mm: Some(empty),
                full_distance_mm: Some(full),
                ..
            } = asset.kind
                && full >= empty
            {
                let fault = format!(
                    "full_distance_mm ({full}) must be less than empty_distance_mm ({empty})"
                );
                add(subject, fault);
            }
        }
    }
}

/// Whether `quantity` can be measured of such a thing.
fn binds(quantity: Quantity, facility: &FacilityKind, asset: Option<&AssetKind>) -> bool {
    let is_lot = matches!(facility, FacilityKind::ParkingLot { .. });
    match quantity {
        Quantity::Occupied => matches!(asset, Some(AssetKind::Bay)),
        Quantity::InUse | Quantity::FreePlaces => is_lot && asset.is_none(),
        Quantity::Entries | Quantity::Exits => matches!(asset, Some(AssetKind::Gate)),
        Quantity::Distance => matches!(
            asset,
            Some(AssetKind::Bin {
                empty_distance_mm: Some(_),
                full_distance_mm: Some(_),
                ..
            })
        ),
        Quantity::Fill => matches!(asset, Some(AssetKind::Bin { .. })),
        Quantity::Temperature | Quantity::Battery | Quantity::Tilt => true,
    }
}
