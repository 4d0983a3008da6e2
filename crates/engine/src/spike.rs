//! Spikes: single levels of a bin that no bin can have had (decision 0124).
//!
//! ```text
//! before ──┐            ┌── after        up:   it - before > limit  and  it - after > limit
//!          └── it ──────┘                down: the same downwards
//!   and |before - after| <= limit        it returned
//!   and the rise is faster than a bin fills:   up: before -> it,   down: it -> after
//!   and it is no emptying:               down: not both `it` and `after` lie `drop` below before
//! ```
//!
//! `before` is the last level that was believed, `after` the next level whatever it is; bad
//! readings lie between them unseen. So a level is judged when the next one comes, from the left,
//! and what is believed is a function of the set of readings (law C). Until then a rise that is
//! too fast is held back, and the level before it goes on holding; a fall is believed at once,
//! since bins are emptied at once.

use huitian_model::{Settings, UtcMs};

const HOUR_MS: i64 = 3_600_000;

/// A level and when it was so, hundredths of a percent.
pub type Level = (UtcMs, i32);

/// What becomes of a level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It holds.
    Believed,
    /// It may be a spike: the next level will say.
    HeldBack,
    /// It is a spike.
    Rejected,
}

/// The limits that make a spike.
#[derive(Clone, Copy, Debug)]
pub struct Spikes {
    limit: i32,
    rise_per_hour: i64,
    drop: i32,
}

impl Spikes {
    /// Those of the settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            limit: i32::from(settings.spike.limit.hundredths()),
            rise_per_hour: i64::from(settings.spike.rise_per_hour),
            drop: i32::from(settings.emptied_drop.hundredths()),
        }
    }

    /// Whether a bin cannot have filled so fast.
    fn is_too_fast(&self, (from, low): Level, (to, high): Level) -> bool {
        let rise = i64::from(high - low).saturating_mul(HOUR_MS);
        rise > self.rise_per_hour.saturating_mul(to.since(from))
    }

    /// What becomes of a level between the last that was believed and the next.
    pub fn judge(&self, before: Option<Level>, it: Level, after: Option<Level>) -> Verdict {
        let Some(before) = before.filter(|_| self.limit > 0) else {
            return Verdict::Believed;
        };
        let rises = it.1 - before.1 > self.limit && self.is_too_fast(before, it);
        let Some(after) = after else {
            return if rises {
                Verdict::HeldBack
            } else {
                Verdict::Believed
            };
        };
        let returned = (before.1 - after.1).abs() <= self.limit;
        let is_up = rises && it.1 - after.1 > self.limit;
        let empties = before.1 - it.1 >= self.drop && before.1 - after.1 >= self.drop;
        let is_down = before.1 - it.1 > self.limit
            && after.1 - it.1 > self.limit
            && self.is_too_fast(it, after)
            && !empties;
        if returned && (is_up || is_down) {
            Verdict::Rejected
        } else {
            Verdict::Believed
        }
    }

    /// Whether the next level may still say that the newest is none, or that it is one.
    pub fn is_open(&self, before: Option<Level>, it: Level) -> bool {
        let falls = before.is_some_and(|before| before.1 - it.1 > self.limit);
        let is_held_back = self.judge(before, it, None) == Verdict::HeldBack;
        is_held_back || (falls && self.limit > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn judge(levels: [i32; 3], every_ms: i64) -> Verdict {
        let spikes = Spikes::of(&Settings::with_defaults().unwrap());
        let [before, it, after] = levels.map(|percent| percent * 100);
        let at = |number: i64| UtcMs(number * every_ms);
        spikes.judge(Some((at(0), before)), (at(1), it), Some((at(2), after)))
    }

    #[test]
    fn a_level_that_leaves_both_its_neighbours_and_returns_is_a_spike() {
        for levels in [
            [30, 100, 30],
            [30, 100, 45],
            [30, 51, 30],
            [90, 0, 90],
            [90, 0, 70],
        ] {
            assert_eq!(judge(levels, 10 * MINUTE), Verdict::Rejected, "{levels:?}");
        }
        for levels in [
            [30, 50, 30],
            [30, 100, 100],
            [30, 100, 51],
            [60, 100, 0],
            [30, 30, 30],
        ] {
            assert_eq!(judge(levels, 10 * MINUTE), Verdict::Believed, "{levels:?}");
        }
    }

    #[test]
    fn what_a_bin_can_do_in_the_time_is_believed() {
        assert_eq!(judge([5, 100, 3], 2 * 60 * MINUTE), Verdict::Believed);
        assert_eq!(judge([5, 100, 3], 60 * MINUTE), Verdict::Rejected);
    }

    #[test]
    fn an_emptying_is_never_a_spike_whatever_the_limit() {
        let mut settings = Settings::with_defaults().unwrap();
        for limit in [2_000, 5_000, 9_000] {
            settings.spike.limit = huitian_model::FillLevel::from_hundredths(limit).unwrap();
            let at = |number: i64| UtcMs(number * MINUTE);
            for (it, after) in [(0, 5_900), (0, 6_000), (500, 600)] {
                let spikes = Spikes::of(&settings);
                let verdict =
                    spikes.judge(Some((at(0), 10_000)), (at(1), it), Some((at(2), after)));
                assert_eq!(verdict, Verdict::Believed, "{limit}: {it}, {after}");
            }
        }
    }

    #[test]
    fn only_a_rise_that_is_too_fast_is_held_back() {
        let spikes = Spikes::of(&Settings::with_defaults().unwrap());
        let newest = |level, at| spikes.judge(Some((UtcMs(0), 3_000)), (UtcMs(at), level), None);
        assert_eq!(newest(10_000, 30 * MINUTE), Verdict::HeldBack);
        assert_eq!(newest(10_000, 90 * MINUTE), Verdict::Believed);
        assert_eq!(newest(0, MINUTE), Verdict::Believed);
        assert_eq!(
            spikes.judge(None, (UtcMs(0), 10_000), None),
            Verdict::Believed
        );
    }
}
