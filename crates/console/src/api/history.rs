//! `/api/v1/history`: windows of a facility, streamed.
//!
//! JSON comes in pages of at most 11,000 rows with a `next` link; CSV is the whole span. Both are
//! read from the store in chunks as the reader takes them, never as a whole.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use huitian_model::{UtcMs, WindowLength, WindowRow};
use huitian_report::history::{PAGE_ROWS_MAX, Walk};
use huitian_report::{Source, SourceError, WindowJson, WindowQuery, csv};

use crate::app::App;
use crate::pages::facility::{find_facility, find_site};
use crate::params::Params;
use crate::problem::Problem;

/// Without `from`: the last day.
const DEFAULT_SPAN_MS: i64 = 86_400_000;

/// What a call may say.
const KNOWN: [&str; 8] = [
    "site", "facility", "window", "from", "to", "after", "limit", "format",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

/// `GET /api/v1/history`
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    params.only(&KNOWN)?;
    let format = format(&params, &headers)?;
    let query = query(&app, &params, format)?;
    let source = Arc::clone(&app.source);
    Ok(match format {
        Format::Json => json_page(source, query),
        Format::Csv => csv_all(source, query),
    })
}

fn format(params: &Params, headers: &HeaderMap) -> Result<Format, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    let by_accept = match accept {
        Some(accept) if accept.starts_with("text/csv") => "csv",
        _ => "json",
    };
    match params.one_of("format", &["json", "csv"], by_accept)? {
        "csv" => Ok(Format::Csv),
        _ => Ok(Format::Json),
    }
}

fn query(app: &App, params: &Params, format: Format) -> Result<WindowQuery, Problem> {
    let view = app.board.view();
    let required = |name| Problem::parameter(name, "", "an id of the inventory");
    let site = params.site()?.ok_or_else(|| required("site"))?;
    let facility = params.facility()?.ok_or_else(|| required("facility"))?;
    find_facility(find_site(&view, site.as_str())?, facility.as_str())?;
    let names = WindowLength::ALL.map(WindowLength::name);
    let length = params.one_of("window", &names, WindowLength::Min15.name())?;
    let limit = params.count("limit", PAGE_ROWS_MAX, PAGE_ROWS_MAX)?;
    Ok(WindowQuery {
        site,
        facility,
        // The name was chosen from the list above.
        length: WindowLength::from_name(length).unwrap_or(WindowLength::Min15),
        span: params.span(view.now.unwrap_or_default(), DEFAULT_SPAN_MS)?,
        after: params.instant("after")?,
        limit: match format {
            Format::Json => limit,
            Format::Csv if params.get("limit").is_some() => limit,
            Format::Csv => usize::MAX,
        },
    })
}

/// What is left to be written of an answer.
enum Stage {
    Head,
    Rows,
    Tail,
    Done,
}

struct Writer {
    source: Arc<dyn Source>,
    query: WindowQuery,
    walk: Walk,
    stage: Stage,
    is_first: bool,
}

impl Writer {
    fn new(source: Arc<dyn Source>, query: WindowQuery) -> Self {
        Self {
            source,
            walk: Walk::new(query.clone()),
            query,
            stage: Stage::Head,
            is_first: true,
        }
    }

    async fn chunk(&mut self) -> Result<Vec<WindowRow>, SourceError> {
        let source = Arc::clone(&self.source);
        let mut walk = self.walk.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let rows = walk.next_chunk(source.as_ref());
            (walk, rows)
        });
        let (walk, rows) = asked
            .await
            .map_err(|error| SourceError(error.to_string()))?;
        self.walk = walk;
        rows
    }

    /// The next bytes of JSON; none at the end. A failure breaks the answer off, so that half a
    /// page is never taken for a whole one.
    async fn json(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self.stage {
            Stage::Head => {
                self.stage = Stage::Rows;
                Ok(Some(Bytes::from_static(b"{\"windows\":[")))
            }
            Stage::Rows => {
                let rows = self.chunk().await?;
                if rows.is_empty() {
                    self.stage = Stage::Tail;
                }
                let mut text = Vec::with_capacity(rows.len() * 800);
                for row in &rows {
                    if !self.is_first {
                        text.push(b',');
                    }
                    self.is_first = false;
                    serde_json::to_writer(&mut text, &WindowJson::from(row))
                        .map_err(|error| SourceError(error.to_string()))?;
                }
                Ok(Some(Bytes::from(text)))
            }
            Stage::Tail => {
                self.stage = Stage::Done;
                let next = self
                    .walk
                    .next_after()
                    .map(|after| next_link(&self.query, after));
                let next =
                    serde_json::to_string(&next).map_err(|error| SourceError(error.to_string()))?;
                Ok(Some(Bytes::from(format!("],\"next\":{next}}}"))))
            }
            Stage::Done => Ok(None),
        }
    }

    /// The next bytes of CSV; none at the end.
    async fn csv(&mut self) -> Result<Option<Bytes>, SourceError> {
        let bytes = match self.stage {
            Stage::Head => {
                self.stage = Stage::Rows;
                csv::header()
            }
            Stage::Rows => {
                let rows = self.chunk().await?;
                if rows.is_empty() {
                    return Ok(None);
                }
                csv::windows(&rows)
            }
            Stage::Tail | Stage::Done => return Ok(None),
        };
        bytes
            .map(|bytes| Some(Bytes::from(bytes)))
            .map_err(|error| SourceError(error.to_string()))
    }
}

fn next_link(query: &WindowQuery, after: UtcMs) -> String {
    format!(
        "/api/v1/history?site={}&facility={}&window={}&from={}&to={}&limit={}&after={}",
        query.site,
        query.facility,
        query.length.name(),
        query.span.from.0,
        query.span.to.0,
        query.limit,
        after.0,
    )
}

fn json_page(source: Arc<dyn Source>, query: WindowQuery) -> Response {
    let writer = Writer::new(source, query);
    let bytes = stream::try_unfold(writer, |mut writer| async move {
        let next = writer.json().await.inspect_err(broken_off)?;
        Ok::<_, SourceError>(next.map(|bytes| (bytes, writer)))
    });
    answer("application/json", bytes)
}

fn csv_all(source: Arc<dyn Source>, query: WindowQuery) -> Response {
    let name = format!(
        "attachment; filename=\"{}-{}-{}.csv\"",
        query.site,
        query.facility,
        query.length.name()
    );
    let writer = Writer::new(source, query);
    let bytes = stream::try_unfold(writer, |mut writer| async move {
        let next = writer.csv().await.inspect_err(broken_off)?;
        Ok::<_, SourceError>(next.map(|bytes| (bytes, writer)))
    });
    let mut response = answer("text/csv; charset=utf-8; header=present", bytes);
    if let Ok(name) = HeaderValue::from_str(&name) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn broken_off(error: &SourceError) {
    tracing::warn!(%error, "a history answer was broken off");
}

fn answer(
    kind: &'static str,
    bytes: impl Stream<Item = Result<Bytes, SourceError>> + Send + 'static,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
    ]
    .map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, Body::from_stream(bytes)).into_response()
}
