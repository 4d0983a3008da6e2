//! What is left to repair, and what a repair leaves behind.

use super::*;

fn late(n: u64, reason: Reason) -> Output {
    Output::Held(HeldReading {
        channel: ChannelRef {
            device: DeviceId::new("bay-1").unwrap(),
            channel: ChannelName::new("occupied").unwrap(),
        },
        number: (EdgeId::new("gate").unwrap(), 7, n),
        reading: Reading {
            at: UtcMs(1),
            received_at: UtcMs(2),
            time_source: TimeSource::Device,
            sequence: None,
            sample: Sample::Good(Measurement::Occupied(true)),
        },
        reason,
    })
}

#[tokio::test]
async fn late_readings_are_to_be_repaired_until_they_are_marked() {
    let folder = Folder::new();
    let store = folder.open();
    assert_eq!(store.to_repair().unwrap(), []);
    let mut all: Vec<_> = (0..6_000).map(|n| late(n, Reason::Late)).collect();
    all.push(late(6_000, Reason::QuarantinedUnknown));
    say(&store, all).await;
    assert_eq!(store.to_repair().unwrap(), [(part(), 6_000)]);
    assert_eq!(store.repaired_to(part()).unwrap(), Position(0));
    store
        .mark_repaired(part(), Position(12), UtcMs(99))
        .await
        .unwrap();
    drop(store);
    let store = folder.open();
    assert_eq!(store.to_repair().unwrap(), []);
    assert_eq!(store.repaired_to(part()).unwrap(), Position(12));
    assert_eq!(store.repaired(UtcMs(0), UtcMs(10)).unwrap(), 6_000);
    assert_eq!(store.repaired(UtcMs(3), UtcMs(10)).unwrap(), 0);
}

#[tokio::test]
async fn the_late_readings_of_an_older_file_are_to_be_repaired() {
    let folder = Folder::new();
    let store = folder.open();
    say(&store, vec![late(1, Reason::Late)]).await;
    drop(store);
    let conn = Connection::open(folder.dir.path().join(open::FILE_NAME)).unwrap();
    conn.execute_batch(
        "DROP INDEX held_to_repair; ALTER TABLE held DROP COLUMN repaired_ms; \
         PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(conn);
    assert_eq!(folder.open().to_repair().unwrap(), [(part(), 1)]);
}
