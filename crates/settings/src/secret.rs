//! Secrets are files that only their owner can read, and are never printed.

use std::path::Path;

use crate::ConfigFault;

/// A secret: never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// Reads a secret from its file.
///
/// # Errors
/// [`ConfigFault`] where the file cannot be read, is empty, or can be read by others.
pub fn read_secret(path: &Path, key: &str) -> Result<Secret, ConfigFault> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path)
            .map_err(|error| ConfigFault::unreadable(path, &error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(ConfigFault::plain(format!(
                "{key}: {} can be read by others (mode {:o}): expected 600 or less",
                path.display(),
                mode & 0o777
            )));
        }
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigFault::unreadable(path, &error))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(ConfigFault::plain(format!(
            "{key}: {} is empty",
            path.display()
        )));
    }
    Ok(Secret(secret.to_owned()))
}
