//! The facilities that a series speaks of, and the inventory made of them.

use std::collections::BTreeMap;

use huitian_model::{
    Asset, AssetId, AssetKind, Binding, Channel, ChannelRef, Device, DeviceId, Facility,
    FacilityId, FacilityKind, IdError, Inventory, SiteId,
};

use crate::config::ConfigFault;
use crate::replay::mapping::{Decided, Mapping, Seen};

/// Most facilities of a series: beyond it an id column is no id column but, say, a row number.
const FACILITIES_MAX: usize = 10_000;

/// The one bin of a station that is a bin.
const BIN: &str = "bin";

/// One facility.
pub struct Found {
    /// Its id in the file.
    pub raw: String,
    /// Its name in the file.
    name: String,
    facility: FacilityId,
    device: DeviceId,
    /// What the rows say of its places.
    pub seen: Seen,
}

/// All of them, in the order of their first rows.
pub struct Facilities {
    site: SiteId,
    by_raw: BTreeMap<String, usize>,
    by_id: BTreeMap<FacilityId, usize>,
    all: Vec<Found>,
}

impl Facilities {
    /// None yet.
    pub const fn new(site: SiteId) -> Self {
        Self {
            site,
            by_raw: BTreeMap::new(),
            by_id: BTreeMap::new(),
            all: Vec::new(),
        }
    }

    /// The facility at an index.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Found> {
        self.all.get_mut(index)
    }

    /// The index of a facility, new or known. `id` makes the slug, which must be its own.
    ///
    /// # Errors
    /// Why it cannot be told apart.
    pub fn index(&mut self, raw: &str, id: &str, name: &str) -> Result<usize, String> {
        if let Some(index) = self.by_raw.get(raw) {
            return Ok(*index);
        }
        if self.all.len() >= FACILITIES_MAX {
            return Err(format!("more than {FACILITIES_MAX} facilities"));
        }
        let ids = || -> Result<(FacilityId, DeviceId), IdError> {
            let slug = crate::replay::mapping::slug(id)?;
            let device = format!("{}-{slug}", self.site);
            Ok((FacilityId::new(slug.as_str())?, DeviceId::new(&device)?))
        };
        let (facility, device) = ids().map_err(|error| format!("no id from {id:?}: {error}"))?;
        if let Some(other) = self
            .by_id
            .get(&facility)
            .and_then(|other| self.all.get(*other))
        {
            return Err(format!(
                "{raw:?} would get the id {facility}, which {:?} has",
                other.raw
            ));
        }
        let index = self.all.len();
        self.by_raw.insert(raw.to_owned(), index);
        self.by_id.insert(facility.clone(), index);
        self.all.push(Found {
            raw: raw.to_owned(),
            name: name.to_owned(),
            facility,
            device,
            seen: Seen::default(),
        });
        Ok(index)
    }

    /// The places of each, by index; none for bins.
    ///
    /// # Errors
    /// [`ConfigFault`] where a lot's are not known.
    pub fn capacities(&self, mapping: &Mapping) -> Result<Vec<Option<Decided>>, ConfigFault> {
        let decide = |found: &Found| {
            let Some(rule) = &mapping.capacity else {
                return Ok(None);
            };
            rule.decide(&found.raw, &found.seen)
                .map(Some)
                .map_err(|message| mapping.text.fault(rule.span.clone(), message))
        };
        self.all.iter().map(decide).collect()
    }

    /// The inventory, and each facility's channel by index.
    ///
    /// # Errors
    /// [`ConfigFault`] with what the inventory's own check finds.
    pub fn inventory(
        &self,
        mapping: &Mapping,
        capacities: &[Option<Decided>],
    ) -> Result<(Inventory, Vec<ChannelRef>), ConfigFault> {
        let mut inventory = Inventory::default();
        let mut site = mapping.site.clone();
        let mut channels = Vec::with_capacity(self.all.len());
        for (found, capacity) in self.all.iter().zip(capacities) {
            let facility = found.facility(mapping, *capacity)?;
            let device = found.device(mapping, &facility);
            channels.push(ChannelRef {
                device: device.id.clone(),
                channel: mapping.value.channel.clone(),
            });
            site.facilities.insert(facility.id.clone(), facility);
            inventory.devices.insert(device.id.clone(), device);
        }
        inventory.sites.insert(site.id.clone(), site);
        let faults: Vec<String> = inventory.faults().iter().map(ToString::to_string).collect();
        if faults.is_empty() {
            return Ok((inventory, channels));
        }
        Err(ConfigFault::plain(faults.join("; ")))
    }
}

impl Found {
    fn facility(
        &self,
        mapping: &Mapping,
        capacity: Option<Decided>,
    ) -> Result<Facility, ConfigFault> {
        let mut assets = BTreeMap::new();
        let kind = match (capacity, &mapping.bins) {
            (None, Some(bins)) => {
                let id = AssetId::new(BIN).map_err(|e| ConfigFault::plain(e.to_string()))?;
                let kind = AssetKind::Bin {
                    stream: bins.stream(&self.name),
                    volume_l: None,
                    empty_distance_mm: None,
                    full_distance_mm: None,
                    mount: None,
                };
                assets.insert(id.clone(), Asset { id, kind });
                FacilityKind::WasteStation { sorting_mode: None }
            }
            (capacity, _) => FacilityKind::ParkingLot {
                capacity: capacity.map_or(0, |decided| decided.places),
                initial_count: None,
            },
        };
        Ok(Facility {
            id: self.facility.clone(),
            name: mapping.name_of(&self.raw, &self.name),
            kind,
            batch: None,
            assets,
        })
    }

    fn device(&self, mapping: &Mapping, facility: &Facility) -> Device {
        let channel = Channel {
            name: mapping.value.channel.clone(),
            quantity: mapping.value.quantity,
            binds: Binding {
                facility: facility.id.clone(),
                asset: facility.assets.keys().next().cloned(),
            },
            counter: huitian_model::CounterRule::Unstated,
        };
        Device {
            id: self.device.clone(),
            site: mapping.site.id.clone(),
            address: self.device.to_string(),
            profile: "plain".to_owned(),
            expected_every_ms: mapping.value.expected_every_ms,
            valid_for_ms: mapping.value.valid_for_ms,
            channels: BTreeMap::from([(channel.name.clone(), channel)]),
        }
    }
}
