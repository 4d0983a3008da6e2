//! What every request shares, and how the console is configured.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use huitian_report::{Source, SourceError, Zone};
use tokio::sync::{Semaphore, watch};

use crate::bench::Bench;
use crate::board::Board;
use crate::fleet::Fleet;
use crate::lang::Texts;
use crate::problem::Problem;
use crate::templates::Templates;

/// Limits of the HTTP side. The defaults are those of the manual; tests use shorter ones.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request head must have come within. Default 10 s.
    pub header_timeout: Duration,
    /// An answer must have begun within. Default 15 s.
    pub request_timeout: Duration,
    /// Open connections. Default 512; only loopback can connect, so there is none per address.
    pub connections: usize,
    /// Open event streams. Default 200.
    pub event_streams: usize,
    /// After shutdown is asked for, answers may run on for. Default 3 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            connections: 512,
            event_streams: 200,
            drain: Duration::from_secs(3),
        }
    }
}

/// Gives the text of `/metrics`.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// How the console is configured.
#[derive(Clone)]
pub struct ConsoleConfig {
    /// Where it listens; a loopback address.
    pub http: SocketAddr,
    /// IANA zone of district pages; a site's own pages use the site's.
    pub zone: String,
    /// Gives the text of `/metrics`.
    pub metrics: Metrics,
    /// The edges.
    pub fleet: Arc<dyn Fleet>,
    /// The device profiles.
    pub bench: Arc<dyn Bench>,
    /// Limits.
    pub limits: Limits,
}

impl fmt::Debug for ConsoleConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleConfig")
            .field("http", &self.http)
            .field("zone", &self.zone)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why the console does not run.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// An address that others can reach.
    #[error(
        "--http {0}: expected a loopback address such as 127.0.0.1:8080; the console has no \
         log-in yet and refuses to be reached from elsewhere"
    )]
    NotLoopback(SocketAddr),
    /// The port is used by another program.
    #[error(
        "--http {0}: port {port} is taken by another program; stop it or choose another port \
         with --http",
        port = .0.port()
    )]
    PortTaken(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("--http {0}: cannot listen: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// A page, text or asset of this program is damaged: a mistake in the build.
    #[error("the console's own files are damaged: {0}")]
    Files(String),
    /// The configured zone is unknown.
    #[error(transparent)]
    Zone(#[from] huitian_model::ZoneError),
}

/// What every request shares.
pub(crate) struct App {
    pub source: Arc<dyn Source>,
    pub board: Board,
    pub texts: Texts,
    pub templates: Templates,
    pub zone: Zone,
    pub metrics: Metrics,
    pub fleet: Arc<dyn Fleet>,
    pub bench: Arc<dyn Bench>,
    pub try_slots: Semaphore,
    pub limits: Limits,
    pub event_slots: Arc<Semaphore>,
    pub shutdown: watch::Receiver<bool>,
}

impl App {
    /// Asks the store off the async threads.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Source) -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, Problem> {
        let source = Arc::clone(&self.source);
        let answer = tokio::task::spawn_blocking(move || question(source.as_ref())).await;
        match answer {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store did not answer a page");
                Err(Problem::unavailable(error.to_string()))
            }
            Err(error) => {
                tracing::error!(%error, "a question to the store was not finished");
                Err(Problem::internal())
            }
        }
    }
}
