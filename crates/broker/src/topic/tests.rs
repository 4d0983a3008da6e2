//! Topic filters match what the standard says they match.

use super::{is_filter, matches};

#[test]
fn filters_match_as_the_standard_says() {
    for (filter, topic, expected) in [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        (
            "sport/tennis/player1/#",
            "sport/tennis/player1/score/wimbledon",
            true,
        ),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("#", "a/b/c", true),
        ("#", "$SYS/uptime", false),
        ("+/uptime", "$SYS/uptime", false),
        ("$SYS/#", "$SYS/uptime", true),
        ("a//b", "a/b", false),
        ("Accounts", "accounts", false),
        ("v3/+/devices/+/up", "v3/app@tenant/devices/dev-1/up", true),
    ] {
        assert_eq!(matches(filter, topic), expected, "{filter} on {topic}");
    }
}

#[test]
fn malformed_filters_are_refused() {
    for filter in [
        "",
        "sport/tennis#",
        "sport/#/ranking",
        "sport+",
        "a/+b/c",
        "##",
        "+a",
    ] {
        assert!(!is_filter(filter), "{filter}");
    }
    for filter in [
        "#",
        "+",
        "+/tennis/#",
        "/",
        "a//b",
        "sport/+/player1",
        "$SYS/#",
    ] {
        assert!(is_filter(filter), "{filter}");
    }
}
