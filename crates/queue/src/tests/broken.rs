//! Broken disks and a broken queue: the sweeps must notice every one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::simulated::{Broken, Fault, Simulated};
use crate::tests::faults::{only_tails, work};
use crate::tests::rig::{Rig, SMALL};
use crate::{Limits, WhenFull};

const SEEDS: u64 = 3;

/// Whether a power cut at some operation, after `fault` at an earlier one, shows a difference.
fn is_noticed(broken: Broken, deletes_first: bool, with_fault: bool) -> bool {
    let limits = Limits {
        when_full: WhenFull::DropOldest,
        bytes_max: 8 * 1024,
        ..SMALL
    };
    for operation in 1..200 {
        for seed in 0..SEEDS {
            let run = || {
                let mut rig = Rig::on(Simulated::new(broken), limits);
                rig.queue().deletes_before_ledger = deletes_first;
                if with_fault {
                    rig.disk.fail_at(operation, Fault::Error);
                    let _failed = work(&mut rig);
                } else {
                    rig.disk.fail_at(operation, Fault::Power);
                    let _failed = work(&mut rig);
                }
                rig.disk.power_cut(seed);
                only_tails(&rig.reopen());
            };
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                return true;
            }
        }
    }
    false
}

#[test]
fn a_disk_that_keeps_its_promises_is_not_accused() {
    assert!(!is_noticed(Broken::Nothing, false, false));
    assert!(!is_noticed(Broken::Nothing, false, true));
}

#[test]
fn a_missing_sync_is_noticed() {
    assert!(is_noticed(Broken::NoSync, false, false));
}

#[test]
fn a_missing_sync_of_the_folder_is_noticed() {
    assert!(is_noticed(Broken::NoFolderSync, false, false));
}

#[test]
fn acknowledging_before_the_sync_is_noticed() {
    assert!(is_noticed(Broken::LateSync, false, false));
}

#[test]
fn believing_a_sync_that_was_tried_again_is_noticed() {
    assert!(is_noticed(Broken::RetriedSync, false, true));
}

#[test]
fn deleting_before_the_ledger_is_noticed() {
    assert!(is_noticed(Broken::Nothing, true, false));
}
