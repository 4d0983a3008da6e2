//! What rules look at, and what they say.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::repository::{self, File};

/// All files of the repository.
#[derive(Debug)]
pub struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads the repository at `root`.
    pub fn read(root: &Path) -> Result<Self, String> {
        Ok(Self {
            files: repository::files(root)?,
        })
    }

    /// A tree of `(path, text)` pairs, for the rules' own tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: Some((*text).to_owned()),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The text files, as `(path, text)`.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    /// The Rust files, as `(path, text)`.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| ends_with(path, "rs"))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)?
            .text
            .as_deref()
    }

    /// The first parts of all paths.
    pub fn top_level(&self) -> BTreeSet<&str> {
        self.files
            .iter()
            .filter_map(|file| file.path.split('/').next())
            .collect()
    }

    /// The manifests of the workspace's members, as `(folder, text)`.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter_map(|(path, text)| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let one_crate = folder
                .strip_prefix("crates/")
                .is_some_and(|rest| !rest.contains('/'));
            (one_crate || ["firmware-sim", "tests"].contains(&folder)).then_some((folder, text))
        })
    }
}

/// Whether a path ends in `.extension`.
pub fn ends_with(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

/// The one-based number of the first line that `matches`, or 1 where none does.
pub fn line_where(text: &str, matches: impl Fn(&str) -> bool) -> usize {
    text.lines().position(matches).map_or(1, |index| index + 1)
}

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the root.
    pub path: String,
    /// One-based.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Finding {
    /// A finding in one line of a file.
    pub fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Looks at every line of the files with `look`, which returns what is wrong with it, if anything.
pub fn by_line<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
    look: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    files
        .flat_map(|(path, text)| {
            text.lines()
                .enumerate()
                .filter_map(|(index, line)| Some(Finding::new(path, index + 1, look(line)?)))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The `path:line` of each finding, for the rules' own tests.
#[cfg(test)]
pub fn places(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| format!("{}:{}", finding.path, finding.line))
        .collect()
}
