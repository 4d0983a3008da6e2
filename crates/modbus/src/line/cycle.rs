//! One cycle: the units that answer in their order, then probes of those that do not.

use std::time::Duration;

use huitian_model::UtcMs;
use tokio::time::{Instant, sleep};

use crate::link::LinkError;
use crate::unit::{Answer, Request, Sampled};

use super::Line;

/// What came of a request, for the rest of the unit's cycle.
enum Outcome {
    Answered(Answer),
    Refused(u8),
    Failed,
}

impl Line {
    /// Reads every unit that is due.
    pub(super) async fn cycle(
        &mut self,
        clock: &(impl Fn() -> UtcMs + Send + Sync),
    ) -> Vec<Sampled> {
        let begun = Instant::now();
        self.health.cycles += 1;
        let mut samples = Vec::new();
        self.return_to_primary().await;
        if self.is_reached().await {
            let due = |unit: &super::Served| !unit.is_degraded();
            for index in self.indices(due) {
                samples.extend(self.serve(index, clock).await);
            }
            for index in self.probes() {
                if self.may_probe() {
                    samples.extend(self.serve(index, clock).await);
                }
            }
        }
        if self.settings.close_after_cycle {
            self.link.close();
        }
        let took = begun.elapsed().as_millis();
        self.health.last_cycle_ms = u64::try_from(took).unwrap_or(u64::MAX);
        samples
    }

    fn indices(&self, which: impl Fn(&super::Served) -> bool) -> Vec<usize> {
        let units = self.units.iter().enumerate();
        units
            .filter(|(_, unit)| which(unit))
            .map(|(index, _)| index)
            .collect()
    }

    /// Degraded units whose pause is over, the longest waiting first.
    fn probes(&self) -> Vec<usize> {
        let now = Instant::now();
        let due = |unit: &super::Served| {
            unit.is_degraded() && unit.probe_next.is_none_or(|next| next <= now)
        };
        let mut due = self.indices(due);
        due.sort_by_key(|index| self.units.get(*index).and_then(|unit| unit.probe_next));
        due
    }

    /// Whether a probe is paid for. Where no unit is well, it costs nobody anything.
    fn may_probe(&mut self) -> bool {
        let cost = self.settings.timeout + self.link.recovery();
        !self.has_healthy() || self.account.affords(cost, Instant::now())
    }

    fn has_healthy(&self) -> bool {
        self.units.iter().any(|unit| !unit.is_degraded())
    }

    /// One unit's cycle. A degraded unit gets as far as its first failure.
    async fn serve(
        &mut self,
        index: usize,
        clock: &(impl Fn() -> UtcMs + Send + Sync),
    ) -> Vec<Sampled> {
        let Some(unit) = self.units.get(index) else {
            return Vec::new();
        };
        let requests = unit.unit.requests().to_vec();
        for request in &requests {
            if !self.is_reached().await {
                break;
            }
            let outcome = self.ask(index, *request, &requests, clock).await;
            let Some(served) = self.units.get_mut(index) else {
                break;
            };
            match outcome {
                Outcome::Answered(answer) => served.unit.on_answer(*request, &answer, clock()),
                Outcome::Refused(code) => served.unit.on_exception(*request, code),
                Outcome::Failed => {}
            }
            if served.is_degraded() {
                break;
            }
        }
        let unit = self.units.get_mut(index);
        unit.map(|served| served.unit.finish(clock()))
            .unwrap_or_default()
    }

    /// Asks, again while the unit is busy, and notes what it says about the unit.
    async fn ask(
        &mut self,
        index: usize,
        request: Request,
        known: &[Request],
        clock: &(impl Fn() -> UtcMs + Send + Sync),
    ) -> Outcome {
        let begun = Instant::now();
        let mut retries = 0;
        loop {
            let Some(served) = self.units.get_mut(index) else {
                return Outcome::Failed;
            };
            let probing = served.is_degraded();
            served.health.counts.requests += 1;
            let outcome = self.link.read(served.health.id, request, known).await;
            if let Err(error) = &outcome {
                served.health.counts.count(error);
                served.health.reason = error.full();
            }
            match outcome {
                Ok(answer) => {
                    served.health.counts.answers += 1;
                    served.on_success(&self.settings.name, clock());
                    return Outcome::Answered(answer);
                }
                Err(LinkError::Exception(code)) if !is_busy(code) => {
                    served.on_success(&self.settings.name, clock());
                    return Outcome::Refused(code);
                }
                Err(LinkError::Exception(code)) => {
                    if probing || retries >= self.settings.busy_retries {
                        self.on_failure(index, begun.elapsed());
                        return Outcome::Refused(code);
                    }
                    retries += 1;
                    sleep(self.settings.busy_retries_wait).await;
                }
                Err(error @ LinkError::Open { .. }) => {
                    // The line's fault, not the unit's.
                    self.on_unreached(&error);
                    return Outcome::Failed;
                }
                Err(LinkError::Held) => return Outcome::Failed,
                Err(_) => {
                    self.on_failure(index, begun.elapsed() + self.link.recovery());
                    return Outcome::Failed;
                }
            }
        }
    }

    fn on_failure(&mut self, index: usize, cost: Duration) {
        let now = Instant::now();
        if self.has_healthy() {
            self.account.charge(cost, now);
        }
        let overdrawn = self.account.is_overdrawn(now);
        if let Some(served) = self.units.get_mut(index) {
            served.on_failure(&self.settings.name, self.settings.degrade_after, overdrawn);
        }
    }
}

/// Exceptions that say "not now": acknowledge, busy, gateway path unavailable, gateway target
/// does not answer.
const fn is_busy(code: u8) -> bool {
    matches!(code, 5 | 6 | 10 | 11)
}
