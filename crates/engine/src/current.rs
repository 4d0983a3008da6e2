//! Facilities as they stand, for live pages.

use huitian_model::{
    BayCurrent, BayState, BinCurrent, Current, CurrentBody, GateCount, LotCurrent, Output,
    Settings, UtcMs,
};

use crate::arena::Arena;
use crate::channel::{Channel, Role};
use crate::derive::derive;
use crate::engine::Engine;
use crate::facility::{Facility, Kind};
use crate::kept::{Kept, level};
use crate::lot::{Basis, Lot, held};
use crate::station::Bin;

impl Engine {
    /// Queues a view of every facility that was touched since the last call.
    pub(crate) fn show_current(&mut self, out: &mut Vec<Output>) {
        let Some(settings) = self.settings.clone() else {
            return;
        };
        for facility in self.facilities.iter_mut() {
            if !std::mem::take(&mut facility.is_touched) || facility.definition.is_none() {
                continue;
            }
            derive(facility, &mut self.channels, &settings);
            let now = self.now.or(facility.newest_at).unwrap_or(UtcMs(0));
            out.push(Output::Current(current(
                facility,
                &self.channels,
                &settings,
                now,
            )));
        }
    }
}

fn current(
    facility: &Facility,
    channels: &Arena<Channel>,
    settings: &Settings,
    now: UtcMs,
) -> Current {
    let all = facility
        .channels
        .iter()
        .filter_map(|index| channels.get(*index));
    let fresh = all.filter(|channel| is_fresh(channel, now)).count();
    Current {
        site: facility.site.clone(),
        facility: facility.id.clone(),
        as_of: now,
        newest_at: facility.newest_at,
        channels_fresh: u32::try_from(fresh).unwrap_or(u32::MAX),
        channels_total: u32::try_from(facility.channels.len()).unwrap_or(u32::MAX),
        body: match &facility.kind {
            Kind::Lot(lot) => CurrentBody::Lot(lot_current(lot, channels, settings, now)),
            Kind::Station(bins) => {
                let bins = bins.iter().map(|bin| bin_current(bin, channels, now));
                CurrentBody::Station(bins.collect())
            }
        },
    }
}

fn is_fresh(channel: &Channel, now: UtcMs) -> bool {
    channel.holding(now).is_some_and(Kept::has_value)
}

fn lot_current(
    lot: &Lot,
    channels: &Arena<Channel>,
    settings: &Settings,
    now: UtcMs,
) -> LotCurrent {
    let bays: Vec<BayCurrent> = lot
        .bays
        .iter()
        .filter_map(|(asset, index)| {
            let (state, since) = bay_state(channels.get(*index)?, now);
            Some(BayCurrent {
                asset: asset.clone(),
                state,
                since,
                newest_at: channels.get(*index)?.history.newest().map(|kept| kept.at),
            })
        })
        .collect();
    let gates = lot.gate_count(channels, settings.gate_miscount_ppm, now);
    let in_state = |state: BayState| {
        let bays = bays.iter().filter(|bay| bay.state == state).count();
        i64::try_from(bays).unwrap_or(i64::MAX)
    };
    let by_bays = || (in_state(BayState::InUse), in_state(BayState::Free));
    let by_total = |in_use: i64| (in_use, lot.capacity - in_use);
    let (in_use, free) = match lot.basis() {
        Basis::Bays => by_bays(),
        Basis::Counted => {
            let channel = lot.counted.and_then(|index| channels.get(index));
            let holding = channel.and_then(|channel| Some((channel, channel.holding(now)?)));
            let known = holding.filter(|(_, kept)| kept.has_value());
            known.map_or((0, 0), |(channel, kept)| {
                by_total(channel.level(kept, lot.capacity).in_use)
            })
        }
        Basis::Gates => gates.map_or((0, 0), |(count, _)| by_total(i64::from(count))),
    };
    LotCurrent {
        capacity: u32::try_from(lot.capacity).unwrap_or(u32::MAX),
        in_use: held(in_use),
        free: held(free),
        unknown: held(lot.capacity - in_use - free),
        bays,
        gates: gates.map(|(count, error)| GateCount { count, error }),
    }
}

/// The state of a bay, and since when it has been so.
fn bay_state(channel: &Channel, now: UtcMs) -> (BayState, Option<UtcMs>) {
    let samples = channel.history.samples();
    let Some(newest) = samples.last() else {
        return (BayState::NeverSeen, None);
    };
    let expiry = newest.at.plus(channel.valid_for_ms);
    if expiry <= now {
        return (BayState::Silent, Some(expiry));
    }
    let alike = |kept: &&Kept| kept.bad() == newest.bad() && kept.value == newest.value;
    let first = samples.iter().rev().take_while(alike).last();
    let since = first.map(|kept| kept.at);
    match newest.bad() {
        Some(reason) => (BayState::Bad(reason), since),
        None if newest.value != 0 => (BayState::InUse, since),
        None => (BayState::Free, since),
    }
}

fn bin_current(bin: &Bin, channels: &Arena<Channel>, now: UtcMs) -> BinCurrent {
    let mut view = BinCurrent {
        asset: bin.asset.clone(),
        stream: bin.stream,
        fill: None,
        last_fill: None,
        bad: None,
        newest_at: None,
        overflow_since: None,
        emptied_at: None,
    };
    let Some(channel) = bin.channel.and_then(|index| channels.get(index)) else {
        return view;
    };
    let Role::Bin {
        geometry, ledger, ..
    } = &channel.role
    else {
        return view;
    };
    let samples = channel.history.samples();
    let fill = |kept: &Kept| level(geometry.hundredths(kept));
    // A level that may be a spike shows when the next one has confirmed it.
    let newest = samples.iter().rev().find(|kept| !kept.is_left_out());
    let last = samples.iter().rev().find(|kept| kept.is_believed());
    view.last_fill = last.map(fill);
    let holding = newest.filter(|kept| kept.has_value() && now < channel.expiry_of(kept));
    view.fill = holding.map(fill);
    view.bad = newest.and_then(Kept::bad);
    view.newest_at = channel.history.newest().map(|kept| kept.at);
    view.overflow_since = ledger.overflow_since();
    view.emptied_at = ledger.emptied_at();
    view
}
