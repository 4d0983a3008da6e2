//! What templates are given: plain texts and numbers, made from the model and never the model.

pub(crate) mod alerts;
pub(crate) mod charts;
pub(crate) mod district;
pub(crate) mod facility;
pub(crate) mod standing;

use serde::Serialize;

use crate::board::{Phase, View, World};
use crate::show::{Show, When, part, share};

/// What the head of every page shows.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Head {
    /// Which of the menu's pages this is.
    pub page: &'static str,
    /// This path with its query, without `lang`, ready to append `lang=`.
    pub here: String,
    /// Run and version of what is shown: where the event stream goes on.
    pub event: String,
    /// The hub's time.
    pub now: Option<When>,
    /// The hub's time, ms, for the page's own clock.
    pub now_ms: Option<i64>,
    /// How many times faster than real time.
    pub speed: u32,
    /// Whether the district is simulated.
    pub is_simulated: bool,
    /// The past being lived through.
    pub progress: Option<ProgressView>,
    /// Why the hub is not ready.
    pub not_ready: Vec<String>,
    /// Alerts that are active.
    pub alerts_active: usize,
}

/// How far the past has been lived through.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProgressView {
    /// The text key of what is being done.
    pub key: &'static str,
    /// "42%".
    pub text: String,
    /// 0..=100.
    pub percent: f64,
    /// From when.
    pub from: When,
    /// Until when.
    pub to: When,
}

impl Head {
    /// The head of a page.
    pub fn new(page: &'static str, here: String, view: &View, show: &Show, run: u64) -> Self {
        let (is_simulated, speed) = match view.world {
            World::Real => (false, 1),
            World::Simulated { speed } => (true, speed),
        };
        let active = view.alerts.iter().filter(|it| alerts::is_active(it));
        Self {
            page,
            here,
            event: format!("{run}-{}", view.version),
            now: view.now.map(|now| show.when(now)),
            now_ms: view.now.map(|now| now.0),
            speed,
            is_simulated,
            progress: view.progress.as_ref().map(|progress| {
                let done = part(progress.done_ms, progress.total_ms).unwrap_or(0.0);
                ProgressView {
                    key: match progress.phase {
                        Phase::Recovering => "progress.recovering",
                        Phase::LivingThePast => "progress.past",
                    },
                    text: share(done),
                    percent: (done * 100.0).clamp(0.0, 100.0),
                    from: show.when(progress.from),
                    to: show.when(progress.to),
                }
            }),
            not_ready: view.health.not_ready.clone(),
            alerts_active: active.count(),
        }
    }
}
