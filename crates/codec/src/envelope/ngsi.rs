//! NGSI-LD: notifications of a context broker, and entities alone.
//!
//! Source: ETSI GS CIM 009 (entities, notifications, MQTT binding); smart-data-models,
//! `dataModel.Parking` and `dataModel.WasteManagement` (CC BY 4.0).
//!
//! ```json
//! { "metadata": {}, "body": { "type": "Notification", "data": [
//!   { "id": "urn:ngsi-ld:WasteContainer:7", "type": "WasteContainer",
//!     "fillingLevel": { "type": "Property", "value": 0.68,
//!                        "observedAt": "2026-11-23T04:00:00Z" } } ] } }
//! ```
//!
//! - Read are the MQTT binding (`metadata` and `body`), the notification, an array of entities,
//!   and one entity; attributes normalized, concise, or as key-values.
//! - The device is the entity's `id`. A value is called by its attribute; what is inside of an
//!   attribute's value by a path. Attributes of attributes are left aside.
//! - Event time is the attribute's `observedAt`, else for counts of places `occupancyModified`,
//!   else the entity's `dateObserved` (of an interval its end). Attributes of different times
//!   become different records.
//! - What the data models define is given under the names of our quantities too, behind the
//!   attributes as they came, so that such an entity needs no device profile:
//!
//! | type | attribute | value |
//! |---|---|---|
//! | `WasteContainer` | `fillingLevel`, 0 to 1 | `fill`, percent |
//! | `OffStreetParking` | `occupiedSpotNumber`, `availableSpotNumber` | `in_use`, `free_places` |
//! | `OffStreetParking` | `vehicleEntranceCount`, `vehicleExitCount` | `entries`, `exits` |
//! | `ParkingSpot` | `status` occupied, free, other | `occupied` true, false, missing |

use huitian_model::UtcMs;

use super::values::{Excess, Flat, VALUES_MAX};
use super::{Opened, address};
use crate::instant;
use crate::json::{Reader, Scalar};
use crate::named::{Named, NamedMessage, NamedValue};
use crate::number::Fixed;
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::{BATCH_ITEMS_MAX, ENVELOPE_TEXT_CHARS_MAX};

/// What `occupancyModified` is the time of.
const COUNTS: [&str; 3] = ["occupancy", "occupiedSpotNumber", "availableSpotNumber"];

/// Times of an entity, which are no values.
const TIMES: [&str; 2] = ["dateObserved", "occupancyModified"];

/// Reads a message.
pub(crate) fn read(payload: &[u8]) -> Result<Opened, Refusal> {
    // Descriptions of entities are long; what is too long is left aside.
    let mut reader = Reader::new(payload, ENVELOPE_TEXT_CHARS_MAX)?;
    let mut message = Message::default();
    if reader.peek()? == b'[' {
        message.entities(&mut reader)?;
    } else {
        message.body(&mut reader, true)?;
    }
    reader.end()?;
    if message.named.records.is_empty() && message.named.refused.is_empty() {
        return Ok(Opened::NotReadings("no values"));
    }
    Ok(Opened::Named(message.named))
}

#[derive(Default)]
struct Message {
    named: NamedMessage,
    entities: usize,
    values: usize,
}

impl Message {
    /// Reads the MQTT binding, a notification, or an entity.
    fn body(&mut self, reader: &mut Reader, is_outer: bool) -> Result<(), Refusal> {
        let mut entity = Entity::new(self.room());
        let mut is_entity = true;
        reader.object(|reader, key| match key.as_ref() {
            "body" if is_outer && reader.peek()? == b'{' => {
                is_entity = false;
                self.body(reader, false)
            }
            "data" if reader.peek()? == b'[' => {
                is_entity = false;
                self.entities(reader)
            }
            key => entity.member(reader, key),
        })?;
        if is_entity {
            self.take(entity);
        }
        Ok(())
    }

    fn entities(&mut self, reader: &mut Reader) -> Result<(), Refusal> {
        reader.array(|reader, _index| {
            let mut entity = Entity::new(self.room());
            reader.object(|reader, key| entity.member(reader, &key))?;
            self.take(entity);
            if self.entities > BATCH_ITEMS_MAX {
                let text = format!("expected at most {BATCH_ITEMS_MAX} entities");
                return Err(Refusal::new(RefusalReason::TooManyItems, text));
            }
            Ok(())
        })
    }

    const fn room(&self) -> usize {
        VALUES_MAX.saturating_sub(self.values)
    }

    fn take(&mut self, entity: Entity) {
        let place = format!("entity {}", self.entities);
        self.entities += 1;
        self.values += entity
            .attributes
            .iter()
            .map(|one| one.values.len())
            .sum::<usize>();
        match entity.records() {
            Ok(records) => self.named.records.extend(records),
            Err(refusal) => self.named.refused.push(refusal.at(&place)),
        }
    }
}

/// An attribute with its values and the time that it gives.
struct Attribute {
    name: String,
    at: Option<UtcMs>,
    values: Vec<(String, NamedValue)>,
}

struct Entity {
    room: usize,
    id: Option<String>,
    kind: String,
    attributes: Vec<Attribute>,
    fault: Option<Refusal>,
}

impl Entity {
    const fn new(room: usize) -> Self {
        Self {
            room,
            id: None,
            kind: String::new(),
            attributes: Vec::new(),
            fault: None,
        }
    }

    fn member(&mut self, reader: &mut Reader, key: &str) -> Result<(), Refusal> {
        match key {
            "@context" => reader.skip(),
            "id" | "@id" => {
                if let Scalar::Text(id) = reader.scalar()? {
                    self.id = Some(id.into_owned());
                }
                Ok(())
            }
            "type" | "@type" => {
                if let Scalar::Text(kind) = reader.scalar()? {
                    // A context broker may answer with the full IRI of the type.
                    let short = kind.rsplit(['/', '#', ':']).next().unwrap_or_default();
                    short.clone_into(&mut self.kind);
                }
                Ok(())
            }
            name => {
                let attribute = self.attribute(reader, name)?;
                self.room = self.room.saturating_sub(attribute.values.len());
                self.attributes.push(attribute);
                Ok(())
            }
        }
    }

    fn attribute(&mut self, reader: &mut Reader, name: &str) -> Result<Attribute, Refusal> {
        let mut flat = Flat::new(Excess::LongLeftAside, self.room);
        let mut at = None;
        if reader.peek()? == b'{' {
            reader.object(|reader, key| match key.as_ref() {
                "value" | "@value" | "object" => flat.member(reader, name),
                "observedAt" => {
                    let Scalar::Text(text) = reader.scalar()? else {
                        return Ok(());
                    };
                    match instant::from_rfc3339(&text) {
                        Ok(found) => at = Some(found),
                        Err(refusal) => {
                            let place = format!("{}.observedAt", quoted(name));
                            self.fault = Some(refusal.at(&place));
                        }
                    }
                    Ok(())
                }
                _other => reader.skip(),
            })?;
        } else {
            flat.member(reader, name)?;
        }
        Ok(Attribute {
            name: name.to_owned(),
            at,
            values: flat.values,
        })
    }

    fn records(self) -> Result<Vec<Named>, Refusal> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let Some(id) = &self.id else {
            let text = "expected id of an entity, found none";
            return Err(Refusal::new(RefusalReason::MissingField, text));
        };
        let id = address(id)?;
        let [observed, counted] = TIMES.map(|name| self.time(name));
        let (observed, counted) = (observed?, counted?);
        let mut records: Vec<Named> = Vec::new();
        for attribute in self.attributes {
            if attribute.values.is_empty() || TIMES.contains(&attribute.name.as_str()) {
                continue;
            }
            let counted = counted.filter(|_| COUNTS.contains(&attribute.name.as_str()));
            let at = attribute.at.or(counted).or(observed);
            let ours = ours(&self.kind, &attribute.values);
            let values = attribute.values.into_iter().chain(ours);
            match records.iter_mut().find(|known| known.at == at) {
                Some(known) => known.values.extend(values),
                None => records.push(Named::said(id.clone(), at, values.collect())),
            }
        }
        Ok(records)
    }

    /// The instant that an attribute says.
    fn time(&self, name: &str) -> Result<Option<UtcMs>, Refusal> {
        let found = self.attributes.iter().find(|one| one.name == name);
        let Some(NamedValue::Text(text)) = found.and_then(|one| Some(&one.values.first()?.1))
        else {
            return Ok(None);
        };
        let end = text.rsplit('/').next().unwrap_or_default();
        let at = instant::from_rfc3339(end);
        at.map(Some).map_err(|refusal| refusal.at(name))
    }
}

/// The value under the name of our quantity, where the data model defines it.
fn ours(kind: &str, values: &[(String, NamedValue)]) -> Option<(String, NamedValue)> {
    let [(name, value)] = values else {
        return None;
    };
    let (name, value) = match (kind, name.as_str(), value) {
        ("WasteContainer", "fillingLevel", NamedValue::Number(part)) => {
            let percent = part.micros().checked_mul(100).map(Fixed::from_micros);
            let percent = percent.map_or(NamedValue::Missing, NamedValue::Number);
            ("fill", percent)
        }
        ("WasteContainer", "fillingLevel", NamedValue::Missing) => ("fill", NamedValue::Missing),
        ("OffStreetParking", "occupiedSpotNumber", value) => ("in_use", value.clone()),
        ("OffStreetParking", "availableSpotNumber", value) => ("free_places", value.clone()),
        ("OffStreetParking", "vehicleEntranceCount", value) => ("entries", value.clone()),
        ("OffStreetParking", "vehicleExitCount", value) => ("exits", value.clone()),
        ("ParkingSpot", "status", NamedValue::Text(status)) => {
            let occupied = match status.as_str() {
                "occupied" => NamedValue::Bool(true),
                "free" => NamedValue::Bool(false),
                _closed_or_unknown => NamedValue::Missing,
            };
            ("occupied", occupied)
        }
        _other => return None,
    };
    Some((name.to_owned(), value))
}
