//! The inventory as five CSV files, in the columns that a person types into a spreadsheet.

use std::fs;
use std::io;
use std::path::Path;

use crate::inventory::{AssetKind, FacilityKind, Inventory};

/// Writes `sites.csv`, `facilities.csv`, `assets.csv`, `devices.csv` and `channels.csv` to
/// `folder`, which is made where it is missing. Files of these names are replaced.
///
/// # Errors
/// What the file system says.
pub fn write_csv(inventory: &Inventory, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("sites.csv"), sites(inventory))?;
    fs::write(folder.join("facilities.csv"), facilities(inventory))?;
    fs::write(folder.join("assets.csv"), assets(inventory))?;
    fs::write(folder.join("devices.csv"), devices(inventory))?;
    fs::write(folder.join("channels.csv"), channels(inventory))
}

fn line(out: &mut String, fields: &[&str]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}

fn sites(inventory: &Inventory) -> String {
    let mut out = String::from("id,name_zh,name_en,subdistrict_zh,subdistrict_en,company,zone\n");
    for site in &inventory.sites {
        let (name, part) = (&site.name, &site.subdistrict);
        line(
            &mut out,
            &[
                &site.id,
                &name.zh,
                &name.en,
                &part.zh,
                &part.en,
                &site.company,
                site.zone,
            ],
        );
    }
    out
}

fn facilities(inventory: &Inventory) -> String {
    let mut out =
        String::from("site,id,kind,name_zh,name_en,capacity,sorting_mode,batch,initial_count\n");
    for one in &inventory.facilities {
        let (kind, capacity, mode, count) = match &one.kind {
            FacilityKind::ParkingLot {
                capacity,
                initial_count,
            } => {
                let count = initial_count.map(|n| n.to_string()).unwrap_or_default();
                ("parking_lot", capacity.to_string(), "", count)
            }
            FacilityKind::WasteStation { sorting_mode } => {
                ("waste_station", String::new(), *sorting_mode, String::new())
            }
        };
        line(
            &mut out,
            &[
                &one.site,
                &one.id,
                kind,
                &one.name.zh,
                &one.name.en,
                &capacity,
                mode,
                one.batch,
                &count,
            ],
        );
    }
    out
}

fn assets(inventory: &Inventory) -> String {
    let mut out =
        String::from("site,facility,id,kind,stream,volume_l,empty_distance_mm,full_distance_mm\n");
    for one in &inventory.assets {
        let (kind, stream, numbers) = match one.kind {
            AssetKind::Bay => ("bay", "", [const { String::new() }; 3]),
            AssetKind::Gate => ("gate", "", [const { String::new() }; 3]),
            AssetKind::Bin {
                stream,
                volume_l,
                empty_distance_mm,
                full_distance_mm,
            } => {
                let numbers = [volume_l, empty_distance_mm, full_distance_mm];
                ("bin", stream.name(), numbers.map(|n| n.to_string()))
            }
        };
        let [volume, empty, full] = &numbers;
        line(
            &mut out,
            &[
                &one.site,
                &one.facility,
                &one.id,
                kind,
                stream,
                volume,
                empty,
                full,
            ],
        );
    }
    out
}

fn span(seconds: u32) -> String {
    if seconds.is_multiple_of(60) {
        format!("{}m", seconds / 60)
    } else {
        format!("{seconds}s")
    }
}

fn devices(inventory: &Inventory) -> String {
    let mut out = String::from("id,site,address,profile,expected_every,valid_for\n");
    for one in &inventory.devices {
        let (every, valid) = (span(one.expected_every_s), span(one.valid_for_s));
        line(
            &mut out,
            &[
                &one.id,
                &one.site,
                &one.address,
                one.profile,
                &every,
                &valid,
            ],
        );
    }
    out
}

fn channels(inventory: &Inventory) -> String {
    let mut out = String::from("device,channel,quantity,facility,asset\n");
    for one in &inventory.channels {
        let asset = one.asset.as_deref().unwrap_or("");
        line(
            &mut out,
            &[&one.device, one.channel, one.quantity, &one.facility, asset],
        );
    }
    out
}
