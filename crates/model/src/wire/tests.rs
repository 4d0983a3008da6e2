//! What is written is read back, and nothing else is.

use super::{RECORD_VERSION, WireError, decode_record, encode_record};
use crate::{
    AssetKind, ChannelName, ChannelRef, CounterRule, DeviceId, EdgeId, FacilityId, FillLevel,
    Frame, Measurement, Origin, Reading, Record, Sample, Settings, SpikeRule, Stream, Tick,
    TimeSource, UtcMs,
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
    let mut written = encode_record(&frame()).unwrap();
    assert_eq!(written.first(), Some(&RECORD_VERSION));
    written[0] = 1;
    assert_eq!(written, bytes, "the wire form of a frame has changed");
    assert_eq!(decode_record(&bytes).unwrap(), frame());
}

/// Written by the program of version 1.
const INVENTORY_V1: &[u8] = include_bytes!("fixtures/inventory-v1.bin");
const SETTINGS_V1: &[u8] = include_bytes!("fixtures/settings-v1.bin");

#[test]
fn version_one_of_an_inventory_is_read_as_one_without_rules_and_models() {
    let Record::Inventory { version, inventory } = decode_record(INVENTORY_V1).unwrap() else {
        panic!("not an inventory");
    };
    assert_eq!((version, inventory.faults()), (3, Vec::new()));
    let device = inventory.devices.values().next().unwrap();
    assert_eq!(device.channels.len(), 2);
    let rules = device.channels.values().map(|channel| channel.counter);
    assert!(rules.into_iter().all(|rule| rule == CounterRule::Unstated));
    let site = inventory.sites.values().next().unwrap();
    let bins = &site.facilities[&FacilityId::new("bins").unwrap()];
    let expected = AssetKind::Bin {
        stream: Stream::Kitchen,
        volume_l: Some(240),
        empty_distance_mm: Some(1_000),
        full_distance_mm: Some(200),
        mount: None,
    };
    assert_eq!(bins.assets.values().next().unwrap().kind, expected);
    let again = encode_record(&Record::Inventory {
        version,
        inventory: inventory.clone(),
    });
    let expected = Record::Inventory { version, inventory };
    assert_eq!(decode_record(&again.unwrap()).unwrap(), expected);
}

#[test]
fn version_one_of_the_settings_is_read_as_if_spikes_were_off() {
    let Record::Settings { version, settings } = decode_record(SETTINGS_V1).unwrap() else {
        panic!("not settings");
    };
    let mut expected = Settings::with_defaults().unwrap();
    expected.spike = SpikeRule {
        limit: FillLevel::EMPTY,
        rise_per_hour: 0,
    };
    assert_eq!((version, settings), (4, expected));
}

#[test]
fn another_version_damage_and_left_over_bytes_are_refused() {
    let mut bytes = encode_record(&Record::Tick(Tick { now: UtcMs(5) })).unwrap();
    assert_eq!(decode_record(&[]), Err(WireError::Empty));
    assert!(matches!(
        decode_record(&bytes[..bytes.len() - 1]),
        Err(WireError::Damaged(_))
    ));
    bytes.push(0);
    assert!(matches!(decode_record(&bytes), Err(WireError::Damaged(_))));
    bytes[0] = RECORD_VERSION + 1;
    assert_eq!(
        decode_record(&bytes),
        Err(WireError::Version(RECORD_VERSION + 1))
    );
}
