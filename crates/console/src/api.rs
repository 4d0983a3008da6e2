//! The HTTP API, version 1: JSON of its own, never the model's types.
//!
//! Names are bilingual objects `{zh, en}`, times RFC 3339 UTC, durations ms, shares 0..=1 and fill
//! levels percent. A figure that is not known is `null`, never 0.

pub(crate) mod alerts;
pub(crate) mod devices;
pub(crate) mod edges;
pub(crate) mod events;
pub(crate) mod facility;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod sites;
pub(crate) mod tries;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use huitian_model::{Bilingual, UtcMs};
use serde::Serialize;

use crate::problem::Problem;

/// A name in both languages.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NameJson {
    pub zh: String,
    pub en: String,
}

impl From<&Bilingual> for NameJson {
    fn from(name: &Bilingual) -> Self {
        Self {
            zh: name.zh.clone(),
            en: name.en.clone(),
        }
    }
}

/// An instant as RFC 3339.
pub(crate) fn iso(at: Option<UtcMs>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// JSON that no cache keeps.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        Problem::internal()
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, text).into_response())
}

/// Whatever has no route below `/api`.
pub(crate) async fn nothing_here(uri: axum::http::Uri) -> Problem {
    Problem::not_found("API call", uri.path())
}
