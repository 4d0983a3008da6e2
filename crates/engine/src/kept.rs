//! A kept reading: 32 bytes of what the engine still needs of it.
//!
//! Kept are the event time, the value, what ranks it against another reading of the same instant
//! and against another copy of the same uplink, and whose account it stands in. The quantity is
//! the channel's.

use std::cmp::Reverse;

use huitian_model::{
    BadReason, FillLevel, Measurement, Quantity, Reading, Sample, TimeSource, UncertainReason,
    UtcMs,
};
use serde::{Deserialize, Serialize};

/// Milliseconds of a UTC day.
pub const DAY_MS: i64 = 86_400_000;

/// Bit of `class`: the reading carries a sequence.
const HAS_SEQUENCE: u8 = 0x80;
/// Bit of `class`: it carries a sequence and the device did not say its time: the network may
/// have delivered the same uplink as another reading.
const HAS_COPIES: u8 = 0x40;
/// Bit of `class`: the first of the copies of an uplink, by event time.
const FIRST_COPY: u8 = 0x20;
/// Bit of `class`: another copy of the same uplink holds in its place.
const SHADOWED: u8 = 0x10;
/// Bit of `class`: it came too late and a repair took it in; it stays accounted as late.
const TAKEN_IN_LATE: u8 = 0x08;
/// The bits of `class` that say what the sample is.
const KIND: u8 = 0x07;
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
/// Mark of a bin's reading: a spike.
pub const REJECTED: u8 = 4;
/// Mark of a bin's newest level: it may be a spike, and does not hold until the next one.
pub const HELD_BACK: u8 = 8;

/// One reading as the engine keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Event time.
    pub at: UtcMs,
    /// The value in its quantity's fixed-point unit; counters and distances bit by bit.
    pub value: i32,
    sequence: u32,
    /// When the edge saw it.
    pub received_at: UtcMs,
    /// Who numbered it.
    pub edge: u16,
    class: u8,
    /// What was derived of it: see [`OVERFLOWS`], [`EMPTIED`], [`REJECTED`] and [`HELD_BACK`].
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
        let sequenced = match (reading.sequence, reading.time_source) {
            (None, _) => 0,
            (Some(_), TimeSource::Device) => HAS_SEQUENCE,
            (Some(_), TimeSource::Network | TimeSource::Receiver | TimeSource::Corrected) => {
                HAS_SEQUENCE | HAS_COPIES
            }
        };
        Self {
            at: reading.at,
            value,
            sequence: reading.sequence.unwrap_or(0),
            received_at: reading.received_at,
            edge,
            class: class | sequenced,
            marks: 0,
        }
    }

    /// UTC day of its `received_at`, days since 1970: whose account it stands in.
    pub fn day(&self) -> i32 {
        day_of(self.received_at)
    }

    /// Whether other copies of its uplink may come as other readings.
    pub const fn has_copies(&self) -> bool {
        self.class & HAS_COPIES != 0
    }

    /// Whether it may come of the same uplink as `other`, by the frame counter alone.
    pub const fn has_counter_of(&self, other: &Self) -> bool {
        self.has_copies() && other.has_copies() && self.sequence == other.sequence
    }

    /// Whether both say the same.
    pub const fn says_same(&self, other: &Self) -> bool {
        self.class & KIND == other.class & KIND && self.value == other.value
    }

    /// Whether both are one reading that came twice.
    pub fn is_same(&self, other: &Self) -> bool {
        let bits = KIND | HAS_SEQUENCE | HAS_COPIES;
        self.at == other.at
            && self.sequence == other.sequence
            && self.value == other.value
            && self.class & bits == other.class & bits
    }

    /// Whether nothing that is derived of it would show which of both it is.
    pub fn says_as(&self, other: &Self) -> bool {
        self.at == other.at && self.says_same(other)
    }

    /// Whether it is the first copy of its uplink, by event time.
    pub const fn is_first_copy(&self) -> bool {
        self.class & FIRST_COPY != 0
    }

    /// Whether another copy of its uplink holds in its place.
    pub const fn is_shadowed(&self) -> bool {
        self.class & SHADOWED != 0
    }

    /// Says which of the copies of its uplink it is.
    pub const fn place_among_copies(&mut self, is_first: bool, is_shadowed: bool) {
        self.class &= !(FIRST_COPY | SHADOWED);
        if is_first {
            self.class |= FIRST_COPY;
        }
        if is_shadowed {
            self.class |= SHADOWED;
        }
    }

    /// Whether it is accounted as late.
    pub const fn is_taken_in_late(&self) -> bool {
        self.class & TAKEN_IN_LATE != 0
    }

    /// Notes that it came too late and is accounted so.
    pub const fn take_in_late(&mut self) {
        self.class |= TAKEN_IN_LATE;
    }

    /// Whether it has a value.
    pub const fn has_value(&self) -> bool {
        (self.class & KIND) < FIRST_BAD
    }

    /// Whether it has a value that is left out of all figures: a spike, or what may be one.
    pub const fn is_left_out(&self) -> bool {
        self.marks & (REJECTED | HELD_BACK) != 0
    }

    /// Whether it was found to be a spike.
    pub const fn is_rejected(&self) -> bool {
        self.marks & REJECTED != 0
    }

    /// Whether it has a value that is neither a spike nor held back.
    pub const fn is_believed(&self) -> bool {
        self.has_value() && !self.is_left_out()
    }

    /// Whether it was said right after start-up.
    pub const fn is_startup(&self) -> bool {
        (self.class & KIND) == STARTUP
    }

    /// Why it has no value, where it has none.
    pub fn bad(&self) -> Option<BadReason> {
        let place = (self.class & KIND).checked_sub(FIRST_BAD)?;
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

    /// What ranks it against all readings of one instant: of two that say the same, the one whose
    /// time the device itself said goes first. No figure shows which it is.
    pub fn rank_of_instant(&self, quantity: Quantity) -> (Option<u32>, Sample, Reverse<bool>) {
        let (sequence, sample) = self.rank(quantity);
        (sequence, sample, Reverse(self.has_copies()))
    }

    /// What was said, by a channel of `quantity`.
    pub fn sample(&self, quantity: Quantity) -> Sample {
        match (self.class & KIND, self.bad()) {
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
                assert_eq!(
                    (kept.day(), kept.has_value()),
                    (-1, sample.value().is_some())
                );
            }
        }
        assert_eq!(size_of::<Kept>(), 32);
    }
}
