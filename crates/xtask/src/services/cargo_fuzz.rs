//! cargo-fuzz: builds and runs the targets of `crates/fuzz`. Got only when somebody fuzzes.

use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::place::{Place, find_program, is_executable};
use super::report;
use crate::command::Run;

/// The version that our manifest was written for.
const VERSION: &str = "0.13.2";

/// The program on `PATH`, else one that is built once for the machine.
pub fn program(root: &Path) -> Result<PathBuf, String> {
    if let Some(program) = find_program(&["cargo-fuzz"]) {
        return Ok(program);
    }
    let place = Place::new(root)?;
    let cache = Cache::open()?;
    let entry = if let Some(entry) = cache.entry("cargo-fuzz", VERSION, "") {
        entry
    } else {
        report(
            "cargo-fuzz",
            &format!("building {VERSION} (about a minute)"),
        );
        cache.make(("cargo-fuzz", VERSION, ""), |folder| {
            Run::new("cargo")
                .args(["install", "--locked", "cargo-fuzz", "--version", VERSION])
                .args([Path::new("--root"), folder])
                .logged("cargo-fuzz", &place.log("cargo-fuzz"))
        })?
    };
    let program = entry.join("bin/cargo-fuzz");
    if is_executable(&program) {
        return Ok(program);
    }
    let entry = entry.display();
    Err(format!(
        "{entry} holds no cargo-fuzz: remove that folder and run again"
    ))
}
