//! The rules of the repository that neither the compiler nor clippy sees.
//!
//! A rule is a function from the [`Tree`] (all files, in memory) to its [`Finding`]s, so each one
//! is tested with a bad tree of a few lines. A finding names the file, the line and what to write
//! instead. A mistake made twice becomes a rule here.

mod clippy;
mod decisions;
mod deny;
mod forbidden;
mod manifests;
mod owners;
mod shape;
mod source;
mod tree;

use std::path::Path;

use crate::say;
use tree::{Finding, Tree};

/// One rule: looks at everything, says what is wrong.
type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule, in the order in which findings are shown.
const RULES: [Rule; 19] = [
    shape::top_level_holds_only_the_visible_names,
    shape::rust_files_are_short,
    shape::rust_lines_are_narrow,
    shape::modules_are_named_for_what_they_hold,
    source::rust_files_open_with_what_they_are_for,
    source::lints_are_expected_with_a_reason,
    source::tests_are_never_ignored,
    source::tests_never_sleep,
    forbidden::no_machine_paths,
    forbidden::no_registry_hosts,
    manifests::members_take_the_workspace_lints,
    manifests::pure_crates_use_only_pure_ones,
    manifests::the_simulator_uses_no_crate_of_ours,
    owners::foreign_crates_have_one_owner,
    clippy::shared_settings_are_the_same_everywhere,
    clippy::pure_crates_forbid_clock_threads_and_io,
    deny::ignored_advisories_have_a_reason_and_an_end,
    decisions::pages_are_dated_and_whole,
    decisions::pages_are_numbered_once_and_listed,
];

/// Checks everything; says each finding and fails if there is one.
pub fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root)?;
    let findings = check(&tree);
    for finding in &findings {
        say::problem(&finding.to_string());
    }
    match findings.len() {
        0 => {
            say::line(&format!(
                "tidy: {} files follow {} rules",
                tree.len(),
                RULES.len()
            ));
            Ok(())
        }
        count => Err(format!("{count} findings")),
    }
}

fn check(tree: &Tree) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

#[cfg(test)]
mod tests;
