//! Any order in time gives what the right order gives, and no stream breaks or swells a host.

use proptest::prelude::*;

use super::wire::{
    Bench, REORDER_MS, START, aliased, bd_seq, birth, data, device_birth, flat, named, payload,
};
use crate::named::NamedValue;

type Values = Vec<(String, String, NamedValue)>;

/// What a host without any order, aliases or bounds would say: one match of names, by hand.
fn reference(count: u16) -> Values {
    let bay =
        |value: f64| super::wire::value("park/gw/bay", "distance", super::wire::number(value));
    let temp = super::wire::value("park/gw", "temp", super::wire::number(20.0));
    let data = (0..count).map(|number| bay(f64::from(number)));
    [temp, bay(80.0)].into_iter().chain(data).collect()
}

/// A session in order: two births, then data.
fn stream(count: u16) -> Vec<(&'static str, Vec<u8>)> {
    let births = [
        ("spBv1.0/park/NBIRTH/gw", birth(3, START)),
        ("spBv1.0/park/DBIRTH/gw/bay", device_birth(START)),
    ];
    let data = (0..count).map(|number| data(((number + 2) % 256) as u8, f64::from(number)));
    births.into_iter().chain(data).collect()
}

/// A move of one message by up to eight places, and whether it comes twice.
fn shuffles(length: usize) -> impl Strategy<Value = Vec<(usize, bool)>> {
    proptest::collection::vec((0..9_usize, any::<bool>()), length)
}

proptest! {
    // A case is hundreds of messages.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_order_inside_the_timeout_gives_the_same_records(moves in shuffles(302)) {
        let messages = stream(300);
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (place, (by, twice)) in moves.iter().enumerate() {
            order.push((place + by, place));
            // The node's own birth must not come again after data: it would be one too many.
            if *twice && place > 0 {
                order.push((place + by / 2 + 3, place));
            }
        }
        order.sort_unstable();
        let mut bench = Bench::new();
        for (_, place) in order {
            let (topic, payload) = &messages[place];
            bench.say(topic, payload);
            bench.now += 20;
        }
        bench.pass(10 * REORDER_MS);
        let out = bench.take();
        prop_assert_eq!(out.commands.len(), 0);
        prop_assert_eq!(out.named.refused.len(), 0);
        let settled: std::collections::BTreeSet<u32> = out.settled.iter().copied().collect();
        prop_assert_eq!(settled.len(), bench.given as usize, "each receipt comes back");
        prop_assert_eq!(out.settled.len(), bench.given as usize, "once");
        prop_assert_eq!(flat(&out.named.records), reference(300));
    }

    #[test]
    fn whatever_is_lost_the_rest_is_true_and_a_rebirth_is_asked_for(
        lost in proptest::collection::btree_set(2..300_usize, 1..40),
    ) {
        let messages = stream(300);
        let mut bench = Bench::new();
        for (place, (topic, payload)) in messages.iter().enumerate() {
            if !lost.contains(&place) {
                bench.say(topic, payload);
                bench.now += 20;
            }
        }
        bench.pass(REORDER_MS);
        let out = bench.take();
        let is_seen = lost.iter().any(|place| *place + lost.len() < 300);
        prop_assert!(!is_seen || !out.commands.is_empty());
        prop_assert_eq!(out.settled.len(), bench.given as usize);
        let wanted: Values = reference(300).into_iter().enumerate()
            .filter(|(place, _)| !lost.contains(place)).map(|(_, value)| value).collect();
        let told = flat(&out.named.records);
        // A node that was not born again within 10 s is unknown from then on; before, all is told.
        let told: Values = told.into_iter()
            .take_while(|(_, _, value)| *value != NamedValue::Missing).collect();
        prop_assert!(wanted.starts_with(&told) , "no value is changed, added or moved");
    }

    #[test]
    fn no_stream_breaks_or_swells_a_host(
        steps in proptest::collection::vec((0..9_u8, 0..4_u8, any::<u8>(), 0..6_u64), 1..400),
    ) {
        let mut bench = Bench::new();
        for (verb, node, seq, alias) in steps {
            let verb = ["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH", "NCMD", "STATE",
                "pass"][usize::from(verb)];
            let device = format!("/d{}", alias % 3);
            let device = if verb.starts_with('D') { &device } else { "" };
            let topic = format!("spBv1.0/g/{verb}/n{node}{device}");
            let at = START + i64::from(seq) * 7;
            let metrics = match verb {
                "NBIRTH" | "DBIRTH" => vec![bd_seq(alias), named("m", alias, 1.0)],
                "NDEATH" => vec![bd_seq(alias)],
                _ => vec![aliased(alias, at, 2.0)],
            };
            bench.say(&topic, &payload(Some(at), Some(seq), &metrics));
            if verb == "pass" {
                bench.pass(u64::from(seq) * 50);
            }
            prop_assert!(bench.host.memory() < 4 * 1024 * 1024);
        }
        // Whatever is still held comes back in the end.
        bench.pass(REORDER_MS);
        let out = bench.take();
        let settled: std::collections::BTreeSet<u32> = out.settled.iter().copied().collect();
        let given = bench.given as usize;
        prop_assert_eq!((settled.len(), out.settled.len()), (given, given));
    }
}

#[test]
fn memory_stays_below_its_limit_whatever_is_born() {
    let mut bench = Bench::new();
    let names: Vec<Vec<u8>> = (0..4_000)
        .map(|n| named(&format!("{n:0>40}"), n, 0.0))
        .collect();
    let metrics: Vec<Vec<u8>> = std::iter::once(bd_seq(1)).chain(names).collect();
    let birth = payload(Some(START), Some(0), &metrics);
    assert!(birth.len() <= crate::sparkplug::BIRTH_BYTES_MAX);
    let mut refused = 0;
    for node in 0..104 {
        bench.say(&format!("spBv1.0/g/NBIRTH/n{node}"), &birth);
        refused += bench.take().named.refused.len();
        assert!(bench.host.memory() <= 64 * 1024 * 1024);
    }
    assert!(refused > 0, "the limit was reached");
    assert!(
        bench.host.memory() > 60 * 1024 * 1024,
        "and most of it is used"
    );
}

#[test]
fn held_messages_are_few_and_more_of_them_end_the_wait() {
    let mut bench = Bench::born();
    for number in 0..64_u8 {
        bench.data(number + 4, f64::from(number));
    }
    assert_eq!((bench.out.settled.len(), bench.out.commands.len()), (0, 0));
    bench.data(70, 70.0);
    let out = bench.take();
    assert_eq!((out.settled.len(), out.commands.len()), (65, 1));
    assert_eq!(out.named.records.len(), 65);
}

#[test]
fn a_thousand_nodes_are_known_and_a_silent_one_makes_room() {
    let mut bench = Bench::new();
    for node in 0..1_000 {
        bench.say(&format!("spBv1.0/g/NBIRTH/n{node}"), &birth(1, START));
    }
    bench.take();
    bench.say("spBv1.0/g/NBIRTH/more", &birth(1, START));
    assert_eq!(bench.take().named.refused.len(), 1);
    bench.say("spBv1.0/g/NDEATH/n5", &payload(None, None, &[bd_seq(1)]));
    bench.take();
    bench.say("spBv1.0/g/NBIRTH/more", &birth(1, START));
    assert_eq!(bench.take().named.refused.len(), 0);
}
