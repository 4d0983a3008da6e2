//! The outer form of a window: version 1 of what the API says about it.
//!
//! Model types never leave the program unversioned: a changed model changes this file or nothing.
//! Ratios are 0..=1 (an occupancy may exceed 1 above capacity), times RFC 3339 UTC, durations ms.

use huitian_model::{
    BinFigures, Dwell, GateFigures, LotFigures, StationFigures, Usage, WindowBody, WindowRow,
};
use serde::Serialize;

/// A window as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowJson {
    /// Site id.
    pub site: String,
    /// Facility id.
    pub facility: String,
    /// `parking_lot` or `waste_station`.
    pub kind: &'static str,
    /// `5m`, `15m`, `1h` or `1d`.
    pub window: &'static str,
    /// Start, inclusive.
    pub start: String,
    /// End, exclusive.
    pub end: String,
    /// `provisional`, `final` or `amended`.
    pub status: &'static str,
    /// 0 when first final, +1 with each amendment.
    pub revision: u32,
    /// Observed / total, 0..=1.
    pub coverage: Option<f64>,
    /// The lot's figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotJson>,
    /// The station's figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station: Option<StationJson>,
}

/// Time in use and free with what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RatioJson {
    /// In use / (in use + free); null if nothing was observed.
    pub occupancy: Option<f64>,
    /// In use / total: the true value is not lower.
    pub occupancy_low: Option<f64>,
    /// (In use + unknown) / total: the true value is not higher.
    pub occupancy_high: Option<f64>,
    /// Observed / total.
    pub coverage: Option<f64>,
    /// Sum over places, ms.
    pub in_use_ms: i64,
    /// Sum over places, ms.
    pub free_ms: i64,
    /// Sum over places, ms.
    pub unknown_ms: i64,
    /// Places x length, ms.
    pub total_ms: i64,
}

impl From<&Usage> for RatioJson {
    fn from(usage: &Usage) -> Self {
        Self {
            occupancy: usage.occupancy(),
            occupancy_low: usage.occupancy_low(),
            occupancy_high: usage.occupancy_high(),
            coverage: usage.coverage(),
            in_use_ms: usage.in_use_ms,
            free_ms: usage.free_ms,
            unknown_ms: usage.unknown_ms(),
            total_ms: usage.total_ms,
        }
    }
}

/// Dwell of sessions that ended in the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DwellJson {
    /// Sessions whose start and end are certain.
    pub count: u32,
    /// Sessions left out of the figures because an end is uncertain.
    pub uncertain: u32,
    /// Mean, ms.
    pub mean_ms: Option<i64>,
    /// Median, ms.
    pub p50_ms: Option<i64>,
    /// 90th percentile, ms.
    pub p90_ms: Option<i64>,
}

impl From<&Dwell> for DwellJson {
    fn from(dwell: &Dwell) -> Self {
        Self {
            count: dwell.count,
            uncertain: dwell.uncertain,
            mean_ms: dwell.mean_ms(),
            p50_ms: dwell.p50_ms,
            p90_ms: dwell.p90_ms,
        }
    }
}

/// What gates counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GatesJson {
    /// Vehicles in.
    pub entries: i64,
    /// Vehicles out.
    pub exits: i64,
    /// Vehicles inside at the end.
    pub count: Option<i32>,
    /// Half-width of the count's error interval, vehicles.
    pub count_error: i32,
    /// Time in use by the count.
    pub usage: RatioJson,
}

impl From<&GateFigures> for GatesJson {
    fn from(gates: &GateFigures) -> Self {
        Self {
            entries: gates.entries,
            exits: gates.exits,
            count: gates.count,
            count_error: gates.count_error,
            usage: RatioJson::from(&gates.usage),
        }
    }
}

/// A lot over a window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LotJson {
    /// Places.
    pub capacity: u32,
    /// The figure of the lot.
    #[serde(flatten)]
    pub usage: RatioJson,
    /// Highest simultaneous number in use.
    pub peak: Option<i32>,
    /// Since when.
    pub peak_at: Option<String>,
    /// Arrivals seen by bays.
    pub arrivals: u32,
    /// Departures seen by bays.
    pub departures: u32,
    /// Those of both that fell in unknown time.
    pub uncertain: u32,
    /// Arrivals per place.
    pub turnover: Option<f64>,
    /// Dwell.
    pub dwell: DwellJson,
    /// By bay sensors alone.
    pub bays: Option<RatioJson>,
    /// By gates alone.
    pub gates: Option<GatesJson>,
}

impl From<&LotFigures> for LotJson {
    fn from(lot: &LotFigures) -> Self {
        Self {
            capacity: lot.capacity,
            usage: RatioJson::from(&lot.usage),
            peak: lot.peak.map(|(count, _)| count),
            peak_at: lot.peak.map(|(_, at)| at.to_string()),
            arrivals: lot.arrivals,
            departures: lot.departures,
            uncertain: lot.uncertain,
            turnover: lot.turnover(),
            dwell: DwellJson::from(&lot.dwell),
            bays: lot.bays.as_ref().map(RatioJson::from),
            gates: lot.gates.as_ref().map(GatesJson::from),
        }
    }
}

/// One bin over a window. Levels in percent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BinJson {
    /// Asset id.
    pub asset: String,
    /// `kitchen`, `recyclable`, `hazardous` or `other`.
    pub stream: &'static str,
    /// Time-weighted mean, percent.
    pub fill_mean: Option<f64>,
    /// Lowest, percent.
    pub fill_min: Option<f64>,
    /// Highest, percent.
    pub fill_max: Option<f64>,
    /// At the end, percent.
    pub fill_last: Option<f64>,
    /// Time for which a level is known, ms.
    pub known_ms: i64,
    /// Time in overflow, ms.
    pub overflow_ms: i64,
    /// Times emptied.
    pub emptied: u32,
    /// Levels rejected as spikes.
    pub rejected: u32,
}

impl From<&BinFigures> for BinJson {
    fn from(bin: &BinFigures) -> Self {
        Self {
            asset: bin.asset.to_string(),
            stream: bin.stream.name(),
            fill_mean: bin.fill_mean_percent(),
            fill_min: bin.min.map(huitian_model::FillLevel::percent),
            fill_max: bin.max.map(huitian_model::FillLevel::percent),
            fill_last: bin.last.map(huitian_model::FillLevel::percent),
            known_ms: bin.known_ms,
            overflow_ms: bin.overflow_ms,
            emptied: bin.emptied,
            rejected: bin.rejected,
        }
    }
}

/// A station over a window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StationJson {
    /// Time-weighted mean over the bins, percent.
    pub fill_mean: Option<f64>,
    /// Its bins.
    pub bins: Vec<BinJson>,
}

impl From<&StationFigures> for StationJson {
    fn from(station: &StationFigures) -> Self {
        Self {
            fill_mean: station.fill_mean_percent(),
            bins: station.bins.iter().map(BinJson::from).collect(),
        }
    }
}

impl From<&WindowRow> for WindowJson {
    fn from(row: &WindowRow) -> Self {
        let (kind, lot, station) = match &row.body {
            WindowBody::Lot(lot) => ("parking_lot", Some(LotJson::from(lot)), None),
            WindowBody::Station(station) => {
                ("waste_station", None, Some(StationJson::from(station)))
            }
        };
        Self {
            site: row.key.site.to_string(),
            facility: row.key.facility.to_string(),
            kind,
            window: row.key.length.name(),
            start: row.key.start.to_string(),
            end: row.end.to_string(),
            status: row.status.name(),
            revision: row.revision,
            coverage: row.body.coverage(),
            lot,
            station,
        }
    }
}
