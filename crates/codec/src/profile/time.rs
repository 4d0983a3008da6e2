//! Device time inside a payload.

use huitian_model::UtcMs;

use crate::instant;
use crate::number::Fixed;

/// What a time field counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimeForm {
    /// Seconds since 1970, less the offset of the device's clock.
    Seconds { utc_offset_min: i64 },
    /// Milliseconds since 1970, UTC.
    Milliseconds,
}

impl TimeForm {
    /// The instant; none for an unset clock (before 2000) and beyond 2249.
    pub(super) fn instant(self, value: Fixed) -> Option<UtcMs> {
        let ms = match self {
            // A millionth of a second is a thousandth of a millisecond.
            Self::Seconds { utc_offset_min } => {
                (value.micros() / 1_000).checked_sub(utc_offset_min.checked_mul(60_000)?)?
            }
            Self::Milliseconds => value.micros() / 1_000_000,
        };
        instant::in_range(ms)
    }
}

/// Date and time of day in fields of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Clock {
    /// Names of the fields: year, month, day, hour, minute, second.
    pub fields: [Option<String>; 6],
    /// What the device's clock is ahead of UTC.
    pub utc_offset_min: i64,
}

impl Clock {
    /// The instant, with the values of its fields.
    pub(super) fn instant(&self, value: impl Fn(&str) -> Option<i64>) -> Option<UtcMs> {
        let mut parts = [0_i64; 6];
        for (part, field) in parts.iter_mut().zip(&self.fields) {
            if let Some(field) = field {
                *part = value(field)?;
            }
        }
        let [year, month, day, hour, minute, second] = parts;
        let narrow = |value: i64| i8::try_from(value).ok();
        let civil = jiff::civil::DateTime::new(
            i16::try_from(year).ok()?,
            narrow(month)?,
            narrow(day)?,
            narrow(hour)?,
            narrow(minute)?,
            narrow(second)?,
            0,
        )
        .ok()?;
        let utc = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
        let ms = utc.as_millisecond();
        instant::in_range(ms.checked_sub(self.utc_offset_min.checked_mul(60_000)?)?)
    }
}
