//! The district at a glance: one tile per compound, and the figures of the whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use huitian_model::{Current, CurrentBody, FacilityId, Site, SiteId, Stream, UtcMs};
use serde::Serialize;

use super::facility::{Bar, bar};
use super::standing::{self, Standing};
use crate::board::View;
use crate::show::{Show, When, grouped, part, percent, share};

type Currents = BTreeMap<(SiteId, FacilityId), Arc<Current>>;

/// Which tiles are shown, in which order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Choice {
    /// One of [`SHOWS`].
    pub show: &'static str,
    /// One of [`SORTS`].
    pub sort: &'static str,
    /// Part of a name or id.
    pub search: String,
}

/// What can be shown.
pub(crate) const SHOWS: [&str; 5] = ["all", "attention", "full", "overflowing", "blind"];

/// By what tiles can be ordered.
pub(crate) const SORTS: [&str; 4] = ["district", "parking", "bins", "stale"];

/// The figures of one or more compounds.
#[derive(Debug, Clone, Default)]
struct Figures {
    capacity: i64,
    in_use: i64,
    unknown: i64,
    lots: u64,
    lots_full: u64,
    stations: u64,
    bins: u64,
    bins_overflowing: u64,
    blind: u64,
    fresh: u64,
    channels: u64,
    newest: Option<UtcMs>,
    worst: Option<Standing>,
    streams: BTreeMap<Stream, Level>,
}

/// The fullest bin of a stream.
#[derive(Debug, Clone, Copy)]
struct Level {
    percent: f64,
    is_known: bool,
    overflows: bool,
}

/// A flag with how many facilities or bins it is of.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FlagView {
    pub name: &'static str,
    pub count: u64,
}

/// The fullest bin of a stream, drawn.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StreamView {
    pub stream: &'static str,
    /// 0..=100; none where no level was ever known.
    pub level: Option<f64>,
    pub level_text: Option<String>,
    pub is_known: bool,
    pub overflows: bool,
}

/// The lots of a compound, drawn.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LotsView {
    pub in_use: i64,
    pub capacity: i64,
    pub unknown: i64,
    pub bar: Bar,
    pub low: String,
    pub high: String,
}

/// A compound.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TileView {
    pub id: String,
    pub name: String,
    pub standing: &'static str,
    pub flags: Vec<FlagView>,
    pub lots: Option<LotsView>,
    pub streams: Vec<StreamView>,
    pub worst: Option<StreamView>,
    pub coverage: String,
    pub fresh: u64,
    pub channels: u64,
    pub newest: Option<When>,
}

/// Tiles under one heading.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GroupView {
    /// None where all tiles are in one order.
    pub name: Option<String>,
    pub tiles: Vec<TileView>,
}

/// A compound in one cell.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CellView {
    pub id: String,
    pub name: String,
    pub standing: &'static str,
}

/// The figures of the district.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TotalsView {
    pub sites: u64,
    pub sites_live: u64,
    pub places: String,
    pub in_use: String,
    pub occupancy_low: String,
    pub occupancy_high: String,
    pub bar: Bar,
    pub lots: u64,
    pub lots_full: u64,
    pub bins: String,
    pub bins_overflowing: u64,
    pub facilities: u64,
    pub blind: u64,
    pub coverage: String,
    pub fresh: String,
    pub channels: String,
    pub newest: Option<When>,
    pub alerts_active: usize,
    pub readings_per_s: String,
}

impl Figures {
    fn of_site(site: &Site, currents: &Currents) -> Self {
        let mut figures = Self::default();
        for facility in site.facilities.keys() {
            if let Some(current) = currents.get(&(site.id.clone(), facility.clone())) {
                figures.take(current);
            } else {
                figures.blind += 1;
                figures.note(Standing::Blind);
            }
        }
        figures
    }

    fn note(&mut self, standing: Standing) {
        self.worst = Some(self.worst.map_or(standing, |worst| worst.min(standing)));
    }

    fn take(&mut self, current: &Current) {
        let standing = standing::of(current);
        self.note(standing);
        self.blind += u64::from(current.is_blind());
        self.fresh += u64::from(current.channels_fresh);
        self.channels += u64::from(current.channels_total);
        self.newest = self.newest.max(current.newest_at);
        match &current.body {
            CurrentBody::Lot(lot) => {
                self.lots += 1;
                self.lots_full += u64::from(standing == Standing::Full);
                self.capacity += i64::from(lot.capacity);
                self.in_use += i64::from(lot.in_use);
                self.unknown += i64::from(lot.unknown);
            }
            CurrentBody::Station(bins) => {
                self.stations += 1;
                for bin in bins {
                    self.take_bin(bin);
                }
            }
        }
    }

    fn take_bin(&mut self, bin: &huitian_model::BinCurrent) {
        let overflows = standing::overflows(bin);
        self.bins += 1;
        self.bins_overflowing += u64::from(overflows);
        let Some(fill) = bin.fill.or(bin.last_fill) else {
            return;
        };
        let level = Level {
            percent: fill.percent(),
            is_known: bin.fill.is_some(),
            overflows,
        };
        let fullest = self.streams.entry(bin.stream).or_insert(level);
        if (level.overflows, level.percent) > (fullest.overflows, fullest.percent) {
            *fullest = level;
        }
    }

    fn add(&mut self, other: &Self) {
        self.capacity += other.capacity;
        self.in_use += other.in_use;
        self.unknown += other.unknown;
        self.lots += other.lots;
        self.lots_full += other.lots_full;
        self.stations += other.stations;
        self.bins += other.bins;
        self.bins_overflowing += other.bins_overflowing;
        self.blind += other.blind;
        self.fresh += other.fresh;
        self.channels += other.channels;
        self.newest = self.newest.max(other.newest);
    }

    fn is_shown(&self, show: &str) -> bool {
        match show {
            "attention" => self.worst.is_some_and(Standing::needs_attention),
            "full" => self.lots_full > 0,
            "overflowing" => self.bins_overflowing > 0,
            "blind" => self.blind > 0,
            _ => true,
        }
    }

    fn worst_level(&self) -> f64 {
        self.streams
            .values()
            .map(|it| it.percent)
            .fold(-1.0, f64::max)
    }
}

/// The tiles of a choice, grouped by subdistrict or in one order.
pub(crate) fn groups(show: &Show, view: &View, choice: &Choice) -> Vec<GroupView> {
    let mut chosen: Vec<(&Site, Figures)> = view
        .inventory
        .sites
        .values()
        .filter(|site| is_found(site, &choice.search))
        .map(|site| (site, Figures::of_site(site, &view.currents)))
        .filter(|(_, figures)| figures.is_shown(choice.show))
        .collect();
    match choice.sort {
        "parking" => chosen.sort_by(|(_, a), (_, b)| descending(occupancy(a), occupancy(b))),
        "bins" => chosen.sort_by(|(_, a), (_, b)| descending(a.worst_level(), b.worst_level())),
        "stale" => chosen.sort_by_key(|(_, figures)| figures.newest),
        // A choice of few would leave most of each subdistrict's row empty.
        _ if choice.show == "all" => return by_subdistrict(show, &chosen),
        _ => {}
    }
    let tiles = chosen
        .iter()
        .map(|(site, it)| tile(show, site, it))
        .collect();
    vec![GroupView { name: None, tiles }]
}

/// The tiles of some compounds, for a live update.
pub(crate) fn tiles(show: &Show, view: &View, wanted: &[SiteId]) -> Vec<TileView> {
    let sites = wanted.iter().filter_map(|id| view.inventory.sites.get(id));
    sites
        .map(|site| tile(show, site, &Figures::of_site(site, &view.currents)))
        .collect()
}

/// Every compound in one cell, and how many there are of each standing.
pub(crate) fn mosaic(show: &Show, view: &View) -> (Vec<CellView>, Vec<FlagView>) {
    let mut counts: BTreeMap<Standing, u64> = BTreeMap::new();
    let cell = |site: &Site| {
        let figures = Figures::of_site(site, &view.currents);
        let standing = figures.worst.unwrap_or(Standing::Normal);
        *counts.entry(standing).or_default() += 1;
        CellView {
            id: site.id.to_string(),
            name: show.name(&site.name),
            standing: standing.name(),
        }
    };
    let cells = view.inventory.sites.values().map(cell).collect();
    let flag = |(standing, count): (&Standing, &u64)| FlagView {
        name: standing.name(),
        count: *count,
    };
    (cells, counts.iter().map(flag).collect())
}

/// The figures of the whole district.
pub(crate) fn totals(show: &Show, view: &View) -> TotalsView {
    let mut all = Figures::default();
    let mut live = 0;
    for site in view.inventory.sites.values() {
        let figures = Figures::of_site(site, &view.currents);
        live += u64::from(figures.fresh > 0);
        all.add(&figures);
    }
    let facilities = view.inventory.sites.values().map(|it| it.facilities.len());
    let count = |n: i64| grouped(u64::try_from(n).unwrap_or(0));
    let high = all.in_use + all.unknown.max(0);
    let active = view.alerts.iter().filter(|it| super::alerts::is_active(it));
    let rate = view.health.readings_per_s_hundredths;
    TotalsView {
        sites: u64::try_from(view.inventory.sites.len()).unwrap_or(0),
        sites_live: live,
        places: count(all.capacity),
        in_use: count(all.in_use),
        occupancy_low: share(part(all.in_use, all.capacity).unwrap_or(0.0)),
        occupancy_high: share(part(high, all.capacity).unwrap_or(0.0)),
        bar: bar(all.in_use, all.unknown, all.capacity),
        lots: all.lots,
        lots_full: all.lots_full,
        bins: grouped(all.bins),
        bins_overflowing: all.bins_overflowing,
        facilities: u64::try_from(facilities.sum::<usize>()).unwrap_or(0),
        blind: all.blind,
        coverage: coverage(&all),
        fresh: grouped(all.fresh),
        channels: grouped(all.channels),
        newest: all.newest.map(|at| show.when(at)),
        alerts_active: active.count(),
        readings_per_s: if rate < 1_000 {
            format!("{}.{}", rate / 100, rate % 100 / 10)
        } else {
            grouped(rate / 100)
        },
    }
}

fn by_subdistrict(show: &Show, chosen: &[(&Site, Figures)]) -> Vec<GroupView> {
    let mut groups: BTreeMap<String, Vec<TileView>> = BTreeMap::new();
    for (site, figures) in chosen {
        let name = show.name(&site.subdistrict);
        let tiles = groups.entry(name).or_default();
        tiles.push(tile(show, site, figures));
    }
    let group = |(name, tiles)| GroupView {
        name: Some(name),
        tiles,
    };
    groups.into_iter().map(group).collect()
}

fn tile(show: &Show, site: &Site, figures: &Figures) -> TileView {
    let flag = |name, count| (count > 0).then_some(FlagView { name, count });
    let streams: Vec<StreamView> = figures.streams.iter().map(stream).collect();
    let worst = figures
        .streams
        .iter()
        .max_by(|(_, a), (_, b)| a.percent.total_cmp(&b.percent))
        .map(stream);
    TileView {
        id: site.id.to_string(),
        name: show.name(&site.name),
        standing: figures.worst.unwrap_or(Standing::Normal).name(),
        flags: [
            flag("overflowing", figures.bins_overflowing),
            flag("full", figures.lots_full),
            flag("blind", figures.blind),
        ]
        .into_iter()
        .flatten()
        .collect(),
        lots: (figures.lots > 0).then(|| lots(figures)),
        streams,
        worst,
        coverage: coverage(figures),
        fresh: figures.fresh,
        channels: figures.channels,
        newest: figures.newest.map(|at| show.when(at)),
    }
}

fn lots(figures: &Figures) -> LotsView {
    let high = figures.in_use + figures.unknown.max(0);
    LotsView {
        in_use: figures.in_use,
        capacity: figures.capacity,
        unknown: figures.unknown,
        bar: bar(figures.in_use, figures.unknown, figures.capacity),
        low: share(part(figures.in_use, figures.capacity).unwrap_or(0.0)),
        high: share(part(high, figures.capacity).unwrap_or(0.0)),
    }
}

fn stream((stream, level): (&Stream, &Level)) -> StreamView {
    StreamView {
        stream: stream.name(),
        level: Some(level.percent),
        level_text: Some(percent(level.percent)),
        is_known: level.is_known,
        overflows: level.overflows,
    }
}

fn coverage(figures: &Figures) -> String {
    let fresh = i64::try_from(figures.fresh).unwrap_or(0);
    let channels = i64::try_from(figures.channels).unwrap_or(0);
    share(part(fresh, channels).unwrap_or(0.0))
}

fn occupancy(figures: &Figures) -> f64 {
    part(figures.in_use, figures.capacity).unwrap_or(-1.0)
}

fn descending(a: f64, b: f64) -> std::cmp::Ordering {
    b.total_cmp(&a)
}

/// Whether a compound's id, names, subdistrict or property company hold the words searched for.
fn is_found(site: &Site, search: &str) -> bool {
    let wanted = search.trim().to_lowercase();
    let texts = [
        site.id.as_str(),
        &site.name.zh,
        &site.name.en,
        &site.subdistrict.zh,
        &site.subdistrict.en,
        &site.company,
    ];
    wanted.is_empty() || texts.iter().any(|it| it.to_lowercase().contains(&wanted))
}
