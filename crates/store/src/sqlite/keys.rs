//! Integer keys: a partition with a number within it, and a window's facility, length and start.

use std::ops::Range;

use huitian_model::{IdError, Partition, UtcMs, WindowLength};
use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

/// Bits of the number within a partition: 2^48 records are 89,000 years of 100 a second.
const NUMBER_BITS: u32 = 48;

/// Bits of a window's start.
const START_BITS: u32 = 36;

/// Bits of a window's length.
const LENGTH_BITS: u32 = 4;

/// Bits of a facility's number: what is left of 63.
const FACILITY_BITS: u32 = 63 - LENGTH_BITS - START_BITS;

/// Added to a start in seconds, so that years before 1970 have a place.
const START_BIAS_S: i64 = 1 << (START_BITS - 1);

/// A table whose key is a partition and a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keyed {
    /// The log.
    Log,
    /// The chain of commits.
    Commits,
    /// Snapshots.
    Snapshots,
}

/// The key of a number within a partition.
///
/// # Errors
/// [`StoreError::Refused`] from 2^48 on.
pub(super) fn key(partition: Partition, number: u64) -> Result<i64, StoreError> {
    if number >> NUMBER_BITS != 0 {
        return Err(StoreError::Refused(format!(
            "expected a number below 2^48 in partition {partition}, found {number}"
        )));
    }
    Ok(first(partition) | number.cast_signed())
}

/// The lowest key of a partition.
pub(super) fn first(partition: Partition) -> i64 {
    i64::from(partition.number()) << NUMBER_BITS
}

/// The key after the highest of a partition.
pub(super) fn end(partition: Partition) -> i64 {
    (i64::from(partition.number()) + 1) << NUMBER_BITS
}

/// The number within its partition of a key.
pub(super) const fn number(key: i64) -> u64 {
    (key & ((1 << NUMBER_BITS) - 1)).cast_unsigned()
}

/// The highest key of a partition in a table.
///
/// # Errors
/// [`StoreError`].
pub(super) fn last(
    conn: &Connection,
    table: Keyed,
    partition: Partition,
) -> Result<Option<i64>, StoreError> {
    let sql = match table {
        Keyed::Log => "SELECT max(key) FROM log WHERE key >= ?1 AND key < ?2",
        Keyed::Commits => "SELECT max(key) FROM commits WHERE key >= ?1 AND key < ?2",
        Keyed::Snapshots => "SELECT max(key) FROM snapshots WHERE key >= ?1 AND key < ?2",
    };
    let last = conn
        .prepare_cached(sql)?
        .query_row([first(partition), end(partition)], |row| row.get(0))
        .optional()?;
    Ok(last.flatten())
}

/// Deletes the rows of a range of keys, lowest first, at most `max`; how many.
///
/// # Errors
/// [`StoreError`].
pub(super) fn delete(
    conn: &Connection,
    table: Keyed,
    range: Range<i64>,
    max: usize,
) -> Result<usize, StoreError> {
    let sql = match table {
        Keyed::Log => {
            "DELETE FROM log WHERE key IN (SELECT key FROM log WHERE key >= ?1 AND key < ?2 \
             ORDER BY key LIMIT ?3)"
        }
        Keyed::Commits => {
            "DELETE FROM commits WHERE key IN (SELECT key FROM commits WHERE key >= ?1 \
             AND key < ?2 ORDER BY key LIMIT ?3)"
        }
        Keyed::Snapshots => {
            "DELETE FROM snapshots WHERE key IN (SELECT key FROM snapshots WHERE key >= ?1 \
             AND key < ?2 ORDER BY key LIMIT ?3)"
        }
    };
    let limit = limit(max);
    Ok(conn
        .prepare_cached(sql)?
        .execute(params![range.start, range.end, limit])?)
}

/// A limit as SQLite takes it.
pub(super) fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// The keys of all windows of a facility and length.
pub(super) const fn windows(facility: i64, length: WindowLength) -> Range<i64> {
    let from = (facility << LENGTH_BITS | length_number(length)) << START_BITS;
    from..from + (1 << START_BITS)
}

/// The key of the window that starts then, or the nearest key where none can start then.
pub(super) fn window_bound(facility: i64, length: WindowLength, start: UtcMs) -> i64 {
    let range = windows(facility, length);
    // Rounded up: a window at a whole second before `start` is not at or after it.
    let start_s = start.0.div_euclid(1_000) + i64::from(start.0.rem_euclid(1_000) != 0);
    range.start
        + start_s
            .saturating_add(START_BIAS_S)
            .clamp(0, 1 << START_BITS)
}

/// The key of a window.
///
/// # Errors
/// [`StoreError::Refused`] for parts of a second, years before 881 or after 3058, and more than
/// 8 million facilities.
pub(super) fn window(facility: i64, length: WindowLength, start: UtcMs) -> Result<i64, StoreError> {
    let biased = start.0.div_euclid(1_000) + START_BIAS_S;
    let is_kept = start.0.rem_euclid(1_000) == 0
        && (0..1 << START_BITS).contains(&biased)
        && (0..1 << FACILITY_BITS).contains(&facility);
    if is_kept {
        Ok(windows(facility, length).start | biased)
    } else {
        Err(StoreError::Refused(format!(
            "a window that starts at {} ms of facility number {facility}",
            start.0
        )))
    }
}

/// The start of the window with that key.
pub(super) const fn window_start(key: i64) -> UtcMs {
    UtcMs(((key & ((1 << START_BITS) - 1)) - START_BIAS_S) * 1_000)
}

/// Numbers on disk: never change one.
const fn length_number(length: WindowLength) -> i64 {
    match length {
        WindowLength::Min5 => 0,
        WindowLength::Min15 => 1,
        WindowLength::Hour1 => 2,
        WindowLength::Day1 => 3,
    }
}

/// An id that was read: one that is none is damage.
///
/// # Errors
/// [`StoreError::Damaged`].
pub(super) fn id<T>(read: Result<T, IdError>) -> Result<T, StoreError> {
    read.map_err(|error| StoreError::Damaged(error.to_string()))
}
