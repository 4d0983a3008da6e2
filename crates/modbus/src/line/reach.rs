//! Reaching the line: pauses between failed connects, and the backup endpoint.

use std::time::Duration;

use tokio::time::Instant;

use crate::health::LineState;
use crate::link::LinkError;

use super::Line;

/// Pauses after failed connects: 1, 2, 4 … 30 s.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

#[derive(Default, Debug)]
pub(super) struct Reach {
    next: Option<Instant>,
    pause: Duration,
    primary_next: Option<Instant>,
}

impl Line {
    /// Whether the line is connected, after an attempt if one is due.
    pub(super) async fn is_reached(&mut self) -> bool {
        if self.link.is_open() {
            return true;
        }
        if self.reach.next.is_some_and(|next| Instant::now() < next) {
            return false;
        }
        match self.link.open().await {
            Ok(()) => {
                self.on_reached();
                true
            }
            Err(error) => {
                self.on_unreached(&error);
                false
            }
        }
    }

    /// From the backup back to the first endpoint, if it answers again. Only between cycles.
    pub(super) async fn return_to_primary(&mut self) {
        let now = Instant::now();
        if !self.health.on_backup || self.reach.primary_next.is_some_and(|next| now < next) {
            return;
        }
        self.reach.primary_next = Some(now + self.settings.primary_retry);
        let primary = self.settings.endpoint.clone();
        if self.link.try_other(&primary).await.is_ok() {
            self.health.on_backup = false;
            self.on_endpoint();
            self.on_reached();
        }
    }

    fn on_reached(&mut self) {
        self.reach.next = None;
        self.reach.pause = Duration::ZERO;
        self.health.failed_connects = 0;
        if self.health.state != LineState::Up {
            tracing::info!(line = self.health.name, "line reached");
            self.health.state = LineState::Up;
        }
    }

    pub(super) fn on_unreached(&mut self, error: &LinkError) {
        self.health.failed_connects += 1;
        self.health.reason = error.full();
        if self.health.state != LineState::Down {
            let reason = self.health.reason.as_str();
            tracing::warn!(line = self.health.name, reason, "line not reached");
            self.health.state = LineState::Down;
        }
        let pause = (self.reach.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.reach.pause = pause;
        self.reach.next = Some(Instant::now() + pause);
        if self.health.failed_connects >= self.settings.backup_after {
            self.change_endpoint();
        }
    }

    fn change_endpoint(&mut self) {
        let Some(backup) = self.settings.backup.clone() else {
            return;
        };
        self.health.on_backup = !self.health.on_backup;
        self.health.failed_connects = 0;
        if self.health.on_backup {
            self.link.turn_to(&backup);
            self.reach.primary_next = Some(Instant::now() + self.settings.primary_retry);
        } else {
            let primary = self.settings.endpoint.clone();
            self.link.turn_to(&primary);
        }
        // The other one is not to blame, and is tried in the next cycle.
        self.reach.next = None;
        self.on_endpoint();
    }

    fn on_endpoint(&mut self) {
        self.health.endpoint = self.link.endpoint().to_string();
        tracing::warn!(
            line = self.health.name,
            endpoint = self.health.endpoint,
            on_backup = self.health.on_backup,
            "line changed its endpoint"
        );
    }
}
