//! What is written is read back, and nothing else is.

use super::{VERSION, WireError, decode, encode};
use crate::{
    ChannelName, ChannelRef, DeviceId, EdgeId, Frame, Measurement, Origin, Reading, Record, Sample,
    Tick, TimeSource, UtcMs,
};

fn frame() -> Record {
    let channel = ChannelRef {
        device: DeviceId::new("tps-1").unwrap(),
        channel: ChannelName::new("occupied").unwrap(),
    };
    let reading = Reading {
        at: UtcMs(1_795_406_400_000),
        received_at: UtcMs(1_795_406_400_250),
        time_source: TimeSource::Network,
        sequence: Some(7),
        sample: Sample::Good(Measurement::Occupied(true)),
    };
    Record::Frame(Frame {
        edge: EdgeId::new("local").unwrap(),
        epoch: 42,
        first_n: 3,
        origin: Origin::Live,
        channels: vec![channel],
        readings: vec![(0, reading)],
    })
}

/// Bytes of `frame()` as version 1 wrote them: a change of the types shows here.
const FRAME_V1: &str = "010005 6c6f63616c 2a 03 00 01 05 7470732d31 08 6f63637570696564 01 00 \
                        80a8fce8c068 f4abfce8c068 01 01 07 02 00 01";

#[test]
fn version_one_of_a_frame_is_still_read() {
    let digits: String = FRAME_V1.split_whitespace().collect();
    let bytes: Vec<u8> = (0..digits.len() / 2)
        .map(|i| u8::from_str_radix(digits.get(2 * i..2 * i + 2).unwrap(), 16).unwrap())
        .collect();
    assert_eq!(
        encode(&frame()).unwrap(),
        bytes,
        "the wire form of version 1 has changed"
    );
    assert_eq!(decode::<Record>(&bytes).unwrap(), frame());
}

#[test]
fn another_version_damage_and_left_over_bytes_are_refused() {
    let mut bytes = encode(&Record::Tick(Tick { now: UtcMs(5) })).unwrap();
    assert_eq!(decode::<Record>(&[]), Err(WireError::Empty));
    assert!(matches!(
        decode::<Record>(&bytes[..bytes.len() - 1]),
        Err(WireError::Damaged(_))
    ));
    bytes.push(0);
    assert!(matches!(
        decode::<Record>(&bytes),
        Err(WireError::Damaged(_))
    ));
    bytes[0] = VERSION + 1;
    assert_eq!(
        decode::<Record>(&bytes),
        Err(WireError::Version(VERSION + 1))
    );
}
