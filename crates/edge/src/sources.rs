//! Where messages come in: a listener of our own, and sessions with other brokers. The same
//! settings and the same code in the edge and in the hub.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use huitian_broker::{Access, Broker, BrokerConfig, BrokerError, Tls, Users, UsersError};
use huitian_codec::Routes;
use huitian_codec::sparkplug::state_topic;
use huitian_mqtt::{
    Delivery, Login, Protocol, Publisher, Session, SessionConfig, SessionError, TlsConfig,
};
use huitian_settings::{ConfigFault, Span, read_secret};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::sparkplug::{self, Arrival, Desk, Exits, HostConfig, Mouth, Wall};

/// Messages that wait between a way in and whoever stores them. One group commit takes up to
/// 4,096; as many again may wait, at most 64 MiB of the 16 KiB that a device may send.
const INBOX_MAX: usize = 4_096;

mod notices;

/// `[mqtt]` as it is written.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct MqttRaw {
    addr: Option<SocketAddr>,
    embedded: Option<bool>,
    users_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
    client_crl_file: Option<PathBuf>,
    insecure: bool,
    sparkplug: Option<String>,
    sparkplug_reorder: Option<Span>,
    brokers: Vec<BrokerRaw>,
    routes: Routes,
}

/// `[[mqtt.brokers]]`, or the broker of the uplink, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerRaw {
    host: String,
    port: Option<u16>,
    client_id: Option<String>,
    #[serde(default = "level_4")]
    protocol: u8,
    username: Option<String>,
    password_file: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    tls: Option<TlsRaw>,
    pub(crate) share_group: Option<String>,
    #[serde(default)]
    clean_start: bool,
    keep_alive: Option<Span>,
    pub(crate) session_expiry: Option<Span>,
    pub(crate) topics: Option<Vec<String>>,
    pub(crate) sparkplug: Option<String>,
    pub(crate) sparkplug_reorder: Option<Span>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct TlsRaw {
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    crl_file: Option<PathBuf>,
    server_name: Option<String>,
}

const fn level_4() -> u8 {
    4
}

/// A listener of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenConfig {
    /// Where.
    pub addr: SocketAddr,
    /// Who may log in; none: whoever reaches the port, on loopback only.
    pub users: Option<PathBuf>,
    /// Encrypted.
    pub tls: Option<Tls>,
    /// Whether passwords may come unencrypted from other machines.
    pub insecure: bool,
}

/// All ways in for MQTT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttConfig {
    /// A listener of our own.
    pub listen: Option<ListenConfig>,
    /// Sessions with other brokers.
    pub brokers: Vec<SessionConfig>,
    /// Which topics carry which format, where their shape does not say it.
    pub routes: Arc<Routes>,
    /// Where we are a Sparkplug host application.
    pub sparkplug: BTreeMap<Way, HostConfig>,
}

/// What a program says where the settings say nothing.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Where to listen; none: only if the settings say so.
    pub listen: Option<SocketAddr>,
    /// Client id of sessions.
    pub client_id: &'static str,
    /// What sessions subscribe to.
    pub topics: &'static [&'static str],
}

/// Puts a path below the folder that it is relative to.
fn below(folder: &Path, path: &mut Option<PathBuf>) {
    if let Some(path) = path {
        *path = folder.join(&*path);
    }
}

impl MqttRaw {
    /// The same with all its paths relative to a folder.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        for path in [
            &mut self.users_file,
            &mut self.cert_file,
            &mut self.key_file,
            &mut self.client_ca_file,
            &mut self.client_crl_file,
        ] {
            below(folder, path);
        }
        let brokers = std::mem::take(&mut self.brokers).into_iter();
        self.brokers = brokers.map(|broker| broker.below(folder)).collect();
        self
    }

    /// Checks what no single value can say about itself; `flag` goes before the file.
    ///
    /// # Errors
    /// [`ConfigFault`].
    pub fn check(
        self,
        flag: Option<SocketAddr>,
        defaults: Defaults,
    ) -> Result<MqttConfig, ConfigFault> {
        let addr = flag.or(self.addr).or(defaults.listen);
        let addr = addr.filter(|_| self.embedded != Some(false));
        let tls = match (self.cert_file, self.key_file) {
            (Some(cert), Some(key)) => Some(Tls {
                cert,
                key,
                client_ca: self.client_ca_file,
                client_crl: self.client_crl_file,
            }),
            (None, None) if self.client_ca_file.is_none() => None,
            _ => {
                let fault = "mqtt.cert_file and mqtt.key_file belong together, and \
                             mqtt.client_ca_file needs both";
                return Err(ConfigFault::plain(fault));
            }
        };
        if let Some(addr) = addr
            && !addr.ip().is_loopback()
        {
            if self.users_file.is_none() {
                return Err(ConfigFault::plain(format!(
                    "mqtt.addr: {addr} can be reached from other machines: expected \
                     mqtt.users_file, which says who may log in, or a loopback address"
                )));
            }
            if tls.is_none() && !self.insecure {
                return Err(ConfigFault::plain(format!(
                    "mqtt.addr: passwords would go unencrypted to {addr}: expected \
                     mqtt.cert_file and mqtt.key_file, or mqtt.insecure = true"
                )));
            }
        }
        let routes = Arc::new(self.routes);
        let mut hosts = BTreeMap::new();
        if let Some(host) = HostConfig::check("mqtt", self.sparkplug, self.sparkplug_reorder)? {
            if addr.is_none() {
                let fault = "mqtt.sparkplug needs mqtt.addr: it is for nodes at our own listener";
                return Err(ConfigFault::plain(fault));
            }
            hosts.insert(Way::Embedded, host);
        }
        let mut brokers = Vec::with_capacity(self.brokers.len());
        for (number, raw) in (0_u16..).zip(self.brokers) {
            let (session, host) = raw.check_host("mqtt.brokers", defaults)?;
            brokers.push(with_routes(session, &routes)?);
            hosts.extend(host.map(|host| (Way::External(number), host)));
        }
        Ok(MqttConfig {
            sparkplug: hosts,
            listen: addr.map(|addr| ListenConfig {
                addr,
                users: self.users_file,
                tls,
                insecure: self.insecure,
            }),
            brokers,
            routes,
        })
    }
}

impl BrokerRaw {
    /// The same with all its paths relative to a folder.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        below(folder, &mut self.password_file);
        if let Some(tls) = &mut self.tls {
            let paths = [
                &mut tls.ca_file,
                &mut tls.cert_file,
                &mut tls.key_file,
                &mut tls.crl_file,
            ];
            for path in paths {
                below(folder, path);
            }
        }
        self
    }

    /// The session that it asks for.
    ///
    /// # Errors
    /// [`ConfigFault`] with the key.
    pub fn check(self, key: &str, defaults: Defaults) -> Result<SessionConfig, ConfigFault> {
        if self.sparkplug.is_some() || self.sparkplug_reorder.is_some() {
            return Err(ConfigFault::plain(format!(
                "{key}.sparkplug: only a broker under mqtt.brokers has edge nodes"
            )));
        }
        let protocol = Protocol::from_level(self.protocol).ok_or_else(|| {
            let found = self.protocol;
            ConfigFault::plain(format!(
                "{key}.protocol must be 4 (MQTT 3.1.1) or 5, found {found}"
            ))
        })?;
        let client_id = self
            .client_id
            .unwrap_or_else(|| defaults.client_id.to_owned());
        let port = self
            .port
            .unwrap_or(if self.tls.is_some() { 8883 } else { 1883 });
        let mut session = SessionConfig::new(&self.host, port, &client_id, defaults.topics);
        session.protocol = protocol;
        session.insecure = self.insecure;
        session.share_group = self.share_group;
        session.clean_start = self.clean_start;
        session.subscriptions = self.topics.unwrap_or(session.subscriptions);
        session.tls = self.tls.map(|tls| TlsConfig {
            ca_file: tls.ca_file,
            cert_file: tls.cert_file,
            key_file: tls.key_file,
            crl_file: tls.crl_file,
            server_name: tls.server_name,
        });
        if let Some(username) = self.username {
            let file = self.password_file.as_deref();
            let password = file.map(|path| read_secret(path, &format!("{key}.password_file")));
            session.login = Some(Login {
                username,
                password: password
                    .transpose()?
                    .map_or_else(String::new, |secret| secret.0),
            });
        } else if self.password_file.is_some() {
            return Err(ConfigFault::plain(format!(
                "{key}.password_file needs {key}.username"
            )));
        }
        if let Some(span) = self.keep_alive {
            session.keep_alive = duration(span);
        } else if protocol == Protocol::V5 {
            session.keep_alive = session.keep_alive.max(Duration::from_secs(7));
        }
        if let Some(span) = self.session_expiry {
            session.session_expiry = duration(span);
        }
        session
            .check()
            .map_err(|error| ConfigFault::plain(format!("{key}: {error}")))?;
        Ok(session)
    }
}

/// The session with the routes' topics among its subscriptions: each that none of those before
/// takes in, so that no broker hands a message on twice.
fn with_routes(mut session: SessionConfig, routes: &Routes) -> Result<SessionConfig, ConfigFault> {
    let more = routes.topics_beyond(&session.subscriptions).into_iter();
    let more: Vec<String> = more.map(str::to_owned).collect();
    session.subscriptions.extend(more);
    session
        .check()
        .map_err(|error| ConfigFault::plain(format!("mqtt.brokers with mqtt.routes: {error}")))?;
    Ok(session)
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0.unsigned_abs())
}

/// Which way a message came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// From the device itself, at our own listener: its retain flag is a wish for later.
    Embedded,
    /// From another broker, by its place in the settings: the retain flag marks what that broker
    /// had kept from before.
    External(u16),
}

/// Why a way in could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Our own listener.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// Its users.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// A session with another broker.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// The ways in that are open.
pub struct Sources {
    broker: Option<Broker>,
    users: Option<(PathBuf, Arc<Users>)>,
    sessions: Vec<Session>,
    desks: JoinSet<()>,
    /// STATE of the host at our own listener, and the clock that dates it.
    state: Option<(String, Wall)>,
}

/// Where messages go, by the way that they came.
pub struct Inboxes<I, N> {
    /// The channel of a way's messages, for so many of them.
    pub deliveries: I,
    /// The channel of what a way's Sparkplug nodes said.
    pub named: N,
}

impl Sources {
    /// Opens all that the settings name. `inboxes` give each way the channels of its messages;
    /// `wall` tells the time.
    ///
    /// # Errors
    /// [`SourceError`] where a port is taken or a setting cannot be used.
    pub async fn open<I, N>(
        config: &MqttConfig,
        wall: Wall,
        inboxes: Inboxes<I, N>,
    ) -> Result<Self, SourceError>
    where
        I: Fn(Way, usize) -> mpsc::Sender<Delivery>,
        N: Fn(Way, usize) -> mpsc::Sender<Arrival>,
    {
        let mut sources = Self {
            broker: None,
            users: None,
            sessions: Vec::new(),
            desks: JoinSet::new(),
            state: None,
        };
        let exits = |way| Exits {
            plain: (inboxes.deliveries)(way, INBOX_MAX),
            named: (inboxes.named)(way, sparkplug::INBOX_MAX),
        };
        if let Some(listen) = &config.listen {
            match config.sparkplug.get(&Way::Embedded) {
                None => {
                    let inbox = (inboxes.deliveries)(Way::Embedded, INBOX_MAX);
                    sources.listen(listen, inbox).await?;
                }
                Some(host) => {
                    let (inbox, deliveries) = mpsc::channel(sparkplug::INBOX_MAX);
                    let publisher = sources.listen(listen, inbox).await?;
                    sources.state = Some((state_topic(&host.id), Arc::clone(&wall)));
                    let mouth = Mouth::Listener(publisher);
                    let desk = Desk::new(host, &wall, mouth, exits(Way::Embedded));
                    sources.desks.spawn(desk.run(deliveries));
                }
            }
        }
        for (number, session) in (0_u16..).zip(&config.brokers) {
            info!(
                host = session.host,
                port = session.port,
                "reading from another broker"
            );
            let way = Way::External(number);
            let Some(host) = config.sparkplug.get(&way) else {
                let inbox = (inboxes.deliveries)(way, INBOX_MAX);
                sources
                    .sessions
                    .push(Session::connect(session.clone(), inbox)?);
                continue;
            };
            let mut session = session.clone();
            sparkplug::shape(&mut session, host, &wall);
            let (inbox, deliveries) = mpsc::channel(sparkplug::INBOX_MAX);
            let session = Session::connect(session, inbox)?;
            let mouth = Mouth::Session(session.publisher(), Some(session.status()));
            let desk = Desk::new(host, &wall, mouth, exits(way));
            sources.desks.spawn(desk.run(deliveries));
            sources.sessions.push(session);
        }
        Ok(sources)
    }

    async fn listen(
        &mut self,
        listen: &ListenConfig,
        inbox: mpsc::Sender<Delivery>,
    ) -> Result<huitian_broker::Publisher, SourceError> {
        let mut config = BrokerConfig::new(listen.addr);
        if let Some(path) = &listen.users {
            let users = Users::load(path)?;
            info!(users = users.count(), "who may log in");
            config.access = Access::Users(Arc::clone(&users));
            self.users = Some((path.clone(), users));
        }
        config.tls.clone_from(&listen.tls);
        config.insecure = listen.insecure;
        config.notices = Some(notices::listener());
        let broker = Broker::start(config, inbox).await?;
        info!(addr = %broker.local_addr(), tls = listen.tls.is_some(), "MQTT listener");
        let publisher = broker.publisher();
        self.broker = Some(broker);
        Ok(publisher)
    }

    /// Our own listener.
    pub const fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    /// Who may log in, and the file that says so.
    pub fn users(&self) -> Option<(PathBuf, Arc<Users>)> {
        self.users.clone()
    }

    /// To publish on other brokers, in the order of the settings.
    pub fn publishers(&self) -> Vec<Publisher> {
        self.sessions.iter().map(Session::publisher).collect()
    }

    /// Reads again who may log in, and the certificates; says so where it cannot.
    pub fn reload(&self) {
        if let Some((path, users)) = &self.users
            && let Err(error) = users.reload()
        {
            warn!(path = %path.display(), %error, "users not read again: the former stay");
        }
        if let Some(broker) = &self.broker
            && let Err(error) = broker.reload_tls()
        {
            warn!(%error, "certificates not read again: the former stay");
        }
    }

    /// Closes all, after what is on its way has been answered.
    pub async fn stop(mut self) {
        if let Some(broker) = self.broker {
            if let Some((topic, wall)) = &self.state {
                sparkplug::part(&broker.publisher(), topic, wall()).await;
            }
            broker.stop().await;
        }
        for session in self.sessions {
            session.stop().await;
        }
        // Each ends with the way that it sits at.
        while self.desks.join_next().await.is_some() {}
    }
}
