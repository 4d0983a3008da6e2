//! `/api/v1/sites`, `/sites/{site}`, `/sites/{site}/facilities/{facility}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use huitian_model::{AlertState, AssetKind, Device, Facility, FacilityKind, Site};
use serde::Serialize;

use super::alerts::AlertJson;
use super::facility::{CurrentJson, Detail};
use super::{NameJson, iso, json};
use crate::app::App;
use crate::board::View;
use crate::pages::facility::{find_facility, find_site};
use crate::params::Params;
use crate::problem::Problem;
use crate::show::part;

#[derive(Serialize)]
struct SitesJson {
    now: Option<String>,
    sites: Vec<SiteJson>,
}

#[derive(Serialize)]
struct SiteJson {
    id: String,
    name: NameJson,
    subdistrict: NameJson,
    company: String,
    zone: String,
    /// Event time of the newest reading.
    newest_at: Option<String>,
    channels_fresh: u64,
    channels_total: u64,
    /// Fresh / total channels.
    freshness: Option<f64>,
    facilities: Vec<FacilityJson>,
}

#[derive(Serialize)]
struct FacilityJson {
    id: String,
    name: NameJson,
    kind: &'static str,
    /// Null where nothing was ever said of it.
    current: Option<CurrentJson>,
}

#[derive(Serialize)]
struct OneFacilityJson {
    now: Option<String>,
    site: String,
    #[serde(flatten)]
    facility: FacilityJson,
    batch: Option<String>,
    sorting_mode: Option<String>,
    capacity: Option<u32>,
    assets: Vec<AssetJson>,
    devices: Vec<String>,
    alerts: Vec<AlertJson>,
}

#[derive(Serialize)]
struct AssetJson {
    id: String,
    /// `bay`, `gate`, `bin`.
    kind: &'static str,
    stream: Option<&'static str>,
    volume_l: Option<u32>,
}

/// `GET /api/v1/sites`
pub(crate) async fn sites(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let view = app.board.view();
    let all = view.inventory.sites.values();
    json(&SitesJson {
        now: iso(view.now),
        sites: all.map(|it| site_json(&view, it)).collect(),
    })
}

/// `GET /api/v1/sites/{site}`
pub(crate) async fn site(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let view = app.board.view();
    json(&site_json(&view, find_site(&view, &name)?))
}

fn site_json(view: &View, site: &Site) -> SiteJson {
    let currents = site.facilities.keys().filter_map(|facility| {
        let key = (site.id.clone(), facility.clone());
        view.currents.get(&key)
    });
    let (mut fresh, mut total, mut newest) = (0_u32, 0_u32, None);
    for current in currents {
        fresh = fresh.saturating_add(current.channels_fresh);
        total = total.saturating_add(current.channels_total);
        newest = newest.max(current.newest_at);
    }
    let facilities = site.facilities.values();
    SiteJson {
        id: site.id.to_string(),
        name: NameJson::from(&site.name),
        subdistrict: NameJson::from(&site.subdistrict),
        company: site.company.clone(),
        zone: site.zone.clone(),
        newest_at: iso(newest),
        channels_fresh: fresh.into(),
        channels_total: total.into(),
        freshness: part(fresh, total),
        facilities: facilities
            .map(|it| facility_json(view, site, it, Detail::Sums))
            .collect(),
    }
}

fn facility_json(view: &View, site: &Site, facility: &Facility, detail: Detail) -> FacilityJson {
    let current = view.currents.get(&(site.id.clone(), facility.id.clone()));
    FacilityJson {
        id: facility.id.to_string(),
        name: NameJson::from(&facility.name),
        kind: facility.kind.name(),
        current: current.map(|it| CurrentJson::new(it, detail)),
    }
}

/// `GET /api/v1/sites/{site}/facilities/{facility}`
pub(crate) async fn facility(
    State(app): State<Arc<App>>,
    Path((site_name, facility_name)): Path<(String, String)>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let view = app.board.view();
    let site = find_site(&view, &site_name)?;
    let facility = find_facility(site, &facility_name)?;
    let (capacity, sorting_mode) = match &facility.kind {
        FacilityKind::ParkingLot { capacity, .. } => (Some(*capacity), None),
        FacilityKind::WasteStation { sorting_mode } => (None, sorting_mode.clone()),
    };
    let is_here = |device: &&Device| {
        let mut channels = device.channels.values();
        device.site == site.id && channels.any(|it| it.binds.facility == facility.id)
    };
    let open = view.alerts.iter().filter(|it| {
        it.id.site == site.id && it.id.facility == facility.id && it.state != AlertState::Returned
    });
    json(&OneFacilityJson {
        now: iso(view.now),
        site: site.id.to_string(),
        facility: facility_json(&view, site, facility, Detail::Assets),
        batch: facility.batch.map(batch),
        sorting_mode,
        capacity,
        assets: facility.assets.values().map(asset).collect(),
        devices: view
            .inventory
            .devices
            .values()
            .filter(is_here)
            .map(|it| it.id.to_string())
            .collect(),
        alerts: open.map(|it| AlertJson::from(it.as_ref())).collect(),
    })
}

fn batch(batch: huitian_model::Batch) -> String {
    crate::view::facility::batch_name(batch).to_owned()
}

fn asset(asset: &huitian_model::Asset) -> AssetJson {
    let (kind, stream, volume_l) = match &asset.kind {
        AssetKind::Bay => ("bay", None, None),
        AssetKind::Gate => ("gate", None, None),
        AssetKind::Bin {
            stream, volume_l, ..
        } => ("bin", Some(stream.name()), *volume_l),
    };
    AssetJson {
        id: asset.id.to_string(),
        kind,
        stream,
        volume_l,
    }
}
