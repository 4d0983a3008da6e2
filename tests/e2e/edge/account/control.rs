//! The loss checker itself: it names each kind of fault.

use huitian_model::{
    ChannelName, ChannelRef, DeviceId, EdgeId, Frame, LossReason, Lost, Measurement, Origin,
    Partition, Reading, Record, Sample, TimeSource, UtcMs,
};

use super::Account;
use crate::recovery::load::Sent;

fn sent() -> Vec<Sent> {
    let one = |n: u32| Sent {
        site: "south",
        device: "count-1",
        at: i64::from(n) * 1_000,
        sequence: n,
        values: vec![("entries", Measurement::Entries(n * 7))],
    };
    (1..=4).map(one).collect()
}

/// A frame of these messages from a number on.
fn frame(first_n: u64, sent: &[Sent]) -> Record {
    let reading = |it: &Sent| Reading {
        at: UtcMs(it.at),
        received_at: UtcMs(it.at),
        time_source: TimeSource::Device,
        sequence: Some(it.sequence),
        sample: Sample::Good(it.values[0].1),
    };
    Record::Frame(Frame {
        edge: EdgeId::new("gate-1").unwrap(),
        epoch: 5,
        first_n,
        origin: Origin::Live,
        channels: vec![ChannelRef {
            device: DeviceId::new("count-1").unwrap(),
            channel: ChannelName::new("entries").unwrap(),
        }],
        readings: sent.iter().map(|it| (0, reading(it))).collect(),
    })
}

fn account(records: &[Record]) -> Account {
    let stored = crate::recovery::compare::Stored {
        records: [(Partition::new(9).unwrap(), records.to_vec())].into(),
        commits: [].into(),
        results: [].into(),
    };
    Account::of(&stored)
}

#[test]
fn a_whole_log_passes_also_where_frames_came_twice() {
    let sent = sent();
    let account = account(&[frame(0, &sent[..3]), frame(1, &sent[1..])]);
    account.against(&sent).assert_whole(&account, 0);
    assert_eq!(account.repeated, 2);
}

#[test]
fn a_reading_that_is_lost_spoilt_or_never_sent_is_named() {
    let sent = sent();
    let fewer = account(&[frame(0, &sent[..3])]);
    assert_eq!(fewer.against(&sent).missing.len(), 1);
    let mut spoilt = sent.clone();
    spoilt[2].values[0].1 = Measurement::Entries(22);
    let account = account(&[frame(0, &spoilt)]);
    assert_eq!(account.against(&sent).corrupt.len(), 1);
    assert_eq!(account.against(&sent[..3]).unexpected.len(), 1);
}

#[test]
fn a_number_that_is_missing_contradicted_or_both_lost_and_there_is_named() {
    let sent = sent();
    let hole = account(&[frame(0, &sent[..2]), frame(3, &sent[2..])]);
    assert_eq!(hole.holes().len(), 1);
    let other = account(&[frame(0, &sent), frame(0, &sent[1..2])]);
    assert_eq!(other.contradicted.len(), 1);
    let lost = Record::Lost(Lost {
        edge: EdgeId::new("gate-1").unwrap(),
        epoch: 5,
        first_n: 2,
        count: 2,
        reason: LossReason::QueueFull,
        at: UtcMs(0),
        devices: Vec::new(),
    });
    let told = account(&[frame(0, &sent[..2]), lost.clone()]);
    assert_eq!((told.holes(), told.lost.len()), (Vec::new(), 2));
    assert_eq!(account(&[frame(0, &sent), lost]).both.len(), 2);
}

#[test]
fn a_reading_under_two_numbers_counts_as_a_copy() {
    let sent = sent();
    let account = account(&[frame(0, &sent), frame(4, &sent[..1])]);
    assert_eq!(account.against(&sent).copies, 1);
}
