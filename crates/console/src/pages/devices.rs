//! `/devices`: the devices of the inventory and how each does.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_model::{Device, DeviceRow, UtcMs};
use huitian_report::Source;
use serde::Serialize;

use super::Ask;
use super::unknown::is_known;
use crate::app::App;
use crate::problem::Problem;
use crate::show::{Show, When};

/// Devices on one page.
const PAGE: usize = 200;

/// Pages at most: 200,000 devices.
const PAGES_MAX: usize = 1_000;

/// What can be shown.
const SHOWS: [&str; 4] = ["all", "speaking", "silent", "never-heard"];

#[derive(Serialize)]
struct Body {
    shows: [&'static str; 4],
    show: &'static str,
    search: String,
    total: usize,
    speaking: usize,
    silent: usize,
    never_heard: usize,
    unknown: usize,
    found: usize,
    page: usize,
    pages: usize,
    devices: Vec<DeviceView>,
}

#[derive(Serialize)]
struct DeviceView {
    id: String,
    address: String,
    profile: String,
    site: String,
    site_href: String,
    channels: usize,
    every: String,
    state: &'static str,
    newest: Option<When>,
    heard: Option<When>,
    battery: Option<u8>,
    skew: Option<String>,
}

/// Whether it speaks.
pub(crate) fn state(row: Option<&DeviceRow>) -> &'static str {
    match row {
        Some(row) if row.heard_at.is_some() && !row.idle => "speaking",
        Some(row) if row.heard_at.is_some() => "silent",
        _ => "never-heard",
    }
}

/// `GET /devices`
pub(crate) async fn devices(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    let chosen = ask.params.one_of("show", &SHOWS, "all")?;
    let page = ask.params.count("page", PAGES_MAX, 1)?;
    let search: String = ask
        .params
        .get("q")
        .unwrap_or_default()
        .chars()
        .take(64)
        .collect();
    let wanted = search.trim().to_lowercase();
    let strangers = app.ask(<dyn Source>::unknown_devices).await?;
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let rows = app.board.devices();
    let all = || {
        let devices = view.inventory.devices.values();
        devices.map(|device| (device, rows.get(&device.id)))
    };
    let count = |name: &str| all().filter(|(_, row)| state(*row) == name).count();
    let found: Vec<_> = all()
        .filter(|(_, row)| chosen == "all" || state(*row) == chosen)
        .filter(|(device, _)| is_found(device, &wanted))
        .collect();
    let pages = found.len().div_ceil(PAGE).max(1);
    let from = (page - 1) * PAGE;
    let site_name = |device: &Device| {
        let site = view.inventory.sites.get(&device.site);
        site.map_or_else(|| device.site.to_string(), |it| show.name(&it.name))
    };
    let body = Body {
        shows: SHOWS,
        show: chosen,
        search,
        total: view.inventory.devices.len(),
        speaking: count("speaking"),
        silent: count("silent"),
        never_heard: count("never-heard"),
        unknown: (strangers.iter())
            .filter(|it| !is_known(&view, &it.address))
            .count(),
        found: found.len(),
        page,
        pages,
        devices: found
            .iter()
            .skip(from)
            .take(PAGE)
            .map(|(device, row)| device_view(&show, device, *row, site_name(device)))
            .collect(),
    };
    app.page(("devices.html", "devices"), &ask, &view, body)
}

fn is_found(device: &Device, wanted: &str) -> bool {
    let texts = [device.id.as_str(), &device.address, device.site.as_str()];
    wanted.is_empty() || texts.iter().any(|it| it.to_lowercase().contains(wanted))
}

fn device_view(show: &Show, device: &Device, row: Option<&DeviceRow>, site: String) -> DeviceView {
    let when = |at: Option<UtcMs>| at.map(|at| show.when(at));
    DeviceView {
        id: device.id.to_string(),
        address: device.address.clone(),
        profile: device.profile.clone(),
        site,
        site_href: format!("/sites/{}", device.site),
        channels: device.channels.len(),
        every: show.duration(device.expected_every_ms),
        state: state(row),
        newest: when(row.and_then(|it| it.watermark)),
        heard: when(row.and_then(|it| it.heard_at)),
        battery: row.and_then(|it| it.battery),
        skew: row.and_then(|it| it.skew_ms).map(|ms| format!("{ms} ms")),
    }
}
