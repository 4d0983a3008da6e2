//! A Modbus server on Debian's libmodbus, compiled from `tests/services/modbus/peer.c`.
//!
//! It takes a second to compile, so it is made anew each time and never looked up in the cache:
//! a cached program could ask for a version of the library that is gone. A rename puts it in its
//! place, so a test that runs the old one is not disturbed.

use std::fs;
use std::path::Path;

use super::place::{Place, find_program};
use super::report;
use crate::command::Run;

const SOURCE: &str = "tests/services/modbus/peer.c";
const PROGRAM: &str = "huitian-modbus-peer";

/// Compiles the server into the folder of programs.
pub fn provide(root: &Path, place: &Place) -> Result<(), String> {
    if find_program(&["cc"]).is_none() {
        return Err(format!(
            "`cc` is missing: a C compiler builds {PROGRAM}: apt-get install gcc libc6-dev"
        ));
    }
    let program = place.bin().join(PROGRAM);
    let partial = place
        .bin()
        .join(format!(".{PROGRAM}-{}", std::process::id()));
    Run::new("cc")
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([partial.as_path(), &root.join(SOURCE)])
        .args(["-lmodbus", "-lpthread"])
        .logged(PROGRAM, &place.log(PROGRAM))?;
    fs::rename(&partial, &program)
        .map_err(|error| format!("cannot put {}: {error}", program.display()))?;
    report(PROGRAM, &format!("compiled, {}", program.display()));
    Ok(())
}
