//! What became of a file's rows before any of them had a number.

use std::collections::BTreeMap;

use serde::Serialize;

/// Lines that are remembered of each reason: enough to see what is wrong.
const LINES_KEPT: usize = 5;

/// Why a row, or a cell of a wide row, is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedReason {
    /// No row of the file's form: too few or too many cells, or not UTF-8.
    Malformed,
    /// The event time cannot be read.
    EventTime,
    /// The arrival time cannot be read.
    ArrivalTime,
    /// The value is no number, or outside its quantity's range.
    Value,
    /// The facility's name makes no id, or another's, or there are too many.
    Facility,
    /// The capacity cannot be read.
    Capacity,
    /// It arrived years away from the others.
    FarAway,
}

impl RefusedReason {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::EventTime => "event_time",
            Self::ArrivalTime => "arrival_time",
            Self::Value => "value",
            Self::Facility => "facility",
            Self::Capacity => "capacity",
            Self::FarAway => "far_away",
        }
    }
}

/// Refusals for one reason.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// The first few, with their lines.
    pub first: Vec<(u64, String)>,
}

/// What was read, filtered and refused. `rows_read = rows_filtered + rows_refused + rows_taken`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Intake {
    /// Rows after the header.
    pub rows_read: u64,
    /// Left aside by `keep`.
    pub rows_filtered: u64,
    /// Refused.
    pub rows_refused: u64,
    /// Empty cells of wide rows.
    pub cells_empty: u64,
    /// Refused cells of wide rows.
    pub cells_refused: u64,
    /// By reason, rows and cells.
    pub refused: BTreeMap<RefusedReason, Refused>,
    /// Readings of the rows that were taken.
    pub readings: u64,
    /// Readings that say that there is no value.
    pub without_value: u64,
    /// Rows with a local time that came twice; the earlier was taken.
    pub ambiguous_times: u64,
    /// Readings above the capacity, as the file has them.
    pub above_capacity: u64,
    /// Readings below zero, as the file has them.
    pub below_zero: u64,
    /// Rows that state another capacity than the most frequent one of their facility.
    pub other_capacity: u64,
}

impl Intake {
    /// Counts a refused row.
    pub fn refuse_row(&mut self, reason: RefusedReason, line: u64, text: String) {
        self.rows_refused += 1;
        self.refuse(reason, line, text);
    }

    /// Counts a refused cell.
    pub fn refuse_cell(&mut self, reason: RefusedReason, line: u64, text: String) {
        self.cells_refused += 1;
        self.refuse(reason, line, text);
    }

    fn refuse(&mut self, reason: RefusedReason, line: u64, text: String) {
        let refused = self.refused.entry(reason).or_default();
        refused.count += 1;
        if refused.first.len() < LINES_KEPT {
            refused.first.push((line, text));
        }
    }
}
