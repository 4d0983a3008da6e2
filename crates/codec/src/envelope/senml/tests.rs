//! `SenML` against the examples of RFC 8428, in JSON and CBOR, and against the laws of a pack.

use huitian_model::UtcMs;
use minicbor::Encoder;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Coding, Entry, Pack, Resolved, json as from_json, read};
use crate::named::{NamedMessage, NamedValue};
use crate::{Fixed, Opened, RefusalReason};

/// When the examples were resolved: 2017-06-29T23:49:39Z.
const NOW: UtcMs = UtcMs(1_498_780_179_000);

fn cases() -> Vec<Value> {
    let text = include_str!("../../../vectors/senml_rfc8428.json");
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

/// Every record of a pack, resolved.
fn resolve(text: &str, now: UtcMs) -> Vec<Resolved> {
    let (mut pack, mut all) = (Pack::new(now), Vec::new());
    let mut each = |entry: Entry| {
        all.extend(pack.resolve(entry)?.unwrap());
        Ok(())
    };
    from_json::read(text.as_bytes(), &mut each).unwrap();
    all
}

fn fixed(value: &Value) -> Fixed {
    Fixed::from_json(&value.to_string()).unwrap()
}

/// A resolved record as RFC 8428's working group writes it, with all that we keep of it.
fn expected(record: &Value) -> (String, String, UtcMs, Option<NamedValue>) {
    let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
    let value = match (&record["v"], &record["vs"], &record["vb"]) {
        (Value::Number(_), ..) => Some(NamedValue::Number(fixed(&record["v"]))),
        (_, Value::String(text), _) => Some(NamedValue::Text(text.clone())),
        (.., Value::Bool(yes)) => Some(NamedValue::Bool(*yes)),
        other => panic!("{other:?}"),
    };
    let ms = fixed(&record["t"]).micros() / 1_000;
    (text("n"), text("u"), UtcMs(ms), value)
}

fn found(one: &Resolved, now: UtcMs) -> (String, String, UtcMs, Option<NamedValue>) {
    let name = format!("{}{}", one.base_name, one.name);
    (
        name,
        one.unit.clone(),
        one.at.unwrap_or(now),
        one.value.clone(),
    )
}

#[test]
fn every_example_of_the_rfc_is_resolved_as_published() {
    let mut table = Vec::new();
    for case in cases() {
        let name = case["name"].as_str().unwrap();
        // The working group resolved this one some days after the others.
        let now = if name == "ex7" {
            UtcMs(1_499_109_309_000)
        } else {
            NOW
        };
        let resolved = resolve(case["input"].as_str().unwrap(), now);
        let Some(published) = case["resolved"].as_str() else {
            assert_eq!(name, "ex13", "the one example without a resolved form");
            let times: Vec<_> = resolved
                .iter()
                .map(|one| one.at.unwrap().0 - 1_320_078_429_000)
                .collect();
            assert_eq!(times, [0, 0, 100, 100]);
            table.push((name.to_owned(), resolved.len()));
            continue;
        };
        let published: Vec<Value> = serde_json::from_str(published).unwrap();
        let ours = resolved.iter().map(|one| found(one, now));
        // The published form of ex7 leaves out the record with data, which we keep as text.
        let is_data = |one: &(_, _, _, Option<NamedValue>)| {
            one.3 == Some(NamedValue::Text("aGkgCg".to_owned()))
        };
        let ours: Vec<_> = ours.filter(|one| name != "ex7" || !is_data(one)).collect();
        let theirs: Vec<_> = published.iter().map(expected).collect();
        assert_eq!(ours, theirs, "{name}");
        table.push((name.to_owned(), resolved.len()));
    }
    let records: Vec<usize> = table.iter().map(|(_, records)| *records).collect();
    assert_eq!(records, [1, 2, 7, 12, 13, 4, 4, 2, 3, 2, 2, 2, 4]);
}

fn bytes_of_hexdump(dump: &str) -> Vec<u8> {
    let lines = dump.lines().filter_map(|line| line.split_once(' '));
    let cells = lines.flat_map(|(_, rest)| rest.split('|').next().unwrap().split_whitespace());
    cells
        .map(|cell| u8::from_str_radix(cell, 16).unwrap())
        .collect()
}

fn named(coding: Coding, payload: &[u8]) -> NamedMessage {
    match read(coding, None, payload, NOW) {
        Ok(Opened::Named(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_cbor_example_of_the_rfc_says_the_same_as_its_json() {
    let case = cases()
        .into_iter()
        .find(|case| case["name"] == "ex3")
        .unwrap();
    let cbor = bytes_of_hexdump(case["cbor_hexdump"].as_str().unwrap());
    assert_eq!(cbor.len(), 0xc3);
    let json = case["input"].as_str().unwrap().as_bytes();
    let message = named(Coding::Cbor, &cbor);
    assert_eq!(message, named(Coding::Json, json));
    assert_eq!(message.refused, vec![]);
    // Voltage and the last current share a time, but stand apart: seven records.
    assert_eq!(message.records.len(), 7);
    assert_eq!(message.records[0].address, "urn:dev:ow:10e2073a0108006");
    assert_eq!(message.records[0].at, Some(UtcMs(1_276_020_076_001)));
    assert_eq!(message.records[1].at, Some(UtcMs(1_276_020_071_001)));
}

/// A record in CBOR: known labels as integers, or as text.
fn encode(value: &Value, is_text: bool, is_open: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let records = value.as_array().unwrap();
    let length = u64::try_from(records.len()).unwrap();
    if is_open {
        encoder.begin_array()
    } else {
        encoder.array(length)
    }
    .unwrap();
    for record in records {
        let record = record.as_object().unwrap();
        let length = u64::try_from(record.len()).unwrap();
        if is_open {
            encoder.begin_map()
        } else {
            encoder.map(length)
        }
        .unwrap();
        for (key, value) in record {
            let labels = [
                "bver", "bn", "bt", "bu", "bv", "bs", "n", "u", "v", "vs", "vb", "s", "t", "ut",
                "vd",
            ];
            let numbers = [-1_i64, -2, -3, -4, -5, -6, 0, 1, 2, 3, 4, 5, 6, 7, 8];
            match labels.iter().position(|known| known == key) {
                Some(at) if !is_text => encoder.i64(numbers[at]).unwrap(),
                _text => encoder.str(key).unwrap(),
            };
            match value {
                Value::String(text) => encoder.str(text).unwrap(),
                Value::Bool(yes) => encoder.bool(*yes).unwrap(),
                Value::Number(number) => match number.as_i64() {
                    Some(whole) => encoder.i64(whole).unwrap(),
                    None => encoder.f64(number.as_f64().unwrap()).unwrap(),
                },
                Value::Null | Value::Array(_) | Value::Object(_) => panic!("{value}"),
            };
        }
        if is_open {
            encoder.end().unwrap();
        }
    }
    if is_open {
        encoder.end().unwrap();
    }
    encoder.into_writer()
}

#[test]
fn every_example_says_the_same_in_both_codings() {
    for case in cases() {
        let json = case["input"].as_str().unwrap();
        let value: Value = serde_json::from_str(json).unwrap();
        for (is_text, is_open) in [(false, false), (false, true), (true, false), (true, true)] {
            let cbor = encode(&value, is_text, is_open);
            let (ours, theirs) = (
                named(Coding::Cbor, &cbor),
                named(Coding::Json, json.as_bytes()),
            );
            assert_eq!(ours, theirs, "{}", case["name"]);
        }
    }
}

#[test]
fn devices_are_named_by_base_names_and_values_by_names_or_units() {
    for (pack, device, name) in [
        (
            r#"[{"bn":"urn:dev:mac:7:","n":"fill","v":1}]"#,
            "urn:dev:mac:7",
            "fill",
        ),
        (r#"[{"bn":"bin-7/","n":"fill","v":1}]"#, "bin-7", "fill"),
        (r#"[{"bn":"bin-7","u":"%FILL","v":1}]"#, "bin-7", "%FILL"),
        (r#"[{"bn":"bin-7","v":1}]"#, "bin-7", "value"),
        (r#"[{"n":"2001:db8::3","u":"/","v":1}]"#, "2001:db8::3", "/"),
        (r#"[{"n":"bin-7","v":1}]"#, "bin-7", "value"),
    ] {
        let record = &named(Coding::Json, pack.as_bytes()).records[0];
        assert_eq!(
            (record.address.as_str(), record.values[0].0.as_str()),
            (device, name)
        );
    }
    let pack = br#"[{"bn":"a:","n":"fill","v":1},{"n":"kwh","s":5,"bs":2}]"#;
    let Ok(Opened::Named(message)) = read(Coding::Json, Some("bin-9"), pack, NOW) else {
        panic!()
    };
    let [record] = message.records.as_slice() else {
        panic!("{message:?}")
    };
    assert_eq!(record.address, "bin-9");
    let names: Vec<String> = record
        .values
        .iter()
        .map(|(n, v)| format!("{n}={v:?}"))
        .collect();
    assert_eq!(
        names,
        [
            "a:fill=Number(Fixed(1000000))",
            "a:kwh.sum=Number(Fixed(7000000))"
        ]
    );
}

#[test]
fn many_values_of_one_time_are_split_over_records() {
    let many: Vec<String> = (0..100)
        .map(|n| format!(r#"{{"n":"k{n}","v":1}}"#))
        .collect();
    let pack = format!(r#"[{{"bn":"d:"}},{}]"#, many.join(","));
    let message = named(Coding::Json, pack.as_bytes());
    let sizes: Vec<usize> = message.records.iter().map(|one| one.values.len()).collect();
    assert_eq!(sizes, [64, 36]);
}

#[test]
fn what_a_pack_must_not_say_refuses_it_or_the_record() {
    use RefusalReason::{DuplicateKey, NotJson, OutOfRange, WrongType};
    for (pack, reason) in [
        (r#"[{"bver":11,"n":"a","v":1}]"#, OutOfRange),
        (r#"[{"bver":0,"n":"a","v":1}]"#, OutOfRange),
        (
            r#"[{"bver":9,"n":"a","v":1},{"bver":10,"n":"a","v":1}]"#,
            OutOfRange,
        ),
        (r#"[{"n":"a","v":1,"range_":5}]"#, WrongType),
        (r#"[{"n":"a","v":1},{"_":5}]"#, WrongType),
        (r#"[{"n":"a","v":"1"}]"#, WrongType),
        (r#"[{"n":5,"v":1}]"#, WrongType),
        (r#"[{"n":"a","vb":1}]"#, WrongType),
        (r#"[{"n":"a","v":1,"v":2}]"#, DuplicateKey),
        (r#"{"n":"a","v":1}"#, WrongType),
        (r#"[{"n":"a","v":1}"#, NotJson),
        (r#"[{"n":"a","v":1}]]"#, NotJson),
    ] {
        let refusal = read(Coding::Json, None, pack.as_bytes(), NOW).unwrap_err();
        assert_eq!(refusal.reason, reason, "{pack}");
    }
    for (record, reason) in [
        (r#"{"n":"a","v":1,"vb":true}"#, WrongType),
        (r#"{"n":"a b","v":1}"#, OutOfRange),
        (r#"{"n":"-a","v":1}"#, OutOfRange),
        (r#"{"v":1}"#, OutOfRange),
        (r#"{"n":"a","v":1,"t":268435456}"#, OutOfRange),
        (r#"{"n":"a","v":1,"t":-900000000}"#, OutOfRange),
        (r#"{"n":"a","v":1,"t":9000000000}"#, OutOfRange),
    ] {
        let message = named(
            Coding::Json,
            format!(r#"[{record},{{"n":"b","v":1}}]"#).as_bytes(),
        );
        assert_eq!(message.refused[0].reason, reason, "{record}");
        assert!(
            message.refused[0].text.starts_with("record 0: "),
            "{:?}",
            message.refused
        );
        assert_eq!(
            message.records.len(),
            1,
            "the good record beside it is read: {record}"
        );
    }
}

#[test]
fn the_limit_of_relative_times_is_exact() {
    let at = |time: &str| {
        let pack = format!(r#"[{{"n":"a","v":1,"t":{time}}}]"#);
        let message = named(Coding::Json, pack.as_bytes());
        message.records.first().and_then(|record| record.at)
    };
    assert_eq!(at("0"), None);
    assert_eq!(at("-0.5"), Some(NOW.minus(500)));
    assert_eq!(at("60"), Some(NOW.minus(-60_000)));
    assert_eq!(at("268435455"), Some(NOW.minus(-268_435_455_000)));
    assert_eq!(at("1276020076.5"), Some(UtcMs(1_276_020_076_500)));
    // Base time and time are judged together.
    let pack = br#"[{"bt":1276020076,"n":"a","v":1,"t":-1276020077}]"#;
    assert_eq!(
        named(Coding::Json, pack).records[0].at,
        Some(NOW.minus(1_000))
    );
}

#[test]
fn hostile_cbor_is_refused_within_its_bounds() {
    use RefusalReason::{
        DuplicateKey, NotJson, TooDeep, TooLong, TooManyItems, TooManyKeys, WrongType,
    };
    let deep = |levels: usize| {
        // A record with an unknown label, and arrays in arrays behind it.
        let mut bytes = vec![0x81, 0xa1, 0x61, b'x'];
        bytes.extend(std::iter::repeat_n(0x81, levels));
        bytes.push(0);
        bytes
    };
    let mut wide = vec![0x81, 0xb8, 70];
    wide.extend((0..70_u8).flat_map(|n| [0x62, b'A' + n % 26, b'A' + n / 26, 0]));
    let mut long = vec![0x81, 0xa1, 3, 0x78, 129];
    long.extend([b'x'; 129]);
    let mut many = vec![0x99, 0x04, 0x01];
    many.extend(std::iter::repeat_n(0xa0, 1_025));
    for (bytes, reason) in [
        (vec![], NotJson),
        (vec![0x81], NotJson),
        (vec![0x9f], NotJson),
        (vec![0x9b, 255, 255, 255, 255, 255, 255, 255, 255], NotJson),
        (vec![0x80, 0], NotJson),
        (vec![0xa0], WrongType),
        (vec![0x81, 0x80], WrongType),
        (vec![0x81, 0xa1, 0xf6, 0], WrongType),
        (vec![0x81, 0xa1, 0x41, 0x61, 0], WrongType),
        (vec![0x81, 0xa2, 2, 1, 2, 1], DuplicateKey),
        (vec![0x81, 0xa2, 2, 1, 0x61, b'v', 1], DuplicateKey),
        (vec![0x81, 0xa1, 0x38, 99, 0xff], NotJson),
        (vec![0x81, 0xa1, 0, 0x62, 0xff, 0xff], NotJson),
        (vec![0x81, 0xa1, 2, 0x41, 0x61], WrongType),
        (vec![0x81, 0xa1, 3, 0x7f, 0x61, b'a', 0xff], WrongType),
        (vec![0x81, 0xa1, 2, 0xf9, 0], NotJson),
        (deep(7), TooDeep),
        (deep(5_000), TooDeep),
        (wide, TooManyKeys),
        (long, TooLong),
        (many, TooManyItems),
    ] {
        let refusal = read(Coding::Cbor, None, &bytes, NOW).unwrap_err();
        assert_eq!(refusal.reason, reason, "{bytes:02x?}: {refusal}");
    }
    assert_eq!(
        read(Coding::Cbor, None, &deep(6), NOW),
        Ok(Opened::NotReadings("no values"))
    );
}

#[test]
fn numbers_of_every_width_are_exact() {
    let value = |bytes: &[u8]| {
        let mut pack = vec![0x81, 0xa2, 0, 0x61, b'a', 2];
        pack.extend(bytes);
        match &named(Coding::Cbor, &pack).records[0].values[0].1 {
            NamedValue::Number(number) => number.to_string(),
            other @ (NamedValue::Bool(_) | NamedValue::Text(_) | NamedValue::Missing) => {
                format!("{other:?}")
            }
        }
    };
    assert_eq!(value(&[0x18, 200]), "200");
    assert_eq!(value(&[0x38, 99]), "-100");
    assert_eq!(value(&[0xf9, 0x3e, 0x00]), "1.5");
    assert_eq!(value(&[0xf9, 0xc4, 0x00]), "-4");
    assert_eq!(value(&[0xf9, 0x00, 0x00]), "0");
    assert_eq!(value(&[0xf9, 0x7b, 0xff]), "65504");
    assert_eq!(value(&[0xf9, 0x7c, 0x00]), "Missing", "infinity");
    assert_eq!(value(&[0xf9, 0x7e, 0x00]), "Missing", "no number");
    assert_eq!(
        value(&[0xfa, 0x41, 0xb8, 0xcc, 0xcd]),
        "23.1",
        "a single float of 23.1"
    );
    assert_eq!(
        value(&[0xfb, 0x40, 0x37, 0x19, 0x99, 0x99, 0x99, 0x99, 0x9a]),
        "23.1"
    );
    assert_eq!(value(&[0xc4, 0x82, 0x20, 0x18, 231]), "23.1", "231 * 10^-1");
    assert_eq!(
        value(&[0x1b, 255, 255, 255, 255, 255, 255, 255, 255]),
        "Missing"
    );
    let pack = [0x81, 0xa2, 0, 0x61, b'a', 8, 0x44, b'h', b'i', b' ', b'\n'];
    let data = &named(Coding::Cbor, &pack).records[0].values[0].1;
    assert_eq!(*data, NamedValue::Text("aGkgCg".to_owned()));
}

/// A number of up to three decimals, as JSON.
fn decimal() -> impl Strategy<Value = Value> {
    (-2_000_000..2_000_000_i32).prop_map(|n| json!(f64::from(n) / 1_000.0))
}

prop_compose! {
    fn record()(
        name in prop::sample::select(vec!["", "a", "b", "fill"]),
        base in prop::sample::select(vec![None, None, None, Some("d1:"), Some("d2/"), Some("d3")]),
        unit in prop::sample::select(vec![None, Some("Cel"), Some("%RH")]),
        base_unit in prop::sample::select(vec![None, None, Some("m")]),
        value in decimal(),
        base_value in prop::option::weighted(0.2, decimal()),
        time in prop::option::of(-5_000..5_000_i64),
        base_time in prop::option::weighted(0.2, prop::sample::select(vec![0, 1_400_000_000_i64])),
        sum in prop::option::weighted(0.2, decimal()),
        base_sum in prop::option::weighted(0.2, decimal()),
        is_silent in prop::bool::weighted(0.1),
    ) -> Value {
        let mut record = Map::new();
        if !name.is_empty() { record.insert("n".to_owned(), json!(name)); }
        for (key, value) in [
            ("bn", base.map(|x| json!(x))), ("u", unit.map(|x| json!(x))),
            ("bu", base_unit.map(|x| json!(x))),
            ("bv", base_value), ("t", time.map(|x| json!(x))), ("bt", base_time.map(|x| json!(x))),
            ("s", sum.filter(|_| !is_silent)), ("bs", base_sum),
            ("v", Some(value).filter(|_| !is_silent)),
        ] {
            if let Some(value) = value { record.insert(key.to_owned(), value); }
        }
        Value::Object(record)
    }
}

/// Whole milliseconds of seconds.
fn ms(seconds: f64) -> i64 {
    Fixed::from_f64(seconds).unwrap().micros() / 1_000
}

/// Resolves a pack as RFC 8428 says it, over `serde_json` and floats: slow and plain.
fn naive(records: &[Value], now_ms: i64) -> Vec<(String, Option<i64>, f64, Option<f64>)> {
    let mut all = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let last = |key: &str| records[..=index].iter().rev().find_map(|one| one.get(key));
        let number = |value: Option<&Value>| value.map_or(0.0, |one| one.as_f64().unwrap());
        let Some(value) = record.get("v") else {
            continue;
        };
        let base = last("bn").map_or("", |one| one.as_str().unwrap());
        let name = record.get("n").map_or("", |one| one.as_str().unwrap());
        let time = number(last("bt")) + number(record.get("t"));
        let at = match time {
            0.0 => None,
            time if time < 268_435_456.0 => Some(now_ms + ms(time)),
            time => Some(ms(time)),
        };
        let sum = record
            .get("s")
            .map(|sum| number(Some(sum)) + number(last("bs")));
        let value = number(Some(value)) + number(last("bv"));
        all.push((format!("{base}{name}"), at, value, sum));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn packs_resolve_as_a_naive_reading_of_the_rfc_does(
        records in prop::collection::vec(record(), 0..8),
        is_text in any::<bool>(),
        is_open in any::<bool>(),
    ) {
        let json = serde_json::to_string(&records).unwrap();
        let ours = resolve(&json, NOW);
        let theirs = naive(&records, NOW.0);
        prop_assert_eq!(ours.len(), theirs.len());
        for (one, (name, at, value, sum)) in ours.iter().zip(theirs) {
            prop_assert_eq!(format!("{}{}", one.base_name, one.name), name);
            prop_assert_eq!(one.at.map(|at| at.0), at);
            prop_assert_eq!(one.value.clone(), Fixed::from_f64(value).map(NamedValue::Number));
            prop_assert_eq!(one.sum, sum.and_then(Fixed::from_f64));
        }
        let pack = Value::Array(records);
        let cbor = read(Coding::Cbor, None, &encode(&pack, is_text, is_open), NOW);
        prop_assert_eq!(cbor, read(Coding::Json, None, json.as_bytes(), NOW));
    }
}
