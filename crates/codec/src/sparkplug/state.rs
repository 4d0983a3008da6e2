//! The birth and death certificate of a host application: JSON, retained, on its own topic.

use crate::json::{Reader, Scalar};

use super::NAMESPACE;

/// Bytes of a certificate: `{"online":false,"timestamp":...}` has 45.
const STATE_BYTES_MAX: usize = 1_024;

/// The topic of a host application.
pub fn state_topic(host: &str) -> String {
    format!("{NAMESPACE}/STATE/{host}")
}

/// Whether the host is there, at this time in milliseconds since 1970.
pub fn state(is_online: bool, at_ms: i64) -> String {
    format!("{{\"online\":{is_online},\"timestamp\":{at_ms}}}")
}

/// The death of a host at this time: [`state`] that says offline.
pub fn death_of_host(at_ms: i64) -> String {
    state(false, at_ms)
}

/// Whether this certificate says that its host is not there.
pub fn is_death_of_host(payload: &[u8]) -> bool {
    if payload.len() > STATE_BYTES_MAX {
        return false;
    }
    let Ok(mut reader) = Reader::new(payload, crate::TEXT_CHARS_MAX) else {
        return false;
    };
    let mut online = None;
    let read = reader.object(|reader, key| {
        match reader.scalar()? {
            Scalar::Bool(yes) if key == "online" => online = Some(yes),
            Scalar::Bool(_)
            | Scalar::Null
            | Scalar::Number(_)
            | Scalar::Text(_)
            | Scalar::Container => {}
        }
        Ok(())
    });
    read.is_ok() && online == Some(false)
}
