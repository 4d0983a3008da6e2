//! What a simulated Modbus sensor looks at: a bin, a bay or a gate of the world.
//!
//! A sensor shows the truth to its last digit: what goes wrong is chosen by the line.

use std::sync::Arc;

use crate::bay::plan;
use crate::bin_fill::{distance_mm, fill};
use crate::calendar::{day_of, day_start, kind_of, temperature_dc};
use crate::inventory::AssetKind;
use crate::layout;
use crate::lot::LotDay;
use crate::world::{FIRST_DAY, World};

/// How long a vehicle stands on a gate's loop, ms.
const ON_LOOP_MS: i64 = 2_000;

/// What a sensor sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sight {
    /// To the waste, mm.
    pub distance_mm: u16,
    /// To the bottom, mm.
    pub empty_mm: u16,
    /// To the waste of a full bin, mm.
    pub full_mm: u16,
    /// Of the air, tenths of a degree Celsius.
    pub temperature_dc: i16,
    /// A vehicle stands there.
    pub is_detected: bool,
    /// Vehicles that came since the world's first day.
    pub vehicles: u32,
}

/// What a sensor looks at.
#[derive(Clone, Debug)]
pub struct Subject {
    world: Arc<World>,
    what: What,
    /// Vehicles before a day, so that the days before are counted once.
    counted: (i64, i64),
}

#[derive(Clone, Copy, Debug)]
enum What {
    Bin(usize),
    Bay(usize),
    Gate(usize, i64),
}

impl Subject {
    /// The bin with this number, in the order of the inventory.
    pub fn bin(world: &Arc<World>, number: usize) -> Option<Self> {
        world.layout.bins.get(number)?;
        Some(Self::of(world, What::Bin(number)))
    }

    /// The sensored bay with this number.
    pub fn bay(world: &Arc<World>, number: usize) -> Option<Self> {
        world.layout.bays.get(number)?;
        Some(Self::of(world, What::Bay(number)))
    }

    /// The gate with this number.
    pub fn gate(world: &Arc<World>, number: usize) -> Option<Self> {
        let lots = world.layout.lots.iter().enumerate();
        let mut gates = lots.flat_map(|(index, lot)| (0..lot.gates).map(move |gate| (index, gate)));
        let (lot, gate) = gates.nth(number)?;
        Some(Self::of(world, What::Gate(lot, gate)))
    }

    fn of(world: &Arc<World>, what: What) -> Self {
        Self {
            world: Arc::clone(world),
            what,
            counted: (FIRST_DAY, 0),
        }
    }

    /// Site, facility, asset and the asset's kind.
    pub fn asset(&self) -> Option<(&str, &str, &str, AssetKind)> {
        let index = match self.what {
            What::Bin(bin) => self.world.layout.bins.get(bin)?.asset,
            What::Bay(_) | What::Gate(..) => {
                let is_mine = |one: &&layout::Transmitter| match (one.subject, self.what) {
                    (layout::Subject::Bay(a), What::Bay(b)) => a == b,
                    (layout::Subject::Gate(a, n), What::Gate(b, m)) => (a, n) == (b, m),
                    _ => false,
                };
                self.world.layout.devices.iter().find(is_mine)?.asset?
            }
        };
        let one = self.world.layout.inventory.assets.get(index)?;
        Some((&one.site, &one.facility, &one.id, one.kind))
    }

    /// What is to be seen at `at_ms` (ms UTC). Costs a day's plan; the first time also the plans
    /// of the days since 2024 where vehicles are counted, some milliseconds.
    pub fn look(&mut self, at_ms: i64) -> Sight {
        let mut sight = Sight {
            temperature_dc: i16::try_from(temperature_dc(at_ms)).unwrap_or(0),
            ..Sight::default()
        };
        let day = day_of(at_ms);
        let offset = at_ms - day_start(day);
        match self.what {
            What::Bin(number) => {
                if let Some(bin) = self.world.layout.bins.get(number) {
                    sight.distance_mm = mm(distance_mm(bin, fill(bin, at_ms), 0));
                    sight.empty_mm = mm(bin.empty_mm);
                    sight.full_mm = mm(bin.full_mm);
                }
            }
            What::Bay(number) => {
                sight.vehicles = self.vehicles(day, offset);
                if let Some(bay) = self.world.layout.bays.get(number) {
                    sight.is_detected = plan(bay, day, kind_of(day)).in_use_at(offset);
                }
            }
            What::Gate(..) => {
                sight.vehicles = self.vehicles(day, offset);
                let before = self.came(day, offset - ON_LOOP_MS);
                sight.is_detected = self.came(day, offset) > before;
            }
        }
        sight
    }

    fn vehicles(&mut self, day: i64, offset: i64) -> u32 {
        if self.counted.0 > day {
            self.counted = (FIRST_DAY, 0);
        }
        while self.counted.0 < day {
            let of_day = self.came(self.counted.0, i64::MAX);
            self.counted = (self.counted.0 + 1, self.counted.1 + of_day);
        }
        // A loop counts in 32 bits and wraps.
        let count = self.counted.1 + self.came(day, offset);
        u32::try_from(count.rem_euclid(1 << 32)).unwrap_or(0)
    }

    /// Vehicles that came on `day` until `offset` ms after 04:00.
    fn came(&self, day: i64, offset: i64) -> i64 {
        let layout = &self.world.layout;
        match self.what {
            What::Bin(_) => 0,
            What::Bay(number) => layout.bays.get(number).map_or(0, |bay| {
                let plan = plan(bay, day, kind_of(day));
                let arrivals = plan
                    .changes()
                    .iter()
                    .enumerate()
                    .filter(|(n, at)| (plan.starts_in_use ^ (n % 2 == 0)) && **at <= offset);
                i64::try_from(arrivals.count()).unwrap_or(0)
            }),
            What::Gate(lot, gate) => layout.lots.get(lot).map_or(0, |lot| {
                LotDay::new(lot, &layout.bays, day).passed(gate, offset).0
            }),
        }
    }
}

/// A world's distances lie under 2 m.
fn mm(distance: i64) -> u16 {
    u16::try_from(distance).unwrap_or(0)
}

#[cfg(test)]
mod tests;
