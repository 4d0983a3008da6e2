//! `/api/v1/devices/unknown` and `POST /api/v1/devices/try`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_model::UtcMs;
use huitian_report::{Source, UnknownDevice};
use serde::{Deserialize, Serialize};

use super::json;
use crate::app::App;
use crate::bench::{DRAFT_BYTES_MAX, OpenedSample, Sample, TRIED_BYTES_MAX, With};
use crate::command::Command;
use crate::pages::unknown::{is_known, said, whole};
use crate::params::Params;
use crate::payload;
use crate::problem::Problem;
use crate::show::hex;

#[derive(Serialize)]
struct UnknownsJson {
    /// Forgotten for want of room, ever.
    made_room: u64,
    devices: Vec<UnknownJson>,
}

#[derive(Serialize)]
struct UnknownJson {
    address: String,
    topic: String,
    first_seen: String,
    last_seen: String,
    count: u64,
    /// Bytes kept of its last message.
    payload_bytes: u64,
    /// Text as it came without control characters, or hex; cut.
    last_payload: String,
}

#[derive(Serialize)]
struct UnknownWholeJson {
    #[serde(flatten)]
    device: UnknownJson,
    payload_hex: String,
    /// null where it is no text.
    payload_text: Option<String>,
    opened: OpenedSample,
}

fn unknown_json(it: &UnknownDevice) -> UnknownJson {
    UnknownJson {
        last_payload: payload::short(&it.last_payload),
        address: it.address.clone(),
        topic: it.topic.clone(),
        first_seen: it.first_seen.to_string(),
        last_seen: it.last_seen.to_string(),
        count: it.count,
        payload_bytes: it.payload_bytes,
    }
}

/// `GET /api/v1/devices/unknown`
pub(crate) async fn unknown(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["address"])?;
    if let Some(address) = params.get("address") {
        let device = whole(&app, address).await?;
        let sample = said(&device);
        let tried = app.try_on(sample, With::All).await?;
        return json(&UnknownWholeJson {
            payload_hex: hex(device.last_payload.iter(), ""),
            payload_text: payload::text(&device.last_payload),
            opened: tried.opened,
            device: unknown_json(&device),
        });
    }
    let asked = |source: &dyn Source| Ok((source.unknown_devices()?, source.unknown_made_room()?));
    let (found, made_room) = app.ask(asked).await?;
    let view = app.board.view();
    let devices = found.iter().filter(|it| !is_known(&view, &it.address));
    json(&UnknownsJson {
        made_room,
        devices: devices.map(unknown_json).collect(),
    })
}

/// The body of a trial.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryBody {
    /// Of this unknown device: what it sent last.
    address: Option<String>,
    topic: Option<String>,
    /// The message as text.
    payload: Option<String>,
    /// The message, or without a topic the device's bytes, in hex.
    payload_hex: Option<String>,
    port: Option<u8>,
    profile: Option<String>,
    toml: Option<String>,
}

/// `POST /api/v1/devices/try`
pub(crate) async fn try_it(
    State(app): State<Arc<App>>,
    Command(body): Command<TryBody>,
) -> Result<Response, Problem> {
    let with = match (body.profile, body.toml) {
        (None, None) => With::All,
        (Some(id), None) => With::Profile(id),
        (None, Some(toml)) if toml.len() <= DRAFT_BYTES_MAX => With::Draft(toml),
        (None, Some(_longer)) => return Err(Problem::too_large(DRAFT_BYTES_MAX)),
        (Some(_), Some(_)) => return Err(Problem::body("profile or toml, not both")),
    };
    let given = match (&body.payload_hex, body.payload) {
        (None, None) => None,
        (None, Some(text)) => Some(text.into_bytes()),
        (Some(digits), None) => Some(bytes(digits)?),
        (Some(_), Some(_)) => return Err(Problem::body("payload or payload_hex, not both")),
    };
    if given.as_ref().is_some_and(|it| it.len() > TRIED_BYTES_MAX) {
        return Err(Problem::too_large(TRIED_BYTES_MAX));
    }
    let sample = match (body.address, body.topic, given) {
        (Some(address), None, None) => said(&whole(&app, &address).await?),
        (None, Some(topic), Some(payload)) => Sample::Message {
            topic,
            payload,
            address: None,
            at: app.board.now().unwrap_or(UtcMs(0)),
        },
        (None, None, Some(bytes)) if body.payload_hex.is_some() => Sample::Bytes {
            bytes,
            port: body.port,
        },
        _ => {
            let expected = "address; or topic with payload or payload_hex; or payload_hex alone";
            return Err(Problem::body(expected));
        }
    };
    json(&app.try_on(sample, with).await?)
}

/// Hex digits, with blanks or without.
fn bytes(digits: &str) -> Result<Vec<u8>, Problem> {
    let refuse = || Problem::body("payload_hex of an even number of hex digits");
    let digits: String = digits.split_whitespace().collect();
    if !digits.len().is_multiple_of(2) {
        return Err(refuse());
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes = pairs.map(|pair| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        u8::try_from(digit(0)? * 16 + digit(1)?).ok()
    });
    bytes.collect::<Option<_>>().ok_or_else(refuse)
}
