//! Current figures: a view of a facility as it stands, for live pages.
//!
//! They follow the engine's commits, not its laws: how many of them there are depends on when
//! the driver commits.

use serde::{Deserialize, Serialize};

use crate::{AssetId, BadReason, FacilityId, FillLevel, SiteId, Stream, UtcMs};

/// The state of one bay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BayState {
    /// A vehicle stands there.
    InUse,
    /// Nothing stands there.
    Free,
    /// The last reading was bad.
    Bad(BadReason),
    /// The last reading no longer holds.
    Silent,
    /// Nothing was ever heard.
    NeverSeen,
}

/// One bay as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BayCurrent {
    /// Which.
    pub asset: AssetId,
    /// Its state.
    pub state: BayState,
    /// Since when it has been so.
    pub since: Option<UtcMs>,
    /// Event time of its newest reading.
    pub newest_at: Option<UtcMs>,
}

/// A lot's count by its gates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GateCount {
    /// Vehicles inside.
    pub count: i32,
    /// Half-width of the error interval.
    pub error: i32,
}

/// A parking lot as it stands. `in_use + free + unknown = capacity`, except above capacity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LotCurrent {
    /// Places.
    pub capacity: u32,
    /// Known to be in use.
    pub in_use: i32,
    /// Known to be free.
    pub free: i32,
    /// Of which nothing is known.
    pub unknown: i32,
    /// Its bays with sensors, by asset id.
    pub bays: Vec<BayCurrent>,
    /// Its count by gates, where it has gates and an anchor.
    pub gates: Option<GateCount>,
}

/// One bin as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BinCurrent {
    /// Which.
    pub asset: AssetId,
    /// What it takes in.
    pub stream: Stream,
    /// Its level, where known now.
    pub fill: Option<FillLevel>,
    /// The last level ever known: shown as stale where `fill` is none.
    pub last_fill: Option<FillLevel>,
    /// Why the level is not known: the last reading was bad.
    pub bad: Option<BadReason>,
    /// Event time of the newest reading.
    pub newest_at: Option<UtcMs>,
    /// Since when it overflows, where it does.
    pub overflow_since: Option<UtcMs>,
    /// When it was last emptied, within what the engine still remembers.
    pub emptied_at: Option<UtcMs>,
}

/// The figures, by kind of facility.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CurrentBody {
    /// A parking lot.
    Lot(LotCurrent),
    /// A waste station and its bins, by asset id.
    Station(Vec<BinCurrent>),
}

/// A facility as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Current {
    /// Where.
    pub site: SiteId,
    /// Which facility.
    pub facility: FacilityId,
    /// Partition time of this view.
    pub as_of: UtcMs,
    /// Event time of its newest reading.
    pub newest_at: Option<UtcMs>,
    /// Channels whose newest reading holds.
    pub channels_fresh: u32,
    /// Channels that the inventory binds to it or its assets.
    pub channels_total: u32,
    /// The figures.
    pub body: CurrentBody,
}

impl Current {
    /// Whether nothing is known of it: no channel is fresh.
    pub const fn is_blind(&self) -> bool {
        self.channels_fresh == 0
    }
}
