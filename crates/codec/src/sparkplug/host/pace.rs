//! How often one edge node is asked to be born again.

/// Wait after the first request: a node that can answers in a second or two.
const WAIT_MIN_MS: u64 = 10_000;

/// Longest wait between two requests: a node that never answers costs 12 small messages an hour.
const WAIT_MAX_MS: u64 = 300_000;

/// When a node is asked next. The waits double, and outlast a birth: a node whose births are
/// never good enough is asked as seldom as one that gives none.
#[derive(Debug, Default)]
pub(super) struct Pace {
    due: Option<u64>,
    asked: Option<u64>,
    wait_ms: u64,
    unanswered: u32,
}

impl Pace {
    pub(super) const fn due(&self) -> Option<u64> {
        self.due
    }

    /// Requests since the last birth.
    pub(super) const fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// A birth is wanted.
    pub(super) fn want(&mut self, now_ms: u64) {
        if self.due.is_some() {
            return;
        }
        let quiet_until = self.asked.map(|asked| asked.saturating_add(self.wait_ms));
        self.due = Some(quiet_until.map_or(now_ms, |until| until.max(now_ms)));
    }

    /// A birth came, or none is wanted any more.
    pub(super) const fn settle(&mut self) {
        self.due = None;
        self.unanswered = 0;
    }

    /// Whether it is to be asked now; it counts as asked then.
    pub(super) fn asks(&mut self, now_ms: u64) -> bool {
        if self.due.is_none_or(|due| due > now_ms) {
            return false;
        }
        let silence = self
            .asked
            .map_or(u64::MAX, |asked| now_ms.saturating_sub(asked));
        self.wait_ms = if silence > 2 * WAIT_MAX_MS {
            WAIT_MIN_MS
        } else {
            self.wait_ms.saturating_mul(2).min(WAIT_MAX_MS)
        };
        self.asked = Some(now_ms);
        self.unanswered = self.unanswered.saturating_add(1);
        self.due = Some(now_ms.saturating_add(self.wait_ms));
        true
    }
}
