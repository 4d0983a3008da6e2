//! What the keeper is asked, and what it tells.

use std::sync::Arc;

use huitian_model::Inventory;
use huitian_model::uplink::{self, BusHealth, ConfigFile};
use huitian_mqtt::{Delivery, Verdict};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::deadband::Deadband;
use crate::hear::{Intake, Polled};
use crate::number::Numbered;
use crate::sparkplug::Arrival;

/// What the uplink's connection says.
#[derive(Debug)]
pub enum LinkEvent {
    /// A connection is there, with its number.
    Connected(u64),
    /// It is gone.
    Disconnected,
    /// The hub says something.
    Down(Vec<u8>),
}

/// What the keeper is asked.
pub enum Ask {
    /// A device said something; `true` where a broker may have kept it from before.
    Delivery(Delivery, bool),
    /// Sparkplug nodes said something. Answered when it is on disk.
    Named(Arrival),
    /// A bus was read. Answered when it is on disk.
    Polled(Vec<Polled>, oneshot::Sender<Verdict>),
    /// The uplink's connection.
    Link(LinkEvent),
    /// Time passes: at least once a second.
    Tick,
    /// Say how the edge does.
    Heartbeat(Vec<BusHealth>),
    /// What became of a configuration.
    Outcome(u64, uplink::ConfigOutcome),
    /// Devices are read by these from now on.
    Intake(Box<Reader>),
    /// Ask for a password with this token.
    Enroll(String),
    /// Nothing more will come: append what waits, and end.
    Stop,
}

/// What devices are read by.
pub struct Reader {
    /// Messages.
    pub intake: Intake,
    /// All that is out there.
    pub inventory: Arc<Inventory>,
    /// What is left out.
    pub deadband: Deadband,
}

/// A message on its way up, with the number of the connection that it is for.
pub type Outgoing = (u64, Vec<u8>);

/// What the keeper tells the rest of the edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// The hub sent a configuration.
    Config {
        /// Its version.
        version: u64,
        /// Its files.
        files: Vec<ConfigFile>,
        /// Only to be checked.
        dry_run: bool,
    },
    /// The hub gave a password.
    Enrolled(String),
    /// The hub does not take the token.
    NotEnrolled,
}

/// How the edge stands, for its own status page and tests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Whether the hub has greeted us.
    pub is_linked: bool,
    /// Readings that were numbered by this process.
    pub accepted: u64,
    /// Readings that wait for the hub.
    pub waiting: u64,
    /// Readings left out since nothing had changed.
    pub unchanged: u64,
    /// Readings that were given up.
    pub lost: u64,
    /// Why nothing could be appended last; none where it could.
    pub blocked: Option<String>,
}

/// Where the keeper sends.
pub struct Ways {
    /// To the hub; none in a process that has no uplink.
    pub up: Option<mpsc::Sender<Outgoing>>,
    /// To the rest of the edge.
    pub news: mpsc::Sender<News>,
    /// To whoever watches readings as they pass.
    pub tap: broadcast::Sender<Numbered>,
    /// How it stands.
    pub standing: watch::Sender<Standing>,
}
