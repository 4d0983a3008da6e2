//! The pages: each asks the board and the store, makes a view and renders one template.

pub(crate) mod accounting;
mod alerts;
pub(crate) mod devices;
mod district;
pub(crate) mod edges;
pub(crate) mod facility;
mod help;
pub(crate) mod unknown;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use huitian_report::Zone;
use serde::Serialize;

pub(crate) use accounting::accounting;
pub(crate) use alerts::{alert, alerts};
pub(crate) use devices::devices;
pub(crate) use district::{district, tiles};
pub(crate) use edges::edges;
pub(crate) use facility::{facility, site};
pub(crate) use help::help;
pub(crate) use unknown::{draft, unknown};

use crate::app::App;
use crate::board::View;
use crate::lang::Lang;
use crate::params::Params;
use crate::problem::Problem;
use crate::show::Show;
use crate::view::Head;

/// What a person asks for.
#[derive(Debug)]
pub(crate) struct Ask {
    pub lang: Lang,
    pub params: Params,
    /// The path with its query but without `lang`.
    pub here: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Ask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = Params::from_request_parts(parts, state).await?;
        let chosen = params.get("lang").and_then(Lang::from_tag);
        Ok(Self {
            lang: chosen.unwrap_or_else(|| Lang::of_headers(&parts.headers)),
            here: without_lang(parts.uri.path(), parts.uri.query().unwrap_or_default()),
            params,
        })
    }
}

/// Ready to append `lang=`.
fn without_lang(path: &str, query: &str) -> String {
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("lang="));
    let mut here = format!("{path}?");
    for pair in kept {
        here.push_str(pair);
        here.push('&');
    }
    here
}

/// A page: its head, and what it is about.
#[derive(Debug, Serialize)]
struct Page<B: Serialize> {
    head: Head,
    body: B,
}

impl App {
    /// How values are shown to this person, in the district's zone.
    pub fn show(&self, lang: Lang, view: &View) -> Show {
        self.show_in(lang, view, self.zone.clone())
    }

    /// How values are shown to this person, in a zone.
    pub fn show_in(&self, lang: Lang, view: &View, zone: Zone) -> Show {
        Show {
            lang,
            texts: Arc::clone(self.texts.of(lang)),
            zone,
            now: view.now,
        }
    }

    /// Renders a page.
    fn page(
        &self,
        (template, name): (&str, &'static str),
        ask: &Ask,
        view: &View,
        body: impl Serialize,
    ) -> Result<Response, Problem> {
        let show = self.show(ask.lang, view);
        let head = Head::new(name, ask.here.clone(), view, &show, self.board.run());
        let page = Page { head, body };
        self.templates
            .page(template, ask.lang, self.texts.of(ask.lang), page)
    }
}

/// A problem as a page for people.
pub(crate) fn problem(app: &App, lang: Lang, problem: &Problem) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        status: u16,
        detail: &'a str,
    }
    let body = Body {
        status: problem.status().as_u16(),
        detail: problem.detail(),
    };
    let ask = Ask {
        lang,
        params: Params::default(),
        here: "/?".to_owned(),
    };
    let view = app.board.view();
    match app.page(("error.html", "error"), &ask, &view, body) {
        Ok(mut page) => {
            *page.status_mut() = problem.status();
            page
        }
        Err(problem) => problem.into_response(),
    }
}

/// Whatever has no route.
pub(crate) async fn nothing_here(request: Request) -> Problem {
    Problem::not_found("page", request.uri().path())
}
