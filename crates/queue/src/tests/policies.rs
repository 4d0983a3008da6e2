//! What gives way when there is no room, with exact arithmetic.

use crate::tests::rig::{NOW, Rig, SMALL};
use crate::{Limits, LossReason, OnDrop, QueueError, StoredEntry, WhenFull};

const BYTES: u64 = 256 * 1024;

fn filled(when_full: WhenFull, appends: u32) -> Rig {
    let mut rig = Rig::new(Limits {
        when_full,
        bytes_max: BYTES,
        segment_bytes: 16_000,
        ..SMALL
    });
    for at in 0..appends {
        let lane = [0, 1, 2][usize::try_from(at % 3).unwrap()];
        rig.append(&[(lane, 1 + at % 4, 150), (9, 1, 20)], false)
            .unwrap();
        if at % 50 == 0 {
            rig.check();
        }
        let stats = rig.queue().stats();
        assert!(stats.bytes <= BYTES);
    }
    rig
}

#[test]
fn blocking_refuses_and_goes_on_when_there_is_room() {
    let mut rig = Rig::new(SMALL);
    let mut accepted = 0;
    let error = loop {
        match rig.append(&[(0, 1, 200)], false) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, QueueError::Full { .. }), "{error}");
    assert!(error.is_temporary() && accepted > 30);
    rig.check();
    assert!(rig.queue().losses().is_empty());
    rig.release(0, 8).unwrap();
    rig.append(&[(0, 1, 200)], false).unwrap();
    rig.check();
}

#[test]
fn the_oldest_go_first_and_every_one_is_in_the_ledger() {
    let mut rig = filled(WhenFull::DropOldest, 2500);
    let losses = rig.queue().losses().to_vec();
    assert!(losses.iter().all(|loss| loss.reason == LossReason::Full));
    let lost: u64 = losses.iter().map(|loss| loss.count).sum();
    let lanes = rig.queue().lanes();
    assert_eq!(
        lost,
        lanes
            .iter()
            .map(|lane| rig.queue().lost(*lane))
            .sum::<u64>()
    );
    let of_lane = losses.iter().filter(|loss| loss.lane == 9);
    let end = of_lane.map(|loss| loss.end_n).max().unwrap();
    let first = rig
        .read_all()
        .into_iter()
        .find(|entry| entry.lane == 9)
        .unwrap();
    assert_eq!(first.n, end, "what is left begins where the losses end");
    rig.reopen();
}

#[test]
fn thinning_keeps_old_readings_at_a_lower_rate() {
    let mut rig = filled(WhenFull::ThinOut, 2500);
    let kinds: Vec<LossReason> = rig
        .queue()
        .losses()
        .iter()
        .map(|loss| loss.reason)
        .collect();
    assert!(kinds.contains(&LossReason::Thinned));
    let of_nine: Vec<u64> = rig
        .read_all()
        .iter()
        .filter(|entry| entry.lane == 9)
        .map(|entry| entry.n)
        .collect();
    let gaps: Vec<u64> = of_nine.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        gaps.iter().any(|gap| *gap > 1),
        "old ones are thin: {of_nine:?}"
    );
    let newest = &gaps[gaps.len() - 5..];
    assert!(
        newest.iter().all(|gap| *gap == 1),
        "new ones are whole: {of_nine:?}"
    );
    rig.reopen();
}

#[test]
fn thinned_queues_can_be_released_anywhere() {
    let mut rig = filled(WhenFull::ThinOut, 1500);
    for part in 1..=16 {
        for lane in [0, 1, 2, 9] {
            rig.release(lane, part).unwrap();
            rig.check();
        }
    }
    assert!(rig.read_all().is_empty());
}

#[test]
fn age_drops_what_is_too_old_and_nothing_that_was_stamped_by_an_unset_clock() {
    let mut rig = Rig::new(SMALL);
    for _ in 0..20 {
        rig.append(&[(0, 1, 200)], false).unwrap();
    }
    assert_eq!(rig.queue().expire(NOW + SMALL.age_ms_max).unwrap(), 0);
    assert_eq!(rig.queue().expire(NOW + SMALL.age_ms_max + 1).unwrap(), 20);
    assert!(
        rig.queue()
            .losses()
            .iter()
            .all(|loss| loss.reason == LossReason::Age)
    );
    rig.check();
    rig.clock = 5_000;
    rig.append(&[(0, 1, 200)], false).unwrap();
    assert_eq!(rig.queue().expire(NOW * 2).unwrap(), 0);
    rig.check();
}

struct Count(std::collections::BTreeMap<u8, u32>);

impl OnDrop for Count {
    fn entry(&mut self, entry: &StoredEntry) {
        assert_eq!(entry.payload[0], entry.lane, "the payload is shown");
        *self.0.entry(entry.lane).or_default() += 1;
    }

    fn detail(&mut self, lane: u8) -> Vec<u8> {
        self.0
            .remove(&lane)
            .unwrap_or_default()
            .to_le_bytes()
            .to_vec()
    }

    fn join(&mut self, older: &[u8], newer: &[u8]) -> Vec<u8> {
        let of = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        (of(older) + of(newer)).to_le_bytes().to_vec()
    }
}

#[test]
fn the_caller_sees_what_is_dropped_and_its_words_are_kept() {
    for when_full in [WhenFull::DropOldest, WhenFull::ThinOut] {
        let mut rig = Rig::new(Limits { when_full, ..SMALL });
        rig.queue()
            .set_on_drop(Box::new(Count(std::collections::BTreeMap::new())));
        for at in (0_u8..200).cycle().take(3000) {
            rig.append(&[(at % 2, 1, 150)], false).unwrap();
        }
        rig.check();
        rig.reopen();
        assert!(rig.queue().losses().len() <= crate::LOSSES_MAX);
        for loss in rig.queue().losses() {
            let seen = u32::from_le_bytes(loss.detail.clone().try_into().unwrap());
            assert_eq!(u64::from(seen), loss.count, "{loss:?}");
        }
    }
}

#[test]
fn a_full_disk_is_the_policys_business_and_passes_by_itself() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::ThinOut] {
        let mut rig = Rig::new(Limits {
            when_full,
            bytes_max: 1 << 20,
            ..SMALL
        });
        rig.disk.set_capacity(Some(40_000));
        let mut refused = 0;
        for _ in 0..400 {
            refused += u32::from(rig.append(&[(0, 1, 200), (1, 2, 30)], false).is_err());
            rig.check();
        }
        assert_eq!(refused > 0, when_full == WhenFull::Block, "{when_full:?}");
        assert_eq!(rig.queue().lost(0) > 0, when_full != WhenFull::Block);
        rig.reopen();
        rig.disk.set_capacity(None);
        let lost = rig.queue().lost(0);
        for _ in 0..50 {
            rig.append(&[(0, 1, 200)], true).unwrap();
        }
        rig.check();
        assert_eq!(rig.queue().lost(0), lost);
    }
}
