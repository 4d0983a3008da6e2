//! The world: what stands in it, and how its true state is asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::bay::plan;
use crate::bin_fill::fill;
use crate::calendar::{civil, day_of, day_start, kind_of};
use crate::csv;
use crate::faults::{Bounds, FaultRates};
use crate::inventory::{FacilityKind, Inventory};
use crate::layout::{Bin, Layout, Lot, Transmitter};
use crate::lot::LotDay;
use crate::messages::Messages;
use crate::traffic;
use crate::truth::Truth;

/// The first day there is: counters begin at 0 here, and nothing is sent before.
pub const FIRST_DAY: i64 = civil(2024, 1, 1);

/// What a world is made from. The same config gives the same world, on any machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// Seed of all chance.
    pub seed: u64,
    /// Times 127 compounds; 0 counts as 1. Memory and work grow with it, by about 6 MB and
    /// 70,000 messages a day each.
    pub scale: u32,
    /// What goes wrong.
    pub faults: FaultRates,
}

/// A seeded district.
#[derive(Debug)]
pub struct World {
    pub(crate) layout: Layout,
    pub(crate) bounds: Bounds,
    lots: BTreeMap<(String, String), usize>,
    bins: BTreeMap<(String, String, String), usize>,
}

impl World {
    /// Builds the world; takes milliseconds at scale 1.
    pub fn new(config: Config) -> Self {
        let layout = Layout::new(config.seed, config.scale);
        let inventory = &layout.inventory;
        let lots = layout.lots.iter().enumerate().filter_map(|(index, lot)| {
            let one = inventory.facilities.get(lot.facility)?;
            Some(((one.site.clone(), one.id.clone()), index))
        });
        let bins = layout.bins.iter().enumerate().filter_map(|(index, bin)| {
            let one = inventory.assets.get(bin.asset)?;
            let name = (one.site.clone(), one.facility.clone(), one.id.clone());
            Some((name, index))
        });
        Self {
            lots: lots.collect(),
            bins: bins.collect(),
            bounds: Bounds::from(config.faults),
            layout,
        }
    }

    /// Sets the instant that an operator's first count of each gate-counted lot holds for
    /// ([`FacilityKind::ParkingLot::initial_count`]), ms UTC. Costs one day's plan per lot.
    #[must_use]
    pub fn start_at(mut self, at_ms: i64) -> Self {
        for lot in &self.layout.lots {
            let count = u32::try_from(self.inside(lot, at_ms)).unwrap_or(0);
            let facility = self.layout.inventory.facilities.get_mut(lot.facility);
            if let Some(FacilityKind::ParkingLot { initial_count, .. }) =
                facility.map(|one| &mut one.kind)
                && lot.gates > 0
            {
                *initial_count = Some(count);
            }
        }
        self
    }

    /// What stands in the world.
    pub const fn inventory(&self) -> &Inventory {
        &self.layout.inventory
    }

    /// Writes the inventory as five CSV files.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_csv(&self, folder: &Path) -> io::Result<()> {
        csv::write_csv(&self.layout.inventory, folder)
    }

    /// All messages that arrive from `from_ms` on and before `to_ms` (ms UTC), in order of
    /// arrival. A pure function of config and range: adjacent ranges join without a seam. Holds
    /// about one day of unwritten messages, 48 bytes each.
    pub fn messages(&self, from_ms: i64, to_ms: i64) -> Messages<'_> {
        Messages::new(self, from_ms, to_ms)
    }

    /// What truly happened from `from_ms` on and before `to_ms` (ms UTC), in order.
    pub fn truth(&self, from_ms: i64, to_ms: i64) -> Truth<'_> {
        Truth::new(self, from_ms, to_ms)
    }

    /// Vehicles truly in a lot at `at_ms`; in a sensored lot those on its bays. None where
    /// there is no such lot.
    pub fn true_occupancy(&self, site: &str, facility: &str, at_ms: i64) -> Option<i64> {
        let name = (site.to_owned(), facility.to_owned());
        let lot = self.layout.lots.get(*self.lots.get(&name)?)?;
        Some(self.inside(lot, at_ms))
    }

    /// How full a bin truly is at `at_ms`, percent; over 100 where waste is heaped. None where
    /// there is no such bin.
    pub fn true_fill(&self, site: &str, facility: &str, asset: &str, at_ms: i64) -> Option<f64> {
        let name = (site.to_owned(), facility.to_owned(), asset.to_owned());
        let bin = self.layout.bins.get(*self.bins.get(&name)?)?;
        Some(percent(bin, at_ms))
    }

    pub(crate) fn inside(&self, lot: &Lot, at_ms: i64) -> i64 {
        let day = day_of(at_ms);
        let offset = at_ms - day_start(day);
        if lot.bays.is_empty() {
            return LotDay::new(lot, &self.layout.bays, day).inside(offset);
        }
        let bays = self.layout.bays.get(lot.bays.clone()).unwrap_or(&[]);
        let taken = bays
            .iter()
            .filter(|bay| plan(bay, day, kind_of(day)).in_use_at(offset));
        i64::try_from(taken.count()).unwrap_or(0)
    }

    pub(crate) fn device(&self, index: u32) -> Option<&Transmitter> {
        self.layout.devices.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn device_count(&self) -> u32 {
        u32::try_from(self.layout.devices.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn skew_ms(&self, device: &Transmitter) -> i64 {
        if device.network == crate::layout::Network::Plain {
            traffic::skew_ms(device, self.bounds.clock_skew)
        } else {
            0
        }
    }
}

fn percent(bin: &Bin, at_ms: i64) -> f64 {
    // At most 1,180 permille: fits.
    f64::from(i32::try_from(fill(bin, at_ms)).unwrap_or(0)) / 10.0
}
