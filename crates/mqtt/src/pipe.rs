//! The byte pipe between the client library and the broker: ours to connect, encrypt and watch.
//!
//! The library's own TLS asks for a certificate checker with known faults (see the decision page on
//! the client library), and its connections have no limit on how long a write may take. So it is
//! given a Unix socket without a file (Linux, abstract name), and behind that socket stand we: TCP,
//! TLS, the [`Guard`] over what comes in, and a limit on how long what goes out may take.
//!
//! The name of the socket is random and lives for one connection; whoever connects to it is asked
//! for its process id, and only our own process is let in.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink, split};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;

use crate::config::SessionConfig;
use crate::guard::Guard;
use crate::tls::{self, TlsError};

/// Resolving the name, TCP and TLS must be done in this time.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// One read at most: the size of a TLS record.
const READ_BYTES: usize = 16 << 10;

/// Why the broker cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("cannot connect to {0}: {1}")]
    Tcp(String, io::Error),
    #[error("no answer from {0} within {CONNECT_MAX:?}")]
    Slow(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot open the way to the client library: {0}")]
    Local(io::Error),
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A pipe to the broker, open until either end closes it.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// Where the library is to connect.
    pub(crate) address: String,
    ended: Arc<OnceLock<String>>,
}

impl Pipe {
    /// Connects to the broker and waits for the library.
    pub(crate) async fn open(config: &SessionConfig) -> Result<Self, DialError> {
        let broker = timeout(CONNECT_MAX, dial(config))
            .await
            .map_err(|_elapsed| DialError::Slow(place(config)))??;
        let random = RandomState::new().build_hasher().finish();
        let address = format!("\0huitian-mqtt-{}-{random:016x}", std::process::id());
        let listener = UnixListener::bind(&address).map_err(DialError::Local)?;
        let ended = Arc::new(OnceLock::new());
        let carrier = Carrier {
            guard: Guard::new(config.protocol, config.packet_bytes_max),
            config: config.clone(),
            ended: Arc::clone(&ended),
        };
        tokio::spawn(async move {
            match timeout(CONNECT_MAX, accept(&listener)).await {
                Ok(Ok(local)) => carrier.carry(local, broker).await,
                Ok(Err(error)) => carrier.note(format!("the client library is cut off: {error}")),
                Err(_elapsed) => {}
            }
        });
        Ok(Self { address, ended })
    }

    /// Why the broker's side ended, if that was not just its closing.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }
}

fn place(config: &SessionConfig) -> String {
    if config.host.contains(':') && !config.host.starts_with('[') {
        return format!("[{}]:{}", config.host, config.port);
    }
    format!("{}:{}", config.host, config.port)
}

async fn dial(config: &SessionConfig) -> Result<Box<dyn Connection>, DialError> {
    let place = place(config);
    let socket = match TcpStream::connect(&place).await {
        Ok(socket) => socket,
        Err(error) => return Err(DialError::Tcp(place, error)),
    };
    socket
        .set_nodelay(true)
        .map_err(|error| DialError::Tcp(place, error))?;
    Ok(match &config.tls {
        None => Box::new(socket),
        Some(tls) => Box::new(tls::wrap(tls, &config.host, socket).await?),
    })
}

/// Lets in the first who is ourselves.
async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (local, _) = listener.accept().await?;
        let process = local.peer_cred()?.pid();
        if process.is_some_and(|id| u32::try_from(id) == Ok(std::process::id())) {
            return Ok(local);
        }
    }
}

struct Carrier {
    guard: Guard,
    config: SessionConfig,
    ended: Arc<OnceLock<String>>,
}

impl Carrier {
    fn note(&self, reason: String) {
        // The first reason is the cause; what follows is its consequence.
        self.ended.get_or_init(|| reason);
    }

    /// Carries bytes both ways until one end closes.
    async fn carry(mut self, local: UnixStream, broker: Box<dyn Connection>) {
        let ended = Arc::clone(&self.ended);
        let write_max = self.config.keep_alive.min(CONNECT_MAX);
        let (mut from_library, to_library) = local.into_split();
        let (from_broker, to_broker) = split(broker);
        let is_over = tokio::select! {
            () = self.inward(from_broker, to_library) => false,
            stalled = outward(&mut from_library, to_broker, write_max) => {
                if stalled {
                    let reason = format!("the broker has taken nothing for {write_max:?}");
                    ended.get_or_init(|| reason);
                }
                true
            }
        };
        if !is_over {
            // The library still reads what came before the end. It must not find out by a failed
            // write, upon which it would read no more.
            let mut nowhere = sink();
            let rest = copy(&mut from_library, &mut nowhere);
            drop(timeout(CONNECT_MAX, rest).await);
        }
    }

    async fn inward(
        &mut self,
        mut broker: impl AsyncRead + Unpin,
        mut library: impl AsyncWrite + Unpin,
    ) {
        let (mut taken, mut passed) = (vec![0; READ_BYTES], Vec::with_capacity(READ_BYTES));
        loop {
            let bytes = match broker.read(&mut taken).await {
                Ok(0) => return,
                Ok(count) => taken.get(..count).unwrap_or_default(),
                // A plain port that just hangs up has said all it has to say.
                Err(_) if self.config.tls.is_none() && !self.guard.has_begun() => return,
                Err(error) => return self.note(self.explain(&error)),
            };
            passed.clear();
            let malformed = self.guard.pass(bytes, &mut passed).err();
            if library.write_all(&passed).await.is_err() {
                return;
            }
            if let Some(malformed) = malformed {
                return self.note(malformed.to_string());
            }
        }
    }

    fn explain(&self, error: &io::Error) -> String {
        match &self.config.tls {
            Some(tls) => tls::explain(error, tls, &self.config.host),
            None => error.to_string(),
        }
    }
}

/// Carries to the broker what the library says, and closes when it has closed. True if the broker
/// took nothing for too long.
async fn outward(
    library: &mut (impl AsyncRead + Unpin),
    mut broker: impl AsyncWrite + Unpin,
    write_max: Duration,
) -> bool {
    let mut taken = vec![0; READ_BYTES];
    loop {
        let count = library.read(&mut taken).await.unwrap_or(0);
        let bytes = taken.get(..count).unwrap_or_default();
        let written = timeout(write_max, async {
            if bytes.is_empty() {
                return broker.shutdown().await;
            }
            broker.write_all(bytes).await?;
            broker.flush().await
        });
        match written.await {
            Err(_elapsed) => return true,
            Ok(Err(_)) => {
                // The other direction hears why.
                return std::future::pending().await;
            }
            Ok(Ok(())) if bytes.is_empty() => return false,
            Ok(Ok(())) => {}
        }
    }
}

#[cfg(test)]
mod tests;
