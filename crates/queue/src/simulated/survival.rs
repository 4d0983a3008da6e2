//! What survives a power cut of what was not synced: any sectors, by a seed.

use crate::number::{narrow, wide};

/// What tears: a disk writes sectors whole or not at all.
const SECTOR: u64 = 512;

/// What was done to a file and is not durable yet.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write(u64, Vec<u8>),
    Size(u64),
}

/// Applies what survives of a change that was not synced.
pub(super) fn survive(durable: &mut Vec<u8>, change: &Change, chance: &mut Chance) {
    match change {
        Change::Size(size) => {
            if chance.is_yes() {
                durable.resize(narrow(*size), 0);
            }
        }
        Change::Write(at, bytes) => {
            let mut at = *at;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let to_edge = SECTOR.saturating_sub(at % SECTOR);
                let (sector, after) = rest.split_at(narrow(to_edge).min(rest.len()));
                if chance.is_yes() {
                    put(durable, at, sector);
                }
                at = at.saturating_add(wide(sector.len()));
                rest = after;
            }
        }
    }
}

pub(super) fn put(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let (from, to) = (narrow(at), narrow(at).saturating_add(bytes.len()));
    if content.len() < to {
        content.resize(to, 0);
    }
    if let Some(place) = content.get_mut(from..to) {
        place.copy_from_slice(bytes);
    }
}

/// A small generator (splitmix64), so that a seed says what survives.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn is_yes(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}
