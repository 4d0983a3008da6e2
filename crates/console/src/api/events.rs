//! `/api/v1/events`: server-sent events.
//!
//! ```text
//! alert    one alert after a transition, at once; no id
//! figures  {whole, now, facilities: [..]} at most twice a second; id = run-version
//! health   {ready, reasons, readings_per_s, in_flight, progress, now, speed}; sent with figures
//! ```
//!
//! A client that comes back with `Last-Event-ID` is told all that changed since then; where that
//! is not known any more (another run, another inventory), `whole` is true and it is told
//! everything. Nothing is queued per client: a slow one skips to what is so now.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use huitian_model::SiteId;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::alerts::AlertJson;
use super::facility::{CurrentJson, Detail};
use super::iso;
use crate::app::App;
use crate::board::{Board, Health, World};
use crate::params::Params;
use crate::problem::Problem;

/// Figures are sent at most every half second.
const EVERY: Duration = Duration::from_millis(500);

/// A comment keeps the connection alive so often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Serialize)]
struct FiguresJson {
    /// Whether this is everything, and what is not in it is gone.
    whole: bool,
    now: Option<String>,
    facilities: Vec<CurrentJson>,
}

#[derive(Serialize)]
struct HealthJson {
    ready: bool,
    reasons: Vec<String>,
    readings_per_s: f64,
    in_flight: u64,
    progress: Option<ProgressJson>,
    now: Option<String>,
    now_ms: Option<i64>,
    /// Times real time; 1 where the district is real.
    speed: u32,
}

#[derive(Serialize)]
struct ProgressJson {
    done_ms: i64,
    total_ms: i64,
    from: String,
    to: String,
}

/// `GET /api/v1/events`
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    params.only(&["site", "after"])?;
    let site = params.site()?;
    let slot = Arc::clone(&app.event_slots).try_acquire_owned();
    let slot = slot.map_err(|_taken| {
        let slots = app.limits.event_streams;
        Problem::unavailable(format!("all {slots} event streams are taken"))
    })?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let after = last.or_else(|| params.get("after")).unwrap_or_default();
    let (run, version) = parse_id(after).unwrap_or((0, 0));
    let follower = Follower {
        changed: app.board.subscribe(),
        board: app.board.clone(),
        shutdown: app.shutdown.clone(),
        site,
        run,
        figures_at: version,
        alerts_at: version,
        due: Instant::now(),
        pending: VecDeque::new(),
        is_first: true,
        _slot: slot,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let keep = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(events).keep_alive(keep).into_response())
}

/// An id is `run-version`.
fn parse_id(id: &str) -> Option<(u64, u64)> {
    let (run, version) = id.split_once('-')?;
    Some((run.parse().ok()?, version.parse().ok()?))
}

/// One client's place in what changes.
struct Follower {
    board: Board,
    changed: watch::Receiver<u64>,
    shutdown: watch::Receiver<bool>,
    site: Option<SiteId>,
    /// The run its versions are of.
    run: u64,
    figures_at: u64,
    alerts_at: u64,
    /// Not before then figures are sent again.
    due: Instant,
    pending: VecDeque<Event>,
    is_first: bool,
    _slot: OwnedSemaphorePermit,
}

impl Follower {
    /// The next event; none at shutdown.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            let newest = *self.changed.borrow_and_update();
            let is_behind = self.is_first || newest != self.figures_at;
            if self.is_first || newest != self.alerts_at {
                self.take_alerts();
            }
            if is_behind && Instant::now() >= self.due {
                self.take_figures();
            }
            if !self.pending.is_empty() {
                continue;
            }
            let due = self.due;
            tokio::select! {
                _stop = self.shutdown.wait_for(|stop| *stop) => return None,
                changed = self.changed.changed() => changed.ok()?,
                () = tokio::time::sleep_until(due), if is_behind => {}
            }
        }
    }

    fn is_wanted(&self, site: &SiteId) -> bool {
        self.site.as_ref().is_none_or(|wanted| wanted == site)
    }

    /// Alerts do not wait for the next figures.
    fn take_alerts(&mut self) {
        let changes = self.board.since(self.run, self.alerts_at);
        self.alerts_at = changes.version;
        for alert in changes.alerts {
            if self.is_wanted(&alert.id.site) {
                let event = Event::default().event("alert");
                self.push(event, &AlertJson::from(alert.as_ref()));
            }
        }
    }

    fn take_figures(&mut self) {
        let changes = self.board.since(self.run, self.figures_at);
        let id = format!("{}-{}", self.board.run(), changes.version);
        let facilities: Vec<CurrentJson> = changes
            .currents
            .iter()
            .filter(|it| self.is_wanted(&it.site))
            .map(|it| CurrentJson::new(it, Detail::Sums))
            .collect();
        if changes.is_whole || !facilities.is_empty() {
            let figures = FiguresJson {
                whole: changes.is_whole,
                now: iso(self.board.now()),
                facilities,
            };
            self.push(Event::default().event("figures").id(&id), &figures);
        }
        if let Some(health) = changes.health {
            let health = health_json(&self.board, &health);
            self.push(Event::default().event("health").id(&id), &health);
        }
        self.run = self.board.run();
        self.figures_at = changes.version;
        self.is_first = false;
        self.due = Instant::now() + EVERY;
    }

    fn push(&mut self, event: Event, json: &impl Serialize) {
        match event.json_data(json) {
            Ok(event) => self.pending.push_back(event),
            Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
        }
    }
}

fn health_json(board: &Board, health: &Health) -> HealthJson {
    let view = board.view();
    let now = view.now;
    HealthJson {
        ready: health.not_ready.is_empty() && view.progress.is_none(),
        reasons: health.not_ready.clone(),
        readings_per_s: huitian_report::float(
            i64::try_from(health.readings_per_s_hundredths).unwrap_or(i64::MAX),
        ) / 100.0,
        in_flight: health.in_flight,
        progress: view.progress.map(|it| ProgressJson {
            done_ms: it.done_ms,
            total_ms: it.total_ms,
            from: it.from.to_string(),
            to: it.to.to_string(),
        }),
        now: iso(now),
        now_ms: now.map(|it| it.0),
        speed: match view.world {
            World::Real => 1,
            World::Simulated { speed } => speed,
        },
    }
}
