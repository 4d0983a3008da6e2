//! What is out there and how it speaks: inventory, device profiles, register maps, from their
//! folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use huitian_codec::{Profiles, RegisterMaps};
use huitian_model::Inventory;
use huitian_settings::{ConfigFault, inventory};
use serde::Deserialize;

/// `[inventory]` as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct SiteRaw {
    /// The folder of the five CSV files.
    pub dir: Option<PathBuf>,
    /// A folder of more device profiles.
    pub profiles: Option<PathBuf>,
    /// A folder of more register maps.
    pub registers: Option<PathBuf>,
}

/// Where to read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SiteConfig {
    /// The folder of the five CSV files.
    pub inventory: PathBuf,
    /// A folder of more device profiles.
    pub profiles: Option<PathBuf>,
    /// A folder of more register maps.
    pub registers: Option<PathBuf>,
}

/// All of it, read and checked.
#[derive(Clone, Debug)]
pub struct Site {
    /// All that is out there.
    pub inventory: Arc<Inventory>,
    /// How messages are read.
    pub profiles: Arc<Profiles>,
    /// How registers are read.
    pub maps: Arc<RegisterMaps>,
}

impl Site {
    /// Reads everything.
    ///
    /// # Errors
    /// Every fault found, each with its place.
    pub fn load(config: &SiteConfig) -> Result<Self, Vec<ConfigFault>> {
        let profiles = profiles(config.profiles.as_deref()).map_err(|fault| vec![fault])?;
        let maps = maps(config.registers.as_deref()).map_err(|fault| vec![fault])?;
        let has_profile = |name: &str| {
            let is_inline = name == huitian_modbus::settings::INLINE_PROFILE;
            is_inline || profiles.get(name).is_some() || maps.get(name).is_some()
        };
        let inventory = inventory::load(&config.inventory, &has_profile)
            .map_err(|inventory::InventoryFaults(faults)| faults)?;
        Ok(Self {
            inventory: Arc::new(inventory),
            profiles: Arc::new(profiles),
            maps: Arc::new(maps),
        })
    }
}

/// The device profiles: built in, and those of a folder.
///
/// # Errors
/// The first that is wrong, with its place.
pub fn profiles(dir: Option<&Path>) -> Result<Profiles, ConfigFault> {
    let mut all = Profiles::builtin().map_err(|error| ConfigFault::plain(error.to_string()))?;
    for (name, text) in texts(dir)? {
        all.add(&text, &name)
            .map_err(|error| ConfigFault::at(&name, &text, error.span.clone(), error.message))?;
    }
    Ok(all)
}

/// The register maps: built in, and those of a folder.
///
/// # Errors
/// The first that is wrong, with its place.
pub fn maps(dir: Option<&Path>) -> Result<RegisterMaps, ConfigFault> {
    let mut all = RegisterMaps::builtin().map_err(|error| ConfigFault::plain(error.to_string()))?;
    for (name, text) in texts(dir)? {
        all.add(&text, &name)
            .map_err(|error| ConfigFault::at(&name, &text, error.span.clone(), error.message))?;
    }
    Ok(all)
}

/// The TOML files of a folder, by name.
fn texts(dir: Option<&Path>) -> Result<Vec<(String, String)>, ConfigFault> {
    let Some(dir) = dir else {
        return Ok(Vec::new());
    };
    let unreadable = |error: std::io::Error| ConfigFault::unreadable(dir, &error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => Err(ConfigFault::unreadable(&path, &error)),
    };
    paths.into_iter().map(read).collect()
}
