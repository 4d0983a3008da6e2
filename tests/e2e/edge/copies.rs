//! Two machines with one name and one queue, and a queue that came back from a backup: the hub
//! sees it within a minute, and nothing is lost, mixed or numbered twice.

use std::fs;
use std::path::Path;
use std::time::Duration;

use huitian_tests::district::District;
use huitian_tests::gateway::Place;
use huitian_tests::services::say;
use huitian_tests::{Edge, Hub, until};

use super::account::Account;
use super::wide::{self, Wide};
use crate::recovery::compare::Stored;
use crate::{EDGE, HUB};

/// Promises D22: a copy is noticed within a minute.
const NOTICED_MAX: Duration = Duration::from_secs(60);

/// Messages between two events: twenty readings each.
const SOME: usize = 40;

fn hub() -> Hub {
    let district = District::new("");
    wide::extend(&district);
    Hub::start(HUB, district)
}

/// A machine of its own with this data folder.
fn machine(hub: &Hub, name: &str, data: &Path) -> Edge {
    let folder = hub.district.path().join(name);
    fs::create_dir(&folder).unwrap();
    let inventory = hub.district.inventory();
    let place = Place {
        folder: &folder,
        data: Some(data),
        inventory: &inventory,
        uplink: hub.district.mqtt,
    };
    Edge::start(EDGE, place, "")
}

/// Some more messages, acknowledged by this edge.
fn send(wide: &mut Wide, edge: &Edge) {
    let enough = wide.said.len() + SOME;
    wide.deliver_until(edge.mqtt, |wide| wide.said.len() >= enough);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn wait_noticed(hub: &Hub) {
    until("the hub to notice it", NOTICED_MAX, || {
        let edges = hub.get("/api/v1/edges").json();
        let conflict = edges.pointer("/edges/0/conflict")?;
        (!conflict.is_null()).then_some(())
    });
}

/// Everything that was acknowledged is in the log, under numbers that mean one reading each.
fn assert_whole(mut hub: Hub, wide: &Wide, epochs: usize) {
    let (status, _took) = hub.stop();
    assert!(status.success(), "{status}");
    let account = Account::of(&Stored::read(&hub.district.data()));
    let verdict = account.against(&wide.said);
    say(&format!(
        "{} messages, {} epochs, {} copies",
        wide.said.len(),
        account.epochs(),
        verdict.copies
    ));
    verdict.assert_unspoilt(&account);
    assert!(verdict.missing.is_empty(), "lost: {:?}", verdict.missing);
    assert_eq!(account.epochs(), epochs);
}

#[test]
fn a_queue_that_came_back_from_a_backup_begins_a_new_epoch_and_loses_nothing() {
    let hub = hub();
    let (data, backup) = (
        hub.district.path().join("a"),
        hub.district.path().join("kept"),
    );
    let mut wide = Wide::default();
    let mut edge = machine(&hub, "first", &data);
    send(&mut wide, &edge);
    edge.wait_drained(NOTICED_MAX);
    edge.stop();
    copy(&data, &backup);
    edge.restart();
    edge.wait_ready();
    send(&mut wide, &edge);
    edge.wait_drained(NOTICED_MAX);
    edge.stop();
    fs::remove_dir_all(&data).unwrap();
    copy(&backup, &data);
    edge.restart();
    edge.wait_ready();
    send(&mut wide, &edge);
    wait_noticed(&hub);
    edge.wait_drained(NOTICED_MAX);
    edge.stop();
    assert_whole(hub, &wide, 2);
}

#[test]
fn two_machines_with_one_queue_are_noticed_and_what_both_acknowledged_is_there() {
    let hub = hub();
    let (data, twin) = (hub.district.path().join("a"), hub.district.path().join("b"));
    let mut wide = Wide::default();
    let mut edge = machine(&hub, "first", &data);
    send(&mut wide, &edge);
    edge.wait_drained(NOTICED_MAX);
    edge.stop();
    copy(&data, &twin);
    edge.restart();
    edge.wait_ready();
    let mut other = machine(&hub, "second", &twin);
    send(&mut wide, &edge);
    send(&mut wide, &other);
    wait_noticed(&hub);
    send(&mut wide, &edge);
    // They take the connection from each other: each gets its turns.
    edge.wait_drained(NOTICED_MAX);
    edge.stop();
    other.wait_drained(NOTICED_MAX);
    other.stop();
    assert_whole(hub, &wide, 2);
}
