//! Queries of the results: synchronous, on a connection that only reads. From async code, call
//! them in `spawn_blocking`.

use huitian_model::{
    AccountRow, AlertRow, Current, DeviceRow, Emptied, FacilityId, Finding, HeldReading,
    OverflowEpisode, Reason, SiteId, UtcMs, WindowKey, WindowRow, wire,
};
use rusqlite::{Connection, OptionalExtension, Params, params};
use serde::de::DeserializeOwned;

use super::project::{reason_number, state_number, status};
use super::{Sqlite, keys};
use crate::{AlertQuery, QUERY_ROWS_MAX, StoreError, WindowQuery};

/// All rows of a query whose first column is a body.
pub(super) fn bodies<T: DeserializeOwned>(
    conn: &Connection,
    sql: &str,
    bound: impl Params,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(bound)?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next()? {
        answer.push(wire::decode(&row.get::<_, Vec<u8>>(0)?)?);
    }
    Ok(answer)
}

/// The small number of a facility, if it was ever seen.
fn number(
    conn: &Connection,
    site: &SiteId,
    facility: &FacilityId,
) -> Result<Option<i64>, StoreError> {
    Ok(conn
        .prepare_cached("SELECT no FROM facilities WHERE site = ?1 AND facility = ?2")?
        .query_row([site.as_str(), facility.as_str()], |row| row.get(0))
        .optional()?)
}

/// A limit within what one answer may hold.
fn most(asked: usize) -> i64 {
    keys::limit(asked.min(QUERY_ROWS_MAX))
}

/// The limit of queries that have none of their own.
const MOST: i64 = 50_000;

impl Sqlite {
    /// Windows of one facility and length, by start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn windows(&self, query: &WindowQuery) -> Result<Vec<WindowRow>, StoreError> {
        self.read_with(|conn| {
            let Some(no) = number(conn, &query.site, &query.facility)? else {
                return Ok(Vec::new());
            };
            let from = query
                .after
                .map_or(query.from, |after| query.from.max(after.plus(1)));
            let mut statement = conn.prepare_cached(
                "SELECT key, end_ms, revision, status, body FROM windows \
                 WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
            )?;
            let mut rows = statement.query(params![
                keys::window_bound(no, query.length, from),
                keys::window_bound(no, query.length, query.to),
                most(query.limit)
            ])?;
            let mut answer = Vec::new();
            while let Some(row) = rows.next()? {
                answer.push(WindowRow {
                    key: WindowKey {
                        site: query.site.clone(),
                        facility: query.facility.clone(),
                        length: query.length,
                        start: keys::window_start(row.get(0)?),
                    },
                    end: UtcMs(row.get(1)?),
                    revision: row.get(2)?,
                    status: status(row.get(3)?)?,
                    body: wire::decode(&row.get::<_, Vec<u8>>(4)?)?,
                });
            }
            Ok(answer)
        })
    }

    /// All facilities as they stand, in no order that means anything.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn currents(&self) -> Result<Vec<Current>, StoreError> {
        self.read_with(|conn| bodies(conn, "SELECT body FROM current ORDER BY facility", []))
    }

    /// Alerts as they stand, newest change first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertRow>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM alerts WHERE (?1 IS NULL OR state = ?1) \
                 AND (?2 IS NULL OR site = ?2) ORDER BY changed_ms DESC, id LIMIT ?3",
                params![
                    query.state.map(state_number),
                    query.site.as_ref().map(SiteId::as_str),
                    most(query.limit)
                ],
            )
        })
    }

    /// One alert as it stands, by [`huitian_model::AlertId::text`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alert(&self, id: &str) -> Result<Option<AlertRow>, StoreError> {
        let rows = self
            .read_with(|conn| bodies(conn, "SELECT body FROM alerts WHERE id = ?1", params![id]))?;
        Ok(rows.into_iter().next())
    }

    /// All transitions of one alert, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alert_log(&self, id: &str) -> Result<Vec<AlertRow>, StoreError> {
        self.read_with(|conn| {
            let sql = "SELECT body FROM alert_log WHERE alert = ?1 ORDER BY no LIMIT ?2";
            bodies(conn, sql, params![id, MOST])
        })
    }

    /// Episodes of overflow at a site that stand and overlap `from..to`, by onset.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn episodes(
        &self,
        site: &SiteId,
        facility: Option<&FacilityId>,
        from: UtcMs,
        to: UtcMs,
    ) -> Result<Vec<OverflowEpisode>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM facilities f JOIN episodes e ON e.facility = f.no \
                 WHERE site = ?1 AND (?2 IS NULL OR f.facility = ?2) AND stands \
                 AND onset_ms < ?4 AND (end_ms IS NULL OR end_ms > ?3) \
                 ORDER BY onset_ms, f.facility, asset LIMIT ?5",
                params![
                    site.as_str(),
                    facility.map(FacilityId::as_str),
                    from.0,
                    to.0,
                    MOST
                ],
            )
        })
    }

    /// Emptyings at a site that stand, in `from..to`, by time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn emptied(
        &self,
        site: &SiteId,
        facility: Option<&FacilityId>,
        from: UtcMs,
        to: UtcMs,
    ) -> Result<Vec<Emptied>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM facilities f JOIN emptied e ON e.facility = f.no \
                 WHERE site = ?1 AND (?2 IS NULL OR f.facility = ?2) AND stands \
                 AND at_ms >= ?3 AND at_ms < ?4 ORDER BY at_ms, f.facility, asset LIMIT ?5",
                params![
                    site.as_str(),
                    facility.map(FacilityId::as_str),
                    from.0,
                    to.0,
                    MOST
                ],
            )
        })
    }

    /// Findings that overlap `from..to`, by time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn findings(
        &self,
        from: UtcMs,
        to: UtcMs,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM findings WHERE from_ms < ?2 AND to_ms >= ?1 \
                 ORDER BY from_ms, kind, device, channel LIMIT ?3",
                params![from.0, to.0, most(limit)],
            )
        })
    }

    /// Late and quarantined readings by `received_at`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn held(
        &self,
        reason: Option<Reason>,
        from: UtcMs,
        to: UtcMs,
        limit: usize,
    ) -> Result<Vec<HeldReading>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM held WHERE received_ms >= ?1 AND received_ms < ?2 \
                 AND (?3 IS NULL OR reason = ?3) \
                 ORDER BY received_ms, part, edge, epoch, n LIMIT ?4",
                params![from.0, to.0, reason.map(reason_number), most(limit)],
            )
        })
    }

    /// The health of all devices, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn devices(&self) -> Result<Vec<DeviceRow>, StoreError> {
        self.read_with(|conn| bodies(conn, "SELECT body FROM devices ORDER BY device", []))
    }

    /// Accounts of the days that begin in `from..to`, by day, device and edge. A device that
    /// changed its partition has two rows of one key: add them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn accounts(&self, from: UtcMs, to: UtcMs) -> Result<Vec<AccountRow>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM accounts WHERE day_ms >= ?1 AND day_ms < ?2 \
                 ORDER BY day_ms, device, edge, part",
                params![from.0, to.0],
            )
        })
    }
}
