//! The overflow rule of one bin, decided on readings and ticks in the order of the log.
//!
//! ```text
//! normal --level >= on--> pending --on-delay--> active --level <= off, off-delay--> returned
//!                            |
//!                            +--level <= off--> normal (dropped)
//! ```
//!
//! Only a known level moves the condition. Silence and bad readings move the evidence alone.
//!
//! A fall is believed at once and may turn out to be a spike; where it ended an alert, the level
//! that shows the spike raises another, although it may lie between both limits.

use huitian_model::{
    AlertId, AlertRow, AlertState, Evidence, FillLevel, OverflowRule, RuleKind, Transition, UtcMs,
};
use serde::{Deserialize, Serialize};

/// An alert that has not returned yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Open {
    row: AlertRow,
    /// Partition time at which the condition appeared: the on-delay runs from here.
    since: UtcMs,
    /// Partition time at which the condition vanished: the off-delay runs from here.
    gone_since: Option<UtcMs>,
}

/// The state of the rule for one bin.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    open: Option<Open>,
    /// `raised_at` of the last alert. The next is later: where the reading that raised the last
    /// is replaced twice, so that the condition goes and comes at one instant, by 1 ms.
    last_raised: Option<UtcMs>,
}

/// What the rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The rule in force.
    pub rule: &'a OverflowRule,
    /// The version of the settings that hold it.
    pub settings_version: u64,
    /// Partition time.
    pub now: UtcMs,
    /// The newest known level and its event time.
    pub newest: Option<(UtcMs, FillLevel)>,
    /// How fresh it is.
    pub evidence: Evidence,
    /// Since when the bin has overflowed all the same, where the newest level shows that the fall
    /// before it was a spike.
    pub overflowing: Option<UtcMs>,
}

impl Watch {
    /// Whether an alert is pending or active.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Looks again after a reading that is now the newest, or at a tick. `identify` makes the
    /// identity of a new alert of the event time of the reading that raises it.
    pub fn look(
        &mut self,
        view: &View<'_>,
        identify: impl FnOnce(UtcMs) -> AlertId,
        rows: &mut Vec<AlertRow>,
    ) {
        let Some((at, level)) = view.newest else {
            return;
        };
        if self.open.is_none() {
            if level < view.rule.on && view.overflowing.is_none() {
                return;
            }
            let after_last = self.last_raised.map_or(at, |last| at.max(last.plus(1)));
            self.last_raised = Some(after_last);
            let onset = view.overflowing.unwrap_or(at);
            let open = raise(view, identify(after_last), onset, level);
            rows.push(open.row.clone());
            self.open = Some(open);
        }
        let Some(open) = &mut self.open else { return };
        // Before the first tick the readings alone say what time it is, and may be ahead of it.
        let view = &View {
            now: view.now.max(open.row.changed_at),
            ..*view
        };
        open.row.value = Some(level);
        if open.row.evidence != view.evidence {
            open.row.evidence = view.evidence;
            open.say(Transition::Amended, view.now, rows);
        }
        if open.decide(view, level, rows) {
            self.open = None;
        }
    }

    /// Late data moved the time at which the condition truly began.
    pub fn amend_onset(&mut self, onset: UtcMs, now: UtcMs, rows: &mut Vec<AlertRow>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.row.onset != onset) {
            open.row.onset = onset;
            let now = now.max(open.row.changed_at);
            open.say(Transition::Amended, now, rows);
        }
    }
}

fn raise(view: &View<'_>, id: AlertId, at: UtcMs, level: FillLevel) -> Open {
    Open {
        row: AlertRow {
            id,
            kind: RuleKind::Overflow,
            severity: view.rule.severity,
            state: AlertState::Pending,
            evidence: view.evidence,
            transition: Transition::Raised,
            changed_at: view.now,
            onset: at,
            activated_at: None,
            returned_at: None,
            value: Some(level),
            limit: view.rule.on,
            settings_version: view.settings_version,
        },
        since: view.now,
        gone_since: None,
    }
}

impl Open {
    fn say(&mut self, transition: Transition, now: UtcMs, rows: &mut Vec<AlertRow>) {
        self.row.transition = transition;
        self.row.changed_at = now;
        rows.push(self.row.clone());
    }

    /// Moves the condition; returns whether the alert is over.
    fn decide(&mut self, view: &View<'_>, level: FillLevel, rows: &mut Vec<AlertRow>) -> bool {
        let is_gone = level <= view.rule.off;
        match self.row.state {
            AlertState::Pending if is_gone => {
                self.row.state = AlertState::Returned;
                self.row.returned_at = Some(view.now);
                self.say(Transition::Dropped, view.now, rows);
                return true;
            }
            AlertState::Pending if view.now.since(self.since) >= view.rule.on_delay_ms => {
                self.row.state = AlertState::Active;
                self.row.activated_at = Some(view.now);
                self.say(Transition::Activated, view.now, rows);
            }
            AlertState::Active if is_gone => {
                let since = *self.gone_since.get_or_insert(view.now);
                if view.now.since(since) >= view.rule.off_delay_ms {
                    self.row.state = AlertState::Returned;
                    self.row.returned_at = Some(view.now);
                    self.say(Transition::Returned, view.now, rows);
                    return true;
                }
            }
            AlertState::Active if level >= view.rule.on => self.gone_since = None,
            AlertState::Pending | AlertState::Active | AlertState::Returned => {}
        }
        false
    }
}

#[cfg(test)]
mod tests;
