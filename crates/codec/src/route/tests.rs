//! Routes: which topic goes where, and what is refused where it is written.

use huitian_model::UtcMs;
use proptest::prelude::*;
use serde::Deserialize;

use super::{Filter, ROUTES_MAX, Routes};
use crate::{Opened, RefusalReason};

const NOW: UtcMs = UtcMs(1_795_406_400_000);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    routes: Routes,
}

fn parse(text: &str) -> Result<Routes, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.routes)
}

fn route(keys: &str) -> Routes {
    parse(&format!("[[routes]]\n{keys}")).unwrap()
}

fn devices(routes: &Routes, topic: &str, payload: &str) -> Vec<String> {
    match routes.open(topic, payload.as_bytes(), NOW) {
        Ok(Opened::Named(named)) => named.records.into_iter().map(|one| one.address).collect(),
        other => panic!("{topic}: {other:?}"),
    }
}

#[test]
fn the_first_route_that_matches_decides_then_the_topics_shape() {
    let routes = parse(
        r#"
        [[routes]]
        topic = "tele/+/SENSOR"
        format = "tasmota"
        utc_offset = "+08:00"
        [[routes]]
        topic = "tele/#"
        format = "json"
        [[routes]]
        topic = "a/b"
        format = "senml-json"
        "#,
    )
    .unwrap();
    assert_eq!(routes.len(), 3);
    let time = r#"{"Time":"2026-11-23T12:00:00","X":1}"#;
    let Ok(Opened::Named(named)) = routes.open("tele/hall/SENSOR", time.as_bytes(), NOW) else {
        panic!()
    };
    assert_eq!(named.records[0].at, Some(NOW));
    assert_eq!(devices(&routes, "tele/x/y", time), ["x/y"]);
    assert_eq!(devices(&routes, "zigbee2mqtt/x", r#"{"a":1}"#), ["x"]);
    assert_eq!(devices(&routes, "a/b", r#"[{"n":"x","v":1}]"#), ["x"]);
    let unknown = routes.open("a/b/c", b"{}", NOW).unwrap_err();
    assert_eq!(unknown.reason, RefusalReason::WrongTopic);
}

#[test]
fn our_own_topics_are_never_routed() {
    let routes = route("topic = \"+/+/+/+\"\nformat = \"json\"");
    let plain = routes.open("huitian/v1/s-001/bin-7", br#"{"readings":{"fill":1}}"#, NOW);
    assert!(matches!(plain, Ok(Opened::Plain(_))), "{plain:?}");
    for topic in ["spBv1.0/g/NDATA/e", "$SYS/a/b/c"] {
        let refusal = routes.open(topic, b"{}", NOW).unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::WrongTopic);
    }
    for topic in [
        "huitian/#",
        "huitian",
        "spBv1.0/+/DDATA/#",
        "$SYS/#",
        "$share/g/a",
    ] {
        let error = parse(&format!(
            "[[routes]]\ntopic = \"{topic}\"\nformat = \"json\""
        ))
        .unwrap_err();
        assert!(error.message().contains("not under huitian/"), "{error}");
    }
}

#[test]
fn the_device_is_a_level_or_what_the_wildcard_stands_for() {
    for (keys, topic, device) in [
        ("topic = \"a/+/c/+\"", "a/b/c/d", "b"),
        ("topic = \"a/#\"", "a/b/c", "b/c"),
        ("topic = \"#\"", "a/b/c", "a/b/c"),
        ("topic = \"a/+/#\"\ndevice = { level = 3 }", "a/b/c", "c"),
        ("topic = \"a/b/c\"\ndevice = { level = 2 }", "a/b/c", "b"),
    ] {
        let routes = route(&format!("{keys}\nformat = \"json\""));
        assert_eq!(devices(&routes, topic, r#"{"x":1}"#), [device], "{keys}");
    }
    // Nothing stands at that level.
    let routes = route("topic = \"a/#\"\nformat = \"json\"\ndevice = { level = 4 }");
    let refusal = routes.open("a/b", b"{\"x\":1}", NOW).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::WrongTopic);
    // Formats with topics of several kinds below the device.
    let routes = route("topic = \"home/#\"\nformat = \"zigbee2mqtt\"");
    assert_eq!(
        devices(&routes, "home/yard/bin", r#"{"x":1}"#),
        ["yard/bin"]
    );
    let offline = routes.open("home/yard/bin/availability", b"offline", NOW);
    assert_eq!(offline, Ok(Opened::NotReadings("device offline")));
    let routes = route("topic = \"+/tele/#\"\nformat = \"tasmota\"");
    assert_eq!(devices(&routes, "hall/tele/SENSOR", r#"{"x":1}"#), ["hall"]);
    let named_so = "MYSENSOR/tele/SENSOR";
    assert_eq!(devices(&routes, named_so, r#"{"x":1}"#), ["MYSENSOR"]);
    let routes = route("topic = \"tasmota/#\"\nformat = \"tasmota\"");
    assert_eq!(
        devices(&routes, "tasmota/hall/east/SENSOR", r#"{"x":1}"#),
        ["hall/east"]
    );
    let routes = route("topic = \"/k/+/attrs/#\"\nformat = \"ultralight\"");
    assert_eq!(devices(&routes, "/k/bin/attrs", "t|1"), ["bin"]);
    assert_eq!(devices(&routes, "/k/bin/attrs/t", "1"), ["bin"]);
}

fn check_fault(keys: &str, underlined: &str, told: &str) {
    let text = format!("[[routes]]\n{keys}");
    let error = parse(&text).unwrap_err();
    assert!(error.message().contains(told), "{keys}: {error}");
    let span = error.span().unwrap_or_else(|| panic!("no place: {error}"));
    let found = text.get(span).unwrap();
    assert!(found.starts_with(underlined), "{keys}: {error}");
}

#[test]
fn a_fault_is_underlined_and_says_what_is_permitted() {
    let long = "x".repeat(129);
    let long = format!("topic = \"a/+\"\nformat = \"csv\"\ncolumns = [\"{long}\"]");
    check_fault(&long, "[\"x", "1 to 128 characters");
    for (keys, underlined, told) in [
        (
            "topic = \"a/#/b\"\nformat = \"json\"",
            "\"a/#/b\"",
            "'#' alone in the last",
        ),
        (
            "topic = \"a/b+\"\nformat = \"json\"",
            "\"a/b+\"",
            "'+' alone in a level",
        ),
        ("topic = \"\"\nformat = \"json\"", "\"\"", "1 to 256 bytes"),
        (
            "topic = \"1/2/3/4/5/6/7/8/9\"\nformat = \"json\"",
            "\"1/2/3/4/5/6/7/8/9\"",
            "at most 8 levels",
        ),
        (
            "topic = \"a/+\"\nformat = \"xml\"",
            "\"xml\"",
            "`loriot`, `csv`, `line`, `senml-json`",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\nunit = 1",
            "unit",
            "unknown field `unit`",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\ndevice = { level = 0 }",
            "{ level",
            "a level from 1, found 0",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\ndevice = { tags = \"x\" }",
            "tags",
            "`level`, `path`",
        ),
    ] {
        check_fault(keys, underlined, told);
    }
}

#[test]
fn a_fault_of_a_formats_own_keys_is_underlined_too() {
    for (keys, underlined, told) in [
        (
            "topic = \"a/+\"\nformat = \"csv\"\ndelimiter = \"#\"",
            "\"#\"",
            "expected \",\", \";\"",
        ),
        (
            "topic = \"a/+\"\nformat = \"csv\"\ncolumns = []",
            "[]",
            "1 to 64 columns, found 0",
        ),
        (
            "topic = \"a/+\"\nformat = \"csv\"\ncolumns = [\"a\", \"a\"]",
            "[\"a\", \"a\"]",
            "stands twice",
        ),
        (
            "topic = \"a/+\"\nformat = \"tasmota\"\nutc_offset = \"8\"",
            "\"8\"",
            "such as \"+08:00\"",
        ),
        (
            "topic = \"a/+\"\nformat = \"tasmota\"\nutc_offset = \"+15:00\"",
            "\"+15:00\"",
            "-14:59 to +14:59",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\ntime = { path = \"t\", unit = \"h\" }",
            "\"h\"",
            "`s`, `ms`",
        ),
    ] {
        check_fault(keys, underlined, told);
    }
}

#[test]
fn what_contradicts_something_else_is_told_for_the_route_as_a_whole() {
    for (keys, told) in [
        (
            "topic = \"a/b\"\nformat = \"json\"",
            "device = { level = 1 to 2 }",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\ndevice = { level = 3 }",
            "expected 1 to 2, found 3",
        ),
        (
            "topic = \"a/+\"\nformat = \"loriot\"\ndevice = { level = 1 }",
            "takes no more keys, found device",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\ncolumns = [\"a\"]",
            "device, time, sequence, records, found columns",
        ),
        (
            "topic = \"a/+\"\nformat = \"csv\"\ndevice = { tag = \"a\" }",
            "{ column = NAME }, found tag",
        ),
        (
            "topic = \"a/+\"\nformat = \"ultralight\"\ndevice = { path = \"a\" }",
            "takes device = { level = N }",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\ntime = { path = \"t\" }",
            "one of s, ms, rfc3339",
        ),
        (
            "topic = \"a/+\"\nformat = \"json\"\ntime = { unit = \"s\" }",
            "time = { path = NAME",
        ),
        (
            "topic = \"a/+\"\nformat = \"line\"\ntime = { unit = \"rfc3339\" }",
            "one of s, ms, us, ns",
        ),
        (
            "topic = \"a/+\"\nformat = \"csv\"\ncolumns = [\"a\"]\nsequence = \"n\"",
            "one of the columns a, found \"n\"",
        ),
    ] {
        check_fault(keys, "[[routes]]", told);
    }
}

#[test]
fn routes_are_bounded_and_no_two_have_one_topic() {
    let some = |count: usize| {
        let one = |n| format!("[[routes]]\ntopic = \"t{n}/+\"\nformat = \"json\"\n");
        (0..count).map(one).collect::<String>()
    };
    assert_eq!(parse(&some(ROUTES_MAX)).unwrap().len(), ROUTES_MAX);
    let error = parse(&some(ROUTES_MAX + 1)).unwrap_err();
    assert!(
        error.message().contains("at most 64 routes, found 65"),
        "{error}"
    );
    let twice = format!("{}{}", some(1), some(1));
    let error = parse(&twice).unwrap_err();
    assert!(error.message().contains("has two routes"), "{error}");
    assert!(parse("").unwrap().is_empty());
}

#[test]
fn a_session_asks_for_what_its_subscriptions_do_not_take_in() {
    let routes = parse(
        "[[routes]]\ntopic = \"a/+/c\"\nformat = \"json\"\n\
         [[routes]]\ntopic = \"b/#\"\nformat = \"json\"",
    )
    .unwrap();
    let beyond = |subscribed: &[&str]| {
        let subscribed: Vec<String> = subscribed.iter().map(|&one| one.to_owned()).collect();
        routes.topics_beyond(&subscribed).join(" ")
    };
    assert_eq!(beyond(&["huitian/v1/+/+"]), "a/+/c b/#");
    assert_eq!(beyond(&["a/+/c"]), "b/#");
    assert_eq!(beyond(&["a/b/c", "b/+", "b/+/#"]), "a/+/c b/#");
    assert_eq!(beyond(&["a/#", "b/#"]), "");
    assert_eq!(beyond(&["#"]), "");
    assert_eq!(beyond(&["+/+/+"]), "b/#");
}

/// MQTT's rule for filters, written as recursion over slices.
fn naive(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => naive(filter, topic),
        ([one, filter @ ..], [other, topic @ ..]) => one == other && naive(filter, topic),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn filters_match_as_the_standard_says(
        filter in "[ab+]?(/[ab+]?){0,4}(/#)?",
        other in "[ab+]?(/[ab+]?){0,4}(/#)?",
        topic in "[ab]?(/[ab]?){0,5}",
    ) {
        let Ok(checked) = Filter::try_from(filter.clone()) else {
            return Ok(());
        };
        let levels: Vec<&str> = topic.split('/').collect();
        let wanted: Vec<&str> = filter.split('/').collect();
        prop_assert_eq!(checked.matches(&topic), naive(&wanted, &levels), "{} {}", filter, topic);
        // Whatever is within another filter is matched by that too.
        let others: Vec<&str> = other.split('/').collect();
        if checked.is_within(&other) && checked.matches(&topic) {
            prop_assert!(naive(&others, &levels), "{} is within {}: {}", filter, other, topic);
        }
    }
}
