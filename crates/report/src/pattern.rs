//! Civil time for showing, and the pattern of a week by its hours.

use huitian_model::{UtcMs, ZoneError, civil_day_bounds};
use jiff::{Timestamp, ZonedDateTime, tz::TimeZone};

/// Hours of a week.
pub const WEEK_HOURS: usize = 168;

/// A time zone in which instants are shown.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    tz: TimeZone,
}

impl Zone {
    /// The IANA zone of that name.
    ///
    /// # Errors
    /// [`ZoneError`] where the compiled-in database has no such zone.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        let tz = TimeZone::get(name).map_err(|_unknown| ZoneError(name.to_owned()))?;
        Ok(Self {
            name: name.to_owned(),
            tz,
        })
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Civil time of an instant; none outside the years -9999..=9999.
    pub fn civil(&self, at: UtcMs) -> Option<ZonedDateTime> {
        let instant = Timestamp::from_millisecond(at.0).ok()?;
        Some(instant.to_zoned_datetime(self.tz.clone()))
    }

    /// The instant by a format of `strftime`; the number of ms outside the calendar.
    pub fn text(&self, at: UtcMs, format: &str) -> String {
        self.civil(at).map_or_else(
            || format!("{} ms", at.0),
            |civil| civil.strftime(format).to_string(),
        )
    }

    /// Hour of the week, 0 = Monday 00:00.
    pub fn hour_of_week(&self, at: UtcMs) -> Option<usize> {
        let civil = self.civil(at)?;
        let day = usize::try_from(civil.weekday().to_monday_zero_offset()).ok()?;
        let hour = usize::try_from(civil.hour()).ok()?;
        Some(day * 24 + hour)
    }

    /// Midnights within `from..to`, at most `max`.
    pub fn midnights(&self, from: UtcMs, to: UtcMs, max: usize) -> Vec<UtcMs> {
        let mut found = Vec::new();
        let mut at = from;
        while at < to && found.len() < max {
            let Ok((start, end)) = civil_day_bounds(&self.name, at) else {
                break;
            };
            if start >= from {
                found.push(start);
            }
            at = end;
        }
        found
    }
}

/// Means by hour of the week, weighted by what was observed.
#[derive(Debug, Clone)]
pub struct HourOfWeek {
    cells: Vec<(f64, f64)>,
}

impl Default for HourOfWeek {
    fn default() -> Self {
        Self {
            cells: vec![(0.0, 0.0); WEEK_HOURS],
        }
    }
}

impl HourOfWeek {
    /// Adds `value` with its weight at an hour of the week; an hour from 168 on is left out.
    pub fn add(&mut self, hour_of_week: usize, value: f64, weight: f64) {
        if let Some((sum, total)) = self.cells.get_mut(hour_of_week)
            && weight > 0.0
        {
            *sum += value * weight;
            *total += weight;
        }
    }

    /// The weighted mean of each hour, Monday 00:00 first; none where nothing was observed.
    pub fn means(&self) -> Vec<Option<f64>> {
        let mean = |(sum, total): &(f64, f64)| (*total > 0.0).then(|| sum / total);
        self.cells.iter().map(mean).collect()
    }
}
