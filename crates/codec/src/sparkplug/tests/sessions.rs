//! Births, data, deaths, gaps and rebirths of single nodes.

use super::wire::{
    Bench, START, aliased, bd_seq, birth, bytes, data, device_birth, double, named, number,
    payload, value, whole,
};
use crate::named::NamedValue::Missing;
use crate::refusal::RefusalReason;

pub(super) const NODE: &str = "park/gw";
pub(super) const BAY: &str = "park/gw/bay";

pub(super) fn reasons(bench: &Bench) -> Vec<RefusalReason> {
    let refused = bench.out.named.refused.iter();
    refused.map(|refusal| refusal.reason).collect()
}

#[test]
fn a_birth_gives_values_and_data_by_alias_gives_names() {
    let mut bench = Bench::new();
    bench.birth(3, START);
    bench.data(2, 55.0);
    let out = bench.take();
    assert_eq!(out.settled, [1, 2, 3]);
    assert_eq!(out.named.refused, []);
    assert_eq!(out.commands, []);
    let last = &out.named.records[2];
    assert_eq!(last.at.map(|at| at.0), Some(START + 1_055));
    assert_eq!(last.time_source, huitian_model::TimeSource::Device);
    let values = super::wire::flat(&out.named.records);
    let wanted = [
        value(NODE, "temp", number(20.0)),
        value(BAY, "distance", number(80.0)),
        value(BAY, "distance", number(55.0)),
    ];
    assert_eq!(values, wanted);
}

#[test]
fn sequence_numbers_go_from_255_to_0() {
    let mut bench = Bench::born();
    for turn in 2..=700_u16 {
        bench.data((turn % 256) as u8, f64::from(turn));
    }
    bench.pass(60_000);
    let out = bench.take();
    assert_eq!(out.named.records.len(), 699);
    assert_eq!(out.commands, []);
}

#[test]
fn a_gap_that_is_filled_in_time_is_none() {
    let mut bench = Bench::born();
    bench.data(4, 4.0);
    bench.data(3, 3.0);
    bench.pass(1_999);
    assert_eq!(bench.out.named.records, []);
    assert!(
        bench.out.settled.is_empty(),
        "what is held is not acknowledged"
    );
    bench.data(2, 2.0);
    assert_eq!(bench.out.settled, [5, 4, 3]);
    bench.pass(60_000);
    assert_eq!(bench.out.commands, [], "the timer ended with the gap");
    let wanted = [2.0, 3.0, 4.0].map(|n| value(BAY, "distance", number(n)));
    assert_eq!(bench.values(), wanted);
}

#[test]
fn a_gap_that_stays_leads_to_one_rebirth_request() {
    let mut bench = Bench::born();
    bench.data(3, 3.0);
    bench.pass(1_999);
    assert_eq!(bench.out.commands, []);
    bench.pass(1);
    let out = bench.take();
    assert_eq!(out.commands.len(), 1);
    assert_eq!(out.commands[0].topic, "spBv1.0/park/NCMD/gw");
    assert_eq!(
        out.commands[0].payload,
        crate::sparkplug::rebirth(START + 12_000)
    );
    // What was held is read, and acknowledged together with the request.
    assert_eq!(out.settled, [3]);
    assert_eq!(
        super::wire::flat(&out.named.records),
        [value(BAY, "distance", number(3.0))]
    );
    bench.birth(3, START + 2_100);
    bench.data(2, 9.0);
    bench.pass(600_000);
    assert_eq!(bench.out.commands, []);
    let last = bench.values().pop();
    assert_eq!(last, Some(value(BAY, "distance", number(9.0))));
}

#[test]
fn who_gives_no_birth_becomes_unknown_and_is_asked_ever_more_rarely() {
    let mut bench = Bench::born();
    bench.data(9, 9.0);
    bench.pass(2_000);
    bench.take();
    bench.pass(9_999);
    assert_eq!(bench.out.named.records, []);
    bench.pass(1);
    let out = bench.take();
    let wanted = [
        value(NODE, "temp", Missing),
        value(BAY, "distance", Missing),
    ];
    assert_eq!(super::wire::flat(&out.named.records), wanted);
    assert_eq!(out.commands.len(), 1);
    // 20 s, 40 s, 80 s, 160 s, then every 300 s.
    bench.pass(3_600_000);
    let count = bench.take().commands.len();
    assert!((14..=16).contains(&count), "{count} requests in an hour");
}

#[test]
fn data_before_a_birth_asks_for_it_and_is_read_by_it() {
    let mut bench = Bench::new();
    bench.data(1, 1.0);
    bench.pass(1_999);
    assert_eq!((bench.out.commands.len(), bench.out.settled.len()), (0, 0));
    bench.pass(1);
    assert_eq!((bench.out.commands.len(), bench.out.settled.len()), (1, 1));
    bench.birth(3, START + 3_000);
    bench.data(2, 2.0);
    bench.pass(600_000);
    assert_eq!(bench.take().commands.len(), 1);
}

#[test]
fn data_of_a_device_without_birth_asks_for_one() {
    let mut bench = Bench::new();
    bench.say("spBv1.0/park/NBIRTH/gw", &birth(3, START));
    bench.data(1, 1.0);
    assert_eq!(reasons(&bench), [RefusalReason::UnknownChannel]);
    assert_eq!(bench.out.commands.len(), 1);
}

#[test]
fn a_death_makes_node_and_devices_unknown_at_the_hosts_time() {
    let mut bench = Bench::born();
    bench.pass(5_000);
    bench.say("spBv1.0/park/NDEATH/gw", &payload(None, None, &[bd_seq(3)]));
    let out = bench.take();
    let times: Vec<_> = out.named.records.iter().map(|record| record.at).collect();
    assert_eq!(
        times,
        [None, None],
        "none: the time at which the host heard it"
    );
    let wanted = [
        value(NODE, "temp", Missing),
        value(BAY, "distance", Missing),
    ];
    assert_eq!(super::wire::flat(&out.named.records), wanted);
    // Nobody asks the dead; what still speaks is asked.
    bench.pass(600_000);
    assert_eq!(bench.take().commands, []);
    bench.data(2, 2.0);
    bench.pass(2_000);
    let out = bench.take();
    assert_eq!((out.named.records.len(), out.commands.len()), (0, 1));
}

#[test]
fn a_death_of_another_session_changes_nothing() {
    let mut bench = Bench::born();
    bench.say("spBv1.0/park/NDEATH/gw", &payload(None, None, &[bd_seq(2)]));
    bench.say("spBv1.0/park/NDEATH/gw", &payload(None, None, &[]));
    assert_eq!(bench.values(), []);
    bench.data(2, 2.0);
    assert_eq!(bench.values(), [value(BAY, "distance", number(2.0))]);
}

#[test]
fn a_device_dies_at_the_time_that_its_death_says() {
    let mut bench = Bench::born();
    let at = START + 700;
    bench.say(
        "spBv1.0/park/DDEATH/gw/bay",
        &payload(Some(at), Some(2), &[]),
    );
    let out = bench.take();
    assert_eq!(out.named.records.len(), 1);
    assert_eq!(out.named.records[0].at.map(|at| at.0), Some(at));
    assert_eq!(
        super::wire::flat(&out.named.records),
        [value(BAY, "distance", Missing)]
    );
    bench.data(3, 3.0);
    assert_eq!(
        bench.out.commands.len(),
        1,
        "it must be born again before it speaks"
    );
}

#[test]
fn a_value_from_a_clock_ahead_does_not_outlive_its_node() {
    let mut bench = Bench::born();
    let ahead = START + 3_600_000;
    let data = payload(None, Some(2), &[aliased(2, ahead, 1.0)]);
    bench.say("spBv1.0/park/DDATA/gw/bay", &data);
    bench.take();
    bench.say("spBv1.0/park/NDEATH/gw", &payload(None, None, &[bd_seq(3)]));
    let out = bench.take();
    let bay = out
        .named
        .records
        .iter()
        .filter(|record| record.address == BAY);
    let times: Vec<_> = bay.map(|record| record.at.map(|at| at.0)).collect();
    assert_eq!(times, [Some(ahead + 1), None]);
}

#[test]
fn a_device_that_is_not_born_again_is_unknown() {
    for by_time in [true, false] {
        let mut bench = Bench::born();
        bench.say("spBv1.0/park/NBIRTH/gw", &birth(4, START + 10));
        bench.take();
        if by_time {
            bench.pass(2_000);
        } else {
            let data = payload(None, Some(1), &[aliased(1, START + 20, 21.0)]);
            bench.say("spBv1.0/park/NDATA/gw", &data);
        }
        let first = bench.values().into_iter().next();
        assert_eq!(
            first,
            Some(value(BAY, "distance", Missing)),
            "by time: {by_time}"
        );
    }
}

#[test]
fn a_metric_that_a_new_birth_leaves_out_is_unknown() {
    let mut bench = Bench::born();
    let other = payload(
        Some(START + 9),
        Some(0),
        &[bd_seq(4), named("humidity", 9, 40.0)],
    );
    bench.say("spBv1.0/park/NBIRTH/gw", &other);
    let wanted = [
        value(NODE, "temp", Missing),
        value(NODE, "humidity", number(40.0)),
    ];
    assert_eq!(bench.values(), wanted);
}

#[test]
fn an_older_birth_is_not_believed() {
    let mut bench = Bench::new();
    bench.birth(3, START + 100);
    bench.data(2, 2.0);
    bench.take();
    // The same once more, and that of the connection before.
    bench.say("spBv1.0/park/NBIRTH/gw", &birth(3, START + 100));
    bench.say("spBv1.0/park/NBIRTH/gw", &birth(2, START));
    assert_eq!(bench.values(), []);
    bench.data(3, 3.0);
    assert_eq!(bench.values(), [value(BAY, "distance", number(3.0))]);
    // One of a clock that went back, with the next number, is a new session.
    bench.say("spBv1.0/park/NBIRTH/gw", &birth(4, START - 5_000));
    assert_eq!(bench.values(), [value(NODE, "temp", number(20.0))]);
}

#[test]
fn a_birth_kept_from_before_is_not_believed() {
    let mut bench = Bench::new();
    bench.say_kept("spBv1.0/park/NBIRTH/gw", &birth(3, START), true);
    assert_eq!(bench.out.settled, [1]);
    assert_eq!(bench.values(), []);
}

#[test]
fn a_historical_value_keeps_its_own_time_and_is_a_record_of_its_own() {
    let mut bench = Bench::born();
    let old = [
        whole(2, 2),
        whole(3, START as u64 - 60_000),
        whole(5, 1),
        double(13, 1.0),
    ];
    let metrics = [
        aliased(2, START + 5, 2.0),
        old.concat(),
        aliased(2, START + 6, 3.0),
    ];
    bench.say(
        "spBv1.0/park/DDATA/gw/bay",
        &payload(Some(START + 6), Some(2), &metrics),
    );
    let records = bench.take().named.records;
    let times: Vec<_> = records
        .iter()
        .map(|r| r.at.map(|at| at.0 - START))
        .collect();
    assert_eq!(times, [Some(5), Some(-60_000), Some(6)]);
    bench.data(3, 3.0);
    assert_eq!(bench.values().len(), 1, "the order goes on");
}

#[test]
fn names_that_differ_in_case_alone_are_told_apart_and_told() {
    let mut bench = Bench::born();
    bench.say("spBv1.0/Park/NBIRTH/GW", &birth(9, START + 50));
    assert_eq!(reasons(&bench), [RefusalReason::IdentityMismatch]);
    bench.take();
    bench.say("spBv1.0/park/DBIRTH/gw/BAY", &{
        payload(Some(START), Some(2), &[named("distance", 3, 1.0)])
    });
    assert_eq!(reasons(&bench), [RefusalReason::IdentityMismatch]);
    assert_eq!(bench.values(), []);
    let metrics = [bd_seq(4), named("Temp", 1, 1.0), named("temp", 2, 2.0)];
    bench.say(
        "spBv1.0/park/NBIRTH/gw",
        &payload(Some(START + 9), Some(0), &metrics),
    );
    assert_eq!(reasons(&bench), [RefusalReason::DuplicateKey]);
}

#[test]
fn a_value_of_another_type_is_unknown_not_the_last_one() {
    let mut bench = Bench::born();
    let text = [whole(2, 2), whole(3, START as u64), bytes(15, b"far")].concat();
    bench.say(
        "spBv1.0/park/DDATA/gw/bay",
        &payload(None, Some(2), &[text]),
    );
    assert_eq!(reasons(&bench), [RefusalReason::WrongType]);
    assert_eq!(bench.values(), [value(BAY, "distance", Missing)]);
}

#[test]
fn a_message_that_cannot_be_read_is_a_gap() {
    let mut bench = Bench::born();
    bench.say("spBv1.0/park/DDATA/gw/bay", &[0xff; 9]);
    bench.say("spBv1.0/park/DDATA/gw/bay", &vec![0; 16 * 1024 + 1]);
    assert_eq!(
        reasons(&bench),
        [RefusalReason::WrongType, RefusalReason::Oversized]
    );
    bench.data(4, 4.0);
    bench.pass(2_000);
    assert_eq!(bench.out.commands.len(), 1);
}

#[test]
fn after_an_interruption_every_node_is_asked_fifty_in_a_second() {
    let mut bench = Bench::new();
    for node in 0..120 {
        let topic = format!("spBv1.0/park/NBIRTH/gw{node}");
        bench.say(&topic, &birth(1, START));
    }
    bench.take();
    bench.now += 500;
    let out = bench.host.on_interruption(bench.moment());
    assert_eq!(out.commands.len(), 50);
    bench.pass(999);
    assert_eq!(bench.out.commands.len(), 0);
    bench.pass(1);
    assert_eq!(bench.out.commands.len(), 50);
    bench.pass(1_000);
    assert_eq!(bench.take().commands.len(), 70);
    // One answers; the others are unknown when they are asked again.
    bench.say("spBv1.0/park/NBIRTH/gw7", &birth(1, START));
    bench.take();
    bench.pass(11_000);
    let gone = bench.values();
    assert_eq!(gone.len(), 119);
    assert!(
        gone.iter()
            .all(|(address, _, value)| *value == Missing && address != "park/gw7")
    );
}

#[test]
fn a_message_that_comes_twice_is_read_once() {
    let mut bench = Bench::born();
    bench.data(2, 2.0);
    bench.data(2, 2.0);
    bench.data(4, 4.0);
    bench.data(4, 4.0);
    bench.data(3, 3.0);
    bench.pass(60_000);
    let out = bench.take();
    assert_eq!(out.commands, []);
    assert_eq!(out.settled.len(), 5);
    let wanted = [2.0, 3.0, 4.0].map(|n| value(BAY, "distance", number(n)));
    assert_eq!(super::wire::flat(&out.named.records), wanted);
}

#[test]
fn messages_of_before_a_birth_are_read_by_the_birth_before() {
    let mut bench = Bench::born();
    // 2 is missing, 3 is held; then the node is born again with other aliases.
    bench.data(3, 3.0);
    let later = START + 100_000;
    bench.say("spBv1.0/park/NBIRTH/gw", &birth(4, later));
    let device = payload(Some(later), Some(1), &[named("other", 2, 7.0)]);
    bench.say("spBv1.0/park/DBIRTH/gw/bay", &device);
    let out = bench.take();
    assert_eq!(out.settled.len(), 3);
    let mut bay = super::wire::flat(&out.named.records);
    bay.retain(|(address, ..)| address == BAY);
    // Once at the birth's own time, and once after the newest value of that millisecond.
    bay.dedup();
    let wanted = [
        value(BAY, "distance", number(3.0)),
        value(BAY, "other", number(7.0)),
        value(BAY, "distance", Missing),
    ];
    assert_eq!(bay, wanted);
    bench.pass(60_000);
    assert_eq!(bench.take().commands, []);
}

#[test]
fn a_device_birth_alone_says_nothing_before_its_node() {
    let mut bench = Bench::new();
    bench.say("spBv1.0/park/DBIRTH/gw/bay", &device_birth(START));
    assert_eq!(bench.values(), []);
    let (topic, payload) = data(2, 2.0);
    bench.say(topic, &payload);
    bench.say("spBv1.0/park/NBIRTH/gw", &birth(3, START));
    let out = bench.take();
    assert_eq!(out.settled.len(), 3);
    assert_eq!(out.named.records.len(), 3);
}
