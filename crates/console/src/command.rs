//! What a call that changes something must bring: a header that no page of another site can send,
//! JSON, and a body of bounded size.
//!
//! A browser sends a header of ours across sites only after asking this server whether it may,
//! which is answered with 405. So a page that an operator happens to visit can change nothing.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The header that a call which changes something must bring, with any value.
pub const OPERATOR_HEADER: &str = "x-huitian-operator";

/// Largest body of such a call, bytes: what a message to an edge may be as well.
pub(crate) const COMMAND_BYTES_MAX: usize = 512 * 1024;

/// The body of a call that changes something; no body is an empty object.
#[derive(Debug)]
pub(crate) struct Command<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Command<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !request.headers().contains_key(OPERATOR_HEADER) {
            return Err(Problem::forbidden(format!(
                "expected the header {OPERATOR_HEADER}: a call that changes something must bring it"
            )));
        }
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_none_or(|it| {
                let text = it.to_str().unwrap_or_default();
                text.split(';').next().unwrap_or_default().trim() == "application/json"
            });
        if !is_json {
            return Err(Problem::body("a body of application/json"));
        }
        let body = to_bytes(request.into_body(), COMMAND_BYTES_MAX)
            .await
            .map_err(|_longer| Problem::too_large(COMMAND_BYTES_MAX))?;
        let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
        serde_json::from_slice(body)
            .map(Self)
            .map_err(|error| Problem::body(&format!("the described JSON: {error}")))
    }
}
