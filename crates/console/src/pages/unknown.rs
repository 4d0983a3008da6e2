//! `/devices/unknown`: who speaks and is in no inventory; what it said last; and which profile
//! reads it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_report::{Source, UnknownDevice};
use serde::{Deserialize, Serialize};

use super::Ask;
use crate::app::App;
use crate::bench::{DRAFT_BYTES_MAX, Sample, Tried, With};
use crate::board::View;
use crate::command::Command;
use crate::payload;
use crate::problem::Problem;
use crate::show::{Show, When, grouped};

#[derive(Serialize)]
struct ListBody {
    devices: Vec<UnknownView>,
    made_room: Option<String>,
}

#[derive(Serialize)]
struct UnknownView {
    address: String,
    /// As it came, for the server to find it again.
    raw: String,
    href: String,
    topic: String,
    first: When,
    last: When,
    count: u64,
    payload: String,
}

#[derive(Serialize)]
struct DeviceBody {
    device: UnknownView,
    bytes: u64,
    hex: String,
    text: Option<String>,
    json: Option<String>,
    profiles: Vec<ProfileView>,
    chosen: String,
    tried: Tried,
    toml_max: usize,
}

#[derive(Serialize)]
struct ProfileView {
    id: String,
    name: String,
}

/// Whether the inventory has a device of that address: then it is unknown no longer, although the
/// store may still remember it.
pub(crate) fn is_known(view: &View, address: &str) -> bool {
    let address = address.to_lowercase();
    let mut devices = view.inventory.devices.values();
    devices.any(|device| device.address.to_lowercase() == address)
}

/// An unknown device with all that is kept of its message.
pub(crate) async fn whole(app: &App, address: &str) -> Result<UnknownDevice, Problem> {
    let wanted = address.to_owned();
    let found = app.ask(move |source: &dyn Source| source.unknown_device(&wanted));
    let view = app.board.view();
    let found = found.await?.filter(|it| !is_known(&view, &it.address));
    found.ok_or_else(|| Problem::not_found("unknown device", address))
}

/// What it said last, to be tried.
pub(crate) fn said(device: &UnknownDevice) -> Sample {
    Sample::Message {
        topic: device.topic.clone(),
        payload: device.last_payload.clone(),
        address: Some(device.address.clone()),
        at: device.last_seen,
    }
}

/// `GET /devices/unknown`
pub(crate) async fn unknown(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    if let Some(address) = ask.params.get("address") {
        let chosen = ask.params.get("profile").unwrap_or_default().to_owned();
        let with = if chosen.is_empty() {
            With::All
        } else {
            With::Profile(chosen.clone())
        };
        let device = whole(&app, address).await?;
        return device_page(&app, &ask, device, (with, chosen)).await;
    }
    let asked = |source: &dyn Source| Ok((source.unknown_devices()?, source.unknown_made_room()?));
    let (found, made_room) = app.ask(asked).await?;
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let devices = found.iter().filter(|it| !is_known(&view, &it.address));
    let body = ListBody {
        devices: devices.map(|it| unknown_view(&show, it)).collect(),
        made_room: (made_room > 0).then(|| grouped(made_room)),
    };
    app.page(("unknown.html", "devices"), &ask, &view, body)
}

/// The body of a trial of a pasted profile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftBody {
    address: String,
    toml: String,
}

/// `POST /devices/unknown`: the page of a device, read by a profile that is only a text so far.
pub(crate) async fn draft(
    State(app): State<Arc<App>>,
    ask: Ask,
    Command(body): Command<DraftBody>,
) -> Result<Response, Problem> {
    if body.toml.len() > DRAFT_BYTES_MAX {
        return Err(Problem::too_large(DRAFT_BYTES_MAX));
    }
    let device = whole(&app, &body.address).await?;
    device_page(&app, &ask, device, (With::Draft(body.toml), String::new())).await
}

async fn device_page(
    app: &App,
    ask: &Ask,
    device: UnknownDevice,
    (with, chosen): (With, String),
) -> Result<Response, Problem> {
    let tried = app.try_on(said(&device), with).await?;
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let profiles = app.bench.profiles().into_iter();
    let bytes = device.last_payload.as_slice();
    let body = DeviceBody {
        device: unknown_view(&show, &device),
        bytes: device.payload_bytes,
        hex: payload::dump(bytes),
        text: payload::text(bytes),
        json: payload::json(bytes),
        profiles: profiles
            .map(|(id, name)| ProfileView { id, name })
            .collect(),
        chosen,
        tried,
        toml_max: DRAFT_BYTES_MAX,
    };
    app.page(("stranger.html", "devices"), ask, &view, body)
}

fn unknown_view(show: &Show, it: &UnknownDevice) -> UnknownView {
    UnknownView {
        href: format!("/devices/unknown?address={}", encoded(&it.address)),
        address: payload::calm(&it.address),
        raw: it.address.clone(),
        topic: payload::calm(&it.topic),
        first: show.when(it.first_seen),
        last: show.when(it.last_seen),
        count: it.count,
        payload: payload::short(&it.last_payload),
    }
}

/// An address as the value of a query (RFC 3986, 3.4): unreserved characters stay.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encode).collect()
}
