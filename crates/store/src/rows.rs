//! What is asked of the results, and what is answered where the model has no noun for it.

use huitian_model::uplink::{ConfigFile, ConfigOutcome, Heartbeat};
use huitian_model::{AlertRow, AlertState, EdgeId, FacilityId, SiteId, UtcMs, WindowLength};
use serde::{Deserialize, Serialize};

/// Most rows of one answer: 50,000 windows of 200 bytes are 10 MB. Ask on with `after`.
pub const QUERY_ROWS_MAX: usize = 50_000;

/// Most characters of a source in the intake ledger: two ids and a separator.
pub const SOURCE_CHARS_MAX: usize = 160;

/// Most bytes of a message kept as a sample.
pub const SAMPLE_BYTES_MAX: usize = 4 * 1024;

/// Most sources of one hour in the intake ledger; more are counted together under
/// [`OTHER_SOURCES`]. 1,000 sources of 4 KiB samples are 4 MB an hour at the very worst.
pub const SOURCES_PER_HOUR_MAX: usize = 1_000;

/// The source under which all further sources of an hour are counted.
pub const OTHER_SOURCES: &str = "(other)";

/// Most bytes kept of an unknown device's newest message: the longest payload of a device, so that
/// a profile can be tried on it. With [`UNKNOWN_DEVICES_MAX`] that is 16 MB.
pub const UNKNOWN_PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a message in the list of unknown devices: enough to know it again.
pub const UNKNOWN_LISTED_BYTES: usize = 600;

/// Most unknown devices that are kept; of more, the one heard longest ago makes room.
pub const UNKNOWN_DEVICES_MAX: usize = 1_000;

/// Which windows of one facility.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowQuery {
    /// Where.
    pub site: SiteId,
    /// Of which facility.
    pub facility: FacilityId,
    /// How long.
    pub length: WindowLength,
    /// Windows that start at or after it.
    pub from: UtcMs,
    /// Windows that start before it.
    pub to: UtcMs,
    /// Windows that start after it: the start of the last row of the page before.
    pub after: Option<UtcMs>,
    /// Most rows, at most [`QUERY_ROWS_MAX`].
    pub limit: usize,
}

/// Which alerts, newest change first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertQuery {
    /// Only those in that state.
    pub state: Option<AlertState>,
    /// Only those at that site.
    pub site: Option<SiteId>,
    /// Most rows, at most [`QUERY_ROWS_MAX`].
    pub limit: usize,
}

/// Why a message never became a reading. A closed list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IntakeReason {
    /// Not the form it claims to be.
    Malformed,
    /// A value that no such quantity can have, such as a fill of 300 %.
    OutOfRange,
    /// Larger than a device's message may be.
    Oversized,
    /// More messages than the device may send.
    RateLimited,
    /// A topic that names nothing.
    WrongTopic,
    /// From a device that the inventory does not hold.
    UnknownDevice,
    /// The device's profile does not describe such a message.
    WrongProfile,
    /// A join, acknowledgement or status, which carries no reading.
    NotReadings,
}

impl IntakeReason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::OutOfRange,
        Self::Oversized,
        Self::RateLimited,
        Self::WrongTopic,
        Self::UnknownDevice,
        Self::WrongProfile,
        Self::NotReadings,
    ];

    /// The name in API, metrics and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OutOfRange => "out_of_range",
            Self::Oversized => "oversized",
            Self::RateLimited => "rate_limited",
            Self::WrongTopic => "wrong_topic",
            Self::UnknownDevice => "unknown_device",
            Self::WrongProfile => "wrong_profile",
            Self::NotReadings => "not_readings",
        }
    }

    /// The reason with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Messages of one source that never became readings: to be added to the intake ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntakeNote {
    /// When; counted under its hour UTC.
    pub at: UtcMs,
    /// Topic prefix or device; cut to [`SOURCE_CHARS_MAX`].
    pub source: String,
    /// Why.
    pub reason: IntakeReason,
    /// How many messages.
    pub count: u64,
    /// One of them, cut to [`SAMPLE_BYTES_MAX`].
    pub sample: Option<Vec<u8>>,
}

/// One row of the intake ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntakeRow {
    /// Start of the hour UTC.
    pub hour: UtcMs,
    /// Topic prefix or device.
    pub source: String,
    /// Why.
    pub reason: IntakeReason,
    /// How many messages.
    pub count: u64,
    /// The newest sample.
    pub sample: Option<Vec<u8>>,
}

/// A device that speaks but is not in the inventory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownDevice {
    /// What the traffic calls it.
    pub address: String,
    /// The topic of its newest message.
    pub topic: String,
    /// When it was first heard.
    pub first_seen: UtcMs,
    /// When it was last heard.
    pub last_seen: UtcMs,
    /// How many messages.
    pub count: u64,
    /// Its newest message, cut to [`UNKNOWN_LISTED_BYTES`] in the list and to
    /// [`UNKNOWN_PAYLOAD_BYTES_MAX`] where one device is asked for.
    pub last_payload: Vec<u8>,
    /// Bytes kept of its newest message.
    pub payload_bytes: u64,
}

/// One message of an unknown device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownNote {
    /// What the traffic calls it; cut to [`SOURCE_CHARS_MAX`].
    pub address: String,
    /// The topic.
    pub topic: String,
    /// When.
    pub at: UtcMs,
    /// The message, cut to [`UNKNOWN_PAYLOAD_BYTES_MAX`].
    pub payload: Vec<u8>,
}

/// Where a message to people stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutboxState {
    /// To be sent, for the first time or again.
    Queued,
    /// Received by the channel.
    Delivered,
    /// Given up.
    Undeliverable,
}

impl OutboxState {
    /// The name in API and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Undeliverable => "undeliverable",
        }
    }
}

/// A message to people: one per alert that became active, one when it returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxItem {
    /// Its number: never used again.
    pub id: i64,
    /// The alert at the transition that is told.
    pub alert: AlertRow,
    /// Where it stands.
    pub state: OutboxState,
    /// How often it was tried.
    pub attempts: u32,
    /// Not to be tried before.
    pub next_at: UtcMs,
    /// When it was delivered.
    pub done_at: Option<UtcMs>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How much disk the store takes, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskUse {
    /// The database file.
    pub file_bytes: u64,
    /// Those of the file that hold nothing now.
    pub free_bytes: u64,
    /// The write-ahead log beside it.
    pub wal_bytes: u64,
    /// The quota of the database file.
    pub quota_bytes: u64,
}

impl DiskUse {
    /// What counts against the quota: the file less what is free in it.
    pub const fn used_bytes(&self) -> u64 {
        self.file_bytes.saturating_sub(self.free_bytes)
    }
}

/// What one bounded round of maintenance removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Maintained {
    /// Log records past retention or, at the quota, the oldest.
    pub records: u64,
    /// Commits that every sink and snapshot has passed.
    pub commits: u64,
    /// Windows.
    pub windows: u64,
    /// Rows of all other tables.
    pub others: u64,
    /// Whether the quota, not retention, was the reason for some.
    pub at_quota: bool,
    /// Whether the round's limit was reached: call again soon.
    pub more: bool,
}

/// What the hub knows of an edge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EdgeRow {
    /// Which.
    pub edge: EdgeId,
    /// When its token was used; none where it came without.
    pub enrolled_at: Option<UtcMs>,
    /// Salted digest of its password, as the users of the broker are kept; none without.
    pub credential: Option<String>,
    /// When it was last heard, by the hub's clock.
    pub heard_at: Option<UtcMs>,
    /// Its last heartbeat.
    pub heartbeat: Option<Heartbeat>,
    /// The last sign that its name or its queue is used twice: when, and what was seen.
    pub conflict: Option<(UtcMs, String)>,
}

/// One version of an edge's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EdgeConfigRow {
    /// Whose.
    pub edge: EdgeId,
    /// Which: 1 is the first.
    pub version: u64,
    /// When it was made.
    pub made_at: UtcMs,
    /// Whether it is only to be checked.
    pub dry_run: bool,
    /// Its files.
    pub files: Vec<ConfigFile>,
    /// What the edge said of it last: when, and what.
    pub outcome: Option<(UtcMs, ConfigOutcome)>,
}
