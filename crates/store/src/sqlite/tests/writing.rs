//! The writer thread: groups, refusals, poison, and who waits for whom.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_refused_job_fails_nobody_else_in_its_group() {
    let folder = Folder::new();
    let store = folder.open();
    let refused = || {
        let bad = window("lot-1", WindowLength::Min5, UtcMs(1));
        let (partition, number, reached) = (part(), CommitNumber(1), Position(0));
        let outputs = vec![Output::Window(bad)];
        store.commit(vec![Commit {
            partition,
            number,
            epoch: 1,
            reached,
            outputs,
        }])
    };
    let (first, second, third, fourth) = tokio::join!(
        refused(),
        store.append(vec![tick(UtcMs(1))]),
        refused(),
        store.append(vec![tick(UtcMs(2))]),
    );
    assert!(matches!(first, Err(StoreError::Refused(_))), "{first:?}");
    assert!(matches!(third, Err(StoreError::Refused(_))), "{third:?}");
    let mut positions = [second.unwrap(), fourth.unwrap()].concat();
    positions.sort_unstable();
    assert_eq!(positions, [Position(1), Position(2)]);
    assert_eq!(
        store.head(part()).await.unwrap(),
        None,
        "nothing of the refused commit stays"
    );
}

#[tokio::test]
async fn a_failed_commit_poisons_the_store_for_every_later_call() {
    let folder = Folder::new();
    let store = folder.open();
    store.append(vec![tick(UtcMs(1))]).await.unwrap();
    // A deferred violation lets every statement pass and COMMIT itself fail.
    let failed = store
        .write(Lane::Results, Size::ROW, |tx| {
            tx.conn.execute_batch(
                "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(parent INTEGER \
                 REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED); \
                 INSERT INTO child VALUES(1);",
            )?;
            Ok(())
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Poisoned(_))), "{failed:?}");
    let append = store.append(vec![tick(UtcMs(2))]).await;
    assert!(matches!(append, Err(StoreError::Poisoned(_))), "{append:?}");
    assert!(!append.unwrap_err().is_retryable());
    let read = store.read(part(), Position(1), 9).await;
    assert!(matches!(read, Err(StoreError::Poisoned(_))), "{read:?}");
    drop(store);
    let store = folder.open();
    assert_eq!(store.read(part(), Position(1), 9).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_pass_a_backlog_of_results() {
    let folder = Folder::new();
    let store = folder.open();
    let commits: Vec<_> = (1..=30)
        .map(|number| {
            let starts = (0..1_500).map(|n| UtcMs((number * 1_500 + n) * 5 * MINUTE));
            let windows = starts.map(|at| window("lot-1", WindowLength::Min5, at));
            Commit {
                partition: part(),
                number: CommitNumber(number.cast_unsigned()),
                epoch: 1,
                reached: Position(0),
                outputs: windows.map(Output::Window).collect(),
            }
        })
        .collect();
    let results = tokio::spawn({
        let store = store.clone();
        async move { store.commit(commits).await }
    });
    let mut passed = 0;
    while !results.is_finished() {
        store.append(vec![tick(UtcMs(1))]).await.unwrap();
        passed += 1;
    }
    assert_eq!(results.await.unwrap().unwrap(), [CommitOutcome::Ok; 30]);
    assert!(
        passed >= 2,
        "{passed} appends while 45,000 rows were written"
    );
}

#[tokio::test]
async fn a_reader_does_not_hold_up_the_writer() {
    let folder = Folder::new();
    let store = folder.open();
    let (begun, release) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    let (begun, release) = (Arc::new(begun), Arc::new(release));
    let reader = std::thread::spawn({
        let (store, begun, release) = (store.clone(), Arc::clone(&begun), Arc::clone(&release));
        move || {
            store.read_with(|conn| {
                let count = || {
                    let sql = "SELECT count(*) FROM log";
                    conn.query_row(sql, [], |row| row.get::<_, i64>(0))
                };
                let before = count()?;
                begun.wait();
                release.wait();
                Ok((before, count()?))
            })
        }
    });
    begun.wait();
    let append = store.append(vec![tick(UtcMs(1))]);
    let positions = tokio::time::timeout(Duration::from_secs(60), append).await;
    assert_eq!(positions.unwrap().unwrap(), [Position(1)]);
    release.wait();
    assert_eq!(
        reader.join().unwrap().unwrap(),
        (0, 0),
        "one read sees one state"
    );
}

#[tokio::test]
async fn dropping_the_store_finishes_what_is_queued() {
    let folder = Folder::new();
    let store = folder.open();
    for now in 0..50 {
        let queued = store.0.writer.queue(Lane::Appends, Size::ROW, {
            let record = [(part(), Encoded::new(&tick(UtcMs(now)).1).unwrap())];
            move |tx| tx.append(&record)
        });
        drop(queued.await.unwrap());
    }
    drop(store);
    let store = folder.open();
    assert_eq!(store.read(part(), Position(1), 99).await.unwrap().len(), 50);
}
