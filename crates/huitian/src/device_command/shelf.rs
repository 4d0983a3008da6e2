//! The profiles that a command looks at: each with its text and where it came from.

use std::path::{Path, PathBuf};

use huitian_codec::{Profile, ProfileError, Profiles};

use crate::Failure;
use crate::config::ConfigFault;

/// Bytes read of a file that should be a profile: one more than a profile may have, so that a
/// longer one is refused by the profile's own rule.
const READ_BYTES_MAX: u64 = 64 * 1024 + 1;

/// Profiles of one folder that are read: as many as a hub takes.
const FILES_MAX: usize = 1_000;

/// How many near names are told to somebody who mistyped one.
const NEAREST: usize = 3;

/// A profile's text and where it stands.
pub struct Sheet {
    /// The name of its file; of those that are built in, the name that it had.
    pub file: String,
    /// Comes with the program.
    pub is_builtin: bool,
    /// As it is written; empty where it cannot be read.
    pub text: String,
    /// Why it cannot be read: a folder's other files are read all the same.
    pub unread: Option<String>,
}

impl Sheet {
    /// Reads it without its vectors.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn draft(&self) -> Result<Profile, ConfigFault> {
        if let Some(why) = &self.unread {
            return Err(ConfigFault::plain(format!("{}: {why}", self.file)));
        }
        Profile::draft(&self.text, &self.file).map_err(|error| self.fault(&error))
    }

    /// Its fault with the place underlined.
    pub fn fault(&self, error: &ProfileError) -> ConfigFault {
        let place = error.span.clone();
        ConfigFault::at(&self.file, &self.text, place, error.message.clone())
    }

    /// Where it came from, for people.
    pub fn origin(&self) -> &str {
        if self.is_builtin {
            "built in"
        } else {
            &self.file
        }
    }
}

/// Those that come with the program, then those of the folder.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn all(folder: Option<&Path>) -> Result<Vec<Sheet>, Failure> {
    let builtin = Profiles::builtin_texts().map(|(file, text)| Sheet {
        file: file.to_owned(),
        is_builtin: true,
        text: text.to_owned(),
        unread: None,
    });
    let mut sheets: Vec<_> = builtin.collect();
    if let Some(folder) = folder {
        sheets.extend(of_folder(folder)?);
    }
    Ok(sheets)
}

/// The TOML files of a folder by name.
///
/// # Errors
/// The folder or a file of it cannot be read, or there are too many.
pub fn of_folder(folder: &Path) -> Result<Vec<Sheet>, Failure> {
    let unreadable = |error: std::io::Error| ConfigFault::unreadable(folder, &error);
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|it| it == "toml") {
            paths.push(path);
        }
    }
    if paths.len() > FILES_MAX {
        let found = paths.len();
        let folder = folder.display();
        let message = format!("{folder}: expected at most {FILES_MAX} profiles, found {found}");
        return Err(ConfigFault::plain(message).into());
    }
    paths.sort();
    Ok(paths.iter().map(|path| of_file(path)).collect())
}

/// One file, or why it is none.
pub fn of_file(path: &Path) -> Sheet {
    let (text, unread) = match read(path) {
        Ok(text) => (text, None),
        Err(why) => (String::new(), Some(why)),
    };
    Sheet {
        file: path.display().to_string(),
        is_builtin: false,
        text,
        unread,
    }
}

fn read(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let told = |error: std::io::Error| error.to_string();
    let file = std::fs::File::open(path).map_err(told)?;
    let found = file.metadata().map_err(told)?;
    if found.is_dir() {
        return Err("expected one *.toml file, found a folder".to_owned());
    }
    if found.len() >= READ_BYTES_MAX {
        let (most, found) = (READ_BYTES_MAX - 1, found.len());
        return Err(format!("expected at most {most} bytes, found {found}"));
    }
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(told)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("expected text in UTF-8, found another byte at place {at}")
    })
}

/// The profile of that id, or of that file where it is a path; with its text.
///
/// # Errors
/// Nobody knows it (with the nearest names), or it is wrong.
pub fn find(name: &str, folder: Option<&Path>) -> Result<(Sheet, Profile), Failure> {
    let path = Path::new(name);
    // An id has neither a point nor a slash.
    if name.contains(['.', '/']) || path.is_dir() {
        let sheet = of_file(path);
        let profile = sheet.draft()?;
        return Ok((sheet, profile));
    }
    let mut known = Vec::new();
    for sheet in all(folder)? {
        // Another file's fault must not stand in the way; `device test` tells it.
        let Ok(profile) = sheet.draft() else {
            continue;
        };
        if profile.id() == name {
            return Ok((sheet, profile));
        }
        known.push(profile.id().to_owned());
    }
    Err(Failure::Other(nobody_knows(name, known)))
}

/// What is told to somebody who asks for a profile that is not among `known`.
pub fn nobody_knows(name: &str, mut known: Vec<String>) -> String {
    let likeness = |id: &String| {
        let near = strsim::jaro_winkler(name, id);
        // A part of a name, such as the maker, is near however short it is.
        if id.contains(name) { near + 1.0 } else { near }
    };
    known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    known.truncate(NEAREST);
    let near = known.join(", ");
    format!(
        "there is no device profile {name:?}; the nearest are: {near} (all: huitian device list)"
    )
}
