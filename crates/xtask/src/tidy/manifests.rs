//! What manifests may say: lints, and who may depend on whom.

use toml::{Table, Value};

use super::tree::{Finding, Tree, line_where};

/// The pure crates, and the crates of ours that each may know.
pub const PURE: [(&str, &[&str]); 3] = [
    ("crates/model", &[]),
    ("crates/codec", &["huitian-model"]),
    ("crates/engine", &["huitian-model"]),
];

/// Foreign crates that know no clock, no tokio, no IO and no logging. (jiff is asked for civil
/// time only; its clock is forbidden in the pure crates' `.clippy.toml`.)
const PURE_FOREIGN: [&str; 13] = [
    "base64",
    "itoa",
    "jiff",
    "memchr",
    "minicbor",
    "postcard",
    "prost",
    "ryu",
    "serde",
    "serde_json",
    "smallvec",
    "thiserror",
    "toml",
];

/// Foreign crates that the tests of a pure crate may use besides.
const PURE_FOREIGN_IN_TESTS: [&str; 3] = ["insta", "proptest", "csv"];

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// One entry of a dependency table.
#[derive(Debug)]
pub struct Dependency {
    /// The package's name, also where the manifest renames it.
    pub package: String,
    /// Whether only tests and examples get it.
    pub dev: bool,
    /// One-based line in the manifest.
    pub line: usize,
}

/// Everything a manifest depends on, for every target.
pub fn dependencies(manifest: &str) -> Result<Vec<Dependency>, String> {
    let table: Table = manifest
        .parse()
        .map_err(|error| format!("not a manifest: {error}"))?;
    let targets = table.get("target").and_then(Value::as_table);
    let per_target = targets.into_iter().flat_map(|targets| targets.values());
    let places = std::iter::once(&table).chain(per_target.filter_map(Value::as_table));
    let mut found = Vec::new();
    for place in places {
        for name in TABLES {
            let entries = place.get(name).and_then(Value::as_table);
            for (key, entry) in entries.into_iter().flatten() {
                let renamed = entry.get("package").and_then(Value::as_str);
                found.push(Dependency {
                    package: renamed.unwrap_or(key).to_owned(),
                    dev: name == "dev-dependencies",
                    line: line_of(manifest, key),
                });
            }
        }
    }
    Ok(found)
}

fn line_of(manifest: &str, key: &str) -> usize {
    line_where(manifest, |line| {
        let rest = line.trim_start().trim_start_matches('"').strip_prefix(key);
        let tail = |rest: &str| rest.starts_with([' ', '.', '=', '"']);
        rest.is_some_and(tail) || line.trim_end().ends_with(&format!("dependencies.{key}]"))
    })
}

/// The dependencies of one member, each with what is wrong with it, if anything.
pub fn judge(
    (folder, text): (&str, &str),
    wrong: impl Fn(&Dependency) -> Option<String>,
) -> Vec<Finding> {
    let path = format!("{folder}/Cargo.toml");
    match dependencies(text) {
        Ok(all) => all
            .iter()
            .filter_map(|one| Some(Finding::new(&path, one.line, wrong(one)?)))
            .collect(),
        Err(problem) => vec![Finding::new(&path, 1, problem)],
    }
}

pub fn members_take_the_workspace_lints(tree: &Tree) -> Vec<Finding> {
    tree.members()
        .filter(|(_, text)| {
            let table: Table = text.parse().unwrap_or_default();
            let taken = table.get("lints").and_then(|lints| lints.get("workspace"));
            taken != Some(&Value::Boolean(true))
        })
        .map(|(folder, _)| {
            let path = format!("{folder}/Cargo.toml");
            Finding::new(&path, 1, "add `[lints]` with `workspace = true`")
        })
        .collect()
}

pub fn pure_crates_use_only_pure_ones(tree: &Tree) -> Vec<Finding> {
    tree.members()
        .flat_map(|(folder, text)| {
            let Some((_, ours)) = PURE.iter().find(|(pure, _)| *pure == folder) else {
                return Vec::new();
            };
            judge((folder, text), |one| {
                let name = one.package.as_str();
                let pure = ours.contains(&name)
                    || PURE_FOREIGN.contains(&name)
                    || (one.dev && PURE_FOREIGN_IN_TESTS.contains(&name));
                (!pure).then(|| {
                    format!(
                        "a pure crate may not use `{name}`: do it in the driver and hand the \
                         result in (or, if it knows no clock, IO or logging, add it to \
                         PURE_FOREIGN in crates/xtask/src/tidy/manifests.rs)"
                    )
                })
            })
        })
        .collect()
}

pub fn the_simulator_uses_no_crate_of_ours(tree: &Tree) -> Vec<Finding> {
    tree.members()
        .filter(|(folder, _)| *folder == "firmware-sim")
        .flat_map(|member| {
            judge(member, |one| {
                one.package.starts_with("huitian").then(|| {
                    format!(
                        "firmware-sim may not use `{}`: it has encoders of its own, so that an \
                         error in ours cannot cancel itself out",
                        one.package
                    )
                })
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    //! What each rule of this file catches.

    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn a_member_without_the_workspace_lints_is_found() {
        let tree = Tree::of(&[
            ("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
            ("crates/b/Cargo.toml", "[lints]\nworkspace = false\n"),
            ("tests/Cargo.toml", "[package]\n"),
        ]);
        let found = places(&members_take_the_workspace_lints(&tree));
        assert_eq!(found, ["crates/b/Cargo.toml:1", "tests/Cargo.toml:1"]);
    }

    #[test]
    fn tokio_in_a_pure_crate_is_found_however_it_is_written() {
        let written = [
            "[dependencies]\ntokio.workspace = true",
            "[dependencies]\nserde = \"1\"\nrun = { package = \"tokio\", version = \"1\" }",
            "[dev-dependencies]\ntokio = \"1\"",
            "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"",
            "[dependencies.tokio]\nversion = \"1\"",
        ];
        for (manifest, line) in written.iter().zip([2, 3, 2, 2, 1]) {
            let tree = Tree::of(&[("crates/engine/Cargo.toml", manifest)]);
            let found = places(&pure_crates_use_only_pure_ones(&tree));
            assert_eq!(
                found,
                [format!("crates/engine/Cargo.toml:{line}")],
                "{manifest}"
            );
        }
    }

    #[test]
    fn a_pure_crate_may_not_know_its_users() {
        let manifest = "[dependencies]\nhuitian-model.workspace = true\n\
                        huitian-store.workspace = true";
        let tree = Tree::of(&[("crates/engine/Cargo.toml", manifest)]);
        let found = places(&pure_crates_use_only_pure_ones(&tree));
        assert_eq!(found, ["crates/engine/Cargo.toml:3"]);
    }

    #[test]
    fn the_simulator_with_a_crate_of_ours_is_found() {
        let manifest = "[dependencies]\nserde = \"1\"\nhuitian-codec.workspace = true\n";
        let tree = Tree::of(&[
            ("firmware-sim/Cargo.toml", manifest),
            ("crates/edge/Cargo.toml", manifest),
        ]);
        let found = places(&the_simulator_uses_no_crate_of_ours(&tree));
        assert_eq!(found, ["firmware-sim/Cargo.toml:3"]);
    }

    #[test]
    fn a_manifest_that_is_none_is_found() {
        let tree = Tree::of(&[("firmware-sim/Cargo.toml", "[dependencies")]);
        assert_eq!(the_simulator_uses_no_crate_of_ours(&tree).len(), 1);
    }
}
