//! `/api/v1/alerts`, `/alerts/{id}`, `/alerts/{id}/why`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use huitian_model::{AlertRow, AlertState, Evidence, WindowLength, WindowRow};
use huitian_report::{AlertQuery, BinJson, Span, WindowJson, WindowQuery};
use serde::Serialize;

use super::{iso, json};
use crate::app::App;
use crate::params::Params;
use crate::problem::Problem;
use crate::view::alerts::transition_name;

/// Alerts in one answer, at most and by default.
const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 200;

/// Windows told with a `why`: two hours of 5 minutes before the alert, and two after.
const WHY_SPAN_MS: i64 = 2 * 3_600_000;
const WHY_WINDOWS_MAX: usize = 48;

/// An alert as it stands, or after one transition.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AlertJson {
    pub id: String,
    pub rule: String,
    pub site: String,
    pub facility: String,
    pub asset: Option<String>,
    pub severity: &'static str,
    /// `pending`, `active`, `returned`.
    pub state: &'static str,
    /// What happened last: `raised`, `activated`, `dropped`, `returned`, `amended`.
    pub transition: &'static str,
    /// Null while the evidence is fresh.
    pub evidence_stale_since: Option<String>,
    pub raised_at: String,
    /// When the condition began by all that is known now.
    pub onset: String,
    pub activated_at: Option<String>,
    pub returned_at: Option<String>,
    pub changed_at: String,
    /// Percent.
    pub value: Option<f64>,
    /// Percent.
    pub limit: f64,
    pub settings_version: u64,
}

impl From<&AlertRow> for AlertJson {
    fn from(alert: &AlertRow) -> Self {
        Self {
            id: alert.id.text(),
            rule: alert.id.rule.to_string(),
            site: alert.id.site.to_string(),
            facility: alert.id.facility.to_string(),
            asset: alert.id.asset.as_ref().map(ToString::to_string),
            severity: alert.severity.name(),
            state: alert.state.name(),
            transition: transition_name(alert.transition),
            evidence_stale_since: match alert.evidence {
                Evidence::Fresh => None,
                Evidence::StaleSince(at) => Some(at.to_string()),
            },
            raised_at: alert.id.raised_at.to_string(),
            onset: alert.onset.to_string(),
            activated_at: iso(alert.activated_at),
            returned_at: iso(alert.returned_at),
            changed_at: alert.changed_at.to_string(),
            value: alert.value.map(huitian_model::FillLevel::percent),
            limit: alert.limit.percent(),
            settings_version: alert.settings_version,
        }
    }
}

#[derive(Serialize)]
struct AlertsJson {
    alerts: Vec<AlertJson>,
}

/// `GET /api/v1/alerts`
pub(crate) async fn alerts(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["state", "site", "limit"])?;
    let state = match params.one_of("state", &["pending", "active", "returned"], "")? {
        "pending" => Some(AlertState::Pending),
        "active" => Some(AlertState::Active),
        "returned" => Some(AlertState::Returned),
        _ => None,
    };
    let query = AlertQuery {
        state,
        site: params.site()?,
        limit: params.count("limit", LIMIT_MAX, LIMIT_DEFAULT)?,
    };
    let found = app.ask(move |source| source.alerts(&query)).await?;
    json(&AlertsJson {
        alerts: found.iter().map(AlertJson::from).collect(),
    })
}

/// `GET /api/v1/alerts/{id}`
pub(crate) async fn alert(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    json(&AlertJson::from(&find(&app, &id).await?))
}

async fn find(app: &App, id: &str) -> Result<AlertRow, Problem> {
    let wanted = id.to_owned();
    let found = app.ask(move |source| source.alert(&wanted)).await?;
    found.ok_or_else(|| Problem::not_found("alert", id))
}

#[derive(Serialize)]
struct WhyJson {
    alert: AlertJson,
    /// Every transition, oldest first.
    transitions: Vec<AlertJson>,
    /// The 5-minute windows around it; for a bin only its own figures.
    windows: Vec<EvidenceJson>,
}

#[derive(Serialize)]
struct EvidenceJson {
    start: String,
    end: String,
    status: &'static str,
    revision: u32,
    coverage: Option<f64>,
    bins: Vec<BinJson>,
}

/// `GET /api/v1/alerts/{id}/why`
pub(crate) async fn why(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let alert = find(&app, &id).await?;
    let query = WindowQuery {
        site: alert.id.site.clone(),
        facility: alert.id.facility.clone(),
        length: WindowLength::Min5,
        span: Span {
            from: alert.onset.minus(WHY_SPAN_MS),
            to: alert.onset.plus(WHY_SPAN_MS),
        },
        after: None,
        limit: WHY_WINDOWS_MAX,
    };
    let (log, windows) = app
        .ask(move |source| Ok((source.alert_log(&id)?, source.windows(&query)?)))
        .await?;
    let asset = alert.id.asset.as_ref().map(ToString::to_string);
    let evidence = windows.iter().map(|row| evidence(row, asset.as_deref()));
    json(&WhyJson {
        alert: AlertJson::from(&alert),
        transitions: log.iter().map(AlertJson::from).collect(),
        windows: evidence.collect(),
    })
}

fn evidence(row: &WindowRow, asset: Option<&str>) -> EvidenceJson {
    let window = WindowJson::from(row);
    let mut bins = window.station.map_or_else(Vec::new, |it| it.bins);
    bins.retain(|bin| asset.is_none_or(|asset| bin.asset == asset));
    EvidenceJson {
        start: window.start,
        end: window.end,
        status: window.status,
        revision: window.revision,
        coverage: window.coverage,
        bins,
    }
}
