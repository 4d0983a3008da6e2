//! Every foreign crate that matters has one owner: the only crate of ours that knows it, so that
//! its traps are met, and its replacement is made, in one place.

use super::manifests::judge;
use super::tree::{Finding, Tree};

/// A foreign crate, its owner, and whether tests elsewhere may use it as a peer.
struct Owned {
    foreign: &'static str,
    owner: &'static str,
    free_in_tests: bool,
}

const fn owned(foreign: &'static str, owner: &'static str) -> Owned {
    Owned {
        foreign,
        owner,
        free_in_tests: false,
    }
}

/// `.deny.toml` says the same to cargo-deny (`bans.deny[].wrappers`), which also sees the way
/// through other foreign crates; this table sees `[dev-dependencies]` and names the line.
const OWNED: [Owned; 9] = [
    owned("rumqttc", "crates/mqtt"),
    owned("influxdb2", "crates/influx"),
    owned("rusqlite", "crates/store"),
    // A fake server in a test is best written with it.
    Owned {
        foreign: "axum",
        owner: "crates/console",
        free_in_tests: true,
    },
    owned("reqwest", "crates/notify"),
    owned("tokio-modbus", "crates/modbus"),
    owned("tokio-serial", "crates/modbus"),
    owned("async-nats", "crates/cluster"),
    owned("lettre", "crates/notify"),
];

pub fn foreign_crates_have_one_owner(tree: &Tree) -> Vec<Finding> {
    tree.members()
        .flat_map(|(folder, text)| {
            judge((folder, text), |one| {
                let rule = OWNED.iter().find(|rule| rule.foreign == one.package)?;
                let in_tests = one.dev || folder == "tests";
                let permitted = rule.owner == folder || (rule.free_in_tests && in_tests);
                (!permitted).then(|| {
                    let (foreign, owner) = (rule.foreign, rule.owner);
                    format!("only {owner} knows `{foreign}`: use {owner}, or give it what you lack")
                })
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    //! What the rule of this file catches.

    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn every_owned_crate_is_found_outside_its_owner() {
        for Owned { foreign, owner, .. } in OWNED {
            let manifest = format!("[dependencies]\n{foreign}.workspace = true\n");
            let home = format!("{owner}/Cargo.toml");
            let tree = Tree::of(&[(&home, &manifest), ("crates/edge/Cargo.toml", &manifest)]);
            let found = places(&foreign_crates_have_one_owner(&tree));
            assert_eq!(found, ["crates/edge/Cargo.toml:2"], "{foreign}");
        }
    }

    #[test]
    fn tests_may_serve_http_but_may_not_open_the_database() {
        let manifest = "[dev-dependencies]\naxum = \"0.8\"\nrusqlite = \"0.43\"\n";
        let tree = Tree::of(&[("crates/influx/Cargo.toml", manifest)]);
        let found = places(&foreign_crates_have_one_owner(&tree));
        assert_eq!(found, ["crates/influx/Cargo.toml:3"]);
    }
}
