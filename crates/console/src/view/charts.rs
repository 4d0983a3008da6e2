//! History as charts: which windows are asked for, and how they become lines.

use std::collections::BTreeMap;

use huitian_model::{
    AssetId, BinFigures, Facility, FillLevel, Site, Stream, UtcMs, WindowBody, WindowLength,
    WindowRow,
};
use huitian_report::chart::{Frame, Heat, Line, Point, Size, heat, line_chart};
use huitian_report::{HourOfWeek, Source, SourceError, Span, WindowQuery, Zone, float, history};
use serde::Serialize;

use crate::show::{Show, percent, share};

const DAY_MS: i64 = 86_400_000;

/// Most windows of a chart: 14 days of hours are 336.
const POINTS_MAX: usize = 400;

/// How far back a chart goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// 24 h of 15-minute windows.
    Day,
    /// 7 days of hours.
    Week,
    /// 14 days of hours.
    Fortnight,
}

impl Back {
    /// The names in `?span=`.
    pub const NAMES: [&str; 3] = ["24h", "7d", "14d"];

    /// By name; a day for any other.
    pub fn from_name(name: &str) -> Self {
        match name {
            "7d" => Self::Week,
            "14d" => Self::Fortnight,
            _ => Self::Day,
        }
    }

    /// The name in `?span=`, and the end of a text key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Fortnight => "14d",
        }
    }

    /// The windows it is drawn from.
    pub const fn window(self) -> WindowLength {
        match self {
            Self::Day => WindowLength::Min15,
            Self::Week | Self::Fortnight => WindowLength::Hour1,
        }
    }

    /// The span that ends at the window `now` lies in.
    pub const fn span(self, now: UtcMs) -> Span {
        let (length, step) = match self {
            Self::Day => (DAY_MS, 900_000),
            Self::Week => (7 * DAY_MS, 3_600_000),
            Self::Fortnight => (14 * DAY_MS, 3_600_000),
        };
        let to = now.floor(step).plus(step);
        Span {
            from: to.minus(length),
            to,
        }
    }
}

/// What the charts of a facility are drawn from.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub back: Back,
    pub span: Span,
    pub rows: Vec<WindowRow>,
    /// Hours of the last 14 days.
    pub fortnight: Vec<WindowRow>,
    /// From which level bins overflow.
    pub limit: Option<FillLevel>,
}

/// Reads it.
pub(crate) fn read(
    source: &dyn Source,
    (site, facility): (&Site, &Facility),
    back: Back,
    now: UtcMs,
) -> Result<History, SourceError> {
    let query = |back: Back| WindowQuery {
        site: site.id.clone(),
        facility: facility.id.clone(),
        length: back.window(),
        span: back.span(now),
        after: None,
        limit: POINTS_MAX,
    };
    let fortnight = history::collect(source, query(Back::Fortnight))?;
    let rows = match back {
        Back::Fortnight => fortnight.clone(),
        Back::Day | Back::Week => history::collect(source, query(back))?,
    };
    Ok(History {
        back,
        span: back.span(now),
        rows,
        fortnight,
        limit: None,
    })
}

/// A drawing in both widths.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ChartView {
    pub wide: String,
    pub narrow: String,
}

/// What a facility page shows of history.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HistoryView {
    /// `24h`, `7d` or `14d`.
    pub back: &'static str,
    pub window: &'static str,
    pub line: ChartView,
    pub week: ChartView,
    /// Streams in the order of the lines, for the legend; empty for a lot.
    pub streams: Vec<&'static str>,
    /// Windows found.
    pub windows: usize,
    /// Of the span, 0..100 %.
    pub coverage: String,
    /// Of which windows some may still change.
    pub provisional: usize,
    pub csv_href: String,
    pub json_href: String,
}

/// The charts of a facility.
pub(crate) fn view(
    show: &Show,
    site: &Site,
    facility: &Facility,
    history: &History,
) -> HistoryView {
    let lines = lines(show, &history.rows);
    let is_station = lines.iter().any(|(stream, _)| stream.is_some());
    let limit = history.limit.filter(|_| is_station);
    let streams: Vec<&'static str> = lines
        .iter()
        .filter_map(|(stream, _)| stream.map(Stream::name))
        .fold(Vec::new(), |mut seen, name| {
            if !seen.contains(&name) {
                seen.push(name);
            }
            seen
        });
    let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    let label = show
        .texts
        .with("chart.label", &[("name", &show.name(&facility.name))]);
    let frame = |size: Size| Frame {
        id: format!("line-{}", size.class()),
        size,
        from: history.span.from,
        to: history.span.to,
        zone: show.zone.clone(),
        label: label.clone(),
        limit: limit.map(|it| (it.percent(), show.text("chart.limit"))),
    };
    let means = week(&show.zone, &history.fortnight);
    let heat_of = |size: Size| Heat {
        id: format!("week-{}", size.class()),
        size,
        label: show.text("week.label"),
        days: (1..=7).map(|n| show.text(&format!("day.{n}"))).collect(),
        cells: means.clone(),
        unknown: show.text("unknown"),
    };
    let path = format!(
        "/api/v1/history?site={}&facility={}&window={}&from={}&to={}",
        site.id,
        facility.id,
        history.back.window().name(),
        history.span.from.0,
        history.span.to.0,
    );
    HistoryView {
        back: history.back.name(),
        window: history.back.window().name(),
        line: ChartView {
            wide: line_chart(&frame(Size::Wide), &lines),
            narrow: line_chart(&frame(Size::Narrow), &lines),
        },
        week: ChartView {
            wide: heat(&heat_of(Size::Wide)),
            narrow: heat(&heat_of(Size::Narrow)),
        },
        streams,
        windows: history.rows.len(),
        coverage: share(covered(history)),
        provisional: history
            .rows
            .iter()
            .filter(|row| row.status == huitian_model::WindowStatus::Provisional)
            .count(),
        csv_href: format!("{path}&format=csv"),
        json_href: path,
    }
}

/// The observed share of the whole span: time without any window counts as not observed.
fn covered(history: &History) -> f64 {
    let length = float(history.span.to.since(history.span.from).max(1));
    let seen = history.rows.iter().map(|row| {
        let window = float(row.end.since(row.key.start));
        row.body.coverage().unwrap_or(0.0).clamp(0.0, 1.0) * window
    });
    (seen.sum::<f64>() / length).min(1.0)
}

/// The line of a lot, or the lines of a station's bins.
fn lines(show: &Show, rows: &[WindowRow]) -> Vec<(Option<Stream>, Line)> {
    let mut lot = Vec::new();
    let mut bins: BTreeMap<AssetId, (Stream, Vec<Point>)> = BTreeMap::new();
    for row in rows {
        match &row.body {
            WindowBody::Lot(_) => lot.push(lot_point(show, row)),
            WindowBody::Station(station) => {
                for bin in &station.bins {
                    let entry = bins.entry(bin.asset.clone());
                    let (_, points) = entry.or_insert_with(|| (bin.stream, Vec::new()));
                    points.push(bin_point(show, row, bin));
                }
            }
        }
    }
    let lot = (!lot.is_empty()).then_some((
        None,
        Line {
            class: "occupancy",
            points: lot,
        },
    ));
    let bins = bins.into_values().map(|(stream, points)| {
        let class = stream.name();
        (Some(stream), Line { class, points })
    });
    lot.into_iter().chain(bins).collect()
}

fn lot_point(show: &Show, row: &WindowRow) -> Point {
    let (mid, low, high) = match &row.body {
        WindowBody::Lot(lot) => (
            lot.usage.occupancy(),
            lot.usage.occupancy_low(),
            lot.usage.occupancy_high(),
        ),
        WindowBody::Station(_) => (None, None, None),
    };
    let coverage = row.body.coverage().unwrap_or(0.0);
    let at = show.zone.text(row.key.start, "%m-%d %H:%M");
    let figure = match (mid, low, high) {
        (Some(mid), Some(low), Some(high)) => {
            format!("{} ({}–{})", share(mid), share(low), share(high))
        }
        _ => show.text("unknown"),
    };
    let status = show.text(&format!("status.{}", row.status.name()));
    let covered = show
        .texts
        .with("chart.coverage", &[("share", &share(coverage))]);
    Point {
        from: row.key.start,
        to: row.end,
        mid: mid.map(|it| it * 100.0),
        low: low.map(|it| it * 100.0),
        high: high.map(|it| it * 100.0),
        coverage,
        title: format!("{at} · {figure}\n{covered} · {status}"),
    }
}

fn bin_point(show: &Show, row: &WindowRow, bin: &BinFigures) -> Point {
    let length = row.end.since(row.key.start).max(1);
    let mean = bin.fill_mean_percent();
    let at = show.zone.text(row.key.start, "%m-%d %H:%M");
    let stream = show.text(&format!("stream.{}", bin.stream.name()));
    let figure = mean.map_or_else(|| show.text("unknown"), percent);
    Point {
        from: row.key.start,
        to: row.end,
        mid: mean,
        low: bin.min.map(huitian_model::FillLevel::percent),
        high: bin.max.map(huitian_model::FillLevel::percent),
        coverage: float(bin.known_ms) / float(length),
        title: format!("{at} · {stream} {} · {figure}", bin.asset),
    }
}

/// Occupancy, or the mean fill of the bins, by hour of the week.
fn week(zone: &Zone, rows: &[WindowRow]) -> Vec<Option<f64>> {
    let mut pattern = HourOfWeek::default();
    for row in rows {
        let figure = match &row.body {
            WindowBody::Lot(lot) => lot.usage.occupancy().map(|it| it * 100.0),
            WindowBody::Station(station) => station.fill_mean_percent(),
        };
        let weight = row.body.coverage().unwrap_or(0.0);
        if let (Some(hour), Some(figure)) = (zone.hour_of_week(row.key.start), figure) {
            pattern.add(hour, figure, weight);
        }
    }
    pattern.means()
}
