//! How a line and its units are: counts, states, and the last failure in words.

use std::collections::BTreeMap;

use huitian_model::UtcMs;

use crate::link::LinkError;
use crate::mismatch::MismatchKind;

/// How a line is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum LineState {
    /// No cycle yet.
    #[default]
    Starting,
    /// The endpoint is reached.
    Up,
    /// It is not; it is tried again with growing pauses.
    Down,
}

/// How a unit is.
///
/// ```text
/// Unknown ──answer──► Healthy ──failure──► Failing ──n failures, or the account──► Degraded
///                        ▲                    │                                        │
///                        └──────answer────────┴────────────answer to a probe───────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum UnitState {
    /// Never answered, never failed.
    #[default]
    Unknown,
    /// The last request was answered; an exception of the unit is an answer.
    Healthy,
    /// The last request failed.
    Failing,
    /// Only probed, within the line's account.
    Degraded,
}

/// What came of a unit's requests.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Requests asked for; repetitions after "busy" are requests.
    pub requests: u64,
    /// Answers given to the unit.
    pub answers: u64,
    /// Silence, or not whole in time.
    pub timeouts: u64,
    /// Connections that broke under a request.
    pub broken: u64,
    /// Times it was not asked, because an old answer might still have come.
    pub held: u64,
    /// Answers refused, by reason.
    pub mismatches: BTreeMap<MismatchKind, u64>,
    /// Exceptions by code.
    pub exceptions: BTreeMap<u8, u64>,
}

/// How a unit is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UnitHealth {
    /// Unit id on the line.
    pub id: u8,
    /// Its state.
    pub state: UnitState,
    /// When it last answered.
    pub last_ok: Option<UtcMs>,
    /// Failures since.
    pub consecutive_failures: u32,
    /// Its last failure in words; kept when it is well again.
    pub reason: String,
    /// Since the start.
    pub counts: Counts,
}

/// How a line is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LineHealth {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: LineState,
    /// Where it is reached now.
    pub endpoint: String,
    /// Whether that is the backup.
    pub on_backup: bool,
    /// Why it could not be opened, last.
    pub reason: String,
    /// Connects that failed since one came about.
    pub failed_connects: u32,
    /// Connections that came about, since the start.
    pub connects: u64,
    /// Cycles begun.
    pub cycles: u64,
    /// Starts on the grid that passed while an earlier cycle went on.
    pub missed_cycles: u64,
    /// Starts on the grid that passed while nobody took the samples.
    pub blocked_cycles: u64,
    /// How long the last cycle took.
    pub last_cycle_ms: u64,
    /// Reads made only to let a late answer pass.
    pub barriers: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received, beside those drained.
    pub bytes_received: u64,
    /// The units in the order in which they are read.
    pub units: Vec<UnitHealth>,
}

impl Counts {
    pub(crate) fn count(&mut self, error: &LinkError) {
        match error {
            LinkError::Open { .. } => {}
            LinkError::Held => self.held += 1,
            LinkError::Timeout(_) => self.timeouts += 1,
            LinkError::Broken(_) => self.broken += 1,
            LinkError::Mismatch(mismatch) => {
                *self.mismatches.entry(mismatch.kind()).or_default() += 1;
            }
            LinkError::Exception(code) => *self.exceptions.entry(*code).or_default() += 1,
        }
    }
}
