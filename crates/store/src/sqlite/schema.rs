//! The tables, as a forward-only list of migrations.
//!
//! `body`, `record` are [`huitian_model::wire`] bytes. Times are ms UTC (`_ms`). `u64`s that use
//! all their bits (epochs) are stored as the `i64` with the same bits.
//!
//! ```text
//! log            { key = partition << 48 | position, kind, newest_ms: newest received_at or now,
//!                  record: Record }
//! commits        { key = partition << 48 | number, epoch, reached, body: Commit }
//! snapshots      { key = partition << 48 | position, number: of its commit, body: engine's }
//! sinks          { name }                     cursors { sink, part, passed: commit number }
//! facilities     { no, site, facility }       the small numbers used below
//! windows        { key = facility no << 40 | length << 36 | (start in s + 2^35),
//!                  end_ms, revision, status, body: WindowBody }
//! current        { facility: no, body: Current }
//! alerts         { id: text, site, state, changed_ms, body: AlertRow }      the latest of each
//! alert_log      { alert: text, changed_ms, body: AlertRow }                every transition
//! outbox         { id, alert: text, told: 0 active, 1 returned; state, attempts, next_ms,
//!                  done_ms, error, body: AlertRow }
//! episodes       { facility: no, asset, onset_ms, end_ms, stands, body: OverflowEpisode }
//! emptied        { facility: no, asset, at_ms, stands, body: Emptied }
//! findings       { kind, device, channel, from_ms, to_ms, body: Finding }
//! held           { part, edge, epoch, n, received_ms, reason, body: HeldReading,
//!                  repaired_ms: of a late one, when the windows took it in }
//! accounts       { day_ms, device, edge, part, body: AccountRow }
//! devices        { device, body: DeviceRow }
//! intake_ledger  { hour_ms, source, reason: name, count, sample }
//! unknown_devices{ address, topic, first_ms, last_ms, count, payload }
//! meta           { key, value }
//! losses         { edge, epoch, part, first_n, count, at_ms, body: Lost }
//! edges          { edge, body: EdgeRow }
//! edge_configs   { edge, version, body: EdgeConfigRow }
//! edge_tokens    { hash: hex, edge, expires_ms, used_ms }
//! ```
//!
//! A window's key is one integer, so that the table is a plain b-tree with the windows of one
//! facility and length side by side in time: a query is one range, and so is retention. 23 bits
//! are 8 million facilities, 4 bits 16 lengths, and 36 bits of seconds the years 881 to 3058.

use rusqlite::Connection;

use crate::StoreError;

/// `PRAGMA application_id`: the letters `HuiT`.
const APPLICATION: i64 = 0x4875_6954;

/// Each is one transaction and one schema version; never changed once released.
const MIGRATIONS: [&str; 3] = [V1, V2, V3];

const V1: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE log(key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, newest_ms INTEGER,
  record BLOB NOT NULL) STRICT;
CREATE TABLE commits(key INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, reached INTEGER NOT NULL,
  body BLOB NOT NULL) STRICT;
CREATE TABLE snapshots(key INTEGER PRIMARY KEY, number INTEGER NOT NULL,
  body BLOB NOT NULL) STRICT;
CREATE TABLE sinks(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE cursors(sink TEXT NOT NULL, part INTEGER NOT NULL, passed INTEGER NOT NULL,
  PRIMARY KEY(sink, part)) STRICT, WITHOUT ROWID;
CREATE TABLE facilities(no INTEGER PRIMARY KEY, site TEXT NOT NULL, facility TEXT NOT NULL,
  UNIQUE(site, facility)) STRICT;
CREATE TABLE windows(key INTEGER PRIMARY KEY, end_ms INTEGER NOT NULL, revision INTEGER NOT NULL,
  status INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE current(facility INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE alerts(id TEXT PRIMARY KEY, site TEXT NOT NULL, state INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_change ON alerts(changed_ms);
CREATE TABLE alert_log(no INTEGER PRIMARY KEY, alert TEXT NOT NULL, changed_ms INTEGER NOT NULL,
  body BLOB NOT NULL, UNIQUE(alert, changed_ms, body)) STRICT;
CREATE TABLE outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, alert TEXT NOT NULL,
  told INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
  next_ms INTEGER NOT NULL, done_ms INTEGER, error TEXT, body BLOB NOT NULL,
  UNIQUE(alert, told)) STRICT;
CREATE INDEX outbox_due ON outbox(next_ms) WHERE state = 0;
CREATE TABLE episodes(facility INTEGER NOT NULL, asset TEXT NOT NULL, onset_ms INTEGER NOT NULL,
  end_ms INTEGER, stands INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(facility, asset, onset_ms)) STRICT, WITHOUT ROWID;
CREATE TABLE emptied(facility INTEGER NOT NULL, asset TEXT NOT NULL, at_ms INTEGER NOT NULL,
  stands INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(facility, asset, at_ms)) STRICT, WITHOUT ROWID;
CREATE TABLE findings(kind INTEGER NOT NULL, device TEXT NOT NULL, channel TEXT NOT NULL,
  from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(kind, device, channel, from_ms)) STRICT, WITHOUT ROWID;
CREATE INDEX findings_by_time ON findings(from_ms);
CREATE TABLE held(part INTEGER NOT NULL, edge TEXT NOT NULL, epoch INTEGER NOT NULL,
  n INTEGER NOT NULL, received_ms INTEGER NOT NULL, reason INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(part, edge, epoch, n)) STRICT, WITHOUT ROWID;
CREATE INDEX held_by_time ON held(received_ms);
CREATE TABLE accounts(day_ms INTEGER NOT NULL, device TEXT NOT NULL, edge TEXT NOT NULL,
  part INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(day_ms, device, edge, part)) STRICT, WITHOUT ROWID;
CREATE TABLE devices(device TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE intake_ledger(hour_ms INTEGER NOT NULL, source TEXT NOT NULL, reason TEXT NOT NULL,
  count INTEGER NOT NULL, sample BLOB,
  PRIMARY KEY(hour_ms, source, reason)) STRICT, WITHOUT ROWID;
CREATE TABLE unknown_devices(address TEXT PRIMARY KEY, topic TEXT NOT NULL,
  first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, count INTEGER NOT NULL,
  payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX unknown_by_time ON unknown_devices(last_ms);
";

const V2: &str = "
CREATE TABLE losses(edge TEXT NOT NULL, epoch INTEGER NOT NULL, part INTEGER NOT NULL,
  first_n INTEGER NOT NULL, count INTEGER NOT NULL, at_ms INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(edge, epoch, part, first_n)) STRICT, WITHOUT ROWID;
CREATE INDEX losses_by_time ON losses(at_ms);
CREATE TABLE edges(edge TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE edge_configs(edge TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(edge, version)) STRICT, WITHOUT ROWID;
CREATE TABLE edge_tokens(hash TEXT PRIMARY KEY, edge TEXT NOT NULL, expires_ms INTEGER NOT NULL,
  used_ms INTEGER) STRICT, WITHOUT ROWID;
";

/// When a late reading was repaired, and which have not been: reason 2 is late.
const V3: &str = "
ALTER TABLE held ADD COLUMN repaired_ms INTEGER;
CREATE INDEX held_to_repair ON held(part) WHERE reason = 2 AND repaired_ms IS NULL;
";

/// The newest schema version that this program knows.
pub(super) fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Brings a file to the newest version, step by step, each step in its own transaction.
///
/// # Errors
/// [`StoreError::TooNew`], [`StoreError::Damaged`] where it is another program's file, or IO.
pub(super) fn migrate(conn: &Connection, file: &std::path::Path) -> Result<(), StoreError> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, application) = (pragma("user_version")?, pragma("application_id")?);
    let found = version;
    if found > known() {
        let (file, known) = (file.to_owned(), known());
        return Err(StoreError::TooNew { file, found, known });
    }
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = version == 0 && application == 0 && tables == 0;
    if !is_new && application != APPLICATION {
        let file = file.display();
        return Err(StoreError::Damaged(format!(
            "{file} is not a file of huitian"
        )));
    }
    let done = usize::try_from(found).unwrap_or_default();
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let version = index + 1;
        conn.execute_batch(&format!(
            "BEGIN IMMEDIATE; {sql} PRAGMA application_id = {APPLICATION}; \
             PRAGMA user_version = {version}; COMMIT;"
        ))?;
    }
    Ok(())
}
