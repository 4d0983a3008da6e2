//! Words that tie the project to one machine or to one registry.
//!
//! The patterns are put together from parts, so that this file does not find itself.

use super::tree::{Finding, Tree, by_line};

/// Written by tools, full of registry addresses by nature.
const WRITTEN_BY_TOOLS: [&str; 2] = ["Cargo.lock", "tests/services/influxd/go.sum"];

/// First folders of paths that exist on somebody's machine only.
const MACHINE_FOLDERS: [&str; 4] = ["work", "root", "Users", "home"];

/// Hosts of package registries, as name and ending.
const REGISTRY_HOSTS: [(&str, &str); 9] = [
    ("crates", "io"),
    ("registry.npmjs", "org"),
    ("pypi", "org"),
    ("files.pythonhosted", "org"),
    ("proxy.golang", "org"),
    ("sum.golang", "org"),
    ("deb.debian", "org"),
    ("registry-1.docker", "io"),
    ("rubygems", "org"),
];

pub fn no_machine_paths(tree: &Tree) -> Vec<Finding> {
    by_line(ours(tree), |line| {
        let folder = MACHINE_FOLDERS
            .iter()
            .find(|folder| holds_path(line, folder))?;
        Some(format!(
            "`/{folder}/` is one machine's path: write it from the repository's root"
        ))
    })
}

pub fn no_registry_hosts(tree: &Tree) -> Vec<Finding> {
    by_line(ours(tree), |line| {
        let (name, ending) = REGISTRY_HOSTS
            .iter()
            .find(|(name, ending)| holds_host(line, name, ending))?;
        Some(format!(
            "`{name}.{ending}` is a registry's address: name the package, the user's own \
             settings say where it comes from"
        ))
    })
}

fn ours(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.texts()
        .filter(|(path, _)| !WRITTEN_BY_TOOLS.contains(path))
}

/// Whether an absolute path under `/folder/` stands in the line: nothing of a longer path,
/// address or name before it.
fn holds_path(line: &str, folder: &str) -> bool {
    let pattern = format!("/{folder}/");
    line.match_indices(&pattern).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~/}{*$".contains(c))
    })
}

fn holds_host(line: &str, name: &str, ending: &str) -> bool {
    let host = format!("{name}.{ending}");
    line.match_indices(&host).any(|(at, found)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + found.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    //! What each rule of this file catches.

    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn a_path_of_one_machine_is_found_and_a_route_or_relative_path_is_not() {
        let bad = ["cd ", "work/main"].join("/");
        let good = "crates/work/a, https://example.com/home/page, {base}/root/";
        let tree = Tree::of(&[("a.md", &format!("{good}\n{bad}")), ("Cargo.lock", &bad)]);
        assert_eq!(places(&no_machine_paths(&tree)), ["a.md:2"]);
    }

    #[test]
    fn a_registry_host_is_found_and_a_word_that_contains_it_is_not() {
        let bad = format!("see {}.{}/tokio", "crates", "io");
        let good = "subcrates.iota\ncrates.into_iter()";
        let tree = Tree::of(&[("a.toml", &format!("{good}\n{bad}"))]);
        assert_eq!(places(&no_registry_hosts(&tree)), ["a.toml:3"]);
    }
}
