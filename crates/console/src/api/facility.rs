//! A facility as it stands, in JSON: the same in `/sites`, in its own call and in events.

use huitian_model::{BayState, BinCurrent, Current, CurrentBody, LotCurrent};
use serde::Serialize;

use super::iso;
use crate::show::part;
use crate::view::standing;

/// A facility as it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CurrentJson {
    pub site: String,
    pub facility: String,
    pub kind: &'static str,
    /// `normal`, `nearly-full`, `full`, `overflowing`, `blind`.
    pub standing: &'static str,
    /// Time of this view.
    pub as_of: String,
    /// Event time of the newest reading.
    pub newest_at: Option<String>,
    /// `as_of` - `newest_at`.
    pub age_ms: Option<i64>,
    pub channels_fresh: u32,
    pub channels_total: u32,
    /// Fresh / total channels, 0..=1.
    pub freshness: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bins: Option<Vec<BinJson>>,
}

/// A lot as it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LotJson {
    pub capacity: u32,
    pub in_use: i32,
    pub free: i32,
    pub unknown: i32,
    /// In use / (in use + free); null if nothing is known.
    pub occupancy: Option<f64>,
    pub occupancy_low: Option<f64>,
    pub occupancy_high: Option<f64>,
    /// (Capacity - unknown) / capacity.
    pub coverage: Option<f64>,
    pub gate_count: Option<i32>,
    pub gate_count_error: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bays: Option<Vec<BayJson>>,
}

/// A bay as it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BayJson {
    pub asset: String,
    /// `in_use`, `free`, `bad`, `silent`, `never_seen`.
    pub state: &'static str,
    /// Why it is bad.
    pub reason: Option<&'static str>,
    pub since: Option<String>,
    pub newest_at: Option<String>,
}

/// A bin as it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BinJson {
    pub asset: String,
    pub stream: &'static str,
    /// Percent; null while unknown.
    pub fill: Option<f64>,
    /// Percent, the last level ever known.
    pub last_fill: Option<f64>,
    /// Why the level is not known.
    pub reason: Option<&'static str>,
    pub newest_at: Option<String>,
    pub overflow_since: Option<String>,
    pub emptied_at: Option<String>,
}

/// Whether bays are told one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Only their sums.
    Sums,
    /// Each.
    Assets,
}

impl CurrentJson {
    /// The figures of a facility.
    pub fn new(current: &Current, detail: Detail) -> Self {
        let (kind, lot, bins) = match &current.body {
            CurrentBody::Lot(it) => ("parking_lot", Some(lot(it, detail)), None),
            CurrentBody::Station(bins) => {
                ("waste_station", None, Some(bins.iter().map(bin).collect()))
            }
        };
        Self {
            site: current.site.to_string(),
            facility: current.facility.to_string(),
            kind,
            standing: standing::of(current).name(),
            as_of: current.as_of.to_string(),
            newest_at: iso(current.newest_at),
            age_ms: current.newest_at.map(|at| current.as_of.since(at)),
            channels_fresh: current.channels_fresh,
            channels_total: current.channels_total,
            freshness: part(current.channels_fresh, current.channels_total),
            lot,
            bins,
        }
    }
}

fn lot(lot: &LotCurrent, detail: Detail) -> LotJson {
    let known = lot.in_use.saturating_add(lot.free);
    let high = lot.in_use.saturating_add(lot.unknown.max(0));
    LotJson {
        capacity: lot.capacity,
        in_use: lot.in_use,
        free: lot.free,
        unknown: lot.unknown,
        occupancy: part(lot.in_use, known),
        occupancy_low: part(lot.in_use, lot.capacity),
        occupancy_high: part(high, lot.capacity),
        coverage: part(
            i64::from(lot.capacity) - i64::from(lot.unknown),
            lot.capacity,
        ),
        gate_count: lot.gates.map(|it| it.count),
        gate_count_error: lot.gates.map(|it| it.error),
        bays: match detail {
            Detail::Sums => None,
            Detail::Assets => Some(lot.bays.iter().map(bay).collect()),
        },
    }
}

fn bay(bay: &huitian_model::BayCurrent) -> BayJson {
    let (state, reason) = match bay.state {
        BayState::InUse => ("in_use", None),
        BayState::Free => ("free", None),
        BayState::Bad(reason) => ("bad", Some(reason.name())),
        BayState::Silent => ("silent", None),
        BayState::NeverSeen => ("never_seen", None),
    };
    BayJson {
        asset: bay.asset.to_string(),
        state,
        reason,
        since: iso(bay.since),
        newest_at: iso(bay.newest_at),
    }
}

fn bin(bin: &BinCurrent) -> BinJson {
    BinJson {
        asset: bin.asset.to_string(),
        stream: bin.stream.name(),
        fill: bin.fill.map(huitian_model::FillLevel::percent),
        last_fill: bin.last_fill.map(huitian_model::FillLevel::percent),
        reason: bin.bad.map(huitian_model::BadReason::name),
        newest_at: iso(bin.newest_at),
        overflow_since: iso(bin.overflow_since),
        emptied_at: iso(bin.emptied_at),
    }
}
