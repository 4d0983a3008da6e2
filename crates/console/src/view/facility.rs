//! One facility as it stands: a lot with its bays, a station with its bins.

use huitian_model::{
    BayCurrent, BayState, BinCurrent, Current, CurrentBody, Facility, FacilityKind, GateCount,
    LotCurrent, Site,
};
use serde::Serialize;

use super::standing::{self, Standing};
use crate::show::{Show, When, part, percent, share};

/// A facility as it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FacilityView {
    pub id: String,
    pub site: String,
    pub href: String,
    pub name: String,
    /// `parking_lot` or `waste_station`.
    pub kind: &'static str,
    pub standing: &'static str,
    /// None where nothing was ever said of it.
    pub newest: Option<When>,
    /// Channels whose newest reading holds, of all.
    pub fresh: u32,
    pub channels: u32,
    pub coverage: String,
    pub batch: Option<&'static str>,
    pub sorting_mode: Option<String>,
    pub lot: Option<LotView>,
    pub bins: Vec<BinView>,
}

/// A bar: what is in use, then what is unknown, percent of its width.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Bar {
    pub used: f64,
    pub unknown: f64,
}

/// A lot as it stands.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LotView {
    pub capacity: u32,
    pub in_use: i32,
    pub free: i32,
    pub unknown: i32,
    pub bar: Bar,
    /// Of the places of which something is known.
    pub occupancy: Option<String>,
    pub low: String,
    pub high: String,
    pub coverage: String,
    pub is_sure: bool,
    pub gates: Option<GateCountView>,
    pub bays: Vec<BayView>,
}

/// Vehicles inside by the gates.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct GateCountView {
    pub count: i32,
    pub error: i32,
}

/// A bay.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BayView {
    pub id: String,
    /// A CSS class and the end of a text key.
    pub state: &'static str,
    /// All that is known, for a title.
    pub title: String,
}

/// A bin.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BinView {
    pub id: String,
    pub stream: &'static str,
    /// 0..=100; the last known level where none is known now.
    pub level: Option<f64>,
    pub level_text: Option<String>,
    /// Whether the level is known now, and not only remembered.
    pub is_known: bool,
    pub overflows: bool,
    pub overflow_since: Option<When>,
    /// The end of a text key.
    pub bad: Option<&'static str>,
    pub newest: Option<When>,
    pub emptied: Option<When>,
}

/// The facility with its figures, if there are any yet.
pub(crate) fn view(
    show: &Show,
    site: &Site,
    facility: &Facility,
    current: Option<&Current>,
) -> FacilityView {
    let (lot, bins) = match current.map(|it| &it.body) {
        Some(CurrentBody::Lot(it)) => (Some(lot(show, it)), Vec::new()),
        Some(CurrentBody::Station(bins)) => (None, bins.iter().map(|it| bin(show, it)).collect()),
        None => (None, Vec::new()),
    };
    let fresh = current.map_or(0, |it| it.channels_fresh);
    let channels = current.map_or(0, |it| it.channels_total);
    FacilityView {
        id: facility.id.to_string(),
        site: site.id.to_string(),
        href: format!("/sites/{}/facilities/{}", site.id, facility.id),
        name: show.name(&facility.name),
        kind: facility.kind.name(),
        standing: current.map_or(Standing::Blind, standing::of).name(),
        newest: current.and_then(|it| it.newest_at).map(|at| show.when(at)),
        fresh,
        channels,
        coverage: share(part(fresh, channels).unwrap_or(0.0)),
        batch: facility.batch.map(batch_name),
        sorting_mode: match &facility.kind {
            FacilityKind::WasteStation { sorting_mode } => sorting_mode.clone(),
            FacilityKind::ParkingLot { .. } => None,
        },
        lot,
        bins,
    }
}

/// The end of a text key.
pub(crate) const fn batch_name(batch: huitian_model::Batch) -> &'static str {
    match batch {
        huitian_model::Batch::HandedOver => "handed-over",
        huitian_model::Batch::Purchased => "purchased",
        huitian_model::Batch::Converted => "converted",
        huitian_model::Batch::Upgraded => "upgraded",
        huitian_model::Batch::NewBuilt => "new-built",
    }
}

/// The bar of so many places in use and unknown.
pub(crate) fn bar(in_use: i64, unknown: i64, capacity: i64) -> Bar {
    let used = part(in_use.clamp(0, capacity.max(0)), capacity).unwrap_or(0.0) * 100.0;
    let unknown = part(unknown.max(0), capacity).unwrap_or(0.0) * 100.0;
    Bar {
        used,
        unknown: unknown.min(100.0 - used),
    }
}

fn lot(show: &Show, lot: &LotCurrent) -> LotView {
    let known = lot.in_use.saturating_add(lot.free);
    let high = lot.in_use.saturating_add(lot.unknown.max(0));
    let coverage = part(
        i64::from(lot.capacity) - i64::from(lot.unknown),
        lot.capacity,
    );
    LotView {
        capacity: lot.capacity,
        in_use: lot.in_use,
        free: lot.free,
        unknown: lot.unknown,
        bar: bar(lot.in_use.into(), lot.unknown.into(), lot.capacity.into()),
        occupancy: part(lot.in_use, known).map(share),
        low: share(part(lot.in_use, lot.capacity).unwrap_or(0.0)),
        high: share(part(high, lot.capacity).unwrap_or(0.0)),
        coverage: share(coverage.unwrap_or(0.0)),
        is_sure: lot.unknown <= 0,
        gates: lot
            .gates
            .map(|GateCount { count, error }| GateCountView { count, error }),
        bays: lot.bays.iter().map(|it| bay(show, it)).collect(),
    }
}

fn bay(show: &Show, bay: &BayCurrent) -> BayView {
    let state = match bay.state {
        BayState::InUse => "in-use",
        BayState::Free => "free",
        BayState::Bad(_) => "bad",
        BayState::Silent => "silent",
        BayState::NeverSeen => "never-seen",
    };
    let mut title = format!("{} · {}", bay.asset, show.text(&format!("bay.{state}")));
    if let BayState::Bad(reason) = bay.state {
        title.push_str(" · ");
        title.push_str(&show.text(&format!("bad.{}", reason.name())));
    }
    if let Some(since) = bay.since {
        let since = show.when(since);
        title.push_str(" · ");
        title.push_str(&show.texts.with("since", &[("when", &since.text)]));
    }
    BayView {
        id: bay.asset.to_string(),
        state,
        title,
    }
}

/// A bin as it stands.
pub(crate) fn bin(show: &Show, bin: &BinCurrent) -> BinView {
    let level = bin
        .fill
        .or(bin.last_fill)
        .map(huitian_model::FillLevel::percent);
    BinView {
        id: bin.asset.to_string(),
        stream: bin.stream.name(),
        level,
        level_text: level.map(percent),
        is_known: bin.fill.is_some(),
        overflows: standing::overflows(bin),
        overflow_since: bin.overflow_since.map(|at| show.when(at)),
        bad: bin.bad.map(huitian_model::BadReason::name),
        newest: bin.newest_at.map(|at| show.when(at)),
        emptied: bin.emptied_at.map(|at| show.when(at)),
    }
}
