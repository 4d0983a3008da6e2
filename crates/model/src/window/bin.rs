//! The wire form of a bin's figures.
//!
//! ```text
//! bin = asset , stream , known_ms , fill_ms , min , max , last , overflow_ms , u64 counts
//! counts = emptied + 2^32 x rejected
//! ```
//!
//! Before there were spikes the last number was `emptied` alone, in the same base-128 form: rows
//! that were written then are read as rows in which nothing was rejected, and a row in which
//! nothing is rejected has the bytes that it had then.

use serde::{Deserialize, Serialize};

use super::BinFigures;
use crate::{AssetId, FillLevel, Stream};

/// As it is on the wire.
#[derive(Serialize, Deserialize)]
pub struct Wire {
    asset: AssetId,
    stream: Stream,
    known_ms: i64,
    fill_ms: i64,
    min: Option<FillLevel>,
    max: Option<FillLevel>,
    last: Option<FillLevel>,
    overflow_ms: i64,
    counts: u64,
}

impl From<BinFigures> for Wire {
    fn from(bin: BinFigures) -> Self {
        Self {
            asset: bin.asset,
            stream: bin.stream,
            known_ms: bin.known_ms,
            fill_ms: bin.fill_ms,
            min: bin.min,
            max: bin.max,
            last: bin.last,
            overflow_ms: bin.overflow_ms,
            counts: u64::from(bin.emptied) | (u64::from(bin.rejected) << 32),
        }
    }
}

impl From<Wire> for BinFigures {
    fn from(wire: Wire) -> Self {
        let count = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        Self {
            asset: wire.asset,
            stream: wire.stream,
            known_ms: wire.known_ms,
            fill_ms: wire.fill_ms,
            min: wire.min,
            max: wire.max,
            last: wire.last,
            overflow_ms: wire.overflow_ms,
            emptied: count(wire.counts),
            rejected: count(wire.counts >> 32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    /// The figures as they were written before there were spikes.
    #[derive(Serialize)]
    struct Former {
        asset: AssetId,
        stream: Stream,
        known_ms: i64,
        fill_ms: i64,
        min: Option<FillLevel>,
        max: Option<FillLevel>,
        last: Option<FillLevel>,
        overflow_ms: i64,
        emptied: u32,
    }

    fn bin(emptied: u32, rejected: u32) -> BinFigures {
        BinFigures {
            asset: AssetId::new("k1").unwrap(),
            stream: Stream::Kitchen,
            known_ms: 300_000,
            fill_ms: 7,
            min: Some(FillLevel::EMPTY),
            max: None,
            last: Some(FillLevel::FULL),
            overflow_ms: 1,
            emptied,
            rejected,
        }
    }

    #[test]
    fn figures_of_before_there_were_spikes_are_still_read() {
        for emptied in [0, 1, 127, 128, u32::MAX] {
            let new = bin(emptied, 0);
            let former = Former {
                asset: new.asset.clone(),
                stream: new.stream,
                known_ms: new.known_ms,
                fill_ms: new.fill_ms,
                min: new.min,
                max: new.max,
                last: new.last,
                overflow_ms: new.overflow_ms,
                emptied,
            };
            let bytes = wire::encode(&former).unwrap();
            assert_eq!(wire::decode::<BinFigures>(&bytes).unwrap(), new);
            assert_eq!(wire::encode(&new).unwrap(), bytes);
        }
    }

    #[test]
    fn both_counts_are_read_as_they_were_written() {
        for (emptied, rejected) in [(0, 1), (3, 0), (u32::MAX, u32::MAX), (1, 1 << 31)] {
            let bytes = wire::encode(&bin(emptied, rejected)).unwrap();
            assert_eq!(
                wire::decode::<BinFigures>(&bytes).unwrap(),
                bin(emptied, rejected)
            );
        }
    }
}
