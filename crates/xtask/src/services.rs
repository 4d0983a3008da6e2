//! The programs that tests speak to, and the tools of the checks: finds each one, gets what is
//! missing, and puts it where tests look.
//!
//! The contract with the tests: a program is looked for under `target/services/bin`, then on
//! `PATH`; Python with its libraries is `target/services/venv/bin/python3`. What Debian packages
//! comes from apt; what is built is pinned (a Go module with its sums, a version number, hashes)
//! and kept in a cache for the whole machine, so that the next clone only links it.
//! Every step looks first and skips what is there: running twice is safe.

mod apt;
mod cache;
mod cargo_deny;
mod cargo_fuzz;
mod influxd;
mod modbus_peer;
mod place;
mod python;

use std::path::Path;
use std::time::Instant;

use crate::say;
use cache::Cache;
use place::Place;

pub use cargo_fuzz::program as cargo_fuzz;

/// Gets everything; the error names what could not be had and what to do.
pub fn run(root: &Path) -> Result<(), String> {
    let started = Instant::now();
    let place = Place::new(root)?;
    let cache = Cache::open()?;
    say::line(&format!("services for tests: {}", place.bin().display()));
    say::line(&format!(
        "kept for the next clone: {}",
        cache.folder().display()
    ));
    apt::provide(&place)?;
    influxd::provide(root, &place, &cache)?;
    modbus_peer::provide(root, &place)?;
    python::provide(root, &place, &cache)?;
    cargo_deny::provide(&place, &cache)?;
    say::line(&format!(
        "services are ready ({} s)",
        started.elapsed().as_secs()
    ));
    Ok(())
}

/// One line of progress: what, and where it is or comes from.
fn report(what: &str, state: &str) {
    say::line(&format!("  {what:<20} {state}"));
}
