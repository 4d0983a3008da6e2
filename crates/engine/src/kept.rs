//! A kept reading: 24 bytes of what the engine still needs of it.
//!
//! Kept are the event time, the value, what ranks it against another reading of the same instant,
//! and whose account it stands in. The quantity is the channel's.

use huitian_model::{
    BadReason, FillLevel, Measurement, Quantity, Reading, Sample, UncertainReason, UtcMs,
};
use serde::{Deserialize, Serialize};

/// Milliseconds of a UTC day.
pub const DAY_MS: i64 = 86_400_000;

/// Bit of `class`: the reading carries a sequence.
const HAS_SEQUENCE: u8 = 0x80;
const GOOD: u8 = 0;
const STARTUP: u8 = 1;
const IMPLAUSIBLE: u8 = 2;
const BAD: [BadReason; 5] = [
    BadReason::NoEcho,
    BadReason::OutOfRange,
    BadReason::LidOpen,
    BadReason::Tilted,
    BadReason::DeviceFault,
];
/// Class of the first of `BAD`.
const FIRST_BAD: u8 = 3;

/// Mark of a bin's reading: the bin overflows from here.
pub const OVERFLOWS: u8 = 1;
/// Mark of a bin's reading: the first after an emptying.
pub const EMPTIED: u8 = 2;

/// One reading as the engine keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Event time.
    pub at: UtcMs,
    /// The value in its quantity's fixed-point unit; counters and distances bit by bit.
    pub value: i32,
    sequence: u32,
    /// UTC day of its `received_at`, days since 1970.
    pub day: i32,
    /// Who numbered it.
    pub edge: u16,
    class: u8,
    /// What was derived of it: see [`OVERFLOWS`] and [`EMPTIED`].
    pub marks: u8,
}

/// The UTC day of an instant, days since 1970.
pub fn day_of(at: UtcMs) -> i32 {
    i32::try_from(at.0.div_euclid(DAY_MS)).unwrap_or(i32::MAX)
}

impl Kept {
    /// Keeps a reading that `edge` numbered.
    pub fn new(reading: &Reading, edge: u16) -> Self {
        let (class, value) = match reading.sample {
            Sample::Good(value) => (GOOD, bits(value)),
            Sample::Uncertain(value, UncertainReason::Startup) => (STARTUP, bits(value)),
            Sample::Uncertain(value, UncertainReason::Implausible) => (IMPLAUSIBLE, bits(value)),
            Sample::Bad(_, reason) => (FIRST_BAD + place(reason), 0),
        };
        let sequenced = if reading.sequence.is_some() {
            HAS_SEQUENCE
        } else {
            0
        };
        Self {
            at: reading.at,
            value,
            sequence: reading.sequence.unwrap_or(0),
            day: day_of(reading.received_at),
            edge,
            class: class | sequenced,
            marks: 0,
        }
    }

    /// Whether it has a value.
    pub const fn has_value(&self) -> bool {
        (self.class & !HAS_SEQUENCE) < FIRST_BAD
    }

    /// Whether it was said right after start-up.
    pub const fn is_startup(&self) -> bool {
        (self.class & !HAS_SEQUENCE) == STARTUP
    }

    /// Why it has no value, where it has none.
    pub fn bad(&self) -> Option<BadReason> {
        let place = (self.class & !HAS_SEQUENCE).checked_sub(FIRST_BAD)?;
        BAD.get(usize::from(place)).copied()
    }

    /// The value where it counts upwards without a sign.
    pub const fn unsigned(&self) -> u32 {
        self.value.cast_unsigned()
    }

    /// The device's sequence and the sample, which rank readings of one instant.
    pub fn rank(&self, quantity: Quantity) -> (Option<u32>, Sample) {
        let sequence = (self.class & HAS_SEQUENCE != 0).then_some(self.sequence);
        (sequence, self.sample(quantity))
    }

    /// What was said, by a channel of `quantity`.
    pub fn sample(&self, quantity: Quantity) -> Sample {
        match (self.class & !HAS_SEQUENCE, self.bad()) {
            (_, Some(reason)) => Sample::Bad(quantity, reason),
            (STARTUP, None) => Sample::Uncertain(self.measured(quantity), UncertainReason::Startup),
            (IMPLAUSIBLE, None) => {
                Sample::Uncertain(self.measured(quantity), UncertainReason::Implausible)
            }
            (_, None) => Sample::Good(self.measured(quantity)),
        }
    }

    fn measured(&self, quantity: Quantity) -> Measurement {
        let value = self.value;
        match quantity {
            Quantity::Occupied => Measurement::Occupied(value != 0),
            Quantity::Tilt => Measurement::Tilt(value != 0),
            Quantity::InUse => Measurement::InUse(value),
            Quantity::FreePlaces => Measurement::FreePlaces(value),
            Quantity::Temperature => Measurement::Temperature(value),
            Quantity::Entries => Measurement::Entries(self.unsigned()),
            Quantity::Exits => Measurement::Exits(self.unsigned()),
            Quantity::Distance => Measurement::Distance(self.unsigned()),
            Quantity::Fill => Measurement::Fill(level(value)),
            Quantity::Battery => Measurement::Battery(u8::try_from(value).unwrap_or(u8::MAX)),
        }
    }
}

/// A fill level of hundredths of a percent, held within its range.
pub fn level(hundredths: i32) -> FillLevel {
    u16::try_from(hundredths.max(0))
        .ok()
        .and_then(FillLevel::from_hundredths)
        .unwrap_or(FillLevel::FULL)
}

fn bits(value: Measurement) -> i32 {
    match value {
        Measurement::Occupied(yes) | Measurement::Tilt(yes) => i32::from(yes),
        Measurement::InUse(n) | Measurement::FreePlaces(n) | Measurement::Temperature(n) => n,
        Measurement::Entries(n) | Measurement::Exits(n) | Measurement::Distance(n) => {
            n.cast_signed()
        }
        Measurement::Fill(fill) => i32::from(fill.hundredths()),
        Measurement::Battery(percent) => i32::from(percent),
    }
}

const fn place(reason: BadReason) -> u8 {
    match reason {
        BadReason::NoEcho => 0,
        BadReason::OutOfRange => 1,
        BadReason::LidOpen => 2,
        BadReason::Tilted => 3,
        BadReason::DeviceFault => 4,
    }
}

#[cfg(test)]
mod tests {
    use huitian_model::TimeSource;

    use super::*;

    #[test]
    fn a_kept_reading_says_what_it_said() {
        let samples = [
            Sample::Good(Measurement::Occupied(true)),
            Sample::Good(Measurement::Exits(u32::MAX)),
            Sample::Uncertain(Measurement::InUse(-3), UncertainReason::Implausible),
            Sample::Uncertain(Measurement::Occupied(false), UncertainReason::Startup),
            Sample::Bad(Quantity::Fill, BadReason::DeviceFault),
            Sample::Bad(Quantity::Distance, BadReason::NoEcho),
            Sample::Good(Measurement::Fill(FillLevel::FULL)),
            Sample::Good(Measurement::Battery(77)),
        ];
        for sample in samples {
            for sequence in [None, Some(0), Some(u32::MAX)] {
                let reading = Reading {
                    at: UtcMs(-1),
                    received_at: UtcMs(-1),
                    time_source: TimeSource::Device,
                    sequence,
                    sample,
                };
                let kept = Kept::new(&reading, 3);
                assert_eq!(kept.rank(sample.quantity()), (sequence, sample));
                assert_eq!((kept.day, kept.has_value()), (-1, sample.value().is_some()));
            }
        }
        assert_eq!(size_of::<Kept>(), 24);
    }
}
