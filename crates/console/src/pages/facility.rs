//! `/sites/{site}` and `/sites/{site}/facilities/{facility}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use huitian_model::{Emptied, Facility, FacilityId, OverflowEpisode, Site, SiteId, UtcMs};
use huitian_report::{Source, SourceError, Span, Zone};
use serde::Serialize;

use super::Ask;
use crate::app::App;
use crate::board::View;
use crate::problem::Problem;
use crate::show::{Show, When, percent};
use crate::view::alerts::{self, AlertView};
use crate::view::charts::{self, Back, History, HistoryView};
use crate::view::facility::{FacilityView, view as facility_view};

/// Alerts, episodes and emptyings shown of one facility.
const ROWS_SHOWN: usize = 50;

#[derive(Serialize)]
struct SiteBody {
    id: String,
    name: String,
    subdistrict: String,
    company: String,
    zone: String,
    devices: usize,
    facilities: Vec<FacilityView>,
    alerts: Vec<AlertView>,
}

/// `GET /sites/{site}`
pub(crate) async fn site(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    ask: Ask,
) -> Result<Response, Problem> {
    let view = app.board.view();
    let site = find_site(&view, &name)?;
    let show = app.show_in(ask.lang, &view, zone(site)?);
    let facilities = site.facilities.values().map(|facility| {
        let key = (site.id.clone(), facility.id.clone());
        let current = view.currents.get(&key).map(AsRef::as_ref);
        facility_view(&show, site, facility, current)
    });
    let devices = view.inventory.devices.values();
    let body = SiteBody {
        id: site.id.to_string(),
        name: show.name(&site.name),
        subdistrict: show.name(&site.subdistrict),
        company: site.company.clone(),
        zone: site.zone.clone(),
        devices: devices.filter(|it| it.site == site.id).count(),
        facilities: facilities.collect(),
        alerts: alerts_of(&show, &view, &site.id, None),
    };
    app.page(("site.html", "district"), &ask, &view, body)
}

#[derive(Serialize)]
struct FacilityBody {
    site_name: String,
    site: String,
    zone: String,
    facility: FacilityView,
    history: Option<HistoryView>,
    backs: [&'static str; 3],
    alerts: Vec<AlertView>,
    episodes: Vec<EpisodeView>,
    emptied: Vec<EmptiedView>,
}

#[derive(Serialize)]
struct EpisodeView {
    asset: String,
    onset: When,
    onset_after: Option<When>,
    end: Option<When>,
    lasted: Option<String>,
    peak: String,
}

#[derive(Serialize)]
struct EmptiedView {
    asset: String,
    at: When,
    from: String,
    to: String,
}

/// What a facility page asks of the store.
struct Past {
    history: History,
    episodes: Vec<OverflowEpisode>,
    emptied: Vec<Emptied>,
}

/// `GET /sites/{site}/facilities/{facility}`
pub(crate) async fn facility(
    State(app): State<Arc<App>>,
    Path((site_name, facility_name)): Path<(String, String)>,
    headers: HeaderMap,
    ask: Ask,
) -> Result<Response, Problem> {
    let view = app.board.view();
    let site = find_site(&view, &site_name)?;
    let facility = find_facility(site, &facility_name)?;
    let back = Back::from_name(ask.params.one_of("span", &Back::NAMES, "24h")?);
    let show = app.show_in(ask.lang, &view, zone(site)?);
    // A live update of what is now needs nothing of the past.
    let is_now_only = headers.get("x-live").is_some_and(|part| part == "now");
    let past = match view.now.filter(|_| !is_now_only) {
        None => None,
        Some(now) => {
            let (site, facility) = (site.clone(), facility.clone());
            let limit = view.overflow_limit;
            let question =
                move |source: &dyn Source| read_past(source, (&site, &facility), back, now);
            let mut past = app.ask(question).await?;
            past.history.limit = limit;
            Some(past)
        }
    };
    let key = (site.id.clone(), facility.id.clone());
    let current = view.currents.get(&key).map(AsRef::as_ref);
    let episodes = past.iter().flat_map(|it| &it.episodes);
    let emptied = past.iter().flat_map(|it| &it.emptied);
    let body = FacilityBody {
        site_name: show.name(&site.name),
        site: site.id.to_string(),
        zone: site.zone.clone(),
        facility: facility_view(&show, site, facility, current),
        backs: Back::NAMES,
        alerts: alerts_of(&show, &view, &site.id, Some(&facility.id)),
        episodes: episodes
            .take(ROWS_SHOWN)
            .map(|it| episode(&show, it))
            .collect(),
        emptied: emptied
            .take(ROWS_SHOWN)
            .map(|it| emptying(&show, it))
            .collect(),
        history: past
            .as_ref()
            .map(|it| charts::view(&show, site, facility, &it.history)),
    };
    app.page(("facility.html", "district"), &ask, &view, body)
}

fn read_past(
    source: &dyn Source,
    (site, facility): (&Site, &Facility),
    back: Back,
    now: UtcMs,
) -> Result<Past, SourceError> {
    let span = Span {
        from: now.minus(14 * 86_400_000),
        to: now.plus(1),
    };
    let mut episodes = source.episodes(&site.id, &facility.id, span)?;
    episodes.retain(|it| it.stands);
    let mut emptied = source.emptied(&site.id, &facility.id, span)?;
    emptied.retain(|it| it.stands);
    Ok(Past {
        history: charts::read(source, (site, facility), back, now)?,
        episodes,
        emptied,
    })
}

fn episode(show: &Show, episode: &OverflowEpisode) -> EpisodeView {
    let end = episode.end.or(show.now);
    EpisodeView {
        asset: episode.asset.to_string(),
        onset: show.when(episode.onset),
        onset_after: episode.onset_after.map(|at| show.when(at)),
        end: episode.end.map(|at| show.when(at)),
        lasted: end.map(|end| show.duration(end.since(episode.onset).max(0))),
        peak: percent(episode.peak.percent()),
    }
}

fn emptying(show: &Show, emptied: &Emptied) -> EmptiedView {
    EmptiedView {
        asset: emptied.asset.to_string(),
        at: show.when(emptied.at),
        from: percent(emptied.from.percent()),
        to: percent(emptied.to.percent()),
    }
}

fn alerts_of(
    show: &Show,
    view: &View,
    site: &SiteId,
    facility: Option<&FacilityId>,
) -> Vec<AlertView> {
    let mut found: Vec<_> = view
        .alerts
        .iter()
        .filter(|it| it.id.site == *site)
        .filter(|it| facility.is_none_or(|facility| it.id.facility == *facility))
        .collect();
    alerts::by_urgency(&mut found);
    found
        .into_iter()
        .take(ROWS_SHOWN)
        .map(|it| alerts::view(show, &view.inventory, it))
        .collect()
}

/// The site of that name.
pub(crate) fn find_site<'a>(view: &'a View, name: &str) -> Result<&'a Site, Problem> {
    let id = SiteId::new(name).map_err(|_not_an_id| Problem::not_found("site", name))?;
    let site = view.inventory.sites.get(&id);
    site.ok_or_else(|| Problem::not_found("site", name))
}

/// The facility of that name.
pub(crate) fn find_facility<'a>(site: &'a Site, name: &str) -> Result<&'a Facility, Problem> {
    let id = FacilityId::new(name).map_err(|_not_an_id| Problem::not_found("facility", name))?;
    let facility = site.facilities.get(&id);
    facility.ok_or_else(|| Problem::not_found("facility", name))
}

/// The zone of a site: the inventory is checked, so an unknown one is a mistake of ours.
fn zone(site: &Site) -> Result<Zone, Problem> {
    Zone::named(&site.zone).map_err(|error| {
        tracing::error!(site = %site.id, %error, "a site's zone cannot be used");
        Problem::internal()
    })
}
