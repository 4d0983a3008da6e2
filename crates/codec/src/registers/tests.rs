//! Register maps: the built-in ones hold their vectors, broken ones are refused with their place,
//! and no bytes become another value than theirs.

use huitian_model::{BadReason, ChannelName, Measurement, Quantity, Sample, UtcMs};

use super::{
    InlineField, RegisterFunction, RegisterImage, RegisterKind, RegisterMap, RegisterMaps,
    RegisterSpan, WordOrder, inline_map,
};
use RegisterFunction::{Coils, DiscreteInputs, HoldingRegisters, InputRegisters};

mod orders;

const SMALL: &str = r#"
id = "small"
name = "Small"
vendor = "Ours"

[[hole]]
function = "holding"
address = 20
count = 5

[[channel]]
name = "distance"
quantity = "distance"
valid = [200, 4000]
plausible = [300, 3000]

[[channel]]
name = "battery"
quantity = "battery"

[[register]]
name = "distance"
function = "holding"
address = 5
type = "u16"
unit_from = "unit"
units = { 0 = "mm", 1 = "cm" }
sentinels = [{ raw = 20, bad = "no_echo" }]
channel = "distance"

[[register]]
name = "unit"
function = "holding"
address = 30
type = "u16"

[[register]]
name = "health"
function = "discrete"
address = 2
type = "bit"

[[register]]
name = "battery"
function = "input"
address = 7
type = "u8l"
channel = "battery"

[[spoil]]
register = "health"
is = [1]
channels = ["distance"]
bad = "device_fault"

[[vector]]
source = "ours"
read = [{ function = "input", address = 7, words = [0xff5f] }]
samples = { battery = "good 95" }
"#;

fn small() -> RegisterMap {
    RegisterMap::parse(SMALL, "small.toml").unwrap()
}

/// The text that a fault of `SMALL`, changed so, underlines, and its message.
fn fault(from: &str, to: &str) -> (String, String) {
    assert!(SMALL.contains(from), "{from}");
    let text = SMALL.replacen(from, to, 1);
    let error = RegisterMap::parse(&text, "small.toml").unwrap_err();
    assert!(error.to_string().contains("small.toml"));
    let underlined = text.get(error.span.unwrap()).unwrap().to_owned();
    (underlined, error.message)
}

fn words(image: &mut RegisterImage, address: u16, words: &[u16]) {
    image.put_words(RegisterFunction::HoldingRegisters, address, words, UtcMs(7));
}

fn health(image: &mut RegisterImage, fault: bool) {
    image.put_bits(RegisterFunction::DiscreteInputs, 2, &[fault], UtcMs(8));
}

fn said(map: &RegisterMap, image: &RegisterImage) -> Vec<Sample> {
    let samples = map.samples(image, &|_| true);
    samples.into_iter().map(|sample| sample.sample).collect()
}

const fn holding(address: u16, count: u16) -> RegisterSpan {
    RegisterSpan {
        function: RegisterFunction::HoldingRegisters,
        address,
        count,
    }
}

#[test]
fn the_built_in_maps_hold_their_vectors() {
    let maps = RegisterMaps::builtin().unwrap();
    let ids: Vec<_> = maps.ids().collect();
    assert_eq!(
        ids,
        [
            "apg-mnu",
            "dfrobot-sen0310",
            "dfrobot-sen0492",
            "dfrobot-urm14",
            "fts-sdi-radar-300",
            "procon-ld120",
            "sommer-ush9"
        ]
    );
    for id in ids {
        let map = maps.get(id).unwrap();
        assert!(map.vectors() >= 2, "{id}");
        assert!(map.sources().count() >= 1, "{id}");
        assert!(map.channels().count() >= 1, "{id}");
    }
    assert!(maps.get("acme").is_none());
}

#[test]
fn the_example_of_the_documentation_is_a_map() {
    let text = include_str!("../../REGISTERS.md");
    let (_, example) = text.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let map = RegisterMap::parse(example, "REGISTERS.md").unwrap();
    assert_eq!((map.vectors(), map.channels().count()), (2, 21));
}

#[test]
fn printed_addresses_become_those_of_the_wire() {
    let maps = RegisterMaps::builtin().unwrap();
    let counter = ChannelName::new("entries").unwrap();
    let spans = maps.get("procon-ld120").unwrap().spans_of(&counter);
    assert!(
        spans.contains(&holding(9, 2)),
        "40010 counted from 40001: {spans:?}"
    );
    let apg = maps.get("apg-mnu").unwrap();
    let distance = ChannelName::new("distance").unwrap();
    assert_eq!(apg.spans_of(&distance)[0].address, 300);
    let moved = apg.with_address_base(1).unwrap();
    assert_eq!(moved.spans_of(&distance)[0].address, 299);
    assert_eq!(
        moved.with_address_base(0).unwrap().spans_of(&distance)[0].address,
        300
    );
    let sen = maps.get("dfrobot-sen0310").unwrap();
    let text = sen.with_address_base(1).unwrap_err();
    assert!(text.contains("address -1"), "{text}");
}

#[test]
fn a_value_needs_its_unit_and_its_health_in_the_same_cycle() {
    let map = small();
    let mut image = RegisterImage::default();
    words(&mut image, 5, &[180]);
    assert_eq!(said(&map, &image), [], "neither unit nor health");
    words(&mut image, 30, &[1]);
    assert_eq!(said(&map, &image), [], "no health");
    health(&mut image, false);
    assert_eq!(
        said(&map, &image),
        [Sample::Good(Measurement::Distance(1800))]
    );
    let at = map.samples(&image, &|_| true)[0].at;
    assert_eq!(at, UtcMs(7), "the time of the value's answer");
    image.clear();
    words(&mut image, 30, &[0]);
    health(&mut image, false);
    assert_eq!(
        said(&map, &image),
        [],
        "no value: the last cycle's is not said again"
    );
}

#[test]
fn the_first_rule_that_applies_gives_the_quality() {
    let map = small();
    let bad = |reason| Sample::Bad(Quantity::Distance, reason);
    let good = |mm| Sample::Good(Measurement::Distance(mm));
    let doubted = Sample::Uncertain(
        Measurement::Distance(3500),
        huitian_model::UncertainReason::Implausible,
    );
    for (raw, unit, is_faulty, expected) in [
        (20, 0, true, bad(BadReason::DeviceFault)),
        (20, 0, false, bad(BadReason::NoEcho)),
        (20, 7, false, bad(BadReason::NoEcho)),
        (900, 7, false, bad(BadReason::DeviceFault)),
        (199, 0, false, bad(BadReason::OutOfRange)),
        (3500, 0, false, doubted),
        (65, 1, false, good(650)),
        (900, 0, false, good(900)),
    ] {
        let mut image = RegisterImage::default();
        words(&mut image, 5, &[raw]);
        words(&mut image, 30, &[unit]);
        health(&mut image, is_faulty);
        assert_eq!(said(&map, &image), [expected], "{raw} {unit} {is_faulty}");
    }
}

#[test]
fn a_value_is_never_put_together_of_two_answers() {
    let field = InlineField {
        channel: ChannelName::new("x").unwrap(),
        quantity: Quantity::Entries,
        function: RegisterFunction::HoldingRegisters,
        address: 9,
        kind: RegisterKind::Int {
            words: 2,
            signed: false,
        },
        order: WordOrder::Abcd,
        scale: None,
    };
    let map = inline_map("x", &[field]).unwrap();
    let mut image = RegisterImage::default();
    words(&mut image, 9, &[1]);
    words(&mut image, 10, &[2]);
    assert_eq!(said(&map, &image), []);
    words(&mut image, 8, &[0, 1, 2]);
    assert_eq!(
        said(&map, &image),
        [Sample::Good(Measurement::Entries(0x1_0002))]
    );
    let other = RegisterFunction::InputRegisters;
    let mut elsewhere = RegisterImage::default();
    elsewhere.put_words(other, 8, &[0, 1, 2], UtcMs(0));
    assert_eq!(
        said(&map, &elsewhere),
        [],
        "another function is another place"
    );
}

#[test]
fn a_spoil_of_a_row_spoils_every_channel_of_it() {
    let text = include_str!("../../REGISTERS.md");
    let (_, example) = text.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let map = RegisterMap::parse(example, "REGISTERS.md").unwrap();
    let mut image = RegisterImage::default();
    words(&mut image, 19, &[1, 0]);
    let count = |image: &RegisterImage, bad: bool| {
        let samples = said(&map, image).into_iter();
        samples
            .filter(|sample| matches!(sample, Sample::Bad(..)) == bad)
            .count()
    };
    assert_eq!(count(&image, false), 0, "no health, no word of any bay");
    words(&mut image, 11, &[0]);
    assert_eq!((count(&image, false), count(&image, true)), (20, 0));
    words(&mut image, 11, &[7]);
    assert_eq!((count(&image, false), count(&image, true)), (0, 20));
}

#[test]
fn bits_of_a_row_go_on_in_the_next_register() {
    let text = r#"
id = "node"
name = "Node"
vendor = "Ours"
[[channel]]
name = "bay-{n}"
quantity = "occupied"
count = 20
first = 101
[[register]]
name = "bay-{n}"
function = "input"
address = 65534
type = "bit"
bit = 0
count = 20
multiply = -1
add = 1
channel = "bay-{n}"
[[vector]]
source = "ours: bits 15 and 16 are clear, and a clear bit is a car here"
read = [{ function = "input", address = 65534, words = [0x7fff, 0xfffe] }]
[vector.samples]
SAMPLES
"#;
    let samples: Vec<_> = (101..=120)
        .map(|n| format!("bay-{n} = \"good {}\"", n == 116 || n == 117))
        .collect();
    let text = text.replace("SAMPLES", &samples.join("\n"));
    let map = RegisterMap::parse(&text, "node").unwrap();
    assert_eq!(map.spans(&|_| true).len(), 2, "two registers, each once");
    let beyond = text.replace("address = 65534\ntype", "address = 65535\ntype");
    let error = RegisterMap::parse(&beyond, "node").unwrap_err();
    assert!(error.message.contains("65535"), "{error}");
}

#[test]
fn an_inline_scale_is_an_exact_ratio() {
    let field = |scale| InlineField {
        channel: ChannelName::new("t").unwrap(),
        quantity: Quantity::Temperature,
        function: RegisterFunction::HoldingRegisters,
        address: 0,
        kind: RegisterKind::Int {
            words: 1,
            signed: true,
        },
        order: WordOrder::Abcd,
        scale: Some(scale),
    };
    let map = inline_map("x", &[field(0.1)]).unwrap();
    let mut image = RegisterImage::default();
    words(&mut image, 0, &[257]);
    assert_eq!(
        said(&map, &image),
        [Sample::Good(Measurement::Temperature(2570))]
    );
    for bad in [0.0, f64::NAN, f64::INFINITY, 1e-9, 1e9] {
        assert!(inline_map("x", &[field(bad)]).is_err(), "{bad}");
    }
}

/// A change of `SMALL`, what is underlined then, and a part of what is told.
const FAULTS: [(&str, &str, &str, &str); 23] = [
    ("id = \"small\"", "id = \"Small\"", "\"Small\"", "a-z"),
    (
        "id = \"small\"",
        "id = \"plain\"",
        "\"plain\"",
        "plain JSON",
    ),
    (
        "id = \"small\"",
        "address_base = 2\nid = \"small\"",
        "2",
        "expected 0 or 1",
    ),
    (
        "quantity = \"battery\"",
        "quantity = \"charge\"",
        "\"charge\"",
        "one of occupied",
    ),
    (
        "name = \"battery\"\nquantity",
        "name = \"distance\"\nquantity",
        "\"distance\"",
        "twice",
    ),
    ("type = \"u8l\"", "type = \"u8\"", "\"u8\"", "expected bit"),
    (
        "type = \"u8l\"",
        "type = \"u16\"\norder = \"ACBD\"",
        "\"ACBD\"",
        "CDAB",
    ),
    (
        "type = \"u8l\"",
        "type = \"bit\"\nbit = 16",
        "16",
        "0 to 15",
    ),
    ("type = \"bit\"", "type = \"u16\"", "\"u16\"", "of type bit"),
    (
        "function = \"input\"\naddress = 7",
        "function = \"write\"\naddress = 7",
        "\"write\"",
        "coil",
    ),
    (
        "function = \"input\"\naddress = 7",
        "printed = \"30008\"",
        "\"30008\"",
        "address_base",
    ),
    (
        "address = 7\ntype = \"u8l\"",
        "address = 65536\ntype = \"u8l\"",
        "65536",
        "0 to 65535",
    ),
    (
        "address = 7\ntype = \"u8l\"",
        "address = 65535\ntype = \"u32\"",
        "\"battery\"",
        "beyond 65535",
    ),
    ("address = 30", "address = 24", "\"unit\"", "hole"),
    (
        "unit_from = \"unit\"",
        "unit_from = \"distance\"",
        "\"distance\"",
        "its own",
    ),
    (
        "unit_from = \"unit\"",
        "unit_from = \"eenheid\"",
        "\"eenheid\"",
        "no register",
    ),
    ("1 = \"cm\"", "1 = \"degC\"", "\"degC\"", "mm, cm"),
    (
        "register = \"health\"",
        "register = \"wealth\"",
        "\"wealth\"",
        "no register",
    ),
    ("is = [1]", "is = [1]\nis_not = [0]", "\"health\"", "either"),
    (
        "bad = \"device_fault\"",
        "bad = \"ill\"",
        "\"ill\"",
        "no_echo",
    ),
    (
        "channel = \"battery\"",
        "channel = \"distance\"",
        "\"distance\"",
        "already",
    ),
    (
        "channel = \"battery\"",
        "channel = \"charge\"",
        "\"charge\"",
        "no channel",
    ),
    (
        "samples = { battery",
        "samples = { charge",
        "[[vector]]",
        "expected samples",
    ),
];

#[test]
fn faults_of_a_map_are_reported_with_their_place() {
    for (from, to, underlined, told) in FAULTS {
        let (found, message) = fault(from, to);
        assert!(found.contains(underlined), "{to}: {found}");
        assert!(message.contains(told), "{to}: {message}");
    }
}

#[test]
fn a_printed_address_says_its_function_and_its_place() {
    let told = |printed: &str, base| {
        let spanned = toml::from_str::<std::collections::BTreeMap<String, toml::Spanned<String>>>(
            &format!("x = \"{printed}\""),
        )
        .unwrap();
        let written = super::place::Written {
            function: None,
            address: None,
            printed: spanned.get("x"),
            owner: 0..0,
        };
        written.place(Some(base)).ok()
    };
    assert_eq!(told("00009", 1), Some((Coils, 8)));
    assert_eq!(told("10001", 1), Some((DiscreteInputs, 0)));
    assert_eq!(told("30300", 0), Some((InputRegisters, 300)));
    assert_eq!(told("30300", 1), Some((InputRegisters, 299)));
    assert_eq!(told("465536", 1), Some((HoldingRegisters, 65_535)));
    for bad in [
        "40000", "465537", "20001", "4001", "4000001", "4x001", "", "+0001",
    ] {
        assert_eq!(told(bad, 1), None, "{bad}");
    }
}
