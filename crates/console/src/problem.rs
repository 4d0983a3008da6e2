//! What is answered where a request cannot be: RFC 9457 for the API, a page for people.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refused or failed request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permitted: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: String) -> Self {
        Self {
            kind: "about:blank",
            title,
            status,
            detail,
            parameter: None,
            permitted: None,
        }
    }

    /// A parameter is outside of what is permitted.
    pub fn parameter(name: &str, found: &str, permitted: &str) -> Self {
        let found: String = found.chars().take(80).collect();
        Self {
            parameter: Some(name.to_owned()),
            permitted: Some(permitted.to_owned()),
            ..Self::new(
                StatusCode::BAD_REQUEST,
                "a parameter is outside of what is permitted",
                format!("parameter {name}: expected {permitted}, found {found:?}"),
            )
        }
    }

    /// Nothing of that name exists.
    pub fn not_found(what: &str, name: &str) -> Self {
        let name: String = name.chars().take(80).collect();
        let detail = format!("there is no {what} {name:?}");
        Self::new(StatusCode::NOT_FOUND, "not found", detail)
    }

    /// The path takes another method.
    pub fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method not allowed",
            "this path takes another method: GET where it answers, POST where it changes \
             something"
                .to_owned(),
        )
    }

    /// The request's body is larger than this path takes.
    pub fn too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large",
            format!("expected a body of at most {bytes_max} bytes"),
        )
    }

    /// The request's body is not what this path takes.
    pub fn body(expected: &str) -> Self {
        let detail = format!("expected {expected}");
        Self::new(
            StatusCode::BAD_REQUEST,
            "the body is not as described",
            detail,
        )
    }

    /// A call that changes something came without what such a call must bring.
    pub fn forbidden(detail: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not from an operator", detail)
    }

    /// It was understood, and cannot be done.
    pub fn refused(detail: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "cannot be done", detail)
    }

    /// The `Host` header does not name this machine.
    pub fn misdirected() -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "not the host that was asked for",
            "expected a Host of localhost, 127.0.0.1 or [::1]".to_owned(),
        )
    }

    /// It cannot be answered now; trying again may help.
    pub fn unavailable(detail: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not available now", detail)
    }

    /// The answer took too long.
    pub fn timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the answer took too long",
            "ask for a shorter span".to_owned(),
        )
    }

    /// A mistake of ours; the log says more.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a mistake of the program",
            "the log of the program says more".to_owned(),
        )
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What was wrong, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self);
        response
    }
}
