//! Quantities and their values, in fixed point.
//!
//! A new quantity is one variant of [`Quantity`] and one of [`Measurement`]; the compiler lists
//! the rest. Values are integers so that every sum is exact (semantics: law C).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How full a bin is, in hundredths of a percent: 0 (empty) to 10,000 (full).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct FillLevel(u16);

impl FillLevel {
    /// A full bin.
    pub const FULL: Self = Self(10_000);
    /// An empty bin.
    pub const EMPTY: Self = Self(0);

    /// From hundredths of a percent; none above 10,000.
    pub const fn from_hundredths(hundredths: u16) -> Option<Self> {
        if hundredths <= 10_000 {
            Some(Self(hundredths))
        } else {
            None
        }
    }

    /// Hundredths of a percent, 0..=10,000.
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// Percent, 0..=100, for showing.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl TryFrom<u16> for FillLevel {
    type Error = String;
    fn try_from(hundredths: u16) -> Result<Self, String> {
        Self::from_hundredths(hundredths)
            .ok_or_else(|| format!("expected a fill level of 0 to 10000, found {hundredths}"))
    }
}

impl From<FillLevel> for u16 {
    fn from(fill: FillLevel) -> Self {
        fill.0
    }
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Quantity {
    /// Whether a bay is in use.
    Occupied,
    /// Places in use in a whole facility, as car-park systems publish.
    InUse,
    /// Free places in a whole facility.
    FreePlaces,
    /// Cumulative vehicles in, as the gate's counter shows it.
    Entries,
    /// Cumulative vehicles out.
    Exits,
    /// Distance from the sensor to the waste, mm.
    Distance,
    /// Fill level, hundredths of a percent.
    Fill,
    /// Temperature, hundredths of a degree Celsius.
    Temperature,
    /// Battery charge, percent.
    Battery,
    /// Whether the device or bin is tilted.
    Tilt,
}

impl Quantity {
    /// All quantities, in declaration order.
    pub const ALL: [Self; 10] = [
        Self::Occupied,
        Self::InUse,
        Self::FreePlaces,
        Self::Entries,
        Self::Exits,
        Self::Distance,
        Self::Fill,
        Self::Temperature,
        Self::Battery,
        Self::Tilt,
    ];

    /// The name in configuration, payloads, API and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Occupied => "occupied",
            Self::InUse => "in_use",
            Self::FreePlaces => "free_places",
            Self::Entries => "entries",
            Self::Exits => "exits",
            Self::Distance => "distance",
            Self::Fill => "fill",
            Self::Temperature => "temperature",
            Self::Battery => "battery",
            Self::Tilt => "tilt",
        }
    }

    /// The quantity with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|quantity| quantity.name() == name)
    }

    /// The unit people write, empty for a yes/no.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Occupied | Self::Tilt => "",
            Self::InUse | Self::FreePlaces => "places",
            Self::Entries | Self::Exits => "vehicles",
            Self::Distance => "mm",
            Self::Fill | Self::Battery => "%",
            Self::Temperature => "degC",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value with its quantity; the unit is the quantity's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Measurement {
    /// Whether a bay is in use.
    Occupied(bool),
    /// Places in use; kept as it came, also above capacity or below zero.
    InUse(i32),
    /// Free places; kept as it came.
    FreePlaces(i32),
    /// Cumulative vehicles in.
    Entries(u32),
    /// Cumulative vehicles out.
    Exits(u32),
    /// Distance in mm.
    Distance(u32),
    /// Fill level.
    Fill(FillLevel),
    /// Hundredths of a degree Celsius.
    Temperature(i32),
    /// Percent, 0..=100.
    Battery(u8),
    /// Whether tilted.
    Tilt(bool),
}

impl Measurement {
    /// What is measured.
    pub const fn quantity(self) -> Quantity {
        match self {
            Self::Occupied(_) => Quantity::Occupied,
            Self::InUse(_) => Quantity::InUse,
            Self::FreePlaces(_) => Quantity::FreePlaces,
            Self::Entries(_) => Quantity::Entries,
            Self::Exits(_) => Quantity::Exits,
            Self::Distance(_) => Quantity::Distance,
            Self::Fill(_) => Quantity::Fill,
            Self::Temperature(_) => Quantity::Temperature,
            Self::Battery(_) => Quantity::Battery,
            Self::Tilt(_) => Quantity::Tilt,
        }
    }

    /// The value as an integer in the quantity's fixed-point unit; yes/no is 1/0.
    pub fn as_i64(self) -> i64 {
        match self {
            Self::Occupied(yes) | Self::Tilt(yes) => i64::from(yes),
            Self::InUse(n) | Self::FreePlaces(n) | Self::Temperature(n) => i64::from(n),
            Self::Entries(n) | Self::Exits(n) | Self::Distance(n) => i64::from(n),
            Self::Fill(fill) => i64::from(fill.hundredths()),
            Self::Battery(percent) => i64::from(percent),
        }
    }
}
