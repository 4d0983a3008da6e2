//! A commit's outputs as rows of the results. Writing the same outputs again changes nothing.

use huitian_model::{
    AlertRow, AlertState, Emptied, Finding, FindingKind, HeldReading, Lost, Output,
    OverflowEpisode, Reason, Transition, UtcMs, WindowStatus, wire,
};
use rusqlite::params;

use super::keys;
use super::tx::{Prepared, Tx};
use crate::StoreError;

/// The bytes of an output's row; empty where it has none.
///
/// # Errors
/// [`StoreError::Damaged`], which no output causes.
pub(super) fn row(output: &Output) -> Result<Vec<u8>, StoreError> {
    Ok(match output {
        Output::Window(window) => wire::encode(&window.body)?,
        // Live figures: sinks read them from the commit, the results do not keep them.
        Output::Rolling(_) => Vec::new(),
        Output::Current(row) => wire::encode(row)?,
        Output::Alert(row) => wire::encode(row)?,
        Output::Episode(row) => wire::encode(row)?,
        Output::Emptied(row) => wire::encode(row)?,
        Output::Finding(row) => wire::encode(row)?,
        Output::Held(row) => wire::encode(row)?,
        Output::Account(row) => wire::encode(row)?,
        Output::Device(row) => wire::encode(row)?,
        Output::Lost(row) => wire::encode(row)?,
    })
}

impl Tx<'_> {
    /// Writes the rows of a commit's outputs.
    pub(super) fn project(&mut self, prepared: &Prepared) -> Result<(), StoreError> {
        let part = prepared.commit.partition.number();
        // Nearly all outputs are windows: their statement is looked up once.
        let mut windows = self.conn.prepare_cached(
            "INSERT OR REPLACE INTO windows(key, end_ms, revision, status, body) \
             VALUES(?1, ?2, ?3, ?4, ?5)",
        )?;
        for (output, body) in prepared.commit.outputs.iter().zip(&prepared.rows) {
            match output {
                Output::Window(row) => {
                    let facility = self.facility(&row.key.site, &row.key.facility)?;
                    let key = keys::window(facility, row.key.length, row.key.start)?;
                    let status = status_number(row.status);
                    windows.execute(params![key, row.end.0, row.revision, status, body])?;
                }
                Output::Rolling(_) => {}
                Output::Current(row) => {
                    let facility = self.facility(&row.site, &row.facility)?;
                    self.conn
                        .prepare_cached(
                            "INSERT OR REPLACE INTO current(facility, body) VALUES(?1, ?2)",
                        )?
                        .execute(params![facility, body])?;
                }
                Output::Alert(row) => self.alert(row, body)?,
                Output::Episode(row) => self.episode(row, body)?,
                Output::Emptied(row) => self.emptied(row, body)?,
                Output::Finding(row) => self.finding(row, body)?,
                Output::Held(row) => self.held(part, row, body)?,
                Output::Account(row) => {
                    let key = &row.key;
                    self.conn
                        .prepare_cached(
                            "INSERT OR REPLACE INTO accounts(day_ms, device, edge, part, body) \
                             VALUES(?1, ?2, ?3, ?4, ?5)",
                        )?
                        .execute(params![
                            key.day.0,
                            key.device.as_str(),
                            key.edge.as_str(),
                            part,
                            body
                        ])?;
                }
                Output::Lost(row) => self.lost(part, row, body)?,
                Output::Device(row) => {
                    self.conn
                        .prepare_cached(
                            "INSERT OR REPLACE INTO devices(device, body) VALUES(?1, ?2)",
                        )?
                        .execute(params![row.device.as_str(), body])?;
                }
            }
        }
        Ok(())
    }

    fn alert(&self, row: &AlertRow, body: &[u8]) -> Result<(), StoreError> {
        let id = row.id.text();
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO alerts(id, site, state, changed_ms, body) \
                 VALUES(?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                id,
                row.id.site.as_str(),
                state_number(row.state),
                row.changed_at.0,
                body
            ])?;
        self.conn
            .prepare_cached(
                "INSERT OR IGNORE INTO alert_log(alert, changed_ms, body) VALUES(?1, ?2, ?3)",
            )?
            .execute(params![id, row.changed_at.0, body])?;
        match told(row) {
            Some(told) if self.is_told(row.changed_at) => {
                self.queue(&id, told, row.changed_at, body)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn episode(&mut self, row: &OverflowEpisode, body: &[u8]) -> Result<(), StoreError> {
        let facility = self.facility(&row.site, &row.facility)?;
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO episodes(facility, asset, onset_ms, end_ms, stands, body) \
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                facility,
                row.asset.as_str(),
                row.onset.0,
                row.end.map(|end| end.0),
                row.stands,
                body
            ])?;
        Ok(())
    }

    fn emptied(&mut self, row: &Emptied, body: &[u8]) -> Result<(), StoreError> {
        let facility = self.facility(&row.site, &row.facility)?;
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO emptied(facility, asset, at_ms, stands, body) \
                 VALUES(?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                facility,
                row.asset.as_str(),
                row.at.0,
                row.stands,
                body
            ])?;
        Ok(())
    }

    fn finding(&self, row: &Finding, body: &[u8]) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO findings(kind, device, channel, from_ms, to_ms, body) \
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                finding_number(row.kind),
                row.channel.device.as_str(),
                row.channel.channel.as_str(),
                row.from.0,
                row.to.0,
                body
            ])?;
        Ok(())
    }

    fn held(&self, part: u8, row: &HeldReading, body: &[u8]) -> Result<(), StoreError> {
        let (edge, epoch, n) = &row.number;
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO held(part, edge, epoch, n, received_ms, reason, body) \
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                part,
                edge.as_str(),
                epoch.cast_signed(),
                n.cast_signed(),
                row.reading.received_at.0,
                reason_number(row.reason),
                body
            ])?;
        Ok(())
    }

    fn lost(&self, part: u8, row: &Lost, body: &[u8]) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO losses(edge, epoch, part, first_n, count, at_ms, body) \
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                row.edge.as_str(),
                row.epoch.cast_signed(),
                part,
                row.first_n.cast_signed(),
                row.count.cast_signed(),
                row.at.0,
                body
            ])?;
        Ok(())
    }

    /// One message per alert and kind of news, however often the transition is seen.
    fn queue(&self, id: &str, told: i64, at: UtcMs, body: &[u8]) -> Result<(), StoreError> {
        // Not `INSERT OR IGNORE`, which uses up a number of `AUTOINCREMENT` for nothing.
        self.conn
            .prepare_cached(
                "INSERT INTO outbox(alert, told, state, attempts, next_ms, body) \
                 SELECT ?1, ?2, 0, 0, ?3, ?4 WHERE NOT EXISTS \
                 (SELECT 1 FROM outbox WHERE alert = ?1 AND told = ?2)",
            )?
            .execute(params![id, told, at.0, body])?;
        Ok(())
    }
}

/// Which message an alert's transition is: 0 it is active, 1 it has returned. Who was not told
/// that it is active is not told that it has returned.
fn told(row: &AlertRow) -> Option<i64> {
    match row.transition {
        Transition::Activated => Some(0),
        Transition::Returned if row.activated_at.is_some() => Some(1),
        Transition::Returned | Transition::Raised | Transition::Dropped | Transition::Amended => {
            None
        }
    }
}

/// Numbers on disk: never change one.
pub(super) const fn state_number(state: AlertState) -> i64 {
    match state {
        AlertState::Pending => 0,
        AlertState::Active => 1,
        AlertState::Returned => 2,
    }
}

/// Numbers on disk: never change one.
pub(super) const fn reason_number(reason: Reason) -> i64 {
    match reason {
        Reason::Duplicate => 0,
        Reason::Superseded => 1,
        Reason::Late => 2,
        Reason::QuarantinedFuture => 3,
        Reason::QuarantinedUnknown => 4,
        Reason::QuarantinedRange => 5,
    }
}

/// Numbers on disk: never change one.
const fn finding_number(kind: FindingKind) -> i64 {
    match kind {
        FindingKind::Frozen => 0,
        FindingKind::OverCapacity => 1,
        FindingKind::BelowZero => 2,
    }
}

/// Numbers on disk: never change one.
const fn status_number(status: WindowStatus) -> i64 {
    match status {
        WindowStatus::Provisional => 0,
        WindowStatus::Final => 1,
        WindowStatus::Amended => 2,
    }
}

/// The status with that number.
///
/// # Errors
/// [`StoreError::Damaged`].
pub(super) fn status(number: i64) -> Result<WindowStatus, StoreError> {
    match number {
        0 => Ok(WindowStatus::Provisional),
        1 => Ok(WindowStatus::Final),
        2 => Ok(WindowStatus::Amended),
        _ => Err(StoreError::Damaged(format!("a window of status {number}"))),
    }
}
