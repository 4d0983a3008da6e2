//! `.clippy.toml` files. A crate's own file replaces the root one, so what they share is written
//! several times and must stay in step.

use std::collections::BTreeSet;

use toml::Table;

use super::manifests::PURE;
use super::tree::{Finding, Tree, line_where};

const ROOT: &str = ".clippy.toml";

/// What each crate may choose for itself; every other setting is shared.
const OWN: [&str; 2] = ["disallowed-methods", "disallowed-types"];

/// What a pure crate must forbid at least, under either of the two lists.
const FORBIDDEN_WHEN_PURE: [&str; 14] = [
    "std::time::SystemTime",
    "std::time::SystemTime::now",
    "std::time::Instant",
    "std::time::Instant::now",
    "jiff::Timestamp::now",
    "jiff::ZonedDateTime::now",
    "std::thread::sleep",
    "std::thread::spawn",
    "std::env::var",
    "std::fs::File",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::net::TcpStream",
];

fn settings(text: &str) -> Table {
    // A file that does not parse has no settings, and so lacks all that it must have.
    text.parse().unwrap_or_default()
}

pub fn shared_settings_are_the_same_everywhere(tree: &Tree) -> Vec<Finding> {
    let root = settings(tree.text(ROOT).unwrap_or_default());
    tree.texts()
        .filter(|(path, _)| path.ends_with("/.clippy.toml"))
        .flat_map(|(path, text)| {
            let own = settings(text);
            let keys: BTreeSet<&String> = root.keys().chain(own.keys()).collect();
            keys.into_iter()
                .filter(|key| !OWN.contains(&key.as_str()) && root.get(*key) != own.get(*key))
                .map(|key| {
                    let line = line_where(text, |line| line.starts_with(key.as_str()));
                    let message = match root.get(key) {
                        Some(value) => format!("write `{key} = {value}`, as in {ROOT}"),
                        None => format!("`{key}` is not in {ROOT}: write it there and everywhere"),
                    };
                    Finding::new(path, line, message)
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

pub fn pure_crates_forbid_clock_threads_and_io(tree: &Tree) -> Vec<Finding> {
    let present: Vec<&str> = tree.members().map(|(folder, _)| folder).collect();
    PURE.iter()
        .filter(|(folder, _)| present.contains(folder))
        .flat_map(|(folder, _)| {
            let path = format!("{folder}/.clippy.toml");
            let forbidden = forbidden(&settings(tree.text(&path).unwrap_or_default()));
            FORBIDDEN_WHEN_PURE
                .iter()
                .filter(|must| !forbidden.contains(**must))
                .map(|must| {
                    let list = if must.ends_with(char::is_uppercase) {
                        OWN[1]
                    } else {
                        OWN[0]
                    };
                    Finding::new(
                        &path,
                        1,
                        format!("a pure crate forbids `{must}`: add it ({list})"),
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn forbidden(settings: &Table) -> BTreeSet<String> {
    OWN.iter()
        .filter_map(|list| settings.get(*list)?.as_array())
        .flatten()
        .filter_map(|entry| entry.as_str().or_else(|| entry.get("path")?.as_str()))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    //! What each rule of this file catches.

    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn a_setting_that_drifted_is_found_missing_changed_or_added() {
        let root = "too-many-lines-threshold = 70\nallow-unwrap-in-tests = true\n";
        let own = "# pure\ntoo-many-lines-threshold = 90\nmsrv = \"1.90\"\n";
        let tree = Tree::of(&[(".clippy.toml", root), ("crates/model/.clippy.toml", own)]);
        let found = shared_settings_are_the_same_everywhere(&tree);
        let path = "crates/model/.clippy.toml";
        assert_eq!(
            places(&found),
            [1, 3, 2].map(|line| format!("{path}:{line}"))
        );
        assert!(
            found[2].message.contains("`too-many-lines-threshold = 70`"),
            "{found:?}"
        );
    }

    #[test]
    fn a_pure_crate_that_permits_the_clock_is_found() {
        let all: Vec<String> = FORBIDDEN_WHEN_PURE
            .iter()
            .filter(|path| **path != "jiff::ZonedDateTime::now")
            .map(|path| format!("{{ path = \"{path}\" }}"))
            .collect();
        let text = format!("disallowed-methods = [{}]", all.join(", "));
        let tree = Tree::of(&[
            ("crates/model/Cargo.toml", ""),
            ("crates/model/.clippy.toml", &text),
        ]);
        let found = pure_crates_forbid_clock_threads_and_io(&tree);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].message.contains("`jiff::ZonedDateTime::now`"),
            "{found:?}"
        );
    }

    #[test]
    fn a_pure_crate_without_the_file_lacks_everything() {
        let tree = Tree::of(&[("crates/engine/Cargo.toml", "")]);
        let found = pure_crates_forbid_clock_threads_and_io(&tree);
        assert_eq!(found.len(), FORBIDDEN_WHEN_PURE.len());
    }
}
