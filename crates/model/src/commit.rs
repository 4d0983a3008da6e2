//! Commits: what the engine said about a stretch of the log, chained so that no two owners of a
//! partition can both continue it.

use serde::{Deserialize, Serialize};

use crate::{
    AccountRow, AlertRow, AssetId, ChannelRef, Current, DeviceId, EdgeId, FacilityId, FillLevel,
    Lost, Partition, Position, Reading, Reason, Rolling, SiteId, UtcMs, WindowRow,
};

/// A commit's place in its partition's chain: 1 is the first, 0 is before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CommitNumber(pub u64);

/// One commit: appended by compare-and-set on its predecessor.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Commit {
    /// Whose chain.
    pub partition: Partition,
    /// Its number: the predecessor's plus one.
    pub number: CommitNumber,
    /// The owner's epoch: a commit of a lower epoch than its predecessor's is fenced.
    pub epoch: u64,
    /// Log position reached: outputs of all records up to it are in this commit or before.
    pub reached: Position,
    /// What the engine said, in order.
    pub outputs: Vec<Output>,
}

/// A reading that was accepted but did not become part of any window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldReading {
    /// Its channel.
    pub channel: ChannelRef,
    /// Its number: edge, epoch and n.
    pub number: (EdgeId, u64, u64),
    /// The reading.
    pub reading: Reading,
    /// Why: late or quarantined.
    pub reason: Reason,
}

/// One row of the overflow ledger, keyed by (site, facility, asset, onset as first known).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OverflowEpisode {
    /// Where.
    pub site: SiteId,
    /// At which station.
    pub facility: FacilityId,
    /// Which bin.
    pub asset: AssetId,
    /// First reading at or above the limit.
    pub onset: UtcMs,
    /// The reading before it, where one held: the true onset lies after it.
    pub onset_after: Option<UtcMs>,
    /// First reading at or below the lower limit; none while it lasts.
    pub end: Option<UtcMs>,
    /// Highest level seen.
    pub peak: FillLevel,
    /// False where later data showed that this episode never was: the row is withdrawn.
    pub stands: bool,
}

/// A bin was emptied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Emptied {
    /// Where.
    pub site: SiteId,
    /// At which station.
    pub facility: FacilityId,
    /// Which bin.
    pub asset: AssetId,
    /// The first reading after the fall.
    pub at: UtcMs,
    /// Level before.
    pub from: FillLevel,
    /// Level after.
    pub to: FillLevel,
    /// False where later data showed that this never was: the row is withdrawn.
    pub stands: bool,
}

/// What is odd about a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum FindingKind {
    /// Identical values for longer than `frozen_after`.
    Frozen,
    /// A count above the capacity.
    OverCapacity,
    /// A count below zero.
    BelowZero,
}

impl FindingKind {
    /// The name in API and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::OverCapacity => "over_capacity",
            Self::BelowZero => "below_zero",
        }
    }
}

/// A run of readings that is odd, keyed by (kind, channel, from). Follows log order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What is odd.
    pub kind: FindingKind,
    /// Of which channel.
    pub channel: ChannelRef,
    /// Event time of the first such reading.
    pub from: UtcMs,
    /// Event time of the last such reading so far.
    pub to: UtcMs,
    /// How many readings so far.
    pub readings: u32,
}

/// How a device is, for the inventory page. Published by ticks where it changed, at most every
/// 5 minutes for one device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeviceRow {
    /// Which.
    pub device: DeviceId,
    /// Where.
    pub site: SiteId,
    /// Event time of its newest applied reading: its watermark.
    pub watermark: Option<UtcMs>,
    /// `received_at` of its newest reading.
    pub heard_at: Option<UtcMs>,
    /// Whether it has been silent for longer than its readings hold.
    pub idle: bool,
    /// Battery, percent, where it says so.
    pub battery: Option<u8>,
    /// Smallest `received_at - at` over the last readings, ms: a clock ahead is negative.
    pub skew_ms: Option<i64>,
}

/// One thing the engine says. Closed: a new kind is one variant, and the compiler lists the rest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Output {
    /// A tumbling window.
    Window(WindowRow),
    /// A rolling figure.
    Rolling(Rolling),
    /// A facility as it stands.
    Current(Current),
    /// An alert after a transition.
    Alert(AlertRow),
    /// A row of the overflow ledger.
    Episode(OverflowEpisode),
    /// A bin was emptied.
    Emptied(Emptied),
    /// An odd run.
    Finding(Finding),
    /// A late or quarantined reading.
    Held(HeldReading),
    /// An account's standing.
    Account(AccountRow),
    /// A device's health.
    Device(DeviceRow),
    /// Readings that their edge gave up.
    Lost(Lost),
}
