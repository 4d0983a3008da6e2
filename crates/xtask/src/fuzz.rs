//! Fuzzing: each target of `crates/fuzz` for some time under libFuzzer.

use std::fs;
use std::path::Path;

use crate::command::Run;
use crate::{say, services};

/// Seconds for each target where nothing is said.
pub const SECONDS: u32 = 45;

/// No message may need memory in one piece beyond this, MiB: the longest message is 256 KiB.
const PIECE_MIB: u32 = 16;

/// Resident memory that ends a run, MiB: the sanitizer itself takes some hundred.
const RESIDENT_MIB: u32 = 1_024;

/// Seconds after which an input hangs. How long one takes when nothing watches it is measured by
/// `cargo bench -p huitian-fuzz`.
const HANG_S: u32 = 2;

/// Longest input, bytes: a message and the byte before it that chooses.
const INPUT_BYTES: u32 = 16 * 1024 + 1;

/// Runs targets one after another; none named: all. New inputs stay under `target/fuzz`, crashes
/// are named in the error.
pub fn run(root: &Path, targets: &[String], seconds: u32) -> Result<(), String> {
    let known = known(root)?;
    if let Some(unknown) = targets.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "expected one of {}, found {unknown}",
            known.join(", ")
        ));
    }
    Run::new("rustup")
        .args(["run", "nightly", "rustc", "--version"])
        .output()
        .map_err(|error| {
            format!("{error}\nlibFuzzer needs it: rustup toolchain install nightly")
        })?;
    let program = services::cargo_fuzz(root)?;
    let chosen = if targets.is_empty() { &known } else { targets };
    for target in chosen {
        say::line(&format!("=== fuzz {target} for {seconds} s"));
        let found = root.join("target/fuzz/corpus").join(target);
        let crashes = root.join("target/fuzz/crashes").join(target);
        for folder in [&found, &crashes] {
            fs::create_dir_all(folder)
                .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        Run::new("rustup")
            .args(["run", "nightly"])
            .args([program.as_os_str()])
            .args(["fuzz", "run", "--fuzz-dir", "crates/fuzz"])
            .args([
                "--features",
                "libfuzzer",
                "--target-dir",
                "target/fuzz/build",
            ])
            .args([target.as_str()])
            .args([&found, &root.join("crates/fuzz/corpus").join(target)])
            .args(["--", "-print_final_stats=1"])
            .args([format!("-artifact_prefix={}/", crashes.display())])
            .args([format!("-max_total_time={seconds}")])
            .args([format!("-timeout={HANG_S}")])
            .args([format!("-rss_limit_mb={RESIDENT_MIB}")])
            .args([format!("-malloc_limit_mb={PIECE_MIB}")])
            .args([format!("-max_len={INPUT_BYTES}")])
            .current_dir(root)
            .inherit()?;
    }
    Ok(())
}

/// The targets there are, in order.
fn known(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("crates/fuzz/fuzz_targets");
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let Some(name) = path.file_stem() {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
