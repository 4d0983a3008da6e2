//! The Nth disk operation fails, or the power goes at it, for every N.

use crate::simulated::{Fault, Simulated};
use crate::tests::rig::{Rig, SMALL};
use crate::{DamageKind, Limits, QueueError, WhenFull};

const POLICIES: [WhenFull; 3] = [WhenFull::Block, WhenFull::DropOldest, WhenFull::ThinOut];

fn limits(when_full: WhenFull) -> Limits {
    Limits {
        when_full,
        bytes_max: 8 * 1024,
        ..SMALL
    }
}

/// Does a bit of everything; stops at the first error, as a caller that loses its disk would.
pub(super) fn work(rig: &mut Rig) -> Result<(), QueueError> {
    for round in 0_u8..26 {
        match rig.append(&[(round % 2, 2, 180), (5, 1, 60)], round % 4 == 0) {
            Err(QueueError::Full { .. }) => rig.release(5, 12)?,
            other => other?,
        }
        match round {
            9 => rig.release(0, 8)?,
            13 => rig.renew()?,
            15 => rig.release(1, 4)?,
            17 => rig.tell()?,
            19 => rig.queue().permit_sending()?,
            23 => drop(rig.queue().expire(rig_old())?),
            _ => {}
        }
    }
    rig.release(5, 14)
}

fn rig_old() -> i64 {
    super::rig::NOW + 5
}

/// How many operations the work takes when nothing fails.
fn operations(when_full: WhenFull) -> u64 {
    let mut rig = Rig::new(limits(when_full));
    let before = rig.disk.operations();
    work(&mut rig).expect("nothing fails");
    rig.check();
    rig.disk.operations() - before
}

#[test]
fn the_work_meets_rolls_drops_and_thinning() {
    for when_full in POLICIES {
        let mut rig = Rig::new(limits(when_full));
        work(&mut rig).unwrap();
        let lost: u64 = [0, 1, 5].iter().map(|lane| rig.queue().lost(*lane)).sum();
        assert_eq!(lost > 0, when_full != WhenFull::Block, "{when_full:?}");
        assert!(rig.queue().stats().segments > 2);
    }
}

#[test]
fn any_single_operation_may_fail_and_the_queue_goes_on_or_says_why_not() {
    for when_full in POLICIES {
        for fault in [
            Fault::Error,
            Fault::NoSpace,
            Fault::Interrupted,
            Fault::Short,
        ] {
            for operation in 1..=operations(when_full) {
                let mut rig = Rig::new(limits(when_full));
                rig.disk.fail_at(operation, fault);
                let result = work(&mut rig);
                if fault == Fault::Interrupted || fault == Fault::Short {
                    assert!(result.is_ok() || fault == Fault::Short, "{result:?}");
                }
                rig.disk.fail_never();
                if !matches!(result, Err(QueueError::Poisoned)) {
                    rig.check();
                    let more = rig.append(&[(0, 1, 10)], true);
                    let is_full = matches!(more, Err(QueueError::Full { .. }));
                    assert!(
                        more.is_ok() || is_full,
                        "{when_full:?} {fault:?} {operation}: {more:?}"
                    );
                }
                rig.disk.power_cut(operation);
                rig.reopen();
            }
        }
    }
}

#[test]
fn the_power_may_go_at_any_operation() {
    for when_full in POLICIES {
        for operation in 1..=operations(when_full) {
            for seed in 0..4 {
                let mut rig = Rig::new(limits(when_full));
                rig.disk.fail_at(operation, Fault::Power);
                // The last operations remove files, whose failure nobody needs to know.
                let _failed = work(&mut rig);
                rig.disk.power_cut(seed);
                only_tails(&rig.reopen());
                rig.disk.power_cut(seed + 100);
                rig.reopen();
                let more = rig.append(&[(0, 1, 10)], true);
                assert!(more.is_ok() || matches!(more, Err(QueueError::Full { .. })));
                rig.check();
            }
        }
    }
}

#[test]
fn opening_may_fail_at_any_operation_and_succeeds_the_next_time() {
    let mut rig = Rig::new(limits(WhenFull::ThinOut));
    work(&mut rig).unwrap();
    rig.queue = None;
    let image = rig.disk.copy();
    for fault in [Fault::Error, Fault::NoSpace, Fault::Power] {
        for operation in 1.. {
            rig.disk = image.copy();
            rig.disk.fail_at(operation, fault);
            let opened = rig.open();
            let is_through = !rig.disk.has_failed();
            if opened.is_ok() && fault != Fault::Power {
                rig.disk.fail_never();
                rig.check();
            }
            rig.disk.power_cut(operation);
            rig.reopen();
            if is_through {
                break;
            }
        }
    }
}

#[test]
fn two_failing_syncs_poison_and_opening_again_heals() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 1, 10)], false).unwrap();
    // The append's own sync, then that of the segment it is written to again.
    rig.disk.fail_syncs(2);
    let error = rig.append(&[(0, 1, 10)], false).unwrap_err();
    assert!(matches!(error, QueueError::Poisoned), "{error:?}");
    assert_eq!(rig.disk.failing_syncs(), 0, "both were tried");
    // The disk is well again. The queue does not believe it, whatever is asked of it.
    let before = rig.disk.operations();
    let error = rig.append(&[(0, 1, 10)], false).unwrap_err();
    assert!(matches!(error, QueueError::Poisoned), "{error:?}");
    let error = rig.queue().permit_sending().unwrap_err();
    assert!(matches!(error, QueueError::Poisoned), "{error:?}");
    assert_eq!(
        rig.disk.operations(),
        before,
        "a poisoned queue leaves the disk alone"
    );
    rig.disk.power_cut(1);
    rig.reopen();
    rig.append(&[(0, 1, 10)], false).unwrap();
    rig.check();
}

#[test]
fn one_failing_sync_is_written_again_to_a_new_segment() {
    let mut rig = Rig::new(SMALL);
    rig.append(&[(0, 1, 10)], false).unwrap();
    let before = rig.queue().stats().segments;
    rig.disk.fail_syncs(1);
    rig.append(&[(0, 1, 10)], false).unwrap();
    assert_eq!(rig.queue().stats().segments, before + 1);
    rig.disk.power_cut(1);
    rig.reopen();
    assert_eq!(rig.queue().next(0), 2);
}

/// A power cut tears what was being written; it damages nothing and nothing goes missing.
pub(super) fn only_tails(opened: &crate::Opened) {
    let tails = [DamageKind::TornTail, DamageKind::ZeroTail];
    assert!(
        opened.damage.iter().all(|one| tails.contains(&one.what)),
        "{opened:?}"
    );
}

/// Any state of any disk image opens.
pub(super) fn opens(disk: &Simulated) -> Result<(), QueueError> {
    crate::Queue::open(disk.clone(), SMALL, super::rig::NOW, 7).map(|_| ())
}
