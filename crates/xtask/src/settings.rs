//! The only place of this tool that reads the environment.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Folders outside `PATH` in which systems put daemons and programs.
const SYSTEM_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin"];

/// The folders to look for programs in: `PATH`, then where systems put daemons.
pub fn program_folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(SYSTEM_FOLDERS.iter().map(PathBuf::from));
    folders
}

/// Where built programs are kept for every clone on this machine.
pub fn services_cache() -> Result<PathBuf, String> {
    cache_from(
        env::var_os("HUITIAN_SERVICES_CACHE").map(PathBuf::from),
        env::var_os("XDG_CACHE_HOME").map(PathBuf::from),
        env::home_dir(),
    )
}

/// The toolchain that runs us, if rustup says so: Flux's own older pin must not win over it.
pub fn active_toolchain() -> Option<OsString> {
    env::var_os("RUSTUP_TOOLCHAIN")
}

fn cache_from(
    named: Option<PathBuf>,
    xdg: Option<PathBuf>,
    home: Option<PathBuf>,
) -> Result<PathBuf, String> {
    let absolute = |path: &PathBuf| path.is_absolute();
    if let Some(named) = named.filter(|path| path != Path::new("")) {
        return if absolute(&named) {
            Ok(named)
        } else {
            let came = named.display();
            Err(format!(
                "HUITIAN_SERVICES_CACHE must be an absolute path, `{came}` came"
            ))
        };
    }
    // The XDG specification says that relative values are to be ignored.
    xdg.filter(absolute)
        .or_else(|| home.filter(absolute).map(|home| home.join(".cache")))
        .map(|folder| folder.join("huitian-services"))
        .ok_or_else(|| "no cache folder: set HUITIAN_SERVICES_CACHE or HOME".to_owned())
}

#[cfg(test)]
mod tests;
