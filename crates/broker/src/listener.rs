//! The broker as one value: start, address, figures, stop.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use huitian_mqtt::{Delivery, Qos};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::connection::{Place, Shared, serve, until_stopped};
use crate::counts::{BrokerCounts, Tally};
use crate::exchange::Exchange;
use crate::publisher::{PublishError, Publisher, Reach};
use crate::receiver::LARGE_KIB_MAX;

/// Connections by default: 127 compounds with some 25 devices each are 3,000; three times that.
const CONNECTIONS_MAX: usize = 10_000;
/// How often sessions whose time is over are looked for.
const EXPIRY_EVERY: Duration = Duration::from_secs(30);
/// After a failed accept (mostly: no file descriptors left) the broker waits before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A stopping broker ends what has not ended by then: the promise is 2 s.
const STOP_MAX: Duration = Duration::from_millis(1_800);

/// Where and for how many the broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Address and port; port 0 takes a free one. Must be a loopback address.
    pub listen: SocketAddr,
    /// Connections at the same time, 10,000 by default; the next one is closed at once.
    pub connections_max: usize,
}

impl BrokerConfig {
    /// The defaults for an address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            connections_max: CONNECTIONS_MAX,
        }
    }
}

/// Why the broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address is reachable from outside, and there is no log-in yet.
    #[error(
        "the broker has no log-in yet and therefore listens on a loopback address only \
         (127.0.0.1 or [::1]), not on {0}"
    )]
    NotLoopback(SocketAddr),
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
    stop: watch::Sender<bool>,
    listener: JoinHandle<()>,
}

impl Broker {
    /// Binds, and serves clients in tasks of the current tokio runtime. Every message goes to
    /// `inbox`; while that is full, clients wait.
    ///
    /// # Errors
    /// The address is not loopback, its port is taken, or the system refuses it.
    pub async fn start(
        config: BrokerConfig,
        inbox: mpsc::Sender<Delivery>,
    ) -> Result<Self, BrokerError> {
        let listen = config.listen;
        if !listen.ip().is_loopback() {
            return Err(BrokerError::NotLoopback(listen));
        }
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
        let exchange = Arc::new(Exchange::new(Arc::clone(&tally)));
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
            }),
            stopped,
            clients: JoinSet::new(),
            connection: 0,
        };
        Ok(Self {
            local_addr,
            tally,
            publisher: Publisher::new(exchange),
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
                    Ok((client, _)) => self.on_client(client),
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

    fn on_client(&mut self, client: tokio::net::TcpStream) {
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.shared.tally.refused_connections.add();
            return;
        };
        self.connection += 1;
        let place = Place::new(permit, Arc::clone(&self.shared.tally));
        let stopped = self.stopped.clone();
        self.clients.spawn(serve(
            client,
            self.connection,
            Arc::clone(&self.shared),
            place,
            stopped,
        ));
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
