//! The plain JSON form, for devices and gateways that can choose what they send.
//!
//! Topic `huitian/v1/{site}/{device}`, both ids as in the inventory. One reading or many:
//!
//! ```json
//! {
//!   "at": 1795406400000,
//!   "seq": 17,
//!   "readings": { "occupied": true, "temperature": 21.5, "battery": 92 }
//! }
//! ```
//!
//! - `at`, optional: when it was so, as milliseconds since 1970 or as RFC 3339 text with an
//!   offset (`"2026-11-23T12:00:00+08:00"`); from the year 2000 on. Without it the time of
//!   receipt holds, and the reading is marked so: leave it out where the clock may be unset.
//! - `seq`, optional: a counter of the device, 0 to 4,294,967,295.
//! - `readings`: names of the device's channels with their values. `_` may be written for `-`:
//!   `free_places` names the channel `free-places`.
//! - other keys are ignored, so that firmware may add its own.
//!
//! Several items in one message, each an object like the one above, at most
//! [`crate::BATCH_ITEMS_MAX`]:
//!
//! ```json
//! {
//!   "batch": [
//!     { "at": "2026-11-23T12:00:00+08:00", "readings": { "fill": 87.5, "distance": 640 } },
//!     { "at": "2026-11-23T12:10:00+08:00", "readings": { "fill": null } },
//!     { "at": "2026-11-23T12:20:00+08:00", "readings": { "distance": { "bad": "no_echo" } } }
//!   ]
//! }
//! ```
//!
//! A value is a number in the unit of the channel's quantity ([`crate::permitted`]), `true` or
//! `false` (also 1 or 0) for `occupied` and `tilt`, `null` where the device is at fault, or
//! `{"bad": REASON}` with `no_echo`, `out_of_range`, `lid_open`, `tilted` or `device_fault`.
//!
//! A fault in one value refuses that value, a fault in an item (such as a bad `at`) that item;
//! the good ones beside them are read. Only what is no JSON at all, breaks a bound, or has
//! neither `readings` nor `batch` is refused as a whole.
//!
//! ```
//! use huitian_codec::{Opened, open};
//! use huitian_model::Quantity;
//!
//! let payload = br#"{"at":1795406400000,"readings":{"fill":87.5,"fall":300}}"#;
//! let Ok(Opened::Plain(message)) = open("huitian/v1/s-001/bin-7", payload) else { panic!() };
//! let (readings, refused) = message.decode(|_channel| Some(Quantity::Fill));
//! assert_eq!(readings.len(), 1);
//! assert!(refused[0].text.contains("expected 0 to 100 %, found 300"));
//! ```

use huitian_model::{
    BadReason, ChannelName, DeviceId, Quantity, Sample, SiteId, TimeSource, UtcMs,
};

use crate::decoded::Decoded;
use crate::json::Reader;
use crate::number::Fixed;
use crate::range::{measurement, permitted_text, sample};
use crate::refusal::{Refusal, RefusalReason};

mod named;
mod parse;

pub(crate) use parse::bad_reason;

/// A value as it came, before the inventory says what the channel measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlainValue {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(Fixed),
    /// No value, with its reason.
    Bad(BadReason),
}

impl PlainValue {
    /// The sample of this value on a channel that measures `quantity`.
    ///
    /// # Errors
    /// [`RefusalReason::OutOfRange`] or [`RefusalReason::WrongType`], with the permitted range.
    pub fn sample(self, quantity: Quantity) -> Result<Sample, Refusal> {
        let takes_bool = matches!(quantity, Quantity::Occupied | Quantity::Tilt);
        let number = match self {
            Self::Bad(reason) => return Ok(Sample::Bad(quantity, reason)),
            Self::Bool(yes) if takes_bool => Fixed::from_whole(i64::from(yes)),
            Self::Bool(found) => {
                let text = format!("expected {}, found {found}", permitted_text(quantity));
                return Err(Refusal::new(RefusalReason::WrongType, text));
            }
            Self::Number(number) => Some(number),
        };
        number
            .and_then(|number| measurement(quantity, number))
            .map(sample)
            .ok_or_else(|| {
                let found = number.unwrap_or(Fixed::from_micros(0));
                let text = format!("expected {}, found {found}", permitted_text(quantity));
                Refusal::new(RefusalReason::OutOfRange, text)
            })
    }
}

/// One item of a plain message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlainItem {
    /// Its place in the batch, from 0; 0 for a single item.
    pub index: usize,
    /// The device's own time, where it gave one.
    pub at: Option<UtcMs>,
    /// The device's own sequence, where it gave one.
    pub sequence: Option<u32>,
    /// Values by channel, in the order of the message.
    pub channels: Vec<(ChannelName, PlainValue)>,
}

/// A plain message: what could be read of it, and what could not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlainMessage {
    /// The site that the topic names.
    pub site: SiteId,
    /// The device that the topic names.
    pub device: DeviceId,
    /// The items that could be read.
    pub items: Vec<PlainItem>,
    /// Items and values that were refused, each text naming its place.
    pub refused: Vec<Refusal>,
}

impl PlainMessage {
    /// Reads a payload of the plain form.
    ///
    /// # Errors
    /// [`Refusal`] where nothing of the message can be read.
    pub(crate) fn parse(site: SiteId, device: DeviceId, payload: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(payload, crate::TEXT_CHARS_MAX)?;
        let (items, refused) = parse::message(&mut reader)?;
        Ok(Self {
            site,
            device,
            items,
            refused,
        })
    }

    /// All readings of the message, and all refusals: those of [`Self::refused`], of values
    /// outside their quantity's range, and of channels for which `quantity_of` knows none.
    pub fn decode(
        &self,
        quantity_of: impl Fn(&ChannelName) -> Option<Quantity>,
    ) -> (Vec<Decoded>, Vec<Refusal>) {
        let mut readings = Vec::with_capacity(self.items.iter().map(|i| i.channels.len()).sum());
        let mut refused = self.refused.clone();
        for item in &self.items {
            for (channel, value) in &item.channels {
                match decode_value(quantity_of(channel), *value) {
                    Ok(sample) => readings.push(item.decoded(channel, sample)),
                    Err(refusal) => {
                        let place = format!("item {}, channel {channel}", item.index);
                        refused.push(refusal.at(&place));
                    }
                }
            }
        }
        (readings, refused)
    }
}

impl PlainItem {
    fn decoded(&self, channel: &ChannelName, sample: Sample) -> Decoded {
        Decoded {
            channel: channel.clone(),
            at: self.at,
            time_source: match self.at {
                Some(_) => TimeSource::Device,
                None => TimeSource::Receiver,
            },
            sequence: self.sequence,
            sample,
        }
    }
}

fn decode_value(quantity: Option<Quantity>, value: PlainValue) -> Result<Sample, Refusal> {
    let Some(quantity) = quantity else {
        let text = "the device has no such channel in the inventory";
        return Err(Refusal::new(RefusalReason::UnknownChannel, text));
    };
    value.sample(quantity)
}

#[cfg(test)]
mod tests;
