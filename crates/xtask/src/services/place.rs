//! `target/services`: where the tests of this clone look for programs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::settings;

/// Any of the three execute bits of a Unix mode.
const EXECUTABLE_BITS: u32 = 0o111;

/// The services folder of this clone.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// Makes the folders where they are missing.
    pub fn new(root: &Path) -> Result<Self, String> {
        let place = Self {
            folder: root.join("target/services"),
        };
        fs::create_dir_all(place.bin())
            .map_err(|error| format!("cannot make {}: {error}", place.bin().display()))?;
        Ok(place)
    }

    /// Where programs are linked to.
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Where the Python with the test libraries is.
    pub fn venv(&self) -> PathBuf {
        self.folder.join("venv")
    }

    /// The log of one build.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join("log").join(name).with_extension("log")
    }

    /// Makes `bin/<name>` lead to `target`, replacing what stood there.
    pub fn link(&self, name: &str, target: &Path) -> Result<(), String> {
        let link = self.bin().join(name);
        if fs::read_link(&link).is_ok_and(|now| now == target) {
            return Ok(());
        }
        let failed = |error| format!("cannot link {}: {error}", link.display());
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link).map_err(failed)?;
        }
        symlink(target, &link).map_err(failed)
    }
}

/// The first of `names` that is a program on this machine, in the order of `names`.
pub fn find_program(names: &[&str]) -> Option<PathBuf> {
    let folders = settings::program_folders();
    names.iter().find_map(|name| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| is_executable(path))
    })
}

/// Whether `path` is a file that may be run.
pub fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|kind| kind.is_file() && kind.permissions().mode() & EXECUTABLE_BITS != 0)
}

#[cfg(test)]
mod tests;
