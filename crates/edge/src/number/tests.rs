//! Numbers have no gap and no repetition, whatever the split into batches.

use std::collections::BTreeMap;

use huitian_model::{
    ChannelName, ChannelRef, DeviceId, EdgeId, Measurement, Origin, Partition, Reading, Record,
    Sample, TimeSource, UtcMs,
};

use super::{FRAME_READINGS_MAX, Numbered, Numbering};

fn reading(partition: u8, device: usize, at: i64) -> Numbered {
    let channel = ChannelRef {
        device: DeviceId::new(&format!("d{device}")).unwrap(),
        channel: ChannelName::new("occupied").unwrap(),
    };
    let reading = Reading {
        at: UtcMs(at),
        received_at: UtcMs(at),
        time_source: TimeSource::Receiver,
        sequence: None,
        sample: Sample::Good(Measurement::Occupied(true)),
    };
    (Partition::new(partition).unwrap(), channel, reading)
}

#[test]
fn numbers_go_on_from_where_they_stood_without_a_gap() {
    let start = BTreeMap::from([(Partition::new(3).unwrap(), 100)]);
    let mut numbering = Numbering::new(EdgeId::new("local").unwrap(), 9, start);
    let mut expected = BTreeMap::from([(3, 100), (4, 0)]);
    let mut at = 0;
    for size in [1, 7, FRAME_READINGS_MAX * 2 + 5] {
        let batch: Vec<Numbered> = (0..size)
            .map(|i| {
                at += 1;
                reading(if i % 3 == 0 { 4 } else { 3 }, i % 50, at)
            })
            .collect();
        let mut held = 0;
        for (partition, record) in numbering.frames(Origin::Live, batch) {
            let Record::Frame(frame) = record else {
                panic!("not a frame")
            };
            let next = expected.get_mut(&partition.number()).unwrap();
            assert_eq!(frame.first_n, *next);
            assert!(frame.readings.len() <= FRAME_READINGS_MAX);
            assert!(frame.readings.is_sorted_by_key(|(_, reading)| reading.at));
            *next += u64::try_from(frame.readings.len()).unwrap();
            held += frame.readings.len();
        }
        assert_eq!(held, size);
    }
}
