//! The listener and its connections: own accept loop, because a head that never ends must not
//! hold a connection for ever.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use huitian_report::{Source, Zone};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::{App, ConsoleConfig, ConsoleError};
use crate::bench::TRIES_AT_ONCE;
use crate::board::Board;
use crate::lang::Texts;
use crate::routes;
use crate::templates::Templates;

/// Largest head of a request, bytes: 16 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// After a failed accept (out of file descriptors), wait so long before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A console that listens and does not serve yet.
pub struct Console {
    listener: TcpListener,
    app: Arc<App>,
    stop: watch::Sender<bool>,
}

impl Console {
    /// Takes the port and checks everything that can be wrong before the first request.
    ///
    /// # Errors
    /// [`ConsoleError`]: not a loopback address, port taken, zone unknown.
    pub fn bind(
        config: ConsoleConfig,
        source: Arc<dyn Source>,
        board: Board,
    ) -> Result<Self, ConsoleError> {
        let at = config.http;
        if !at.ip().is_loopback() {
            return Err(ConsoleError::NotLoopback(at));
        }
        let listen = |error: std::io::Error| {
            if error.kind() == std::io::ErrorKind::AddrInUse {
                ConsoleError::PortTaken(at)
            } else {
                ConsoleError::Listen(at, error)
            }
        };
        let listener = TcpListener::bind(at).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let (stop, shutdown) = watch::channel(false);
        let app = Arc::new(App {
            source,
            board,
            texts: Texts::load()?,
            templates: Templates::load()?,
            zone: Zone::named(&config.zone)?,
            metrics: config.metrics,
            fleet: config.fleet,
            bench: config.bench,
            try_slots: Semaphore::new(TRIES_AT_ONCE),
            event_slots: Arc::new(Semaphore::new(config.limits.event_streams)),
            limits: config.limits,
            shutdown,
        });
        Ok(Self {
            listener,
            app,
            stop,
        })
    }

    /// Where it listens: the port that was given for port 0.
    ///
    /// # Errors
    /// [`ConsoleError::Listen`] where the system does not say.
    pub fn local_addr(&self) -> Result<SocketAddr, ConsoleError> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listen = |error| ConsoleError::Listen(any, error);
        self.listener.local_addr().map_err(listen)
    }

    /// The routes without the listener, for tests; event streams end when the console is dropped.
    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.app))
    }

    /// Serves until `shutdown` holds true or its sender is gone, then lets answers end for at
    /// most [`crate::Limits::drain`].
    ///
    /// # Errors
    /// [`ConsoleError::Listen`] where the listener cannot be used.
    pub async fn serve(self, mut shutdown: watch::Receiver<bool>) -> Result<(), ConsoleError> {
        let at = self.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|error| ConsoleError::Listen(at, error))?;
        let router = routes::router(Arc::clone(&self.app));
        let slots = Arc::new(Semaphore::new(self.app.limits.connections));
        let mut connections = JoinSet::new();
        loop {
            // At the limit nothing more is accepted: the system's queue holds those who wait.
            let ready = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, listener.accept().await)
            };
            tokio::select! {
                // A sender that is gone means the same as true.
                () = stopped(&mut shutdown) => break,
                Some(_ended) = connections.join_next() => {}
                (slot, accepted) = ready => match (slot, accepted) {
                    (Ok(slot), Ok((stream, _peer))) => {
                        let connection = serve_one(stream, router.clone(), Arc::clone(&self.app));
                        connections.spawn(async move {
                            connection.await;
                            drop(slot);
                        });
                    }
                    (_, Err(error)) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                    (Err(_closed), Ok(_)) => break,
                },
            }
        }
        drop(listener);
        self.stop.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.app.limits.drain, drained)
            .await
            .is_err()
        {
            tracing::info!(
                open = connections.len(),
                "connections were closed at shutdown"
            );
        }
        Ok(())
    }
}

/// One connection until it ends, or until shutdown lets it finish its answer.
async fn serve_one(stream: TcpStream, router: Router, app: Arc<App>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection does not take TCP_NODELAY");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.limits.header_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut shutdown = app.shutdown.clone();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Waits until shutdown is asked for, or until nobody can ask any more.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    drop(shutdown.wait_for(|stop| *stop).await);
}
