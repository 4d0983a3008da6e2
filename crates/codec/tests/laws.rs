//! Laws of the formats: what an independent encoder wrote is read back, and whatever is sent on
//! whatever topic is read or refused within the bounds.
#![expect(
    clippy::unwrap_used,
    reason = "tests over small generated messages: a panic is their way to fail"
)]

use std::sync::LazyLock;

use huitian_codec::{
    BATCH_ITEMS_MAX, DEPTH_MAX, Fixed, Named, NamedValue, Opened, PAYLOAD_BYTES_MAX, Refusal,
    RefusalReason, Routes, TEXT_CHARS_MAX,
};
use huitian_model::UtcMs;
use proptest::prelude::*;

const NOW: UtcMs = UtcMs(1_795_406_400_000);

/// Every format of a route, and the topics by shape: name of the topic, and keys of its route.
const FORMATS: [(&str, &str); 16] = [
    ("r/loriot", "format = \"loriot\""),
    ("r/csv", "format = \"csv\""),
    ("r/line", "format = \"line\""),
    ("r/senml-json", "format = \"senml-json\""),
    ("r/senml-cbor", "format = \"senml-cbor\""),
    ("r/ngsi-ld", "format = \"ngsi-ld\""),
    (
        "r/ultralight",
        "format = \"ultralight\"\ndevice = { level = 2 }",
    ),
    (
        "r/SENSOR",
        "format = \"tasmota\"\ndevice = { level = 1 }\nutc_offset = \"+08:00\"",
    ),
    (
        "r/zigbee",
        "format = \"zigbee2mqtt\"\ndevice = { level = 2 }",
    ),
    (
        "r/json",
        "format = \"json\"\nrecords = \"a.b\"\ntime = { path = \"t\", unit = \"ms\" }",
    ),
    ("application/7/device/0101010101010101/event/up", ""),
    ("application/a/device/0101010101010101/event/up", ""),
    ("application/a/device/0101010101010101/event/status", ""),
    ("v3/app/devices/d/up", ""),
    ("tele/d/SENSOR", ""),
    ("/ul/k/d/attrs", ""),
];

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    #[derive(serde::Deserialize)]
    struct File {
        routes: Routes,
    }
    let routed = FORMATS.iter().filter(|(_, keys)| !keys.is_empty());
    let needs_device = |keys: &str| {
        ["csv", "line", "json\""]
            .iter()
            .any(|one| keys.contains(one))
    };
    let mut text = String::new();
    for (topic, keys) in routed {
        let is_mapped = needs_device(keys) && !keys.contains("senml");
        let device = if is_mapped {
            "\ndevice = { level = 2 }"
        } else {
            ""
        };
        let route = ["[[routes]]\ntopic = \"", topic, "\"\n", keys, device, "\n"];
        text += &route.concat();
    }
    toml::from_str::<File>(&text).unwrap().routes
});

fn open(topic: &str, payload: &[u8]) -> Result<Opened, Refusal> {
    ROUTES.open(topic, payload, NOW)
}

fn records(topic: &str, payload: &str) -> Vec<Named> {
    match open(topic, payload.as_bytes()) {
        Ok(Opened::Named(message)) if message.refused.is_empty() => message.records,
        _other => Vec::new(),
    }
}

/// Bytes that values hold on the heap.
fn heap(opened: &Opened) -> usize {
    let values = |values: &[(String, NamedValue)]| -> usize {
        let one = |(name, value): &(String, NamedValue)| {
            let text = if let NamedValue::Text(text) = value {
                text.len()
            } else {
                0
            };
            size_of::<(String, NamedValue)>() + name.len() + text
        };
        values.iter().map(one).sum()
    };
    match opened {
        Opened::Named(message) => {
            let one = |one: &Named| size_of::<Named>() + one.address.len() + values(&one.values);
            let records: usize = message.records.iter().map(one).sum();
            let refused = message
                .refused
                .iter()
                .map(|one| size_of::<Refusal>() + one.text.len());
            records + refused.sum::<usize>()
        }
        Opened::Uplink(uplink) => uplink.bytes.len() + values(&uplink.decoded),
        Opened::Plain(_) | Opened::NotReadings(_) => 0,
    }
}

#[test]
fn what_breaks_a_bound_is_refused_in_every_format() {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let wide = format!(
        "{{{}}}",
        (0..65)
            .map(|n| format!("\"k{n}\":1"))
            .collect::<Vec<_>>()
            .join(",")
    );
    for (topic, _) in FORMATS {
        let huge = vec![b' '; PAYLOAD_BYTES_MAX + 1];
        assert_eq!(
            open(topic, &huge).unwrap_err().reason,
            RefusalReason::Oversized,
            "{topic}"
        );
        let is_text = ["csv", "line", "ultralight", "attrs", "cbor"]
            .iter()
            .any(|one| topic.contains(one));
        if is_text {
            continue;
        }
        let is_array = topic.ends_with("senml-json");
        let wrap = |object: &str| {
            if is_array {
                format!("[{object}]")
            } else {
                object.to_owned()
            }
        };
        let levels = if is_array { DEPTH_MAX } else { DEPTH_MAX + 1 };
        for (payload, reason) in [
            (wrap(&deep(levels)), RefusalReason::TooDeep),
            (wrap(&deep(2_000)), RefusalReason::TooDeep),
            (wrap(&wide), RefusalReason::TooManyKeys),
            (wrap("{\"k\":1,\"k\":2}"), RefusalReason::DuplicateKey),
            (
                wrap("{\"k\":{\"x\":1,\"x\":1}}"),
                RefusalReason::DuplicateKey,
            ),
            (
                wrap(&format!("{{\"k\":\"{}\"}}", "x".repeat(4_097))),
                RefusalReason::TooLong,
            ),
            (
                wrap(&format!("{{\"{}\":1}}", "x".repeat(TEXT_CHARS_MAX + 1))),
                RefusalReason::TooLong,
            ),
            (wrap("{\"k\":NaN}"), RefusalReason::NotJson),
            (wrap("{\"k\":1"), RefusalReason::NotJson),
        ] {
            let refusal = open(topic, payload.as_bytes()).unwrap_err();
            assert_eq!(refusal.reason, reason, "{topic}: {refusal}");
        }
    }
}

fn check_too_many(topic: &str, payload: &str, reason: RefusalReason) {
    let found = match open(topic, payload.as_bytes()) {
        Err(refusal) => Some(refusal.reason),
        Ok(Opened::Named(message)) => message.refused.first().map(|refusal| refusal.reason),
        Ok(_other) => None,
    };
    let start: String = payload.chars().take(60).collect();
    assert_eq!(found, Some(reason), "{topic}: {start}");
}

#[test]
fn too_many_records_or_values_are_refused_in_every_format() {
    let many = BATCH_ITEMS_MAX + 1;
    let list = |one: &str, between: &str| vec![one; many].join(between);
    for (topic, payload, reason) in [
        (
            "r/csv",
            format!("a\n{}", list("1", "\n")),
            RefusalReason::TooManyItems,
        ),
        ("r/line", list("m a=1", "\n"), RefusalReason::TooManyItems),
        (
            "r/ultralight",
            list("a|1", "#"),
            RefusalReason::TooManyItems,
        ),
        (
            "r/json",
            format!("{{\"a\":{{\"b\":[{}]}}}}", list("{\"x\":1}", ",")),
            RefusalReason::TooManyItems,
        ),
        (
            "r/ngsi-ld",
            format!("[{}]", list("{\"id\":\"a\",\"x\":1}", ",")),
            RefusalReason::TooManyItems,
        ),
        (
            "r/senml-json",
            format!("[{}]", vec!["{}"; 1_025].join(",")),
            RefusalReason::TooManyItems,
        ),
        (
            "r/zigbee",
            format!("{{\"a\":[{}]}}", vec!["1"; 1_025].join(",")),
            RefusalReason::TooManyItems,
        ),
        (
            "tele/d/SENSOR",
            format!("{{\"a\":[{}]}}", vec!["1"; 1_025].join(",")),
            RefusalReason::TooManyItems,
        ),
    ] {
        check_too_many(topic, &payload, reason);
    }
}

#[test]
fn records_that_are_too_wide_or_long_are_refused() {
    for (topic, payload, reason) in [
        (
            "r/ultralight",
            vec!["abc|1"; 65].join("|"),
            RefusalReason::DuplicateKey,
        ),
        (
            "r/line",
            format!(
                "m {}",
                (0..65)
                    .map(|n| format!("f{n}=1"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            RefusalReason::TooManyKeys,
        ),
        (
            "r/csv",
            format!("{}\n", vec!["1"; 65].join(",")),
            RefusalReason::TooManyKeys,
        ),
        (
            "r/csv",
            format!("a\n{}", "x".repeat(129)),
            RefusalReason::TooLong,
        ),
        (
            "r/line",
            format!("m a=\"{}\"", "x".repeat(129)),
            RefusalReason::TooLong,
        ),
        (
            "r/ultralight",
            format!("a|{}", "x".repeat(129)),
            RefusalReason::TooLong,
        ),
    ] {
        check_too_many(topic, &payload, reason);
    }
}

fn value() -> impl Strategy<Value = NamedValue> {
    prop_oneof![
        any::<bool>().prop_map(NamedValue::Bool),
        (-9_000_000_000_000_i64..9_000_000_000_000)
            .prop_map(|n| NamedValue::Number(Fixed::from_micros(n))),
        "[ -~é水]{0,12}".prop_map(NamedValue::Text),
    ]
}

fn values() -> impl Strategy<Value = Vec<(String, NamedValue)>> {
    prop::collection::btree_map("[a-z ,=\\\\é]{0,5}[a-z]", value(), 1..5)
        .prop_map(|map| map.into_iter().collect())
}

fn escaped(text: &str, special: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        if special.contains(char) {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

/// Line protocol, written by its reference and not by our parser.
fn as_line(measurement: &str, values: &[(String, NamedValue)], at: Option<i64>) -> String {
    let fields = values.iter().map(|(name, value)| {
        let value = match value {
            NamedValue::Bool(yes) => (if *yes { "t" } else { "FALSE" }).to_owned(),
            NamedValue::Number(number) => number.to_string(),
            NamedValue::Text(text) => format!("\"{}\"", escaped(text, "\"\\")),
            NamedValue::Missing => String::new(),
        };
        format!("{}={value}", escaped(name, ",= "))
    });
    let time = at.map_or(String::new(), |ms| format!(" {ms}000000"));
    let fields = fields.collect::<Vec<_>>().join(",");
    format!("{},site=s\\ 1 {fields}{time}", escaped(measurement, ", "))
}

/// Whether `UltraLight` can say a name or text: bars and hashes cannot be escaped, and what looks
/// like a value of another type is one.
fn is_sayable(text: &str) -> bool {
    let is_other = serde_json::from_str::<serde_json::Value>(text).is_ok();
    !text.contains(['|', '#'])
        && text.trim() == text
        && !is_other
        && !text.is_empty()
        && !text.starts_with('"')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn line_protocol_reads_back_what_was_written(
        messages in prop::collection::vec((
            "[a-zé]{1,5}", values(), prop::option::of(1_000_000_000_000..2_000_000_000_000_i64),
        ), 1..4),
    ) {
        let line = |(name, values, at): &(String, Vec<(String, NamedValue)>, Option<i64>)| {
            as_line(name, values, *at)
        };
        let lines: Vec<String> = messages.iter().map(line).collect();
        let found = records("r/line", &lines.join("\n"));
        prop_assert_eq!(found.len(), messages.len(), "{:?}", lines);
        for (record, (_, values, at)) in found.iter().zip(&messages) {
            prop_assert_eq!(&record.values, values, "{:?}", lines);
            prop_assert_eq!(record.at.map(|at| at.0), *at);
        }
    }

    #[test]
    fn ultralight_reads_back_what_was_written(
        groups in prop::collection::vec((
            prop::collection::btree_map("[a-z]{1,4}", value(), 1..4),
            prop::option::of(1_000_000_000..2_000_000_000_i64),
        ), 1..4),
    ) {
        let sayable = |value: &NamedValue| match value {
            NamedValue::Text(text) => is_sayable(text),
            NamedValue::Bool(_) | NamedValue::Number(_) | NamedValue::Missing => true,
        };
        prop_assume!(groups.iter().all(|(values, _)| values.values().all(sayable)));
        let group = |(values, at): &(std::collections::BTreeMap<String, NamedValue>, Option<i64>)| {
            let time = at.map(|s| jiff::Timestamp::from_second(s).unwrap().to_string());
            let parts = values.iter().map(|(name, value)| match value {
                NamedValue::Bool(yes) => format!("{name}|{yes}"),
                NamedValue::Number(number) => format!("{name}|{number}"),
                NamedValue::Text(text) => format!("{name}|{text}"),
                NamedValue::Missing => format!("{name}|"),
            });
            time.into_iter().chain(parts).collect::<Vec<_>>().join("|")
        };
        let payload = groups.iter().map(group).collect::<Vec<_>>().join("#");
        let found = records("r/ultralight", &payload);
        prop_assert_eq!(found.len(), groups.len(), "{}", payload);
        for (record, (values, at)) in found.iter().zip(&groups) {
            let values: Vec<_> = values.clone().into_iter().collect();
            prop_assert_eq!(&record.values, &values, "{}", payload);
            prop_assert_eq!(record.at.map(|at| at.0 / 1_000), *at);
        }
    }

    #[test]
    fn csv_reads_back_what_was_written(
        rows in prop::collection::vec(prop::collection::vec("[ -~\n\ré]{0,9}", 3), 1..5),
        is_quoted in any::<bool>(),
    ) {
        let cell = |text: &String| {
            let must = text.contains([',', '"', '\n', '\r']) || text.trim_matches(' ') != text;
            if is_quoted || must {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.clone()
            }
        };
        let line = |row: &Vec<String>| row.iter().map(cell).collect::<Vec<_>>().join(",");
        let lines = rows.iter().map(line).collect::<Vec<_>>().join("\r\n");
        let payload = format!("a,b,c\r\n{lines}\r\n");
        let found = records("r/csv", &payload);
        let says = |text: &String| !text.is_empty() && text != "null";
        let wanted: Vec<_> = rows.iter().filter(|row| row.iter().any(says)).collect();
        prop_assert_eq!(found.len(), wanted.len(), "{:?}", payload);
        for (record, row) in found.iter().zip(wanted) {
            for ((_, value), text) in record.values.iter().zip(row) {
                let wanted = match serde_json::from_str(text) {
                    Ok(serde_json::Value::Bool(yes)) => NamedValue::Bool(yes),
                    // White space around a JSON value belongs to a cell in quotes.
                    Ok(serde_json::Value::Number(_)) if text.trim() == text => {
                        Fixed::from_json(text).map_or(NamedValue::Missing, NamedValue::Number)
                    }
                    _text if text.is_empty() || text == "null" => NamedValue::Missing,
                    _text => NamedValue::Text(text.clone()),
                };
                let is_padded_word = text.trim() != text;
                prop_assert!(*value == wanted || is_padded_word, "{:?} {:?}", text, value);
            }
        }
    }

    #[test]
    fn whatever_is_sent_is_read_or_refused_within_its_size(
        at in 0..FORMATS.len(),
        payload in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[\\[\\]{}\":,0-9a-z.eE+\\-|#= \\\\\n]{0,80}".prop_map(String::into_bytes),
            prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"n\"", "\"v\"", "\"bn\"", "\"t\"", "\"id\"",
                "\"type\"", "\"value\"",
                "\"data\"", "\"body\"", "\"Time\"", "\"LwDecoded\"", "\"a\"", "\"b\"", "\"cmd\"",
                "\"rx\"", "\"EUI\"",
                "\"gws\"", "\"objectJSON\"", "\"status\"", "\"fillingLevel\"",
                "1", "-1", "1e99", "0.5", "null", "true",
                "\"x\"", "|", "#", "m,d=a v=1", "\n", "=", " ", "\\", "\"2026-11-23T04:00:00Z\"",
            ]), 0..40).prop_map(|parts| parts.concat().into_bytes()),
            prop::collection::vec(prop::sample::select(vec![
                0x80_u8, 0x81, 0x82, 0x9f, 0xa0, 0xa1, 0xa2, 0xbf, 0xff,
                0, 1, 2, 3, 6, 0x20, 0x21, 0x22, 0x24,
                0x61, b'a', 0x41, 0x7f, 0xf4, 0xf6, 0xf9, 0xfa, 0xfb, 0xc4, 0x18, 0x1b, 0x3e, 0xdb,
            ]), 0..60),
        ],
    ) {
        let (topic, _) = FORMATS[at];
        match open(topic, &payload) {
            Err(refusal) => prop_assert!(refusal.text.len() < 500, "{}", refusal),
            // A value takes at most so much beside what its bytes in the message are.
            Ok(opened) => prop_assert!(heap(&opened) <= 100 * payload.len() + 500, "{:?}", opened),
        }
    }
}
