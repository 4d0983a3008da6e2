//! Serves a line at endpoints: Modbus TCP, serial frames over TCP, and a pseudo-terminal.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::frame::{self, Found, Framing, RTU_LEN_MAX};
use super::line::{Counts, Line};
use super::pty::Pty;
use super::spoil::Session;

/// Connections to one endpoint at a time: gateways take 4 to 32. More wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// Pieces that wait to be sent on one connection: two frames that drip byte by byte, and room
/// for 500 late ones. Beyond that nothing more is read.
const PIECES_MAX: usize = 2 * RTU_LEN_MAX + 500;
/// Bytes read at once: four of the longest frames.
const READ_MAX: usize = 1_024;
/// How long the rest of a begun serial frame may take: 15 times the longest frame at 115,200
/// baud, and less than any client's time-out.
const REST_WITHIN: Duration = Duration::from_millis(350);

/// Tells the world's time, ms UTC.
type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

struct Shared {
    line: Mutex<Line>,
    begun: Instant,
    clock: Clock,
}

impl Shared {
    /// A panic while the line was held leaves counts that are still true.
    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that is being served; ends when it is dropped.
pub struct Server {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// Somebody tried to write to a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written(pub Counts);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (writes, all) = (self.0.writes, self.0.requests);
        write!(
            f,
            "expected no request that writes, found {writes} of {all}"
        )
    }
}

impl std::error::Error for Written {}

impl Server {
    /// A server of `line` with no endpoint yet; `clock` tells the world's time, ms UTC. Must be
    /// called inside a runtime.
    pub fn new(line: Line, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                line: Mutex::new(line),
                begun: Instant::now(),
                clock: Arc::new(clock),
            }),
            tasks: JoinSet::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Serves Modbus TCP at a loopback address; port 0 takes a free one, which is returned.
    ///
    /// # Errors
    /// `InvalidInput` for an address that is not loopback; what the system says.
    pub async fn listen_tcp(&mut self, at: SocketAddr) -> io::Result<SocketAddr> {
        self.listen(at, Framing::Tcp).await
    }

    /// Serves serial frames over TCP, as a transparent gateway does.
    ///
    /// # Errors
    /// As [`Server::listen_tcp`].
    pub async fn listen_rtu_over_tcp(&mut self, at: SocketAddr) -> io::Result<SocketAddr> {
        self.listen(at, Framing::Rtu).await
    }

    async fn listen(&mut self, at: SocketAddr, framing: Framing) -> io::Result<SocketAddr> {
        if !at.ip().is_loopback() {
            let text = format!("expected a loopback address, found {at}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let listener = TcpListener::bind(at).await?;
        let bound = listener.local_addr()?;
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.subscribe());
        self.tasks.spawn(accept(listener, framing, shared, stop));
        Ok(bound)
    }

    /// Serves a new pseudo-terminal; returns what a client opens: `link` where given.
    ///
    /// # Errors
    /// What the system says; `AlreadyExists` where `link` is there and is no link.
    pub fn open_pty(&mut self, link: Option<&Path>) -> io::Result<PathBuf> {
        let pty = Pty::open(link)?;
        let path = pty.path().to_path_buf();
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.subscribe());
        self.tasks.spawn(async move {
            let talk = Talk::new(&shared, Framing::Rtu);
            ended(talk.run(&mut Wire::Serial(pty), stop).await);
        });
        Ok(path)
    }

    /// Changes the line while it is served.
    pub fn change(&self, change: impl FnOnce(Line) -> Line) {
        let mut line = self.shared.line();
        let old = std::mem::replace(&mut *line, Line::new(0));
        *line = change(old);
    }

    /// What was seen so far.
    pub fn counts(&self) -> Counts {
        self.shared.line().counts.clone()
    }

    /// Ends all endpoints.
    ///
    /// # Errors
    /// That somebody tried to write, which nothing of ours may do.
    pub async fn end(mut self) -> Result<Counts, Written> {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        let counts = self.counts();
        if counts.writes == 0 {
            Ok(counts)
        } else {
            Err(Written(counts))
        }
    }
}

/// A broken connection is the client's right, but never silent.
fn ended(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != io::ErrorKind::ConnectionReset
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("firmware-sim: a Modbus connection broke: {error}");
    }
}

async fn accept(
    listener: TcpListener,
    framing: Framing,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let mut talks = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = talks.join_next() => {}
            came = listener.accept(), if talks.len() < CONNECTIONS_MAX => match came {
                Ok((stream, _)) => {
                    let (shared, stop) = (Arc::clone(&shared), stop.clone());
                    talks.spawn(async move {
                        let talk = Talk::new(&shared, framing);
                        let nodelay = stream.set_nodelay(true);
                        let mut wire = Wire::Tcp(stream);
                        ended(nodelay.and(talk.run(&mut wire, stop).await));
                    });
                }
                Err(error) => ended(Err(error)),
            }
        }
    }
    while talks.join_next().await.is_some() {}
}

/// What carries the bytes.
enum Wire {
    Tcp(TcpStream),
    Serial(Pty),
}

impl Wire {
    /// Cancel-safe; 0 where the other side has gone.
    async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into).await,
            Self::Serial(pty) => pty.read(into).await,
        }
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await,
            Self::Serial(pty) => pty.write_all(bytes).await,
        }
    }

    /// Whether it stays when the other side has gone.
    const fn is_serial(&self) -> bool {
        matches!(self, Self::Serial(_))
    }
}

/// One conversation.
struct Talk<'a> {
    shared: &'a Shared,
    framing: Framing,
    session: Session,
    received: Vec<u8>,
    received_at: Instant,
    /// By when they go out, and their number.
    pieces: BTreeMap<(Instant, u64), Vec<u8>>,
    next_piece: u64,
    closes: bool,
}

impl<'a> Talk<'a> {
    fn new(shared: &'a Shared, framing: Framing) -> Self {
        Self {
            shared,
            framing,
            session: Session::default(),
            received: Vec::new(),
            received_at: shared.begun,
            pieces: BTreeMap::new(),
            next_piece: 0,
            closes: false,
        }
    }

    async fn run(mut self, wire: &mut Wire, mut stop: watch::Receiver<bool>) -> io::Result<()> {
        let mut chunk = [0; READ_MAX];
        loop {
            self.send_due(wire).await?;
            // A serial line cannot be hung up from this end: there the reply is only lost.
            if self.closes && !wire.is_serial() {
                return Ok(());
            }
            let due = self.pieces.first_key_value().map(|((at, _), _)| *at);
            let rest_until = self.received_at + REST_WITHIN;
            let is_partial = self.framing == Framing::Rtu && !self.received.is_empty();
            tokio::select! {
                _ = stop.changed() => return Ok(()),
                read = wire.read(&mut chunk), if self.pieces.len() < PIECES_MAX => match read? {
                    0 if wire.is_serial() => self.forget(),
                    0 => return Ok(()),
                    len => self.on_bytes(chunk.get(..len).unwrap_or(&[])),
                },
                () = sleep_until(due.unwrap_or(self.received_at)), if due.is_some() => {}
                () = sleep_until(rest_until), if is_partial => self.throw_away(),
            }
        }
    }

    async fn send_due(&mut self, wire: &mut Wire) -> io::Result<()> {
        while let Some(first) = self.pieces.first_entry() {
            if first.key().0 > Instant::now() {
                break;
            }
            wire.write_all(&first.remove()).await?;
        }
        Ok(())
    }

    /// The client closed the serial line: what it did not fetch is gone.
    fn forget(&mut self) {
        self.session = Session::default();
        self.pieces.clear();
        self.received.clear();
    }

    fn throw_away(&mut self) {
        let len = u64::try_from(self.received.len()).unwrap_or(u64::MAX);
        self.shared.line().counts.junk += len;
        self.received.clear();
    }

    fn on_bytes(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        self.received_at = Instant::now();
        loop {
            match frame::find(self.framing, &self.received) {
                Found::Part => return,
                Found::Junk => return self.throw_away(),
                Found::Request(request, used) => {
                    self.received.drain(..used);
                    self.on_request(&request);
                }
            }
        }
    }

    fn on_request(&mut self, request: &frame::Request) {
        let now = self.received_at.duration_since(self.shared.begun);
        let at_ms = (self.shared.clock)();
        let mut line = self.shared.line();
        let outcome = line.on_request(&mut self.session, request, now, at_ms);
        drop(line);
        for (at, bytes) in outcome.pieces {
            self.next_piece += 1;
            let key = (self.shared.begun + at, self.next_piece);
            self.pieces.insert(key, bytes);
        }
        self.closes |= outcome.closes;
    }
}
