//! cargo-deny: licences, advisories and who may use which crate (`.deny.toml`).

use std::path::Path;

use super::cache::Cache;
use super::place::{Place, find_program, is_executable};
use super::report;
use crate::command::Run;

/// The version `.deny.toml` is written for; another minor version may read it differently.
const VERSION: &str = "0.20.2";

/// Uses the program on `PATH` where it is of the same minor version, else builds it once.
pub fn provide(place: &Place, cache: &Cache) -> Result<(), String> {
    let program = match on_path() {
        Some(program) => program,
        None => built(place, cache)?,
    };
    place.link("cargo-deny", &program)?;
    let version = version(&program)?;
    report("cargo-deny", &format!("{version}, {}", program.display()));
    Ok(())
}

fn on_path() -> Option<std::path::PathBuf> {
    find_program(&["cargo-deny"])
        .filter(|path| version(path).is_ok_and(|found| same_minor(&found, VERSION)))
}

fn built(place: &Place, cache: &Cache) -> Result<std::path::PathBuf, String> {
    let key = ("cargo-deny", VERSION, "");
    let entry = if let Some(entry) = cache.entry(key.0, key.1, key.2) {
        entry
    } else {
        report(
            "cargo-deny",
            &format!("building {VERSION} (about 3 minutes on 2 cores)"),
        );
        cache.make(key, |folder| {
            Run::new("cargo")
                .args(["install", "--locked", "cargo-deny", "--version", VERSION])
                .args([Path::new("--root"), folder])
                .logged("cargo-deny", &place.log("cargo-deny"))
        })?
    };
    let program = entry.join("bin/cargo-deny");
    if is_executable(&program) {
        Ok(program)
    } else {
        let entry = entry.display();
        Err(format!(
            "{entry} holds no cargo-deny: remove that folder and run again"
        ))
    }
}

fn version(program: &Path) -> Result<String, String> {
    let said = Run::new(program).args(["--version"]).output()?;
    Ok(said
        .split_whitespace()
        .last()
        .unwrap_or_default()
        .to_owned())
}

fn same_minor(found: &str, wanted: &str) -> bool {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    minor(found).is_some() && minor(found) == minor(wanted)
}

#[cfg(test)]
mod tests {
    //! Which installed version will do.

    use super::same_minor;

    #[test]
    fn another_patch_will_do_and_another_minor_will_not() {
        assert!(same_minor("0.20.9", "0.20.2"));
        assert!(!same_minor("0.19.4", "0.20.2"));
        assert!(!same_minor("", "0.20.2"));
    }
}
