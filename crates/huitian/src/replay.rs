//! `huitian replay`: a recorded series through the same engine, as fast as it goes.
//!
//! ```text
//! file --mapping--> rows --order--> frames and ticks --engine--> outputs --tally--> report
//! ```
//!
//! - A [`mapping`] of a few lines of TOML says which column is what; [`series`] reads the file
//!   by it once and learns which facilities it speaks of.
//! - [`order`] says in which order the rows are fed. `received_at` is a row's arrival column,
//!   whatever the order: what the clock guard says of a row does not depend on its neighbours.
//! - [`feed`] makes the log: inventory and settings, an opening tick, then frames with a tick
//!   wherever the arrival time crosses a minute, then closing ticks. Time in the log is the
//!   running maximum of arrival, so it never runs backwards.
//! - [`tally`] keeps what is reported, not what the engine said: a year of one facility is
//!   135,000 windows.
//!
//! Everything is in memory and nothing of it touches a data folder. Bad rows never stop a
//! replay: they are counted, with their lines. The exit code is 0 where the totals balance, 1
//! where they do not, 78 where the mapping or a file cannot be used.

mod digest;
mod feed;
mod held;
mod mapping;
mod order;
mod report;
mod series;
mod tally;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use huitian_model::{Settings, WindowLength};

use crate::config::{ConfigFault, Span};

pub use order::Order;
pub use report::Report;

/// Lateness that may be asked for, ms: the same range as `engine.lateness` of the settings.
const LATENESS_MS: std::ops::RangeInclusive<i64> = 3_600_000..=31 * 86_400_000;

/// `huitian replay`
#[derive(clap::Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Which column is what
    #[arg(long, value_name = "MAPPING.toml")]
    pub config: PathBuf,
    /// The recorded series: CSV, or CSV packed by gzip where the name ends in .gz
    pub file: PathBuf,
    /// In which order the rows are fed
    #[arg(long, value_enum, default_value_t = Order::Arrival)]
    pub order: Order,
    /// Which shuffle
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Readings older than the log's time by more are late (1h to 31d)
    #[arg(long, default_value = "48h", value_name = "SPAN", value_parser = lateness)]
    pub lateness: Span,
    /// Write the final windows here, as CSV
    #[arg(long, value_name = "OUT.csv")]
    pub windows: Option<PathBuf>,
    /// Only windows of this length in the CSV: 5m, 15m, 1h or 1d (may be repeated)
    #[arg(long, requires = "windows", value_name = "LENGTH", value_parser = window_length)]
    pub length: Vec<WindowLength>,
    /// Write late and quarantined readings here, as CSV
    #[arg(long, value_name = "OUT.csv")]
    pub held: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

fn lateness(text: &str) -> Result<Span, String> {
    let span = Span::parse(text)?;
    if LATENESS_MS.contains(&span.0) {
        return Ok(span);
    }
    Err(format!("expected a lateness of 1h to 31d, found {span}"))
}

fn window_length(text: &str) -> Result<WindowLength, String> {
    WindowLength::from_name(text)
        .ok_or_else(|| format!("expected a window length of 5m, 15m, 1h or 1d, found {text:?}"))
}

/// Runs a replay and prints its report to standard output; a progress bar goes to standard
/// error where that is a terminal. The caller fails (exit code 1) where it does not balance.
///
/// # Errors
/// [`ConfigFault`] where the mapping is wrong or a file cannot be read or written.
pub fn command(args: &ReplayArgs) -> Result<Report, ConfigFault> {
    let report = run(args)?;
    let text = if args.json {
        report.to_json()?
    } else {
        report.to_string()
    };
    let printed = std::io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(|error| ConfigFault::plain(format!("cannot print the report: {error}")))?;
    Ok(report)
}

/// Runs a replay.
///
/// # Errors
/// [`ConfigFault`] where the mapping is wrong or a file cannot be read or written.
pub fn run(args: &ReplayArgs) -> Result<Report, ConfigFault> {
    let mapping = mapping::Mapping::load(&args.config)?;
    let series = series::Series::read(&mapping, &args.file)?;
    let mut keep = tally::Keep {
        windows: keep_windows(args),
        ..tally::Keep::default()
    };
    if keep.windows.is_some() {
        refuse_too_many(&series, &args.length)?;
    }
    if let Some(path) = &args.held {
        keep.ledger = Some(held::Ledger::create(path)?);
    }
    let settings = settings(args.lateness)?;
    let feeding = order::feeding(&series, args.order, args.seed);
    let started = Instant::now();
    let bar = indicatif::ProgressBar::new(order::length(&feeding));
    let mut tally = feed::feed(&series, &settings, &feeding, tally::Tally::new(keep), &bar)?;
    bar.finish_and_clear();
    tally.finish()?;
    if let Some(path) = &args.windows {
        write_windows(path, &tally)?;
    }
    Ok(Report::new(
        &series,
        feeding.order,
        &tally,
        started.elapsed(),
    ))
}

/// The defaults, with the lateness that was asked for.
fn settings(lateness: Span) -> Result<Settings, ConfigFault> {
    let defaults =
        Settings::with_defaults().map_err(|error| ConfigFault::plain(error.to_string()))?;
    Ok(Settings {
        lateness_ms: lateness.0,
        ..defaults
    })
}

/// Which windows to keep whole: none unless they are to be written.
fn keep_windows(args: &ReplayArgs) -> Option<Vec<WindowLength>> {
    args.windows.as_ref()?;
    Some(if args.length.is_empty() {
        WindowLength::ALL.to_vec()
    } else {
        args.length.clone()
    })
}

/// Says so before a long run, rather than after it.
fn refuse_too_many(series: &series::Series, lengths: &[WindowLength]) -> Result<(), ConfigFault> {
    let expected = series.windows_expected(lengths);
    if expected <= tally::WINDOWS_KEPT_MAX {
        return Ok(());
    }
    Err(ConfigFault::plain(format!(
        "--windows would keep some {expected} windows in memory: expected at most {}",
        tally::WINDOWS_KEPT_MAX
    ))
    .with_help("ask for longer windows only, such as --length 1h --length 1d"))
}

/// Windows written at once: a few MB of text.
const WRITE_ROWS: usize = 4_096;

fn write_windows(path: &Path, tally: &tally::Tally) -> Result<(), ConfigFault> {
    let fault = |error: &dyn std::fmt::Display| {
        ConfigFault::plain(format!("cannot write {}: {error}", path.display()))
    };
    let file = std::fs::File::create(path).map_err(|error| fault(&error))?;
    let mut out = std::io::BufWriter::new(file);
    let header = huitian_report::csv::header().map_err(|error| fault(&error))?;
    out.write_all(&header).map_err(|error| fault(&error))?;
    let rows: Vec<_> = tally.kept_windows().cloned().collect();
    for chunk in rows.chunks(WRITE_ROWS) {
        let lines = huitian_report::csv::windows(chunk).map_err(|error| fault(&error))?;
        out.write_all(&lines).map_err(|error| fault(&error))?;
    }
    out.flush().map_err(|error| fault(&error))
}

#[cfg(test)]
mod tests;
