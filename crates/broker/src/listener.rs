//! The broker as one value: start, address, figures, stop.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use huitian_mqtt::{Delivery, Qos};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::access::Access;
use crate::connection::serve;
use crate::counts::{BrokerCounts, Tally};
use crate::exchange::Exchange;
use crate::greeting::Arrival;
use crate::guard::{Attempts, Door};
use crate::notice::{Notice, Notices};
use crate::publisher::{PublishError, Publisher, Reach};
use crate::rate::{RateLimit, RateLimited, Rates};
use crate::receiver::LARGE_KIB_MAX;
use crate::shared::{Place, Shared, until_stopped};
use crate::tls::{Doorkeeper, Tls, TlsError};

/// Connections by default: 127 compounds with some 25 devices each are 3,000; three times that.
const CONNECTIONS_MAX: usize = 10_000;
/// How often sessions whose time is over are looked for.
const EXPIRY_EVERY: Duration = Duration::from_secs(30);
/// After a failed accept (mostly: no file descriptors left) the broker waits before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A stopping broker ends what has not ended by then: the promise is 2 s.
const STOP_MAX: Duration = Duration::from_millis(1_800);

/// Where and for how many the broker listens.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Address and port; port 0 takes a free one. Beyond loopback only with users, and with TLS
    /// unless `insecure`.
    pub listen: SocketAddr,
    /// Connections at the same time, 10,000 by default; the next one is closed at once.
    pub connections_max: usize,
    /// Who may use the broker; open by default.
    pub access: Access,
    /// With it every connection is TLS; none by default.
    pub tls: Option<Tls>,
    /// Permits a network without TLS, on which passwords and readings can be read and changed by
    /// others. False by default.
    pub insecure: bool,
    /// How fast a user with the role of a device may publish: [`RateLimit::DEVICE`] by default.
    pub device_rate: Option<RateLimit>,
    /// How fast a client may publish where access is open: not limited by default.
    pub open_rate: Option<RateLimit>,
    /// Where notices go; none by default. They are never waited for: 100 places are plenty.
    pub notices: Option<mpsc::Sender<Notice>>,
}

impl BrokerConfig {
    /// The defaults for an address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            connections_max: CONNECTIONS_MAX,
            access: Access::Open,
            tls: None,
            insecure: false,
            device_rate: Some(RateLimit::DEVICE),
            open_rate: None,
            notices: None,
        }
    }
}

/// Why the broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address is reachable from outside, and there is no log-in.
    #[error(
        "without users the broker listens on a loopback address only (127.0.0.1 or [::1]), not on \
         {0}: name a users file"
    )]
    NotLoopback(SocketAddr),
    /// The address is reachable from outside, and there is no TLS.
    #[error(
        "without TLS the broker listens on a loopback address only (127.0.0.1 or [::1]), not on \
         {0}: name a certificate and key, or set insecure = true where nobody else is on the \
         network"
    )]
    NotSecure(SocketAddr),
    /// Clients' certificates name users, and there are none.
    #[error("certificates of clients name users: expected a users file beside client_ca")]
    CertificatesWithoutUsers,
    /// TLS cannot be offered.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Another program has the port.
    #[error(
        "port {} is taken ({listen}): stop the program that has it, or choose another with --mqtt",
        listen.port()
    )]
    PortTaken {
        /// The address asked for.
        listen: SocketAddr,
    },
    /// The system refused the address.
    #[error("could not listen on {listen}")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
}

/// A running broker. Dropping it ends every connection at once; [`Broker::stop`] does so in order.
#[derive(Debug)]
pub struct Broker {
    local_addr: SocketAddr,
    tally: Arc<Tally>,
    publisher: Publisher,
    rates: Arc<Rates>,
    tls: Option<Arc<Doorkeeper>>,
    stop: watch::Sender<bool>,
    listener: JoinHandle<()>,
}

impl Broker {
    /// Binds, and serves clients in tasks of the current tokio runtime. Every message goes to
    /// `inbox`; while that is full, clients wait.
    ///
    /// # Errors
    /// The address may not be listened on with this access and TLS, its port is taken, the system
    /// refuses it, or the TLS files cannot be used.
    pub async fn start(
        config: BrokerConfig,
        inbox: mpsc::Sender<Delivery>,
    ) -> Result<Self, BrokerError> {
        let listen = config.listen;
        check(&config)?;
        let tls = config.tls.map(Doorkeeper::new).transpose()?.map(Arc::new);
        let socket = TcpListener::bind(listen).await.map_err(|source| {
            if source.kind() == io::ErrorKind::AddrInUse {
                BrokerError::PortTaken { listen }
            } else {
                BrokerError::Listen { listen, source }
            }
        })?;
        let local_addr = socket
            .local_addr()
            .map_err(|source| BrokerError::Listen { listen, source })?;
        let tally = Arc::new(Tally::default());
        let notices = Arc::new(Notices::new(config.notices, Arc::clone(&tally)));
        let rates = Arc::new(Rates::default());
        let exchange = Arc::new(Exchange::new(Arc::clone(&tally), Arc::clone(&notices)));
        let (stop, stopped) = watch::channel(false);
        let acceptor = Acceptor {
            socket,
            places: Arc::new(Semaphore::new(config.connections_max)),
            shared: Arc::new(Shared {
                inbox,
                exchange: Arc::clone(&exchange),
                tally: Arc::clone(&tally),
                large: Arc::new(Semaphore::new(LARGE_KIB_MAX)),
                salt: RandomState::new().build_hasher().finish(),
                access: config.access,
                tls: tls.clone(),
                attempts: Attempts::default(),
                hashing: Semaphore::new(1),
                door: Door::default(),
                rates: Arc::clone(&rates),
                device_rate: config.device_rate,
                open_rate: config.open_rate,
                notices,
            }),
            stopped,
            clients: JoinSet::new(),
            connection: 0,
        };
        Ok(Self {
            local_addr,
            tally,
            publisher: Publisher::new(exchange),
            rates,
            tls,
            stop,
            listener: tokio::spawn(acceptor.run()),
        })
    }

    /// The address it listens on, with the port it was given.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// A handle with which the owner publishes from any task.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Publishes a message of the owner; see [`Publisher::publish`].
    ///
    /// # Errors
    /// The topic or the payload cannot be sent.
    pub fn publish(
        &self,
        topic: &str,
        payload: Bytes,
        qos: Qos,
        retain: bool,
    ) -> Result<Reach, PublishError> {
        self.publisher.publish(topic, payload, qos, retain)
    }

    /// Figures since the start.
    pub fn counts(&self) -> BrokerCounts {
        self.tally.counts()
    }

    /// The clients that sent more than they may since the last call, with the number of their
    /// messages that were acknowledged and dropped. At most 1,000 are told apart;
    /// [`BrokerCounts::rate_limited`] counts all.
    pub fn take_rate_limited(&self) -> Vec<RateLimited> {
        self.rates.take_limited()
    }

    /// Reads the TLS files again, for new connections. If they cannot be used, or there is no TLS,
    /// all stays as it was.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn reload_tls(&self) -> Result<(), TlsError> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }

    /// Takes no more clients and messages, acknowledges for up to 1 s what the intake still calls
    /// durable, says good-bye to MQTT 5 clients and closes. Takes less than 2 s.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.listener).await {
            tracing::error!(%error, "the broker's listener ended before it was stopped");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// A network gets no open door, and none that others can look through.
fn check(config: &BrokerConfig) -> Result<(), BrokerError> {
    let is_open = matches!(config.access, Access::Open);
    let asks_for_certificates = config
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca.is_some());
    if is_open && asks_for_certificates {
        return Err(BrokerError::CertificatesWithoutUsers);
    }
    if config.listen.ip().is_loopback() {
        return Ok(());
    }
    if is_open {
        return Err(BrokerError::NotLoopback(config.listen));
    }
    if config.tls.is_none() && !config.insecure {
        return Err(BrokerError::NotSecure(config.listen));
    }
    Ok(())
}

struct Acceptor {
    socket: TcpListener,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
    clients: JoinSet<()>,
    connection: u64,
}

impl Acceptor {
    async fn run(mut self) {
        let mut stopped = self.stopped.clone();
        let mut expiry = interval(EXPIRY_EVERY);
        expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok((client, address)) => self.on_client(client, address.ip()),
                    Err(error) => {
                        tracing::warn!(%error, "could not take a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = self.clients.join_next() => report(ended),
                _ = expiry.tick() => self.shared.exchange.expire(Instant::now()),
                () = until_stopped(&mut stopped) => break,
            }
        }
        self.end().await;
    }

    fn on_client(&mut self, socket: TcpStream, address: IpAddr) {
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.shared.tally.refused_connections.add();
            return;
        };
        let visit = match self.shared.access {
            Access::Open => None,
            Access::Users(_) => {
                let Some(visit) = self.shared.door.enter(address) else {
                    self.shared.tally.refused_connections.add();
                    return;
                };
                Some(visit)
            }
        };
        self.connection += 1;
        let place = Place::new(permit, Arc::clone(&self.shared.tally));
        let stopped = self.stopped.clone();
        let arrival = Arrival {
            socket,
            address,
            connection: self.connection,
            place,
            visit,
        };
        let shared = Arc::clone(&self.shared);
        self.clients.spawn(serve(arrival, shared, stopped));
    }

    async fn end(self) {
        let Self {
            socket,
            mut clients,
            ..
        } = self;
        drop(socket);
        let all_ended = async {
            while let Some(ended) = clients.join_next().await {
                report(ended);
            }
        };
        if timeout(STOP_MAX, all_ended).await.is_err() {
            tracing::warn!(
                clients = clients.len(),
                "ended clients that did not end by themselves"
            );
            clients.shutdown().await;
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended by a fault in the broker");
    }
}

#[cfg(test)]
mod tests;
