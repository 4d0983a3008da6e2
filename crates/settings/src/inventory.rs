//! The inventory as five CSV files, since three hundred sensors are typed in a spreadsheet.
//!
//! ```text
//! sites.csv       id,name_zh,name_en,subdistrict_zh,subdistrict_en,company,zone
//! facilities.csv  site,id,kind,name_zh,name_en,capacity,sorting_mode,batch,initial_count
//! assets.csv      site,facility,id,kind,stream,volume_l,empty_distance_mm,full_distance_mm,
//!                 bin_model,mounting_mm,full_at_mm
//! devices.csv     id,site,address,profile,expected_every,valid_for
//! channels.csv    device,channel,quantity,facility,asset,counter
//! ```
//!
//! The last three columns of `assets.csv` and the last of `channels.csv` may be left out. With a
//! `bin_model` (`wheelie-120`, `wheelie-240`, `wheelie-660`) the two distances follow from the
//! model, from how far above the rim the sensor's face is (`mounting_mm`, negative below it, 0
//! where empty) and from how far below the rim the waste of a full bin is (`full_at_mm`, 0 where
//! empty); a distance that is written all the same goes before. `counter` says what the counts of
//! a gate mean where the device profile does not: `total`, `total-8`, `total-16`, `total-32`, each
//! also with `-stored` where a power cut leaves it as it is, or `interval`.
//!
//! Columns are found by name, so their order is free; a cell may be empty where the model says
//! that the value may be absent. `kind` is `parking_lot` or `waste_station`, `bay`, `gate` or
//! `bin`; durations are written `30m`. UTF-8, with or without a byte order mark. All faults of a
//! load are reported together, each with its line underlined.

mod read;
mod rows;
mod write;

use std::path::{Path, PathBuf};

use huitian_model::{CounterRule, Inventory};

use crate::ConfigFault;

pub use write::write;

/// The five files.
pub const FILES: [&str; 5] = [
    "sites.csv",
    "facilities.csv",
    "assets.csv",
    "devices.csv",
    "channels.csv",
];

/// Most faults that one load reports: more than a person mends before trying again.
const FAULTS_MAX: usize = 20;

/// Largest file that is read: 64 MiB hold 50,000 devices with 20 channels of 64 bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What device profiles say of devices. A closure that knows their names is enough where nothing
/// else is asked.
pub trait Profiles {
    /// Whether there is such a profile.
    fn has(&self, profile: &str) -> bool;

    /// What the counts of a profile's channel mean; none where it counts nothing or does not say.
    fn counter(&self, _profile: &str, _channel: &str) -> Option<CounterRule> {
        None
    }

    /// The distance within which a profile's channel sees nothing, mm; none where it has none.
    fn blind_zone_mm(&self, _profile: &str, _channel: &str) -> Option<u32> {
        None
    }
}

impl<F: Fn(&str) -> bool> Profiles for F {
    fn has(&self, profile: &str) -> bool {
        self(profile)
    }
}

/// All that is wrong in an inventory.
#[derive(Debug)]
pub struct InventoryFaults(pub Vec<ConfigFault>);

/// Reads and checks the five files of a folder.
///
/// # Errors
/// Every fault found, up to 20, each with file and line.
pub fn load(dir: &Path, profiles: &dyn Profiles) -> Result<Inventory, InventoryFaults> {
    let mut loader = read::Loader::new(profiles);
    for file in FILES {
        let path = dir.join(file);
        match read_text(&path) {
            Ok(text) => loader.file(file, &path, &text),
            Err(fault) => loader.faults.push(fault),
        }
    }
    loader.finish()
}

fn read_text(path: &PathBuf) -> Result<String, ConfigFault> {
    let size = std::fs::metadata(path).map_err(|error| ConfigFault::unreadable(path, &error))?;
    if size.len() > FILE_BYTES_MAX {
        return Err(ConfigFault::plain(format!(
            "{}: expected at most {FILE_BYTES_MAX} bytes, found {}",
            path.display(),
            size.len()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| ConfigFault::unreadable(path, &e))?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

#[cfg(test)]
mod tests;
