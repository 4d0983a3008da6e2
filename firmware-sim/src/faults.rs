//! What goes wrong, and how often. Every rate can be set alone; the rest stays as it was.

use crate::dice::threshold;

/// Rates of faults, each a probability of 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct FaultRates {
    /// Of a message: never arrives.
    pub lost: f64,
    /// Of a message: arrives again 2 to 60 s later with the same frame counter.
    pub duplicate: f64,
    /// Of a message: arrives 5 min to [`LATE_MS_MAX`] late.
    pub late: f64,
    /// Of a message: held back 30 to 180 s, so that a later one may overtake it.
    pub reordered: f64,
    /// Of a sensor's day (bay or bin): shows what it saw at the day's beginning.
    pub stuck: f64,
    /// Of a bin's message: the sensor heard nothing.
    pub no_echo: f64,
    /// Of a device's day: starts again; counters begin at 0, a bay sensor claims "free".
    pub reboot: f64,
    /// Of plain devices: their own clock is wrong by up to [`SKEW_MS_MAX`].
    pub clock_skew: f64,
    /// Of a device's day: nothing of that day arrives.
    pub silent: f64,
}

/// The latest that a late message arrives after it was sent, ms: half a day, well inside the
/// lateness of 48 h that a hub allows.
pub const LATE_MS_MAX: i64 = 12 * 3_600_000;

/// The greatest error of a skewed clock, ms: under the 5 min from which a reading counts as
/// being from the future.
pub const SKEW_MS_MAX: i64 = 240_000;

impl FaultRates {
    /// Nothing goes wrong.
    pub const fn none() -> Self {
        Self {
            lost: 0.0,
            duplicate: 0.0,
            late: 0.0,
            reordered: 0.0,
            stuck: 0.0,
            no_echo: 0.0,
            reboot: 0.0,
            clock_skew: 0.0,
            silent: 0.0,
        }
    }

    /// What a district in fair order shows: at scale 1 about two silent devices a day, ten
    /// repeated messages an hour, one reboot a day.
    pub const fn demo() -> Self {
        Self {
            lost: 0.004,
            duplicate: 0.003,
            late: 0.000_5,
            reordered: 0.002,
            stuck: 0.001,
            no_echo: 0.002,
            reboot: 0.000_7,
            clock_skew: 0.04,
            silent: 0.001_5,
        }
    }
}

/// A fault as it stands in the true history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// The message never arrived.
    Lost,
    /// The message arrived twice.
    Duplicate,
    /// The message arrived minutes to hours late.
    Late,
    /// The message was held back and may have been overtaken.
    Reordered,
    /// The sensor shows the same all day.
    Stuck,
    /// The sensor heard no echo in this message.
    NoEcho,
    /// The device started again.
    Reboot,
    /// The device's clock is wrong.
    ClockSkew,
    /// Nothing of the day arrives.
    Silent,
}

/// [`FaultRates`] as bounds for throws.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub lost: u64,
    pub duplicate: u64,
    pub late: u64,
    pub reordered: u64,
    pub stuck: u64,
    pub no_echo: u64,
    pub reboot: u64,
    pub clock_skew: u64,
    pub silent: u64,
}

impl From<FaultRates> for Bounds {
    fn from(rates: FaultRates) -> Self {
        Self {
            lost: threshold(rates.lost),
            duplicate: threshold(rates.duplicate),
            late: threshold(rates.late),
            reordered: threshold(rates.reordered),
            stuck: threshold(rates.stuck),
            no_echo: threshold(rates.no_echo),
            reboot: threshold(rates.reboot),
            clock_skew: threshold(rates.clock_skew),
            silent: threshold(rates.silent),
        }
    }
}
