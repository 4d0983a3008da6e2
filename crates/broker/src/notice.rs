//! What the broker tells its owner that an operator may want to know.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::counts::Tally;

/// Something an operator may want to know. Each is said once a minute at most for each subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A client id was taken over 5 times within a minute: two devices have the same id.
    DuplicateClientId {
        /// The id.
        client_id: Arc<str>,
    },
    /// A device sends more than it may: its newest messages are dropped. Said when it begins;
    /// [`Broker::take_rate_limited`](crate::Broker::take_rate_limited) counts.
    RateLimited {
        /// The client id it is connected with.
        client_id: Arc<str>,
    },
    /// Too many wrong log-ins: further ones are refused for a minute.
    LoginsBlocked {
        /// Where they come from.
        address: IpAddr,
    },
}

/// Where notices go. What the owner does not take in time is counted, not waited for.
#[derive(Debug)]
pub(crate) struct Notices {
    owner: Option<mpsc::Sender<Notice>>,
    tally: Arc<Tally>,
}

impl Notices {
    pub(crate) fn new(owner: Option<mpsc::Sender<Notice>>, tally: Arc<Tally>) -> Self {
        Self { owner, tally }
    }

    pub(crate) fn say(&self, notice: Notice) {
        if let Some(owner) = &self.owner
            && owner.try_send(notice).is_err()
        {
            self.tally.lost_notices.add();
        }
    }
}
