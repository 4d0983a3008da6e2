//! The inventory as five CSV files, since three hundred sensors are typed in a spreadsheet.
//!
//! ```text
//! sites.csv       id,name_zh,name_en,subdistrict_zh,subdistrict_en,company,zone
//! facilities.csv  site,id,kind,name_zh,name_en,capacity,sorting_mode,batch,initial_count
//! assets.csv      site,facility,id,kind,stream,volume_l,empty_distance_mm,full_distance_mm
//! devices.csv     id,site,address,profile,expected_every,valid_for
//! channels.csv    device,channel,quantity,facility,asset
//! ```
//!
//! Columns are found by name, so their order is free; a cell may be empty where the model says
//! that the value may be absent. `kind` is `parking_lot` or `waste_station`, `bay`, `gate` or
//! `bin`; durations are written `30m`. UTF-8, with or without a byte order mark. All faults of a
//! load are reported together, each with its line underlined.

mod read;
mod rows;
mod write;

use std::path::{Path, PathBuf};

use huitian_model::Inventory;

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

/// All that is wrong in an inventory.
#[derive(Debug)]
pub struct InventoryFaults(pub Vec<ConfigFault>);

/// Reads and checks the five files of a folder.
///
/// # Errors
/// Every fault found, up to 20, each with file and line.
pub fn load(dir: &Path, has_profile: &dyn Fn(&str) -> bool) -> Result<Inventory, InventoryFaults> {
    let mut loader = read::Loader::new(has_profile);
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
