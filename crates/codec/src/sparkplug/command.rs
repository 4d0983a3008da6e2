//! What a host writes to an edge node: the request to be born again.

use prost::encoding::{bool, bytes, string, uint32, uint64};

/// The metric that asks an edge node for all its births; it never has an alias.
pub const REBIRTH: &str = "Node Control/Rebirth";

/// The datatype Boolean.
const BOOLEAN: u32 = 11;

/// The payload of an NCMD that asks for all births. It has a timestamp, and no sequence number.
pub fn rebirth(at_ms: i64) -> Vec<u8> {
    // A clock before 1970 says 1970.
    let at_ms = u64::try_from(at_ms).unwrap_or_default();
    let mut metric = Vec::with_capacity(64);
    string::encode(1, &REBIRTH.to_owned(), &mut metric);
    uint64::encode(3, &at_ms, &mut metric);
    uint32::encode(4, &BOOLEAN, &mut metric);
    bool::encode(14, &true, &mut metric);
    let mut payload = Vec::with_capacity(96);
    uint64::encode(1, &at_ms, &mut payload);
    bytes::encode(2, &metric, &mut payload);
    payload
}
