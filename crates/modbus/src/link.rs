//! A connection to one endpoint: one read at a time, and a new connection after anything odd.
//!
//! After a request whose answer did not come, or did not fit, that answer may still be on its way.
//! The connection is closed, the line is left alone for a while and listened to until it is
//! silent, and then opened again. Even so a gateway or a slow unit may answer later still. So the
//! unit's next request of the same shape (function and byte count) is preceded by a *barrier*: a
//! read of another shape within what was asked. Units answer in order; when the barrier's answer
//! is there, the old one has passed. Where there is no barrier (all shapes taken, or the barrier
//! was refused, which may be an old refusal) the unit is *held*: not asked for ten timeouts.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use huitian_codec::RegisterFunction;
use thiserror::Error;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_modbus::client::{Context, Reader, rtu, tcp};
use tokio_modbus::prelude::SlaveContext as _;
use tokio_modbus::slave::Slave;

use crate::endpoint::{ByteStream, Dial, Endpoint};
use crate::frame::Framing;
use crate::guard::{Guard, TransactionId};
use crate::line::LineSettings;
use crate::mismatch::Mismatch;
use crate::unit::{Answer, Request};
use crate::wire::Wire;

/// USB adapters hand on what they have every 16 ms, so a shorter silence proves nothing.
const QUIET: Duration = Duration::from_millis(20);

/// Old requests remembered per unit: after 8 failures in a row it is held, and then they are
/// forgotten.
const SUSPECTS_MAX: usize = 8;

/// So many timeouts after its last failed request, no answer of a unit is expected any more.
const HOLD_TIMEOUTS: u32 = 10;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum LinkError {
    /// No connection.
    #[error("cannot open {endpoint}")]
    Open {
        /// Where to.
        endpoint: String,
        /// Why not.
        source: io::Error,
    },
    /// Silence, or an answer that was not whole in time.
    #[error("no whole answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// An answer that is not the answer to this request.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// Not asked: an old answer may still come and be taken for this one.
    #[error("not asked: an answer to an earlier request may still come")]
    Held,
    /// The unit, or the gateway for it, refused.
    #[error("exception {0}")]
    Exception(u8),
}

impl LinkError {
    /// With its source, for one line of text.
    pub(crate) fn full(&self) -> String {
        match self {
            Self::Open { source, .. } | Self::Broken(source) => format!("{self}: {source}"),
            Self::Timeout(_) | Self::Mismatch(_) | Self::Held | Self::Exception(_) => {
                self.to_string()
            }
        }
    }
}

struct Open {
    context: Context,
    /// When the last answer came, or the connection.
    quiet_since: Instant,
}

/// Requests whose answers may still come.
struct Suspects {
    requests: Vec<Request>,
    last: Instant,
}

/// A line's connection.
pub(crate) struct Link {
    settings: Arc<LineSettings>,
    endpoint: Endpoint,
    dial: Box<dyn Dial>,
    wire: Arc<Wire>,
    open: Option<Open>,
    /// Not opened again before.
    not_before: Option<Instant>,
    suspects: BTreeMap<u8, Suspects>,
    /// Connections made.
    pub opened: u64,
    /// Barriers read.
    pub barriers: u64,
}

impl Link {
    pub fn new(settings: Arc<LineSettings>, dial: Box<dyn Dial>) -> Self {
        Self {
            endpoint: settings.endpoint.clone(),
            settings,
            dial,
            wire: Arc::default(),
            open: None,
            not_before: None,
            suspects: BTreeMap::new(),
            opened: 0,
            barriers: 0,
        }
    }

    pub fn with_dial(&mut self, dial: Box<dyn Dial>) {
        self.close();
        self.dial = dial;
    }

    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn settle(&self) -> Duration {
        self.settings.settle_at(&self.endpoint)
    }

    /// What a failed request costs the line beside its own time: the wait, and in RTU listening.
    pub fn recovery(&self) -> Duration {
        let listening = match self.endpoint.framing() {
            Framing::Tcp => Duration::ZERO,
            Framing::Rtu => QUIET,
        };
        self.settle() + listening + self.settings.pause_after_connect
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    /// Goes to another endpoint, closing the connection to this one.
    pub fn turn_to(&mut self, endpoint: &Endpoint) {
        self.close();
        self.not_before = None;
        self.endpoint = endpoint.clone();
    }

    /// A connection to `endpoint` beside the present one, which it replaces if it comes about.
    pub async fn try_other(&mut self, endpoint: &Endpoint) -> Result<(), LinkError> {
        let open = self.connect(endpoint).await?;
        self.endpoint = endpoint.clone();
        self.open = Some(open);
        Ok(())
    }

    /// Opens the connection if it is closed.
    pub async fn open(&mut self) -> Result<(), LinkError> {
        if self.open.is_none() {
            if let Some(instant) = self.not_before.take() {
                sleep_until(instant).await;
            }
            let endpoint = self.endpoint.clone();
            self.open = Some(self.connect(&endpoint).await?);
        }
        Ok(())
    }

    async fn connect(&mut self, endpoint: &Endpoint) -> Result<Open, LinkError> {
        let failed = |source| LinkError::Open {
            endpoint: endpoint.to_string(),
            source,
        };
        let dialing = self.dial.dial(endpoint);
        let mut stream = match timeout(self.settings.connect_timeout, dialing).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failed(error)),
            Err(_elapsed) => return Err(failed(io::ErrorKind::TimedOut.into())),
        };
        self.opened += 1;
        let framing = endpoint.framing();
        if framing == Framing::Rtu {
            let at_most = QUIET * 2 + self.settings.settle_at(endpoint);
            drain(&mut stream, at_most).await.map_err(failed)?;
        }
        sleep(self.settings.pause_after_connect).await;
        let wire = Arc::clone(&self.wire);
        let guard = Guard::new(stream, framing, self.settings.transaction_id, wire);
        let context = match framing {
            Framing::Tcp => tcp::attach_slave(guard, Slave(0)),
            Framing::Rtu => rtu::attach_slave(guard, Slave(0)),
        };
        Ok(Open {
            context,
            quiet_since: Instant::now(),
        })
    }

    /// Reads once. `known` are the unit's other requests, from which a barrier can be taken.
    pub async fn read(
        &mut self,
        unit: u8,
        request: Request,
        known: &[Request],
    ) -> Result<Answer, LinkError> {
        let Some(old) = self.suspects.get(&unit) else {
            return self.exchange(unit, request).await;
        };
        if old.last.elapsed() >= self.settings.timeout * HOLD_TIMEOUTS {
            self.suspects.remove(&unit);
            return self.exchange(unit, request).await;
        }
        let old = old.requests.clone();
        if old.iter().any(|old| shape(*old) == shape(request)) {
            self.pass(unit, &old, known).await?;
            return self.exchange(unit, request).await;
        }
        // The request is its own barrier, unless it is refused: that may be an old refusal.
        match self.exchange(unit, request).await {
            Err(LinkError::Exception(_)) => Err(self.hold()),
            outcome => outcome,
        }
    }

    /// Lets the old answers of this unit pass.
    async fn pass(
        &mut self,
        unit: u8,
        old: &[Request],
        known: &[Request],
    ) -> Result<(), LinkError> {
        let room = old.len() < SUSPECTS_MAX;
        let Some(barrier) = barrier(old, known).filter(|_| room) else {
            return Err(LinkError::Held);
        };
        self.barriers += 1;
        match self.exchange(unit, barrier).await {
            Ok(_) => Ok(()),
            Err(LinkError::Exception(_)) => Err(self.hold()),
            Err(error) => Err(error),
        }
    }

    /// After a refusal that may be an old one, and the present one still to come.
    fn hold(&mut self) -> LinkError {
        self.close();
        self.not_before = Some(Instant::now() + self.settle());
        LinkError::Held
    }

    async fn exchange(&mut self, unit: u8, request: Request) -> Result<Answer, LinkError> {
        self.open().await?;
        let gap = self.endpoint.silence();
        let gap = gap.max(self.settings.pause_between_requests);
        let Some(open) = &mut self.open else {
            return Err(LinkError::Broken(io::ErrorKind::NotConnected.into()));
        };
        if !gap.is_zero() {
            sleep_until(open.quiet_since + gap).await;
        }
        open.context.set_slave(Slave(unit));
        let waited = self.settings.timeout;
        let outcome = match timeout(waited, call(&mut open.context, request)).await {
            Err(_elapsed) => Err(LinkError::Timeout(waited)),
            Ok(outcome) => outcome,
        };
        open.quiet_since = Instant::now();
        self.conclude(unit, request, &outcome);
        outcome
    }

    fn conclude(&mut self, unit: u8, request: Request, outcome: &Result<Answer, LinkError>) {
        match outcome {
            Ok(_) => {
                // What this unit was asked before, it has answered or never will.
                self.suspects.remove(&unit);
            }
            Err(LinkError::Exception(_)) => {}
            Err(_) => {
                self.close();
                self.not_before = Some(Instant::now() + self.settle());
                let old = self.suspects.entry(unit).or_insert_with(|| Suspects {
                    requests: Vec::new(),
                    last: Instant::now(),
                });
                old.requests.push(request);
                old.last = Instant::now();
            }
        }
        if self.settings.transaction_id == TransactionId::Ignore {
            self.close();
        }
    }
}

/// What a late answer can be taken for: an answer to the same function with as many bytes.
type Shape = (RegisterFunction, u16);

const fn shape(request: Request) -> Shape {
    let bytes = if request.function.reads_bits() {
        request.count.div_ceil(8)
    } else {
        request.count.saturating_mul(2)
    };
    (request.function, bytes)
}

/// A request that no old answer can be taken for the answer to: another of the unit's own, or a
/// part of an old one.
fn barrier(suspects: &[Request], known: &[Request]) -> Option<Request> {
    let shapes: Vec<Shape> = suspects.iter().map(|old| shape(*old)).collect();
    let parts = suspects.iter().flat_map(|old| {
        let whole = *old;
        let step = if old.function.reads_bits() { 8 } else { 1 };
        (1..=8_u16)
            .map(move |part| part * step)
            .filter(move |count| *count < whole.count)
            .map(move |count| Request { count, ..whole })
    });
    let mut candidates = parts.chain(known.iter().copied());
    candidates.find(|candidate| !shapes.contains(&shape(*candidate)))
}

/// Reads until nothing comes for a while.
async fn drain(stream: &mut Box<dyn ByteStream>, at_most: Duration) -> io::Result<()> {
    let mut old = [0; 256];
    let until = Instant::now() + at_most;
    loop {
        match timeout(QUIET, stream.read(&mut old)).await {
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) if Instant::now() < until => {}
            Ok(Ok(_)) => {
                let ms = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
                return Err(Mismatch::Babble { ms }.into());
            }
            Ok(Err(error)) => return Err(error),
            Err(_quiet) => return Ok(()),
        }
    }
}

async fn call(context: &mut Context, request: Request) -> Result<Answer, LinkError> {
    let Request {
        function,
        address,
        count,
    } = request;
    let answer = match function {
        RegisterFunction::Coils => bits(context.read_coils(address, count).await),
        RegisterFunction::DiscreteInputs => {
            bits(context.read_discrete_inputs(address, count).await)
        }
        RegisterFunction::HoldingRegisters => {
            words(context.read_holding_registers(address, count).await)
        }
        RegisterFunction::InputRegisters => {
            words(context.read_input_registers(address, count).await)
        }
    }?;
    let came = match &answer {
        Answer::Bits(bits) => bits.len(),
        Answer::Words(words) => words.len(),
    };
    if came != usize::from(count) {
        // The guard has counted the bytes, so this is a second look.
        return Err(LinkError::Mismatch(Mismatch::ByteCount {
            expected: u8::try_from(shape(request).1).unwrap_or(u8::MAX),
            came: u8::try_from(came).unwrap_or(u8::MAX),
        }));
    }
    Ok(answer)
}

fn bits(outcome: tokio_modbus::Result<Vec<bool>>) -> Result<Answer, LinkError> {
    translate(outcome).map(Answer::Bits)
}

fn words(outcome: tokio_modbus::Result<Vec<u16>>) -> Result<Answer, LinkError> {
    translate(outcome).map(Answer::Words)
}

fn translate<T>(outcome: tokio_modbus::Result<T>) -> Result<T, LinkError> {
    match outcome {
        Ok(Ok(items)) => Ok(items),
        Ok(Err(exception)) => Err(LinkError::Exception(exception.into())),
        Err(tokio_modbus::Error::Transport(error)) => {
            let inner = error.get_ref();
            match inner.and_then(|inner| inner.downcast_ref::<Mismatch>()) {
                Some(mismatch) => Err(LinkError::Mismatch(*mismatch)),
                None => Err(LinkError::Broken(error)),
            }
        }
        // The guard lets nothing in that could be this.
        Err(tokio_modbus::Error::Protocol(error)) => {
            Err(LinkError::Broken(io::Error::other(error)))
        }
    }
}
