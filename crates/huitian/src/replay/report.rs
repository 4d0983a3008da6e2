//! What a replay found, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use huitian_model::{Counts, FindingKind, Reason};
use serde::Serialize;

use super::order::Order;
use super::series::{Intake, Series};
use super::tally::{Tally, WindowCounts};
use crate::config::ConfigFault;

/// Frozen runs that are named in the report.
const FROZEN_SHOWN: usize = 5;

/// Windows of one length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Windows {
    /// Final windows.
    pub r#final: u64,
    /// Those of them that were amended.
    pub amended: u64,
    /// Amendments: one window may have several.
    pub amendments: u64,
}

/// One frozen run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Frozen {
    /// Of which channel.
    pub channel: String,
    /// First reading of the run, RFC 3339.
    pub from: String,
    /// Last reading of the run.
    pub to: String,
    /// Between the two, ms.
    pub length_ms: i64,
    /// Readings of the run.
    pub readings: u32,
}

/// Odd runs of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Odd {
    /// How many runs.
    pub runs: u64,
    /// How many readings in them.
    pub readings: u64,
    /// How long in all, from first to last reading of each, ms.
    pub length_ms: i64,
}

/// What a replay found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The order in which rows were fed.
    pub order: &'static str,
    /// Facilities in the series.
    pub facilities: u64,
    /// First and last arrival, RFC 3339.
    pub arrivals: (String, String),
    /// The file.
    pub intake: Intake,
    /// Rows taken.
    pub rows_taken: u64,
    /// Readings that were given a number.
    pub readings_sent: u64,
    /// What became of them.
    pub accounts: Counts,
    /// Different readings in quarantine, however often each came.
    pub quarantine_set: u64,
    /// The same as a digest, hexadecimal.
    pub quarantine_digest: String,
    /// Windows by length.
    pub windows: BTreeMap<&'static str, Windows>,
    /// All final windows as a digest, hexadecimal.
    pub windows_digest: String,
    /// Frozen runs, all.
    pub frozen: Odd,
    /// The longest of them.
    pub frozen_longest: Vec<Frozen>,
    /// Counts above the capacity.
    pub over_capacity: Odd,
    /// Counts below zero.
    pub below_zero: Odd,
    /// Overflow episodes.
    pub overflow_episodes: u64,
    /// How often bins were emptied.
    pub emptied: u64,
    /// Ticks of the log.
    pub ticks: u64,
    /// Outputs of the engine.
    pub outputs: u64,
    /// How long it took, ms.
    pub elapsed_ms: u64,
    /// Readings in a second.
    pub readings_per_second: u64,
    /// What does not balance; empty as it should be.
    pub imbalances: Vec<String>,
}

impl Report {
    /// Draws it up.
    pub fn new(series: &Series, order: Order, tally: &Tally, elapsed: Duration) -> Self {
        let (first, last) = series.arrivals().unwrap_or_default();
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Self {
            order: order.name(),
            facilities: number(series.channels.len()),
            arrivals: (first.to_string(), last.to_string()),
            intake: series.intake.clone(),
            rows_taken: number(series.rows.len()),
            readings_sent: tally.readings_sent,
            accounts: tally.counts(),
            quarantine_set: number(tally.quarantined_readings()),
            quarantine_digest: format!("{:016x}", tally.quarantine_digest()),
            windows: tally
                .lengths
                .iter()
                .map(|(length, counts)| (length.name(), windows(*counts)))
                .collect(),
            windows_digest: format!("{:016x}", tally.windows_digest()),
            frozen: odd(tally, FindingKind::Frozen),
            frozen_longest: frozen_longest(tally),
            over_capacity: odd(tally, FindingKind::OverCapacity),
            below_zero: odd(tally, FindingKind::BelowZero),
            overflow_episodes: number(tally.episodes()),
            emptied: number(tally.emptied()),
            ticks: tally.ticks,
            outputs: tally.outputs,
            elapsed_ms,
            readings_per_second: tally.readings_sent.saturating_mul(1_000) / elapsed_ms.max(1),
            imbalances: imbalances(series, tally),
        }
    }

    /// Whether everything adds up.
    pub const fn balances(&self) -> bool {
        self.imbalances.is_empty()
    }

    /// As JSON, with a line end.
    ///
    /// # Errors
    /// [`ConfigFault`] where it cannot be written, which nothing in it causes.
    pub fn to_json(&self) -> Result<String, ConfigFault> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| ConfigFault::plain(error.to_string()))
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

const fn windows(counts: WindowCounts) -> Windows {
    Windows {
        r#final: counts.is_final,
        amended: counts.amended,
        amendments: counts.amendments,
    }
}

fn odd(tally: &Tally, kind: FindingKind) -> Odd {
    let mut odd = Odd {
        runs: 0,
        readings: 0,
        length_ms: 0,
    };
    for finding in tally.findings(kind) {
        odd.runs += 1;
        odd.readings += u64::from(finding.readings);
        odd.length_ms += finding.to.since(finding.from);
    }
    odd
}

fn frozen_longest(tally: &Tally) -> Vec<Frozen> {
    let mut runs: Vec<_> = tally.findings(FindingKind::Frozen).collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.to.since(run.from)));
    let shown = runs.into_iter().take(FROZEN_SHOWN);
    shown
        .map(|run| Frozen {
            channel: run.channel.to_string(),
            from: run.from.to_string(),
            to: run.to.to_string(),
            length_ms: run.to.since(run.from),
            readings: run.readings,
        })
        .collect()
}

/// Everything that must add up and does not.
fn imbalances(series: &Series, tally: &Tally) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut equal = |what: &str, left: u64, right: u64| {
        if left != right {
            wrong.push(format!("{what}: {left} is not {right}"));
        }
    };
    let intake = &series.intake;
    let rows = intake.rows_filtered + intake.rows_refused + number(series.rows.len());
    equal(
        "rows read = filtered + refused + taken",
        intake.rows_read,
        rows,
    );
    let counts = tally.counts();
    equal(
        "readings sent = accepted",
        tally.readings_sent,
        counts.accepted,
    );
    let not_applied: u64 = Reason::ALL.iter().map(|reason| counts.by(*reason)).sum();
    let fates = counts.applied + not_applied;
    equal("accepted = applied + not applied", counts.accepted, fates);
    equal(
        "accounts out of balance = 0",
        number(tally.unbalanced_accounts()),
        0,
    );
    for reason in Reason::ALL {
        let is_held = !matches!(reason, Reason::Duplicate | Reason::Superseded);
        if is_held {
            let held = tally.held_by.get(&reason).copied().unwrap_or(0);
            equal(
                &format!("{} = held", reason.name()),
                counts.by(reason),
                held,
            );
        }
    }
    wrong
}

/// Hours with one decimal, for people.
fn hours(ms: i64) -> String {
    let tenths = ms / 360_000;
    format!("{}.{} h", tenths / 10, tenths % 10)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows(f)?;
        self.readings(f)?;
        self.results(f)?;
        writeln!(
            f,
            "speed          {} readings in {}.{:03} s, {} a second",
            self.readings_sent,
            self.elapsed_ms / 1_000,
            self.elapsed_ms % 1_000,
            self.readings_per_second
        )?;
        if self.balances() {
            return writeln!(f, "totals         balance");
        }
        for wrong in &self.imbalances {
            writeln!(f, "DOES NOT BALANCE: {wrong}")?;
        }
        Ok(())
    }
}

impl Report {
    fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let intake = &self.intake;
        writeln!(
            f,
            "rows           {} read = {} taken + {} filtered + {} refused",
            intake.rows_read, self.rows_taken, intake.rows_filtered, intake.rows_refused
        )?;
        for (reason, refused) in &intake.refused {
            writeln!(f, "  refused      {} for {}", refused.count, reason.name())?;
            for (line, text) in &refused.first {
                writeln!(f, "    line {line}: {text}")?;
            }
        }
        let notes = [
            (intake.cells_empty, "empty cells"),
            (intake.cells_refused, "cells refused"),
            (intake.without_value, "readings that say there is no value"),
            (
                intake.ambiguous_times,
                "rows of an hour that came twice: the earlier taken",
            ),
            (intake.above_capacity, "readings above the capacity"),
            (intake.below_zero, "readings below zero"),
            (intake.other_capacity, "rows that state another capacity"),
        ];
        for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "  of these     {count} {what}")?;
        }
        writeln!(
            f,
            "series         {} facilities, arrived {} to {}; fed in order: {}",
            self.facilities, self.arrivals.0, self.arrivals.1, self.order
        )
    }

    fn readings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.accounts;
        writeln!(
            f,
            "readings       {} accepted = {} applied + not applied:",
            counts.accepted, counts.applied
        )?;
        for reason in Reason::ALL {
            writeln!(f, "  {:<26} {}", reason.name(), counts.by(reason))?;
        }
        writeln!(
            f,
            "quarantine     {} different readings, digest {}",
            self.quarantine_set, self.quarantine_digest
        )
    }

    fn results(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (length, windows) in &self.windows {
            writeln!(
                f,
                "windows {length:<6} {} final, {} of them amended ({} times)",
                windows.r#final, windows.amended, windows.amendments
            )?;
        }
        writeln!(f, "windows digest {}", self.windows_digest)?;
        for (name, odd) in [
            ("frozen", self.frozen),
            ("over capacity", self.over_capacity),
            ("below zero", self.below_zero),
        ] {
            writeln!(
                f,
                "{name:<14} {} runs, {} readings, {}",
                odd.runs,
                odd.readings,
                hours(odd.length_ms)
            )?;
        }
        for run in &self.frozen_longest {
            let Frozen {
                channel,
                from,
                readings,
                length_ms,
                ..
            } = run;
            let length = hours(*length_ms);
            writeln!(f, "  {channel}: {length} from {from}, {readings} readings")?;
        }
        writeln!(
            f,
            "bins           {} overflow episodes, {} times emptied",
            self.overflow_episodes, self.emptied
        )
    }
}
