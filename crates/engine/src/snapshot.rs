//! The whole state of an engine as bytes.
//!
//! ```text
//! snapshot = "HTEN" , u8 version (1) , postcard(Engine)
//! ```
//!
//! A snapshot saves time and nothing else: the log says everything. So a version that is not
//! known is refused, never converted.

use crate::engine::Engine;

const MAGIC: [u8; 4] = *b"HTEN";

/// The version that is written. Any change of the state's types raises it.
const VERSION: u8 = 1;

/// Why bytes are no snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotError {
    /// They do not begin as a snapshot does.
    Foreign,
    /// Another version wrote them.
    Version(u8),
    /// Damaged, with what postcard says.
    Damaged(postcard::Error),
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => f.write_str("expected an engine snapshot, found other bytes"),
            Self::Version(found) => {
                write!(
                    f,
                    "expected engine snapshot version {VERSION}, found {found}"
                )
            }
            Self::Damaged(error) => write!(f, "damaged engine snapshot: {error}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// The bytes of an engine's state. No type of the state can fail to be written; if one did, the
/// bytes are empty and are refused when read.
pub fn write(engine: &Engine) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.push(VERSION);
    postcard::to_extend(engine, head).unwrap_or_default()
}

/// The engine of these bytes.
pub fn read(bytes: &[u8]) -> Result<Engine, SnapshotError> {
    let body = bytes.strip_prefix(&MAGIC).ok_or(SnapshotError::Foreign)?;
    let (version, body) = body.split_first().ok_or(SnapshotError::Foreign)?;
    if *version != VERSION {
        return Err(SnapshotError::Version(*version));
    }
    let (engine, rest) = postcard::take_from_bytes(body).map_err(SnapshotError::Damaged)?;
    if rest.is_empty() {
        Ok(engine)
    } else {
        Err(SnapshotError::Damaged(
            postcard::Error::DeserializeBadEncoding,
        ))
    }
}
