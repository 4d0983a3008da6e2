//! History as CSV (RFC 4180), one row per window and thing measured.
//!
//! A lot has one row per window, with an empty `asset`. A station has one row for the whole with
//! an empty `asset`, then one row per bin. Every row of a file has the same columns; a figure
//! that does not apply or is not known is an empty cell. Text cells that a spreadsheet could read
//! as a formula get a leading `'`; numbers stay numbers.

use huitian_model::{BinFigures, LotFigures, StationFigures, WindowBody, WindowRow};

use crate::number::{float, whole};

/// One column: its name, unit and meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name in the header row; FIWARE smart-data-model names are in camel case.
    pub name: &'static str,
    /// The unit, empty for text and plain ratios.
    pub unit: &'static str,
    /// What it means, in Chinese.
    pub zh: &'static str,
    /// What it means, in English.
    pub en: &'static str,
}

const fn column(
    name: &'static str,
    unit: &'static str,
    zh: &'static str,
    en: &'static str,
) -> Column {
    Column { name, unit, zh, en }
}

/// All columns, in order. A new column is appended: readers may count on the order.
pub const COLUMNS: [Column; 37] = [
    column("site", "", "小区编号", "site id"),
    column("facility", "", "设施编号", "facility id"),
    column(
        "asset",
        "",
        "部件编号，整个设施时为空",
        "asset id; empty for the whole facility",
    ),
    column("kind", "", "设施类型", "kind of facility"),
    column("stream", "", "垃圾分类", "what the bin takes in"),
    column(
        "window",
        "",
        "窗口长度：5m、15m、1h、1d",
        "window length: 5m, 15m, 1h, 1d",
    ),
    column(
        "start",
        "RFC 3339 UTC",
        "窗口开始（含）",
        "window start, inclusive",
    ),
    column(
        "end",
        "RFC 3339 UTC",
        "窗口结束（不含）",
        "window end, exclusive",
    ),
    column(
        "status",
        "",
        "暂定、最终或已修订",
        "provisional, final or amended",
    ),
    column(
        "revision",
        "",
        "修订号，首次最终为 0",
        "revision; 0 when first final",
    ),
    column(
        "coverage",
        "0..1",
        "已观测时间占总时间",
        "observed share of the time",
    ),
    column(
        "occupancy",
        "0..1",
        "占用时间占已观测时间",
        "in-use share of the observed time",
    ),
    column(
        "occupancy_low",
        "0..1",
        "占用率下界",
        "the true occupancy is not lower",
    ),
    column(
        "occupancy_high",
        "0..1",
        "占用率上界",
        "the true occupancy is not higher",
    ),
    column(
        "in_use_ms",
        "ms",
        "各车位占用时间之和",
        "time in use, summed over places",
    ),
    column(
        "free_ms",
        "ms",
        "各车位空闲时间之和",
        "time free, summed over places",
    ),
    column(
        "unknown_ms",
        "ms",
        "各车位未知时间之和",
        "time unknown, summed over places",
    ),
    column(
        "totalSpotNumber",
        "places",
        "车位总数（FIWARE）",
        "places of the lot (FIWARE)",
    ),
    column(
        "availableSpotNumber",
        "places",
        "平均已知空闲车位数（FIWARE），四舍五入",
        "mean number of places known to be free, rounded (FIWARE)",
    ),
    column(
        "peak",
        "places",
        "同时占用的最高数",
        "highest simultaneous number in use",
    ),
    column(
        "peak_at",
        "RFC 3339 UTC",
        "最高数出现的时间",
        "since when it was so",
    ),
    column("arrivals", "vehicles", "到达车辆", "arrivals seen by bays"),
    column(
        "departures",
        "vehicles",
        "离开车辆",
        "departures seen by bays",
    ),
    column("turnover", "1/place", "每车位到达数", "arrivals per place"),
    column(
        "dwell_count",
        "sessions",
        "窗口内结束的停车次数",
        "certain sessions that ended",
    ),
    column("dwell_mean_ms", "ms", "平均停放时长", "mean dwell"),
    column("dwell_p50_ms", "ms", "停放时长中位数", "median dwell"),
    column(
        "dwell_p90_ms",
        "ms",
        "停放时长第 90 百分位",
        "90th percentile of dwell",
    ),
    column("entries", "vehicles", "道闸计入", "vehicles in, by gates"),
    column("exits", "vehicles", "道闸计出", "vehicles out, by gates"),
    column(
        "fillingLevel",
        "0..1",
        "按时间加权的平均满溢度（FIWARE）",
        "time-weighted mean fill (FIWARE)",
    ),
    column("fill_min", "%", "最低满溢度", "lowest fill"),
    column("fill_max", "%", "最高满溢度", "highest fill"),
    column("fill_last", "%", "窗口结束时满溢度", "fill at the end"),
    column(
        "known_ms",
        "ms",
        "满溢度已知的时间",
        "time for which a fill is known",
    ),
    column("overflow_ms", "ms", "满溢时间", "time in overflow"),
    column("emptied", "times", "清运次数", "times emptied"),
];

/// One cell. Only text is guarded and quoted: numbers are ours.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Not known, or does not apply.
    Empty,
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number, written as the shortest text that reads back the same.
    Real(f64),
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}
impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<i64> for Cell {
    fn from(n: i64) -> Self {
        Self::Whole(n)
    }
}
impl From<u32> for Cell {
    fn from(n: u32) -> Self {
        Self::Whole(i64::from(n))
    }
}
impl From<f64> for Cell {
    fn from(x: f64) -> Self {
        Self::Real(x)
    }
}

/// Text as a cell: with a leading `'` where a spreadsheet could read it as a formula.
pub fn guard(text: &str) -> String {
    const STARTERS: [char; 12] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠',
    ];
    if text.starts_with(STARTERS) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => guard(text),
            Self::Whole(n) => n.to_string(),
            Self::Real(x) => x.to_string(),
        }
    }
}

/// Writes rows of cells as RFC 4180 lines (CRLF).
///
/// # Errors
/// [`csv::Error`] where a record cannot be written, which no memory buffer causes.
pub fn lines<'a>(rows: impl IntoIterator<Item = &'a [Cell]>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .flexible(false)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(Cell::text))?;
    }
    writer
        .into_inner()
        .map_err(|refused| csv::Error::from(refused.into_error()))
}

/// The header line.
///
/// # Errors
/// As [`lines`].
pub fn header() -> Result<Vec<u8>, csv::Error> {
    let names: Vec<Cell> = COLUMNS.iter().map(|it| Cell::from(it.name)).collect();
    lines([names.as_slice()])
}

/// The lines of some windows.
///
/// # Errors
/// As [`lines`].
pub fn windows(rows: &[WindowRow]) -> Result<Vec<u8>, csv::Error> {
    let cells: Vec<Vec<Cell>> = rows.iter().flat_map(window_rows).collect();
    lines(cells.iter().map(Vec::as_slice))
}

fn window_rows(row: &WindowRow) -> Vec<Vec<Cell>> {
    match &row.body {
        WindowBody::Lot(lot) => vec![lot_row(row, lot)],
        WindowBody::Station(station) => {
            let whole = station_row(row, station);
            let bins = station.bins.iter();
            std::iter::once(whole)
                .chain(bins.map(|bin| bin_row(row, station, bin)))
                .collect()
        }
    }
}

/// The first ten columns, the same for all rows.
fn key_cells(row: &WindowRow, kind: &str, asset: Cell, stream: Cell) -> Vec<Cell> {
    vec![
        row.key.site.as_str().into(),
        row.key.facility.as_str().into(),
        asset,
        kind.into(),
        stream,
        row.key.length.name().into(),
        row.key.start.to_string().into(),
        row.end.to_string().into(),
        row.status.name().into(),
        row.revision.into(),
    ]
}

/// Figures of lots, and figures of bins.
const LOT_COLUMNS: usize = 19;
const BIN_COLUMNS: usize = 7;

fn lot_row(row: &WindowRow, lot: &LotFigures) -> Vec<Cell> {
    let mut cells = key_cells(row, "parking_lot", Cell::Empty, Cell::Empty);
    let length_ms = row.end.since(row.key.start);
    let usage = &lot.usage;
    let observed = usage.in_use_ms != 0 || usage.free_ms != 0;
    let free = (length_ms > 0 && observed).then(|| whole(float(usage.free_ms) / float(length_ms)));
    cells.extend([
        usage.coverage().into(),
        usage.occupancy().into(),
        usage.occupancy_low().into(),
        usage.occupancy_high().into(),
        usage.in_use_ms.into(),
        usage.free_ms.into(),
        usage.unknown_ms().into(),
        lot.capacity.into(),
        free.into(),
        lot.peak.map(|(count, _)| i64::from(count)).into(),
        lot.peak.map(|(_, at)| at.to_string()).into(),
        lot.arrivals.into(),
        lot.departures.into(),
        lot.turnover().into(),
        lot.dwell.count.into(),
        lot.dwell.mean_ms().into(),
        lot.dwell.p50_ms.into(),
        lot.dwell.p90_ms.into(),
        lot.gates.map(|gates| gates.entries).into(),
        lot.gates.map(|gates| gates.exits).into(),
    ]);
    cells.extend(std::iter::repeat_n(Cell::Empty, BIN_COLUMNS));
    cells
}

fn station_row(row: &WindowRow, station: &StationFigures) -> Vec<Cell> {
    let mut cells = key_cells(row, "waste_station", Cell::Empty, Cell::Empty);
    cells.push(station.coverage().into());
    cells.extend(std::iter::repeat_n(Cell::Empty, LOT_COLUMNS));
    let sum = |figure: fn(&BinFigures) -> i64| station.bins.iter().map(figure).sum::<i64>();
    cells.extend([
        station.fill_mean_percent().map(|fill| fill / 100.0).into(),
        Cell::from(
            station
                .bins
                .iter()
                .filter_map(|bin| bin.min)
                .min()
                .map(percent),
        ),
        Cell::from(
            station
                .bins
                .iter()
                .filter_map(|bin| bin.max)
                .max()
                .map(percent),
        ),
        Cell::Empty,
        sum(|bin| bin.known_ms).into(),
        sum(|bin| bin.overflow_ms).into(),
        sum(|bin| i64::from(bin.emptied)).into(),
    ]);
    cells
}

fn bin_row(row: &WindowRow, station: &StationFigures, bin: &BinFigures) -> Vec<Cell> {
    let asset = bin.asset.as_str().into();
    let mut cells = key_cells(row, "waste_station", asset, bin.stream.name().into());
    let known = (station.length_ms > 0).then(|| float(bin.known_ms) / float(station.length_ms));
    cells.push(known.into());
    cells.extend(std::iter::repeat_n(Cell::Empty, LOT_COLUMNS));
    cells.extend([
        bin.fill_mean_percent().map(|fill| fill / 100.0).into(),
        bin.min.map(percent).into(),
        bin.max.map(percent).into(),
        bin.last.map(percent).into(),
        bin.known_ms.into(),
        bin.overflow_ms.into(),
        bin.emptied.into(),
    ]);
    cells
}

fn percent(fill: huitian_model::FillLevel) -> f64 {
    fill.percent()
}

#[cfg(test)]
mod tests;
