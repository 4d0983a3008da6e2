//! Frames that vendors published and users pasted, read by the built-in register maps.
#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test over a fixed file: a panic is its way to fail"
)]

use huitian_codec::registers::RegisterImage;
use huitian_codec::{RegisterFunction, RegisterMaps};
use huitian_model::{Measurement, Sample, UtcMs};
use serde_json::Value;

fn bytes(hex: &str) -> Vec<u8> {
    let places = (0..hex.len()).step_by(2);
    places
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// The registers of an RTU answer: unit, function, byte count, registers, CRC.
fn words(frame: &[u8]) -> Vec<u16> {
    let count = usize::from(frame[2]);
    assert_eq!(frame.len(), count + 5);
    let pairs = frame[3..3 + count].chunks_exact(2);
    pairs
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect()
}

#[test]
fn the_published_distances_are_read_and_asked_for_as_published() {
    let text = include_str!("../vectors/modbus_frames.json");
    let published: Value = serde_json::from_str(text).unwrap();
    let maps = RegisterMaps::builtin().unwrap();
    let map = maps.get("dfrobot-sen0492").unwrap();
    let span = map.spans(&|_| true)[0];
    let mut read = 0;
    for (name, mm) in [
        ("tof-distance-dfrobot-sen0492", 1803),
        ("tof-distance-witmotion", 28),
    ] {
        let frames = published["frames"].as_array().unwrap();
        let Some(frame) = frames.iter().find(|frame| frame["name"] == name) else {
            panic!("no frame {name}")
        };
        if let Some(request) = frame["request_hex"].as_str() {
            let ours = [
                map.limits().unit_id.unwrap(),
                span.function.code(),
                span.address.to_be_bytes()[0],
                span.address.to_be_bytes()[1],
                span.count.to_be_bytes()[0],
                span.count.to_be_bytes()[1],
            ];
            assert_eq!(bytes(request)[..6], ours);
        }
        let answer = words(&bytes(frame["response_hex"].as_str().unwrap()));
        let mut image = RegisterImage::default();
        image.put_words(
            RegisterFunction::HoldingRegisters,
            span.address,
            &answer,
            UtcMs(0),
        );
        let samples = map.samples(&image, &|_| true);
        assert_eq!(samples[0].sample, Sample::Good(Measurement::Distance(mm)));
        read += 1;
    }
    assert_eq!(read, 2, "both frames were read");
}
