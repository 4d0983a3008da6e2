//! `/help`: a short manual.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_report::csv::COLUMNS;
use serde::Serialize;

use super::Ask;
use crate::app::App;
use crate::lang::Lang;
use crate::problem::Problem;

#[derive(Serialize)]
struct Body {
    columns: Vec<ColumnView>,
    calls: Vec<&'static str>,
}

#[derive(Serialize)]
struct ColumnView {
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
}

/// `GET /help`
pub(crate) async fn help(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    let view = app.board.view();
    let columns = COLUMNS.iter().map(|column| ColumnView {
        name: column.name,
        unit: column.unit,
        meaning: match ask.lang {
            Lang::Zh => column.zh,
            Lang::En => column.en,
        },
    });
    let body = Body {
        columns: columns.collect(),
        calls: crate::routes::API_ROUTES.to_vec(),
    };
    app.page(("help.html", "help"), &ask, &view, body)
}
