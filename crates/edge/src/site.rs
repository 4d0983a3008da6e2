//! What is out there and how it speaks: inventory, device profiles, register maps, from their
//! folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use huitian_codec::profile::CounterKind;
use huitian_codec::{Profiles, RegisterMaps};
use huitian_model::{ChannelName, CounterBits, CounterRule, Inventory};
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
        let known = Known {
            profiles: &profiles,
            maps: &maps,
        };
        let inventory = inventory::load(&config.inventory, &known)
            .map_err(|inventory::InventoryFaults(faults)| faults)?;
        Ok(Self {
            inventory: Arc::new(inventory),
            profiles: Arc::new(profiles),
            maps: Arc::new(maps),
        })
    }
}

/// What profiles and register maps say of devices, for the inventory.
pub struct Known<'a> {
    /// How messages are read.
    pub profiles: &'a Profiles,
    /// How registers are read.
    pub maps: &'a RegisterMaps,
}

impl inventory::Profiles for Known<'_> {
    fn has(&self, profile: &str) -> bool {
        profile == huitian_modbus::settings::INLINE_PROFILE
            || self.profiles.get(profile).is_some()
            || self.maps.get(profile).is_some()
    }

    fn counter(&self, profile: &str, channel: &str) -> Option<CounterRule> {
        let channel = ChannelName::new(channel).ok()?;
        let counter = self.profiles.get(profile)?.counter(&channel)?;
        Some(match counter.kind {
            CounterKind::Interval => CounterRule::Interval,
            CounterKind::Total => CounterRule::Total {
                wrap: counter.wrap_bits.and_then(CounterBits::from_bits),
                stored: !counter.resets,
            },
        })
    }

    fn blind_zone_mm(&self, profile: &str, channel: &str) -> Option<u32> {
        let channel = ChannelName::new(channel).ok()?;
        self.profiles.get(profile)?.blind_zone_mm(&channel)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_profiles_say_of_counts_and_blind_zones_reaches_the_inventory() {
        let (profiles, maps) = (
            Profiles::builtin().unwrap(),
            RegisterMaps::builtin().unwrap(),
        );
        let known = Known {
            profiles: &profiles,
            maps: &maps,
        };
        let known: &dyn inventory::Profiles = &known;
        let forgetful = CounterRule::Total {
            wrap: CounterBits::from_bits(16),
            stored: false,
        };
        assert_eq!(known.counter("nwave-ncc405", "entries"), Some(forgetful));
        let interval = Some(CounterRule::Interval);
        assert_eq!(known.counter("parametric-tcr", "left"), None);
        assert_eq!(known.counter("parametric-tcr", "exits"), interval);
        assert_eq!(known.counter("procon-ld120", "entries"), None);
        assert_eq!(
            known.blind_zone_mm("milesight-em500-udl", "distance"),
            Some(300)
        );
        assert_eq!(known.blind_zone_mm("zis-oskar", "distance"), None);
        assert!(known.has("nwave-ncc405") && !known.has("nwave"));
    }
}
