//! Instants in payloads: milliseconds since 1970, or RFC 3339 text with an offset.
//!
//! Only the years 2000 to 2249 are permitted. Before lies the unset clock of a device (1970) and
//! a number of seconds where milliseconds are wanted; beyond lies microseconds. A future inside
//! the range is judged by the engine, which knows when the message was received.

use huitian_model::UtcMs;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::number::{Fixed, MICRO};
use crate::refusal::{Refusal, RefusalReason, quoted};

/// 2000-01-01T00:00:00Z.
const EARLIEST: i64 = 946_684_800_000;
/// 2250-01-01T00:00:00Z, the first that is refused; in millionths it still fits 64 bits.
const TOO_LATE: i64 = 8_835_955_200_000;

/// The instant of a JSON number in milliseconds; fractions of a millisecond are cut off.
pub(crate) fn from_ms(digits: &str) -> Result<UtcMs, Refusal> {
    let ms = Fixed::from_json(digits).map(|ms| ms.micros() / MICRO);
    ms.and_then(in_range).ok_or_else(|| {
        let found = quoted(digits);
        let text = format!("expected ms since 1970, years 2000 to 2249, found {found}");
        Refusal::new(RefusalReason::OutOfRange, text)
    })
}

/// The instant of RFC 3339 text, cut to milliseconds.
pub(crate) fn from_rfc3339(text: &str) -> Result<UtcMs, Refusal> {
    let Ok(instant) = text.parse::<Timestamp>() else {
        let text = format!(
            "expected RFC 3339 text with an offset, found {}",
            quoted(text)
        );
        return Err(Refusal::new(RefusalReason::WrongType, text));
    };
    in_range(instant.as_millisecond()).ok_or_else(|| {
        let text = format!("expected the years 2000 to 2249, found {}", quoted(text));
        Refusal::new(RefusalReason::OutOfRange, text)
    })
}

/// How a number or text of a message says an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimeUnit {
    /// Seconds since 1970, with or without a fraction.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Whole microseconds since 1970.
    Microseconds,
    /// Whole nanoseconds since 1970.
    Nanoseconds,
    /// RFC 3339 text with an offset.
    Rfc3339,
}

/// The instant of text in that unit.
pub(crate) fn from_text(text: &str, unit: TimeUnit) -> Result<UtcMs, Refusal> {
    let ms = match unit {
        TimeUnit::Rfc3339 => return from_rfc3339(text),
        TimeUnit::Milliseconds if crate::json::is_number(text) => return from_ms(text),
        TimeUnit::Seconds if crate::json::is_number(text) => {
            Fixed::from_json(text).map(|s| s.micros().div_euclid(1_000))
        }
        TimeUnit::Milliseconds | TimeUnit::Seconds => None,
        TimeUnit::Microseconds => text.parse().ok().map(|us: i64| us.div_euclid(1_000)),
        TimeUnit::Nanoseconds => text.parse().ok().map(|ns: i64| ns.div_euclid(1_000_000)),
    };
    ms.and_then(in_range).ok_or_else(|| {
        let (name, found) = (unit.name(), quoted(text));
        let text = format!("expected {name} since 1970, years 2000 to 2249, found {found}");
        Refusal::new(RefusalReason::OutOfRange, text)
    })
}

impl TimeUnit {
    const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
            Self::Rfc3339 => "RFC 3339 text",
        }
    }
}

/// The instant of a local time, so many minutes east of UTC; text that has an offset of its own
/// is taken by that.
pub(crate) fn from_local(text: &str, offset_minutes: i32) -> Result<UtcMs, Refusal> {
    if text.parse::<Timestamp>().is_ok() {
        return from_rfc3339(text);
    }
    let offset = Offset::from_seconds(offset_minutes.saturating_mul(60)).ok();
    let local = text.parse::<DateTime>().ok();
    let instant = offset
        .zip(local)
        .map(|(offset, local)| offset.to_timestamp(local));
    let Some(Ok(instant)) = instant else {
        let text = format!(
            "expected a time such as 2026-11-23T12:00:00, found {}",
            quoted(text)
        );
        return Err(Refusal::new(RefusalReason::WrongType, text));
    };
    in_range(instant.as_millisecond()).ok_or_else(|| {
        let text = format!("expected the years 2000 to 2249, found {}", quoted(text));
        Refusal::new(RefusalReason::OutOfRange, text)
    })
}

/// That many milliseconds as an instant, where they lie in the permitted years.
pub(crate) fn in_range(ms: i64) -> Option<UtcMs> {
    (EARLIEST..TOO_LATE).contains(&ms).then_some(UtcMs(ms))
}
