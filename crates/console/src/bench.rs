//! What the pages and the API ask about device profiles, as a trait: the hub knows how payloads
//! are read, and the console only shows it.
//!
//! Nothing that is tried is kept.

use huitian_model::UtcMs;
use serde::Serialize;

use crate::problem::Problem;

/// Bytes of a profile that is pasted: as many as a file of one may have.
pub const DRAFT_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a message that is tried: the longest payload of a device.
pub const TRIED_BYTES_MAX: usize = 16 * 1024;

/// Profiles tried at the same time, each call on a thread of its own.
pub(crate) const TRIES_AT_ONCE: usize = 2;

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// A message as it came over MQTT.
    Message {
        /// Its topic says how its payload is read.
        topic: String,
        /// The payload.
        payload: Vec<u8>,
        /// Whose part of it is wanted, where it speaks for many; else that of the first.
        address: Option<String>,
        /// When it came, for times that it gives relative to now.
        at: UtcMs,
    },
    /// The bytes of a device, out of any envelope.
    Bytes {
        /// They.
        bytes: Vec<u8>,
        /// The port on which they came.
        port: Option<u8>,
    },
}

/// By what it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With {
    /// Every known profile, the best first.
    All,
    /// The known profile of that id.
    Profile(String),
    /// A profile that is no more than a text so far.
    Draft(String),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tried {
    /// What the message is, before any profile.
    pub opened: OpenedSample,
    /// How many profiles were tried.
    pub profiles: usize,
    /// How many of them fit.
    pub fitting: usize,
    /// Those that come nearest, the best first.
    pub fits: Vec<Fit>,
    /// Where the profile is a text: what is wrong with it.
    pub draft: Option<Draft>,
}

/// A message, before any profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OpenedSample {
    /// `uplink` or `bytes` (a device's bytes), `values` (by name), `plain`, `not_readings` or
    /// `refused`.
    pub form: &'static str,
    /// What it calls the device.
    pub address: Option<String>,
    /// The port, where the envelope gives one.
    pub port: Option<u8>,
    /// The device's bytes in hex.
    pub hex: Option<String>,
    /// Why it cannot be read, or what it is in place of readings.
    pub note: Option<String>,
}

/// How one profile reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Its id.
    pub profile: String,
    /// Its name, for people.
    pub name: String,
    /// Its maker.
    pub vendor: String,
    /// `fits` (a known message, nothing unread, all within range), `partly`, `unknown_message`,
    /// or `refused`.
    pub verdict: &'static str,
    /// The message that it is.
    pub message: Option<String>,
    /// What that message is about.
    pub kind: Option<&'static str>,
    /// Why the profile refuses it.
    pub refused: Option<String>,
    /// Bytes that it does not read.
    pub unread: usize,
    /// Samples that it gives.
    pub samples: Vec<SampleRow>,
    /// Value by value; left out for those that are far from fitting.
    pub rows: Vec<FitRow>,
    /// Lines for the inventory: SITE, FACILITY and ASSET are to be filled in.
    pub devices_csv: String,
    /// The same for channels.csv.
    pub channels_csv: String,
}

/// What one channel would be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SampleRow {
    /// The channel.
    pub channel: String,
    /// `good 21.5`, `uncertain implausible 30`, `bad no_echo`.
    pub sample: String,
}

/// One value, or bytes that nothing reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FitRow {
    /// `3`, or `3-4` with the last inside; empty for what has no bytes.
    pub bytes: String,
    /// The bits that count, 0 the lowest; empty where all do.
    pub bits: String,
    /// The bytes, or the value by name as it came.
    pub hex: String,
    /// The field; empty where nothing reads the bytes.
    pub field: String,
    /// Before scaling.
    pub raw: String,
    /// How it is read.
    pub how: String,
    /// For people.
    pub value: String,
    /// The channel that it feeds.
    pub channel: Option<String>,
    /// What it says there.
    pub sample: Option<String>,
}

/// What is wrong with the text of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// Its id, where it has one.
    pub id: Option<String>,
    /// Why it is no profile, or which of its vectors do not hold.
    pub faults: Vec<DraftFault>,
    /// How many vectors it has.
    pub vectors: usize,
    /// How many of them hold.
    pub passed: usize,
}

/// One fault of a text with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DraftFault {
    /// What was expected and what was found.
    pub message: String,
    /// The line, counted from 1; none where no one place is at fault.
    pub line: Option<usize>,
    /// The column of its first character, counted from 1.
    pub column: Option<usize>,
    /// The line before what is at fault.
    pub before: String,
    /// What is at fault.
    pub marked: String,
    /// The line behind it.
    pub after: String,
}

/// The profiles, as operators try them.
pub trait Bench: Send + Sync + 'static {
    /// Tries. Takes at most some ms for each profile; blocks: ask it off the async threads.
    ///
    /// # Errors
    /// What was expected and what was found: a profile that nobody knows, with the nearest names.
    fn try_on(&self, sample: &Sample, with: &With) -> Result<Tried, String>;

    /// The ids of all known profiles, each with its name for people.
    fn profiles(&self) -> Vec<(String, String)>;
}

impl crate::app::App {
    /// Tries off the async threads, few at a time.
    pub(crate) async fn try_on(&self, sample: Sample, with: With) -> Result<Tried, Problem> {
        let slot = self.try_slots.acquire().await;
        let _slot = slot.map_err(|_closed| Problem::internal())?;
        let bench = std::sync::Arc::clone(&self.bench);
        let tried = tokio::task::spawn_blocking(move || bench.try_on(&sample, &with)).await;
        match tried {
            Ok(tried) => tried.map_err(Problem::refused),
            Err(error) => {
                tracing::error!(%error, "a trial was not finished");
                Err(Problem::internal())
            }
        }
    }
}
