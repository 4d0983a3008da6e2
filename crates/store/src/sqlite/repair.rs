//! Which late readings the windows have not taken in yet, and up to where they have.

use huitian_model::{Partition, Position, UtcMs};
use rusqlite::params;

use super::writer::{Lane, Size};
use super::{Sqlite, tx};
use crate::StoreError;

/// Rows marked by one transaction: some 20 ms, between which appends pass.
const MARK_SLICE: usize = 5_000;

/// The `meta` key that holds the log position up to which late readings were repaired.
fn key(partition: Partition) -> String {
    format!("repaired_{partition}")
}

impl Sqlite {
    /// The partitions with late readings that no repair has taken in, and how many they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn to_repair(&self) -> Result<Vec<(Partition, u64)>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT part, count(*) FROM held WHERE reason = 2 AND repaired_ms IS NULL \
                 GROUP BY part ORDER BY part",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
            let mut answer = Vec::new();
            for row in rows {
                let (number, count): (u8, i64) = row?;
                let partition = Partition::new(number)
                    .ok_or_else(|| StoreError::Damaged(format!("held in partition {number}")))?;
                answer.push((partition, count.cast_unsigned()));
            }
            Ok(answer)
        })
    }

    /// How many late readings that were received in `from..to` have been repaired.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn repaired(&self, from: UtcMs, to: UtcMs) -> Result<u64, StoreError> {
        self.read_with(|conn| {
            let sql = "SELECT count(*) FROM held WHERE received_ms >= ?1 AND received_ms < ?2 \
                       AND reason = 2 AND repaired_ms IS NOT NULL";
            let mut statement = conn.prepare_cached(sql)?;
            let count: i64 = statement.query_row(params![from.0, to.0], |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    /// The log position up to which a partition's late readings were repaired; 0 before any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn repaired_to(&self, partition: Partition) -> Result<Position, StoreError> {
        let Some(text) = self.meta(&key(partition))? else {
            return Ok(Position(0));
        };
        let damaged = || StoreError::Damaged(format!("meta {}: {text:?}", key(partition)));
        text.parse()
            .map(Position)
            .map_err(|_not_a_number| damaged())
    }

    /// Marks all late readings of a partition as repaired at `at`, up to a position of its log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_repaired(
        &self,
        partition: Partition,
        to: Position,
        at: UtcMs,
    ) -> Result<(), StoreError> {
        let size = Size {
            rows: MARK_SLICE,
            bytes: 0,
        };
        let slice = move |tx: &mut tx::Tx<'_>| {
            let sql = "UPDATE held SET repaired_ms = ?2 WHERE (part, edge, epoch, n) IN \
                       (SELECT part, edge, epoch, n FROM held \
                        WHERE part = ?1 AND reason = 2 AND repaired_ms IS NULL LIMIT ?3)";
            let mut update = tx.conn.prepare_cached(sql)?;
            let most = super::keys::limit(MARK_SLICE);
            Ok(update.execute(params![partition.number(), at.0, most])?)
        };
        while self.write(Lane::Results, size, slice).await? == MARK_SLICE {}
        self.set_meta(key(partition), to.0.to_string()).await
    }
}
