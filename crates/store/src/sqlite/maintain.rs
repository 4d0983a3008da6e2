//! Retention, the quota and how much disk is used.
//!
//! Everything is removed in slices of bounded size, each a job of its own, so that appends pass
//! between them. Nothing is removed that a snapshot or a registered sink still needs: that is the
//! trim's own rule, not this file's.

use huitian_model::{CommitNumber, Partition, Position, UtcMs, WindowLength};
use rusqlite::{Connection, params};

use super::tx::{Tx, pragma};
use super::writer::{Lane, Size};
use super::{Sqlite, keys};
use crate::config::{DAY_MS, Retention};
use crate::{DiskUse, Maintained, StoreError};

/// Rows that one slice removes: some 20 ms.
const SLICE_ROWS: usize = 5_000;

/// Slices of one call: 64 x 5,000 rows are more than the demo writes in an hour (12,000 rows) 26
/// times over, in under 2 s.
const SLICES_MAX: usize = 64;

/// Pages given back to the file system by one slice: 4 MiB.
const VACUUM_PAGES: usize = 1_024;

/// At this share of the quota, percent, the oldest goes: before appends are refused at 15/16.
const QUOTA_HIGH_PERCENT: u64 = 90;

/// What one slice did.
#[derive(Clone, Copy, Default)]
pub(super) struct Slice {
    done: Maintained,
    rows: usize,
}

impl Sqlite {
    /// How much disk the store takes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn usage(&self) -> Result<DiskUse, StoreError> {
        let quota_bytes = self.0.config.quota_bytes;
        let wal = self.file().with_extension("db-wal");
        let wal_bytes = match std::fs::metadata(&wal) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(StoreError::Io(format!("{}: {error}", wal.display()))),
        };
        let of_file = self.read_with(|conn| usage(conn, quota_bytes))?;
        Ok(DiskUse {
            wal_bytes,
            ..of_file
        })
    }

    /// Removes what is past retention, what every sink and snapshot has passed, and at the quota
    /// the oldest: first records of the log, then 5-minute windows. Bounded: where the answer
    /// says `more`, call again soon. To be called every hour; `now` is hub time.
    ///
    /// # Errors
    /// [`StoreError`]; what was removed until then stays removed.
    pub async fn maintain(&self, now: UtcMs) -> Result<Maintained, StoreError> {
        let mut sum = Maintained::default();
        for _ in 0..SLICES_MAX {
            let (retention, quota) = (self.0.config.retention, self.0.config.quota_bytes);
            let size = Size {
                rows: SLICE_ROWS,
                bytes: 0,
            };
            let slice = self
                .write(Lane::Results, size, move |tx| {
                    tx.maintain(now, &retention, quota)
                })
                .await?;
            sum.records += slice.done.records;
            sum.commits += slice.done.commits;
            sum.windows += slice.done.windows;
            sum.others += slice.done.others;
            sum.at_quota |= slice.done.at_quota;
            sum.more = slice.rows > 0;
            if !sum.more {
                break;
            }
        }
        Ok(sum)
    }
}

fn usage(conn: &Connection, quota_bytes: u64) -> Result<DiskUse, StoreError> {
    let page = pragma(conn, "page_size")?.cast_unsigned();
    Ok(DiskUse {
        file_bytes: pragma(conn, "page_count")?.cast_unsigned() * page,
        free_bytes: pragma(conn, "freelist_count")?.cast_unsigned() * page,
        wal_bytes: 0,
        quota_bytes,
    })
}

impl Tx<'_> {
    /// One slice of maintenance: the first thing that is to be done, at most [`SLICE_ROWS`] rows.
    fn maintain(
        &self,
        now: UtcMs,
        retention: &Retention,
        quota_bytes: u64,
    ) -> Result<Slice, StoreError> {
        let before = |days: u32| now.minus(i64::from(days) * DAY_MS);
        let mut slice = Slice::default();
        slice.done.commits = self.trim_all_commits(&mut slice.rows)?;
        slice.done.records =
            self.trim_all_logs(before(retention.readings_days), &mut slice.rows)?;
        slice.done.windows = self.trim_all_windows(retention, now, &mut slice.rows)?;
        slice.done.others = self.trim_ledgers(retention, now, &mut slice.rows)?;
        if slice.rows == 0 {
            slice = self.relieve(quota_bytes)?;
        }
        if slice.rows == 0 && usage(self.conn, quota_bytes)?.free_bytes > 0 {
            self.give_back()?;
        }
        Ok(slice)
    }

    /// Near the quota, removes the oldest that may go; else does nothing.
    pub(super) fn relieve(&self, quota_bytes: u64) -> Result<Slice, StoreError> {
        let mut slice = Slice::default();
        let used_bytes = usage(self.conn, quota_bytes)?.used_bytes();
        if used_bytes <= quota_bytes / 100 * QUOTA_HIGH_PERCENT {
            return Ok(slice);
        }
        slice.done.at_quota = true;
        slice.done.commits = self.trim_all_commits(&mut slice.rows)?;
        slice.done.records = self.trim_all_logs(UtcMs(i64::MAX), &mut slice.rows)?;
        if slice.rows == 0 {
            slice.done.windows = self.trim_oldest_windows(&mut slice.rows)?;
        }
        if slice.rows == 0 {
            tracing::error!(
                used_bytes,
                quota_bytes,
                "the store is at its quota and nothing more may be removed"
            );
        }
        Ok(slice)
    }

    fn trim_all_commits(&self, rows: &mut usize) -> Result<u64, StoreError> {
        let begun = *rows;
        for partition in Partition::all() {
            let room = SLICE_ROWS.saturating_sub(*rows);
            *rows += self.trim_commits(partition, CommitNumber(u64::MAX), room)?;
        }
        count(*rows - begun)
    }

    /// Records whose newest reading was received before, from the log's old end on. Looks no
    /// further than one slice removes.
    fn trim_all_logs(&self, before: UtcMs, rows: &mut usize) -> Result<u64, StoreError> {
        let begun = *rows;
        for partition in Partition::all() {
            let room = SLICE_ROWS.saturating_sub(*rows);
            let end = self.first_kept(partition, before, room)?;
            *rows += self.trim(partition, end, room)?;
        }
        count(*rows - begun)
    }

    /// The first of the oldest `max` records that is kept, or the end of them. A record without a
    /// time (inventory, settings) goes with the timed record behind it, for which it holds.
    fn first_kept(
        &self,
        partition: Partition,
        before: UtcMs,
        max: usize,
    ) -> Result<Position, StoreError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT key, newest_ms FROM log WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
        )?;
        let mut rows = statement.query(params![
            keys::first(partition),
            keys::end(partition),
            keys::limit(max)
        ])?;
        let mut untimed = None;
        while let Some(row) = rows.next()? {
            let position = Position(keys::number(row.get(0)?));
            match row.get::<_, Option<i64>>(1)? {
                None => untimed = untimed.or(Some(position)),
                Some(newest) if newest >= before.0 => return Ok(untimed.unwrap_or(position)),
                Some(_) => untimed = None,
            }
        }
        Ok(untimed.unwrap_or(Position(u64::MAX)))
    }

    fn trim_all_windows(
        &self,
        retention: &Retention,
        now: UtcMs,
        rows: &mut usize,
    ) -> Result<u64, StoreError> {
        let begun = *rows;
        for no in self.facility_numbers()? {
            for length in WindowLength::ALL {
                let days = match length {
                    WindowLength::Min5 => retention.min5_days,
                    WindowLength::Min15 | WindowLength::Hour1 | WindowLength::Day1 => {
                        retention.results_days
                    }
                };
                let before = now.minus(i64::from(days) * DAY_MS);
                *rows += self.trim_windows(no, length, before, SLICE_ROWS.saturating_sub(*rows))?;
            }
        }
        count(*rows - begun)
    }

    /// The oldest day of 5-minute windows, of every facility alike.
    fn trim_oldest_windows(&self, rows: &mut usize) -> Result<u64, StoreError> {
        let numbers = self.facility_numbers()?;
        let mut oldest: Option<UtcMs> = None;
        for no in &numbers {
            let range = keys::windows(*no, WindowLength::Min5);
            let key: Option<i64> = self
                .conn
                .prepare_cached("SELECT min(key) FROM windows WHERE key >= ?1 AND key < ?2")?
                .query_row([range.start, range.end], |row| row.get(0))?;
            let start = key.map(keys::window_start);
            oldest = oldest.into_iter().chain(start).min();
        }
        let Some(oldest) = oldest else { return Ok(0) };
        for no in numbers {
            let room = SLICE_ROWS.saturating_sub(*rows);
            *rows += self.trim_windows(no, WindowLength::Min5, oldest.plus(DAY_MS), room)?;
        }
        count(*rows)
    }

    fn facility_numbers(&self) -> Result<Vec<i64>, StoreError> {
        let mut statement = self.conn.prepare_cached("SELECT no FROM facilities")?;
        let numbers = statement.query_map([], |row| row.get(0))?;
        Ok(numbers.collect::<Result<_, _>>()?)
    }

    fn trim_windows(
        &self,
        facility: i64,
        length: WindowLength,
        before: UtcMs,
        max: usize,
    ) -> Result<usize, StoreError> {
        let (first, end) = (
            keys::windows(facility, length).start,
            keys::window_bound(facility, length, before),
        );
        Ok(self
            .conn
            .prepare_cached(
                "DELETE FROM windows WHERE key IN (SELECT key FROM windows \
                 WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3)",
            )?
            .execute(params![first, end, keys::limit(max)])?)
    }

    /// Held readings as long as readings, all other ledgers as long as results. Alerts that have
    /// not returned, episodes that last and messages still to be sent stay.
    fn trim_ledgers(
        &self,
        retention: &Retention,
        now: UtcMs,
        rows: &mut usize,
    ) -> Result<u64, StoreError> {
        let begun = *rows;
        let readings = now.minus(i64::from(retention.readings_days) * DAY_MS);
        let results = now.minus(i64::from(retention.results_days) * DAY_MS);
        for (before, sql) in LEDGERS.map(|(kept, sql)| match kept {
            Kept::AsReadings => (readings, sql),
            Kept::AsResults => (results, sql),
        }) {
            let room = keys::limit(SLICE_ROWS.saturating_sub(*rows));
            *rows += self
                .conn
                .prepare_cached(sql)?
                .execute(params![before.0, room])?;
        }
        count(*rows - begun)
    }

    /// Gives free pages at the file's end back to the file system.
    fn give_back(&self) -> Result<(), StoreError> {
        let mut statement = self
            .conn
            .prepare_cached(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }
}

fn count(rows: usize) -> Result<u64, StoreError> {
    u64::try_from(rows).map_err(|error| StoreError::Refused(error.to_string()))
}

enum Kept {
    AsReadings,
    AsResults,
}

/// What goes, by age: `?1` before when, `?2` at most how many.
const LEDGERS: [(Kept, &str); 10] = [
    (
        Kept::AsReadings,
        "DELETE FROM held WHERE (part, edge, epoch, n) IN (SELECT part, edge, epoch, n FROM held \
         WHERE received_ms < ?1 ORDER BY received_ms LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM alert_log WHERE no IN (SELECT no FROM alert_log WHERE changed_ms < ?1 \
         AND alert IN (SELECT id FROM alerts WHERE state = 2 AND changed_ms < ?1) LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE changed_ms < ?1 \
         AND state = 2 AND NOT EXISTS (SELECT 1 FROM alert_log WHERE alert = id) LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE next_ms < ?1 \
         AND state <> 0 LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM episodes WHERE (facility, asset, onset_ms) IN (SELECT facility, asset, \
         onset_ms FROM episodes WHERE end_ms < ?1 LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM emptied WHERE (facility, asset, at_ms) IN (SELECT facility, asset, at_ms \
         FROM emptied WHERE at_ms < ?1 LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM findings WHERE (kind, device, channel, from_ms) IN (SELECT kind, device, \
         channel, from_ms FROM findings WHERE to_ms < ?1 LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM accounts WHERE (day_ms, device, edge, part) IN (SELECT day_ms, device, edge, \
         part FROM accounts WHERE day_ms < ?1 LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM intake_ledger WHERE (hour_ms, source, reason) IN (SELECT hour_ms, source, \
         reason FROM intake_ledger WHERE hour_ms < ?1 LIMIT ?2)",
    ),
    (
        Kept::AsResults,
        "DELETE FROM losses WHERE (edge, epoch, part, first_n) IN (SELECT edge, epoch, part, \
         first_n FROM losses WHERE at_ms < ?1 LIMIT ?2)",
    ),
];
