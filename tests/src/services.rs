//! Real services: where they are, and what happens where they are not.

use std::io::Write;
use std::path::{Path, PathBuf};

/// With this set to 1 a skip is a failure.
const REQUIRE: &str = "HUITIAN_REQUIRE_SERVICES";

/// A setting of the tests from the environment.
pub fn setting(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' one place that reads the environment"
    )]
    let value = std::env::var(name);
    value.ok()
}

/// Whether every service must be there.
pub fn required() -> bool {
    setting(REQUIRE).as_deref() == Some("1")
}

/// The repository's root.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("tests/ is a folder of the repository")
}

/// A program by name: under `target/services/bin`, then on `PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let ours = root().join("target/services/bin").join(name);
    if ours.exists() {
        return Some(ours);
    }
    let path = setting("PATH")?;
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
}

/// The programs of these names, or a skip that is said aloud.
///
/// ```no_run
/// # use huitian_tests::services::need;
/// let Some([mosquitto]) = need(["mosquitto"]) else { return };
/// ```
pub fn need<const N: usize>(names: [&str; N]) -> Option<[PathBuf; N]> {
    let found = names.map(|name| (name, program(name)));
    let missing: Vec<&str> = found
        .iter()
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Some(found.map(|(_, path)| path.unwrap_or_default()));
    }
    skip(&missing.join(", "));
    None
}

/// The Python of the tests' virtual environment, where it can import `module`.
pub fn python_with(module: &str) -> Option<PathBuf> {
    let python = root().join("target/services/venv/bin/python3");
    let mut imports = std::process::Command::new(&python);
    let imported = imports.args(["-c", &format!("import {module}")]).output();
    if imported.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skip(&format!("python3 with {module}"));
    None
}

/// Says that a test does nothing here, or fails where that is not permitted.
pub fn skip(what: &str) {
    let name = std::thread::current().name().map(str::to_owned);
    let name = name.unwrap_or_default();
    say(&format!("SKIPPED (needs {what}): {name}"));
    assert!(
        !required(),
        "{REQUIRE}=1, and {what} is missing: run `cargo xtask services`"
    );
}

/// Says something on standard error, past the test runner, which keeps what is printed.
pub fn say(text: &str) {
    // Where even that is closed nobody can be told.
    let _unheard = writeln!(std::io::stderr().lock(), "{text}");
}
