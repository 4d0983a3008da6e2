//! What comes from the distribution: the MQTT broker and its clients, a browser, a Chinese font.
//!
//! Whatever is there already is used, from whichever source. What is missing is installed with
//! apt, as root or through sudo; without apt the error says which packages to get.

use std::path::Path;

use super::place::{Place, find_program};
use super::report;
use crate::command::Run;
use crate::say;

/// A program tests look for, the names it goes by, and Debian's package.
struct Program {
    link: &'static str,
    names: &'static [&'static str],
    package: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program {
        link: "mosquitto",
        names: &["mosquitto"],
        package: "mosquitto",
    },
    Program {
        link: "mosquitto_pub",
        names: &["mosquitto_pub"],
        package: "mosquitto-clients",
    },
    Program {
        link: "mosquitto_sub",
        names: &["mosquitto_sub"],
        package: "mosquitto-clients",
    },
    Program {
        link: "chromium",
        names: &[
            "chromium",
            "chromium-browser",
            "google-chrome-stable",
            "google-chrome",
        ],
        package: "chromium",
    },
];

/// Without it a browser draws boxes for every Chinese word.
const CHINESE_FONT: &str = "fonts-noto-cjk";

/// Finds or installs everything of this file.
pub fn provide(place: &Place) -> Result<(), String> {
    let missing = missing_packages();
    if !missing.is_empty() {
        install(&missing)?;
        let still = missing_packages();
        if !still.is_empty() {
            let still = still.join(" ");
            return Err(format!(
                "apt-get ended well, but these are still missing: {still}"
            ));
        }
    }
    for program in &PROGRAMS {
        if let Some(path) = find_program(program.names) {
            place.link(program.link, &path)?;
            report(program.link, &format!("found {}", path.display()));
        }
    }
    report("Chinese font", "found");
    Ok(())
}

fn missing_packages() -> Vec<&'static str> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|program| find_program(program.names).is_none())
        .map(|program| program.package)
        .collect();
    if !has_chinese_font() {
        missing.extend([CHINESE_FONT, "fontconfig"]);
    }
    missing.dedup();
    missing
}

fn has_chinese_font() -> bool {
    Run::new("fc-list")
        .args([":lang=zh", "family"])
        .output()
        .is_ok_and(|list| !list.is_empty())
}

fn install(packages: &[&str]) -> Result<(), String> {
    let wanted = packages.join(" ");
    if find_program(&["apt-get"]).is_none() {
        return Err(format!(
            "these are missing and there is no apt-get here: {wanted}; install them with the \
             system's own package manager, then run `cargo xtask services` again"
        ));
    }
    report(&wanted, "installing with apt-get");
    if apt_get(&["install", "--yes", "--no-install-recommends"], packages).is_err() {
        say::line("    the package lists may be old or absent: apt-get update, then once more");
        apt_get(&["update"], &[])?;
        apt_get(&["install", "--yes", "--no-install-recommends"], packages)
            .map_err(|error| format!("{error}; to do it by hand: apt-get install {wanted}"))?;
    }
    if packages.contains(&"mosquitto") && Path::new("/run/systemd/system").is_dir() {
        say::line(
            "    note: the package starts a broker of its own on port 1883; tests use other \
             ports; to stop it: systemctl disable --now mosquitto",
        );
    }
    Ok(())
}

fn apt_get(arguments: &[&str], packages: &[&str]) -> Result<(), String> {
    let mut words = vec!["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"];
    words.extend(arguments);
    words.extend(packages);
    if Run::new("id").args(["-u"]).output()?.trim() == "0" {
        return Run::new("env").args(words).inherit();
    }
    if find_program(&["sudo"]).is_none() {
        let by_hand = words.join(" ");
        return Err(format!(
            "root is needed and there is no sudo; as root run: {by_hand}"
        ));
    }
    Run::new("sudo").args(["env"]).args(words).inherit()
}
