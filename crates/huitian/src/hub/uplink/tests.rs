//! Claims about what edges are believed and answered.

mod disk;
mod world;

use huitian_edge::Way;
use huitian_edge::uplink::Uplink;
use huitian_model::uplink::{Down, Up, encode};
use huitian_model::{Record, TimeSource, UtcMs};

use super::Uplinks;
use disk::{Disk, batch, edge, partition};
use world::{Flaw, Machine, play};

/// Some five seconds.
const SEEDS: u64 = 1_500;

#[test]
fn nothing_is_lost_and_no_number_means_two_readings_whatever_happens() {
    let (mut renewed, mut gave_up, mut doubled) = (0, 0, 0);
    for seed in 1..=SEEDS {
        let world = play(seed, Flaw::None).unwrap_or_else(|fault| panic!("{fault}"));
        renewed += usize::from(world.conflicts > 0);
        gave_up += usize::from(world.log.iter().any(|one| matches!(one, Record::Lost(_))));
        doubled += usize::from(world.machines.len() > 1);
    }
    // The faults that the claim is about did happen.
    assert!(
        renewed > 100 && gave_up > 100 && doubled > 100,
        "{renewed} {gave_up} {doubled}"
    );
}

#[test]
fn each_flaw_is_caught() {
    for flaw in [
        Flaw::TrustsEveryQueue,
        Flaw::FreesWhatWasSent,
        Flaw::AnswersFirst,
    ] {
        let caught = (1..=SEEDS).find(|seed| play(*seed, flaw).is_err());
        assert!(caught.is_some(), "a flaw that nothing shows");
    }
}

#[test]
fn two_machines_of_one_name_are_seen_when_they_take_turns() {
    let mut hub = Uplinks::default();
    let disk = Disk {
        epoch: 7,
        ..Disk::default()
    };
    let mut conflicts = Vec::new();
    for (minute, instance) in [(0, 1), (1, 1), (2, 2), (3, 1)] {
        let hello = Uplink::new(instance, vec![1, 2]).hello(&disk, "test", 0);
        let bytes = encode(&hello).unwrap();
        let heard = hub.hear(&edge(), Way::Embedded, &bytes, UtcMs(minute * 60_000));
        conflicts.push(heard.events.len() > 1);
    }
    // A restart is an instance that never was before; only one that comes back is a twin.
    assert_eq!(conflicts, [false, false, false, true]);
}

#[test]
fn times_of_a_clock_that_was_not_set_are_moved_to_ours() {
    let mut hub = Uplinks::default();
    let disk = Disk {
        epoch: 7,
        ..Disk::default()
    };
    let hello = encode(&Uplink::new(1, Vec::new()).hello(&disk, "test", 0)).unwrap();
    hub.hear(&edge(), Way::Embedded, &hello, UtcMs(0));
    let batch = batch(60_000);
    let frame = Up::Frame {
        instance: 1,
        epoch: 7,
        frame: huitian_model::uplink::UpFrame {
            partition: partition(),
            first_n: 0,
            origin: huitian_model::Origin::Live,
            unset_now: Some(UtcMs(61_000)),
            channels: batch.channels,
            readings: batch.readings,
        },
    };
    let now = UtcMs(1_795_406_400_000);
    let heard = hub.hear(&edge(), Way::Embedded, &encode(&frame).unwrap(), now);
    let Some((_, Record::Frame(frame))) = heard.records.first() else {
        panic!("no frame: {heard:?}")
    };
    let reading = frame.readings[0].1;
    assert_eq!(
        (reading.at, reading.received_at),
        (now.minus(1_000), now.minus(1_000))
    );
    assert_eq!(reading.time_source, TimeSource::Corrected);
}

#[test]
fn what_is_no_message_of_ours_is_refused_and_answered_with_nothing() {
    let mut hub = Uplinks::default();
    let heard = hub.hear(&edge(), Way::Embedded, b"{}", UtcMs(0));
    assert!(heard.refused.unwrap().contains("HT"));
    assert_eq!(hub.stored(UtcMs(0)), []);
    // A frame without a hello is not taken: the hub may be another one than before.
    let mut machine = Machine::new(Disk::default(), 1);
    machine.disk.held.insert(0, 1);
    machine.disk.next = 1;
    let frame = Up::Frame {
        instance: 1,
        epoch: 0,
        frame: huitian_model::uplink::UpFrame {
            partition: partition(),
            first_n: 0,
            origin: huitian_model::Origin::Live,
            unset_now: None,
            channels: batch(1).channels,
            readings: batch(1).readings,
        },
    };
    let heard = hub.hear(&edge(), Way::Embedded, &encode(&frame).unwrap(), UtcMs(0));
    assert_eq!(heard.records, []);
    let answers = hub.stored(UtcMs(0));
    assert_eq!(answers[0].down, Down::HelloAgain);
}
