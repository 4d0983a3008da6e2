//! Ticks: the only thing that decides what is final, idle, overdue or past.

use huitian_model::{
    AlertId, AssetId, Evidence, FacilityId, Output, OverflowRule, Settings, SiteId, UtcMs,
};

use crate::arena::Arena;
use crate::bin::Geometry;
use crate::channel::{Channel, Role};
use crate::derive::{derive, forget, pending};
use crate::engine::Engine;
use crate::facility::{Facility, Kind};
use crate::finding::Bounds;
use crate::kept::level;
use crate::overflow::View;
use crate::station::Place;
use crate::windows::{self, Ground};

const MINUTE_MS: i64 = 60_000;

/// A tick that moves time by more is fast-forward: nobody watches.
const FAST_MS: i64 = 2 * MINUTE_MS;

/// The longest civil day is 25 hours; one hour more for good measure, ms.
pub const DAY_MS_MAX: i64 = 26 * 3_600_000;

/// How long a station's past is kept for a fall that no further reading has confirmed, ms: 32 days
/// of four bins that speak every half hour are some 150 KB. A bin that is silent for longer has
/// its emptying in the ledger when it speaks again, but its old windows are not amended.
pub const PENDING_MS_MAX: i64 = 32 * 86_400_000;

/// The past is forgotten so often, ms: each time costs a pass over all channels.
pub const FORGET_EVERY_MS: i64 = 3_600_000;

/// The identity of an overflow alert.
pub fn alert_id(
    rule: &OverflowRule,
    (site, facility, asset): (&SiteId, &FacilityId, &AssetId),
    raised_at: UtcMs,
) -> AlertId {
    AlertId {
        rule: rule.id.clone(),
        site: site.clone(),
        facility: facility.clone(),
        asset: Some(asset.clone()),
        raised_at,
    }
}

/// How a tick moves time.
#[derive(Clone, Copy)]
struct Step {
    now: UtcMs,
    is_first: bool,
    is_fast: bool,
    /// The last full minute, where this tick reaches or passes it.
    minute: Option<UtcMs>,
    /// The full minute before it, where this tick passes both.
    minute_before: Option<UtcMs>,
}

impl Step {
    fn new(before: Option<UtcMs>, now: UtcMs) -> Self {
        let minute = now.floor(MINUTE_MS);
        let passes = |minute: UtcMs| before.is_none_or(|before| before < minute);
        let is_fast = before.is_none_or(|before| now.since(before) > FAST_MS);
        let second = minute.minus(MINUTE_MS);
        Self {
            now,
            is_first: before.is_none(),
            is_fast,
            minute: passes(minute).then_some(minute),
            minute_before: (!is_fast && passes(second)).then_some(second),
        }
    }
}

impl Engine {
    /// Takes in a tick.
    pub(crate) fn on_tick(&mut self, now: UtcMs, out: &mut Vec<Output>) {
        let Some(settings) = self.settings.clone() else {
            return;
        };
        // Time never runs backwards within a log; a tick that did would move nothing.
        let now = self.now.map_or(now, |before| before.max(now));
        let step = Step::new(self.now.replace(now), now);
        let version = self.settings_version;
        for facility in self.facilities.iter_mut() {
            if facility.definition.is_none() {
                continue;
            }
            facility.expire(&mut self.channels, now);
            derive(facility, &mut self.channels, &settings);
            let ground = Ground {
                channels: &self.channels,
                settings: &settings,
            };
            publish_windows(facility, ground, step, out);
            watch(facility, ground, step.now, version, out);
            publish_ledgers(facility, ground, out);
        }
        self.publish_findings(&settings, out);
        self.publish_devices(step, out);
        self.forget_the_past(&settings, now);
    }

    fn publish_findings(&mut self, settings: &Settings, out: &mut Vec<Output>) {
        for facility in self.facilities.iter() {
            let Kind::Lot(lot) = &facility.kind else {
                continue;
            };
            let Some(channel) = lot.counted.and_then(|index| self.channels.get_mut(index)) else {
                continue;
            };
            let Role::Counted { runs, .. } = &mut channel.role else {
                continue;
            };
            let frozen_after_ms = settings.frozen_after_ms;
            let bounds = Bounds {
                capacity: lot.capacity,
                frozen_after_ms,
            };
            out.extend(
                runs.take(&channel.name, bounds)
                    .into_iter()
                    .map(Output::Finding),
            );
        }
    }

    fn publish_devices(&mut self, step: Step, out: &mut Vec<Output>) {
        let mut changed = std::mem::take(&mut self.account_news);
        for index in &changed {
            if let Some(device) = self.devices.get_mut(*index) {
                device.is_listed = false;
                device.publish_accounts(self.edges.ids(), step.now, out);
            }
        }
        changed.append(&mut self.device_news);
        if step.minute.is_none() {
            // Rows of devices are looked at once a minute.
            self.device_news = changed;
            return;
        }
        changed.sort_unstable();
        changed.dedup();
        for index in changed {
            if let Some(device) = self.devices.get_mut(index)
                && device.publish_row(step.now, step.is_fast, out)
            {
                self.device_news.push(index);
            }
        }
    }

    fn forget_the_past(&mut self, settings: &Settings, now: UtcMs) {
        let is_time = |last: UtcMs| now.since(last) >= FORGET_EVERY_MS;
        if !self.forgot_at.is_none_or(is_time) {
            return;
        }
        self.forgot_at = Some(now);
        for facility in self.facilities.iter_mut() {
            let horizon = horizon(facility, &self.channels, settings, now);
            forget_facility(facility, &mut self.channels, horizon, settings);
        }
        for device in self.devices.iter_mut() {
            device.forget_accounts(now);
        }
    }
}

/// Forgets what a facility knows of the time before `horizon`, but not what it leads to.
pub fn forget_facility(
    facility: &mut Facility,
    channels: &mut Arena<Channel>,
    horizon: UtcMs,
    settings: &Settings,
) {
    for place in 0..facility.channels.len() {
        let index = facility.channels.get(place).copied();
        if let Some(channel) = index.and_then(|index| channels.get_mut(index)) {
            forget(facility, channel, horizon, settings);
        }
    }
    if let Kind::Lot(lot) = &mut facility.kind {
        lot.forget(horizon);
    }
    facility.book.forget(horizon);
}

/// Before which instant a facility's past can change nothing any more: a reading in time changes
/// windows that end after `now - lateness`, and the windows of a fall that it confirms.
pub fn horizon(
    facility: &Facility,
    channels: &Arena<Channel>,
    settings: &Settings,
    now: UtcMs,
) -> UtcMs {
    let late = now.minus(settings.lateness_ms);
    let all = facility
        .channels
        .iter()
        .filter_map(|index| channels.get(*index));
    let open = all.filter_map(|channel| pending(channel, settings, late));
    let oldest_fall = late.minus(PENDING_MS_MAX);
    let earliest = open
        .min()
        .map_or(late, |first| first.max(oldest_fall).min(late));
    earliest.minus(settings.settle_ms.saturating_add(DAY_MS_MAX))
}

fn publish_windows(facility: &mut Facility, ground: Ground<'_>, step: Step, out: &mut Vec<Output>) {
    let zone = facility
        .definition
        .as_ref()
        .map(|definition| definition.zone.clone());
    facility.book.open(zone.as_deref().unwrap_or(""), step.now);
    windows::amend(facility, ground, out);
    windows::finish(facility, ground, step.now, out);
    let Some(minute) = step.minute else { return };
    if !step.is_fast {
        windows::preview(facility, ground, step.now, out);
    }
    if step.is_first {
        return;
    }
    if let Some(before) = step.minute_before {
        windows::roll(facility, ground, before, out);
    }
    windows::roll(facility, ground, minute, out);
}

/// Looks at the rules of a station's bins by the time of a tick.
fn watch(
    facility: &mut Facility,
    ground: Ground<'_>,
    now: UtcMs,
    settings_version: u64,
    out: &mut Vec<Output>,
) {
    let Facility {
        site,
        id,
        kind: Kind::Station(bins),
        ..
    } = facility
    else {
        return;
    };
    let rule = &ground.settings.overflow;
    for bin in bins.iter_mut().filter(|bin| bin.watch.is_open()) {
        let Some(channel) = bin.channel.and_then(|index| ground.channels.get(index)) else {
            continue;
        };
        let Role::Bin {
            geometry, ledger, ..
        } = &channel.role
        else {
            continue;
        };
        let view = view_of(channel, *geometry, ground.settings, now);
        let view = View {
            settings_version,
            ..view
        };
        let mut rows = Vec::new();
        if let Some(onset) = ledger.overflow_since() {
            bin.watch.amend_onset(onset, now, &mut rows);
        }
        let asset = &bin.asset;
        bin.watch
            .look(&view, |at| alert_id(rule, (site, id, asset), at), &mut rows);
        out.extend(rows.into_iter().map(Output::Alert));
    }
}

/// What the overflow rule sees of a bin's channel.
pub fn view_of<'a>(
    channel: &Channel,
    geometry: Geometry,
    settings: &'a Settings,
    now: UtcMs,
) -> View<'a> {
    let newest = channel
        .history
        .samples()
        .iter()
        .rev()
        .find(|kept| kept.is_believed());
    View {
        rule: &settings.overflow,
        settings_version: 0,
        now,
        newest: newest.map(|kept| (kept.at, level(geometry.hundredths(kept)))),
        evidence: evidence(channel, now),
        overflowing: None,
    }
}

/// How fresh a channel is: stale since its newest reading stopped to hold, or has been bad.
fn evidence(channel: &Channel, now: UtcMs) -> Evidence {
    let samples = channel.history.samples().iter();
    let samples = samples.rev().filter(|kept| !kept.is_left_out());
    let Some(newest) = samples.clone().next() else {
        return Evidence::Fresh;
    };
    if newest.has_value() {
        let expiry = newest.at.plus(channel.valid_for_ms);
        return if now < expiry {
            Evidence::Fresh
        } else {
            Evidence::StaleSince(expiry)
        };
    }
    let mut samples = samples;
    let bad = samples.clone().take_while(|kept| !kept.has_value()).last();
    let bad_since = bad.map_or(newest.at, |kept| kept.at);
    let good = samples.find(|kept| kept.has_value());
    let expiry = good.map(|kept| kept.at.plus(channel.valid_for_ms));
    Evidence::StaleSince(expiry.map_or(bad_since, |expiry| expiry.min(bad_since)))
}

fn publish_ledgers(facility: &mut Facility, ground: Ground<'_>, out: &mut Vec<Output>) {
    let Facility {
        site,
        id,
        kind: Kind::Station(bins),
        ..
    } = facility
    else {
        return;
    };
    for bin in bins.iter_mut().filter(|bin| bin.is_touched) {
        let channel = bin.channel.and_then(|index| ground.channels.get(index));
        if let Some(Role::Bin { ledger, .. }) = channel.map(|channel| &channel.role) {
            bin.publish(ledger, &Place { site, facility: id }, out);
        }
    }
}
