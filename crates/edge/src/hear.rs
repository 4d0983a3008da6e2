//! One message to readings, by the inventory and the device profiles.
//!
//! What the device measures beyond what the inventory binds (a temperature that nobody asked
//! for) is left aside: the inventory says what is wanted. What the plain form says on a channel
//! that the inventory does not hold is noted, since there a name is more likely mistyped.
//!
//! Copies of one uplink (by two messages of LORIOT, two network servers, two brokers) all become
//! readings here, with equal device, frame counter and value: the engine counts one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use huitian_codec::profile::PLAIN;
use huitian_codec::sparkplug::NAMESPACE;
use huitian_codec::{
    Decoded, Named, NamedMessage, NamedValue, Opened, PlainMessage, Profiles, Refusal,
    RefusalReason, Routes, Uplink, is_server_status,
};
use huitian_model::{
    ChannelName, ChannelRef, Device, DeviceId, Inventory, Partition, Reading, Sample, TimeSource,
    UtcMs, partition_of,
};

use crate::number::Numbered;

/// Unknown devices that one message may name; a gateway's message of more is counted only.
const STRANGERS_MAX: usize = 16;

/// Values that are kept of what an unknown device said.
const SAID_MAX: usize = 64;

/// A message as it came.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// When we saw it.
    pub received_at: UtcMs,
    /// Whether a broker had kept it from before: then it is no news.
    pub retained: bool,
}

/// Why a message, or a part of it, became no reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteReason {
    /// It cannot be read.
    Refused(RefusalReason),
    /// Its device is not in the inventory.
    UnknownDevice,
    /// It carries no readings by its kind, such as a join.
    NotReadings,
    /// A broker had kept it from before.
    Retained,
}

impl NoteReason {
    /// The name in API, metrics and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.name(),
            Self::UnknownDevice => "unknown_device",
            Self::NotReadings => "not_readings",
            Self::Retained => "retained",
        }
    }

    /// The name of the intake ledger's reason, which is coarser.
    pub const fn ledger_name(self) -> &'static str {
        match self {
            Self::UnknownDevice => "unknown_device",
            Self::NotReadings | Self::Retained => "not_readings",
            Self::Refused(refused) => match refused {
                RefusalReason::Oversized => "oversized",
                RefusalReason::OutOfRange => "out_of_range",
                RefusalReason::WrongTopic | RefusalReason::IdentityMismatch => "wrong_topic",
                RefusalReason::UnknownProfile | RefusalReason::PayloadShape => "wrong_profile",
                RefusalReason::NotJson
                | RefusalReason::TooDeep
                | RefusalReason::TooManyKeys
                | RefusalReason::DuplicateKey
                | RefusalReason::TooLong
                | RefusalReason::TooManyItems
                | RefusalReason::MissingField
                | RefusalReason::WrongType
                | RefusalReason::UnknownChannel => "malformed",
            },
        }
    }
}

/// What became of a message, or a part of it, that is no reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The device where it is known, else the topic's first level.
    pub source: String,
    /// Why.
    pub reason: NoteReason,
    /// For people.
    pub text: String,
}

/// A device that speaks but is not in the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// What the traffic calls it.
    pub address: String,
    /// What it said by name, where the message says such a thing: at most 64 values.
    pub said: Vec<(String, NamedValue)>,
}

impl Stranger {
    /// What is kept of its message for an operator, at most so many bytes: the payload, but of
    /// Sparkplug the values by name as JSON, for without its birth the payload names nothing.
    pub fn kept(&self, topic: &str, payload: &[u8], bytes_max: usize) -> Vec<u8> {
        if topic.split('/').next() != Some(NAMESPACE) {
            return payload.iter().take(bytes_max).copied().collect();
        }
        let mut text = String::from("{");
        for (name, value) in &self.said {
            let name = serde_json::Value::from(name.as_str());
            let value = match value {
                NamedValue::Bool(value) => value.to_string(),
                NamedValue::Number(value) => value.to_string(),
                NamedValue::Text(value) => serde_json::Value::from(value.as_str()).to_string(),
                NamedValue::Missing => "null".to_owned(),
            };
            let comma = if text.len() > 1 { "," } else { "" };
            let pair = format!("{comma}{name}:{value}");
            // JSON that is cut in the middle is none; room is left for the brace.
            if text.len() + pair.len() < bytes_max {
                text.push_str(&pair);
            }
        }
        text.push('}');
        text.into_bytes()
    }
}

/// What a message turned out to be. Every message has readings, notes, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// Readings, in the message's order.
    pub readings: Vec<Numbered>,
    /// What became no reading.
    pub notes: Vec<Note>,
    /// Who spoke, where the inventory does not know: at most 16, each once.
    pub strangers: Vec<Stranger>,
}

/// A sample that a bus read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Polled {
    /// Of which device.
    pub device: DeviceId,
    /// On which channel.
    pub channel: ChannelName,
    /// When the answer came.
    pub at: UtcMs,
    /// What it said.
    pub sample: Sample,
}

/// Reads messages by one version of the inventory.
#[derive(Clone)]
pub struct Intake {
    inventory: Arc<Inventory>,
    by_address: BTreeMap<String, DeviceId>,
    profiles: Arc<Profiles>,
    routes: Arc<Routes>,
}

impl Intake {
    /// An intake for this inventory.
    pub fn new(inventory: Arc<Inventory>, profiles: Arc<Profiles>, routes: Arc<Routes>) -> Self {
        let devices = inventory.devices.values();
        let by_address = devices
            .map(|device| (device.address.to_lowercase(), device.id.clone()))
            .collect();
        Self {
            inventory,
            by_address,
            profiles,
            routes,
        }
    }

    /// The partitions that have sites, in order.
    pub fn partitions(&self) -> Vec<Partition> {
        let all: BTreeSet<Partition> = self.inventory.sites.keys().map(partition_of).collect();
        all.into_iter().collect()
    }

    /// Reads one message.
    pub fn hear(&self, message: &Message<'_>) -> Heard {
        let mut heard = Heard::default();
        if message.retained {
            heard.note(
                topic_source(message.topic),
                NoteReason::Retained,
                String::new(),
            );
            return heard;
        }
        let opened = self
            .routes
            .open(message.topic, message.payload, message.received_at);
        match opened {
            Err(refusal) => heard.refuse(self.source_of(message.topic), refusal),
            Ok(Opened::NotReadings(kind)) => {
                let source = self.source_of(message.topic);
                heard.note(source, NoteReason::NotReadings, kind.to_owned());
            }
            Ok(Opened::Plain(plain)) => self.plain(&mut heard, &plain, message),
            Ok(Opened::Named(named)) => self.named(&mut heard, &named, message),
            Ok(Opened::Uplink(uplink)) => match self.device_at(&uplink.address) {
                None => heard.stranger(&uplink.address, &uplink.decoded),
                Some(device) => {
                    let decoded = self.decode_uplink(device, &uplink);
                    heard.take_decoded(device, decoded, message);
                    heard.note_if_empty(device);
                }
            },
        }
        heard
    }

    /// Readings of what buses read; what the inventory does not bind is left aside.
    pub fn polled(&self, polled: Vec<Polled>) -> Vec<Numbered> {
        let readings = polled.into_iter().filter_map(|one| {
            let device = self.inventory.devices.get(&one.device)?;
            let known = device.channels.get(&one.channel)?;
            (known.quantity == one.sample.quantity()).then(|| {
                let reading = Reading {
                    at: one.at,
                    received_at: one.at,
                    time_source: TimeSource::Receiver,
                    sequence: None,
                    sample: one.sample,
                };
                let channel = ChannelRef {
                    device: one.device,
                    channel: one.channel,
                };
                (partition_of(&device.site), channel, reading)
            })
        });
        readings.collect()
    }

    /// What the device's profile makes of its bytes; where that is nothing, of what the network
    /// server's codec made of them.
    fn decode_uplink(&self, device: &Device, uplink: &Uplink) -> Result<Samples, Refusal> {
        let by_name = || self.decode_named(device, &uplink.named());
        if device.profile == PLAIN {
            return by_name();
        }
        let profile = self.profiles.require(&device.profile)?;
        let by_bytes = profile.decode(uplink);
        let has_samples = by_bytes.as_ref().is_ok_and(|samples| !samples.is_empty());
        if !has_samples
            && !uplink.decoded.is_empty()
            && let Ok(samples) = by_name()
            && !samples.0.is_empty()
        {
            return Ok(samples);
        }
        by_bytes.map(|samples| (samples, Vec::new()))
    }

    fn decode_named(&self, device: &Device, record: &Named) -> Result<Samples, Refusal> {
        if device.profile == PLAIN {
            return Ok(record.decode_plain(|name| Some(device.channels.get(name)?.quantity)));
        }
        let profile = self.profiles.require(&device.profile)?;
        profile
            .decode_named(record)
            .map(|samples| (samples, Vec::new()))
    }

    /// Reads what a Sparkplug host made of one message, or of none.
    pub fn hear_named(&self, named: &NamedMessage, message: &Message<'_>) -> Heard {
        let mut heard = Heard::default();
        self.named(&mut heard, named, message);
        // A death says nothing that a profile could be tried on: what was said before is kept.
        let is_word = |(_, value): &(String, NamedValue)| *value != NamedValue::Missing;
        heard.strangers.retain(|it| it.said.iter().any(is_word));
        heard
    }

    fn named(&self, heard: &mut Heard, named: &NamedMessage, message: &Message<'_>) {
        let mut unnamed = 0_usize;
        for record in &named.records {
            let Some(device) = self.device_at(&record.address) else {
                if heard.has_room_for(&record.address) {
                    heard.stranger(&record.address, &record.values);
                } else {
                    unnamed += 1;
                }
                continue;
            };
            match self.decode_named(device, record) {
                Err(refusal)
                    if refusal.reason == RefusalReason::UnknownProfile
                        && self.profiles.get(&device.profile).is_some()
                        && is_server_status(record) =>
                {
                    let source = device.id.to_string();
                    heard.note(source, NoteReason::NotReadings, "status".to_owned());
                }
                decoded => heard.take_decoded(device, decoded, message),
            }
            heard.note_if_empty(device);
        }
        if unnamed > 0 {
            let text = format!("{unnamed} more records of devices not in the inventory");
            heard.note("unknown".to_owned(), NoteReason::UnknownDevice, text);
        }
        for refusal in &named.refused {
            heard.refuse(self.source_of(message.topic), refusal.clone());
        }
    }

    fn plain(&self, heard: &mut Heard, plain: &PlainMessage, message: &Message<'_>) {
        let Some(device) = self.device_at(plain.device.as_str()) else {
            heard.stranger(plain.device.as_str(), &[]);
            return;
        };
        if device.site != plain.site {
            let text = format!(
                "device {} is at site {}, the topic says {}",
                device.id, device.site, plain.site
            );
            heard.note(
                device.id.to_string(),
                NoteReason::Refused(RefusalReason::IdentityMismatch),
                text,
            );
            return;
        }
        let (decoded, refused) =
            plain.decode(|channel| Some(device.channels.get(channel)?.quantity));
        heard.take(device, decoded.into_iter(), message);
        for refusal in refused {
            heard.refuse(device.id.to_string(), refusal);
        }
        heard.note_if_empty(device);
    }

    fn device_at(&self, address: &str) -> Option<&Device> {
        let id = match self.by_address.get(address) {
            Some(id) => id,
            None => self.by_address.get(&address.to_lowercase())?,
        };
        self.inventory.devices.get(id)
    }

    /// The device that a topic names, or its first level: few sources, whatever is sent.
    fn source_of(&self, topic: &str) -> String {
        let known = topic.split('/').find_map(|level| self.device_at(level));
        known.map_or_else(|| topic_source(topic), |device| device.id.to_string())
    }
}

/// The first level of a topic, cut to 64 characters.
fn topic_source(topic: &str) -> String {
    topic
        .split('/')
        .next()
        .unwrap_or_default()
        .chars()
        .take(64)
        .collect()
}

/// What was decoded of a message, and what of it was refused.
type Samples = (Vec<Decoded>, Vec<Refusal>);

impl Heard {
    /// Takes what the inventory wants of what a profile made of a message.
    fn take_decoded(
        &mut self,
        device: &Device,
        decoded: Result<Samples, Refusal>,
        message: &Message<'_>,
    ) {
        match decoded {
            Err(refusal) => self.refuse(device.id.to_string(), refusal),
            Ok((decoded, refused)) => {
                for refusal in refused {
                    self.refuse(device.id.to_string(), refusal);
                }
                let wanted = decoded
                    .into_iter()
                    .filter(|decoded| device.channels.contains_key(&decoded.channel));
                self.take(device, wanted, message);
            }
        }
    }

    fn take(
        &mut self,
        device: &Device,
        decoded: impl Iterator<Item = Decoded>,
        message: &Message<'_>,
    ) {
        let partition = partition_of(&device.site);
        for decoded in decoded {
            let reading = Reading {
                at: decoded.at.unwrap_or(message.received_at),
                received_at: message.received_at,
                time_source: match decoded.at {
                    Some(_) => decoded.time_source,
                    None => TimeSource::Receiver,
                },
                sequence: decoded.sequence,
                sample: decoded.sample,
            };
            let channel = ChannelRef {
                device: device.id.clone(),
                channel: decoded.channel,
            };
            self.readings.push((partition, channel, reading));
        }
    }

    fn refuse(&mut self, source: String, refusal: Refusal) {
        self.note(source, NoteReason::Refused(refusal.reason), refusal.text);
    }

    /// Whether an unknown device can be named: it is already, or there is room.
    fn has_room_for(&self, address: &str) -> bool {
        self.strangers.len() < STRANGERS_MAX || self.knows_stranger(address)
    }

    fn knows_stranger(&self, address: &str) -> bool {
        self.strangers.iter().any(|known| known.address == address)
    }

    fn stranger(&mut self, address: &str, said: &[(String, NamedValue)]) {
        if self.knows_stranger(address) {
            return;
        }
        let text = format!("{address} is not in the inventory");
        self.note("unknown".to_owned(), NoteReason::UnknownDevice, text);
        self.strangers.push(Stranger {
            address: address.to_owned(),
            said: said.iter().take(SAID_MAX).cloned().collect(),
        });
    }

    /// A message of a known device that said nothing the inventory wants, such as parameters.
    fn note_if_empty(&mut self, device: &Device) {
        if self.readings.is_empty() && self.notes.is_empty() {
            let text = "nothing that the inventory binds".to_owned();
            self.note(device.id.to_string(), NoteReason::NotReadings, text);
        }
    }

    fn note(&mut self, source: String, reason: NoteReason, text: String) {
        self.notes.push(Note {
            source,
            reason,
            text,
        });
    }
}

#[cfg(test)]
mod tests;
