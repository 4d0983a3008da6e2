//! A reading: one sample of one channel at one event time. Immutable once numbered.

use serde::{Deserialize, Serialize};

use crate::{Measurement, Quantity, UtcMs};

/// Where the event time came from, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum TimeSource {
    /// The device's own clock.
    Device,
    /// The network server or gateway that heard it.
    Network,
    /// Nothing said a time: `at` is `received_at`.
    Receiver,
    /// The edge's clock was not set when it heard this: the time was worked out afterwards.
    Corrected,
}

/// Why a sample holds no usable value. A closed list: no data has a reason.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum BadReason {
    /// The ultrasonic or laser sensor heard no echo.
    NoEcho,
    /// The value is a sentinel of the device or lies outside what the device can measure.
    OutOfRange,
    /// The lid is open: the distance means nothing.
    LidOpen,
    /// The device or bin is tilted.
    Tilted,
    /// The device says that it is at fault.
    DeviceFault,
}

impl BadReason {
    /// The name in API, ledger and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoEcho => "no_echo",
            Self::OutOfRange => "out_of_range",
            Self::LidOpen => "lid_open",
            Self::Tilted => "tilted",
            Self::DeviceFault => "device_fault",
        }
    }
}

/// Why a value is doubted. It is used all the same, and shown as uncertain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum UncertainReason {
    /// Right after start-up, before the device has calibrated itself.
    Startup,
    /// Physically implausible, such as a count above capacity or below zero.
    Implausible,
}

/// Quality classes of OPC UA, worst first so that the greater wins a conflict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Quality {
    /// No usable value.
    Bad,
    /// A value in doubt.
    Uncertain,
    /// A value.
    Good,
}

/// What the device said: a value, a doubted value, or no value with its reason.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Sample {
    /// No value.
    Bad(Quantity, BadReason),
    /// A doubted value.
    Uncertain(Measurement, UncertainReason),
    /// A value.
    Good(Measurement),
}

impl Sample {
    /// What was to be measured.
    pub const fn quantity(self) -> Quantity {
        match self {
            Self::Bad(quantity, _) => quantity,
            Self::Uncertain(value, _) | Self::Good(value) => value.quantity(),
        }
    }

    /// The quality class.
    pub const fn quality(self) -> Quality {
        match self {
            Self::Bad(..) => Quality::Bad,
            Self::Uncertain(..) => Quality::Uncertain,
            Self::Good(_) => Quality::Good,
        }
    }

    /// The value, unless bad.
    pub const fn value(self) -> Option<Measurement> {
        match self {
            Self::Bad(..) => None,
            Self::Uncertain(value, _) | Self::Good(value) => Some(value),
        }
    }
}

/// One sample of one channel at one event time.
///
/// Its channel is named by the [`crate::Frame`] that holds it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Event time: when it was so.
    pub at: UtcMs,
    /// When our edge saw it; stamped once.
    pub received_at: UtcMs,
    /// Where `at` came from.
    pub time_source: TimeSource,
    /// The device's own sequence (LoRaWAN frame counter, plain `seq`), where it has one.
    pub sequence: Option<u32>,
    /// What was said.
    pub sample: Sample,
}

impl Reading {
    /// Whether this reading wins over `other` at the same channel and `at`, whatever came first.
    ///
    /// A total order of (sequence, quality, value), where no sequence ranks below any sequence:
    /// a rule that used the sequence only where both carry one would not be transitive, so the
    /// winner of three would depend on their order (decision 0030).
    pub fn outranks(&self, other: &Self) -> bool {
        // `Sample` orders by quality first (its variants stand worst first), then by value.
        (self.sequence, self.sample) > (other.sequence, other.sample)
    }
}
