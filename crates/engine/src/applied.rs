//! What follows from a reading for its channel, its facility and the rule of its bin.

use huitian_model::{FillLevel, Output, Settings, UtcMs};

use crate::channel::{Channel, Role};
use crate::derive::derive_now;
use crate::engine::Engine;
use crate::facility::Kind;
use crate::finding::Bounds;
use crate::history::{Done, Fate, Standing};
use crate::kept::{Kept, level};
use crate::overflow::View;
use crate::tick::{alert_id, view_of};

impl Engine {
    /// Whether a reading that is taken in is accounted as late: only a recomputation does that.
    pub(crate) fn is_taken_in_late(&self, at: UtcMs) -> bool {
        let before = self.now.zip(self.late_after_ms);
        before.is_some_and(|(now, lateness_ms)| at < now.minus(lateness_ms))
    }

    /// Brings everything in step with what became of a reading.
    pub(crate) fn on_fate(
        &mut self,
        (index, kept): (u32, &Kept),
        (own, fate): (Standing, Fate),
        settings: &Settings,
        out: &mut Vec<Output>,
    ) {
        match fate {
            Fate::Duplicate | Fate::Beaten => return,
            Fate::Inserted(place) => self.on_change(index, kept.at, Done::Inserted(place)),
            Fate::Replaced(place, old) => {
                self.on_change(index, kept.at, Done::Replaced(place, old));
            }
            Fate::Settled(settlement) => {
                for step in settlement.steps {
                    let channel = self.channels.get_mut(index);
                    let done = channel.and_then(|channel| channel.history.step(step));
                    if let Some(done) = done {
                        self.on_change(index, step.at(), done);
                    }
                }
            }
        }
        let Some(channel) = self.channels.get_mut(index) else {
            return;
        };
        let Some(facility) = self.facilities.get(channel.facility) else {
            return;
        };
        if own == Standing::Applied && !matches!(channel.role, Role::Other) {
            note_run(channel, kept, facility.capacity(), settings);
            if kept.has_value() {
                self.watch_bin((index, kept.at), settings, out);
            }
        }
    }

    /// Brings timelines and lists in step with one change of what holds at an instant.
    fn on_change(&mut self, index: u32, at: UtcMs, done: Done) {
        let Some(channel) = self.channels.get_mut(index) else {
            return;
        };
        let Some(facility) = self.facilities.get_mut(channel.facility) else {
            return;
        };
        facility.is_touched = true;
        facility.book.mark(at);
        let is_removed = matches!(done, Done::Removed(..));
        let newest = channel.history.newest().map(|newest| newest.at);
        if newest == Some(at) || is_removed {
            facility.holds_until(newest.unwrap_or(at).plus(channel.valid_for_ms));
        }
        if !matches!(channel.role, Role::Other) {
            let capacity = facility.capacity();
            if let Some(timeline) = facility.timeline(&channel.role) {
                channel.draw(done, capacity, timeline);
            }
            channel.note(done);
            if !channel.is_listed {
                channel.is_listed = true;
                facility.to_derive.push(index);
            }
        }
        if !is_removed {
            facility.newest_at = facility.newest_at.max(Some(at));
        } else if facility.newest_at == Some(at) {
            let all = facility.channels.iter();
            let newest = all.filter_map(|one| self.channels.get(*one)?.history.newest());
            facility.newest_at = newest.map(|newest| newest.at).max();
        }
    }

    /// Looks at the overflow rule of a bin whose newest known level is that of `at`.
    fn watch_bin(&mut self, (index, at): (u32, UtcMs), settings: &Settings, out: &mut Vec<Output>) {
        let Some(channel) = self.channels.get_mut(index) else {
            return;
        };
        let Role::Bin { bin, geometry, .. } = &channel.role else {
            return;
        };
        let Some(facility) = self.facilities.get_mut(channel.facility) else {
            return;
        };
        let Kind::Station(bins) = &facility.kind else {
            return;
        };
        let place = usize::try_from(*bin).unwrap_or(usize::MAX);
        let Some(is_open) = bins.get(place).map(|bin| bin.watch.is_open()) else {
            return;
        };
        let geometry = *geometry;
        let is_of_interest = |newest: Option<(UtcMs, FillLevel)>| {
            let newest = newest.filter(|(newest, _)| *newest == at);
            newest.is_some_and(|(_, fill)| is_open || fill > settings.overflow.off)
        };
        let said = channel.history.samples().iter().rev();
        let newest = said.clone().find(|kept| kept.has_value());
        if !is_of_interest(newest.map(|kept| (kept.at, level(geometry.hundredths(kept))))) {
            return;
        }
        // Whether it may be a spike is derived: here it is needed before the next tick.
        derive_now(facility, channel, index, settings);
        let view = view_of(channel, geometry, settings, self.now.unwrap_or(at));
        if !is_of_interest(view.newest) {
            return;
        }
        let Kind::Station(bins) = &mut facility.kind else {
            return;
        };
        let Some(bin) = bins.get_mut(place) else {
            return;
        };
        let view = View {
            settings_version: self.settings_version,
            overflowing: overflowing_despite_a_spike(channel),
            ..view
        };
        let (site, id, asset) = (&facility.site, &facility.id, &bin.asset);
        let identify = |raised_at| alert_id(&settings.overflow, (site, id, asset), raised_at);
        let mut rows = Vec::new();
        bin.watch.look(&view, identify, &mut rows);
        out.extend(rows.into_iter().map(Output::Alert));
    }
}

/// Since when a bin overflows, where the level before its newest is a spike.
fn overflowing_despite_a_spike(channel: &Channel) -> Option<UtcMs> {
    let Role::Bin { ledger, .. } = &channel.role else {
        return None;
    };
    let samples = channel.history.samples().iter().rev();
    let before = samples.filter(|kept| kept.has_value()).nth(1)?;
    let is_spike = before.is_rejected();
    ledger.overflow_since().filter(|_| is_spike)
}

/// Follows the odd runs of a count.
fn note_run(channel: &mut Channel, kept: &Kept, capacity: i64, settings: &Settings) {
    let in_use = channel.level(kept, capacity).in_use;
    if let Role::Counted { runs, .. } = &mut channel.role
        && kept.has_value()
    {
        let frozen_after_ms = settings.frozen_after_ms;
        runs.note(
            kept.at,
            in_use,
            Bounds {
                capacity,
                frozen_after_ms,
            },
        );
    }
}
