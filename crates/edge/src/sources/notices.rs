//! What our own listener has to tell, put into the log.

use huitian_broker::Notice;
use tokio::sync::mpsc;
use tracing::warn;

/// Notices of the listener that wait to be logged.
const NOTICES_MAX: usize = 64;

/// A channel whose notices are logged; ends with the broker, which holds this end.
pub(super) fn listener() -> mpsc::Sender<Notice> {
    let (notices, mut noticed) = mpsc::channel(NOTICES_MAX);
    tokio::spawn(async move {
        while let Some(notice) = noticed.recv().await {
            say(&notice);
        }
    });
    notices
}

fn say(notice: &Notice) {
    match notice {
        Notice::DuplicateClientId { client_id } => {
            warn!(%client_id, "two clients with one id take the connection from each other");
        }
        Notice::RateLimited { client_id } => {
            warn!(%client_id, "sends more than a device may: its newest messages are dropped");
        }
        Notice::LoginsBlocked { address } => {
            warn!(%address, "too many wrong passwords: refused for a minute");
        }
    }
}
