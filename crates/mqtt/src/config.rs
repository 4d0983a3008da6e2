//! What a session needs to know, checked before anything is connected.

use std::fmt;
use std::time::Duration;

/// Longest control packet MQTT allows, bytes (MQTT 3.1.1, 2.2.3): 1 + 4 + 268,435,455. With this
/// as limit no message is too large to be received, counted and acknowledged. A smaller limit
/// wedges the session for ever on the first larger message, because a 3.1.1 client cannot tell the
/// broker its limit, and the broker sends the same message again after every reconnect.
pub const PACKET_BYTES_MAX: usize = 268_435_460;
/// Shortest keep-alive: pings go out every three quarters of it, and the client library takes no
/// interval below one second.
const KEEP_ALIVE_MIN: Duration = Duration::from_secs(2);
/// Longest keep-alive MQTT can say: 65,535 s.
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(65_535);
/// Filters in one SUBSCRIBE: far above the handful of topic trees of the known network servers.
const SUBSCRIPTIONS_MAX: usize = 100;

/// User name and password. The password shows in no debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A session with an external broker over MQTT 3.1.1, without TLS so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// Name or address of the broker.
    pub host: String,
    /// TCP port, mostly 1883.
    pub port: u16,
    /// Our client id: the name of the broker-side session, so it must stay the same over restarts
    /// and be nobody else's.
    pub client_id: String,
    /// None: the broker is asked to let us in without.
    pub login: Option<Login>,
    /// Topic filters, subscribed with `QoS` 1 after every connect.
    pub subscriptions: Vec<String>,
    /// A dead connection is noticed after at most one and a half times this; 2 s to 65,535 s,
    /// whole seconds count.
    pub keep_alive: Duration,
    /// Largest packet taken, bytes; must be above the broker's own limit. See [`PACKET_BYTES_MAX`].
    pub packet_bytes_max: usize,
}

impl SessionConfig {
    /// A session without log-in, with a keep-alive of 30 s and no limit below MQTT's own.
    pub fn new(host: &str, port: u16, client_id: &str, subscriptions: &[&str]) -> Self {
        Self {
            host: host.to_owned(),
            port,
            client_id: client_id.to_owned(),
            login: None,
            subscriptions: subscriptions
                .iter()
                .map(|&filter| filter.to_owned())
                .collect(),
            keep_alive: Duration::from_secs(30),
            packet_bytes_max: PACKET_BYTES_MAX,
        }
    }

    pub(crate) fn check(&self) -> Result<(), SessionError> {
        if self.host.is_empty() {
            return Err(SessionError::Host);
        }
        if self.client_id.is_empty() || self.client_id.contains('\0') {
            return Err(SessionError::ClientId);
        }
        if !(KEEP_ALIVE_MIN..=KEEP_ALIVE_MAX).contains(&self.keep_alive) {
            return Err(SessionError::KeepAlive(self.keep_alive));
        }
        if self.subscriptions.is_empty() || self.subscriptions.len() > SUBSCRIPTIONS_MAX {
            return Err(SessionError::SubscriptionCount(self.subscriptions.len()));
        }
        match self
            .subscriptions
            .iter()
            .find(|filter| !rumqttc::valid_filter(filter))
        {
            Some(filter) => Err(SessionError::Filter(filter.clone())),
            None => Ok(()),
        }
    }
}

/// Why a session cannot be begun: its settings are wrong. Everything that happens later is in
/// [`SessionStatus`](crate::SessionStatus), and is tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// No host.
    #[error("the broker's host is missing")]
    Host,
    /// The client id is empty or holds U+0000.
    #[error("the client id must not be empty: the broker keeps the session under it")]
    ClientId,
    /// The keep-alive is out of range.
    #[error("the keep-alive must be 2 s to 65535 s, not {0:?}")]
    KeepAlive(Duration),
    /// No subscription, or too many.
    #[error("a session has 1 to 100 subscriptions, not {0}")]
    SubscriptionCount(usize),
    /// A topic filter is not well formed.
    #[error("topic filter {0:?} is not well formed: + and # stand alone in a level, # only last")]
    Filter(String),
}
