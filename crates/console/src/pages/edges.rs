//! `/edges`: whether each edge is there, how its clock, queue and buses do, what it gave up and
//! which configuration it has.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use huitian_model::uplink::{ConfigOutcome, Heartbeat};
use huitian_model::{EdgeId, Lost, UtcMs};
use huitian_report::Span;
use serde::Serialize;

use super::Ask;
use super::accounting::given_up;
use crate::app::App;
use crate::fleet::EdgeState;
use crate::problem::Problem;
use crate::show::{Show, When, grouped};

/// An edge is connected while it was heard within three of its heartbeats of 30 s, ms.
const CONNECTED_MS: i64 = 90_000;

/// Losses are shown of the last so many ms: 30 days.
const LOSSES_MS: i64 = 30 * 86_400_000;

/// Buses of an edge that are named; of more, those that are down come first.
const BUSES_SHOWN: usize = 8;

#[derive(Serialize)]
struct Body {
    total: usize,
    connected: usize,
    conflicts: Vec<ConflictView>,
    edges: Vec<EdgeView>,
}

#[derive(Serialize)]
struct ConflictView {
    edge: String,
    at: When,
    text: String,
}

#[derive(Serialize)]
struct EdgeView {
    id: String,
    is_connected: bool,
    heard: Option<When>,
    has_conflict: bool,
    beat: Option<BeatView>,
    losses: Vec<LossView>,
    config: &'static str,
    wanted: u64,
    newest: Option<u64>,
    config_text: Option<String>,
}

#[derive(Serialize)]
struct BeatView {
    software: String,
    up: String,
    clock_set: bool,
    clock: String,
    queued: String,
    is_queue_empty: bool,
    queue_size: String,
    oldest: Option<When>,
    buses: usize,
    buses_up: usize,
    units_ok: u32,
    units_down: u32,
    down: Vec<String>,
    lost: String,
    is_lost_zero: bool,
    applied: u64,
}

#[derive(Serialize)]
struct LossView {
    reason: &'static str,
    count: String,
}

/// Whether an edge heard at `heard_at` is still there.
pub(crate) fn is_connected(heard_at: Option<UtcMs>, now: Option<UtcMs>) -> bool {
    let age = heard_at.zip(now).map(|(at, now)| now.since(at));
    age.is_some_and(|age| age <= CONNECTED_MS)
}

/// How an edge's configuration stands, as a name.
pub(crate) fn config_state(edge: &EdgeState) -> &'static str {
    let Some(newest) = &edge.newest else {
        return "own";
    };
    let Some((at, outcome)) = &newest.outcome else {
        return "waiting";
    };
    match outcome {
        ConfigOutcome::Refused(_) => "refused",
        ConfigOutcome::RolledBack(_) => "rolled_back",
        ConfigOutcome::Accepted => "on_trial",
        ConfigOutcome::Applied => {
            // A heartbeat from before the outcome still names the version before.
            let beat = edge.heartbeat.as_ref();
            let beat = beat.filter(|_| edge.heard_at.is_some_and(|heard| heard > *at));
            let has_another = beat.is_some_and(|it| it.config_version != edge.wanted);
            if has_another { "waiting" } else { "applied" }
        }
    }
}

/// `GET /edges`
pub(crate) async fn edges(State(app): State<Arc<App>>, ask: Ask) -> Result<Response, Problem> {
    let view = app.board.view();
    let show = app.show(ask.lang, &view);
    let to = view.now.unwrap_or_default().plus(1);
    let span = Span {
        from: to.minus(LOSSES_MS),
        to,
    };
    let edges = app.fleet.edges().await?;
    let lost = app.fleet.losses(span).await?;
    let conflicts = edges.iter().filter_map(|edge| {
        let (at, text) = edge.conflict.as_ref()?;
        Some(ConflictView {
            edge: edge.edge.to_string(),
            at: show.when(*at),
            text: text.clone(),
        })
    });
    let here = |edge: &&EdgeState| is_connected(edge.heard_at, view.now);
    let body = Body {
        total: edges.len(),
        connected: edges.iter().filter(here).count(),
        conflicts: conflicts.collect(),
        edges: (edges.iter())
            .map(|edge| edge_view(edge, &show, losses(&edge.edge, &lost)))
            .collect(),
    };
    app.page(("edges.html", "edges"), &ask, &view, body)
}

fn losses(edge: &EdgeId, lost: &[Lost]) -> Vec<LossView> {
    let of_all = given_up(lost).into_iter();
    let own = of_all.filter(|((of, _), _)| of == edge);
    own.map(|((_, reason), (count, _))| LossView {
        reason,
        count: grouped(count),
    })
    .collect()
}

fn edge_view(edge: &EdgeState, show: &Show, losses: Vec<LossView>) -> EdgeView {
    let outcome = edge.newest.as_ref().and_then(|it| it.outcome.as_ref());
    let config_text = match outcome {
        Some((_, ConfigOutcome::Refused(text) | ConfigOutcome::RolledBack(text))) => {
            Some(text.chars().take(400).collect())
        }
        _ => None,
    };
    EdgeView {
        id: edge.edge.to_string(),
        is_connected: is_connected(edge.heard_at, show.now),
        heard: edge.heard_at.map(|at| show.when(at)),
        has_conflict: edge.conflict.is_some(),
        beat: edge.heartbeat.as_ref().map(|it| beat_view(it, show)),
        losses,
        config: config_state(edge),
        wanted: edge.wanted,
        newest: edge.newest.as_ref().map(|it| it.version),
        config_text,
    }
}

fn beat_view(beat: &Heartbeat, show: &Show) -> BeatView {
    let units = |of: fn(&huitian_model::uplink::BusHealth) -> u16| {
        beat.buses.iter().map(|bus| u32::from(of(bus))).sum()
    };
    let down = beat.buses.iter().filter(|bus| !bus.up);
    BeatView {
        software: beat.software.clone(),
        up: show.duration(i64::try_from(beat.up_ms).unwrap_or(i64::MAX)),
        clock_set: beat.clock_set,
        clock: show.when(beat.now).text,
        queued: grouped(beat.queued),
        is_queue_empty: beat.queued == 0,
        queue_size: size(beat.queue_bytes),
        oldest: beat.oldest.map(|at| show.when(at)),
        buses: beat.buses.len(),
        buses_up: beat.buses.iter().filter(|bus| bus.up).count(),
        units_ok: units(|bus| bus.units_ok),
        units_down: units(|bus| bus.units_down),
        down: down.take(BUSES_SHOWN).map(|bus| bus.name.clone()).collect(),
        lost: grouped(beat.lost),
        is_lost_zero: beat.lost == 0,
        applied: beat.config_version,
    }
}

/// Bytes in the largest unit of which there is at least one.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!(
            "{}.{} GB",
            bytes / 1_000_000_000,
            bytes % 1_000_000_000 / 100_000_000
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ConfigMark;

    fn edge(outcome: Option<(i64, ConfigOutcome)>, heard: i64, runs: u64) -> EdgeState {
        EdgeState {
            edge: EdgeId::new("gate-3").unwrap(),
            enrolled_at: None,
            heard_at: Some(UtcMs(heard)),
            heartbeat: Some(Heartbeat {
                now: UtcMs(heard),
                clock_set: true,
                software: String::new(),
                up_ms: 0,
                config_version: runs,
                queued: 0,
                queue_bytes: 0,
                oldest: None,
                accepted: 0,
                lost: 0,
                memory_bytes: 0,
                buses: Vec::new(),
            }),
            conflict: None,
            wanted: 4,
            newest: Some(ConfigMark {
                version: 4,
                made_at: UtcMs(0),
                dry_run: false,
                outcome: outcome.map(|(at, outcome)| (UtcMs(at), outcome)),
            }),
        }
    }

    #[test]
    fn a_heartbeat_from_before_does_not_deny_that_a_configuration_is_in_force() {
        let applied = || Some((100, ConfigOutcome::Applied));
        assert_eq!(config_state(&edge(applied(), 90, 3)), "applied");
        assert_eq!(config_state(&edge(applied(), 130, 4)), "applied");
        assert_eq!(config_state(&edge(applied(), 130, 3)), "waiting");
        assert_eq!(config_state(&edge(None, 130, 4)), "waiting");
        let tried = Some((100, ConfigOutcome::Accepted));
        assert_eq!(config_state(&edge(tried, 130, 3)), "on_trial");
    }

    #[test]
    fn an_edge_is_connected_for_three_heartbeats() {
        let at = |age: i64| is_connected(Some(UtcMs(1_000_000 - age)), Some(UtcMs(1_000_000)));
        assert!(at(0) && at(90_000));
        assert!(!at(90_001));
        assert!(!is_connected(None, Some(UtcMs(0))));
        assert!(!is_connected(Some(UtcMs(0)), None));
    }

    #[test]
    fn sizes_are_told_in_the_largest_unit() {
        let said = [999, 1_000, 61_400_000, 2_460_000_000].map(size);
        assert_eq!(said, ["999 B", "1 kB", "61 MB", "2.4 GB"]);
    }
}
