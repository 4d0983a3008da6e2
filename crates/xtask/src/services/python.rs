//! A Python of its own with the libraries of `tests/services/python/requirements.txt`
//! (pinned by version and hash): peers that share no line of code with us.

use std::fs;
use std::path::Path;

use super::cache::Cache;
use super::place::{Place, find_program};
use super::report;
use crate::command::Run;

const REQUIREMENTS: &str = "tests/services/python/requirements.txt";

/// Proves that the environment works, in the way a test uses it.
const PROOF: &str = "import paho.mqtt, pymodbus.server, serial; \
    print('paho-mqtt', paho.mqtt.__version__, 'pymodbus', pymodbus.__version__)";

/// Makes the virtual environment, unless it holds these very requirements and works.
pub fn provide(root: &Path, place: &Place, cache: &Cache) -> Result<(), String> {
    let requirements = root.join(REQUIREMENTS);
    let pins = fs::read_to_string(&requirements)
        .map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
    let venv = place.venv();
    let stamp = venv.join("requirements.txt");
    let same = fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == pins);
    if !(same && prove(&venv).is_ok()) {
        let wheels = if let Some(wheels) = cache.entry("python-wheels", "1", &pins) {
            wheels
        } else {
            report("Python libraries", "downloading with pip");
            let key = ("python-wheels", "1", pins.as_str());
            cache.make(key, |folder| download(&requirements, folder, place))?
        };
        make(&venv, &requirements, &wheels, place)?;
        fs::write(&stamp, &pins)
            .map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    }
    let version = prove(&venv)?;
    report(
        "Python libraries",
        &format!("{}, {}", version.trim(), venv.display()),
    );
    Ok(())
}

fn prove(venv: &Path) -> Result<String, String> {
    Run::new(venv.join("bin/python3"))
        .args(["-c", PROOF])
        .output()
}

fn python() -> Result<&'static str, String> {
    match find_program(&["python3"]) {
        Some(_) => Ok("python3"),
        None => Err("`python3` is missing: apt-get install python3 python3-venv".to_owned()),
    }
}

fn download(requirements: &Path, folder: &Path, place: &Place) -> Result<(), String> {
    // A throw-away environment: some systems refuse, or do not have, a pip outside of one.
    let tool = folder.join("pip-for-download");
    create(&tool, place)?;
    Run::new(tool.join("bin/python3"))
        .args([
            "-m",
            "pip",
            "download",
            "--require-hashes",
            "--no-deps",
            "--only-binary=:all:",
        ])
        .args([
            Path::new("--dest"),
            folder,
            Path::new("--requirement"),
            requirements,
        ])
        .logged("pip download", &place.log("pip-download"))?;
    fs::remove_dir_all(&tool).map_err(|error| format!("cannot remove {}: {error}", tool.display()))
}

fn make(venv: &Path, requirements: &Path, wheels: &Path, place: &Place) -> Result<(), String> {
    if venv.exists() {
        fs::remove_dir_all(venv)
            .map_err(|error| format!("cannot remove {}: {error}", venv.display()))?;
    }
    create(venv, place)?;
    Run::new(venv.join("bin/python3"))
        .args(["-m", "pip", "install", "--no-index", "--require-hashes"])
        .args([
            Path::new("--find-links"),
            wheels,
            Path::new("--requirement"),
            requirements,
        ])
        .logged("pip install", &place.log("pip-install"))
}

fn create(venv: &Path, place: &Place) -> Result<(), String> {
    Run::new(python()?)
        .args([Path::new("-m"), Path::new("venv"), venv])
        .logged("python3 -m venv", &place.log("venv"))
        .map_err(|error| format!("{error}\n(on Debian: apt-get install python3-venv)"))
}
