//! Built programs, kept once per machine under a key that holds their version.
//!
//! Layout: `<cache>/<name>-<version>-<recipe>-<os>-<arch>/...`. An entry is made in a folder of
//! its own beside it and renamed when whole, so that a build that was cut off leaves no entry and
//! two clones that build at once cannot mix theirs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::settings;

/// Offset basis and prime of FNV-1a, 64 bit (draft-eastlake-fnv).
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The cache of this machine.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens the cache that the environment names, making the folder where it is missing.
    pub fn open() -> Result<Self, String> {
        Self::at(settings::services_cache()?)
    }

    fn at(folder: PathBuf) -> Result<Self, String> {
        fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Where the entries lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entry of `name` at `version`, if it was made before from the same `recipe`
    /// (whatever text decides what is built).
    pub fn entry(&self, name: &str, version: &str, recipe: &str) -> Option<PathBuf> {
        Some(self.path(name, version, recipe)).filter(|path| path.is_dir())
    }

    /// Makes an entry: `fill` gets an empty folder and puts everything in it.
    pub fn make(
        &self,
        (name, version, recipe): (&str, &str, &str),
        fill: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        let entry = self.path(name, version, recipe);
        let partial = self
            .folder
            .join(format!("partial-{name}-{}", std::process::id()));
        let failed = |error| format!("cannot make {}: {error}", entry.display());
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(failed)?;
        }
        fs::create_dir_all(&partial).map_err(failed)?;
        let filled = fill(&partial);
        if filled.is_ok() && !entry.exists() {
            fs::rename(&partial, &entry).map_err(failed)?;
        } else {
            // The fill failed, or another clone was faster and its entry is the same.
            fs::remove_dir_all(&partial).map_err(failed)?;
        }
        filled.map(|()| entry)
    }

    fn path(&self, name: &str, version: &str, recipe: &str) -> PathBuf {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let recipe = fingerprint(recipe.as_bytes());
        self.folder
            .join(format!("{name}-{version}-{recipe:016x}-{os}-{arch}"))
    }
}

/// FNV-1a: tells recipes apart; nobody attacks a cache of one's own.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}

#[cfg(test)]
mod tests;
