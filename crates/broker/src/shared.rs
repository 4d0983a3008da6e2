//! What all connections of one broker share.

use std::sync::Arc;
use std::time::Duration;

use huitian_mqtt::Delivery;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::access::Access;
use crate::counts::Tally;
use crate::exchange::{Exchange, SESSION_EXPIRY_S_MAX};
use crate::guard::{Attempts, Door};
use crate::notice::Notices;
use crate::rate::{RateLimit, Rates};
use crate::tls::Doorkeeper;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inbox: mpsc::Sender<Delivery>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) large: Arc<Semaphore>,
    /// Drawn at the start, so that ids given to nameless clients do not repeat after a restart.
    pub(crate) salt: u64,
    pub(crate) access: Access,
    pub(crate) tls: Option<Arc<Doorkeeper>>,
    pub(crate) attempts: Attempts,
    /// One slow hash at a time: guessing may take one of an edge's cores, not all.
    pub(crate) hashing: Semaphore,
    pub(crate) door: Door,
    pub(crate) rates: Arc<Rates>,
    pub(crate) device_rate: Option<RateLimit>,
    pub(crate) open_rate: Option<RateLimit>,
    pub(crate) notices: Arc<Notices>,
}

/// A place among the connections the broker takes; given back when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    tally: Arc<Tally>,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit, tally: Arc<Tally>) -> Self {
        tally.connections.add();
        Self {
            _permit: permit,
            tally,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tally.connections.subtract();
    }
}

/// Resolves when the broker stops, or is dropped.
pub(crate) async fn until_stopped(stop: &mut watch::Receiver<bool>) {
    let is_dropped = stop.wait_for(|stopped| *stopped).await.is_err();
    if is_dropped {
        tracing::debug!("the broker was dropped without a stop");
    }
}

/// How long a session is kept for a client that asked for `seconds`.
pub(crate) fn expiry(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds.min(SESSION_EXPIRY_S_MAX)))
}
