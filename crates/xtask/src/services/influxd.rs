//! InfluxDB 2, the real server, built from a pinned Go module.
//!
//! The project ships no `go install`able release (its module has a `replace`), so a module of our
//! own under `tests/services/influxd` repeats that line, names the version and holds the sums.
//! Flux, its query language, is partly Rust and is built by a `pkg-config` of theirs when cgo asks
//! for its flags. Two things would break that build: its pin of an old toolchain, and warnings
//! that it denies (see `rustc-cap-lints`).

use std::fs;
use std::path::Path;

use super::cache::Cache;
use super::place::{Place, find_program, is_executable};
use super::report;
use crate::command::Run;
use crate::settings;

/// Kept in step with `go.mod`, which the build reads; a difference is refused.
const VERSION: &str = "2.7.12";

const MODULE_FOLDER: &str = "tests/services/influxd";
const PROGRAM: &str = "github.com/influxdata/influxdb/v2/cmd/influxd";
const FLUX_BUILDER: &str = "github.com/influxdata/pkg-config";

/// Finds the server in the cache or builds it, and links it.
pub fn provide(root: &Path, place: &Place, cache: &Cache) -> Result<(), String> {
    let module = root.join(MODULE_FOLDER);
    let recipe = recipe(&module)?;
    let key = ("influxd", VERSION, recipe.as_str());
    let entry = if let Some(entry) = cache.entry(key.0, key.1, key.2) {
        entry
    } else {
        check_compilers()?;
        report(
            "influxd",
            &format!("building {VERSION} with Go (about 4 minutes on 2 cores)"),
        );
        cache.make(key, |folder| build(&module, folder, place))?
    };
    let program = entry.join("influxd");
    if !is_executable(&program) {
        let entry = entry.display();
        return Err(format!(
            "{entry} holds no influxd: remove that folder and run again"
        ));
    }
    place.link("influxd", &program)?;
    report("influxd", &format!("{VERSION}, {}", program.display()));
    Ok(())
}

fn recipe(module: &Path) -> Result<String, String> {
    let mut recipe = String::new();
    for name in ["go.mod", "go.sum"] {
        let path = module.join(name);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        recipe.push_str(&text);
    }
    let pin = format!("github.com/influxdata/influxdb/v2 v{VERSION}");
    if recipe.contains(&pin) {
        Ok(recipe + &linker_flags())
    } else {
        Err(format!(
            "{MODULE_FOLDER}/go.mod does not pin `{pin}`: change both together"
        ))
    }
}

/// No debug tables, and the version that the server tells its clients.
fn linker_flags() -> String {
    format!("-s -w -X main.version=v{VERSION}")
}

fn check_compilers() -> Result<(), String> {
    for (name, why) in [
        (
            "go",
            "Go 1.24 or newer builds influxd: see go.dev/doc/install",
        ),
        (
            "cc",
            "a C compiler builds influxd's SQLite: apt-get install gcc libc6-dev",
        ),
    ] {
        if find_program(&[name]).is_none() {
            return Err(format!("`{name}` is missing: {why}"));
        }
    }
    Ok(())
}

fn build(module: &Path, folder: &Path, place: &Place) -> Result<(), String> {
    let go = || {
        Run::new("go")
            .current_dir(module)
            .env("GOBIN", folder)
            .env("GOFLAGS", "-mod=readonly")
            .env("CGO_ENABLED", "1")
            // Flux's Rust part is built into a folder of Go's choice; ours must not win.
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
    };
    go().args(["install", FLUX_BUILDER])
        .logged("Flux's builder", &place.log("influxd-pkg-config"))?;
    let mut server = go()
        .env("RUSTC_WRAPPER", module.join("rustc-cap-lints"))
        .env("PKG_CONFIG", folder.join("pkg-config"));
    if let Some(toolchain) = settings::active_toolchain() {
        server = server.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    server
        .args(["install", "-tags", "sqlite_foreign_keys,sqlite_json,noasm"])
        .args(["-ldflags", &linker_flags(), PROGRAM])
        .logged("influxd", &place.log("influxd"))
}
