//! Who may log in, and what each may publish and subscribe to: a file with one line per user.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::password::PasswordHash;
use crate::topic;

mod line;

pub use line::LineFault;

/// Users of one file: as many as sessions, 20,000.
const USERS_MAX: usize = 20_000;
/// The file: 400 bytes for each user.
const FILE_BYTES_MAX: u64 = 8_000_000;

/// What a user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Device { site: String },
    Edge,
    Gateway(Filters),
    Hub,
    Observer,
}

/// A gateway's topic filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) publish: Vec<String>,
    pub(crate) subscribe: Vec<String>,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    pub(crate) password: Option<PasswordHash>,
}

impl User {
    pub(crate) fn may_publish(&self, topic: &str) -> bool {
        match &self.role {
            Role::Device { site } => is_path(topic, &["huitian", "v1", site, &self.name]),
            Role::Edge => is_path(topic, &["huitian", "edge", "v1", &self.name, "up"]),
            Role::Gateway(Filters { publish, .. }) => {
                publish.iter().any(|filter| topic::matches(filter, topic))
            }
            Role::Hub => topic::matches("huitian/edge/v1/+/down", topic),
            Role::Observer => false,
        }
    }

    /// `filter` must be well formed.
    pub(crate) fn may_subscribe(&self, filter: &str) -> bool {
        match &self.role {
            Role::Device { site } => is_path(filter, &["huitian", "v1", site, &self.name, "down"]),
            Role::Edge => is_path(filter, &["huitian", "edge", "v1", &self.name, "down"]),
            Role::Gateway(Filters { subscribe, .. }) => subscribe
                .iter()
                .any(|allowed| topic::covers(allowed, filter)),
            Role::Hub => topic::covers("huitian/edge/v1/+/up", filter),
            Role::Observer => topic::covers("huitian/#", filter),
        }
    }

    /// Devices are held to the rate of a device; the others carry many devices' messages.
    pub(crate) fn is_device(&self) -> bool {
        matches!(self.role, Role::Device { .. })
    }
}

/// Names hold no wildcards, so that equality is enough.
fn is_path(topic: &str, levels: &[&str]) -> bool {
    topic.split('/').eq(levels.iter().copied())
}

/// The users of one state of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table(BTreeMap<Arc<str>, Arc<User>>);

impl Table {
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<User>> {
        self.0.get(name)
    }

    /// The user whose client ids begin like this one.
    pub(crate) fn owner_of(&self, client_id: &str) -> Option<&Arc<User>> {
        self.get(client_id).or_else(|| {
            let mut ends = client_id.rmatch_indices(['-', '/']);
            ends.find_map(|(at, _)| self.get(client_id.get(..at)?))
        })
    }

    fn read(text: &str) -> Result<Self, UsersError> {
        let mut table = Self::default();
        for (index, text) in text.lines().enumerate() {
            let line = index.saturating_add(1);
            let fault = |fault| UsersError::Line { line, fault };
            let Some(user) = line::read(text).map_err(fault)? else {
                continue;
            };
            if table.0.len() >= USERS_MAX {
                return Err(UsersError::TooMany);
            }
            let name = Arc::clone(&user.name);
            if table.0.insert(name, Arc::new(user)).is_some() {
                return Err(fault(LineFault::Twice));
            }
        }
        Ok(table)
    }
}

/// Why a users file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The file cannot be read.
    #[error("could not read the users file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("users file {path} can be read by others (mode {mode:o}): expected 600 or less")]
    ReadByOthers {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is too large.
    #[error("expected a users file of {FILE_BYTES_MAX} bytes or less")]
    TooLarge,
    /// There are too many users.
    #[error("expected {USERS_MAX} users or less")]
    TooMany,
    /// A line cannot be used.
    #[error("users file, line {line}: {fault}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
}

/// The users file of a broker, as it was read last.
///
/// ```text
/// line   = name role (key "=" value)*        by blanks; a line that begins with # is a note
/// name   = 1 to 64 of a-z, 0-9, "-"
/// role   = device | edge | gateway | hub | observer
/// keys   : password   a PasswordHash; without one only a certificate lets the user in
///          site       of a device, required there: an id like a name
///          publish    of a gateway: topic filters, separated by commas
///          subscribe  of a gateway: topic filters, separated by commas
/// ```
///
/// | role | publishes | subscribes to |
/// |---|---|---|
/// | device | `huitian/v1/{site}/{name}` | the same and `/down` |
/// | edge | `huitian/edge/v1/{name}/up` | `huitian/edge/v1/{name}/down` |
/// | gateway (a network server) | what its filters match | what its filters cover |
/// | hub | `huitian/edge/v1/{edge}/down` | `huitian/edge/v1/+/up` |
/// | observer | nothing | `huitian/#` |
///
/// A client id belongs to the user with the longest name that it is, or begins with before a `-` or
/// a `/`: with users `bin` and `bin-1`, the client ids `bin-1` and `bin-1-a` are of `bin-1` alone.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    table: watch::Sender<Arc<Table>>,
}

impl Users {
    /// Reads a users file.
    ///
    /// # Errors
    /// It cannot be read, can be read by others, or a line of it cannot be used.
    pub fn load(path: &Path) -> Result<Arc<Self>, UsersError> {
        let table = watch::Sender::new(Arc::new(read_file(path)?));
        let path = path.to_owned();
        Ok(Arc::new(Self { path, table }))
    }

    /// Reads the file again. Users that are gone or changed are disconnected; the others notice
    /// nothing. If the file cannot be used, all stays as it was.
    ///
    /// # Errors
    /// As [`Users::load`].
    pub fn reload(&self) -> Result<(), UsersError> {
        let table = Arc::new(read_file(&self.path)?);
        self.table.send_replace(table);
        Ok(())
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.table.borrow().0.len()
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.borrow())
    }

    /// Resolves when `user` is gone from the file, or is another than it was.
    pub(crate) async fn until_changed(&self, user: &Arc<User>) {
        let mut tables = self.table.subscribe();
        // The sender is part of `self`, and so outlives this wait.
        let _gone = tables
            .wait_for(|table| table.get(&user.name) != Some(user))
            .await
            .is_err();
    }
}

fn read_file(path: &Path) -> Result<Table, UsersError> {
    let unreadable = |source| {
        let path = path.to_owned();
        UsersError::Unreadable { path, source }
    };
    if let Some(mode) = mode_of_others(path).map_err(unreadable)? {
        let path = path.to_owned();
        return Err(UsersError::ReadByOthers { path, mode });
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    let mut bytes = file.take(FILE_BYTES_MAX.saturating_add(1));
    let read = bytes.read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(read).is_ok_and(|read| read > FILE_BYTES_MAX) {
        return Err(UsersError::TooLarge);
    }
    Table::read(&text)
}

/// A secret file's permissions if they let others than its owner at it.
#[cfg(unix)]
pub(crate) fn mode_of_others(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// A secret file's permissions if they let others than its owner at it: unknown here.
#[cfg(not(unix))]
pub(crate) fn mode_of_others(path: &Path) -> io::Result<Option<u32>> {
    std::fs::metadata(path).map(|_exists| None)
}

#[cfg(test)]
mod tests;
