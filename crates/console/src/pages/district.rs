//! `/`: the district at a glance, and the tiles of a live update.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_model::SiteId;
use serde::Serialize;

use super::{Ask, Page};
use crate::app::App;
use crate::problem::Problem;
use crate::view::Head;
use crate::view::alerts::{self, AlertView};
use crate::view::district::{
    CellView, Choice, FlagView, GroupView, SHOWS, SORTS, TileView, TotalsView, groups, mosaic,
    tiles as some_tiles, totals,
};

/// Alerts beside the tiles.
const ALERTS_SHOWN: usize = 6;

/// Longest search, characters.
const SEARCH_MAX: usize = 64;

/// Most tiles of one live update: the district.
const TILES_MAX: usize = 512;

#[derive(Serialize)]
struct Body {
    totals: TotalsView,
    mosaic: Vec<CellView>,
    counts: Vec<FlagView>,
    choice: Choice,
    shows: [&'static str; 5],
    sorts: [&'static str; 4],
    groups: Vec<GroupView>,
    shown: usize,
    alerts: Vec<AlertView>,
}

/// `GET /`
pub(crate) async fn district(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    let choice = Choice {
        show: ask.params.one_of("show", &SHOWS, "all")?,
        sort: ask.params.one_of("sort", &SORTS, "district")?,
        search: ask
            .params
            .get("q")
            .unwrap_or_default()
            .chars()
            .take(SEARCH_MAX)
            .collect(),
    };
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let groups = groups(&show, &view, &choice);
    let (mosaic, counts) = mosaic(&show, &view);
    let mut open: Vec<_> = view
        .alerts
        .iter()
        .filter(|it| alerts::is_active(it))
        .collect();
    alerts::by_urgency(&mut open);
    let body = Body {
        totals: totals(&show, &view),
        mosaic,
        counts,
        choice,
        shows: SHOWS,
        sorts: SORTS,
        shown: groups.iter().map(|group| group.tiles.len()).sum(),
        groups,
        alerts: open
            .into_iter()
            .take(ALERTS_SHOWN)
            .map(|alert| alerts::view(&show, &view.inventory, alert))
            .collect(),
    };
    app.page(("district.html", "district"), &ask, &view, body)
}

#[derive(Serialize)]
struct Update {
    totals: TotalsView,
    mosaic: Vec<CellView>,
    counts: Vec<FlagView>,
    tiles: Vec<TileView>,
    alerts: Vec<AlertView>,
}

/// `GET /tiles?site=a&site=b`: the parts of `/` that changed, as HTML.
pub(crate) async fn tiles(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    let mut wanted = Vec::new();
    for text in ask.params.all("site").take(TILES_MAX) {
        let site = SiteId::new(text)
            .map_err(|error| Problem::parameter("site", text, &error.to_string()))?;
        wanted.push(site);
    }
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let mut open: Vec<_> = view
        .alerts
        .iter()
        .filter(|it| alerts::is_active(it))
        .collect();
    alerts::by_urgency(&mut open);
    let (mosaic, counts) = mosaic(&show, &view);
    let page = Page {
        head: Head::new("district", ask.here.clone(), &view, &show, app.board.run()),
        body: Update {
            totals: totals(&show, &view),
            mosaic,
            counts,
            tiles: some_tiles(&show, &view, &wanted),
            alerts: open
                .into_iter()
                .take(ALERTS_SHOWN)
                .map(|alert| alerts::view(&show, &view.inventory, alert))
                .collect(),
        },
    };
    let texts = app.texts.of(ask.lang);
    app.templates.page("tiles.html", ask.lang, texts, page)
}
