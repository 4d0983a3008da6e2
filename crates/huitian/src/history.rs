//! `huitian history` and `huitian export`: windows of the store, also while a hub runs.

use std::io::Write;

use huitian_model::{FacilityId, SiteId, UtcMs, WindowLength, WindowRow};
use huitian_report::history::Walk;
use huitian_report::{Span, WindowJson, WindowQuery, csv};
use huitian_store::{Sqlite, StoreConfig};
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::cli::{ExportArgs, HistoryArgs, RangeArgs};
use crate::clock::Clock;
use crate::config::{Config, ConfigFault};
use crate::hub::Plan;
use crate::{Failure, tell};

/// Most windows of one call: 5 years of 15-minute windows of one facility are 175,000.
const WINDOWS_MAX: usize = 2_000_000;

/// A day, ms: the default range.
const DAY_MS: i64 = 86_400_000;

/// Shows one facility's windows.
///
/// # Errors
/// [`Failure`] where an id, a time or the store cannot be used.
pub fn show(args: &HistoryArgs, config: &Config) -> Result<(), Failure> {
    let plan = Plan::load(config)?;
    let refuse = |what: &str, error: &dyn std::fmt::Display| {
        Failure::from(ConfigFault::plain(format!("{what}: {error}")))
    };
    let site = SiteId::new(&args.site).map_err(|error| refuse("site", &error))?;
    let facility = FacilityId::new(&args.facility).map_err(|error| refuse("facility", &error))?;
    if plan.inventory.facility(&site, &facility).is_none() {
        let known: Vec<&str> = match plan.inventory.sites.get(&site) {
            None => plan
                .inventory
                .sites
                .keys()
                .take(5)
                .map(SiteId::as_str)
                .collect(),
            Some(site) => site.facilities.keys().map(FacilityId::as_str).collect(),
        };
        let known = known.join(", ");
        return Err(refuse(
            &format!("{site}/{facility}"),
            &format!("not in the inventory, which has {known} ..."),
        ));
    }
    let source = source(config)?;
    let query = query(site, facility, &args.range)?;
    let mut out = Out::stdout();
    if args.csv {
        out.bytes(&csv::header().map_err(|error| Failure::Other(error.to_string()))?)?;
    }
    let mut walk = Walk::new(query);
    let mut count = 0_usize;
    loop {
        let rows = walk
            .next_chunk(&source)
            .map_err(|e| Failure::Other(e.to_string()))?;
        if rows.is_empty() {
            break;
        }
        count += rows.len();
        if args.csv {
            out.bytes(&csv::windows(&rows).map_err(|error| Failure::Other(error.to_string()))?)?;
        } else {
            for row in &rows {
                out.line(row)?;
            }
        }
    }
    out.end()?;
    tell(&format!("{count} windows"));
    Ok(())
}

/// Writes windows of many facilities as CSV.
///
/// # Errors
/// [`Failure`] where an id, a time, the store or the file cannot be used.
pub fn export(args: &ExportArgs, config: &Config) -> Result<(), Failure> {
    let plan = Plan::load(config)?;
    let source = source(config)?;
    let sites = plan.inventory.sites.values();
    let wanted: Vec<_> = sites
        .filter(|site| {
            args.site
                .as_deref()
                .is_none_or(|only| only == site.id.as_str())
        })
        .flat_map(|site| site.facilities.keys().map(|facility| (&site.id, facility)))
        .collect();
    if wanted.is_empty() {
        let fault = format!("site {:?} is not in the inventory", args.site);
        return Err(ConfigFault::plain(fault).into());
    }
    let mut out = match &args.output {
        None => Out::stdout(),
        Some(path) => Out::file(path)?,
    };
    let other = |error: &dyn std::fmt::Display| Failure::Other(error.to_string());
    let bar = progress(wanted.len());
    out.bytes(&csv::header().map_err(|error| other(&error))?)?;
    let mut count = 0_usize;
    for (site, facility) in wanted {
        let mut walk = Walk::new(query(site.clone(), facility.clone(), &args.range)?);
        loop {
            let rows = walk.next_chunk(&source).map_err(|error| other(&error))?;
            if rows.is_empty() {
                break;
            }
            count += rows.len();
            out.bytes(&csv::windows(&rows).map_err(|error| other(&error))?)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    out.end()?;
    tell(&format!("{count} windows written"));
    Ok(())
}

fn progress(facilities: usize) -> ProgressBar {
    let length = u64::try_from(facilities).unwrap_or_default();
    ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr())
}

fn source(config: &Config) -> Result<Sqlite, Failure> {
    Ok(Sqlite::open_to_read(StoreConfig::new(&config.data.dir))?)
}

fn query(site: SiteId, facility: FacilityId, range: &RangeArgs) -> Result<WindowQuery, Failure> {
    let length = WindowLength::from_name(&range.window).ok_or_else(|| {
        ConfigFault::plain(format!(
            "--window: expected 5m, 15m, 1h or 1d, found {}",
            range.window
        ))
    })?;
    let to = match &range.to {
        None => Clock::Wall.now(),
        Some(text) => instant("--to", text)?,
    };
    let from = match &range.from {
        None => to.minus(DAY_MS),
        Some(text) => instant("--from", text)?,
    };
    if from >= to {
        return Err(
            ConfigFault::plain(format!("--from ({from}) must be before --to ({to})")).into(),
        );
    }
    Ok(WindowQuery {
        site,
        facility,
        length,
        span: Span { from, to },
        after: None,
        limit: WINDOWS_MAX,
    })
}

fn instant(flag: &str, text: &str) -> Result<UtcMs, ConfigFault> {
    if let Ok(ms) = text.parse() {
        return Ok(UtcMs(ms));
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|instant| UtcMs(instant.as_millisecond()))
        .map_err(|_unreadable| {
            ConfigFault::plain(format!(
                "{flag}: expected RFC 3339 such as 2026-11-23T08:00:00+08:00 or ms since 1970, \
             found {text:?}"
            ))
        })
}

/// Where a command writes what it was asked for.
struct Out(Box<dyn Write>);

impl Out {
    fn stdout() -> Self {
        Self(Box::new(std::io::BufWriter::new(std::io::stdout().lock())))
    }

    fn file(path: &std::path::Path) -> Result<Self, ConfigFault> {
        let file = std::fs::File::create(path).map_err(|error| {
            ConfigFault::plain(format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(Self(Box::new(std::io::BufWriter::new(file))))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0
            .write_all(bytes)
            .map_err(|error| Failure::Other(format!("cannot write: {error}")))
    }

    /// One window as one line of JSON: the same shape as the API's.
    fn line(&mut self, row: &WindowRow) -> Result<(), Failure> {
        let json = serde_json::to_vec(&WindowJson::from(row))
            .map_err(|error| Failure::Other(error.to_string()))?;
        self.bytes(&json)?;
        self.bytes(b"\n")
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.0
            .flush()
            .map_err(|error| Failure::Other(format!("cannot write: {error}")))
    }
}
