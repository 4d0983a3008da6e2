//! What stands in Rust files.

use super::tree::{Finding, Tree, by_line, ends_with};

/// An attribute is looked for at the start of a line, so words in a string or comment do not count.
fn opens_attribute(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let Some(inside) = line.strip_prefix("#![").or_else(|| line.strip_prefix("#[")) else {
        return false;
    };
    let named = |text: &str| {
        text.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['(', ']', ' ', '=']))
    };
    named(inside) || (inside.starts_with("cfg_attr(") && inside.split(", ").any(named))
}

pub fn rust_files_open_with_what_they_are_for(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|(_, text)| {
            !text
                .lines()
                .next()
                .is_some_and(|line| line.len() > 4 && line.starts_with("//! "))
        })
        .map(|(path, _)| {
            Finding::new(
                path,
                1,
                "open the file with `//! ` and a sentence: what it is for",
            )
        })
        .collect()
}

pub fn lints_are_expected_with_a_reason(tree: &Tree) -> Vec<Finding> {
    by_line(tree.rust(), |line| {
        opens_attribute(line, "allow").then(|| {
            "write `#[expect(lint, reason = \"...\")]`: it ends when the cause ends".to_owned()
        })
    })
}

pub fn tests_are_never_ignored(tree: &Tree) -> Vec<Finding> {
    by_line(tree.rust(), |line| {
        opens_attribute(line, "ignore").then(|| {
            "repair or remove the test; where a program is missing print `SKIPPED (needs ...)`"
                .to_owned()
        })
    })
}

pub fn tests_never_sleep(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .flat_map(|(path, text)| {
            let first = first_test_line(path, text);
            text.lines()
                .enumerate()
                .skip(first)
                .filter(|(_, line)| sleeps(line))
                .map(|(index, _)| Finding::new(path, index + 1, NO_SLEEP))
                .collect::<Vec<_>>()
        })
        .collect()
}

const NO_SLEEP: &str = "wait for the condition (a channel, or an interval with a deadline), \
                        or pause time and use `tokio::time::advance`";

/// The zero-based line where test code begins; past the end where there is none.
fn first_test_line(path: &str, text: &str) -> usize {
    let of_tests = path.starts_with("tests/") || path.contains("/tests/");
    if of_tests || path.ends_with("/tests.rs") || !ends_with(path, "rs") {
        return 0;
    }
    text.lines()
        .position(|line| line.trim() == "#[cfg(test)]")
        .unwrap_or_else(|| text.lines().count())
}

fn sleeps(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let imported = code.contains("time::{") && code.contains("sleep");
    ["thread::sleep", "time::sleep"]
        .iter()
        .any(|call| code.contains(call))
        || imported
}

#[cfg(test)]
mod tests {
    //! What each rule of this file catches. The bad lines are put together from parts, so that
    //! this file does not break the rules itself.

    use super::*;
    use crate::tidy::tree::places;

    #[test]
    fn a_file_without_an_opening_sentence_is_found() {
        let tree = Tree::of(&[
            ("a.rs", "use b;\n"),
            ("b.rs", "//! For c.\n"),
            ("c.rs", "//!\n"),
        ]);
        assert_eq!(
            places(&rust_files_open_with_what_they_are_for(&tree)),
            ["a.rs:1", "c.rs:1"]
        );
    }

    #[test]
    fn a_bare_allow_is_found_in_each_of_its_forms() {
        let text = "#![allow(x)]\n  #[allow(y)]\n#[cfg_attr(test, allow(z))]\n// #[allow(q)]";
        let found = places(&lints_are_expected_with_a_reason(&Tree::of(&[(
            "a.rs", text,
        )])));
        assert_eq!(found, ["a.rs:1", "a.rs:2", "a.rs:3"]);
    }

    #[test]
    fn an_ignored_test_is_found_with_and_without_its_excuse() {
        let text = [
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "let ignore = 1;",
            "#[ignored_here]",
        ];
        let tree = Tree::of(&[("a.rs", &text.join("\n"))]);
        assert_eq!(
            places(&tests_are_never_ignored(&tree)),
            ["a.rs:1", "a.rs:2"]
        );
    }

    #[test]
    fn sleep_is_found_in_tests_only() {
        let sleep = ["tokio::time", "sleep(second).await;"].join("::");
        let thread = ["std::thread", "sleep(second);"].join("::");
        let slept = "sleep, timeout};";
        let import = format!("use tokio::time::{{{slept}");
        let mixed = format!("{sleep}\n#[cfg(test)]\nmod tests {{\n{thread}\n}}");
        let tree = Tree::of(&[
            ("crates/a/src/b.rs", &mixed),
            ("crates/a/src/b/tests.rs", &import),
            ("tests/src/c.rs", &format!("// {sleep}\n{sleep}")),
        ]);
        let expected = [
            "crates/a/src/b.rs:4",
            "crates/a/src/b/tests.rs:1",
            "tests/src/c.rs:2",
        ];
        assert_eq!(places(&tests_never_sleep(&tree)), expected);
    }
}
