//! The shape of the tree: names at the top, length and width of files, names of modules.

use super::tree::{Finding, Tree, by_line};

/// A file that a reader can hold in the head; most stay under half of this.
const LINES_MAX: usize = 500;

/// The width that `.rustfmt.toml` formats to; rustfmt leaves strings and comments as they are.
const COLUMNS_MAX: usize = 100;

/// What a visitor sees first. Everything else at the top is a dotfile.
const VISIBLE: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "crates",
    "dashboards",
    "deploy",
    "firmware-sim",
    "tests",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 10] = [
    "manager", "helper", "helpers", "util", "utils", "common", "base", "data", "info", "misc",
];

pub fn top_level_holds_only_the_visible_names(tree: &Tree) -> Vec<Finding> {
    tree.top_level()
        .into_iter()
        .filter(|name| !name.starts_with('.') && !VISIBLE.contains(name))
        .map(|name| {
            let visible = VISIBLE.join(", ");
            Finding::new(
                name,
                1,
                format!("move it into one of {visible}, or make it a dotfile"),
            )
        })
        .collect()
}

pub fn rust_files_are_short(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            (lines > LINES_MAX).then(|| {
                let message =
                    format!("{lines} lines, at most {LINES_MAX}: split it by what it does");
                Finding::new(path, LINES_MAX + 1, message)
            })
        })
        .collect()
}

pub fn rust_lines_are_narrow(tree: &Tree) -> Vec<Finding> {
    by_line(tree.rust(), |line| {
        let columns = line.chars().count();
        // An address cannot be broken.
        let address = line.contains("://");
        (columns > COLUMNS_MAX && !address).then(|| {
            format!("{columns} columns, at most {COLUMNS_MAX}: break the line (strings with `\\`)")
        })
    })
}

pub fn modules_are_named_for_what_they_hold(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter_map(|(path, _)| {
            let empty = path
                .trim_end_matches(".rs")
                .split('/')
                .find(|part| EMPTY_NAMES.contains(&part.trim_start_matches("huitian-")))?;
            // A folder of fixtures is not a module.
            let message = format!("`{empty}` says nothing: name the module for what it holds");
            Some(Finding::new(path, 1, message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    //! What each rule of this file catches.

    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn a_stray_name_at_the_top_is_found() {
        let tree = Tree::of(&[("notes.txt", ""), ("README.md", ""), (".ci/run", "")]);
        assert_eq!(
            places(&top_level_holds_only_the_visible_names(&tree)),
            ["notes.txt:1"]
        );
    }

    #[test]
    fn one_line_above_the_limit_is_too_long() {
        let (full, over) = ("x\n".repeat(LINES_MAX), "x\n".repeat(LINES_MAX + 1));
        let tree = Tree::of(&[("full.rs", &full), ("over.rs", &over), ("over.txt", &over)]);
        assert_eq!(places(&rust_files_are_short(&tree)), ["over.rs:501"]);
    }

    #[test]
    fn one_column_above_the_limit_is_too_wide_whatever_the_script() {
        let (full, over) = ("回".repeat(COLUMNS_MAX), "x".repeat(COLUMNS_MAX + 1));
        let address = format!("// https://{over}");
        let text = format!("{full}\n{over}\n{address}\n");
        assert_eq!(
            places(&rust_lines_are_narrow(&Tree::of(&[("a.rs", &text)]))),
            ["a.rs:2"]
        );
    }

    #[test]
    fn a_module_called_utils_is_found_as_file_and_as_folder() {
        let tree = Tree::of(&[
            ("a/utils.rs", ""),
            ("common/b.rs", ""),
            ("a/database.rs", ""),
        ]);
        let found = places(&modules_are_named_for_what_they_hold(&tree));
        assert_eq!(found, ["a/utils.rs:1", "common/b.rs:1"]);
    }
}
