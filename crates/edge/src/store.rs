//! The configurations that the hub sent, in folders of their own below the data folder.
//!
//! ```text
//! configs/N/          the files of version N
//! configs/current     "N": the version in force; missing: the edge's own file is
//! configs/trial       "N": the version that is on trial; at a start this means that it failed
//! configs/given-up    "N": the version that failed its trial last: it is not tried again
//! ```
//!
//! Each of the three small files is written beside and renamed, so it is whole or the former one.

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use huitian_model::uplink::{ConfigFile, FORMER_MAX};

/// Files of one configuration: settings, five inventory files, some hundred profiles and maps.
const FILES_MAX: usize = 200;

/// The configurations of an edge.
#[derive(Clone, Debug)]
pub struct Configs {
    dir: PathBuf,
}

impl Configs {
    /// Those below a data folder.
    pub fn new(data: &Path) -> Self {
        Self {
            dir: data.join("configs"),
        }
    }

    /// The version in force; 0 is the edge's own file.
    pub fn current(&self) -> u64 {
        self.number("current")
    }

    /// The version that was on trial when the process ended; 0 for none.
    pub fn trial(&self) -> u64 {
        self.number("trial")
    }

    /// The version that failed its trial last; 0 for none.
    pub fn given_up(&self) -> u64 {
        self.number("given-up")
    }

    fn number(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        // What is missing or cannot be read is the edge's own file: that one always works.
        text.trim().parse().unwrap_or(0)
    }

    /// The settings file of a version.
    pub fn settings(&self, version: u64) -> PathBuf {
        self.dir.join(version.to_string()).join("edge.toml")
    }

    /// Writes the files of a version.
    ///
    /// # Errors
    /// What is wrong with them, or what the disk said.
    pub fn write(&self, version: u64, files: &[ConfigFile]) -> Result<(), String> {
        if files.len() > FILES_MAX {
            return Err(format!(
                "expected at most {FILES_MAX} files, found {}",
                files.len()
            ));
        }
        if !files.iter().any(|file| file.name == "edge.toml") {
            return Err("edge.toml is missing".to_owned());
        }
        let dir = self.dir.join(version.to_string());
        let fault = |error: std::io::Error| format!("{}: {error}", dir.display());
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
        std::fs::create_dir_all(&dir).map_err(fault)?;
        for file in files {
            let name = Path::new(&file.name);
            let is_plain = name
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            if !is_plain || file.name.is_empty() {
                return Err(format!("{:?} is not a name below the folder", file.name));
            }
            let path = dir.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(fault)?;
            }
            write_whole(&path, &file.text).map_err(fault)?;
        }
        Ok(())
    }

    /// Puts a version on trial.
    ///
    /// # Errors
    /// What the disk said.
    pub fn try_out(&self, version: u64) -> Result<(), String> {
        self.set("trial", version)
    }

    /// The trial has ended: `version` is in force.
    ///
    /// # Errors
    /// What the disk said.
    pub fn settle(&self, version: u64) -> Result<(), String> {
        self.set("current", version)?;
        self.set("trial", 0)
    }

    /// The trial of `version` has failed: `before` is in force again.
    ///
    /// # Errors
    /// What the disk said.
    pub fn give_up(&self, version: u64, before: u64) -> Result<(), String> {
        self.set("given-up", version)?;
        self.settle(before)
    }

    fn set(&self, name: &str, version: u64) -> Result<(), String> {
        let path = self.dir.join(name);
        let write = || {
            std::fs::create_dir_all(&self.dir)?;
            write_whole(&path, &version.to_string())?;
            std::fs::File::open(&self.dir)?.sync_all()
        };
        write().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))
    }
}

/// The starts of this edge on its queue, the last first; this one is added durably before it says
/// hello, so that the next start can name it.
///
/// # Errors
/// What the disk said.
pub fn instances(data: &Path, this: u64) -> std::io::Result<Vec<u64>> {
    let path = data.join("instances");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        read => read.unwrap_or_default(),
    };
    let former = text
        .lines()
        .filter_map(|line| u64::from_str_radix(line, 16).ok());
    let all: Vec<u64> = std::iter::once(this)
        .chain(former)
        .take(FORMER_MAX + 1)
        .collect();
    let lines: Vec<String> = all
        .iter()
        .map(|instance| format!("{instance:016x}"))
        .collect();
    write_whole(&path, &lines.join("\n"))?;
    std::fs::File::open(data)?.sync_all()?;
    Ok(all)
}

/// Writes a file that is whole or not there.
///
/// # Errors
/// What the disk said.
pub fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let beside = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> ConfigFile {
        ConfigFile {
            name: name.to_owned(),
            text: "x".to_owned(),
        }
    }

    #[test]
    fn no_file_is_written_outside_of_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let configs = Configs::new(dir.path());
        for name in ["../up", "/etc/passwd", "", "a/../../b", "./x"] {
            let written = configs.write(1, &[file("edge.toml"), file(name)]);
            assert!(written.is_err(), "{name}");
        }
        assert!(configs.write(1, &[file("inventory/sites.csv")]).is_err());
        configs
            .write(1, &[file("edge.toml"), file("inventory/sites.csv")])
            .unwrap();
        assert!(configs.settings(1).exists());
    }

    #[test]
    fn every_start_knows_those_before_it() {
        let dir = tempfile::tempdir().unwrap();
        for (this, expected) in [(1, vec![1]), (2, vec![2, 1]), (3, vec![3, 2, 1])] {
            assert_eq!(instances(dir.path(), this).unwrap(), expected);
        }
        for this in 4..100 {
            instances(dir.path(), this).unwrap();
        }
        assert_eq!(instances(dir.path(), 100).unwrap().len(), FORMER_MAX + 1);
    }

    #[test]
    fn a_trial_that_did_not_end_is_seen_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let configs = Configs::new(dir.path());
        assert_eq!((configs.current(), configs.trial()), (0, 0));
        configs.try_out(3).unwrap();
        assert_eq!((configs.current(), configs.trial()), (0, 3));
        configs.settle(3).unwrap();
        assert_eq!((configs.current(), configs.trial()), (3, 0));
    }
}
