//! What an alias means, and until when.

use super::sessions::{BAY, NODE, reasons};
use super::wire::{Bench, START, aliased, bd_seq, birth, named, number, payload, value};
use crate::refusal::RefusalReason;

#[test]
fn an_alias_of_no_birth_asks_for_one() {
    let mut bench = Bench::born();
    let strange = payload(Some(START), Some(2), &[aliased(77, START, 1.0)]);
    bench.say("spBv1.0/park/DDATA/gw/bay", &strange);
    assert_eq!(reasons(&bench), [RefusalReason::UnknownChannel]);
    assert_eq!(bench.out.commands.len(), 1);
    assert_eq!(bench.values(), []);
}

#[test]
fn aliases_of_an_earlier_birth_mean_nothing() {
    let mut bench = Bench::born();
    // Born again with the aliases changed: what was 2 is 5, and 2 is another metric.
    bench.say("spBv1.0/park/NBIRTH/gw", &birth(4, START + 10));
    let metrics = [named("distance", 5, 70.0), named("battery", 2, 3.3)];
    let device = payload(Some(START + 10), Some(1), &metrics);
    bench.say("spBv1.0/park/DBIRTH/gw/bay", &device);
    bench.take();
    let both = [aliased(2, START + 20, 3.2), aliased(5, START + 20, 60.0)];
    bench.say("spBv1.0/park/DDATA/gw/bay", &payload(None, Some(2), &both));
    let wanted = [
        value(BAY, "battery", number(3.2)),
        value(BAY, "distance", number(60.0)),
    ];
    assert_eq!(bench.values(), wanted);
    // An alias that only the birth before had means nothing at all.
    bench.birth(5, START + 30);
    bench.take();
    let old = payload(None, Some(2), &[aliased(5, START + 40, 60.0)]);
    bench.say("spBv1.0/park/DDATA/gw/bay", &old);
    assert_eq!(bench.values(), []);
}

#[test]
fn aliases_of_a_nodes_earlier_birth_mean_nothing() {
    let mut bench = Bench::born();
    let metrics = [bd_seq(4), named("humidity", 9, 40.0)];
    let other = payload(Some(START + 9), Some(0), &metrics);
    bench.say("spBv1.0/park/NBIRTH/gw", &other);
    bench.take();
    let old = payload(None, Some(1), &[aliased(1, START + 20, 21.0)]);
    bench.say("spBv1.0/park/NDATA/gw", &old);
    assert_eq!(reasons(&bench), [RefusalReason::UnknownChannel]);
    bench
        .out
        .named
        .records
        .retain(|record| record.address == NODE);
    assert_eq!(bench.values(), []);
}

#[test]
fn an_alias_that_stands_for_two_metrics_stands_for_none() {
    let mut bench = Bench::new();
    let metrics = [bd_seq(1), named("a", 1, 1.0), named("b", 1, 2.0)];
    bench.say(
        "spBv1.0/park/NBIRTH/gw",
        &payload(Some(START), Some(0), &metrics),
    );
    assert_eq!(reasons(&bench), [RefusalReason::DuplicateKey]);
    bench.take();
    let data = payload(None, Some(1), &[aliased(1, START, 3.0)]);
    bench.say("spBv1.0/park/NDATA/gw", &data);
    assert_eq!(bench.values(), []);
}
