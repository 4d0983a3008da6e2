//! What version 1 wrote is read for ever; anything else is refused with a reason.

use super::*;
use crate::{ChannelName, Measurement, Sample, TimeSource};

fn frame() -> Up {
    let channel = ChannelRef {
        device: DeviceId::new("urm-7").unwrap(),
        channel: ChannelName::new("distance").unwrap(),
    };
    let reading = Reading {
        at: UtcMs(1_795_406_400_000),
        received_at: UtcMs(1_795_406_400_250),
        time_source: TimeSource::Receiver,
        sequence: None,
        sample: Sample::Good(Measurement::Distance(803)),
    };
    Up::Frame {
        instance: 5,
        epoch: 42,
        frame: UpFrame {
            partition: Partition::new(9).unwrap(),
            first_n: 300,
            origin: Origin::Backlog,
            unset_now: None,
            channels: vec![channel],
            readings: vec![(0, reading)],
        },
    }
}

/// Bytes of messages as version 1 wrote them.
const FRAME_V1: &[u8] = include_bytes!("fixtures/frame-v1.bin");
const DURABLE_V1: &[u8] = include_bytes!("fixtures/durable-v1.bin");

fn durable() -> Down {
    Down::Durable {
        instance: 5,
        epoch: 42,
        marks: vec![HubMark {
            partition: Partition::new(9).unwrap(),
            next: 301,
            ahead: vec![(400, 410)],
        }],
        now: UtcMs(1_795_406_401_000),
    }
}

#[test]
fn version_one_is_written_and_read_as_it_always_was() {
    assert_eq!(decode::<Up>(FRAME_V1), Ok(frame()));
    assert_eq!(encode(&frame()).unwrap(), FRAME_V1);
    assert_eq!(decode::<Down>(DURABLE_V1), Ok(durable()));
    assert_eq!(encode(&durable()).unwrap(), DURABLE_V1);
}

#[test]
fn other_bytes_are_refused_with_their_reason() {
    let good = encode(&frame()).unwrap();
    assert_eq!(decode::<Up>(b"{}"), Err(UplinkError::Foreign));
    assert_eq!(decode::<Up>(b"HT"), Err(UplinkError::Foreign));
    let mut newer = good.clone();
    newer[2] = 2;
    assert_eq!(decode::<Up>(&newer), Err(UplinkError::Version(2)));
    for end in 3..good.len() {
        assert!(
            matches!(decode::<Up>(&good[..end]), Err(UplinkError::Damaged(_))),
            "{end}"
        );
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert!(matches!(
        decode::<Up>(&longer),
        Err(UplinkError::Damaged(_))
    ));
    let huge = vec![b'H'; MESSAGE_BYTES_MAX + 1];
    assert_eq!(
        decode::<Up>(&huge),
        Err(UplinkError::TooLarge(MESSAGE_BYTES_MAX + 1))
    );
}

#[test]
fn a_topic_names_its_edge() {
    let edge = EdgeId::new("gate-3").unwrap();
    assert_eq!(edge_of(&topic_up(&edge)), Some(Ok(edge.clone())));
    assert_eq!(edge_of(&topic_down(&edge)), None);
    assert_eq!(edge_of("huitian/v1/site/device"), None);
    assert!(matches!(edge_of("huitian/edge/v1/A+B/up"), Some(Err(_))));
}

#[test]
fn a_mark_knows_its_gaps() {
    let mut mark = HubMark::new(Partition::new(0).unwrap());
    assert_eq!((mark.gap(0), mark.top()), ((0, None), 0));
    mark.note(10, 20);
    mark.note(30, 40);
    assert_eq!((mark.next, mark.top()), (0, 40));
    assert_eq!(mark.gap(0), (0, Some(10)));
    assert_eq!(mark.gap(12), (20, Some(30)));
    assert_eq!(mark.gap(35), (40, None));
    assert!(mark.covers(12, 20) && !mark.covers(12, 21) && !mark.covers(0, 1));
    mark.note(0, 12);
    assert_eq!(
        (mark.next, mark.ahead.as_slice()),
        (20, [(30, 40)].as_slice())
    );
    mark.note(5, 35);
    assert_eq!((mark.next, mark.top()), (40, 40));
    assert!(mark.covers(0, 40) && mark.ahead.is_empty());
}
