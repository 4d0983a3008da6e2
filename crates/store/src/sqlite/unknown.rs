//! Devices that speak but are not in the inventory: the newest message of each, for an operator who
//! looks for the profile that reads it.
//!
//! At most [`UNKNOWN_DEVICES_MAX`] are kept; of more, the one heard longest ago makes room and is
//! counted, so that a flood of invented addresses shows.

use huitian_model::UtcMs;
use rusqlite::{OptionalExtension, Row, params};

use super::intake::cut;
use super::tx::Tx;
use super::writer::{Lane, Size};
use super::{Sqlite, keys};
use crate::{
    StoreError, UNKNOWN_DEVICES_MAX, UNKNOWN_LISTED_BYTES, UNKNOWN_PAYLOAD_BYTES_MAX,
    UnknownDevice, UnknownNote,
};

/// Characters of a topic that are kept: the longest topic that is read at all.
const TOPIC_CHARS_MAX: usize = 256;

/// The small fact that counts those that made room.
const MADE_ROOM: &str = "unknown_made_room";

impl Tx<'_> {
    fn note_unknown(&self, note: &UnknownNote) -> Result<(), StoreError> {
        let address = cut(&note.address);
        // Whole, for the shape of a topic says how to read its message.
        let topic: String = note.topic.chars().take(TOPIC_CHARS_MAX).collect();
        let whole = note.payload.as_slice();
        let payload = whole.get(..UNKNOWN_PAYLOAD_BYTES_MAX).unwrap_or(whole);
        self.conn
            .prepare_cached(
                "INSERT INTO unknown_devices(address, topic, first_ms, last_ms, count, payload) \
                 VALUES(?1, ?2, ?3, ?3, 1, ?4) ON CONFLICT DO UPDATE SET topic = excluded.topic, \
                 last_ms = max(last_ms, excluded.last_ms), count = count + 1, \
                 payload = excluded.payload",
            )?
            .execute(params![address, topic, note.at.0, payload])?;
        let made_room = self
            .conn
            .prepare_cached(
                "DELETE FROM unknown_devices WHERE address IN (SELECT address \
                 FROM unknown_devices WHERE address <> ?1 ORDER BY last_ms, address \
                 LIMIT max(0, (SELECT count(*) FROM unknown_devices) - ?2))",
            )?
            .execute(params![address, keys::limit(UNKNOWN_DEVICES_MAX)])?;
        if made_room > 0 {
            self.conn
                .prepare_cached(
                    "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT DO UPDATE SET \
                     value = CAST(value AS INTEGER) + ?2",
                )?
                .execute(params![MADE_ROOM, made_room.to_string()])?;
        }
        Ok(())
    }
}

impl Sqlite {
    /// Remembers messages of devices that are not in the inventory. Resolves when on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_unknown(&self, notes: Vec<UnknownNote>) -> Result<(), StoreError> {
        let (rows, bytes) = (notes.len(), 0);
        self.write(Lane::Results, Size { rows, bytes }, move |tx| {
            notes.iter().try_for_each(|note| tx.note_unknown(note))
        })
        .await
    }

    /// Forgets an unknown device, as when it enters the inventory.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_unknown(&self, address: String) -> Result<(), StoreError> {
        self.write(Lane::Results, Size::ROW, move |tx| {
            tx.conn
                .prepare_cached("DELETE FROM unknown_devices WHERE address = ?1")?
                .execute([&address])?;
            Ok(())
        })
        .await
    }

    /// The devices that speak but are not in the inventory, the newest heard first, each with the
    /// beginning of its message.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unknown_devices(&self) -> Result<Vec<UnknownDevice>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT address, topic, first_ms, last_ms, count, substr(payload, 1, ?1), \
                 length(payload) FROM unknown_devices ORDER BY last_ms DESC, address",
            )?;
            let rows = statement.query_map([keys::limit(UNKNOWN_LISTED_BYTES)], unknown)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The device of that address, with all that is kept of its message.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unknown_device(&self, address: &str) -> Result<Option<UnknownDevice>, StoreError> {
        self.read_with(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT address, topic, first_ms, last_ms, count, payload, length(payload) \
                 FROM unknown_devices WHERE address = ?1",
            )?;
            Ok(statement.query_row([address], unknown).optional()?)
        })
    }

    /// How many unknown devices were forgotten for want of room, ever.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unknown_made_room(&self) -> Result<u64, StoreError> {
        let Some(text) = self.meta(MADE_ROOM)? else {
            return Ok(0);
        };
        text.parse()
            .map_err(|_no_number| StoreError::Damaged(format!("meta {MADE_ROOM}: {text:?}")))
    }
}

fn unknown(row: &Row<'_>) -> rusqlite::Result<UnknownDevice> {
    Ok(UnknownDevice {
        address: row.get(0)?,
        topic: row.get(1)?,
        first_seen: UtcMs(row.get(2)?),
        last_seen: UtcMs(row.get(3)?),
        count: row.get::<_, i64>(4)?.cast_unsigned(),
        last_payload: row.get(5)?,
        payload_bytes: row.get::<_, i64>(6)?.cast_unsigned(),
    })
}
