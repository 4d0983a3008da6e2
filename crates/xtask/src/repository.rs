//! Where the repository is, and which of its files are ours.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders and files that a build or a run leaves behind, at any depth (see `.gitignore`).
const NOT_OURS: [&str; 5] = [
    ".git",
    "target",
    "huitian-data",
    "__pycache__",
    "node_modules",
];

/// A tree deeper than this is a loop of links or a mistake; ours is half as deep.
const DEPTH_MAX: u32 = 16;

/// The root folder: the nearest one upwards whose `Cargo.toml` opens a workspace.
pub fn root() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| format!("no current folder: {error}"))?;
    here.ancestors()
        .find(|folder| {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            manifest.lines().any(|line| line.trim() == "[workspace]")
        })
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("no workspace above {}", here.display()))
}

/// One file of the repository.
#[derive(Debug)]
pub struct File {
    /// Path from the root, with `/` between its parts.
    pub path: String,
    /// The text, or `None` where the file is not UTF-8 (a picture, a font).
    pub text: Option<String>,
}

/// All files of the repository, in order of their paths; what `.gitignore` names is left out.
pub fn files(root: &Path) -> Result<Vec<File>, String> {
    let mut found = Vec::new();
    walk(root, "", 0, &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, depth: u32, found: &mut Vec<File>) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!(
            "{} lies deeper than {DEPTH_MAX} folders",
            folder.display()
        ));
    }
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let log = Path::new(&name)
            .extension()
            .is_some_and(|ending| ending == "log");
        if NOT_OURS.contains(&name.as_str()) || log {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), depth + 1, found)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).map_err(unreadable)?;
            found.push(File {
                path,
                text: String::from_utf8(bytes).ok(),
            });
        }
    }
    Ok(())
}
