//! What the inventory says of a facility, and how it becomes channels with roles.
//!
//! A facility whose definition is unchanged is left alone. Where it changed, channels with the
//! same quantity and binding keep their history; all others begin anew. Windows that were final
//! before the change are not amended after it (decision 0034).

use std::collections::BTreeMap;

use huitian_model::{
    AssetId, AssetKind, Binding, ChannelRef, CounterRule, Facility as Plan, FacilityKind,
    Inventory, Quantity, SiteId,
};
use serde::{Deserialize, Serialize};

use crate::bay::BayState;
use crate::bin::{Geometry, Ledger};
use crate::channel::Role;
use crate::facility::Kind;
use crate::finding::Runs;
use crate::gate::Counter;
use crate::lot::Lot;
use crate::station::Bin;

/// A channel as the inventory binds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bound {
    /// Its name.
    pub name: ChannelRef,
    /// What it measures.
    pub quantity: Quantity,
    /// Of what.
    pub binds: Binding,
    /// How long a reading holds, ms.
    pub valid_for_ms: i64,
    /// What its counts mean.
    pub counter: CounterRule,
}

/// All that the inventory says of a facility.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Definition {
    /// The facility.
    pub plan: Plan,
    /// The time zone of its site.
    pub zone: String,
    /// Its channels, by device and name.
    pub channels: Vec<Bound>,
}

/// The definitions of all facilities, by site and id.
pub fn definitions(
    inventory: &Inventory,
) -> BTreeMap<(SiteId, huitian_model::FacilityId), Definition> {
    let mut all = BTreeMap::new();
    for (site_id, site) in &inventory.sites {
        for (id, plan) in &site.facilities {
            let definition = Definition {
                plan: plan.clone(),
                zone: site.zone.clone(),
                channels: Vec::new(),
            };
            all.insert((site_id.clone(), id.clone()), definition);
        }
    }
    for device in inventory.devices.values() {
        for channel in device.channels.values() {
            let key = (device.site.clone(), channel.binds.facility.clone());
            let Some(definition) = all.get_mut(&key) else {
                continue;
            };
            definition.channels.push(Bound {
                name: ChannelRef {
                    device: device.id.clone(),
                    channel: channel.name.clone(),
                },
                quantity: channel.quantity,
                binds: channel.binds.clone(),
                valid_for_ms: device.valid_for_ms(),
                counter: channel.counter,
            });
        }
    }
    all
}

impl Definition {
    /// The facility's parts, without channels.
    pub fn kind(&self) -> Kind {
        match self.plan.kind {
            FacilityKind::ParkingLot {
                capacity,
                initial_count,
            } => Kind::Lot(Box::new(Lot::new(capacity, initial_count))),
            FacilityKind::WasteStation { .. } => {
                let bins = self
                    .plan
                    .assets
                    .values()
                    .filter_map(|asset| match asset.kind {
                        AssetKind::Bin { stream, .. } => Some(Bin::new(asset.id.clone(), stream)),
                        AssetKind::Bay | AssetKind::Gate => None,
                    });
                Kind::Station(bins.collect())
            }
        }
    }

    /// The role of a channel in `kind`, and its place there. Of several channels that measure the
    /// same bay or count, the first by device and name does; of a bin, one that says the fill.
    /// The counters of a gate are all summed: it may have several lanes.
    pub fn bind(&self, bound: &Bound, index: u32, kind: &mut Kind) -> Role {
        match kind {
            Kind::Lot(lot) => bind_to_lot(bound, index, lot),
            Kind::Station(bins) => self.bind_to_bin(bound, index, bins),
        }
    }

    fn bind_to_bin(&self, bound: &Bound, index: u32, bins: &mut [Bin]) -> Role {
        let is_it = |bin: &Bin| Some(&bin.asset) == bound.binds.asset.as_ref();
        let place = bins.iter().position(is_it);
        let geometry = self.geometry(bound);
        let (Some(place), Some(geometry)) = (place, geometry) else {
            return Role::Other;
        };
        let (Some(bin), Ok(number)) = (bins.get_mut(place), u32::try_from(place)) else {
            return Role::Other;
        };
        let is_primary = bin.channel.is_none() && self.is_primary(bound);
        if !is_primary {
            return Role::Other;
        }
        bin.channel = Some(index);
        Role::Bin {
            bin: number,
            geometry,
            ledger: Ledger::default(),
        }
    }

    /// Whether no other channel of the same bin goes before it.
    fn is_primary(&self, bound: &Bound) -> bool {
        let says_fill = |other: &Bound| other.quantity == Quantity::Fill;
        let mut others = self
            .channels
            .iter()
            .filter(|other| other.binds == bound.binds);
        says_fill(bound) || !others.any(says_fill)
    }

    fn geometry(&self, bound: &Bound) -> Option<Geometry> {
        match bound.quantity {
            Quantity::Fill => Some(Geometry::Fill),
            Quantity::Distance => {
                let asset: &AssetId = bound.binds.asset.as_ref()?;
                let AssetKind::Bin {
                    empty_distance_mm,
                    full_distance_mm,
                    ..
                } = self.plan.assets.get(asset)?.kind
                else {
                    return None;
                };
                Some(Geometry::Distance {
                    empty_mm: empty_distance_mm?,
                    full_mm: full_distance_mm?,
                })
            }
            Quantity::Occupied
            | Quantity::InUse
            | Quantity::FreePlaces
            | Quantity::Entries
            | Quantity::Exits
            | Quantity::Temperature
            | Quantity::Battery
            | Quantity::Tilt => None,
        }
    }
}

fn bind_to_lot(bound: &Bound, index: u32, lot: &mut Lot) -> Role {
    match (bound.quantity, &bound.binds.asset) {
        (Quantity::Occupied, Some(asset)) => {
            match lot.bays.binary_search_by(|(known, _)| known.cmp(asset)) {
                Ok(_taken) => Role::Other,
                Err(place) => {
                    lot.bays.insert(place, (asset.clone(), index));
                    Role::Bay(BayState::default(), BayState::default())
                }
            }
        }
        (Quantity::InUse | Quantity::FreePlaces, None) if lot.counted.is_none() => {
            lot.counted = Some(index);
            let is_free = bound.quantity == Quantity::FreePlaces;
            Role::Counted {
                is_free,
                runs: Runs::default(),
            }
        }
        (Quantity::Entries | Quantity::Exits, Some(_)) => {
            lot.gates.push(index);
            let is_entry = bound.quantity == Quantity::Entries;
            Role::Gate {
                is_entry,
                counter: Counter::new(bound.counter),
            }
        }
        _ => Role::Other,
    }
}
