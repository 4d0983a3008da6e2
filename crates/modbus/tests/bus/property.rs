//! Faults in any order: every value that a unit is given is the truth of exactly its address.

use std::time::Duration;

use huitian_modbus::{Framing, RegisterFunction};
use proptest::prelude::*;

use crate::bench::{Bench, mixed, read};
use crate::device::{Act, pass};

fn act() -> impl Strategy<Value = Act> {
    let late = (0..4_000_u64).prop_map(Duration::from_millis);
    prop_oneof![
        4 => Just(Act::Good),
        3 => late.clone().prop_map(Act::Late),
        2 => late.prop_map(Act::LateRestamped),
        1 => Just(Act::Silent),
        1 => Just(Act::GluedToNext),
        1 => Just(Act::Twice),
        1 => Just(Act::TidBehind),
        1 => Just(Act::Tid(2)),
        1 => Just(Act::TidSwapped),
        1 => Just(Act::TidReused),
        1 => Just(Act::ProtocolId),
        2 => (1..12_u8).prop_map(Act::Exception),
        1 => Just(Act::ExceptionTid0(2)),
        1 => Just(Act::OtherUnit),
        1 => Just(Act::OtherFunction),
        1 => Just(Act::TwoFunctions),
        1 => Just(Act::ByteCount0),
        1 => Just(Act::Short),
        1 => Just(Act::Long),
        1 => Just(Act::Stray4),
        1 => Just(Act::Half),
        1 => Just(Act::CloseMidFrame),
        1 => Just(Act::Close),
    ]
}

/// In RTU also damaged on the way; over TCP there is no checksum, and nothing could tell.
fn acts() -> impl Strategy<Value = (Framing, Vec<Act>)> {
    let rtu = prop_oneof![12 => act(), 1 => Just(Act::BadChecksum)];
    prop_oneof![
        prop::collection::vec(rtu, 1..40).prop_map(|acts| (Framing::Rtu, acts)),
        prop::collection::vec(act(), 1..40).prop_map(|acts| (Framing::Tcp, acts)),
    ]
}

async fn play(framing: Framing, acts: Vec<Act>, answer_after: Duration) {
    let alike = [0, 20, 40, 60]
        .map(|address| read(RegisterFunction::InputRegisters, address, 20))
        .to_vec();
    let mut bench = Bench::new(framing, &[(6, mixed()), (7, alike)]);
    bench.device.answer_after(answer_after);
    let cycles = acts.len() / 4 + 2;
    bench.device.script(acts);
    for _ in 0..cycles {
        bench.cycle().await;
        pass(Duration::from_secs(3)).await;
    }
    // Once the device is well again, everything is read: after the longest pause of a probe.
    bench.device.heal();
    for _ in 0..10 {
        pass(Duration::from_secs(60)).await;
        bench.cycle().await;
    }
    bench.take_answers();
    bench.cycle().await;
    assert_eq!(bench.take_answers(), 9);
    // What was given is checked when the bench is dropped.
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_value_given_to_a_unit_is_the_truth_of_its_address(
        (framing, acts) in acts(),
        answer_ms in 0..120_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(framing, acts, Duration::from_millis(answer_ms)));
    }
}
