//! Units by map: whole cycles, from requests to samples.

use std::collections::BTreeSet;
use std::sync::Arc;

use huitian_codec::{RegisterFunction, RegisterMap, RegisterMaps};
use huitian_model::{BadReason, ChannelName, DeviceId, Measurement, Quantity, Sample, UtcMs};

use super::MapUnit;
use crate::plan::PlanLimits;
use crate::{Answer, Request, Sampled, Unit};

fn unit_of(map: &Arc<RegisterMap>, channels: &[&str]) -> MapUnit {
    let bound = channels.iter().map(|name| ChannelName::new(name).unwrap());
    let bound: BTreeSet<_> = bound.collect();
    let device = DeviceId::new("d-1").unwrap();
    MapUnit::new(
        1,
        device,
        Arc::clone(map),
        bound,
        PlanLimits::of(map.limits()),
    )
}

fn unit(map: &str, channels: &[&str]) -> MapUnit {
    unit_of(RegisterMaps::builtin().unwrap().get(map).unwrap(), channels)
}

/// A device whose registers hold their own values: unlike any other value of the test.
fn answer(request: Request, value: &dyn Fn(RegisterFunction, u16) -> u16) -> Answer {
    let places = (0..request.count).map(|n| value(request.function, request.address + n));
    if request.function.reads_bits() {
        Answer::Bits(places.map(|value| value != 0).collect())
    } else {
        Answer::Words(places.collect())
    }
}

/// A cycle in which every request but those that `refuses` names is answered.
fn cycle(
    unit: &mut MapUnit,
    at: i64,
    value: &dyn Fn(RegisterFunction, u16) -> u16,
    refuses: &dyn Fn(Request) -> bool,
) -> Vec<Sampled> {
    for request in unit.requests().to_vec() {
        if refuses(request) {
            unit.on_exception(request, 2);
        } else {
            unit.on_answer(request, &answer(request, value), UtcMs(at));
        }
    }
    unit.finish(UtcMs(at + 1))
}

const fn healthy_inches(function: RegisterFunction, address: u16) -> u16 {
    match (function, address) {
        (RegisterFunction::HoldingRegisters, 0x14) => 1,
        (RegisterFunction::HoldingRegisters, 0x15) => 71,
        (RegisterFunction::HoldingRegisters, 0x2d) => 3,
        _ => 0xeeee,
    }
}

#[test]
fn a_whole_cycle_gives_the_value_in_the_unit_that_the_device_says() {
    let mut unit = unit("fts-sdi-radar-300", &["distance"]);
    let sampled = cycle(&mut unit, 5, &healthy_inches, &|_| false);
    assert_eq!(sampled.len(), 1);
    assert_eq!(
        sampled[0].at,
        UtcMs(5),
        "the time of the answer, not of the end"
    );
    assert_eq!(sampled[0].sample, Sample::Good(Measurement::Distance(1803)));
    assert_eq!(
        unit.finish(UtcMs(9)),
        [],
        "an unanswered cycle says nothing again"
    );
}

#[test]
fn only_what_bound_channels_need_is_read() {
    let apg = unit("apg-mnu", &["distance"]);
    let read: Vec<_> = apg
        .requests()
        .iter()
        .map(|r| (r.address, r.count))
        .collect();
    assert_eq!(read, [(300, 1)]);
    let all = unit(
        "apg-mnu",
        &["distance", "temperature", "distance-calculated"],
    );
    let read: Vec<_> = all
        .requests()
        .iter()
        .map(|request| (request.function.code(), request.address, request.count))
        .collect();
    assert_eq!(read, [(3, 401, 4), (4, 300, 5)]);
    let counter = unit("procon-ld120", &["entries"]);
    assert!(counter.requests().iter().all(|request| request.count <= 8));
}

#[test]
fn an_answer_that_was_not_asked_for_is_not_looked_at() {
    let mut unit = unit("dfrobot-urm14", &["distance"]);
    let asked = unit.requests()[0];
    let words = |count: usize| Answer::Words(vec![500; count]);
    let shifted = Request {
        address: asked.address - 1,
        ..asked
    };
    let other = Request {
        function: RegisterFunction::InputRegisters,
        ..asked
    };
    unit.on_answer(shifted, &words(1), UtcMs(0));
    unit.on_answer(other, &words(1), UtcMs(0));
    unit.on_answer(asked, &words(2), UtcMs(0));
    unit.on_answer(asked, &words(0), UtcMs(0));
    unit.on_answer(asked, &Answer::Bits(vec![true]), UtcMs(0));
    assert_eq!(unit.misfits(), 5);
    assert_eq!(unit.finish(UtcMs(1)), []);
    unit.on_answer(asked, &words(1), UtcMs(0));
    assert_eq!(unit.finish(UtcMs(1)).len(), 1);
}

#[test]
fn a_fenced_register_silences_its_channel_and_is_reported() {
    let mut unit = unit("fts-sdi-radar-300", &["distance"]);
    let touches_unit =
        |request: Request| request.address <= 0x2d && 0x2d < request.address + request.count;
    for at in 0..12 {
        assert_eq!(cycle(&mut unit, at, &healthy_inches, &touches_unit), []);
    }
    let fences: Vec<_> = unit.fences().iter().map(|f| (f.address, f.count)).collect();
    assert_eq!(fences, [(0x2d, 1)]);
    assert_eq!(unit.silenced().len(), 1);
    assert_eq!(unit.exceptions().keys().collect::<Vec<_>>(), [&2]);
    let read: Vec<_> = unit
        .requests()
        .iter()
        .map(|r| (r.address, r.count))
        .collect();
    assert_eq!(
        read,
        [(0x14, 2)],
        "the rest is kept, the fence is not asked for"
    );
}

#[test]
fn a_channel_beside_a_fence_goes_on() {
    let mut unit = unit("dfrobot-urm14", &["distance", "temperature"]);
    let value = |_, address: u16| if address == 6 { 215 } else { 9_000 };
    let no_temperature = |request: Request| request.address + request.count > 6;
    let mut last = Vec::new();
    for at in 0..10 {
        last = cycle(&mut unit, at, &value, &no_temperature);
    }
    let said: Vec<_> = last.iter().map(|sampled| sampled.sample).collect();
    assert_eq!(said, [Sample::Good(Measurement::Distance(900))]);
    let silenced: Vec<_> = unit.silenced().into_iter().collect();
    assert_eq!(silenced, [ChannelName::new("temperature").unwrap()]);
}

#[test]
fn the_health_of_a_loop_is_that_of_the_same_cycle() {
    let mut unit = unit("procon-ld120", &["exits"]);
    let value = |fault: u16| {
        move |function: RegisterFunction, address: u16| match (function, address) {
            (RegisterFunction::DiscreteInputs, 0) => fault,
            (RegisterFunction::HoldingRegisters, 9) => 1,
            (RegisterFunction::HoldingRegisters, 10) => 2,
            _ => 0,
        }
    };
    let said = |sampled: Vec<Sampled>| sampled.first().map(|sampled| sampled.sample);
    let sampled = cycle(&mut unit, 0, &value(0), &|_| false);
    assert_eq!(
        said(sampled),
        Some(Sample::Good(Measurement::Exits(65_538)))
    );
    let sampled = cycle(&mut unit, 1, &value(1), &|_| false);
    let bad = Sample::Bad(Quantity::Exits, BadReason::DeviceFault);
    assert_eq!(said(sampled), Some(bad));
    // The bits are not answered: the health of the cycle before is no health.
    for request in unit.requests().to_vec() {
        if !request.function.reads_bits() {
            unit.on_answer(request, &answer(request, &value(0)), UtcMs(2));
        }
    }
    assert_eq!(unit.finish(UtcMs(3)), []);
}

#[test]
fn every_value_of_a_wide_map_comes_from_its_own_address() {
    let mut text = "id = \"wide\"\nname = \"w\"\nvendor = \"o\"\n".to_owned();
    for n in 0..400 {
        let block = "[[channel]]\nname = \"c-N\"\nquantity = \"entries\"\n\
                     [[register]]\nname = \"rN\"\n\
                     function = \"input\"\naddress = A\ntype = \"u16\"\nchannel = \"c-N\"\n";
        let address = (n * 7 % 2_800).to_string();
        text += &block.replace('N', &n.to_string()).replace('A', &address);
    }
    let map = Arc::new(RegisterMap::parse(&text, "wide").unwrap());
    let names: Vec<_> = map.channels().map(|(name, _)| name.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut unit = unit_of(&map, &names);
    let own = |_, address: u16| address;
    let illegal = [700, 1_403, 2_093];
    let refuses = |request: Request| {
        illegal
            .iter()
            .any(|at| (request.address..request.address + request.count).contains(at))
    };
    let mut sampled = Vec::new();
    for at in 0..60 {
        sampled = cycle(&mut unit, at, &own, &refuses);
        for Sampled {
            channel, sample, ..
        } in &sampled
        {
            let n: u32 = channel
                .as_str()
                .strip_prefix("c-")
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(*sample, Sample::Good(Measurement::Entries(n * 7 % 2_800)));
        }
    }
    // 700 and 2093 are values; 1403 lies between two.
    assert_eq!(sampled.len(), 398);
    assert_eq!(unit.silenced().len(), 2);
}
