//! The outbox: messages to people, queued in the transaction of the alert that they tell of.

use huitian_model::{UtcMs, wire};
use rusqlite::{Row, params};

use super::writer::{Lane, Size};
use super::{Sqlite, keys};
use crate::{OutboxItem, OutboxState, QUERY_ROWS_MAX, StoreError};

/// Most characters kept of an error.
const ERROR_CHARS_MAX: usize = 500;

const COLUMNS: &str = "id, state, attempts, next_ms, done_ms, error, body";

fn item(row: &Row<'_>) -> Result<OutboxItem, StoreError> {
    let state = match row.get::<_, i64>(1)? {
        0 => OutboxState::Queued,
        1 => OutboxState::Delivered,
        2 => OutboxState::Undeliverable,
        other => {
            return Err(StoreError::Damaged(format!(
                "an outbox row of state {other}"
            )));
        }
    };
    Ok(OutboxItem {
        id: row.get(0)?,
        alert: wire::decode(&row.get::<_, Vec<u8>>(6)?)?,
        state,
        attempts: row.get(2)?,
        next_at: UtcMs(row.get(3)?),
        done_at: row.get::<_, Option<i64>>(4)?.map(UtcMs),
        error: row.get(5)?,
    })
}

impl Sqlite {
    /// Messages to be tried now, oldest first. That an alert has returned is not due while that
    /// it is active is still queued.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outbox_due(&self, now: UtcMs, max: usize) -> Result<Vec<OutboxItem>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox o WHERE state = 0 AND next_ms <= ?1 AND NOT EXISTS \
             (SELECT 1 FROM outbox e WHERE e.alert = o.alert AND e.told < o.told \
              AND e.state = 0) ORDER BY id LIMIT ?2"
        );
        self.outbox(&sql, now.0, max)
    }

    /// The newest messages, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outbox_list(&self, limit: usize) -> Result<Vec<OutboxItem>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE id > ?1 ORDER BY id DESC LIMIT ?2");
        self.outbox(&sql, 0, limit)
    }

    fn outbox(&self, sql: &str, first: i64, max: usize) -> Result<Vec<OutboxItem>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare_cached(sql)?;
            let mut rows = statement.query(params![first, keys::limit(max.min(QUERY_ROWS_MAX))])?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                items.push(item(row)?);
            }
            Ok(items)
        })
    }

    /// A message was delivered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_done(&self, id: i64, at: UtcMs) -> Result<(), StoreError> {
        let set = "state = 1, done_ms = ?2, error = ?3";
        self.outbox_set(id, set, Some(at.0), None).await
    }

    /// A message is to be tried again, not before `next_at`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_retry(
        &self,
        id: i64,
        next_at: UtcMs,
        error: &str,
    ) -> Result<(), StoreError> {
        let set = "next_ms = ?2, error = ?3";
        self.outbox_set(id, set, Some(next_at.0), Some(error)).await
    }

    /// A message is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_undeliverable(&self, id: i64, error: &str) -> Result<(), StoreError> {
        self.outbox_set(id, "state = 2, done_ms = ?2, error = ?3", None, Some(error))
            .await
    }

    async fn outbox_set(
        &self,
        id: i64,
        set: &'static str,
        at_ms: Option<i64>,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        let error: Option<String> = error.map(|text| text.chars().take(ERROR_CHARS_MAX).collect());
        let sql =
            format!("UPDATE outbox SET {set}, attempts = attempts + 1 WHERE id = ?1 AND state = 0");
        self.write(Lane::Results, Size::ROW, move |tx| {
            tx.conn
                .prepare_cached(&sql)?
                .execute(params![id, at_ms, error])?;
            Ok(())
        })
        .await
    }

    /// From when on people are told: alerts that change before get no message, so that nobody is
    /// told of the demo's past or an imported one. Holds until set again; at first, all are told.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_outbox_from(&self, from: UtcMs) -> Result<(), StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| tx.set_outbox_from(from))
            .await
    }
}
