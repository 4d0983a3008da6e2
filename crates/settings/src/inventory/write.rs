//! Inventory to files: the same five, so that what is exported can be imported.

use std::path::Path;

use huitian_model::{AssetKind, CounterRule, FacilityKind, Inventory};
use serde::Serialize;

use super::rows::{AssetRow, AssetWord, ChannelRow, DeviceRow, FacilityRow, FacilityWord, SiteRow};
use crate::{ConfigFault, Span};

/// Writes the five files into a folder, which is made if it is not there.
///
/// # Errors
/// A file that cannot be written.
pub fn write(inventory: &Inventory, dir: &Path) -> Result<(), ConfigFault> {
    let fault = |error: &dyn std::fmt::Display| {
        ConfigFault::plain(format!("cannot write {}: {error}", dir.display()))
    };
    std::fs::create_dir_all(dir).map_err(|error| fault(&error))?;
    file(dir, "sites.csv", sites(inventory)).map_err(|error| fault(&error))?;
    file(dir, "facilities.csv", facilities(inventory)).map_err(|error| fault(&error))?;
    file(dir, "assets.csv", assets(inventory)).map_err(|error| fault(&error))?;
    file(dir, "devices.csv", devices(inventory)).map_err(|error| fault(&error))?;
    file(dir, "channels.csv", channels(inventory)).map_err(|error| fault(&error))
}

fn file<R: Serialize>(
    dir: &Path,
    name: &str,
    rows: impl Iterator<Item = R>,
) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_path(dir.join(name))?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.flush()?;
    Ok(())
}

fn sites(inventory: &Inventory) -> impl Iterator<Item = SiteRow> {
    inventory.sites.values().map(|site| SiteRow {
        id: site.id.clone(),
        name_zh: site.name.zh.clone(),
        name_en: site.name.en.clone(),
        subdistrict_zh: site.subdistrict.zh.clone(),
        subdistrict_en: site.subdistrict.en.clone(),
        company: site.company.clone(),
        zone: site.zone.clone(),
    })
}

fn facilities(inventory: &Inventory) -> impl Iterator<Item = FacilityRow> {
    let all = inventory.sites.values();
    all.flat_map(|site| {
        site.facilities
            .values()
            .map(move |facility| (site, facility))
    })
    .map(|(site, facility)| {
        let (kind, capacity, sorting_mode, initial_count) = match &facility.kind {
            FacilityKind::ParkingLot {
                capacity,
                initial_count,
            } => (
                FacilityWord::ParkingLot,
                Some(*capacity),
                None,
                *initial_count,
            ),
            FacilityKind::WasteStation { sorting_mode } => {
                (FacilityWord::WasteStation, None, sorting_mode.clone(), None)
            }
        };
        FacilityRow {
            site: site.id.clone(),
            id: facility.id.clone(),
            kind,
            name_zh: facility.name.zh.clone(),
            name_en: facility.name.en.clone(),
            capacity,
            sorting_mode,
            batch: facility.batch,
            initial_count,
        }
    })
}

fn assets(inventory: &Inventory) -> impl Iterator<Item = AssetRow> {
    let all = inventory.sites.values();
    let all = all.flat_map(|site| site.facilities.values().map(move |f| (site, f)));
    all.flat_map(|(site, facility)| facility.assets.values().map(move |a| (site, facility, a)))
        .map(|(site, facility, asset)| {
            let row = AssetRow {
                site: site.id.clone(),
                facility: facility.id.clone(),
                id: asset.id.clone(),
                kind: AssetWord::Bay,
                stream: None,
                volume_l: None,
                empty_distance_mm: None,
                full_distance_mm: None,
                bin_model: None,
                mounting_mm: None,
                full_at_mm: None,
            };
            match asset.kind {
                AssetKind::Bay => row,
                AssetKind::Gate => AssetRow {
                    kind: AssetWord::Gate,
                    ..row
                },
                AssetKind::Bin {
                    stream,
                    volume_l,
                    empty_distance_mm,
                    full_distance_mm,
                    mount,
                } => {
                    // What follows from the model is not written: it would outlive a change of it.
                    let span = mount.and_then(|mount| mount.span().ok());
                    let empty_mm = span.map(|span| span.empty_mm);
                    let full_mm = span.map(|span| span.full_mm);
                    AssetRow {
                        kind: AssetWord::Bin,
                        stream: Some(stream),
                        volume_l,
                        empty_distance_mm: empty_distance_mm
                            .filter(|_| empty_distance_mm != empty_mm),
                        full_distance_mm: full_distance_mm.filter(|_| full_distance_mm != full_mm),
                        bin_model: mount.map(|mount| mount.model.to_string()),
                        mounting_mm: mount.map(|mount| mount.mounting_mm),
                        full_at_mm: mount.map(|mount| mount.full_at_mm),
                        ..row
                    }
                }
            }
        })
}

fn devices(inventory: &Inventory) -> impl Iterator<Item = DeviceRow> {
    inventory.devices.values().map(|device| DeviceRow {
        id: device.id.clone(),
        site: device.site.clone(),
        address: device.address.clone(),
        profile: device.profile.clone(),
        expected_every: Span(device.expected_every_ms).to_string(),
        valid_for: device.valid_for_ms.map(|ms| Span(ms).to_string()),
    })
}

fn channels(inventory: &Inventory) -> impl Iterator<Item = ChannelRow> {
    inventory.devices.values().flat_map(|device| {
        device.channels.values().map(|channel| ChannelRow {
            device: device.id.clone(),
            channel: channel.name.clone(),
            quantity: channel.quantity.name().to_owned(),
            facility: channel.binds.facility.clone(),
            asset: channel.binds.asset.clone(),
            counter: (channel.counter != CounterRule::Unstated)
                .then(|| channel.counter.to_string()),
        })
    })
}
