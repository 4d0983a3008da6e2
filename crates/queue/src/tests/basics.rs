//! The plain course of things.

use crate::simulated::{Fault, Simulated};
use crate::tests::rig::{NOW, Rig, SMALL};
use crate::{Limits, NewEntry, Position, Queue, QueueError};

#[test]
fn entries_are_numbered_by_lane_and_read_in_order_of_appending() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(3, 2, 10), (7, 1, 20), (3, 5, 0)], false)
        .unwrap();
    rig.append(&[(7, 4, 1)], false).unwrap();
    let all = rig.read_all();
    let heads: Vec<(u8, u64, u32)> = all.iter().map(|e| (e.lane, e.n, e.count)).collect();
    assert_eq!(heads, [(3, 0, 2), (7, 0, 1), (3, 2, 5), (7, 1, 4)]);
    assert_eq!((rig.queue().next(3), rig.queue().next(7)), (7, 5));
    rig.check();
}

#[test]
fn an_append_is_one_sync() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 1, 10)], false).unwrap();
    let before = rig.disk.operations();
    rig.append(&[(0, 1, 10), (1, 1, 10), (2, 1, 10)], true)
        .unwrap();
    assert_eq!(rig.disk.operations() - before, 2, "one write and one sync");
}

#[test]
fn a_permit_that_changes_nothing_touches_no_disk() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 3, 10)], false).unwrap();
    assert_eq!(rig.queue().send_limit(0), 0);
    rig.queue().permit_sending().unwrap();
    assert_eq!(rig.queue().send_limit(0), 3);
    let before = rig.disk.operations();
    rig.queue().permit_sending().unwrap();
    assert_eq!(rig.disk.operations(), before);
}

#[test]
fn the_send_limit_survives_a_power_cut_and_so_does_the_epoch() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 3, 10)], false).unwrap();
    rig.queue().permit_sending().unwrap();
    rig.append(&[(0, 2, 10)], false).unwrap();
    let epoch = rig.queue().epoch();
    for seed in 0..16 {
        rig.disk.power_cut(seed);
        let opened = rig.reopen();
        assert_eq!((opened.is_new, opened.epoch_before), (false, None));
        assert_eq!((rig.queue().epoch(), rig.queue().next(0)), (epoch, 5));
        assert!(rig.queue().send_limit(0) >= 3);
    }
}

#[test]
fn a_copy_and_a_restored_backup_know_less_than_the_hub() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 3, 10)], true).unwrap();
    let backup = rig.disk.copy();
    rig.append(&[(0, 4, 10)], true).unwrap();
    let hub_has = rig.queue().send_limit(0);
    let (old, opened) = Queue::open(backup, SMALL, NOW, 99).unwrap();
    assert_eq!(
        opened.epoch_before, None,
        "an old backup looks sound by itself"
    );
    assert_eq!(old.epoch(), rig.queue().epoch());
    assert!(
        hub_has > old.send_limit(0),
        "and is known by what the hub has"
    );
}

#[test]
fn a_new_epoch_numbers_what_is_left_from_zero() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 3, 10), (1, 2, 10), (0, 4, 10)], true)
        .unwrap();
    rig.queue().release(0, 3).unwrap();
    let old = rig.queue().epoch();
    rig.renew().unwrap();
    assert_ne!(rig.queue().epoch(), old);
    let heads: Vec<(u8, u64)> = rig.read_all().iter().map(|e| (e.lane, e.n)).collect();
    assert_eq!(heads, [(1, 0), (0, 0)]);
    assert_eq!((rig.queue().next(0), rig.queue().send_limit(0)), (4, 0));
    rig.check();
    rig.reopen();
    assert_eq!(rig.queue().next(0), 4);
}

#[test]
fn released_segments_are_removed_and_half_released_entries_stay() {
    let mut rig = Rig::new(SMALL);
    for _ in 0..40 {
        rig.append(&[(0, 10, 200)], false).unwrap();
    }
    let before = rig.queue().stats();
    assert!(before.segments > 3);
    rig.queue().release(0, 395).unwrap();
    let after = rig.queue().stats();
    assert!(after.segments <= 2, "{after:?}");
    assert_eq!(rig.read_all().len(), 1);
    rig.check();
    rig.reopen();
    assert_eq!(rig.queue().released(0), 395);
}

#[test]
fn reading_skips_what_the_caller_has_acknowledged() {
    let mut rig = Rig::new(SMALL);
    for _ in 0..40 {
        rig.append(&[(0, 1, 200), (1, 1, 10)], false).unwrap();
    }
    let before = rig.disk.operations();
    let mut wanted = |lane: u8, numbers: std::ops::Range<u64>| lane == 0 && numbers.end > 39;
    let out = rig
        .queue()
        .read(Position::default(), u64::MAX, &mut wanted)
        .unwrap();
    let heads: Vec<(u8, u64)> = out.entries.iter().map(|e| (e.lane, e.n)).collect();
    assert_eq!(heads, [(0, 39)]);
    assert!(
        rig.disk.operations() - before <= 4,
        "other segments were not even opened"
    );
    let from = rig.queue().position_of(1, 30);
    let out = rig
        .queue()
        .read(from, 1, &mut |lane, n| lane == 1 && n.end > 30)
        .unwrap();
    assert_eq!((out.entries[0].lane, out.entries[0].n), (1, 30));
}

#[test]
fn what_is_appended_later_is_found_where_reading_ended() {
    let mut rig = Rig::new(SMALL);
    let mut from = Position::default();
    let mut seen = 0;
    for round in 0..60 {
        rig.append(&[(0, 1, 100)], false).unwrap();
        let out = rig.queue().read(from, 1, &mut |_, _| true).unwrap();
        assert_eq!(out.entries.len(), 1, "round {round}");
        assert_eq!(out.entries[0].n, seen);
        seen += 1;
        from = out.next;
        let again = rig.queue().read(from, 1, &mut |_, _| true).unwrap();
        assert!(again.entries.is_empty());
        rig.queue().release(0, seen).unwrap();
    }
}

#[test]
fn a_second_opener_is_refused() {
    let disk = Simulated::default();
    let (first, _) = Queue::open(disk.clone(), SMALL, NOW, 1).unwrap();
    assert!(matches!(
        Queue::open(disk.clone(), SMALL, NOW, 2),
        Err(QueueError::InUse)
    ));
    drop(first);
    Queue::open(disk, SMALL, NOW, 3).unwrap();
}

#[test]
fn arguments_that_can_never_be_are_refused_with_the_permitted_range() {
    let mut rig = Rig::new(SMALL);
    let entry = NewEntry {
        lane: 64,
        count: 1,
        at_ms: NOW,
        payload: b"",
    };
    let error = rig.queue().append(NOW, &[entry]).unwrap_err();
    assert_eq!(error.to_string(), "the lane is 64, expected 0 to 63");
    let entry = NewEntry {
        lane: 0,
        count: 0,
        ..entry
    };
    assert!(rig.queue().append(NOW, &[entry]).is_err());
    assert!(rig.queue().append(NOW, &[]).is_err());
    let large = vec![0; 5000];
    let entry = NewEntry {
        lane: 0,
        count: 1,
        at_ms: NOW,
        payload: &large,
    };
    assert!(
        rig.queue().append(NOW, &[entry]).is_err(),
        "more than a quarter of the whole"
    );
    assert!(rig.queue().release(0, 1).is_err(), "beyond next");
    let limits = Limits {
        segment_bytes: 9999,
        ..SMALL
    };
    assert!(Queue::open(Simulated::default(), limits, NOW, 1).is_err());
}

#[test]
fn a_sync_that_fails_once_moves_the_batch_to_a_new_segment() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 1, 10)], false).unwrap();
    rig.disk.fail_at(2, Fault::Error);
    rig.append(&[(0, 1, 10)], false).unwrap();
    assert_eq!(
        rig.queue().stats().segments,
        2,
        "the first file is not used again"
    );
    for seed in 0..32 {
        rig.disk.power_cut(seed);
        rig.reopen();
        assert_eq!(rig.queue().next(0), 2);
    }
}

#[test]
fn rows_told_are_gone_and_ids_are_never_used_again() {
    let mut rig = Rig::new(Limits {
        when_full: crate::WhenFull::DropOldest,
        ..SMALL
    });
    for _ in 0..100 {
        rig.append(&[(0, 1, 200)], false).unwrap();
    }
    let last = rig.queue().losses().last().unwrap().id;
    rig.queue().losses_told(last).unwrap();
    assert!(rig.queue().losses().is_empty());
    rig.reopen();
    for _ in 0..100 {
        rig.append(&[(0, 1, 200)], false).unwrap();
    }
    assert!(rig.queue().losses().iter().all(|loss| loss.id > last));
    rig.check();
}
