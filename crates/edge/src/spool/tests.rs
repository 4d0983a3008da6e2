//! What the queue gives up is told whole.

use huitian_model::{
    ChannelName, ChannelRef, Measurement, Reading, Sample, TimeSource, UtcMs, partition_of,
};
use huitian_queue::{Folder, Limits, NewEntry, WhenFull};

use super::*;

const NOW_MS: i64 = 1_795_406_400_000;

/// One reading of one of two devices in turn.
fn batch(n: u32) -> Batch {
    let device = if n.is_multiple_of(2) { "even" } else { "odd" };
    let at = UtcMs(NOW_MS + i64::from(n));
    let reading = Reading {
        at,
        received_at: at,
        time_source: TimeSource::Device,
        sequence: Some(n),
        sample: Sample::Good(Measurement::Entries(n)),
    };
    Batch {
        clock_set: true,
        channels: vec![ChannelRef {
            device: DeviceId::new(device).unwrap(),
            channel: ChannelName::new("entries").unwrap(),
        }],
        readings: vec![(0, reading)],
    }
}

#[test]
fn neighbouring_segments_that_are_given_up_are_told_with_the_devices_of_all() {
    let folder = tempfile::TempDir::new().unwrap();
    let limits = Limits {
        bytes_max: 64 * 1_024,
        segment_bytes: 8 * 1_024,
        when_full: WhenFull::DropOldest,
        reserve_bytes: 16 * 1_024,
        ..Limits::default()
    };
    let (queue, _opened) = Queue::open(Folder::new(folder.path()), limits, NOW_MS, 5).unwrap();
    let mut spool = Spool::new(queue, || 7);
    let lane = partition_of(&huitian_model::SiteId::new("south").unwrap()).number();
    let mut n = 0;
    while spool.queue().losses().len() < 3 {
        let payload = batch(n).encode().unwrap();
        let entry = NewEntry {
            lane,
            count: 1,
            at_ms: NOW_MS,
            payload: &payload,
        };
        spool.queue().append(NOW_MS, &[entry]).unwrap();
        n += 1;
        assert!(n < 100_000, "the queue never has three rows of losses");
    }
    let gone = spool.gone(10).unwrap();
    assert_eq!(gone.len(), 1, "the rows leave one range: {gone:?}");
    let by_device: u64 = gone[0].devices.iter().map(|(_device, count)| count).sum();
    assert_eq!(by_device, gone[0].count);
}
