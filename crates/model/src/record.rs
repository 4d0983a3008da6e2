//! What the log holds, and so all that the engine ever learns.

use serde::{Deserialize, Serialize};

use crate::{ChannelRef, EdgeId, Inventory, Reading, Settings, UtcMs};

/// Whether readings are live or were brought in from the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Origin {
    /// As they happen, or after an edge's outage.
    Live,
    /// The demo's past days, an import or a replay, before live time begins.
    History,
}

/// Readings of one edge for one partition, numbered without a gap.
///
/// Reading `i` has the number `first_n + i` in (edge, epoch, partition).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Who numbered them.
    pub edge: EdgeId,
    /// Drawn at random whenever the edge's queue was created.
    pub epoch: u64,
    /// Number of the first reading; numbers begin at 0.
    pub first_n: u64,
    /// Live or history.
    pub origin: Origin,
    /// The channels named in this frame.
    pub channels: Vec<ChannelRef>,
    /// The readings, each with the index of its channel in `channels`.
    pub readings: Vec<(u32, Reading)>,
}

/// The hub's time entering the log. Only ticks decide what is final, late, idle or overdue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tick {
    /// The partition's time; never runs backwards within a log.
    pub now: UtcMs,
}

/// One record of a partition's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Readings.
    Frame(Frame),
    /// Time.
    Tick(Tick),
    /// The inventory of this partition's sites from here on.
    Inventory {
        /// Rises with every change.
        version: u64,
        /// The partition's part.
        inventory: Inventory,
    },
    /// The settings from here on.
    Settings {
        /// Rises with every change.
        version: u64,
        /// The settings.
        settings: Settings,
    },
}
