//! The live engine goes on from what was recomputed.

use huitian_model::{FacilityId, SiteId, UtcMs, WindowLength, WindowRow};

use super::Recompute;
use crate::arena::Arena;
use crate::book::Book;
use crate::channel::{Channel, Role};
use crate::derive::derive;
use crate::engine::Engine;
use crate::facility::{Facility, Kind};
use crate::hash::hash;

impl Engine {
    /// Goes on from what was recomputed of a facility; `amended` are the windows that were
    /// published of it. Returns whether it did: both must stand at the same position of the log,
    /// and mean the same facility.
    pub fn adopt(
        &mut self,
        other: &Recompute,
        key: &(SiteId, FacilityId),
        amended: &[WindowRow],
    ) -> bool {
        let Some(settings) = self.settings.clone() else {
            return false;
        };
        let theirs = other.facility(&key.0, &key.1);
        let (Some(index), Some((_, theirs))) = (self.facility_index.get(key).copied(), theirs)
        else {
            return false;
        };
        let Some(ours) = self.facilities.get_mut(index) else {
            return false;
        };
        let is_same = ours.definition == theirs.definition && self.position == other.position();
        let Some(definition) = ours.definition.clone().filter(|_| is_same) else {
            return false;
        };
        let book = std::mem::take(&mut ours.book);
        let pairs: Vec<(u32, u32)> = ours
            .channels
            .iter()
            .copied()
            .zip(theirs.channels.iter().copied())
            .collect();
        for (ours, theirs) in pairs {
            self.restate(ours, &other.engine, theirs);
            if let (Some(ours), Some(theirs)) = (
                self.channels.get_mut(ours),
                other.engine.channels.get(theirs),
            ) {
                take_over(ours, theirs);
            }
        }
        self.rebind(index, Some(definition));
        if let Some(facility) = self.facilities.get_mut(index) {
            facility.book = book;
            facility.newest_at = facility.newest_at.max(theirs.newest_at);
            derive(facility, &mut self.channels, &settings);
            note_ledgers(facility, &self.channels);
            for row in amended {
                facility.book.amended(
                    row.key.length,
                    row.key.start,
                    (hash(&row.body), row.revision),
                );
            }
        }
        // What is past is forgotten at the next tick, not in an hour.
        self.forgot_at = None;
        true
    }
}

impl Engine {
    /// Accounts our readings as they stand where the late ones are taken in: one that was applied
    /// may be a copy of a late one.
    fn restate(&mut self, ours: u32, other: &Self, theirs: u32) {
        let (Some(ours), Some(theirs)) = (self.channels.get(ours), other.channels.get(theirs))
        else {
            return;
        };
        let Some(index) = self.device_index.get(&ours.name.device).copied() else {
            return;
        };
        let Some(device) = self.devices.get_mut(index) else {
            return;
        };
        for (kept, before) in ours.history.standings() {
            let now = theirs
                .history
                .standing_of(kept)
                .filter(|now| *now != before);
            if let Some(now) = now {
                device.restate(kept, before, now);
                if !device.is_listed {
                    device.is_listed = true;
                    self.account_news.push(index);
                }
            }
        }
    }
}

/// Takes over what is known of a channel. The odd runs of a count are findings of their own and
/// stay as they were published.
fn take_over(ours: &mut Channel, theirs: &Channel) {
    ours.history.clone_from(&theirs.history);
    if !matches!(ours.role, Role::Counted { .. }) {
        ours.role.clone_from(&theirs.role);
    }
}

/// The ledgers' rows are published by the repair itself.
fn note_ledgers(facility: &mut Facility, channels: &Arena<Channel>) {
    let Kind::Station(bins) = &mut facility.kind else {
        return;
    };
    for bin in bins {
        let channel = bin.channel.and_then(|index| channels.get(index));
        if let Some(Role::Bin { ledger, .. }) = channel.map(|channel| &channel.role) {
            bin.note_published(ledger);
        }
    }
}

impl Book {
    /// Notes that another row was published of a window that can still be amended.
    fn amended(&mut self, length: WindowLength, start: UtcMs, (hash, revision): (u64, u32)) {
        let shelf = self.shelves.iter_mut().find(|shelf| shelf.length == length);
        let mut published = shelf
            .into_iter()
            .flat_map(|shelf| shelf.published.iter_mut());
        if let Some(known) = published.find(|known| known.span.start == start) {
            known.hash = hash;
            known.revision = revision;
        }
    }
}
