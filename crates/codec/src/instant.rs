//! Instants in payloads: milliseconds since 1970, or RFC 3339 text with an offset.
//!
//! Only the years 2000 to 2249 are permitted. Before lies the unset clock of a device (1970) and
//! a number of seconds where milliseconds are wanted; beyond lies microseconds. A future inside
//! the range is judged by the engine, which knows when the message was received.

use huitian_model::UtcMs;
use jiff::Timestamp;

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

pub(crate) fn in_range(ms: i64) -> Option<UtcMs> {
    (EARLIEST..TOO_LATE).contains(&ms).then_some(UtcMs(ms))
}
