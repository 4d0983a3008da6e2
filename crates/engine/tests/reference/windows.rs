//! Which windows are final after the last tick.

use huitian_model::{UtcMs, WindowLength, civil_day_bounds};

use super::{Accepted, Span};

/// All windows of one length that must have been published as final by the last tick.
///
/// The first is the one that is open at the first tick of the inventory (`start <= tick < end`);
/// the last is the last with `end + settle <= tick`.
pub fn final_windows(accepted: &Accepted, zone: &str, length: WindowLength) -> Vec<Span> {
    let (Some(first_tick), Some(last_tick)) = (accepted.first_tick, accepted.last_tick) else {
        return Vec::new();
    };
    let mut windows = Vec::new();
    let mut inside = first_tick;
    loop {
        let window = window_around(zone, length, inside);
        if window.end + accepted.settings.settle_ms > last_tick {
            return windows;
        }
        windows.push(window);
        inside = window.end;
    }
}

/// The window of that length that an instant lies in.
pub fn window_around(zone: &str, length: WindowLength, at: i64) -> Span {
    let minutes = match length {
        WindowLength::Min5 => 5,
        WindowLength::Min15 => 15,
        WindowLength::Hour1 => 60,
        WindowLength::Day1 => {
            let (start, end) = civil_day_bounds(zone, UtcMs(at)).unwrap();
            return Span {
                start: start.0,
                end: end.0,
            };
        }
    };
    let length_ms = minutes * 60_000;
    let start = at - at.rem_euclid(length_ms);
    Span {
        start,
        end: start + length_ms,
    }
}
