//! The whole state of an engine as bytes.
//!
//! ```text
//! snapshot = "HTEN" , u8 version (3) , postcard(Engine)
//! ```
//!
//! Version 3 keeps of every reading when it was received, the copies of uplinks that do not hold,
//! and rules of counters and spikes. Versions 1 and 2 knew none of it: their readings cannot be
//! told from copies, so that they are refused, and the engine is made of the log.

use crate::engine::Engine;

const MAGIC: [u8; 4] = *b"HTEN";

/// The version that is written. Any change of the state's types raises it.
const VERSION: u8 = 3;

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

#[cfg(test)]
mod tests {
    use huitian_model::{Partition, Position, Record, Tick, UtcMs};

    use super::*;

    #[test]
    fn a_snapshot_of_another_version_is_refused_by_its_number() {
        let mut engine = Engine::new(Partition::new(3).unwrap());
        let tick = Record::Tick(Tick { now: UtcMs(60_000) });
        engine.apply(Position(1), &tick, &mut Vec::new());
        let bytes = write(&engine);
        assert_eq!(write(&read(&bytes).unwrap()), bytes);
        for version in [1, 2, 4] {
            let mut other = bytes.clone();
            other[4] = version;
            assert_eq!(read(&other).unwrap_err(), SnapshotError::Version(version));
        }
    }
}
