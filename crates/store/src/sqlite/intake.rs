//! The intake ledger: what never became a reading; and the table of small facts.

use huitian_model::UtcMs;
use rusqlite::{OptionalExtension, params};

use super::tx::Tx;
use super::writer::{Lane, Size};
use super::{Sqlite, keys};
use crate::{
    IntakeNote, IntakeReason, IntakeRow, OTHER_SOURCES, QUERY_ROWS_MAX, SAMPLE_BYTES_MAX,
    SOURCE_CHARS_MAX, SOURCES_PER_HOUR_MAX, StoreError,
};

const HOUR_MS: i64 = 3_600_000;

pub(super) fn cut(text: &str) -> String {
    text.chars().take(SOURCE_CHARS_MAX).collect()
}

fn cut_bytes(bytes: &[u8]) -> &[u8] {
    bytes.get(..SAMPLE_BYTES_MAX).unwrap_or(bytes)
}

impl Tx<'_> {
    fn note(&self, note: &IntakeNote) -> Result<(), StoreError> {
        let hour = note.at.0.div_euclid(HOUR_MS) * HOUR_MS;
        let source = self.intake_source(hour, cut(&note.source))?;
        self.conn
            .prepare_cached(
                "INSERT INTO intake_ledger(hour_ms, source, reason, count, sample) \
                 VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
                 count = count + excluded.count, sample = coalesce(excluded.sample, sample)",
            )?
            .execute(params![
                hour,
                source,
                note.reason.name(),
                note.count.cast_signed(),
                note.sample.as_deref().map(cut_bytes)
            ])?;
        Ok(())
    }

    /// The source itself while it is known in that hour or there is room, else all the others.
    fn intake_source(&self, hour: i64, source: String) -> Result<String, StoreError> {
        let is_known = self
            .conn
            .prepare_cached("SELECT 1 FROM intake_ledger WHERE hour_ms = ?1 AND source = ?2")?
            .exists(params![hour, source])?;
        if is_known {
            return Ok(source);
        }
        let sources: i64 = self
            .conn
            .prepare_cached("SELECT count(DISTINCT source) FROM intake_ledger WHERE hour_ms = ?1")?
            .query_row([hour], |row| row.get(0))?;
        let has_room = sources < keys::limit(SOURCES_PER_HOUR_MAX);
        Ok(if has_room {
            source
        } else {
            OTHER_SOURCES.to_owned()
        })
    }
}

impl Sqlite {
    /// Counts messages that never became readings. Resolves when on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note(&self, notes: Vec<IntakeNote>) -> Result<(), StoreError> {
        let (rows, bytes) = (notes.len(), 0);
        self.write(Lane::Results, Size { rows, bytes }, move |tx| {
            notes.iter().try_for_each(|note| tx.note(note))
        })
        .await
    }

    /// The intake ledger of the hours that begin in `from..to`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn intake_ledger(&self, from: UtcMs, to: UtcMs) -> Result<Vec<IntakeRow>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT hour_ms, source, reason, count, sample FROM intake_ledger \
                 WHERE hour_ms >= ?1 AND hour_ms < ?2 ORDER BY hour_ms, source, reason LIMIT ?3",
            )?;
            let limit = keys::limit(QUERY_ROWS_MAX);
            let mut rows = statement.query(params![from.0, to.0, limit])?;
            let mut answer = Vec::new();
            while let Some(row) = rows.next()? {
                let name: String = row.get(2)?;
                let reason = IntakeReason::from_name(&name).ok_or_else(|| {
                    StoreError::Damaged(format!("an intake ledger row of reason {name:?}"))
                })?;
                answer.push(IntakeRow {
                    hour: UtcMs(row.get(0)?),
                    source: row.get(1)?,
                    reason,
                    count: row.get::<_, i64>(3)?.cast_unsigned(),
                    sample: row.get(4)?,
                });
            }
            Ok(answer)
        })
    }

    /// A value of the table of small facts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
            Ok(statement.query_row([key], |row| row.get(0)).optional()?)
        })
    }

    /// All facts whose key begins with `prefix`, by the rest of their key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn meta_below(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT substr(key, length(?1) + 1), value FROM meta \
                 WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
            )?;
            let rows = statement.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Sets a value of the table of small facts. Resolves when on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_meta(&self, key: String, value: String) -> Result<(), StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| {
            tx.set_meta(&key, &value)
        })
        .await
    }

    /// Forgets a value of the table of small facts. Resolves when on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_meta(&self, key: String) -> Result<(), StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| {
            tx.conn
                .prepare_cached("DELETE FROM meta WHERE key = ?1")?
                .execute([&key])?;
            Ok(())
        })
        .await
    }
}
