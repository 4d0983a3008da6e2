//! Random courses of things against the book.

use proptest::prelude::*;

use crate::simulated::Fault;
use crate::tests::rig::{Rig, SMALL, Spec};
use crate::{Limits, WhenFull};

#[derive(Debug, Clone)]
enum Action {
    Append(Vec<Spec>, bool),
    Permit,
    Release(u8, u64),
    Tell,
    Renew,
    Age,
    Reopen,
    Kill,
    PowerCut(u64),
    /// The operation after so many fails, or takes the power away.
    Fail(u64, Fault),
    /// Only so many bytes more fit on the disk.
    Fill(u64),
    Empty,
    /// A bit of some file turns over while the queue is closed in order.
    Rot(u16, u32, u8),
}

fn action(rot: u32) -> impl Strategy<Value = Action> {
    let spec = (0_u8..4, 1_u32..6, 0_usize..300);
    let fault = prop_oneof![
        Just(Fault::Error),
        Just(Fault::NoSpace),
        Just(Fault::Short),
        Just(Fault::Interrupted),
        Just(Fault::Power)
    ];
    prop_oneof![
        12 => (prop::collection::vec(spec, 1..5), any::<bool>())
            .prop_map(|(specs, permit)| Action::Append(specs, permit)),
        1 => Just(Action::Permit),
        3 => (0_u8..4, 0_u64..=16).prop_map(|(lane, part)| Action::Release(lane, part)),
        1 => Just(Action::Tell),
        1 => Just(Action::Renew),
        1 => Just(Action::Age),
        1 => Just(Action::Reopen),
        1 => Just(Action::Kill),
        2 => any::<u64>().prop_map(Action::PowerCut),
        2 => (1_u64..20, fault).prop_map(|(at, fault)| Action::Fail(at, fault)),
        1 => (0_u64..4000).prop_map(Action::Fill),
        1 => Just(Action::Empty),
        rot => any::<(u16, u32, u8)>().prop_map(|(file, at, bit)| Action::Rot(file, at, bit)),
    ]
}

fn rot(rig: &mut Rig, file: u16, at: u32, bit: u8) {
    rig.disk.set_capacity(None);
    let closed = rig.queue.take().map(crate::Queue::close);
    if !matches!(closed, Some(Ok(()))) {
        return;
    }
    let mut names = crate::Disk::list(&rig.disk).unwrap();
    names.retain(|name| crate::segment::parse_name(name).is_some());
    let name = names[usize::from(file) % names.len()].clone();
    let mut content = rig.disk.content(&name).unwrap();
    let at = crate::number::narrow(u64::from(at)) % content.len();
    // A bit that turned over stays so: what comes back is stored and stays counted as lost.
    if rig.rotten.insert((name.clone(), at, bit % 8)) {
        content[at] ^= 1 << (bit % 8);
    }
    rig.disk.put(&name, Some(content));
}

fn act(rig: &mut Rig, action: &Action) {
    let mut is_down = false;
    let result = match action {
        Action::Append(specs, permit) => rig.append(specs, *permit),
        Action::Permit => rig.queue().permit_sending(),
        Action::Release(lane, part) => rig.release(*lane, *part),
        Action::Tell => rig.tell(),
        Action::Renew => rig.renew(),
        Action::Age => rig.queue().expire(super::rig::NOW + 2_000_000).map(|_| ()),
        Action::Fail(at, fault) => {
            rig.disk.fail_at(*at, *fault);
            Ok(())
        }
        Action::Fill(more) => {
            rig.disk.set_capacity(Some(30_000 + more));
            Ok(())
        }
        Action::Empty => {
            rig.disk.set_capacity(None);
            Ok(())
        }
        // The power may have gone while files were removed, whose failure nobody needs to know.
        Action::Reopen | Action::Rot(..) if !rig.disk.has_power() => {
            rig.disk.power_cut(7);
            is_down = true;
            Ok(())
        }
        Action::Reopen => {
            rig.disk.fail_never();
            is_down = true;
            Ok(())
        }
        Action::Kill => {
            rig.disk.kill();
            is_down = true;
            Ok(())
        }
        Action::PowerCut(seed) => {
            rig.disk.power_cut(*seed);
            is_down = true;
            Ok(())
        }
        Action::Rot(file, at, bit) => {
            rig.disk.fail_never();
            rot(rig, *file, *at, *bit);
            is_down = true;
            Ok(())
        }
    };
    // What failed is settled by a power cut: some of it may be there.
    if result.is_err_and(|error| !matches!(error, crate::QueueError::Full { .. })) {
        rig.disk.power_cut(7);
        is_down = true;
    }
    if is_down {
        rig.reopen();
    }
}

fn course(policy: usize, actions: &[Action]) {
    let when_full = [WhenFull::Block, WhenFull::DropOldest, WhenFull::ThinOut][policy];
    let mut rig = Rig::new(Limits { when_full, ..SMALL });
    for action in actions {
        act(&mut rig, action);
    }
    rig.disk.power_cut(1);
    rig.reopen();
}

// `PROPTEST_CASES` sets another number of courses: 1,000 take 5 s, and 20 s of the second kind.
proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn appended_is_released_and_stored_and_lost_whatever_happens(
        policy in 0_usize..3,
        actions in prop::collection::vec(action(1), 1..60),
    ) {
        course(policy, &actions);
    }
}

/// Found by chance: a second fault was asked for while the power was out already.
#[test]
fn a_fault_asked_for_without_power_does_not_hide_that_the_power_is_out() {
    let actions = [
        Action::Append(vec![(0, 1, 0)], false),
        Action::Fail(12, Fault::Power),
        Action::Age,
        Action::Fail(1, Fault::Error),
        Action::Reopen,
    ];
    course(0, &actions);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn no_loss_is_forgotten_or_told_twice_however_often_the_disk_rots(
        policy in 0_usize..3,
        actions in prop::collection::vec(action(8), 30..100),
    ) {
        course(policy, &actions);
    }
}
