//! The hub's edges: who they are, what they lost, which configuration each has, and the tokens
//! with which new ones come in.

use huitian_model::{EdgeId, Lost, UtcMs, wire};
use rusqlite::{OptionalExtension, params};

use super::results::bodies;
use super::writer::{Lane, Size};
use super::{Sqlite, keys};
use crate::{EdgeConfigRow, EdgeRow, QUERY_ROWS_MAX, StoreError};

/// Configurations of one edge that are kept: a year of weekly changes.
const CONFIGS_MAX: usize = 52;

impl Sqlite {
    /// What edges gave up, by the edge's time, in `from..to`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn losses(&self, from: UtcMs, to: UtcMs) -> Result<Vec<Lost>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM losses WHERE at_ms >= ?1 AND at_ms < ?2 \
                 ORDER BY at_ms, edge, epoch, part, first_n LIMIT ?3",
                params![from.0, to.0, keys::limit(QUERY_ROWS_MAX)],
            )
        })
    }

    /// All edges, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn edges(&self) -> Result<Vec<EdgeRow>, StoreError> {
        self.read_with(|conn| bodies(conn, "SELECT body FROM edges ORDER BY edge", []))
    }

    /// Keeps what is known of an edge. Resolves when on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_edge(&self, row: EdgeRow) -> Result<(), StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| {
            let body = wire::encode(&row)?;
            tx.conn
                .prepare_cached("INSERT OR REPLACE INTO edges(edge, body) VALUES(?1, ?2)")?
                .execute(params![row.edge.as_str(), body])?;
            Ok(())
        })
        .await
    }

    /// The configurations of an edge, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn edge_configs(&self, edge: &EdgeId) -> Result<Vec<EdgeConfigRow>, StoreError> {
        self.read_with(|conn| {
            bodies(
                conn,
                "SELECT body FROM edge_configs WHERE edge = ?1 ORDER BY version DESC",
                [edge.as_str()],
            )
        })
    }

    /// Keeps a version of an edge's configuration; of each edge the last 52 stay. Resolves when
    /// on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_edge_config(&self, row: EdgeConfigRow) -> Result<(), StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| {
            let body = wire::encode(&row)?;
            tx.conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO edge_configs(edge, version, body) VALUES(?1, ?2, ?3)",
                )?
                .execute(params![row.edge.as_str(), row.version.cast_signed(), body])?;
            tx.conn
                .prepare_cached(
                    "DELETE FROM edge_configs WHERE edge = ?1 AND version NOT IN (SELECT version \
                     FROM edge_configs WHERE edge = ?1 ORDER BY version DESC LIMIT ?2)",
                )?
                .execute(params![row.edge.as_str(), keys::limit(CONFIGS_MAX)])?;
            Ok(())
        })
        .await
    }

    /// Keeps the digest of an enrolment token. Resolves when on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_edge_token(
        &self,
        hash: String,
        edge: EdgeId,
        expires: UtcMs,
    ) -> Result<(), StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| {
            tx.conn
                .prepare_cached(
                    "INSERT INTO edge_tokens(hash, edge, expires_ms) VALUES(?1, ?2, ?3)",
                )?
                .execute(params![hash, edge.as_str(), expires.0])?;
            Ok(())
        })
        .await
    }

    /// Uses an enrolment token up: the edge it is for, where it is known, in time, and unused.
    /// Resolves when on disk, so that a token never serves twice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_edge_token(
        &self,
        hash: String,
        now: UtcMs,
    ) -> Result<Option<EdgeId>, StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| {
            let edge: Option<String> = tx
                .conn
                .prepare_cached(
                    "UPDATE edge_tokens SET used_ms = ?2 WHERE hash = ?1 AND used_ms IS NULL \
                     AND expires_ms >= ?2 RETURNING edge",
                )?
                .query_row(params![hash, now.0], |row| row.get(0))
                .optional()?;
            edge.map(|edge| {
                EdgeId::new(&edge).map_err(|error| StoreError::Damaged(error.to_string()))
            })
            .transpose()
        })
        .await
    }
}
