//! One row of each file, as text and numbers; ids are checked while they are read.

use huitian_model::{AssetId, Batch, ChannelName, DeviceId, FacilityId, SiteId, Stream};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SiteRow {
    pub id: SiteId,
    pub name_zh: String,
    pub name_en: String,
    pub subdistrict_zh: String,
    pub subdistrict_en: String,
    pub company: String,
    pub zone: String,
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum FacilityWord {
    ParkingLot,
    WasteStation,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FacilityRow {
    pub site: SiteId,
    pub id: FacilityId,
    pub kind: FacilityWord,
    pub name_zh: String,
    pub name_en: String,
    pub capacity: Option<u32>,
    pub sorting_mode: Option<String>,
    pub batch: Option<Batch>,
    pub initial_count: Option<u32>,
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum AssetWord {
    Bay,
    Gate,
    Bin,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AssetRow {
    pub site: SiteId,
    pub facility: FacilityId,
    pub id: AssetId,
    pub kind: AssetWord,
    pub stream: Option<Stream>,
    pub volume_l: Option<u32>,
    pub empty_distance_mm: Option<u32>,
    pub full_distance_mm: Option<u32>,
    #[serde(default)]
    pub bin_model: Option<String>,
    #[serde(default)]
    pub mounting_mm: Option<i32>,
    #[serde(default)]
    pub full_at_mm: Option<u32>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRow {
    pub id: DeviceId,
    pub site: SiteId,
    pub address: String,
    pub profile: String,
    pub expected_every: String,
    pub valid_for: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRow {
    pub device: DeviceId,
    pub channel: ChannelName,
    pub quantity: String,
    pub facility: FacilityId,
    pub asset: Option<AssetId>,
    #[serde(default)]
    pub counter: Option<String>,
}
