//! `huitian repair`: by the running hub where there is one, else on the store itself.

use huitian_model::SiteId;
use huitian_store::StoreError;

use crate::cli::RepairArgs;
use crate::config::{Config, ConfigFault};
use crate::hub::{Report, Wish, ask_hub, open_store, repair_alone};
use crate::{Failure, say};

/// Repairs and prints what was amended.
///
/// # Errors
/// [`Failure`] where the site's id, the store or the hub cannot be used, or where a part was
/// refused.
pub fn run(args: &RepairArgs, config: &Config) -> Result<(), Failure> {
    let site = args.site.as_deref().map(SiteId::new).transpose();
    let site = site.map_err(|error| ConfigFault::plain(format!("site: {error}")))?;
    let wish = Wish {
        site,
        dry_run: args.dry_run,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("cannot start threads: {error}")))?;
    let reports = match open_store(config) {
        Ok(store) => runtime.block_on(repair_alone(store, wish))?,
        Err(StoreError::InUse(dir)) => runtime
            .block_on(ask_hub(&dir, wish))
            .map_err(Failure::Temporary)?,
        Err(error) => return Err(error.into()),
    };
    show(&reports)
}

fn show(reports: &[Report]) -> Result<(), Failure> {
    if reports.is_empty() {
        return say("nothing is late");
    }
    say(&format!(
        "{:<16} {:<16} {:<6} {:<26} {:<26} {:>8}",
        "site", "facility", "window", "from", "to", "windows"
    ))?;
    for line in reports.iter().flat_map(Report::lines) {
        say(&line)?;
    }
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let windows: u64 = reports.iter().map(|report| count(report.windows())).sum();
    let ledger: u64 = reports.iter().map(|report| count(report.ledger)).sum();
    let done = if reports.iter().any(|report| report.dry_run) {
        "would be amended"
    } else {
        "amended"
    };
    let late = sum(|report| report.late);
    say(&format!(
        "{late} late readings: {windows} windows and {ledger} ledger rows {done}"
    ))?;
    if reports.iter().any(|report| !report.refused.is_empty()) {
        let text = "not everything could be recomputed, see above";
        return Err(Failure::Other(text.to_owned()));
    }
    Ok(())
}
