//! Windows: what the engine publishes about a facility over a span of time.
//!
//! Sums are exact integers (ms, counts, hundredths of a percent x ms); ratios are computed only
//! when shown, by the methods here. Everywhere `in_use + free + unknown = total`.

use serde::{Deserialize, Serialize};

use crate::{AssetId, FacilityId, FillLevel, SiteId, Stream, UtcMs, WindowLength};

mod bin;
mod dwell;
pub use dwell::{Dwell, DwellHistogram};

/// What a tumbling window is of: writing again under the same key overwrites.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WindowKey {
    /// Where.
    pub site: SiteId,
    /// Of which facility.
    pub facility: FacilityId,
    /// How long.
    pub length: WindowLength,
    /// When it starts.
    pub start: UtcMs,
}

/// Whether a window may still change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum WindowStatus {
    /// Still open, or not yet settled.
    Provisional,
    /// Final, revision 0.
    Final,
    /// Changed by late data after it was final: revision 1 and up.
    Amended,
}

impl WindowStatus {
    /// The name in API, export and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Final => "final",
            Self::Amended => "amended",
        }
    }
}

/// Time of places in use and free within a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Sum over places of the time in use, ms. A counted lot above capacity exceeds `total_ms`.
    pub in_use_ms: i64,
    /// Sum over places of the time free, ms. Below zero where a count exceeds the capacity.
    pub free_ms: i64,
    /// Places x length of the window, ms.
    pub total_ms: i64,
}

impl Usage {
    /// Sum over places of the time of which nothing is known, ms.
    pub const fn unknown_ms(&self) -> i64 {
        self.total_ms - self.in_use_ms - self.free_ms
    }

    /// In use / (in use + free), 0..=1 (more above capacity); none if nothing was observed.
    pub fn occupancy(&self) -> Option<f64> {
        ratio(self.in_use_ms, self.in_use_ms + self.free_ms)
    }

    /// In use / total: the true occupancy is not lower.
    pub fn occupancy_low(&self) -> Option<f64> {
        ratio(self.in_use_ms, self.total_ms)
    }

    /// (In use + unknown) / total: the true occupancy is not higher.
    pub fn occupancy_high(&self) -> Option<f64> {
        ratio(self.in_use_ms + self.unknown_ms(), self.total_ms)
    }

    /// Observed / total, 0..=1.
    pub fn coverage(&self) -> Option<f64> {
        ratio(self.in_use_ms + self.free_ms, self.total_ms)
    }
}

/// A ratio for showing; none where the whole is nothing.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "for showing only: 2^53 ms are 285,000 years of one place"
)]
fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What a lot's gates counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GateFigures {
    /// Vehicles in.
    pub entries: i64,
    /// Vehicles out.
    pub exits: i64,
    /// Time of places in use by the count; unknown while a gate is silent.
    pub usage: Usage,
    /// Count at the window's end, where known.
    pub count: Option<i32>,
    /// Half-width of its error interval, vehicles.
    pub count_error: i32,
}

/// A parking lot over a window.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LotFigures {
    /// Places the lot has.
    pub capacity: u32,
    /// The figure of the lot: by its bays where every place has a sensor, else by its count,
    /// else by its gates, else by what bays there are.
    pub usage: Usage,
    /// Highest simultaneous number in use (by the same basis as `usage`), and since when.
    pub peak: Option<(i32, UtcMs)>,
    /// Arrivals seen by bays, at the first reading in use.
    pub arrivals: u32,
    /// Departures seen by bays, at the first reading free.
    pub departures: u32,
    /// Those of the arrivals and departures that fell in unknown time.
    pub uncertain: u32,
    /// Dwell of bay sessions that ended in the window.
    pub dwell: Dwell,
    /// By bay sensors, where there are any.
    pub bays: Option<Usage>,
    /// By gates, where there are any.
    pub gates: Option<GateFigures>,
}

impl LotFigures {
    /// Arrivals per place over the window.
    pub fn turnover(&self) -> Option<f64> {
        ratio(i64::from(self.arrivals), i64::from(self.capacity))
    }
}

/// One bin over a window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "bin::Wire", into = "bin::Wire")]
pub struct BinFigures {
    /// Which bin.
    pub asset: AssetId,
    /// What it takes in.
    pub stream: Stream,
    /// Time for which a fill level is known, ms.
    pub known_ms: i64,
    /// Sum of fill level x time known, hundredths of a percent x ms.
    pub fill_ms: i64,
    /// Lowest level.
    pub min: Option<FillLevel>,
    /// Highest level.
    pub max: Option<FillLevel>,
    /// Level at the window's end, where known.
    pub last: Option<FillLevel>,
    /// Time in overflow (between `on` and `off` of the rule), ms.
    pub overflow_ms: i64,
    /// How often it was emptied.
    pub emptied: u32,
    /// Levels that were rejected as spikes: they stand in no other figure.
    pub rejected: u32,
}

impl BinFigures {
    /// Time-weighted mean fill, percent; none if nothing is known.
    pub fn fill_mean_percent(&self) -> Option<f64> {
        ratio(self.fill_ms, self.known_ms).map(|hundredths| hundredths / 100.0)
    }
}

/// A waste station over a window.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StationFigures {
    /// Length of the window, ms.
    pub length_ms: i64,
    /// Its bins, by asset id.
    pub bins: Vec<BinFigures>,
}

impl StationFigures {
    /// Known time / (bins x length), 0..=1.
    pub fn coverage(&self) -> Option<f64> {
        let bins = i64::try_from(self.bins.len()).ok()?;
        ratio(
            self.bins.iter().map(|bin| bin.known_ms).sum(),
            self.length_ms * bins,
        )
    }

    /// Time-weighted mean fill over the bins, percent.
    pub fn fill_mean_percent(&self) -> Option<f64> {
        let fill = self.bins.iter().map(|bin| bin.fill_ms).sum();
        let known = self.bins.iter().map(|bin| bin.known_ms).sum();
        ratio(fill, known).map(|hundredths| hundredths / 100.0)
    }
}

/// The figures, by kind of facility.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum WindowBody {
    /// A parking lot.
    Lot(LotFigures),
    /// A waste station.
    Station(StationFigures),
}

impl WindowBody {
    /// Observed / total, 0..=1.
    pub fn coverage(&self) -> Option<f64> {
        match self {
            Self::Lot(lot) => lot.usage.coverage(),
            Self::Station(station) => station.coverage(),
        }
    }
}

/// One published tumbling window.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WindowRow {
    /// Of what.
    pub key: WindowKey,
    /// When it ends: civil days differ in length.
    pub end: UtcMs,
    /// 0 when first final, +1 with each amendment; 0 while provisional.
    pub revision: u32,
    /// Whether it may still change.
    pub status: WindowStatus,
    /// The figures.
    pub body: WindowBody,
}

/// Length of a rolling window, a live figure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum RollingLength {
    /// 15 minutes.
    Min15,
    /// 1 hour.
    Hour1,
    /// 24 hours.
    Hour24,
}

impl RollingLength {
    /// All lengths, shortest first.
    pub const ALL: [Self; 3] = [Self::Min15, Self::Hour1, Self::Hour24];

    /// The name used in the API and the tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Min15 => "15m",
            Self::Hour1 => "1h",
            Self::Hour24 => "24h",
        }
    }

    /// The length, ms.
    pub const fn ms(self) -> i64 {
        match self {
            Self::Min15 => 15 * 60_000,
            Self::Hour1 => 3_600_000,
            Self::Hour24 => 24 * 3_600_000,
        }
    }
}

/// A rolling figure of a facility, keyed by (facility, length, end). Never amended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rolling {
    /// Where.
    pub site: SiteId,
    /// Of which facility.
    pub facility: FacilityId,
    /// How long.
    pub length: RollingLength,
    /// Its end, a full minute UTC.
    pub end: UtcMs,
    /// The figures. A rolling lot has no peak and no dwell; a rolling station no lowest level.
    pub body: WindowBody,
}
