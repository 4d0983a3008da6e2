//! The published frames of `lorawan_vectors.json` (TheThingsNetwork/lorawan-devices and
//! ZennerIoT/element-parsers, MIT; thingsboard/data-converters, Apache-2.0), from their values.

use std::fmt::Write as _;

use super::*;

fn check(frame: &Frame, port: u8, hex: &str) {
    let mut written = String::new();
    for byte in frame.bytes() {
        write!(written, "{byte:02x}").unwrap();
    }
    assert_eq!((frame.port, written.as_str()), (port, hex));
}

const SAMPLE: BinSample = BinSample {
    distance_mm: 2_116,
    temperature_dc: 257,
    battery_pct: 92,
    is_tilted: true,
};

#[test]
fn bosch_frames_are_the_published_bytes() {
    check(&bosch_status(false), 1, "00");
    check(&bosch_status(true), 1, "01");
    check(&bosch_heartbeat(true, None), 2, "01");
    check(&bosch_heartbeat(true, Some(-1)), 2, "01ff");
    check(&bosch_heartbeat(true, Some(18)), 2, "0112");
    let debug = [0x24, 3, 0, 0, 0x75, 3, 0, 0, 0, 0, 0, 0];
    let frame = bosch_startup(debug, [0, 29, 2], 3, true);
    check(&frame, 3, "240300007503000000000000001d020301");
    let debug = [0, 0, 0, 0, 0x99, 2, 0, 0xd1, 0, 5, 0, 0];
    let frame = bosch_startup(debug, [0, 29, 2], 2, false);
    check(&frame, 3, "00000000990200d100050000001d020200");
}

#[test]
fn dingtek_frame_is_the_published_bytes() {
    let sample = BinSample {
        distance_mm: 2_000,
        temperature_dc: 250,
        battery_pct: 0,
        is_tilted: false,
    };
    let longitude = f32::from_le_bytes([0xcd, 0x03, 0xe9, 0x42]);
    let latitude = f32::from_le_bytes([0xef, 0x27, 0x20, 0x42]);
    let frame = dingtek(sample, Some((longitude, latitude)), 0);
    check(
        &frame,
        3,
        "800001011907d001cd03e942ef272042190000000000000081",
    );
    let short = dingtek(sample, None, 7);
    check(&short, 3, "800001011107d000190000000000070081");
}

#[test]
fn milesight_frames_are_the_published_bytes() {
    check(&em310(SAMPLE), 85, "01755c03824408040001");
    check(&em400(SAMPLE), 85, "01755c0367010104824408050001");
    let alarm = BinSample {
        distance_mm: 1_601,
        temperature_dc: 232,
        ..SAMPLE
    };
    check(&em400_alarm(alarm), 85, "8367e800018482410601");
}
