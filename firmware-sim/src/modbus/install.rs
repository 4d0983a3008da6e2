//! Which units hang on a line, and what an edge must be told to read them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::device::Device;
use super::line::Line;
use super::subject::Subject;
use super::unit::Unit;
use crate::csv;
use crate::inventory::{Asset, Channel, Inventory};
use crate::world::World;

/// Units of one line: what an RS-485 bus can address (Modbus over Serial Line 1.02, 2.2).
pub const UNITS_MAX: usize = 247;

/// How often the settings let an edge read, s. All units answer within it at 9,600 baud: 247
/// units x 2 requests x 20 ms.
const INTERVAL_S: u32 = 10;

/// A reading is expected this often, s: an edge may keep back what did not change for a while.
const EXPECTED_EVERY_S: u32 = 60;

/// A unit of the line.
#[derive(Clone, Debug)]
struct Installed {
    id: u8,
    device: Device,
    subject: Subject,
}

/// Units at bins and bays of a world, all on one line.
#[derive(Clone, Debug)]
pub struct Installation {
    world: Arc<World>,
    units: Vec<Installed>,
}

impl Installation {
    /// Sensors over the first `bins` bins, kind after kind, and loops under the first `bays`
    /// bays. Each has its maker's unit id, or where that is taken the next free one.
    ///
    /// # Errors
    /// A sentence that says how many there may be.
    pub fn new(world: &Arc<World>, bins: usize, bays: usize) -> Result<Self, String> {
        if !(1..=UNITS_MAX).contains(&bins.saturating_add(bays)) {
            return Err(format!(
                "expected 1 to {UNITS_MAX} units, found {bins} at bins and {bays} at bays"
            ));
        }
        let kinds = Device::OVER_BINS.into_iter().cycle();
        let over_bins = kinds.take(bins).enumerate();
        let over_bins = over_bins.map(|(number, device)| (device, Subject::bin(world, number)));
        let under_bays = (0..bays).map(|bay| (Device::ProconLd120, Subject::bay(world, bay)));
        let mut units = Vec::new();
        let mut taken = BTreeSet::new();
        for (device, subject) in over_bins.chain(under_bays) {
            let subject = subject.ok_or("expected no more units than the world has places")?;
            let id = free_id(device.unit_id(), &taken);
            taken.insert(id);
            units.push(Installed {
                id,
                device,
                subject,
            });
        }
        Ok(Self {
            world: Arc::clone(world),
            units,
        })
    }

    /// The line with all units on it, in good order.
    pub fn line(&self, seed: u64) -> Line {
        self.units.iter().fold(Line::new(seed), |line, one| {
            let unit = Unit::new(one.device, Some(one.subject.clone()));
            line.with_unit(one.id, unit)
        })
    }

    /// The inventory of what the units watch.
    pub fn inventory(&self) -> Inventory {
        let whole = self.world.inventory();
        let mut inventory = Inventory::default();
        for one in &self.units {
            let Some((site, facility, asset, _)) = one.subject.asset() else {
                continue;
            };
            let is_mine = |found: &&Asset| {
                (
                    found.site.as_str(),
                    found.facility.as_str(),
                    found.id.as_str(),
                ) == (site, facility, asset)
            };
            inventory
                .assets
                .extend(whole.assets.iter().find(is_mine).cloned());
            let id = name(one);
            let channels = channels(one.device).iter();
            inventory.channels.extend(channels.map(|quantity| Channel {
                device: id.clone(),
                channel: quantity,
                quantity,
                facility: facility.to_owned(),
                asset: Some(asset.to_owned()),
            }));
            inventory.devices.push(crate::inventory::Device {
                address: format!("modbus-{}", one.id),
                id,
                site: site.to_owned(),
                profile: one.device.map(),
                expected_every_s: EXPECTED_EVERY_S,
                valid_for_s: EXPECTED_EVERY_S * 5 / 2,
            });
        }
        let of_asset = |site: &str, facility: &str| {
            let mut assets = inventory.assets.iter();
            assets.any(|one| one.site == site && (facility.is_empty() || one.facility == facility))
        };
        let sites = whole.sites.iter().filter(|one| of_asset(&one.id, ""));
        let facilities = whole.facilities.iter();
        let facilities = facilities.filter(|one| of_asset(&one.site, &one.id));
        let (sites, facilities) = (sites.cloned().collect(), facilities.cloned().collect());
        Inventory {
            sites,
            facilities,
            ..inventory
        }
    }

    /// The part of an edge's settings that reads the units, in Telegraf's field names.
    pub fn edge_settings(&self, endpoint: &Endpoint) -> String {
        let mut out = String::from("# Written by `firmware-sim modbus --inventory`.\n[[modbus]]\n");
        let interval = format!("{INTERVAL_S}s");
        let mut field = |name: &str, value: &str| {
            out.push_str(&line(name, value));
        };
        field("name", &quoted("line0"));
        field("controller", &quoted(&endpoint.controller()));
        field("transmission_mode", &quoted(endpoint.mode()));
        if let Endpoint::Serial { baud, .. } = endpoint {
            field("baud_rate", &baud.to_string());
            field("data_bits", "8");
            field("parity", &quoted("N"));
            field("stop_bits", "1");
        }
        field("timeout", &quoted("1s"));
        field("interval", &quoted(&interval));
        for one in &self.units {
            out.push_str("\n[[modbus.request]]\n");
            out.push_str(&line("slave_id", &one.id.to_string()));
            out.push_str(&line("map", &quoted(one.device.map())));
            out.push_str(&line("device", &quoted(&name(one))));
        }
        out
    }

    /// Writes the five inventory files and `edge-modbus.toml` to `folder`, which is made where it
    /// is missing. Files of these names are replaced.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, folder: &Path, endpoint: &Endpoint) -> io::Result<()> {
        csv::write_csv(&self.inventory(), folder)?;
        fs::write(
            folder.join("edge-modbus.toml"),
            self.edge_settings(endpoint),
        )
    }
}

/// Where an edge reaches the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// Modbus TCP at this address.
    Tcp(std::net::SocketAddr),
    /// Serial frames over TCP.
    RtuOverTcp(std::net::SocketAddr),
    /// A serial line.
    Serial {
        /// Absolute path.
        path: std::path::PathBuf,
        /// Rate that a client sets; a pseudo-terminal takes any.
        baud: u32,
    },
}

impl Endpoint {
    fn controller(&self) -> String {
        match self {
            Self::Tcp(at) | Self::RtuOverTcp(at) => format!("tcp://{at}"),
            Self::Serial { path, .. } => format!("file://{}", path.display()),
        }
    }

    const fn mode(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "TCP",
            Self::RtuOverTcp(_) => "RTUoverTCP",
            Self::Serial { .. } => "RTU",
        }
    }
}

fn line(name: &str, value: &str) -> String {
    format!("{name} = {value}\n")
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let written = write!(out, "\\u{:04X}", u32::from(control));
                debug_assert!(written.is_ok());
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// What each kind tells, as channels of the same name.
const fn channels(device: Device) -> &'static [&'static str] {
    match device {
        Device::DfrobotSen0310 | Device::DfrobotUrm14 | Device::ApgMnu | Device::SommerUsh9 => {
            &["distance", "temperature"]
        }
        Device::WitmotionWt53r | Device::FtsSdiRadar300 => &["distance"],
        Device::ProconLd120 => &["occupied"],
        Device::Counting => &[],
    }
}

fn name(one: &Installed) -> String {
    format!("{}-{:03}", one.device.map(), one.id)
}

/// `wanted`, or the next id after it that is free, round the ids of a serial line.
fn free_id(wanted: u8, taken: &BTreeSet<u8>) -> u8 {
    let later = (wanted..=247).chain(1..=247);
    let mut ids = std::iter::once(wanted).chain(later);
    ids.find(|id| !taken.contains(id)).unwrap_or(wanted)
}

#[cfg(test)]
mod tests;
