//! `/healthz`, `/readyz`, `/metrics`, `/openapi.json`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

/// The description of the API, written by hand and checked against the routes by a test.
const OPENAPI: &str = include_str!("openapi.json");

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 when readings are taken and figures are live, else 503 with the reason.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let view = app.board.view();
    let mut reasons = view.health.not_ready;
    if let Some(progress) = view.progress {
        let phase = match progress.phase {
            crate::board::Phase::Recovering => "the log is being replayed",
            crate::board::Phase::LivingThePast => "the past is being lived through",
        };
        let (done, total) = (progress.done_ms, progress.total_ms);
        reasons.push(format!("{phase}: {done} of {total} ms"));
    }
    if reasons.is_empty() {
        "ready\n".into_response()
    } else {
        Problem::unavailable(reasons.join("; ")).into_response()
    }
}

/// `GET /metrics`: the hub's figures in the `OpenMetrics` text form.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let header = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
    (header, (app.metrics)()).into_response()
}

/// `GET /openapi.json`
pub(crate) async fn openapi() -> Response {
    let header = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    (header, OPENAPI).into_response()
}
