//! Deriving: arrivals, passages, emptyings and episodes from the readings since the last tick.
//!
//! Readings that came in order are taken in one after the other. After a reading that came
//! between others, everything of its channel is derived anew from the oldest kept reading.

use huitian_model::{Settings, UtcMs};

use crate::arena::Arena;
use crate::bin::Limits;
use crate::channel::{Channel, Role};
use crate::facility::{Facility, Kind};
use crate::station::channel_rules;
use crate::timeline::Level;

/// Brings all that is derived of a facility's readings up to date.
pub fn derive(facility: &mut Facility, channels: &mut Arena<Channel>, settings: &Settings) {
    for index in std::mem::take(&mut facility.to_derive) {
        if let Some(channel) = channels.get_mut(index) {
            channel.is_listed = false;
            derive_now(facility, channel, index, settings);
        }
    }
}

fn derive_channel(facility: &mut Facility, channel: &mut Channel, index: u32, settings: &Settings) {
    let rules = channel_rules(channel, Limits::of(settings));
    let again = channel.derive_from;
    let valid_for_ms = channel.valid_for_ms;
    let samples = channel.history.samples_mut();
    match (&mut channel.role, &mut facility.kind) {
        (Role::Bay(base, state), Kind::Lot(lot)) => {
            let mut first = channel.derived;
            if let Some(from) = again {
                lot.changes.retract(index, from);
                *state = *base;
                first = 0;
            }
            let new = samples.iter().skip(first);
            let changes = new.filter_map(|kept| state.step(kept, valid_for_ms));
            let changes = changes.filter(|change| again <= Some(change.at));
            lot.changes.extend(index, changes);
        }
        (Role::Gate { is_entry, counter }, Kind::Lot(lot)) => {
            let differences = match again {
                Some(_) => counter.again(samples),
                None => counter.advance(samples.get(channel.derived..).unwrap_or_default()),
            };
            let sign = if *is_entry { 1 } else { -1 };
            for (at, vehicles) in differences {
                lot.by_gates.shift(
                    at,
                    Level {
                        in_use: sign * vehicles,
                        known: 0,
                    },
                );
            }
        }
        (Role::Bin { bin, ledger, .. }, Kind::Station(bins)) => {
            let Some(rules) = rules else { return };
            let changed = match again {
                Some(_) => ledger.again(samples, &rules),
                None => ledger.advance(samples, channel.derived, &rules),
            };
            if let Some(changed) = changed {
                facility.book.mark(changed);
            }
            let place = usize::try_from(*bin).unwrap_or(usize::MAX);
            if let Some(bin) = bins.get_mut(place) {
                bin.is_touched = true;
            }
        }
        _ => {}
    }
}

/// Brings what is derived of one channel's readings up to date before its facility's turn comes.
pub fn derive_now(facility: &mut Facility, channel: &mut Channel, index: u32, settings: &Settings) {
    derive_channel(facility, channel, index, settings);
    channel.derived = channel.history.samples().len();
    channel.derive_from = None;
}

/// The earliest instant of a bin's channel that may still be judged otherwise; see
/// [`crate::bin::Ledger::pending`].
pub fn pending(channel: &Channel, settings: &Settings, late: UtcMs) -> Option<UtcMs> {
    let rules = channel_rules(channel, Limits::of(settings))?;
    match &channel.role {
        Role::Bin { ledger, .. } => ledger.pending(channel.history.samples(), &rules, late),
        Role::Bay(..) | Role::Counted { .. } | Role::Gate { .. } | Role::Other => None,
    }
}

/// Forgets a channel's readings before `horizon`, but not what they lead to. Everything of it
/// has been derived.
pub fn forget(facility: &mut Facility, channel: &mut Channel, horizon: UtcMs, settings: &Settings) {
    let count = channel.history.forgettable(horizon);
    if count == 0 {
        return;
    }
    let rules = channel_rules(channel, Limits::of(settings));
    let old = channel.history.samples().get(..count).unwrap_or_default();
    let valid_for_ms = channel.valid_for_ms;
    match (&mut channel.role, &mut facility.kind) {
        (Role::Bay(base, _), _) => {
            for kept in old {
                base.step(kept, valid_for_ms);
            }
        }
        (Role::Gate { counter, .. }, _) => counter.forget(old),
        (Role::Bin { bin, ledger, .. }, Kind::Station(bins)) => {
            if let Some(rules) = rules {
                let gone = ledger.forget(old, &rules);
                let place = usize::try_from(*bin).unwrap_or(usize::MAX);
                if let Some(bin) = bins.get_mut(place) {
                    bin.forget(gone);
                }
            }
        }
        _ => {}
    }
    channel.history.forget(count);
    channel.derived = channel.derived.saturating_sub(count);
}
