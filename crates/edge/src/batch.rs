//! Readings as they lie in the disk queue.
//!
//! ```text
//! payload = u8 version (1) , postcard(Batch)
//! ```

use std::collections::BTreeMap;

use huitian_model::{ChannelRef, DeviceId, Reading};
use serde::{Deserialize, Serialize};

use crate::number::Packing;

/// The version that is written.
const VERSION: u8 = 1;

/// Readings of one partition in the order of their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Batch {
    /// Whether the edge's clock was set when they were heard.
    pub clock_set: bool,
    /// The channels named here.
    pub channels: Vec<ChannelRef>,
    /// The readings, each with the index of its channel.
    pub readings: Vec<(u32, Reading)>,
}

/// Why a payload cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Another program's version wrote it.
    #[error("expected queue payload version 1, found {0}: written by another version of huitian")]
    Version(u8),
    /// Damaged, although its checksum was right.
    #[error("damaged queue payload: {0}")]
    Damaged(String),
}

impl Batch {
    /// What was packed.
    pub(crate) fn of(packing: Packing, clock_set: bool) -> Self {
        Self {
            clock_set,
            channels: packing.channels,
            readings: packing.readings,
        }
    }

    /// How many readings.
    pub fn count(&self) -> u32 {
        u32::try_from(self.readings.len()).unwrap_or(u32::MAX)
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`BatchError::Damaged`], which no batch causes.
    pub fn encode(&self) -> Result<Vec<u8>, BatchError> {
        postcard::to_extend(self, vec![VERSION]).map_err(|error| damaged(&error))
    }

    /// The batch of bytes.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let (version, body) = bytes
            .split_first()
            .ok_or_else(|| BatchError::Damaged("no bytes".to_owned()))?;
        if *version != VERSION {
            return Err(BatchError::Version(*version));
        }
        postcard::from_bytes(body).map_err(|error| damaged(&error))
    }

    /// How many readings of which device, added to `counts`.
    pub fn count_devices(&self, counts: &mut BTreeMap<DeviceId, u64>) {
        for (index, _) in &self.readings {
            let channel = usize::try_from(*index)
                .ok()
                .and_then(|at| self.channels.get(at));
            if let Some(channel) = channel {
                *counts.entry(channel.device.clone()).or_default() += 1;
            }
        }
    }
}

fn damaged(error: &postcard::Error) -> BatchError {
    BatchError::Damaged(error.to_string())
}
