//! Times as files write them: with or without an offset, with or without an hour that comes
//! twice.

use huitian_model::UtcMs;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::Column;

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Writing {
    /// Local time by a strptime format.
    Local(String),
    /// Time with an offset by a strptime format.
    Offset(String),
    /// Whole seconds since 1970.
    UnixS,
    /// Whole milliseconds since 1970.
    UnixMs,
}

/// A column that holds times.
#[derive(Clone, Debug)]
pub struct TimeColumn {
    /// Which.
    pub column: Column,
    writing: Writing,
}

/// The times of a row.
#[derive(Clone, Debug)]
pub struct Instants {
    /// Event time.
    pub at: TimeColumn,
    /// Arrival; none where the file has one time only, and then both are the same.
    pub received_at: Option<TimeColumn>,
    /// The zone of times without an offset.
    pub zone: TimeZone,
}

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The instant.
    pub instant: UtcMs,
    /// Whether the local time came twice (the hour after summer time ends); the earlier is
    /// taken then.
    pub is_ambiguous: bool,
}

impl TimeColumn {
    /// Checks a format.
    ///
    /// # Errors
    /// What was expected.
    pub fn new(column: Column, format: &str) -> Result<Self, String> {
        let writing = match format {
            "unix_s" => Writing::UnixS,
            "unix_ms" => Writing::UnixMs,
            _ if ["%z", "%:z"].iter().any(|part| format.contains(part)) => {
                Writing::Offset(format.to_owned())
            }
            _ => Writing::Local(format.to_owned()),
        };
        let found = Self { column, writing };
        found.check(format)?;
        Ok(found)
    }

    /// A format that cannot read what it wrote would refuse every row: say so at once.
    fn check(&self, format: &str) -> Result<(), String> {
        let shown = |error: &dyn std::fmt::Display| {
            format!(
                "expected a format such as \"%Y-%m-%dT%H:%M:%S\", unix_s or unix_ms, \
                 found {format:?}: {error}"
            )
        };
        if matches!(self.writing, Writing::UnixS | Writing::UnixMs) {
            return Ok(());
        }
        let noon = jiff::civil::date(2024, 5, 17).at(12, 34, 0, 0);
        let zoned = noon
            .to_zoned_datetime(TimeZone::UTC)
            .map_err(|e| shown(&e))?;
        let text = jiff::fmt::strtime::format(format, &zoned).map_err(|e| shown(&e))?;
        let read = self.read(&text, &TimeZone::UTC).map_err(|e| shown(&e))?;
        if read.instant.0 == zoned.timestamp().as_millisecond() {
            return Ok(());
        }
        Err(shown(&"it does not hold a whole date and time"))
    }

    /// Reads a cell.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn read(&self, text: &str, zone: &TimeZone) -> Result<Read, String> {
        let certain = |ms: i64| {
            Ok(Read {
                instant: UtcMs(ms),
                is_ambiguous: false,
            })
        };
        match &self.writing {
            Writing::UnixS => {
                let seconds: i64 = whole(text)?;
                let ms = seconds.checked_mul(1_000);
                certain(ms.ok_or_else(|| format!("{text:?} is beyond all time"))?)
            }
            Writing::UnixMs => certain(whole(text)?),
            Writing::Offset(format) => {
                let instant = Timestamp::strptime(format, text).map_err(|e| unlike(text, &e))?;
                certain(instant.as_millisecond())
            }
            Writing::Local(format) => {
                let civil = DateTime::strptime(format, text).map_err(|e| unlike(text, &e))?;
                local(civil, zone)
            }
        }
    }
}

fn local(civil: DateTime, zone: &TimeZone) -> Result<Read, String> {
    let found = zone.to_ambiguous_timestamp(civil);
    let is_ambiguous = match found.offset() {
        AmbiguousOffset::Unambiguous { .. } => false,
        AmbiguousOffset::Fold { .. } => true,
        AmbiguousOffset::Gap { .. } => {
            return Err(format!(
                "{civil} never was: clocks were put forward over it"
            ));
        }
    };
    let instant = found.earlier().map_err(|error| error.to_string())?;
    Ok(Read {
        instant: UtcMs(instant.as_millisecond()),
        is_ambiguous,
    })
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_not_whole| format!("expected a whole number, found {text:?}"))
}

fn unlike(text: &str, error: &jiff::Error) -> String {
    format!("{text:?} is no time of the mapping's format: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(format: &str) -> Result<TimeColumn, String> {
        let column = Column {
            name: "t".to_owned(),
            span: 0..0,
        };
        TimeColumn::new(column, format)
    }

    #[test]
    fn the_hour_that_comes_twice_is_the_earlier_and_said_so() {
        let madrid = TimeZone::get("Europe/Madrid").unwrap();
        let column = column("%Y-%m-%dT%H:%M").unwrap();
        let read = |text| column.read(text, &madrid);
        // Summer time ended on 2022-10-30 at 03:00 CEST = 01:00 UTC.
        let twice = read("2022-10-30T02:30").unwrap();
        assert!(twice.is_ambiguous);
        assert_eq!(twice.instant.to_string(), "2022-10-30T00:30:00.000Z");
        let after = read("2022-10-30T03:00").unwrap();
        assert!(!after.is_ambiguous);
        assert_eq!(after.instant.to_string(), "2022-10-30T02:00:00.000Z");
        // And began on 2023-03-26 at 02:00.
        assert!(read("2023-03-26T02:30").unwrap_err().contains("never was"));
    }

    #[test]
    fn offsets_and_unix_times_need_no_zone() {
        let utc = TimeZone::UTC;
        let offset = column("%Y-%m-%d %H:%M:%S%:z").unwrap();
        let read = offset.read("2024-01-01 08:00:00+08:00", &utc).unwrap();
        assert_eq!(read.instant.to_string(), "2024-01-01T00:00:00.000Z");
        let unix = column("unix_s").unwrap().read("1704067200", &utc).unwrap();
        assert_eq!(unix.instant, read.instant);
    }

    #[test]
    fn a_format_without_a_whole_time_is_refused() {
        for format in ["%H:%M", "%Y-%m-%d", "%Q%Q", "", "%Y-%m-%d %H"] {
            let error = column(format).unwrap_err();
            assert!(error.contains("such as"), "{format}: {error}");
        }
    }
}
