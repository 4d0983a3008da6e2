//! What a repair has done, in rows for people.

use huitian_model::{FacilityId, Partition, SiteId, UtcMs, WindowLength, WindowRow};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

/// The amended windows of one facility and length.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Where.
    pub site: String,
    /// Of which facility.
    pub facility: String,
    /// How long.
    pub window: String,
    /// Start of the first.
    pub from: String,
    /// End of the last.
    pub to: String,
    /// How many.
    pub windows: usize,
}

/// What the repair of one partition has done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Which.
    pub partition: u8,
    /// Whether it was only looked at.
    pub dry_run: bool,
    /// Late readings taken in.
    pub late: u64,
    /// Amended windows.
    pub rows: Vec<Row>,
    /// Rows of emptyings and overflow that were added, changed or withdrawn.
    pub ledger: usize,
    /// What could not be recomputed, and why.
    pub refused: Vec<String>,
    /// What was left as it was published, and why.
    pub left: Vec<String>,
}

impl Report {
    /// Nothing done yet.
    pub fn new(partition: Partition) -> Self {
        Self {
            partition: partition.number(),
            dry_run: false,
            late: 0,
            rows: Vec::new(),
            ledger: 0,
            refused: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Adds the windows of one length.
    pub fn add(&mut self, key: &(SiteId, FacilityId), length: WindowLength, rows: &[WindowRow]) {
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            self.rows.push(Row {
                site: key.0.to_string(),
                facility: key.1.to_string(),
                window: length.name().to_owned(),
                from: first.key.start.to_string(),
                to: last.end.to_string(),
                windows: rows.len(),
            });
        }
    }

    /// Notes that windows before a change of inventory or settings stay as they are.
    pub fn leave(&mut self, key: &(SiteId, FacilityId), changed: UtcMs) {
        let text = format!(
            "{}/{}: windows that were final at {changed}, when inventory or settings changed, \
             stay as published",
            key.0, key.1
        );
        if self.left.last() != Some(&text) {
            self.left.push(text);
        }
    }

    /// Amended windows in all.
    pub fn windows(&self) -> usize {
        self.rows.iter().map(|row| row.windows).sum()
    }

    /// Says it in the log.
    pub fn say(&self) {
        for refused in &self.refused {
            warn!(%refused, "repair: not recomputed");
        }
        info!(
            partition = self.partition,
            late = self.late,
            windows = self.windows(),
            ledger_rows = self.ledger,
            dry_run = self.dry_run,
            "repair: done"
        );
    }

    /// Its lines for people: a table, then what was left out.
    pub fn lines(&self) -> Vec<String> {
        let row = |row: &Row| {
            format!(
                "{:<16} {:<16} {:<6} {:<26} {:<26} {:>8}",
                row.site, row.facility, row.window, row.from, row.to, row.windows
            )
        };
        let mut lines: Vec<String> = self.rows.iter().map(row).collect();
        lines.extend(self.refused.iter().map(|text| format!("refused: {text}")));
        lines.extend(self.left.iter().map(|text| format!("left: {text}")));
        lines
    }
}
