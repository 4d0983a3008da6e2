//! What a session needs to know, checked before anything is connected.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::delivery::Qos;
use crate::presence::Presence;

/// Longest control packet MQTT allows, bytes (MQTT 3.1.1, 2.2.3): 1 + 4 + 268,435,455. A session
/// whose `packet_bytes_max` is this takes a message of any size.
pub const PACKET_BYTES_MAX: usize = 268_435_460;
/// The smallest limit on packets: what no broker exceeds with anything but a message.
const PACKET_BYTES_MIN: usize = 1 << 10;
/// Largest packet taken unless the settings say otherwise: twice what our own broker takes, so that
/// a whole megabyte passes with its topic, and a thousand of them unacknowledged stay below 2 GiB.
pub const PACKET_BYTES_DEFAULT: usize = 2 << 20;
/// Shortest keep-alive over MQTT 3.1.1: pings go out every three quarters of it, and the client
/// library takes no interval below one second.
const KEEP_ALIVE_MIN: Duration = Duration::from_secs(2);
/// Shortest keep-alive over MQTT 5: there the library takes no ping interval below five seconds,
/// which are three quarters of 7 s, rounded down.
const KEEP_ALIVE_MIN_V5: Duration = Duration::from_secs(7);
/// Longest keep-alive MQTT can say: 65,535 s.
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(65_535);
/// Filters in one SUBSCRIBE: far above the handful of topic trees of the known network servers.
const SUBSCRIPTIONS_MAX: usize = 100;
/// How long an MQTT 5 broker keeps our session while we are away: as old as a reading may be when
/// it is taken (seven days).
const SESSION_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long a publish may go unacknowledged before its connection counts as lost.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(30);

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

/// The version of MQTT that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1, protocol level 4.
    V4,
    /// MQTT 5.0, protocol level 5.
    V5,
}

impl Protocol {
    /// The version with this protocol level; none for other than 4 and 5.
    pub fn from_level(level: u8) -> Option<Self> {
        match level {
            4 => Some(Self::V4),
            5 => Some(Self::V5),
            _ => None,
        }
    }
}

/// TLS 1.2 or 1.3 to the broker. Files are PEM, and are read anew for every connection, so that a
/// renewed certificate needs no restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificates that may have signed the broker's; none: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and those between it and its root; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The private key to `cert_file`.
    pub key_file: Option<PathBuf>,
    /// Certificates of the broker that were called back before their time.
    pub crl_file: Option<PathBuf>,
    /// The name that the broker's certificate must bear, if it is not the host's.
    pub server_name: Option<String>,
}

/// What the broker publishes for us when our connection ends without DISCONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWill {
    /// Topic name, without wildcards.
    pub topic: String,
    /// Payload; MQTT allows 65,535 bytes.
    pub payload: Bytes,
    /// Quality of service.
    pub qos: Qos,
    /// Whether the broker keeps it for those who subscribe later.
    pub retain: bool,
}

/// A session with an external broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// Name or address of the broker.
    pub host: String,
    /// TCP port, mostly 1883, with TLS 8883.
    pub port: u16,
    /// Our client id: the name of the broker-side session, so it must stay the same over restarts
    /// and be nobody else's. With a `share_group` a random ending is added, new in every process.
    pub client_id: String,
    /// MQTT 3.1.1 or 5.
    pub protocol: Protocol,
    /// None: the connection is not encrypted.
    pub tls: Option<TlsConfig>,
    /// None: the broker is asked to let us in without.
    pub login: Option<Login>,
    /// Whether a password may be sent unencrypted to another machine.
    pub insecure: bool,
    /// Topic filters, subscribed with `QoS` 1 after every connect.
    pub subscriptions: Vec<String>,
    /// Several sessions with the same group share the messages of a filter: each gets a part.
    pub share_group: Option<String>,
    /// Whether the broker forgets, with every connection, what it has kept for us. A shared session
    /// over 3.1.1 always does so: nobody would ever come back for what was kept under its name.
    pub clean_start: bool,
    /// How long an MQTT 5 broker keeps the session while we are away, whole seconds; 3.1.1 cannot
    /// say it, and brokers have their own limits.
    pub session_expiry: Duration,
    /// What an MQTT 5 broker may send before we acknowledge: our share of memory and of disk queue.
    pub receive_max: u16,
    /// A dead connection is noticed after at most one and a half times this; 2 s (MQTT 5: 7 s) to
    /// 65,535 s, whole seconds count.
    pub keep_alive: Duration,
    /// Largest packet taken, bytes. A larger message is skipped, counted and acknowledged; an
    /// MQTT 5 broker is told, and does not send it.
    pub packet_bytes_max: usize,
    /// What is published for us if we vanish.
    pub last_will: Option<LastWill>,
    /// A retained message that says whether we are there; it takes the place of `last_will`.
    pub presence: Option<Presence>,
    /// How long a publish may go unacknowledged before its connection counts as lost.
    pub publish_patience: Duration,
}

impl SessionConfig {
    /// An MQTT 3.1.1 session without TLS or log-in, with a keep-alive of 30 s, kept by the broker.
    pub fn new(host: &str, port: u16, client_id: &str, subscriptions: &[&str]) -> Self {
        Self {
            host: host.to_owned(),
            port,
            client_id: client_id.to_owned(),
            protocol: Protocol::V4,
            tls: None,
            login: None,
            insecure: false,
            subscriptions: subscriptions
                .iter()
                .map(|&filter| filter.to_owned())
                .collect(),
            share_group: None,
            clean_start: false,
            session_expiry: SESSION_EXPIRY,
            receive_max: 1_000,
            keep_alive: Duration::from_secs(30),
            packet_bytes_max: PACKET_BYTES_DEFAULT,
            last_will: None,
            presence: None,
            publish_patience: PUBLISH_PATIENCE,
        }
    }

    /// Whether a session can be begun with it.
    ///
    /// # Errors
    /// [`SessionError`] says what is wrong.
    pub fn check(&self) -> Result<(), SessionError> {
        if self.host.is_empty() {
            return Err(SessionError::Host);
        }
        if self.client_id.is_empty() || self.client_id.contains('\0') {
            return Err(SessionError::ClientId);
        }
        self.check_limits()?;
        if self.login.is_some() && self.tls.is_none() && !self.insecure && !self.is_loopback() {
            return Err(SessionError::Plaintext(self.host.clone()));
        }
        if let Some(tls) = &self.tls
            && tls.cert_file.is_some() != tls.key_file.is_some()
        {
            return Err(SessionError::HalfACertificate);
        }
        if let Some(group) = &self.share_group
            && (group.is_empty() || group.contains(['/', '+', '#', '\0']))
        {
            return Err(SessionError::ShareGroup(group.clone()));
        }
        if let Some(will) = &self.last_will
            && (!is_topic(&will.topic) || will.payload.len() > 65_535)
        {
            return Err(SessionError::LastWill(will.topic.clone()));
        }
        if let Some(presence) = &self.presence
            && (!is_topic(&presence.topic) || self.share_group.is_some())
        {
            return Err(SessionError::Presence(presence.topic.clone()));
        }
        if self.subscriptions.is_empty() || self.subscriptions.len() > SUBSCRIPTIONS_MAX {
            return Err(SessionError::SubscriptionCount(self.subscriptions.len()));
        }
        match self.subscriptions.iter().find(|filter| !is_filter(filter)) {
            Some(filter) => Err(SessionError::Filter(filter.clone())),
            None => Ok(()),
        }
    }

    fn check_limits(&self) -> Result<(), SessionError> {
        let keep_alive_min = match self.protocol {
            Protocol::V4 => KEEP_ALIVE_MIN,
            Protocol::V5 => KEEP_ALIVE_MIN_V5,
        };
        if !(keep_alive_min..=KEEP_ALIVE_MAX).contains(&self.keep_alive) {
            return Err(SessionError::KeepAlive(keep_alive_min, self.keep_alive));
        }
        if !(PACKET_BYTES_MIN..=PACKET_BYTES_MAX).contains(&self.packet_bytes_max) {
            return Err(SessionError::PacketBytes(self.packet_bytes_max));
        }
        if self.receive_max == 0 {
            return Err(SessionError::ReceiveMax);
        }
        if self.publish_patience < Duration::from_secs(1) {
            return Err(SessionError::PublishPatience(self.publish_patience));
        }
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost"
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// The filters as they are subscribed.
    pub(crate) fn filters(&self) -> Vec<String> {
        let shared = |filter: &String| match &self.share_group {
            Some(group) => format!("$share/{group}/{filter}"),
            None => filter.clone(),
        };
        self.subscriptions.iter().map(shared).collect()
    }

    /// Whether the broker is asked to forget the session.
    pub(crate) fn is_clean(&self) -> bool {
        self.clean_start || (self.share_group.is_some() && self.protocol == Protocol::V4)
    }

    /// The interval of pings. The library calls a connection dead when a ping goes out and the one
    /// before is still unanswered: at most two intervals, which so make one and a half keep-alives.
    pub(crate) fn ping_interval(&self) -> Duration {
        self.keep_alive.mul_f64(0.75)
    }
}

/// Whether a message can be published on it (MQTT 5, 4.7.3).
pub(crate) fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= 65_535 && !topic.contains(['+', '#', '\0'])
}

/// Whether it can be subscribed: wildcards stand alone in their level, # only in the last.
fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').rev();
    let is_alone = |level: &str| level.len() == 1 || !level.contains(['+', '#']);
    !filter.is_empty()
        && filter.len() <= 65_000
        && !filter.contains('\0')
        && levels.next().is_some_and(is_alone)
        && levels.all(|level| is_alone(level) && level != "#")
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
    #[error("the keep-alive must be {0:?} to 65535 s, not {1:?}")]
    KeepAlive(Duration, Duration),
    /// The limit on packets is out of range.
    #[error("the largest packet must have 1024 to 268435460 bytes, not {0}")]
    PacketBytes(usize),
    /// A broker that may send nothing.
    #[error("the receive maximum must be 1 to 65535, not 0")]
    ReceiveMax,
    /// The patience is too short for any network.
    #[error("the patience with a publish must be 1 s or more, not {0:?}")]
    PublishPatience(Duration),
    /// A password would be readable on the network.
    #[error("the password would go unencrypted to {0}: set up TLS, or insecure = true")]
    Plaintext(String),
    /// A certificate without its key, or a key without its certificate.
    #[error("a client certificate needs both cert_file and key_file")]
    HalfACertificate,
    /// The name of the share group cannot stand in a topic filter.
    #[error("share group {0:?} must be one topic level without / + #")]
    ShareGroup(String),
    /// The last will cannot be published.
    #[error("the last will needs a topic without wildcards (it has {0:?}) and 0 to 65535 bytes")]
    LastWill(String),
    /// Whether we are there cannot be said.
    #[error("presence needs a topic without wildcards (it has {0:?}) and no share group")]
    Presence(String),
    /// No subscription, or too many.
    #[error("a session has 1 to 100 subscriptions, not {0}")]
    SubscriptionCount(usize),
    /// A topic filter is not well formed.
    #[error("topic filter {0:?} is not well formed: + and # stand alone in a level, # only last")]
    Filter(String),
}
