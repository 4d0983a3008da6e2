//! What is done inside a write transaction: the log, the chain of commits, snapshots, cursors.

use std::collections::BTreeMap;

use huitian_model::{
    Commit, CommitNumber, FacilityId, Partition, Position, Record, SiteId, UtcMs, wire,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::keys::{self, Keyed};
use crate::{CommitHead, CommitOutcome, SinkName, Snapshot, StoreError};

/// Snapshots kept per partition: the newest, and one more should it be damaged.
const SNAPSHOTS_KEPT: i64 = 2;

/// One part in 16 of the quota, 112 MB by default, is not for appends: the snapshot that permits
/// the log to be trimmed, commits and ledgers must have room when the log has filled the rest.
const RESERVE: i64 = 16;

/// What the writer remembers between transactions; read anew after a failed one.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last position of each partition's log.
    last: BTreeMap<Partition, Position>,
    /// The small numbers of facilities.
    facilities: BTreeMap<SiteId, BTreeMap<FacilityId, i64>>,
    /// Pages in use from which on appends are refused; the rest of the quota is reserved.
    append_pages_max: i64,
    /// Alerts that changed before have no outbox rows: nobody is told of the past.
    outbox_from: Option<UtcMs>,
}

/// The `meta` key of [`State::outbox_from`].
const OUTBOX_FROM: &str = "outbox_from_ms";

impl State {
    /// Reads it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let mut state = Self::default();
        for partition in Partition::all() {
            if let Some(key) = keys::last(conn, Keyed::Log, partition)? {
                state.last.insert(partition, Position(keys::number(key)));
            }
        }
        let mut statement = conn.prepare_cached("SELECT no, site, facility FROM facilities")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let site = keys::id(SiteId::new(&row.get::<_, String>(1)?))?;
            let facility = keys::id(FacilityId::new(&row.get::<_, String>(2)?))?;
            state
                .facilities
                .entry(site)
                .or_default()
                .insert(facility, row.get(0)?);
        }
        state.append_pages_max = pragma(conn, "max_page_count")? / RESERVE * (RESERVE - 1);
        state.outbox_from = match read_meta(conn, OUTBOX_FROM)? {
            None => None,
            Some(text) => Some(UtcMs(text.parse().map_err(|_not_a_number| {
                StoreError::Damaged(format!("meta {OUTBOX_FROM} holds {text:?}"))
            })?)),
        };
        Ok(state)
    }
}

/// A number that SQLite tells of the file.
pub(super) fn pragma(conn: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(conn.pragma_query_value(None, name, |row| row.get(0))?)
}

/// A value of the table of small facts.
pub(super) fn read_meta(conn: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// A record ready to be written, encoded by the caller so that the writer need not.
#[derive(Debug)]
pub(super) struct Encoded {
    kind: i64,
    newest: Option<UtcMs>,
    pub(super) bytes: Vec<u8>,
}

impl Encoded {
    /// Encodes a record.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], which no record causes.
    pub(super) fn new(record: &Record) -> Result<Self, StoreError> {
        let (kind, newest) = match record {
            Record::Frame(frame) => {
                let newest = frame
                    .readings
                    .iter()
                    .map(|(_, reading)| reading.received_at);
                (1, newest.max())
            }
            Record::Tick(tick) => (2, Some(tick.now)),
            Record::Inventory { .. } => (3, None),
            Record::Settings { .. } => (4, None),
            Record::Lost(lost) => (5, Some(lost.at)),
        };
        let bytes = wire::encode_record(record)?;
        Ok(Self {
            kind,
            newest,
            bytes,
        })
    }
}

/// A commit ready to be written: its own bytes, and those of its outputs' rows.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) commit: Commit,
    pub(super) body: Vec<u8>,
    pub(super) rows: Vec<Vec<u8>>,
}

/// A write transaction.
pub(super) struct Tx<'a> {
    pub(super) conn: &'a Connection,
    state: &'a mut State,
    /// Whether there is room for appends, once it is known in this transaction.
    has_room: Option<bool>,
}

impl<'a> Tx<'a> {
    pub(super) const fn new(conn: &'a Connection, state: &'a mut State) -> Self {
        let has_room = None;
        Self {
            conn,
            state,
            has_room,
        }
    }

    /// Appends records; their positions.
    pub(super) fn append(
        &mut self,
        records: &[(Partition, Encoded)],
    ) -> Result<Vec<Position>, StoreError> {
        if !self.has_room()? {
            return Err(StoreError::Full(
                "no room for readings within the quota".to_owned(),
            ));
        }
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO log(key, kind, newest_ms, record) VALUES(?1, ?2, ?3, ?4)",
        )?;
        let mut positions = Vec::with_capacity(records.len());
        for (partition, record) in records {
            let last = self.state.last.entry(*partition).or_default();
            let position = last.next();
            let key = keys::key(*partition, position.0)?;
            let newest = record.newest.map(|at| at.0);
            insert.execute(params![key, record.kind, newest, record.bytes])?;
            *last = position;
            positions.push(position);
        }
        Ok(positions)
    }

    /// Asked once per transaction, which writes no more than a few MiB.
    fn has_room(&mut self) -> Result<bool, StoreError> {
        if let Some(known) = self.has_room {
            return Ok(known);
        }
        let used = pragma(self.conn, "page_count")? - pragma(self.conn, "freelist_count")?;
        Ok(*self.has_room.insert(used < self.state.append_pages_max))
    }

    /// Continues a chain, and writes the rows of its outputs.
    pub(super) fn commit(&mut self, prepared: &Prepared) -> Result<CommitOutcome, StoreError> {
        let commit = &prepared.commit;
        let key = keys::key(commit.partition, commit.number.0)?;
        let head = head(self.conn, commit.partition)?;
        if head.is_some_and(|head| commit.number <= head.number) {
            let is_same = self
                .conn
                .prepare_cached("SELECT body = ?2 FROM commits WHERE key = ?1")?
                .query_row(params![key, prepared.body], |row| row.get(0))
                .optional()?;
            return Ok(match is_same {
                Some(true) => CommitOutcome::Ok,
                Some(false) | None => CommitOutcome::Fenced,
            });
        }
        let (number, epoch) = head.map_or((0, 0), |head| (head.number.0, head.epoch));
        if commit.number.0 != number + 1 || commit.epoch < epoch {
            return Ok(CommitOutcome::Fenced);
        }
        self.conn
            .prepare_cached("INSERT INTO commits(key, epoch, reached, body) VALUES(?1,?2,?3,?4)")?
            .execute(params![
                key,
                commit.epoch.cast_signed(),
                commit.reached.0.cast_signed(),
                prepared.body
            ])?;
        self.project(prepared)?;
        Ok(CommitOutcome::Ok)
    }

    /// Keeps a snapshot unless a newer one is kept, and drops those that are too many.
    pub(super) fn save_snapshot(
        &self,
        partition: Partition,
        snapshot: &Snapshot,
    ) -> Result<(), StoreError> {
        let key = keys::key(partition, snapshot.position.0)?;
        let last = self.state.last.get(&partition).copied().unwrap_or_default();
        let head = head(self.conn, partition)?
            .map(|head| head.number)
            .unwrap_or_default();
        if snapshot.position > last || snapshot.commit > head {
            return Err(StoreError::Refused(format!(
                "a snapshot at position {} and commit {} of partition {partition}, \
                 whose log ends at {last} and whose chain ends at {}",
                snapshot.position, snapshot.commit.0, head.0
            )));
        }
        if keys::last(self.conn, Keyed::Snapshots, partition)?.is_some_and(|newest| newest > key) {
            return Ok(());
        }
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO snapshots(key, number, body) VALUES(?1,?2,?3)")?
            .execute(params![
                key,
                snapshot.commit.0.cast_signed(),
                snapshot.bytes
            ])?;
        self.conn
            .prepare_cached(
                "DELETE FROM snapshots WHERE key >= ?1 AND key < ?2 AND key NOT IN (SELECT key \
                 FROM snapshots WHERE key >= ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3)",
            )?
            .execute(params![
                keys::first(partition),
                keys::end(partition),
                SNAPSHOTS_KEPT
            ])?;
        Ok(())
    }

    /// Makes a sink known.
    pub(super) fn register_sink(&self, sink: &SinkName) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO sinks(name) VALUES(?1)")?
            .execute([sink.as_str()])?;
        Ok(())
    }

    /// Forgets a sink and its cursors: nothing is kept for it any more.
    pub(super) fn forget_sink(&self, sink: &SinkName) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM cursors WHERE sink = ?1",
            "DELETE FROM sinks WHERE name = ?1",
        ] {
            self.conn.prepare_cached(sql)?.execute([sink.as_str()])?;
        }
        Ok(())
    }

    /// Moves a cursor forward.
    pub(super) fn advance(
        &self,
        sink: &SinkName,
        partition: Partition,
        to: CommitNumber,
    ) -> Result<(), StoreError> {
        self.register_sink(sink)?;
        self.conn
            .prepare_cached(
                "INSERT INTO cursors(sink, part, passed) VALUES(?1, ?2, ?3) \
                 ON CONFLICT DO UPDATE SET passed = max(passed, excluded.passed)",
            )?
            .execute(params![
                sink.as_str(),
                partition.number(),
                to.0.cast_signed()
            ])?;
        Ok(())
    }

    /// Sets a value of the table of small facts.
    pub(super) fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)")?
            .execute([key, value])?;
        Ok(())
    }

    /// From when on people are told.
    pub(super) fn set_outbox_from(&mut self, from: UtcMs) -> Result<(), StoreError> {
        self.set_meta(OUTBOX_FROM, &from.0.to_string())?;
        self.state.outbox_from = Some(from);
        Ok(())
    }

    /// Whether people are told of what changed then.
    pub(super) fn is_told(&self, changed_at: UtcMs) -> bool {
        self.state.outbox_from.is_none_or(|from| changed_at >= from)
    }

    /// The small number of a facility, given on first sight.
    pub(super) fn facility(
        &mut self,
        site: &SiteId,
        facility: &FacilityId,
    ) -> Result<i64, StoreError> {
        let known = self
            .state
            .facilities
            .get(site)
            .and_then(|of_site| of_site.get(facility));
        if let Some(no) = known {
            return Ok(*no);
        }
        self.conn
            .prepare_cached("INSERT INTO facilities(site, facility) VALUES(?1, ?2)")?
            .execute([site.as_str(), facility.as_str()])?;
        let no = self.conn.last_insert_rowid();
        let of_site = self.state.facilities.entry(site.clone()).or_default();
        of_site.insert(facility.clone(), no);
        Ok(no)
    }

    /// Removes log records before `before` that nothing needs, at most `max`; how many.
    pub(super) fn trim(
        &self,
        partition: Partition,
        before: Position,
        max: usize,
    ) -> Result<usize, StoreError> {
        let Some(oldest) = oldest_snapshot(self.conn, partition)? else {
            return Ok(0);
        };
        let last = self.state.last.get(&partition).copied().unwrap_or_default();
        let before = before.min(oldest.position.next()).min(last);
        keys::delete(
            self.conn,
            Keyed::Log,
            keys::first(partition)..keys::key(partition, before.0)?,
            max,
        )
    }

    /// Removes commits before `before` that nothing needs, at most `max`; how many.
    pub(super) fn trim_commits(
        &self,
        partition: Partition,
        before: CommitNumber,
        max: usize,
    ) -> Result<usize, StoreError> {
        let (Some(oldest), Some(head)) = (
            oldest_snapshot(self.conn, partition)?,
            head(self.conn, partition)?,
        ) else {
            return Ok(0);
        };
        let passed: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT min(coalesce(passed, 0)) FROM sinks \
                 LEFT JOIN cursors ON sink = name AND part = ?1",
            )?
            .query_row([partition.number()], |row| row.get(0))?;
        let passed = passed
            .map_or(head.number.0, i64::cast_unsigned)
            .min(oldest.commit.0);
        let before = before.0.min(passed + 1).min(head.number.0);
        keys::delete(
            self.conn,
            Keyed::Commits,
            keys::first(partition)..keys::key(partition, before)?,
            max,
        )
    }
}

/// The last commit of a chain.
pub(super) fn head(
    conn: &Connection,
    partition: Partition,
) -> Result<Option<CommitHead>, StoreError> {
    let head = conn
        .prepare_cached(
            "SELECT key, epoch, reached FROM commits WHERE key >= ?1 AND key < ?2 \
             ORDER BY key DESC LIMIT 1",
        )?
        .query_row([keys::first(partition), keys::end(partition)], |row| {
            Ok(CommitHead {
                number: CommitNumber(keys::number(row.get(0)?)),
                epoch: row.get::<_, i64>(1)?.cast_unsigned(),
                reached: Position(row.get::<_, i64>(2)?.cast_unsigned()),
            })
        })
        .optional()?;
    Ok(head)
}

/// The oldest snapshot kept, without its bytes.
pub(super) fn oldest_snapshot(
    conn: &Connection,
    partition: Partition,
) -> Result<Option<Snapshot>, StoreError> {
    let snapshot = conn
        .prepare_cached(
            "SELECT key, number FROM snapshots WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT 1",
        )?
        .query_row([keys::first(partition), keys::end(partition)], |row| {
            Ok(Snapshot {
                position: Position(keys::number(row.get(0)?)),
                commit: CommitNumber(row.get::<_, i64>(1)?.cast_unsigned()),
                bytes: Vec::new(),
            })
        })
        .optional()?;
    Ok(snapshot)
}
