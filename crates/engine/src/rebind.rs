//! A new inventory: facilities whose definition changed are built anew from what is known of
//! their channels; all others are left alone.

use huitian_model::{FacilityId, Inventory, SiteId};

use crate::bay::BayState;
use crate::binding::{Bound, Definition, definitions};
use crate::book::Book;
use crate::channel::{Channel, Role};
use crate::engine::Engine;
use crate::facility::{Facility, Kind};
use crate::history::{History, Step};

impl Engine {
    /// Takes in an inventory.
    pub(crate) fn on_inventory(&mut self, inventory: &Inventory) {
        let mut definitions = definitions(inventory);
        let known: Vec<((SiteId, FacilityId), u32)> = self
            .facility_index
            .iter()
            .map(|(key, index)| (key.clone(), *index))
            .collect();
        for (key, index) in known {
            let definition = definitions.remove(&key);
            let old = self
                .facilities
                .get(index)
                .map(|facility| &facility.definition);
            if old != Some(&definition) {
                self.rebind(index, definition);
            }
        }
        for ((site, id), definition) in definitions {
            self.add_facility((site, id), definition);
        }
        self.bind_devices(inventory);
    }

    /// Adds a facility of which nothing is known yet.
    pub(crate) fn add_facility(&mut self, key: (SiteId, FacilityId), definition: Definition) {
        let facility = Facility {
            site: key.0.clone(),
            id: key.1.clone(),
            definition: None,
            kind: Kind::Station(Vec::new()),
            channels: Vec::new(),
            next_expiry: None,
            to_derive: Vec::new(),
            is_touched: true,
            book: Book::default(),
            rolling: [0; 3],
            newest_at: None,
        };
        let index = self.facilities.push(facility);
        self.facility_index.insert(key, index);
        self.rebind(index, Some(definition));
    }

    /// Gives devices their sites, validity and channels.
    fn bind_devices(&mut self, inventory: &Inventory) {
        for device in self.devices.iter_mut() {
            device.site = None;
            device.channels.clear();
        }
        for (id, plan) in &inventory.devices {
            let index = self.device_of(id);
            if let Some(device) = self.devices.get_mut(index) {
                device.site = Some(plan.site.clone());
                device.valid_for_ms = plan.valid_for_ms();
            }
            self.device_news.push(index);
        }
        self.bind_channels();
    }

    /// Gives devices the channels that facilities have of them.
    pub(crate) fn bind_channels(&mut self) {
        let facilities = self.facilities.iter();
        let bound: Vec<u32> = facilities
            .flat_map(|facility| facility.channels.clone())
            .collect();
        for index in bound {
            let Some(name) = self.channels.get(index).map(|channel| channel.name.clone()) else {
                continue;
            };
            let device = self.device_of(&name.device);
            if let Some(device) = self.devices.get_mut(device) {
                device.channels.push((name.channel, index));
            }
        }
    }

    /// Builds a facility anew; without a definition it is in no inventory any more.
    pub(crate) fn rebind(&mut self, index: u32, definition: Option<Definition>) {
        let Some(facility) = self.facilities.get_mut(index) else {
            return;
        };
        let old = facility.definition.take();
        let old_channels = std::mem::take(&mut facility.channels);
        let old_kind = std::mem::replace(&mut facility.kind, Kind::Station(Vec::new()));
        facility.to_derive.clear();
        facility.next_expiry = None;
        facility.is_touched = true;
        facility.rolling = [0; 3];
        for shelf in &mut facility.book.shelves {
            // What was final before the change stays as it is.
            shelf.published.clear();
            shelf.provisional = 0;
        }
        facility.book.dirty_from = None;
        let old_bound = old.map(|old| old.channels).unwrap_or_default();
        let Some(definition) = definition else {
            facility.book = Book::default();
            for channel in old_channels {
                self.clear_channel(channel);
            }
            return;
        };
        let mut kind = definition.kind();
        let mut channels = Vec::new();
        for bound in &definition.channels {
            let place = old_bound.iter().position(|old| old.name == bound.name);
            let same = |old: &Bound| old.quantity == bound.quantity && old.binds == bound.binds;
            let is_same = place
                .and_then(|place| old_bound.get(place))
                .is_some_and(same);
            let known = place.and_then(|place| old_channels.get(place)).copied();
            let channel = known.filter(|_| is_same).unwrap_or_else(|| {
                let new = Channel::new(bound.name.clone(), bound.quantity, Role::Other);
                self.channels.push(new)
            });
            let role = definition.bind(bound, channel, &mut kind);
            self.bind_channel(channel, index, bound, role);
            channels.push(channel);
        }
        for channel in old_channels
            .into_iter()
            .filter(|channel| !channels.contains(channel))
        {
            self.clear_channel(channel);
        }
        carry_over(old_kind, &mut kind);
        if let Some(facility) = self.facilities.get_mut(index) {
            facility.kind = kind;
            facility.channels = channels;
            facility.definition = Some(definition);
        }
        self.redraw(index);
    }

    fn clear_channel(&mut self, index: u32) {
        if let Some(channel) = self.channels.get_mut(index) {
            channel.history = History::default();
            channel.role = Role::Other;
            channel.facility = u32::MAX;
        }
    }

    fn bind_channel(&mut self, index: u32, facility: u32, bound: &Bound, role: Role) {
        let Some(channel) = self.channels.get_mut(index) else {
            return;
        };
        channel.facility = facility;
        channel.valid_for_ms = bound.valid_for_ms;
        channel.role = merge(std::mem::replace(&mut channel.role, Role::Other), role);
        channel.derived = 0;
        channel.derive_from = None;
        channel.is_listed = true;
        channel.is_closed = false;
    }

    /// Draws the timelines of a facility from the histories of its channels.
    fn redraw(&mut self, index: u32) {
        let Some(facility) = self.facilities.get_mut(index) else {
            return;
        };
        if let Kind::Lot(lot) = &mut facility.kind {
            let inside = passed(lot.gates.iter().filter_map(|gate| self.channels.get(*gate)));
            lot.clear(inside);
        }
        let capacity = facility.capacity();
        for index in facility.channels.clone() {
            let Some(channel) = self.channels.get_mut(index) else {
                continue;
            };
            let history = std::mem::take(&mut channel.history);
            if let Some(timeline) = facility.timeline(&channel.role) {
                for kept in history.samples() {
                    if let Some(done) = channel.history.step(Step::Put(*kept)) {
                        channel.draw(done, capacity, timeline);
                    }
                }
            }
            channel.history = history;
            if let Some(expiry) = channel.expiry() {
                facility.holds_until(expiry);
            }
            facility.to_derive.push(index);
        }
    }
}

/// Vehicles in less vehicles out before the oldest kept readings of all gates.
fn passed<'a>(gates: impl Iterator<Item = &'a Channel>) -> i64 {
    let inside = gates.map(|gate| match &gate.role {
        Role::Gate {
            is_entry: true,
            counter,
        } => counter.base_total(),
        Role::Gate {
            is_entry: false,
            counter,
        } => -counter.base_total(),
        Role::Bay(..) | Role::Counted { .. } | Role::Bin { .. } | Role::Other => 0,
    });
    inside.sum()
}

/// The role of a channel that had one before: what led to its oldest kept reading is kept.
fn merge(old: Role, new: Role) -> Role {
    match (old, new) {
        (Role::Bay(base, _), Role::Bay(..)) => Role::Bay(base, base),
        (
            Role::Gate { mut counter, .. },
            Role::Gate {
                is_entry,
                counter: new,
            },
        ) => {
            counter.obey(new.rule());
            counter.begin_again();
            Role::Gate { is_entry, counter }
        }
        (Role::Counted { runs, .. }, Role::Counted { is_free, .. }) => {
            Role::Counted { is_free, runs }
        }
        (Role::Bin { mut ledger, .. }, Role::Bin { bin, geometry, .. }) => {
            ledger.begin_again();
            Role::Bin {
                bin,
                geometry,
                ledger,
            }
        }
        (_, Role::Bay(..)) => Role::Bay(BayState::default(), BayState::default()),
        (_, new) => new,
    }
}

/// Alerts and what was published of the ledgers go on with their bins.
fn carry_over(old: Kind, new: &mut Kind) {
    let (Kind::Station(old), Kind::Station(new)) = (old, new) else {
        return;
    };
    for bin in old {
        if let Some(same) = new.iter_mut().find(|other| other.asset == bin.asset) {
            same.carry_over(bin);
        }
    }
}
