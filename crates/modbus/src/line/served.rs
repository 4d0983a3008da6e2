//! A unit and how it has done: when it is degraded, when it is probed.

use std::time::Duration;

use huitian_model::UtcMs;
use tokio::time::Instant;

use crate::health::{UnitHealth, UnitState};
use crate::unit::Unit;

/// Pauses between probes: from 1 s, doubled up to a minute.
const PROBE_MIN: Duration = Duration::from_secs(1);
const PROBE_MAX: Duration = Duration::from_secs(60);

/// The last outcomes that are remembered.
const HISTORY: u32 = 16;

pub(super) struct Served {
    pub unit: Box<dyn Unit>,
    pub health: UnitHealth,
    /// The last outcomes, the newest in the lowest bit; 1 is a failure.
    history: u16,
    outcomes: u32,
    probe_pause: Duration,
    pub probe_next: Option<Instant>,
}

impl Served {
    pub fn new(unit: Box<dyn Unit>) -> Self {
        let health = UnitHealth {
            id: unit.id(),
            ..UnitHealth::default()
        };
        Self {
            unit,
            health,
            history: 0,
            outcomes: 0,
            probe_pause: Duration::ZERO,
            probe_next: None,
        }
    }

    pub fn is_degraded(&self) -> bool {
        self.health.state == UnitState::Degraded
    }

    fn note(&mut self, failed: bool) {
        self.history = (self.history << 1) | u16::from(failed);
        self.outcomes = (self.outcomes + 1).min(HISTORY);
    }

    /// Whether a quarter of its last requests failed: one lost answer does not make a unit bad.
    fn fails_often(&self) -> bool {
        self.history.count_ones() * 4 >= self.outcomes
    }

    pub fn on_success(&mut self, line: &str, at: UtcMs) {
        self.note(false);
        if self.is_degraded() {
            tracing::info!(line, unit = self.health.id, "unit answers again");
        }
        self.health.state = UnitState::Healthy;
        self.health.last_ok = Some(at);
        self.health.consecutive_failures = 0;
        self.probe_pause = Duration::ZERO;
        self.probe_next = None;
    }

    /// Whether this failure must be the last for now: after `degrade_after` in a row, or, while
    /// the line's account is overdrawn, by a unit that fails often.
    pub fn on_failure(&mut self, line: &str, degrade_after: u32, overdrawn: bool) {
        self.note(true);
        self.health.consecutive_failures = self.health.consecutive_failures.saturating_add(1);
        let too_many = self.health.consecutive_failures >= degrade_after.max(1);
        if self.is_degraded() || too_many || (overdrawn && self.fails_often()) {
            self.degrade(line);
        } else {
            self.health.state = UnitState::Failing;
        }
    }

    fn degrade(&mut self, line: &str) {
        if !self.is_degraded() {
            let (unit, reason) = (self.health.id, self.health.reason.as_str());
            tracing::warn!(line, unit, reason, "unit degraded; it is only probed now");
        }
        self.health.state = UnitState::Degraded;
        self.probe_pause = (self.probe_pause * 2).clamp(PROBE_MIN, PROBE_MAX);
        self.probe_next = Some(Instant::now() + self.probe_pause);
    }
}
