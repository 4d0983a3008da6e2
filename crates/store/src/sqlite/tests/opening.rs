//! Which files are opened, which are refused, and what is asked of SQLite.

use super::*;

fn raw(folder: &Folder, sql: &str) {
    let conn = Connection::open(folder.dir.path().join(open::FILE_NAME)).unwrap();
    conn.execute_batch(sql).unwrap();
}

fn refusal(folder: &Folder) -> StoreError {
    match Sqlite::open(folder.config()) {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[test]
fn a_second_owner_of_the_folder_is_refused_with_its_name() {
    let folder = Folder::new();
    let store = folder.open();
    let error = refusal(&folder);
    assert_eq!(error, StoreError::InUse(folder.dir.path().to_owned()));
    assert!(
        error
            .to_string()
            .contains(&folder.dir.path().display().to_string())
    );
    drop(store);
    drop(folder.open());
}

#[test]
fn a_newer_file_is_refused_with_its_name_and_both_versions() {
    let folder = Folder::new();
    drop(folder.open());
    raw(&folder, "PRAGMA user_version = 99");
    let text = refusal(&folder).to_string();
    let known = format!("knows up to {}", schema::known());
    for part in [open::FILE_NAME, "schema version 99", &known] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let known = schema::known();
    raw(&folder, &format!("PRAGMA user_version = {known}"));
    drop(folder.open());
}

#[tokio::test]
async fn a_file_of_version_one_is_brought_up_to_date_and_keeps_what_it_held() {
    let folder = Folder::new();
    let store = folder.open();
    let meta = store.set_meta("kept".to_owned(), "yes".to_owned());
    meta.await.unwrap();
    drop(store);
    raw(
        &folder,
        "DROP TABLE losses; DROP TABLE edges; DROP TABLE edge_configs; DROP TABLE edge_tokens; \
         DROP INDEX held_to_repair; ALTER TABLE held DROP COLUMN repaired_ms; \
         PRAGMA user_version = 1",
    );
    let store = folder.open();
    assert_eq!(store.meta("kept").unwrap().as_deref(), Some("yes"));
    assert_eq!(store.edges().unwrap(), []);
}

#[test]
fn a_file_of_another_program_is_left_alone() {
    let folder = Folder::new();
    raw(&folder, "CREATE TABLE recipes(name TEXT)");
    assert!(matches!(refusal(&folder), StoreError::Damaged(_)));
    let folder = Folder::new();
    std::fs::write(folder.dir.path().join(open::FILE_NAME), [b'x'; 8_192]).unwrap();
    assert!(matches!(refusal(&folder), StoreError::Damaged(_)));
}

/// kill -9 leaves the page cache, so no kill shows whether anything was synced.
#[tokio::test]
async fn every_commit_is_synced_and_no_checkpoint_hides_an_error() {
    let folder = Folder::new();
    let store = folder.open();
    for (pragma, expected) in [
        ("synchronous", "2"),
        ("journal_mode", "wal"),
        ("wal_autocheckpoint", "0"),
        ("auto_vacuum", "2"),
        ("foreign_keys", "1"),
    ] {
        let found = store.write(Lane::Results, Size::ROW, move |tx| {
            let value = tx
                .conn
                .pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0))?;
            Ok(match &value {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text.clone(),
                rusqlite::types::Value::Null
                | rusqlite::types::Value::Real(_)
                | rusqlite::types::Value::Blob(_) => panic!("{value:?}"),
            })
        });
        assert_eq!(found.await.unwrap(), expected, "{pragma}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_not_a_guess() {
    let folder = Folder::new();
    let store = folder.open();
    store
        .append(vec![tick(UtcMs(1)), tick(UtcMs(2))])
        .await
        .unwrap();
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    drop(store);
    raw(
        &folder,
        "UPDATE log SET record = CAST(x'07' || substr(record, 2) AS BLOB)",
    );
    let store = folder.open();
    let found = store.read(part(), Position(1), 9).await;
    assert!(matches!(found, Err(StoreError::Damaged(_))), "{found:?}");
}

#[tokio::test]
async fn an_ephemeral_store_leaves_nothing_behind() {
    let store = Sqlite::open_ephemeral().unwrap();
    store.append(vec![tick(UtcMs(1))]).await.unwrap();
    assert_eq!(store.read(part(), Position(1), 9).await.unwrap().len(), 1);
    let dir = store.dir().to_owned();
    assert!(dir.exists());
    drop(store);
    assert!(!dir.exists());
}

#[test]
fn keys_of_windows_give_their_start_back_in_order() {
    use proptest::prelude::*;
    let seconds = -(1_i64 << 35)..(1 << 35);
    proptest!(|(mut starts in prop::collection::vec(seconds, 2..20), no in 0..1_i64 << 23)| {
        starts.sort_unstable();
        let mut last = i64::MIN;
        for length in WindowLength::ALL {
            for start in &starts {
                let start = UtcMs(start * 1_000);
                let key = keys::window(no, length, start).unwrap();
                prop_assert!(key >= last && key >= 0);
                prop_assert_eq!(keys::window_start(key), start);
                prop_assert_eq!(keys::window_bound(no, length, start), key);
                prop_assert_eq!(keys::window_bound(no, length, start.minus(999)), key);
                last = key;
            }
        }
    });
    assert!(keys::window(0, WindowLength::Min5, UtcMs(1)).is_err());
    assert!(keys::window(1 << 23, WindowLength::Min5, UtcMs(0)).is_err());
    assert!(keys::window(0, WindowLength::Day1, UtcMs(i64::MAX / 1_000 * 1_000)).is_err());
}
