//! `/alerts` and `/alerts/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use huitian_model::AlertState;
use huitian_report::AlertQuery;
use serde::Serialize;

use super::Ask;
use crate::app::App;
use crate::problem::Problem;
use crate::view::alerts::{AlertView, by_urgency, view as alert_view};

/// Alerts that are over and still listed.
const RETURNED_SHOWN: usize = 100;

#[derive(Serialize)]
struct Body {
    open: Vec<AlertView>,
    returned: Vec<AlertView>,
}

/// `GET /alerts`
pub(crate) async fn alerts(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    let query = AlertQuery {
        state: Some(AlertState::Returned),
        site: None,
        limit: RETURNED_SHOWN,
    };
    let returned = app.ask(move |source| source.alerts(&query)).await?;
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let mut open: Vec<_> = view
        .alerts
        .iter()
        .filter(|it| it.state != AlertState::Returned)
        .collect();
    by_urgency(&mut open);
    let body = Body {
        open: open
            .into_iter()
            .map(|it| alert_view(&show, &view.inventory, it))
            .collect(),
        returned: returned
            .iter()
            .map(|it| alert_view(&show, &view.inventory, it))
            .collect(),
    };
    app.page(("alerts.html", "alerts"), &ask, &view, body)
}

#[derive(Serialize)]
struct OneBody {
    alert: AlertView,
    log: Vec<AlertView>,
}

/// `GET /alerts/{id}`
pub(crate) async fn alert(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    ask: Ask,
) -> Result<Response, Problem> {
    let wanted = id.clone();
    let (alert, log) = app
        .ask(move |source| Ok((source.alert(&wanted)?, source.alert_log(&wanted)?)))
        .await?;
    let alert = alert.ok_or_else(|| Problem::not_found("alert", &id))?;
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let body = OneBody {
        alert: alert_view(&show, &view.inventory, &alert),
        log: log
            .iter()
            .map(|it| alert_view(&show, &view.inventory, it))
            .collect(),
    };
    app.page(("alert.html", "alerts"), &ask, &view, body)
}
