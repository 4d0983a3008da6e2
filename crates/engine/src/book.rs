//! The book of published windows of one facility: which come next, and what was said of the past.

use std::collections::VecDeque;

use huitian_model::{UtcMs, WindowLength, civil_day_bounds};
use serde::{Deserialize, Serialize};

/// The longest stretch of final windows that one tick publishes, ms: 400 days are 115,000 windows
/// of 5 minutes. After a longer jump of time the windows before it are not published.
pub const CATCH_UP_MS_MAX: i64 = 400 * 86_400_000;

/// A span of time `[start, end)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// When it starts.
    pub start: UtcMs,
    /// When it ends.
    pub end: UtcMs,
}

impl Span {
    /// The window of `length` that holds an instant; none outside the calendar of a civil day.
    pub fn around(length: WindowLength, zone: &str, at: UtcMs) -> Option<Self> {
        if let Some(ms) = length.fixed_ms() {
            let start = at.floor(ms);
            return Some(Self {
                start,
                end: start.plus(ms),
            });
        }
        let (start, end) = civil_day_bounds(zone, at).ok()?;
        (start < end).then_some(Self { start, end })
    }

    /// Its length, ms.
    pub const fn ms(self) -> i64 {
        self.end.since(self.start)
    }
}

/// A window that was published as final.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Published {
    /// Its span.
    pub span: Span,
    /// Hash of its figures.
    pub hash: u64,
    /// 0 when first final.
    pub revision: u32,
}

/// The windows of one length.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shelf {
    /// Their length.
    pub length: WindowLength,
    /// The next that becomes final; none before the first tick or outside the calendar.
    pub next: Option<Span>,
    /// Those that may still be amended, in order.
    pub published: VecDeque<Published>,
    /// The window that is open now.
    pub open: Option<Span>,
    /// Hash of what was last said of the open one.
    pub provisional: u64,
}

impl Shelf {
    const fn new(length: WindowLength) -> Self {
        Self {
            length,
            next: None,
            published: VecDeque::new(),
            open: None,
            provisional: 0,
        }
    }

    /// The next window that is final at `now`, if there is one.
    pub fn take_final(&mut self, zone: &str, settled: UtcMs) -> Option<Span> {
        let span = self.next.filter(|span| span.end <= settled)?;
        self.next = Span::around(self.length, zone, span.end);
        Some(span)
    }

    /// The window that is open at `now`.
    pub fn open_at(&mut self, zone: &str, now: UtcMs) -> Option<Span> {
        if self
            .open
            .is_none_or(|span| now < span.start || span.end <= now)
        {
            self.open = Span::around(self.length, zone, now);
            self.provisional = 0;
        }
        self.open
    }
}

/// The windows of one facility.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Book {
    /// By length, shortest first.
    pub shelves: [Shelf; 4],
    /// The earliest instant for which figures may have changed since the last tick.
    pub dirty_from: Option<UtcMs>,
    /// End of the last window that was published.
    pub final_until: UtcMs,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            shelves: WindowLength::ALL.map(Shelf::new),
            dirty_from: None,
            final_until: UtcMs(i64::MIN),
        }
    }
}

impl Book {
    /// Notes that figures from an instant on may have changed.
    pub fn mark(&mut self, from: UtcMs) {
        if from < self.final_until {
            self.dirty_from = Some(self.dirty_from.map_or(from, |dirty| dirty.min(from)));
        }
    }

    /// Begins with the windows that are open at the first tick, or after a jump of time.
    pub fn open(&mut self, zone: &str, now: UtcMs) {
        let earliest = now.minus(CATCH_UP_MS_MAX);
        for shelf in &mut self.shelves {
            match shelf.next {
                None => shelf.next = Span::around(shelf.length, zone, now),
                Some(next) if next.end < earliest => {
                    shelf.next = Span::around(shelf.length, zone, earliest);
                }
                Some(_) => {}
            }
        }
    }

    /// Forgets the windows that begin before an instant: nothing can amend them any more.
    pub fn forget(&mut self, before: UtcMs) {
        for shelf in &mut self.shelves {
            while shelf
                .published
                .front()
                .is_some_and(|one| one.span.start < before)
            {
                shelf.published.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_days_follow_one_another_also_where_clocks_change() {
        let mut shelf = Shelf::new(WindowLength::Day1);
        shelf.next = Span::around(
            WindowLength::Day1,
            "Europe/London",
            UtcMs(1_427_500_000_000),
        );
        let mut hours = Vec::new();
        let mut end = None;
        while hours.len() < 4 {
            let span = shelf.take_final("Europe/London", UtcMs(i64::MAX)).unwrap();
            assert!(end.is_none_or(|end| end == span.start));
            end = Some(span.end);
            hours.push(span.ms() / 3_600_000);
        }
        assert_eq!(hours, [24, 24, 23, 24]);
    }

    #[test]
    fn a_window_is_taken_once_and_only_when_settled() {
        let mut shelf = Shelf::new(WindowLength::Min5);
        shelf.next = Span::around(WindowLength::Min5, "UTC", UtcMs(1));
        assert_eq!(shelf.take_final("UTC", UtcMs(299_999)), None);
        let first = shelf.take_final("UTC", UtcMs(300_000)).unwrap();
        assert_eq!((first.start, first.end), (UtcMs(0), UtcMs(300_000)));
        assert_eq!(shelf.take_final("UTC", UtcMs(300_000)), None);
    }
}
