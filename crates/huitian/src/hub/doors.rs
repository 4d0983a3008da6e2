//! Lets edges in at our own listener: one line of its users file for each.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use huitian_broker::Users;
use huitian_model::EdgeId;

/// The users file, and the users that were read from it.
pub struct Doors {
    path: PathBuf,
    users: Arc<Users>,
}

impl Doors {
    /// Of this file.
    pub fn new((path, users): (PathBuf, Arc<Users>)) -> Self {
        Self { path, users }
    }

    /// Lets an edge in with the password of this hash, and with no former one.
    ///
    /// # Errors
    /// What is wrong, for people; the file is then as it was.
    pub fn admit(&self, edge: &EdgeId, hash: &str) -> Result<(), String> {
        let name = self.path.display();
        let fault = |error: std::io::Error| format!("{name}: {error}");
        let text = std::fs::read_to_string(&self.path).map_err(fault)?;
        let is_it = |line: &&str| line.split_whitespace().next() == Some(edge.as_str());
        if let Some(line) = text.lines().find(is_it)
            && line.split_whitespace().nth(1) != Some("edge")
        {
            return Err(format!("{name}: {edge} is a user that is no edge"));
        }
        let mut new = without(&text, is_it);
        new.extend([edge.as_str(), " edge password=", hash, "\n"]);
        self.replace(&new)
    }

    /// Lets an edge in no longer with the password of this hash: whether it was let in with that
    /// one. Every other line stays as it is.
    ///
    /// # Errors
    /// What is wrong, for people; the file is then as it was.
    pub fn dismiss(&self, edge: &EdgeId, hash: &str) -> Result<bool, String> {
        let name = self.path.display();
        let text =
            std::fs::read_to_string(&self.path).map_err(|error| format!("{name}: {error}"))?;
        let is_it = |line: &&str| {
            let mut words = line.split_whitespace();
            words.next() == Some(edge.as_str())
                && words.any(|word| word.strip_prefix("password=") == Some(hash))
        };
        if !text.lines().any(|line| is_it(&line)) {
            return Ok(false);
        }
        self.replace(&without(&text, is_it))?;
        Ok(true)
    }

    /// Puts another text in place of the file, whole or not at all, and reads it.
    fn replace(&self, text: &str) -> Result<(), String> {
        let name = self.path.display();
        let written = self.path.with_extension("new");
        let write = || {
            use std::os::unix::fs::OpenOptionsExt;
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&written)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&written, &self.path)
        };
        write().map_err(|error: std::io::Error| format!("{name}: {error}"))?;
        self.users.reload().map_err(|error| error.to_string())
    }
}

fn without(text: &str, is_it: impl Fn(&&str) -> bool) -> String {
    text.lines()
        .filter(|line| !is_it(line))
        .flat_map(|line| [line, "\n"])
        .collect()
}
