//! Notices when a client id is taken over again and again: two devices have it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// A client whose network breaks takes itself over once for each break; a pair of twins does so
/// with every reconnect.
const TAKEOVERS: u32 = 5;
const WITHIN: Duration = Duration::from_secs(60);
/// Client ids watched at the same time.
const ROWS_MAX: usize = 1_000;

#[derive(Debug)]
struct Row {
    since: Instant,
    count: u32,
}

/// The client ids that were taken over within the last minute.
#[derive(Debug, Default)]
pub(crate) struct Takeovers(BTreeMap<Arc<str>, Row>);

impl Takeovers {
    /// Counts a takeover. True for the fifth within a minute, and not again in that minute.
    pub(crate) fn note(&mut self, client_id: &Arc<str>, now: Instant) -> bool {
        let is_over = |row: &Row| now.saturating_duration_since(row.since) >= WITHIN;
        if self.0.len() >= ROWS_MAX && !self.0.contains_key(client_id) {
            self.0.retain(|_, row| !is_over(row));
        }
        if self.0.len() >= ROWS_MAX && !self.0.contains_key(client_id) {
            return false;
        }
        let row = self.0.entry(Arc::clone(client_id)).or_insert(Row {
            since: now,
            count: 0,
        });
        if is_over(row) {
            *row = Row {
                since: now,
                count: 0,
            };
        }
        row.count = row.count.saturating_add(1);
        row.count == TAKEOVERS
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{ROWS_MAX, Takeovers};

    #[test]
    fn five_within_a_minute_are_told_once_and_five_in_five_minutes_never() {
        let mut takeovers = Takeovers::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (twin, shaky): (Arc<str>, Arc<str>) = ("twin".into(), "shaky".into());
        let told: Vec<bool> = (0..8).map(|n| takeovers.note(&twin, at(n))).collect();
        assert_eq!(told.iter().position(|told| *told), Some(4));
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        let again: Vec<bool> = (60..65).map(|n| takeovers.note(&twin, at(n))).collect();
        assert_eq!(again, [false, false, false, false, true]);
        assert!(!(0..20).any(|n| takeovers.note(&shaky, at(n * 15))));
    }

    #[test]
    fn the_watch_is_bounded_and_makes_room_for_what_is_new() {
        let mut takeovers = Takeovers::default();
        let start = Instant::now();
        for n in 0..ROWS_MAX {
            takeovers.note(&format!("id-{n}").into(), start);
        }
        let twin: Arc<str> = "twin".into();
        assert!(!(0..9).any(|_| takeovers.note(&twin, start)));
        assert_eq!(takeovers.0.len(), ROWS_MAX);
        let later = start + Duration::from_secs(60);
        assert!((0..5).any(|_| takeovers.note(&twin, later)));
        assert_eq!(takeovers.0.len(), 1);
    }
}
