//! What holds for every request: who may be asked for, how much, how long, and the headers of
//! every answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::command::COMMAND_BYTES_MAX;
use crate::lang::Lang;
use crate::pages;
use crate::problem::Problem;

/// Largest body of a request, bytes: 256 KiB.
const BODY_MAX: usize = 256 * 1024;

/// Nothing from another host, nothing inline, no frames.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Wraps every request.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_for_people = is_for_people(request.uri());
    let lang = request_lang(&request);
    // A live update asks in its page's language without choosing it for other pages.
    let is_live = request.headers().contains_key("x-live");
    let cookie = chosen(request.uri()).filter(|_| !is_live);
    let mut response = match refusal(&request) {
        Some(problem) => problem.into_response(),
        None => match tokio::time::timeout(app.limits.request_timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_elapsed) => Problem::timeout().into_response(),
        },
    };
    if is_for_people && let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = pages::problem(&app, lang, &problem);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(lang) = cookie {
        let value = match lang {
            Lang::Zh => "lang=zh; Path=/; Max-Age=31536000; SameSite=Lax",
            Lang::En => "lang=en; Path=/; Max-Age=31536000; SameSite=Lax",
        };
        headers.insert(header::SET_COOKIE, HeaderValue::from_static(value));
    }
    response
}

/// The language that a request asks for.
pub(crate) fn request_lang(request: &Request) -> Lang {
    chosen(request.uri()).unwrap_or_else(|| Lang::of_headers(request.headers()))
}

/// The language that is chosen by `?lang=`.
fn chosen(uri: &Uri) -> Option<Lang> {
    let pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let mut of_lang = pairs.filter(|(name, _)| *name == "lang");
    of_lang.next().and_then(|(_, value)| Lang::from_tag(value))
}

fn is_for_people(uri: &Uri) -> bool {
    const MACHINES: [&str; 6] = [
        "/api/",
        "/assets/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
    ];
    !MACHINES.iter().any(|prefix| uri.path().starts_with(prefix))
}

fn refusal(request: &Request) -> Option<Problem> {
    if !is_loopback_host(request.headers(), request.uri()) {
        return Some(Problem::misdirected());
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    let path = request.uri().path();
    let is_config = path.starts_with("/api/v1/edges/") && path.ends_with("/config");
    let max = if is_config {
        COMMAND_BYTES_MAX
    } else {
        BODY_MAX
    };
    // A body of unknown length is read by commands only, which count what they read.
    length
        .is_some_and(|bytes| bytes > max)
        .then(|| Problem::too_large(max))
}

/// Whether the request names this machine: a page of another host that resolves to 127.0.0.1
/// (DNS rebinding) must not read the console through a visitor's browser.
fn is_loopback_host(headers: &HeaderMap, uri: &Uri) -> bool {
    let named = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let Some(host) = named.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str))
    else {
        // HTTP/1.0 without a Host: no browser sends it.
        return true;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}
