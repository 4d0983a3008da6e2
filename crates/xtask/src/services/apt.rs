//! What comes from the distribution: the MQTT broker and its clients, a browser, a Chinese font,
//! what joins two serial lines, makes certificates and shifts a clock, and a Modbus library.
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

const PROGRAMS: [Program; 7] = [
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
    Program {
        link: "socat",
        names: &["socat"],
        package: "socat",
    },
    Program {
        link: "openssl",
        names: &["openssl"],
        package: "openssl",
    },
    Program {
        link: "faketime",
        names: &["faketime"],
        package: "faketime",
    },
];

/// `modbus_peer` is compiled with it.
const MODBUS_LIBRARY: &str = "libmodbus-dev";

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
    report("libmodbus", "found");
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
    if !has_modbus_library() {
        missing.push(MODBUS_LIBRARY);
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

/// Asks the compiler, which knows more places than we do.
fn has_modbus_library() -> bool {
    Run::new("cc")
        .args(["-E", "-include", "modbus/modbus.h", "-x", "c", "/dev/null"])
        .output()
        .is_ok()
}

fn install(packages: &[&str]) -> Result<(), String> {
    let wanted = packages.join(" ");
    if find_program(&["apt-get"]).is_none() {
        return Err(format!(
            "these are missing and there is no apt-get here: {wanted}; install them with the \
             system's own package manager, then run `cargo xtask services` again"
        ));
    }
    let rights = rights(&wanted)?;
    report(&wanted, "installing with apt-get");
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    if apt_get(&rights, &install).is_err() {
        say::line("    the package lists may be old or absent: apt-get update, then once more");
        apt_get(&rights, &["update"])?;
        apt_get(&rights, &install)
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

/// The words in front of a command that needs root: none for root, `sudo` for others.
fn rights(wanted: &str) -> Result<Vec<&'static str>, String> {
    if Run::new("id").args(["-u"]).output()?.trim() == "0" {
        Ok(Vec::new())
    } else if find_program(&["sudo"]).is_some() {
        Ok(vec!["sudo"])
    } else {
        Err(format!(
            "these are missing: {wanted}; they need root and there is no sudo: as root run \
             `apt-get install {wanted}`, then `cargo xtask services` again"
        ))
    }
}

fn apt_get(rights: &[&str], arguments: &[&str]) -> Result<(), String> {
    let plain = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "--quiet",
    ];
    let mut words = rights.iter().chain(&plain).chain(arguments);
    let program = words.next().ok_or("no command to run")?;
    Run::new(program).args(words).inherit()
}
