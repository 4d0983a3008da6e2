//! `/api/v1/edges` and what operators tell an edge: enrol, go over to a configuration, go back.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use huitian_model::uplink::{BusHealth, ConfigFile, ConfigOutcome, Heartbeat};
use huitian_model::{EdgeId, UtcMs};
use jiff::SpanRelativeTo;
use serde::{Deserialize, Serialize};

use super::{iso, json};
use crate::app::App;
use crate::command::Command;
use crate::fleet::{ConfigMark, EdgeConfig, EdgeState};
use crate::pages::edges::{config_state, is_connected};
use crate::params::Params;
use crate::problem::Problem;

/// How long a token serves where the caller does not say.
const TOKEN_FOR: &str = "24h";

#[derive(Serialize)]
struct EdgesJson {
    edges: Vec<EdgeJson>,
}

#[derive(Serialize)]
struct EdgeJson {
    id: String,
    /// Heard within three heartbeats.
    connected: bool,
    heard_at: Option<String>,
    age_ms: Option<i64>,
    enrolled_at: Option<String>,
    /// What its last heartbeat said; null before the first.
    heartbeat: Option<HeartbeatJson>,
    configuration: ConfigurationJson,
    /// Its name or its queue is used twice; null where nothing speaks for it.
    conflict: Option<ConflictJson>,
}

#[derive(Serialize)]
struct HeartbeatJson {
    software: String,
    up_ms: u64,
    clock: String,
    clock_set: bool,
    memory_bytes: u64,
    queued: u64,
    queue_bytes: u64,
    oldest: Option<String>,
    oldest_age_ms: Option<i64>,
    edge_accepted: u64,
    edge_lost: u64,
    buses: Vec<BusJson>,
}

#[derive(Serialize)]
struct BusJson {
    name: String,
    up: bool,
    units_ok: u16,
    units_down: u16,
    requests: u64,
    timeouts: u64,
    mismatches: u64,
}

#[derive(Serialize)]
struct ConfigurationJson {
    standing: &'static str,
    /// 0 is that of its own files.
    wanted: u64,
    applied: Option<u64>,
    newest: Option<MarkJson>,
}

#[derive(Serialize)]
struct MarkJson {
    version: u64,
    made_at: String,
    dry_run: bool,
    /// null before the edge said anything.
    outcome: Option<&'static str>,
    outcome_at: Option<String>,
    outcome_text: Option<String>,
}

#[derive(Serialize)]
struct ConflictJson {
    seen_at: String,
    seen: String,
}

/// `GET /api/v1/edges`
pub(crate) async fn edges(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let now = app.board.now();
    let edges = app.fleet.edges().await?;
    json(&EdgesJson {
        edges: edges.iter().map(|edge| edge_json(edge, now)).collect(),
    })
}

fn edge_json(edge: &EdgeState, now: Option<UtcMs>) -> EdgeJson {
    let age = |at: Option<UtcMs>| Some(now?.since(at?));
    let conflict = edge.conflict.as_ref().map(|(at, seen)| ConflictJson {
        seen_at: at.to_string(),
        seen: seen.clone(),
    });
    EdgeJson {
        id: edge.edge.to_string(),
        connected: is_connected(edge.heard_at, now),
        heard_at: iso(edge.heard_at),
        age_ms: age(edge.heard_at),
        enrolled_at: iso(edge.enrolled_at),
        heartbeat: edge
            .heartbeat
            .as_ref()
            .map(|it| heartbeat_json(it, age(it.oldest))),
        configuration: ConfigurationJson {
            standing: config_state(edge),
            wanted: edge.wanted,
            applied: edge.heartbeat.as_ref().map(|it| it.config_version),
            newest: edge.newest.as_ref().map(mark_json),
        },
        conflict,
    }
}

fn heartbeat_json(heartbeat: &Heartbeat, oldest_age_ms: Option<i64>) -> HeartbeatJson {
    let bus = |it: &BusHealth| BusJson {
        name: it.name.clone(),
        up: it.up,
        units_ok: it.units_ok,
        units_down: it.units_down,
        requests: it.requests,
        timeouts: it.timeouts,
        mismatches: it.mismatches,
    };
    HeartbeatJson {
        software: heartbeat.software.clone(),
        up_ms: heartbeat.up_ms,
        clock: heartbeat.now.to_string(),
        clock_set: heartbeat.clock_set,
        memory_bytes: heartbeat.memory_bytes,
        queued: heartbeat.queued,
        queue_bytes: heartbeat.queue_bytes,
        oldest: iso(heartbeat.oldest),
        oldest_age_ms,
        edge_accepted: heartbeat.accepted,
        edge_lost: heartbeat.lost,
        buses: heartbeat.buses.iter().map(bus).collect(),
    }
}

fn mark_json(mark: &ConfigMark) -> MarkJson {
    let (outcome, text) = match mark.outcome.as_ref().map(|(_, outcome)| outcome) {
        None => (None, None),
        Some(ConfigOutcome::Accepted) => (Some("accepted"), None),
        Some(ConfigOutcome::Applied) => (Some("applied"), None),
        Some(ConfigOutcome::Refused(text)) => (Some("refused"), Some(text.clone())),
        Some(ConfigOutcome::RolledBack(text)) => (Some("rolled_back"), Some(text.clone())),
    };
    MarkJson {
        version: mark.version,
        made_at: mark.made_at.to_string(),
        dry_run: mark.dry_run,
        outcome,
        outcome_at: iso(mark.outcome.as_ref().map(|(at, _)| *at)),
        outcome_text: text,
    }
}

#[derive(Serialize)]
struct ConfigsJson {
    edge: String,
    configs: Vec<ConfigJson>,
}

#[derive(Serialize)]
struct ConfigJson {
    #[serde(flatten)]
    mark: MarkJson,
    files: Vec<FileJson>,
}

#[derive(Serialize)]
struct FileJson {
    name: String,
    bytes: usize,
}

/// `GET /api/v1/edges/{edge}/configs`
pub(crate) async fn configs(
    State(app): State<Arc<App>>,
    Path(edge): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let edge = edge_id(&edge)?;
    let configs = app.fleet.configs(edge.clone()).await?;
    if configs.is_empty() && !app.fleet.edges().await?.iter().any(|it| it.edge == edge) {
        return Err(Problem::not_found("edge", edge.as_str()));
    }
    let config = |it: &EdgeConfig| ConfigJson {
        mark: mark_json(&it.mark),
        files: (it.files.iter())
            .map(|(name, bytes)| FileJson {
                name: name.clone(),
                bytes: *bytes,
            })
            .collect(),
    };
    json(&ConfigsJson {
        edge: edge.to_string(),
        configs: configs.iter().map(config).collect(),
    })
}

fn edge_id(text: &str) -> Result<EdgeId, Problem> {
    EdgeId::new(text).map_err(|error| Problem::parameter("edge", text, &error.to_string()))
}

/// The body of an enrolment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrollBody {
    #[serde(rename = "for")]
    serves: Option<String>,
}

#[derive(Serialize)]
struct EnrollJson {
    edge: String,
    /// Shown once: the hub keeps a digest.
    token: String,
}

/// `POST /api/v1/edges/{edge}/enroll`
pub(crate) async fn enroll(
    State(app): State<Arc<App>>,
    Path(edge): Path<String>,
    Command(body): Command<EnrollBody>,
) -> Result<Response, Problem> {
    let edge = edge_id(&edge)?;
    let text = body.serves.as_deref().unwrap_or(TOKEN_FOR);
    let permitted = "a duration such as 30m, 24h or 7d";
    let for_ms = (text.parse::<jiff::Span>().ok())
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
        .and_then(|length| i64::try_from(length.as_millis()).ok())
        .ok_or_else(|| Problem::parameter("for", text, permitted))?;
    let token = app.fleet.enroll(edge.clone(), for_ms).await?;
    json(&EnrollJson {
        edge: edge.to_string(),
        token,
    })
}

/// The body of a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigBody {
    files: Vec<FileBody>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBody {
    name: String,
    text: String,
}

#[derive(Serialize)]
struct VersionJson {
    edge: String,
    version: u64,
}

/// `POST /api/v1/edges/{edge}/config`
pub(crate) async fn push(
    State(app): State<Arc<App>>,
    Path(edge): Path<String>,
    Command(body): Command<ConfigBody>,
) -> Result<Response, Problem> {
    let edge = edge_id(&edge)?;
    if !body.files.iter().any(|file| file.name == "edge.toml") {
        return Err(Problem::refused(
            "expected files with edge.toml among them".to_owned(),
        ));
    }
    let files = body.files.into_iter().map(|file| ConfigFile {
        name: file.name,
        text: file.text,
    });
    let pushed = app.fleet.push(edge.clone(), files.collect(), body.dry_run);
    version_json(&edge, pushed.await?)
}

fn version_json(edge: &EdgeId, version: u64) -> Result<Response, Problem> {
    json(&VersionJson {
        edge: edge.to_string(),
        version,
    })
}

/// The body of a way back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackBody {
    to: Option<u64>,
}

/// `POST /api/v1/edges/{edge}/back`
pub(crate) async fn back(
    State(app): State<Arc<App>>,
    Path(edge): Path<String>,
    Command(body): Command<BackBody>,
) -> Result<Response, Problem> {
    let edge = edge_id(&edge)?;
    let version = app.fleet.back(edge.clone(), body.to).await?;
    version_json(&edge, version)
}
