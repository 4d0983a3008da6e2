//! The register images of Modbus devices, from what their manuals say of addresses and types.
//!
//! ```text
//! DFRobot SEN0310   unit 11, FC03: 0 product, 1 vendor, 2 unit id, 3 baud code, 4 parity,
//!                   5 distance cm, 6 and 7 temperature 0.1 degC, 8 control
//! DFRobot URM14     unit 12, the same, but 5 is in 0.1 mm and FFFF for none; 9 noise
//! WitMotion WT53R   unit 80, FC03: 34h distance mm
//! APG MNU           300 ms between transactions; FC04 30300 mm, 30302 degC, 30303-4 without its
//!                   decimal point; FC03 40400 unit id, 40401 units (3 m), 40402 what is
//!                   calculated (0 distance), 40404 decimal places, 40405 most, 40406 full,
//!                   40407 empty mm. On the wire 30300 is 300, 40400 is 400.
//! Sommer USH-9      FC04, all floats, high word first: 36 and 38 mm, 42 degC, 44 error code
//! FTS SDI-RADAR     FC03: 0 unit id, 1 baud code, 20 health (0 error), 21 level, 22 height cm,
//!                   45 the unit of the level
//! Procon LD120      unit 254, at most 8 registers a message; FC02 10001 fault, 10002 detect,
//!                   10005 open, 10006 short; FC03 40010-11 vehicles, high word first
//! ```
//!
//! Sources: the makers' wikis and manuals, which print the addresses as above.

use std::time::Duration;

use super::frame::Table;
use super::subject::Sight;

/// Places of [`Device::Counting`], as the independent servers of the tests have them.
const COUNTING: u16 = 10_000;

/// What the FTS radar's code 0 means (mm); cm, m, in and ft follow.
const FTS_UNIT_MM: u16 = 0;

/// A kind of device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Device {
    /// Ultrasonic distance in cm.
    DfrobotSen0310,
    /// Ultrasonic distance in 0.1 mm.
    DfrobotUrm14,
    /// Laser distance.
    WitmotionWt53r,
    /// Ultrasonic level, slow between transactions.
    ApgMnu,
    /// Ultrasonic level in floats.
    SommerUsh9,
    /// Radar level whose unit is a register.
    FtsSdiRadar300,
    /// Loop detector.
    ProconLd120,
    /// No product: holding register i is i*3+1, input register i is i*5+2, coil i is set where i
    /// is a multiple of 3, discrete input i where i is a multiple of 7; 10,000 of each.
    Counting,
}

impl Device {
    /// Sensors over bins, in the order in which `--units bins=N` uses them.
    pub const OVER_BINS: [Self; 6] = [
        Self::DfrobotSen0310,
        Self::DfrobotUrm14,
        Self::WitmotionWt53r,
        Self::ApgMnu,
        Self::SommerUsh9,
        Self::FtsSdiRadar300,
    ];

    /// The id of its register map.
    pub const fn map(self) -> &'static str {
        match self {
            Self::DfrobotSen0310 => "dfrobot-sen0310",
            Self::DfrobotUrm14 => "dfrobot-urm14",
            Self::WitmotionWt53r => "dfrobot-sen0492",
            Self::ApgMnu => "apg-mnu",
            Self::SommerUsh9 => "sommer-ush9",
            Self::FtsSdiRadar300 => "fts-sdi-radar-300",
            Self::ProconLd120 => "procon-ld120",
            Self::Counting => "counting",
        }
    }

    /// The unit id it leaves the factory with, where one is published; else 1.
    pub const fn unit_id(self) -> u8 {
        match self {
            Self::DfrobotSen0310 => 11,
            Self::DfrobotUrm14 => 12,
            Self::WitmotionWt53r => 80,
            Self::ProconLd120 => 254,
            Self::ApgMnu | Self::SommerUsh9 | Self::FtsSdiRadar300 | Self::Counting => 1,
        }
    }

    /// What must pass between two requests to it.
    pub const fn min_gap(self) -> Duration {
        if matches!(self, Self::ApgMnu) {
            Duration::from_millis(300)
        } else {
            Duration::ZERO
        }
    }

    /// Most registers of one message.
    pub const fn registers_max(self) -> u16 {
        if matches!(self, Self::ProconLd120) {
            8
        } else {
            125
        }
    }

    /// The register at `address` of `table`; none where there is none. `unit` is its own id.
    pub fn register(self, (table, address): (Table, u16), unit: u8, sight: &Sight) -> Option<u16> {
        use Table::{HoldingRegisters as Holding, InputRegisters as Input};
        let own_id = u16::from(unit);
        match (self, table) {
            (Self::DfrobotSen0310, Holding) => match address {
                5 => Some(sight.distance_mm / 10),
                _ => dfrobot(address, own_id, sight),
            },
            (Self::DfrobotUrm14, Holding) => match address {
                5 if sight.distance_mm == 0 => Some(0xffff),
                5 => Some(sight.distance_mm.saturating_mul(10)),
                9 => Some(0),
                _ => dfrobot(address, own_id, sight),
            },
            (Self::WitmotionWt53r, Holding) => (address == 0x34).then_some(sight.distance_mm),
            (Self::ApgMnu, Holding | Input) => apg_mnu((table, address), own_id, sight),
            (Self::SommerUsh9, Input) => sommer(address, sight),
            (Self::FtsSdiRadar300, Holding) => match address {
                0 => Some(own_id),
                1 => Some(3),
                20 => Some(u16::from(sight.distance_mm > 0)),
                21 => Some(sight.distance_mm),
                22 => Some(sight.empty_mm / 10),
                45 => Some(FTS_UNIT_MM),
                _ => None,
            },
            (Self::ProconLd120, Holding) => match address {
                9 => Some(high(sight.vehicles)),
                10 => Some(low(sight.vehicles)),
                _ => None,
            },
            (Self::Counting, Holding) => {
                (address < COUNTING).then(|| address.wrapping_mul(3).wrapping_add(1))
            }
            (Self::Counting, Input) => {
                (address < COUNTING).then(|| address.wrapping_mul(5).wrapping_add(2))
            }
            _ => None,
        }
    }

    /// The bit at `address` of `table`; none where there is none.
    pub const fn bit(self, (table, address): (Table, u16), sight: &Sight) -> Option<bool> {
        match (self, table, address) {
            // Fault, open and short: the loop is in order. 2 and 3 are not in use.
            (Self::ProconLd120, Table::DiscreteInputs, 0 | 2..=5) => Some(false),
            (Self::ProconLd120, Table::DiscreteInputs, 1) => Some(sight.is_detected),
            (Self::Counting, Table::Coils, 0..COUNTING) => Some(address.is_multiple_of(3)),
            (Self::Counting, Table::DiscreteInputs, 0..COUNTING) => Some(address.is_multiple_of(7)),
            _ => None,
        }
    }
}

/// What the two `DFRobot` sensors share.
fn dfrobot(address: u16, own_id: u16, sight: &Sight) -> Option<u16> {
    match address {
        // Product and vendor are not published in a form we could check.
        0 | 1 | 4 => Some(1),
        2 => Some(own_id),
        3 | 8 => Some(4),
        6 | 7 => Some(sight.temperature_dc.cast_unsigned()),
        _ => None,
    }
}

fn apg_mnu((table, address): (Table, u16), own_id: u16, sight: &Sight) -> Option<u16> {
    // In metres with three decimal places, so the number is that of millimetres.
    const METRES: u16 = 3;
    const PLACES: u16 = 3;
    let calculated = u32::from(sight.distance_mm);
    let is_input = table == Table::InputRegisters;
    match address {
        300 if is_input => Some(sight.distance_mm),
        301 if is_input => Some(0),
        302 if is_input => Some((sight.temperature_dc / 10).cast_unsigned()),
        303 if is_input => Some(high(calculated)),
        304 if is_input => Some(low(calculated)),
        400 if !is_input => Some(own_id),
        401 if !is_input => Some(METRES),
        402 | 403 if !is_input => Some(0),
        404 if !is_input => Some(PLACES),
        405 if !is_input => Some(sight.empty_mm.saturating_add(20)),
        406 if !is_input => Some(sight.full_mm),
        407 if !is_input => Some(sight.empty_mm),
        _ => None,
    }
}

fn sommer(address: u16, sight: &Sight) -> Option<u16> {
    let distance = f32::from(sight.distance_mm);
    let value = match address {
        36..=39 => distance,
        42 | 43 => f32::from(sight.temperature_dc) / 10.0,
        44 | 45 => 0.0,
        _ => return None,
    };
    let bits = value.to_bits();
    Some(if address.is_multiple_of(2) {
        high(bits)
    } else {
        low(bits)
    })
}

const fn high(word: u32) -> u16 {
    let [a, b, ..] = word.to_be_bytes();
    u16::from_be_bytes([a, b])
}

const fn low(word: u32) -> u16 {
    let [.., c, d] = word.to_be_bytes();
    u16::from_be_bytes([c, d])
}

#[cfg(test)]
mod tests;
