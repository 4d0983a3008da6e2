//! What the pages and the API ask about edges, as a trait: the hub keeps the books of the fleet,
//! and the console knows no hub.

use std::future::Future;
use std::pin::Pin;

use huitian_model::uplink::{ConfigFile, ConfigOutcome, Heartbeat};
use huitian_model::{EdgeId, Lost, UtcMs};
use huitian_report::Span;

use crate::problem::Problem;

/// An answer of the fleet that takes a moment.
pub type FleetAnswer<T> = Pin<Box<dyn Future<Output = Result<T, FleetFault>> + Send>>;

/// Why the fleet did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetFault {
    /// The books are not open: the hub starts or stops.
    #[error("the books of the edges are not open: the hub is starting or stopping")]
    NotOpen,
    /// What was asked for is outside of what is permitted.
    #[error("{0}")]
    Refused(String),
}

/// One version of an edge's configuration, without its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMark {
    /// 1 is the first.
    pub version: u64,
    /// When it was made.
    pub made_at: UtcMs,
    /// Only to be checked by the edge.
    pub dry_run: bool,
    /// What the edge said of it last: when, and what.
    pub outcome: Option<(UtcMs, ConfigOutcome)>,
}

/// What the hub knows of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeState {
    /// Which.
    pub edge: EdgeId,
    /// When its token was used; none where it came without.
    pub enrolled_at: Option<UtcMs>,
    /// When it was last heard, by the hub's clock.
    pub heard_at: Option<UtcMs>,
    /// Its last heartbeat.
    pub heartbeat: Option<Heartbeat>,
    /// The last sign that its name or its queue is used twice: when, and what was seen.
    pub conflict: Option<(UtcMs, String)>,
    /// The version that it should have; 0 is that of its own files.
    pub wanted: u64,
    /// The newest version that is more than a check; none before the first.
    pub newest: Option<ConfigMark>,
}

/// A version of an edge's configuration, with what its files are called and how large they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeConfig {
    /// The version.
    pub mark: ConfigMark,
    /// Names and bytes of its files.
    pub files: Vec<(String, usize)>,
}

/// The edges, as operators ask about them and tell them what to do.
pub trait Fleet: Send + Sync + 'static {
    /// All edges, by id.
    fn edges(&self) -> FleetAnswer<Vec<EdgeState>>;

    /// All configurations of an edge that are kept, the newest first.
    fn configs(&self, edge: EdgeId) -> FleetAnswer<Vec<EdgeConfig>>;

    /// A token with which an edge can enrol once, within so many ms.
    fn enroll(&self, edge: EdgeId, for_ms: i64) -> FleetAnswer<String>;

    /// A new configuration, in force or only to be checked: its version.
    fn push(&self, edge: EdgeId, files: Vec<ConfigFile>, dry_run: bool) -> FleetAnswer<u64>;

    /// The files of an earlier version as a new one: its version.
    fn back(&self, edge: EdgeId, to: Option<u64>) -> FleetAnswer<u64>;

    /// Readings that edges numbered and gave up, by the edge's time.
    fn losses(&self, span: Span) -> FleetAnswer<Vec<Lost>>;
}

impl From<FleetFault> for Problem {
    fn from(fault: FleetFault) -> Self {
        match fault {
            FleetFault::NotOpen => Self::unavailable(fault.to_string()),
            FleetFault::Refused(detail) => Self::refused(detail),
        }
    }
}
