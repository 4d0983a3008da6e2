//! History queries, export and charts: how results are read and shown outside the hub.
//!
//! [`Source`] is what can be asked of stored results; [`history`] reads windows page by page;
//! [`WindowJson`] and [`csv`] are their versioned outer forms, with ratios computed only here;
//! [`chart`] draws SVG for pages and for reports. This crate is *not* the store, serves no
//! requests, knows no clock and no language: labels come from the caller.

pub mod chart;
pub mod csv;
pub mod history;
mod number;
mod pattern;
mod row;
mod source;
mod sqlite;

pub use number::{float, whole};
pub use pattern::{HourOfWeek, Zone};
pub use row::{BinJson, DwellJson, GatesJson, LotJson, RatioJson, StationJson, WindowJson};
pub use source::{AlertQuery, Intake, Source, SourceError, Span, UnknownDevice, WindowQuery};
