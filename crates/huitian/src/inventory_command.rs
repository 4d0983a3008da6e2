//! `huitian inventory`: check, import, export.

use std::path::Path;

use crate::cli::InventoryCommand;
use crate::config::{Config, ConfigFault};
use crate::hub::Plan;
use huitian_settings::inventory::write;

/// Does what was asked and says so.
///
/// # Errors
/// Every fault found.
pub fn run(command: &InventoryCommand, config: &Config) -> Result<(), Vec<ConfigFault>> {
    match command {
        InventoryCommand::Check { dir } => {
            let dir = dir.as_deref().unwrap_or(&config.inventory);
            let inventory = checked(dir, config)?;
            let (sites, devices) = (inventory.sites.len(), inventory.devices.len());
            say(&format!(
                "{}: {sites} sites, {devices} devices, no fault",
                dir.display()
            ))
        }
        InventoryCommand::Import { dir } => {
            let inventory = checked(dir, config)?;
            replace(&inventory, &config.inventory).map_err(|fault| vec![fault])?;
            say(&format!("{} is in force", config.inventory.display()))
        }
        InventoryCommand::Export { dir } => {
            let inventory = checked(&config.inventory, config)?;
            write(&inventory, dir).map_err(|fault| vec![fault])?;
            say(&format!("written to {}", dir.display()))
        }
    }
}

fn checked(dir: &Path, config: &Config) -> Result<huitian_model::Inventory, Vec<ConfigFault>> {
    let site = huitian_edge::site::SiteConfig {
        inventory: dir.to_owned(),
        ..Plan::site(config)
    };
    let site = huitian_edge::site::Site::load(&site)?;
    Ok(site.inventory.as_ref().clone())
}

/// Writes beside the folder and then moves each file into place, so that a hub that looks in
/// between sees whole files.
fn replace(inventory: &huitian_model::Inventory, dir: &Path) -> Result<(), ConfigFault> {
    let fault = |error: std::io::Error| {
        ConfigFault::plain(format!("cannot write {}: {error}", dir.display()))
    };
    std::fs::create_dir_all(dir).map_err(fault)?;
    let beside = dir.join(".import");
    write(inventory, &beside)?;
    for file in huitian_settings::inventory::FILES {
        std::fs::rename(beside.join(file), dir.join(file)).map_err(fault)?;
    }
    std::fs::remove_dir(&beside).map_err(fault)
}

fn say(line: &str) -> Result<(), Vec<ConfigFault>> {
    crate::say(line).map_err(|_closed| vec![ConfigFault::plain("standard output is closed")])
}
