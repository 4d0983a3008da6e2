//! Time: milliseconds UTC, window lengths and civil days.
//!
//! Windows shorter than a day are aligned to UTC; a day is civil time in the site's zone, so it
//! may last 23 or 25 hours. The zone database is compiled in: no file is read.

use std::fmt;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UtcMs(pub i64);

impl UtcMs {
    /// This instant moved by `ms`, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// This instant moved back by `ms`, held at the ends of the range.
    #[must_use]
    pub const fn minus(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this instant; negative where it is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The greatest multiple of `step_ms` at or before this instant.
    #[must_use]
    pub const fn floor(self, step_ms: i64) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(step_ms)))
    }
}

impl fmt::Display for UtcMs {
    /// RFC 3339 in UTC with milliseconds, such as `2026-11-23T08:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            // Outside the years -9999..=9999 there is no civil form: show the number.
            Err(_out_of_range) => write!(f, "{} ms", self.0),
        }
    }
}

/// Length of a tumbling window, the record of what was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum WindowLength {
    /// 5 minutes, aligned to UTC.
    Min5,
    /// 15 minutes, aligned to UTC.
    Min15,
    /// 1 hour, aligned to UTC.
    Hour1,
    /// A civil day in the site's zone.
    Day1,
}

impl WindowLength {
    /// All lengths, shortest first.
    pub const ALL: [Self; 4] = [Self::Min5, Self::Min15, Self::Hour1, Self::Day1];

    /// The name used in the API, the tags and the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Min5 => "5m",
            Self::Min15 => "15m",
            Self::Hour1 => "1h",
            Self::Day1 => "1d",
        }
    }

    /// The length with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|length| length.name() == name)
    }

    /// The fixed length in ms, or none for a civil day.
    pub const fn fixed_ms(self) -> Option<i64> {
        match self {
            Self::Min5 => Some(5 * 60_000),
            Self::Min15 => Some(15 * 60_000),
            Self::Hour1 => Some(60 * 60_000),
            Self::Day1 => None,
        }
    }
}

/// Why a zone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an IANA time zone such as Asia/Shanghai, found {0:?}")]
pub struct ZoneError(pub String);

/// Whether `zone` is a time zone of the compiled-in database.
pub fn zone_is_known(zone: &str) -> bool {
    TimeZone::get(zone).is_ok()
}

/// The start and end of the civil day in `zone` that holds `at`.
///
/// # Errors
/// [`ZoneError`] where the zone is unknown or the instant lies outside the calendar.
pub fn civil_day_bounds(zone: &str, at: UtcMs) -> Result<(UtcMs, UtcMs), ZoneError> {
    let refuse = || ZoneError(zone.to_owned());
    let tz = TimeZone::get(zone).map_err(|_unknown| refuse())?;
    let zoned = Timestamp::from_millisecond(at.0)
        .map_err(|_range| refuse())?
        .to_zoned_datetime(tz);
    let start = zoned.start_of_day().map_err(|_range| refuse())?;
    let end = start
        .checked_add(1.day())
        .and_then(|next| next.start_of_day())
        .map_err(|_range| refuse())?;
    Ok((
        UtcMs(start.timestamp().as_millisecond()),
        UtcMs(end.timestamp().as_millisecond()),
    ))
}

#[cfg(test)]
mod tests;
