//! `/accounting`: where every reading went, and what never became one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_model::{AccountRow, Counts, EdgeId, Lost, Reason, UtcMs};
use huitian_report::{Intake, Span};
use serde::Serialize;

use super::Ask;
use crate::app::App;
use crate::payload;
use crate::problem::Problem;
use crate::show::{When, grouped, part};

/// Without `from`: the last 14 days.
pub(crate) const DEFAULT_SPAN_MS: i64 = 14 * 86_400_000;

/// By what accounts are summed.
pub(crate) const BY: [&str; 3] = ["site", "edge", "device"];

/// Rows shown: those with the most that was not applied come first.
const ROWS_SHOWN: usize = 300;

/// Intake rows shown, newest first.
const INTAKE_SHOWN: usize = 200;

#[derive(Serialize)]
struct Body {
    by: &'static str,
    bys: [&'static str; 3],
    from: When,
    to: When,
    reasons: Vec<&'static str>,
    total: Row,
    in_flight: String,
    rows: Vec<Row>,
    rows_in_all: usize,
    intake: Vec<IntakeView>,
    intake_messages: String,
    given_up: Vec<GivenUpView>,
    given_up_readings: String,
    json_href: String,
}

#[derive(Serialize)]
struct GivenUpView {
    edge: String,
    reason: &'static str,
    count: String,
    last: When,
}

#[derive(Serialize)]
struct Row {
    key: String,
    accepted: String,
    applied: String,
    applied_share: f64,
    reasons: Vec<Cell>,
    balances: bool,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    is_zero: bool,
}

#[derive(Serialize)]
struct IntakeView {
    at: When,
    source: String,
    reason: String,
    count: String,
    sample: Option<String>,
}

/// Accounts summed by site, edge or device; an unknown site is `-`.
pub(crate) fn sums(rows: &[AccountRow], by: &str) -> BTreeMap<String, Counts> {
    let mut sums: BTreeMap<String, Counts> = BTreeMap::new();
    for row in rows {
        let key = match by {
            "edge" => row.key.edge.to_string(),
            "device" => row.key.device.to_string(),
            _ => row
                .site
                .as_ref()
                .map_or_else(|| "-".to_owned(), ToString::to_string),
        };
        sums.entry(key).or_default().add(&row.counts);
    }
    sums
}

/// Losses summed by edge and reason: how many readings, and when the last of them.
pub(crate) fn given_up(lost: &[Lost]) -> BTreeMap<(EdgeId, &'static str), (u64, UtcMs)> {
    let mut sums = BTreeMap::new();
    for one in lost {
        let (count, last) = sums
            .entry((one.edge.clone(), one.reason.name()))
            .or_insert((0_u64, one.at));
        *count = count.saturating_add(one.count);
        *last = (*last).max(one.at);
    }
    sums
}

/// The span asked for.
pub(crate) fn span(ask: &crate::params::Params, now: Option<UtcMs>) -> Result<Span, Problem> {
    // The last day is open: accounts are kept by whole days, so the end is the day's end.
    let now = now.unwrap_or_default();
    ask.span(now.floor(86_400_000).plus(86_400_000), DEFAULT_SPAN_MS)
}

/// `GET /accounting`
pub(crate) async fn accounting(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    let by = ask.params.one_of("by", &BY, "site")?;
    let view = app.board.view();
    let span = span(&ask.params, view.now)?;
    let (accounts, intake) = app
        .ask(move |source| Ok((source.accounts(span)?, source.intake(span)?)))
        .await?;
    let lost = app.fleet.losses(span).await?;
    let show = app.show(ask.lang, &view);
    let sums = sums(&accounts, by);
    let mut total = Counts::default();
    for counts in sums.values() {
        total.add(counts);
    }
    let name = |key: &str| {
        let site = view
            .inventory
            .sites
            .iter()
            .find(|(id, _)| id.as_str() == key);
        match site {
            Some((_, site)) if by == "site" => show.name(&site.name),
            _ => key.to_owned(),
        }
    };
    let rows_in_all = sums.len();
    let mut sums: Vec<(String, Counts)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, it)| std::cmp::Reverse(it.accepted - it.applied.min(it.accepted)));
    let body = Body {
        by,
        bys: BY,
        from: show.when(span.from),
        to: show.when(span.to),
        reasons: Reason::ALL.map(Reason::name).to_vec(),
        total: row(show.text("total"), &total),
        in_flight: grouped(view.health.in_flight),
        rows: sums
            .iter()
            .take(ROWS_SHOWN)
            .map(|(key, counts)| row(name(key), counts))
            .collect(),
        rows_in_all,
        given_up_readings: grouped(lost.iter().map(|it| it.count).sum()),
        given_up: given_up(&lost)
            .into_iter()
            .take(ROWS_SHOWN)
            .map(|((edge, reason), (count, last))| GivenUpView {
                edge: edge.to_string(),
                reason,
                count: grouped(count),
                last: show.when(last),
            })
            .collect(),
        intake_messages: grouped(intake.iter().map(|it| it.count).sum()),
        intake: intake_rows(&show, intake),
        json_href: format!(
            "/api/v1/accounting?by={by}&from={}&to={}",
            span.from.0, span.to.0
        ),
    };
    app.page(("accounting.html", "accounting"), &ask, &view, body)
}

fn row(key: String, counts: &Counts) -> Row {
    let cell = |reason| Cell {
        text: grouped(counts.by(reason)),
        is_zero: counts.by(reason) == 0,
    };
    let applied = i64::try_from(counts.applied).unwrap_or(i64::MAX);
    let accepted = i64::try_from(counts.accepted).unwrap_or(i64::MAX);
    Row {
        key,
        accepted: grouped(counts.accepted),
        applied: grouped(counts.applied),
        applied_share: part(applied, accepted).unwrap_or(0.0) * 100.0,
        reasons: Reason::ALL.map(cell).into(),
        balances: counts.balance(),
    }
}

fn intake_rows(show: &crate::show::Show, mut intake: Vec<Intake>) -> Vec<IntakeView> {
    intake.sort_by_key(|it| std::cmp::Reverse((it.at, it.count)));
    let shown = intake.into_iter().take(INTAKE_SHOWN);
    shown
        .map(|it| IntakeView {
            at: show.when(it.at),
            source: it.source,
            reason: it.reason,
            count: grouped(it.count),
            sample: it.sample.as_deref().map(payload::short),
        })
        .collect()
}
