//! Quota and retention.

use huitian_model::{Frame, Origin};

use super::*;

const DAY: i64 = 24 * 60 * MINUTE;

/// A frame of some 10 KiB.
fn large(n: u64) -> (Partition, Record) {
    let reading = Reading {
        at: UtcMs(1_800_000_000_000),
        received_at: UtcMs(1_800_000_000_000),
        time_source: TimeSource::Device,
        sequence: Some(u32::MAX),
        sample: Sample::Good(Measurement::Distance(1_234)),
    };
    let frame = Frame {
        edge: EdgeId::new("local").unwrap(),
        epoch: 1,
        first_n: n * 400,
        origin: Origin::Live,
        channels: Vec::new(),
        readings: vec![(0, reading); 400],
    };
    (part(), Record::Frame(frame))
}

/// Appends until the store is full; how many records it took.
async fn fill_up(store: &Sqlite) -> u64 {
    for n in 0..10_000 {
        match store.append(vec![large(n)]).await {
            Ok(_) => {}
            Err(StoreError::Full(_)) => return n,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("never full");
}

async fn records(store: &Sqlite) -> Vec<u64> {
    let (mut positions, mut from) = (Vec::new(), Position(1));
    loop {
        let page = store.read(part(), from, 1_000).await.unwrap();
        let Some((last, _)) = page.last() else {
            return positions;
        };
        from = last.next();
        positions.extend(page.iter().map(|(position, _)| position.0));
    }
}

fn snapshot(position: u64) -> Snapshot {
    Snapshot {
        position: Position(position),
        commit: CommitNumber(0),
        bytes: vec![0; 20_000],
    }
}

#[tokio::test]
async fn a_full_store_takes_nothing_loses_nothing_and_recovers_by_itself() {
    let folder = Folder::new();
    let config = StoreConfig {
        quota_bytes: 4_000_000,
        ..folder.config()
    };
    let store = Sqlite::open(config.clone()).unwrap();
    let taken = fill_up(&store).await;
    assert!(taken > 100, "{taken}");
    // Nothing may be removed yet: no snapshot has passed the log.
    let again = store.append(vec![large(taken)]).await.unwrap_err();
    assert!(
        matches!(again, StoreError::Full(_)) && again.is_retryable(),
        "{again:?}"
    );
    assert_eq!(records(&store).await, (1..=taken).collect::<Vec<_>>());

    // What permits trimming still has room. The next refusal makes room itself.
    say(
        &store,
        vec![Output::Window(window(
            "lot-1",
            WindowLength::Hour1,
            UtcMs(0),
        ))],
    )
    .await;
    store
        .save_snapshot(part(), snapshot(taken - 5))
        .await
        .unwrap();
    let refused = store.append(vec![large(taken)]).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    let taken_again = fill_up(&store).await;
    assert!(taken_again > taken / 2, "{taken_again} after {taken}");
    assert_eq!(
        records(&store).await[0],
        taken - 4,
        "all after the snapshot stays"
    );
    let usage = store.usage().unwrap();
    assert!(usage.file_bytes <= usage.quota_bytes, "{usage:?}");
    drop(store);
    let kept = records(&Sqlite::open(config).unwrap()).await;
    assert_eq!(kept, (taken - 4..=taken + taken_again).collect::<Vec<_>>());
}

#[tokio::test]
async fn at_the_quota_the_oldest_log_goes_first_then_five_minute_windows() {
    let folder = Folder::new();
    let store = Sqlite::open(StoreConfig {
        quota_bytes: 2_000_000,
        ..folder.config()
    })
    .unwrap();
    let starts = |length: WindowLength| (0..3_000).map(move |n| (n, length));
    for length in [WindowLength::Min5, WindowLength::Min15] {
        let rows = starts(length)
            .map(|(n, length)| window("lot-1", length, UtcMs(n * length.fixed_ms().unwrap())));
        say(&store, rows.map(Output::Window).collect()).await;
    }
    let taken = fill_up(&store).await;
    store.save_snapshot(part(), snapshot(taken)).await.unwrap();
    let done = store.maintain(UtcMs(0)).await.unwrap();
    assert!(
        done.at_quota && done.records > 0 && done.windows == 0,
        "{done:?}"
    );
    assert_eq!(
        records(&store).await,
        [taken],
        "the last record holds the place"
    );

    fill_up(&store).await;
    let done = store.maintain(UtcMs(0)).await.unwrap();
    assert!(
        done.at_quota && done.records == 0 && done.windows > 0,
        "{done:?}"
    );
    let asked = |length| crate::WindowQuery {
        site: site(),
        facility: facility("lot-1"),
        length,
        from: UtcMs(0),
        to: UtcMs(i64::MAX),
        after: None,
        limit: 10_000,
    };
    let min5 = store.windows(&asked(WindowLength::Min5)).unwrap();
    assert!(min5.len() < 3_000 && min5.first().is_none_or(|row| row.key.start.0 >= DAY));
    assert_eq!(
        store.windows(&asked(WindowLength::Min15)).unwrap().len(),
        3_000
    );
}

#[tokio::test]
async fn what_is_past_its_retention_goes_and_nothing_else() {
    let folder = Folder::new();
    let store = folder.open();
    let days: Vec<i64> = (0..200).collect();
    store
        .append(days.iter().map(|day| tick(UtcMs(day * DAY))).collect())
        .await
        .unwrap();
    let mut outputs = Vec::new();
    for day in days {
        for length in [WindowLength::Min5, WindowLength::Min15] {
            outputs.push(Output::Window(window("lot-1", length, UtcMs(day * DAY))));
        }
    }
    let old = AlertRow {
        changed_at: UtcMs(DAY),
        ..alert(1, Transition::Returned)
    };
    let open = alert(2, Transition::Activated);
    outputs.extend([old.clone(), open.clone()].map(Output::Alert));
    say(&store, outputs).await;
    store.outbox_undeliverable(1, "no channel").await.unwrap();
    let snapshot = Snapshot {
        commit: CommitNumber(1),
        ..snapshot(150)
    };
    store.save_snapshot(part(), snapshot).await.unwrap();
    let lengths = |store: &Sqlite| {
        [WindowLength::Min5, WindowLength::Min15].map(|length| {
            let query = crate::WindowQuery {
                site: site(),
                facility: facility("lot-1"),
                length,
                from: UtcMs(0),
                to: UtcMs(i64::MAX),
                after: None,
                limit: 1_000,
            };
            store.windows(&query).unwrap().len()
        })
    };

    let done = store.maintain(UtcMs(89 * DAY)).await.unwrap();
    assert_eq!(done, crate::Maintained::default(), "nothing is 90 days old");
    let now = UtcMs(190 * DAY);
    let done = store.maintain(now).await.unwrap();
    assert_eq!((done.records, done.windows, done.more), (100, 100, false));
    assert_eq!(records(&store).await, (101..=200).collect::<Vec<_>>());
    assert_eq!(lengths(&store), [100, 200]);
    assert_eq!(
        store.maintain(now).await.unwrap(),
        crate::Maintained::default()
    );

    // In five years; the snapshot still holds the rest of the log.
    let done = store.maintain(UtcMs(2_100 * DAY)).await.unwrap();
    assert!(!done.at_quota && done.records == 50, "{done:?}");
    assert_eq!(lengths(&store), [0, 0]);
    assert_eq!(store.alert(&old.id.text()).unwrap(), None);
    assert_eq!(store.alert_log(&old.id.text()).unwrap(), []);
    assert_eq!(store.alert(&open.id.text()).unwrap(), Some(open));
    let still_queued = store.outbox_list(9).unwrap();
    assert_eq!(still_queued.len(), 1, "{still_queued:?}");
}

#[tokio::test]
async fn settings_stay_as_long_as_the_record_behind_them() {
    let folder = Folder::new();
    let store = folder.open();
    let settings = huitian_model::Settings::with_defaults().unwrap();
    let told = |version| {
        let settings = settings.clone();
        (part(), Record::Settings { version, settings })
    };
    let log = [
        told(1),
        tick(UtcMs(0)),
        told(2),
        tick(UtcMs(150 * DAY)),
        told(3),
        tick(UtcMs(200 * DAY)),
    ];
    store.append(log.to_vec()).await.unwrap();
    say(&store, Vec::new()).await;
    let snapshot = Snapshot {
        commit: CommitNumber(1),
        ..snapshot(6)
    };
    store.save_snapshot(part(), snapshot).await.unwrap();
    store.maintain(UtcMs(200 * DAY)).await.unwrap();
    assert_eq!(records(&store).await, vec![3, 4, 5, 6]);
}
