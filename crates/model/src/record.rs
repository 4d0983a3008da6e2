//! What the log holds, and so all that the engine ever learns.

use serde::{Deserialize, Serialize};

use crate::{ChannelRef, DeviceId, EdgeId, Inventory, Reading, Settings, UtcMs};

/// Whether readings are live or were brought in from the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Origin {
    /// As they happen, or after an edge's outage.
    Live,
    /// The demo's past days, an import or a replay, before live time begins.
    History,
    /// Kept by an edge through an outage, and delivered behind what is live.
    Backlog,
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

/// Why an edge gave readings up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum LossReason {
    /// Its queue was full.
    QueueFull,
    /// They were older than its queue may keep.
    TooOld,
    /// Thinned out to make room.
    Thinned,
    /// Its disk gave back damaged bytes.
    Damaged,
    /// The hub had them and no longer has, as after a restore from a backup; the edge had freed
    /// them since.
    HubForgot,
}

impl LossReason {
    /// All reasons.
    pub const ALL: [Self; 5] = [
        Self::QueueFull,
        Self::TooOld,
        Self::Thinned,
        Self::Damaged,
        Self::HubForgot,
    ];

    /// The name in API, metrics and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "lost_queue_full",
            Self::TooOld => "lost_too_old",
            Self::Thinned => "lost_thinned",
            Self::Damaged => "lost_damaged",
            Self::HubForgot => "lost_by_hub",
        }
    }
}

/// Numbers of one edge and partition whose readings will never come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lost {
    /// Who had numbered them.
    pub edge: EdgeId,
    /// Of which queue.
    pub epoch: u64,
    /// The first number.
    pub first_n: u64,
    /// How many numbers.
    pub count: u64,
    /// Why.
    pub reason: LossReason,
    /// When the edge gave them up, by its clock.
    pub at: UtcMs,
    /// How many readings of which device, as far as the edge could still tell: the counts are
    /// at most `count` together, and less only where bytes were damaged.
    pub devices: Vec<(DeviceId, u64)>,
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
    /// Numbers whose readings will never come: their edge had to give them up, and says so.
    Lost(Lost),
}
