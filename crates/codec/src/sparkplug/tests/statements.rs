//! The table of statements in `SPARKPLUG.md` is whole, and names tests that there are.

use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = include_str!("../../../SPARKPLUG.md");
const IDS: &str = include_str!("statements.txt");

/// Where the tests are that the table names.
const SOURCES: [&str; 6] = [
    include_str!("aliases.rs"),
    include_str!("payloads.rs"),
    include_str!("sessions.rs"),
    include_str!("order.rs"),
    include_str!("../../../../mqtt/tests/session/presence.rs"),
    include_str!("../../../../edge/tests/edge/sparkplug.rs"),
];

/// The rows: id, result and test.
fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
    let lines = TABLE.lines().filter(|line| line.ends_with('|'));
    let cells = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter(|cells| cells.len() == 6 && cells[1] != "statement");
    let rows = rows.filter(|cells| !cells[1].starts_with('-'));
    rows.map(|cells| (cells[1], cells[3], cells[4])).collect()
}

#[test]
fn every_statement_that_binds_a_host_or_a_server_is_in_the_table_once() {
    let ids: BTreeMap<&str, &str> = IDS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .map(|(kind, id)| (id, kind))
        .collect();
    assert_eq!(ids.len(), 299, "as many as the specification has");
    let mut open: BTreeSet<&str> = ids.keys().copied().filter(|id| ids[id] != "N").collect();
    for (id, _, _) in rows() {
        assert!(
            open.remove(id),
            "{id}: no statement of a host or server, or twice"
        );
    }
    assert_eq!(open, BTreeSet::new());
}

#[test]
fn every_statement_that_passes_names_a_test_that_there_is() {
    for (id, result, test) in rows() {
        match result {
            "pass" => {
                let claims = |source: &&str| source.contains(&format!("fn {test}("));
                assert!(!test.is_empty() && SOURCES.iter().any(claims), "{id}");
            }
            "not applicable" | "gap" => assert_eq!(test, "", "{id}"),
            other => panic!("{id}: pass, not applicable or gap, not {other:?}"),
        }
    }
    let passes = rows()
        .iter()
        .filter(|(_, result, _)| *result == "pass")
        .count();
    assert!(
        TABLE.contains(&format!("{} pass", passes - 4)),
        "the count above the table"
    );
}
