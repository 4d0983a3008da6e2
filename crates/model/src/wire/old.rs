//! Shapes that former versions wrote, and what they mean now.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    Asset, AssetId, AssetKind, Batch, Bilingual, Binding, Channel, ChannelName, CounterRule,
    Device, DeviceId, Facility, FacilityId, FacilityKind, FillLevel, Frame, Inventory, Lost,
    OverflowRule, Quantity, Record, Settings, Site, SiteId, Stream, Tick,
};

/// A record as version 1 wrote it: counters without a rule, bins without a model, no spikes.
#[derive(Deserialize)]
pub enum RecordV1 {
    Frame(Frame),
    Tick(Tick),
    Inventory {
        version: u64,
        inventory: InventoryV1,
    },
    Settings {
        version: u64,
        settings: SettingsV1,
    },
    Lost(Lost),
}

#[derive(Deserialize)]
pub struct InventoryV1 {
    sites: BTreeMap<SiteId, SiteV1>,
    devices: BTreeMap<DeviceId, DeviceV1>,
}

#[derive(Deserialize)]
struct SiteV1 {
    id: SiteId,
    name: Bilingual,
    subdistrict: Bilingual,
    company: String,
    zone: String,
    facilities: BTreeMap<FacilityId, FacilityV1>,
}

#[derive(Deserialize)]
struct FacilityV1 {
    id: FacilityId,
    name: Bilingual,
    kind: FacilityKind,
    batch: Option<Batch>,
    assets: BTreeMap<AssetId, AssetV1>,
}

#[derive(Deserialize)]
struct AssetV1 {
    id: AssetId,
    kind: AssetKindV1,
}

#[derive(Deserialize)]
enum AssetKindV1 {
    Bay,
    Gate,
    Bin {
        stream: Stream,
        volume_l: Option<u32>,
        empty_distance_mm: Option<u32>,
        full_distance_mm: Option<u32>,
    },
}

#[derive(Deserialize)]
struct DeviceV1 {
    id: DeviceId,
    site: SiteId,
    address: String,
    profile: String,
    expected_every_ms: i64,
    valid_for_ms: Option<i64>,
    channels: BTreeMap<ChannelName, ChannelV1>,
}

#[derive(Deserialize)]
struct ChannelV1 {
    name: ChannelName,
    quantity: Quantity,
    binds: Binding,
}

#[derive(Deserialize)]
pub struct SettingsV1 {
    future_guard_ms: i64,
    lateness_ms: i64,
    settle_ms: i64,
    emptied_drop: FillLevel,
    overflow: OverflowRule,
    frozen_after_ms: i64,
    gate_miscount_ppm: u32,
}

impl From<RecordV1> for Record {
    fn from(old: RecordV1) -> Self {
        match old {
            RecordV1::Frame(frame) => Self::Frame(frame),
            RecordV1::Tick(tick) => Self::Tick(tick),
            RecordV1::Inventory { version, inventory } => Self::Inventory {
                version,
                inventory: inventory.into(),
            },
            RecordV1::Settings { version, settings } => Self::Settings {
                version,
                settings: settings.into(),
            },
            RecordV1::Lost(lost) => Self::Lost(lost),
        }
    }
}

impl From<SettingsV1> for Settings {
    /// Nothing was rejected then, and nothing is where that part of a log is read again.
    fn from(old: SettingsV1) -> Self {
        Self {
            future_guard_ms: old.future_guard_ms,
            lateness_ms: old.lateness_ms,
            settle_ms: old.settle_ms,
            emptied_drop: old.emptied_drop,
            overflow: old.overflow,
            frozen_after_ms: old.frozen_after_ms,
            gate_miscount_ppm: old.gate_miscount_ppm,
            spike: crate::SpikeRule {
                limit: FillLevel::EMPTY,
                rise_per_hour: 0,
            },
        }
    }
}

impl From<InventoryV1> for Inventory {
    fn from(old: InventoryV1) -> Self {
        let sites = old.sites.into_iter();
        let devices = old.devices.into_iter();
        Self {
            sites: sites.map(|(id, site)| (id, site.into())).collect(),
            devices: devices.map(|(id, device)| (id, device.into())).collect(),
        }
    }
}

impl From<SiteV1> for Site {
    fn from(old: SiteV1) -> Self {
        let facilities = old.facilities.into_iter();
        Self {
            id: old.id,
            name: old.name,
            subdistrict: old.subdistrict,
            company: old.company,
            zone: old.zone,
            facilities: facilities.map(|(id, one)| (id, one.into())).collect(),
        }
    }
}

impl From<FacilityV1> for Facility {
    fn from(old: FacilityV1) -> Self {
        let assets = old.assets.into_iter();
        Self {
            id: old.id,
            name: old.name,
            kind: old.kind,
            batch: old.batch,
            assets: assets.map(|(id, one)| (id, one.into())).collect(),
        }
    }
}

impl From<AssetV1> for Asset {
    fn from(old: AssetV1) -> Self {
        let kind = match old.kind {
            AssetKindV1::Bay => AssetKind::Bay,
            AssetKindV1::Gate => AssetKind::Gate,
            AssetKindV1::Bin {
                stream,
                volume_l,
                empty_distance_mm,
                full_distance_mm,
            } => AssetKind::Bin {
                stream,
                volume_l,
                empty_distance_mm,
                full_distance_mm,
                mount: None,
            },
        };
        Self { id: old.id, kind }
    }
}

impl From<DeviceV1> for Device {
    fn from(old: DeviceV1) -> Self {
        let channels = old.channels.into_iter();
        Self {
            id: old.id,
            site: old.site,
            address: old.address,
            profile: old.profile,
            expected_every_ms: old.expected_every_ms,
            valid_for_ms: old.valid_for_ms,
            channels: channels.map(|(id, one)| (id, one.into())).collect(),
        }
    }
}

impl From<ChannelV1> for Channel {
    fn from(old: ChannelV1) -> Self {
        Self {
            name: old.name,
            quantity: old.quantity,
            binds: old.binds,
            counter: CounterRule::Unstated,
        }
    }
}
