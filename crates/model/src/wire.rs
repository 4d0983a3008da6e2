//! The versioned wire form of what is kept on disk.
//!
//! ```text
//! record   = u8 version (1 or 2) , postcard(Record)
//! commit   = u8 version (1) , postcard(Commit)
//! row      = u8 version (1) , postcard(the row's type)
//! ```
//!
//! postcard is little-endian base-128 and knows no field names: a changed type is a new version
//! with the old type kept beside it. A version that is not known is an error, never a guess.
//! Version 2 of a record knows rules of counters, models of bins and spikes; version 1 is read as
//! if it said that there are none. All else is written as version 1.

use serde::{Serialize, de::DeserializeOwned};

use crate::Record;

mod old;

/// The version that is written of all but records.
pub const VERSION: u8 = 1;

/// The version that is written of a record.
pub const RECORD_VERSION: u8 = 2;

/// Why bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No version byte.
    #[error("expected a version byte, found nothing")]
    Empty,
    /// Written by a program that this one does not know.
    #[error("expected a wire version of 1 or 2, found {0}: written by another version of huitian")]
    Version(u8),
    /// Damaged.
    #[error("damaged bytes: {0}")]
    Damaged(postcard::Error),
}

/// The bytes of a value.
///
/// # Errors
/// [`WireError::Damaged`] where the value cannot be written, which no type of this crate causes.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, WireError> {
    postcard::to_extend(value, vec![VERSION]).map_err(WireError::Damaged)
}

/// The value of bytes.
///
/// # Errors
/// [`WireError`] where the version is unknown, bytes are damaged, or some are left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let (version, body) = bytes.split_first().ok_or(WireError::Empty)?;
    if *version != VERSION {
        return Err(WireError::Version(*version));
    }
    whole(body)
}

/// The bytes of a record of the log.
///
/// # Errors
/// As [`encode`].
pub fn encode_record(record: &Record) -> Result<Vec<u8>, WireError> {
    postcard::to_extend(record, vec![RECORD_VERSION]).map_err(WireError::Damaged)
}

/// The record of bytes that this version or the one before wrote.
///
/// # Errors
/// As [`decode`].
pub fn decode_record(bytes: &[u8]) -> Result<Record, WireError> {
    let (version, body) = bytes.split_first().ok_or(WireError::Empty)?;
    match *version {
        RECORD_VERSION => whole(body),
        1 => whole::<old::RecordV1>(body).map(Record::from),
        other => Err(WireError::Version(other)),
    }
}

/// The value that fills all bytes.
fn whole<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    let (value, rest) = postcard::take_from_bytes(body).map_err(WireError::Damaged)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(WireError::Damaged(postcard::Error::DeserializeBadEncoding))
    }
}

#[cfg(test)]
mod tests;
