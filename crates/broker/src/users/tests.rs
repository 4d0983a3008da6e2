//! A users file gives each user its rights, and refuses what it cannot vouch for.

use std::sync::Arc;

use proptest::prelude::*;

use super::{LineFault, Table, User, UsersError, line};
use crate::topic;

const FILE: &str = "\
# who may speak here
bin-1    device   site=yard-3
bin      device   site=yard-3
gate-3   edge
central  hub
watch    observer
lora     gateway  publish=application/+/device/+/event/up,gw/# \
                  subscribe=application/+/device/+/command/down
";

fn user(name: &str) -> Arc<User> {
    let table = Table::read(FILE).unwrap();
    Arc::clone(table.get(name).unwrap())
}

#[test]
fn each_role_publishes_its_own_and_nothing_else() {
    let permitted = [
        ("bin-1", "huitian/v1/yard-3/bin-1"),
        ("bin", "huitian/v1/yard-3/bin"),
        ("gate-3", "huitian/edge/v1/gate-3/up"),
        ("central", "huitian/edge/v1/gate-3/down"),
        ("lora", "application/7/device/a84041000181/event/up"),
        ("lora", "gw/x/y"),
    ];
    let others = [
        "huitian/v1/yard-3/bin-2",
        "huitian/v1/yard-4/bin-1",
        "huitian/v1/yard-3/bin-1/down",
        "huitian/v1/yard-3/bin-1/",
        "huitian/v1/yard-3",
        "huitian/edge/v1/gate-4/up",
        "huitian/edge/v1/gate-3/x/down",
        "application/7/device/a84041000181/event/join",
        "application/7/device/a84041000181/command/down",
        "$SYS/x",
        "t",
    ];
    for name in ["bin-1", "bin", "gate-3", "central", "watch", "lora"] {
        let topics = permitted.iter().map(|(_, topic)| *topic).chain(others);
        for topic in topics {
            let expected = permitted.contains(&(name, topic));
            assert_eq!(user(name).may_publish(topic), expected, "{name}: {topic}");
        }
    }
}

#[test]
fn each_role_subscribes_to_its_own_and_nothing_wider() {
    let permitted = [
        ("bin-1", "huitian/v1/yard-3/bin-1/down"),
        ("bin", "huitian/v1/yard-3/bin/down"),
        ("gate-3", "huitian/edge/v1/gate-3/down"),
        ("central", "huitian/edge/v1/gate-3/up"),
        ("central", "huitian/edge/v1/+/up"),
        ("watch", "huitian/#"),
        ("watch", "huitian/v1/yard-3/bin-1/down"),
        ("watch", "huitian/v1/yard-3/bin/down"),
        ("watch", "huitian/edge/v1/gate-3/down"),
        ("watch", "huitian/edge/v1/gate-3/up"),
        ("watch", "huitian/edge/v1/+/up"),
        ("watch", "huitian/v1/+/+"),
        ("watch", "huitian/+/yard-3/#"),
        ("watch", "huitian/v1/yard-3/+/down"),
        ("watch", "huitian/edge/v1/+/#"),
        ("lora", "application/+/device/+/command/down"),
        ("lora", "application/7/device/+/command/down"),
    ];
    let others = [
        "#",
        "+/#",
        "+/v1/yard-3/bin-1/down",
        "huitian-2/#",
        "$SYS/#",
        "$share/g/huitian/#",
        "application/7/#",
    ];
    for name in ["bin-1", "bin", "gate-3", "central", "watch", "lora"] {
        for filter in permitted.iter().map(|(_, filter)| *filter).chain(others) {
            let expected = permitted.contains(&(name, filter));
            let may = user(name).may_subscribe(filter);
            assert_eq!(may, expected, "{name}: {filter}");
        }
    }
}

#[test]
fn a_client_id_belongs_to_the_longest_name_it_begins_with() {
    let table = Table::read(FILE).unwrap();
    for (client_id, owner) in [
        ("bin", Some("bin")),
        ("bin-1", Some("bin-1")),
        ("bin-1-a", Some("bin-1")),
        ("bin-1/a", Some("bin-1")),
        ("bin-2", Some("bin")),
        ("bin/1", Some("bin")),
        ("bin-10", Some("bin")),
        ("bin1", None),
        ("-bin", None),
        ("", None),
        ("\u{e9}-bin", None),
    ] {
        let found = table.owner_of(client_id).map(|user| &*user.name);
        assert_eq!(found, owner, "{client_id}");
    }
}

#[test]
fn names_that_could_be_taken_for_patterns_are_refused() {
    let long = "x".repeat(65);
    for name in ["+", "a+", "b#", "a/b", "a\0b", "A", "\u{e9}", "a.b", &long] {
        let read = line::read(&format!("{name} edge"));
        assert_eq!(read, Err(LineFault::Name), "{name}");
    }
    assert!(matches!(
        line::read(&format!("{} edge", "x".repeat(64))),
        Ok(Some(_))
    ));
}

#[test]
fn a_line_that_cannot_be_used_is_named() {
    for (line, fault) in [
        ("a", LineFault::Role),
        ("a root", LineFault::Role),
        ("a device", LineFault::Site),
        ("a device site=+", LineFault::Site),
        ("a edge site=yard", LineFault::Key),
        ("a edge publish=#", LineFault::Key),
        ("a edge password=x password=x", LineFault::Key),
        ("a edge pass", LineFault::Key),
        ("a gateway publish=a#", LineFault::Filter),
        ("a gateway publish=a,,b", LineFault::Filter),
        ("a edge", LineFault::Twice),
    ] {
        let read = Table::read(&format!("a edge\n\n{line}"));
        let named = matches!(read, Err(UsersError::Line { line: 3, fault: f }) if f == fault);
        assert!(named, "{line}: {read:?}");
    }
    let secret = line::read("a edge password=hunter2").unwrap_err();
    assert!(!secret.to_string().contains("hunter2"), "{secret}");
}

fn filters() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just("+"), Just("a"), Just("b"), Just("$a"), Just("")];
    (proptest::collection::vec(level, 0..4), any::<bool>()).prop_map(|(mut levels, has_rest)| {
        if has_rest || levels.concat().is_empty() {
            levels.push("#");
        }
        levels.join("/")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn what_covers_a_filter_matches_all_that_the_filter_matches(
        allowed in filters(),
        wanted in filters(),
        name in "(a|b|\\$a)?(/(a|b|\\$a)?){0,4}",
    ) {
        if topic::covers(&allowed, &wanted) && topic::matches(&wanted, &name) {
            prop_assert!(topic::matches(&allowed, &name), "{allowed} {wanted} {name}");
        }
        prop_assert!(topic::covers(&wanted, &wanted), "{wanted}");
    }

    #[test]
    fn any_line_is_a_user_or_is_refused(
        line in "[ -~]{0,80}|a (device|gateway) [a-z=/+#, ]{0,60}",
    ) {
        if let Ok(Some(user)) = line::read(&line) {
            prop_assert!(line::is_id(&user.name));
        }
    }
}
