//! What stands in each device's registers.

use super::Device;
use crate::modbus::{Sight, Table};

const SIGHT: Sight = Sight {
    distance_mm: 1_803,
    empty_mm: 2_000,
    full_mm: 260,
    temperature_dc: -125,
    is_detected: true,
    vehicles: 0x0001_86a3,
};

fn check(device: Device, table: Table, first: u16, expected: &[u16]) {
    let count = u16::try_from(expected.len()).unwrap();
    let addresses = first..first + count;
    let found: Vec<_> = addresses
        .map(|address| device.register((table, address), 9, &SIGHT))
        .collect();
    let expected: Vec<_> = expected.iter().copied().map(Some).collect();
    assert_eq!(found, expected, "{device:?} {table:?} {first}");
}

#[test]
fn a_distance_stands_in_each_makers_own_unit() {
    let holding = Table::HoldingRegisters;
    check(
        Device::DfrobotSen0310,
        holding,
        5,
        &[180, (-125_i16).cast_unsigned()],
    );
    check(Device::DfrobotUrm14, holding, 5, &[18_030]);
    check(Device::WitmotionWt53r, holding, 0x34, &[0x070b]);
    check(Device::FtsSdiRadar300, holding, 20, &[1, 1_803, 200]);
    check(Device::FtsSdiRadar300, holding, 45, &[0]);
    check(Device::ApgMnu, Table::InputRegisters, 300, &[1_803]);
    // -12.5 is cut to whole degrees; 1803 has three decimal places, in metres.
    check(
        Device::ApgMnu,
        Table::InputRegisters,
        302,
        &[0xfff4, 0, 1_803],
    );
    check(
        Device::ApgMnu,
        holding,
        401,
        &[3, 0, 0, 3, 2_020, 260, 2_000],
    );
    // 1803.0 as IEEE 754 single, high word first.
    check(
        Device::SommerUsh9,
        Table::InputRegisters,
        36,
        &[0x44e1, 0x6000],
    );
    check(
        Device::SommerUsh9,
        Table::InputRegisters,
        42,
        &[0xc148, 0, 0, 0],
    );
}

#[test]
fn a_loop_tells_a_vehicle_and_counts_in_32_bits_high_word_first() {
    check(
        Device::ProconLd120,
        Table::HoldingRegisters,
        9,
        &[1, 0x86a3],
    );
    let bit = |at| Device::ProconLd120.bit((Table::DiscreteInputs, at), &SIGHT);
    assert_eq!(
        [0, 1, 4, 5, 6].map(bit),
        [Some(false), Some(true), Some(false), Some(false), None]
    );
}

#[test]
fn no_echo_is_told_where_the_maker_has_a_way() {
    let blind = Sight {
        distance_mm: 0,
        ..SIGHT
    };
    let read = |device: Device, at| device.register((Table::HoldingRegisters, at), 1, &blind);
    assert_eq!(read(Device::DfrobotUrm14, 5), Some(0xffff));
    assert_eq!(read(Device::FtsSdiRadar300, 20), Some(0));
}

#[test]
fn a_device_has_no_other_registers_than_its_manual_names() {
    let has = |device: Device, table, range: std::ops::RangeInclusive<u16>| {
        range
            .filter(|at| device.register((table, *at), 1, &SIGHT).is_some())
            .count()
    };
    for (device, holding, input) in [
        (Device::DfrobotSen0310, 9, 0),
        (Device::DfrobotUrm14, 10, 0),
        (Device::WitmotionWt53r, 1, 0),
        (Device::ApgMnu, 8, 5),
        (Device::SommerUsh9, 0, 8),
        (Device::FtsSdiRadar300, 6, 0),
        (Device::ProconLd120, 2, 0),
        (Device::Counting, 10_000, 10_000),
    ] {
        let found = (
            has(device, Table::HoldingRegisters, 0..=u16::MAX),
            has(device, Table::InputRegisters, 0..=u16::MAX),
        );
        assert_eq!(found, (holding, input), "{device:?}");
    }
}
