//! What never became a reading is counted, within limits.

use crate::{IntakeNote, IntakeReason, OTHER_SOURCES, SOURCES_PER_HOUR_MAX, UNKNOWN_DEVICES_MAX};
use crate::{SAMPLE_BYTES_MAX, UnknownNote};

use super::*;

const HOUR: i64 = 60 * MINUTE;

fn note(at: i64, source: &str, sample: Option<&[u8]>) -> IntakeNote {
    IntakeNote {
        at: UtcMs(at),
        source: source.to_owned(),
        reason: IntakeReason::Malformed,
        count: 2,
        sample: sample.map(<[u8]>::to_vec),
    }
}

#[tokio::test]
async fn messages_are_counted_by_hour_source_and_reason() {
    let folder = Folder::new();
    let store = folder.open();
    let big = vec![7; 10_000];
    let notes = vec![
        note(HOUR, "tps-1", Some(&big)),
        note(2 * HOUR - 1, "tps-1", None),
        note(2 * HOUR, "tps-1", Some(b"x")),
    ];
    store.note(notes).await.unwrap();
    drop(store);
    let rows = folder
        .open()
        .intake_ledger(UtcMs(HOUR), UtcMs(3 * HOUR))
        .unwrap();
    let counts: Vec<_> = rows
        .iter()
        .map(|row| (row.hour.0 / HOUR, row.count))
        .collect();
    assert_eq!(counts, [(1, 4), (2, 2)]);
    assert_eq!(rows[0].sample.as_ref().unwrap().len(), SAMPLE_BYTES_MAX);
}

#[tokio::test]
async fn a_flood_of_sources_is_counted_together() {
    let folder = Folder::new();
    let store = folder.open();
    let sources = SOURCES_PER_HOUR_MAX + 50;
    let notes = (0..sources)
        .map(|n| note(0, &format!("flood/{n}"), None))
        .collect();
    store.note(notes).await.unwrap();
    let rows = store.intake_ledger(UtcMs(0), UtcMs(1)).unwrap();
    assert_eq!(rows.len(), SOURCES_PER_HOUR_MAX + 1);
    let other = rows.iter().find(|row| row.source == OTHER_SOURCES).unwrap();
    assert_eq!(other.count, 100);
}

#[tokio::test]
async fn of_too_many_unknown_devices_the_one_heard_longest_ago_makes_room() {
    let folder = Folder::new();
    let store = folder.open();
    let note = |n: usize, at: usize| UnknownNote {
        address: format!("{n:016x}"),
        topic: "application/1/device/x/event/up".to_owned(),
        at: UtcMs(i64::try_from(at).unwrap()),
        payload: vec![1, 2],
    };
    let devices = UNKNOWN_DEVICES_MAX;
    store
        .note_unknown((0..devices).map(|n| note(n, n)).collect())
        .await
        .unwrap();
    store
        .note_unknown(vec![note(0, 5_000), note(devices, 6_000)])
        .await
        .unwrap();
    assert_eq!(store.unknown_made_room().unwrap(), 1);
    let kept = store.unknown_devices().unwrap();
    assert_eq!(kept.len(), UNKNOWN_DEVICES_MAX);
    assert_eq!(kept[0].address, format!("{devices:016x}"));
    let again = &kept[1];
    assert_eq!(
        (again.count, again.first_seen, again.last_seen),
        (2, UtcMs(0), UtcMs(5_000))
    );
    assert!(
        !kept
            .iter()
            .any(|device| device.address == format!("{:016x}", 1))
    );
    store
        .forget_unknown(format!("{devices:016x}"))
        .await
        .unwrap();
    assert_eq!(
        store.unknown_devices().unwrap().len(),
        UNKNOWN_DEVICES_MAX - 1
    );
    let flood = (2_000..3_000).map(|n| note(n, n + 10_000)).collect();
    store.note_unknown(flood).await.unwrap();
    assert_eq!(store.unknown_devices().unwrap().len(), UNKNOWN_DEVICES_MAX);
    assert_eq!(store.unknown_made_room().unwrap(), 1_000);
}

#[tokio::test]
async fn the_newest_message_of_an_unknown_device_is_kept_whole_up_to_16_kib_and_listed_in_short() {
    let folder = Folder::new();
    let store = folder.open();
    let topic = format!("application/{}/device/x/event/up", "a".repeat(190));
    let say = |bytes: usize| UnknownNote {
        address: "x".to_owned(),
        topic: topic.clone(),
        at: UtcMs(1),
        payload: vec![7; bytes],
    };
    store.note_unknown(vec![say(20_000)]).await.unwrap();
    let listed = store.unknown_devices().unwrap().remove(0);
    assert_eq!(listed.last_payload, vec![7; 600]);
    assert_eq!((listed.payload_bytes, &listed.topic), (16_384, &topic));
    let kept = store.unknown_device("x").unwrap().unwrap();
    assert_eq!(kept.last_payload, vec![7; 16_384]);
    store.note_unknown(vec![say(3)]).await.unwrap();
    let kept = store.unknown_device("x").unwrap().unwrap();
    assert_eq!((kept.last_payload, kept.count), (vec![7; 3], 2));
    assert_eq!(store.unknown_device("y").unwrap(), None);
}

#[tokio::test]
async fn small_facts_survive() {
    let folder = Folder::new();
    let store = folder.open();
    assert_eq!(store.meta("demo_seed").unwrap(), None);
    store
        .set_meta("demo_seed".to_owned(), "41".to_owned())
        .await
        .unwrap();
    store
        .set_meta("demo_seed".to_owned(), "42".to_owned())
        .await
        .unwrap();
    drop(store);
    assert_eq!(
        folder.open().meta("demo_seed").unwrap().as_deref(),
        Some("42")
    );
}
