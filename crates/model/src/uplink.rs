//! Between an edge and its hub: what travels over MQTT, in a versioned binary form.
//!
//! ```text
//! topic up    huitian/edge/v1/{edge}/up        the edge speaks   (QoS 1)
//! topic down  huitian/edge/v1/{edge}/down      the hub answers   (QoS 1)
//! message   = "HT" , u8 version (1) , postcard(Up) or postcard(Down)
//! postcard  = little-endian base-128 integers (zigzag where signed), lengths before texts,
//!             lists and maps, a variant's number before its fields; no field names
//! ```
//!
//! ```text
//! edge                                   hub
//!   ── Hello {instance, former, epoch, lanes} ►  was the last one welcomed on this epoch this
//!                                          instance or a former one of the same queue? and are
//!                                          the hub's marks within the queue's limits?
//!   ◄──── Welcome {marks, now, config} ──      or Renew: this queue is a copy, or came back old
//!   ── Frame {first_n, readings} ───────►      log, fsync
//!   ◄────────────── Durable {marks, now} ──    the edge frees what lies below `next`
//! ```
//!
//! PUBACK from a broker between them means nothing here: a broker may die and forget. Only
//! [`Down::Durable`] frees what the edge keeps. A lost answer costs a repetition, which the numbers
//! make harmless. A changed type is a new version, with the old type and a fixture of it kept.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    ChannelRef, DeviceId, EdgeId, Frame, IdError, LossReason, Origin, Partition, Reading, UtcMs,
};

mod mark;

pub use mark::{HubMark, insert};

/// The version that is written.
pub const VERSION: u8 = 1;

/// Begins every message.
const MAGIC: [u8; 2] = *b"HT";

/// Most bytes of a message: half of the packet limit of brokers and sessions of ours.
pub const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// Most readings of one frame: at some 25 bytes each 128 KiB.
pub const FRAME_READINGS_MAX: usize = 5_000;

/// Most ranges ahead of a mark that a hub keeps for one edge and partition: an edge makes one
/// with every outage that it has not caught up with yet.
pub const AHEAD_MAX: usize = 256;

/// Most former instances that a hello names: an edge that starts more often than that without
/// ever being welcomed begins a new epoch, which costs repetitions and nothing else.
pub const FORMER_MAX: usize = 32;

const PREFIX: &str = "huitian/edge/v1/";

/// The topic on which an edge speaks.
pub fn topic_up(edge: &EdgeId) -> String {
    format!("{PREFIX}{edge}/up")
}

/// The topic on which a hub answers an edge.
pub fn topic_down(edge: &EdgeId) -> String {
    format!("{PREFIX}{edge}/down")
}

/// The filter with which a hub hears all edges.
pub const TOPIC_UP_ALL: &str = "huitian/edge/v1/+/up";

/// Whose topic this is, if it is one on which an edge speaks.
pub fn edge_of(topic: &str) -> Option<Result<EdgeId, IdError>> {
    let id = topic.strip_prefix(PREFIX)?.strip_suffix("/up")?;
    Some(EdgeId::new(id))
}

/// What an edge has of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lane {
    /// Which.
    pub partition: Partition,
    /// The number that the next reading gets.
    pub next: u64,
    /// Numbers below may have been sent; none at or above ever was. A hub that has more than
    /// this is speaking to a copy of the queue, or to one restored from an old backup.
    pub limit: u64,
    /// Numbers below have been freed.
    pub released: u64,
}

/// Readings of one partition, numbered without a gap. Reading `i` has the number `first_n + i`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UpFrame {
    /// Whose partition's log.
    pub partition: Partition,
    /// Number of the first reading.
    pub first_n: u64,
    /// Live, or kept through an outage.
    pub origin: Origin,
    /// Where the edge's clock is not set: what it shows now. Its readings' `received_at` are of
    /// the same clock, and the hub moves them by the difference to its own.
    pub unset_now: Option<UtcMs>,
    /// The channels named in this frame.
    pub channels: Vec<ChannelRef>,
    /// The readings, each with the index of its channel in `channels`.
    pub readings: Vec<(u32, Reading)>,
}

impl UpFrame {
    /// The frame as the hub's log holds it.
    pub fn into_frame(self, edge: EdgeId, epoch: u64) -> Frame {
        Frame {
            edge,
            epoch,
            first_n: self.first_n,
            origin: self.origin,
            channels: self.channels,
            readings: self.readings,
        }
    }
}

/// How a bus of an edge does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BusHealth {
    /// Its name in the edge's settings.
    pub name: String,
    /// Whether its endpoint answers.
    pub up: bool,
    /// Units that answer.
    pub units_ok: u16,
    /// Units that do not.
    pub units_down: u16,
    /// Requests since the edge started.
    pub requests: u64,
    /// Requests without an answer since the edge started.
    pub timeouts: u64,
    /// Answers that did not fit their request since the edge started.
    pub mismatches: u64,
}

/// How an edge does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The edge's clock.
    pub now: UtcMs,
    /// Whether it is set.
    pub clock_set: bool,
    /// Program version.
    pub software: String,
    /// How long it has run, ms.
    pub up_ms: u64,
    /// Version of the configuration in force; 0 is that of its own files.
    pub config_version: u64,
    /// Readings in the queue.
    pub queued: u64,
    /// Bytes of the queue on disk.
    pub queue_bytes: u64,
    /// `received_at` of the oldest reading in the queue.
    pub oldest: Option<UtcMs>,
    /// Readings accepted since its queue was created.
    pub accepted: u64,
    /// Readings given up since its queue was created.
    pub lost: u64,
    /// Resident memory, bytes; 0 where the system does not say.
    pub memory_bytes: u64,
    /// Its buses.
    pub buses: Vec<BusHealth>,
}

/// A message, or a part of it, that became no reading at the edge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UpNote {
    /// When.
    pub at: UtcMs,
    /// Who: a device, or a topic's first level.
    pub source: String,
    /// Name of the reason, as in the intake ledger.
    pub reason: String,
    /// How many messages.
    pub count: u64,
    /// The last of them, cut.
    pub sample: Vec<u8>,
}

/// A device that speaks at the edge and is not in the inventory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UpStranger {
    /// When.
    pub at: UtcMs,
    /// What the traffic calls it.
    pub address: String,
    /// Where it spoke.
    pub topic: String,
    /// What it said, cut.
    pub payload: Vec<u8>,
}

/// What became of a configuration that the hub sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ConfigOutcome {
    /// Right on the edge; it is going over to it.
    Accepted,
    /// In force, and the edge is healthy with it.
    Applied,
    /// The edge's own check refused it: with every fault.
    Refused(String),
    /// It was in force, the edge was not healthy with it and went back: with the reason.
    RolledBack(String),
}

/// What an edge says. Closed: a new kind is a new variant at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Up {
    /// First on every connection.
    Hello {
        /// Drawn at random at every start of the edge: tells two machines of one name apart.
        instance: u64,
        /// Those of the starts before it on this queue, the last first, at most [`FORMER_MAX`].
        former: Vec<u64>,
        /// Of its queue.
        epoch: u64,
        /// Program version.
        software: String,
        /// Of the configuration in force.
        config_version: u64,
        /// All partitions that the queue has numbered.
        lanes: Vec<Lane>,
    },
    /// Readings.
    Frame {
        /// As in the hello.
        instance: u64,
        /// As in the hello.
        epoch: u64,
        /// Them.
        frame: UpFrame,
    },
    /// Numbers whose readings will never come.
    Lost {
        /// As in the hello.
        instance: u64,
        /// As in the hello.
        epoch: u64,
        /// Whose partition's log.
        partition: Partition,
        /// The first number.
        first_n: u64,
        /// How many.
        count: u64,
        /// Why.
        reason: LossReason,
        /// When they were given up.
        at: UtcMs,
        /// How many readings of which device, as far as the edge could still tell.
        devices: Vec<(DeviceId, u64)>,
    },
    /// Every so often.
    Heartbeat {
        /// As in the hello.
        instance: u64,
        /// How it does.
        heartbeat: Heartbeat,
    },
    /// What became no reading. Sent again until [`Down::Noted`].
    Notes {
        /// As in the hello.
        instance: u64,
        /// Counts up within an instance.
        id: u64,
        /// Them.
        notes: Vec<UpNote>,
        /// Who spoke unknown.
        strangers: Vec<UpStranger>,
    },
    /// What became of a configuration.
    Config {
        /// As in the hello.
        instance: u64,
        /// Its version.
        version: u64,
        /// What became of it.
        outcome: ConfigOutcome,
    },
    /// Asks for a password of its own, with the token that an operator gave.
    Enroll {
        /// As in the hello.
        instance: u64,
        /// Serves once.
        token: String,
    },
}

/// One file of an edge's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Its name below the edge's configuration folder, such as `inventory/devices.csv`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What a hub says to one edge. Closed: a new kind is a new variant at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Down {
    /// Answers the hello: frames may come.
    Welcome {
        /// Whose hello.
        instance: u64,
        /// Of which queue.
        epoch: u64,
        /// What is durable of that epoch.
        marks: Vec<HubMark>,
        /// The hub's clock.
        now: UtcMs,
        /// Version of the configuration that the edge should have; 0 is that of its own files.
        config_version: u64,
    },
    /// These are in the hub's log, on disk.
    Durable {
        /// Whose they are: another machine of the same name hears this too.
        instance: u64,
        /// Of which epoch.
        epoch: u64,
        /// What is durable now, of the partitions that changed.
        marks: Vec<HubMark>,
        /// The hub's clock.
        now: UtcMs,
    },
    /// This epoch is not this queue's alone: begin another, and say hello with it.
    Renew {
        /// Whose hello.
        instance: u64,
        /// Which epoch.
        epoch: u64,
        /// What the hub saw, for people.
        reason: String,
    },
    /// The hub does not know this instance (it was restarted, or another machine of the same
    /// name said hello since): say hello.
    HelloAgain,
    /// A configuration to check and to go over to.
    Config {
        /// Its version.
        version: u64,
        /// All its files.
        files: Vec<ConfigFile>,
        /// Only check it, and say what was found.
        dry_run: bool,
    },
    /// Notes up to this id are kept.
    Noted {
        /// Of which instance.
        instance: u64,
        /// The id.
        id: u64,
    },
    /// The edge is one of the fleet.
    Enrolled {
        /// Whose token it was.
        instance: u64,
        /// Its password from now on; kept here as a salted digest only.
        password: String,
    },
    /// The token does not serve: unknown, past its time, used, or another edge's.
    NotEnrolled {
        /// Whose token it was.
        instance: u64,
    },
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// It does not begin as one of ours does.
    #[error("expected a message that begins with \"HT\", found other bytes")]
    Foreign,
    /// Another version wrote it.
    #[error("expected uplink version 1, found {0}: update the older of edge and hub")]
    Version(u8),
    /// Too large.
    #[error("expected at most 524288 bytes, found {0}")]
    TooLarge(usize),
    /// Damaged.
    #[error("damaged bytes: {0}")]
    Damaged(postcard::Error),
}

/// The bytes of a message.
///
/// # Errors
/// [`UplinkError::TooLarge`]; the senders of ours keep below.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, UplinkError> {
    let head = [MAGIC.as_slice(), &[VERSION]].concat();
    let bytes = postcard::to_extend(message, head).map_err(UplinkError::Damaged)?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(UplinkError::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

/// The message of bytes.
///
/// # Errors
/// [`UplinkError`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, UplinkError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(UplinkError::TooLarge(bytes.len()));
    }
    let body = bytes.strip_prefix(&MAGIC).ok_or(UplinkError::Foreign)?;
    let (version, body) = body.split_first().ok_or(UplinkError::Foreign)?;
    if *version != VERSION {
        return Err(UplinkError::Version(*version));
    }
    let (message, rest) = postcard::take_from_bytes(body).map_err(UplinkError::Damaged)?;
    if rest.is_empty() {
        Ok(message)
    } else {
        Err(UplinkError::Damaged(
            postcard::Error::DeserializeBadEncoding,
        ))
    }
}

#[cfg(test)]
mod tests;
