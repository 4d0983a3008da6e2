//! A device, or a gateway with units behind it, that answers byte by byte as a script says.
//!
//! Every register tells its own unit, function and address, so an answer in the wrong place shows.
//! Function codes other than 1 to 4 are remembered, and fail the test that sees them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use huitian_modbus::{ByteStream, Dial, Dialing, Endpoint, Framing};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What the device does with one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    Good,
    Silent,
    /// The answer comes this much later, and all later ones of the unit after it.
    Late(Duration),
    /// As `Late`, under the transaction id of the newest request, as some gateways do.
    LateRestamped(Duration),
    /// The answer waits for the next one and comes glued before it.
    GluedToNext,
    Twice,
    TidBehind,
    Tid(u16),
    TidSwapped,
    /// The transaction id of the answer before.
    TidReused,
    ProtocolId,
    Exception(u8),
    ExceptionTid0(u8),
    OtherUnit,
    OtherFunction,
    /// The answer, and one for another function, in one buffer.
    TwoFunctions,
    ByteCount0,
    Short,
    Long,
    Stray4,
    BadChecksum,
    /// Two requests are not answered, the next two are: never three failures in a row.
    Flaky,
    /// Half a frame, then silence.
    Half,
    /// One byte a second.
    Drip,
    CloseMidFrame,
    Close,
}

/// What was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    pub unit: u8,
    pub function: u8,
    pub address: u16,
    pub count: u16,
    pub tid: u16,
}

enum Out {
    Bytes(Vec<u8>),
    Close,
}

#[derive(Default)]
struct State {
    script: VecDeque<Act>,
    always: BTreeMap<u8, Act>,
    dead: BTreeSet<u8>,
    holes: BTreeSet<u16>,
    holes_after: Duration,
    answer_after: Duration,
    busy_until: BTreeMap<u8, Instant>,
    unreachable: bool,
    noisy: bool,
    connection: Option<mpsc::Sender<Out>>,
    newest_tid: u16,
    answered_tid: u16,
    glue: Vec<u8>,
    asked: Vec<Asked>,
    not_reads: Vec<u8>,
    opened: usize,
}

/// The device; clones are the same one.
#[derive(Clone)]
pub struct Device {
    framing: Framing,
    state: Arc<Mutex<State>>,
}

/// Lets time pass. The tests' time is paused, so nobody waits; over real sockets a device's
/// delays are its own.
pub async fn pass(time: Duration) {
    pass_until(Instant::now() + time).await;
}

async fn pass_until(instant: Instant) {
    let mut once = tokio::time::interval_at(instant, Duration::from_secs(3_600));
    once.tick().await;
}

/// The value of a register.
pub fn register(unit: u8, function: u8, address: u16) -> u16 {
    address ^ (u16::from(unit) << 8) ^ (u16::from(function) << 13)
}

/// The value of a bit.
pub fn bit(unit: u8, function: u8, address: u16) -> bool {
    let word = u32::from(register(unit, function, address));
    word.wrapping_mul(0x9E37_79B1) >> 31 == 1
}

pub fn crc(bytes: &[u8]) -> [u8; 2] {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xA001
            } else {
                crc >> 1
            };
        }
    }
    crc.to_le_bytes()
}

/// Unit, function, byte count and data.
fn body(asked: Asked) -> Vec<u8> {
    let Asked {
        unit,
        function,
        address,
        count,
        ..
    } = asked;
    let data: Vec<u8> = if function <= 2 {
        (0..count.div_ceil(8))
            .map(|byte| {
                (0..8_u16)
                    .filter(|at| byte * 8 + at < count)
                    .filter(|at| bit(unit, function, address + byte * 8 + at))
                    .fold(0, |bits, at| bits | (1 << at))
            })
            .collect()
    } else {
        (0..count)
            .flat_map(|at| register(unit, function, address + at).to_be_bytes())
            .collect()
    };
    let mut body = vec![unit, function, u8::try_from(data.len()).unwrap()];
    body.extend(data);
    body
}

pub fn frame(framing: Framing, tid: u16, body: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Tcp => {
            let mut frame = tid.to_be_bytes().to_vec();
            frame.extend([0, 0]);
            frame.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            frame.extend(body);
            frame
        }
        Framing::Rtu => [body, &crc(body)].concat(),
    }
}

impl Device {
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next requests are met so, one act each; later ones well.
    pub fn script(&self, acts: impl IntoIterator<Item = Act>) {
        self.state().script.extend(acts);
    }

    /// What is left of the script is forgotten.
    pub fn heal(&self) {
        self.state().script.clear();
    }

    /// This unit always does this, where no script says otherwise.
    pub fn always(&self, unit: u8, act: Act) {
        self.state().always.insert(unit, act);
    }

    pub fn kill(&self, unit: u8) {
        self.state().dead.insert(unit);
    }

    pub fn revive(&self, unit: u8) {
        self.state().dead.remove(&unit);
    }

    /// Requests that touch this address are refused with exception 2.
    pub fn hole(&self, address: u16) {
        self.state().holes.insert(address);
    }

    /// And the refusal comes this late.
    pub fn slow_holes(&self, wait: Duration) {
        self.state().holes_after = wait;
    }

    pub fn answer_after(&self, wait: Duration) {
        self.state().answer_after = wait;
    }

    pub fn set_reachable(&self, reachable: bool) {
        let mut state = self.state();
        state.unreachable = !reachable;
        if let Some(connection) = state.connection.take().filter(|_| !reachable) {
            // A connection that is closed already needs no closing.
            let _closed = connection.try_send(Out::Close);
        }
    }

    /// Something else sends on this line all the time.
    pub fn always_noisy(&self) {
        self.state().noisy = true;
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    pub fn asked_of(&self, unit: u8) -> usize {
        self.state()
            .asked
            .iter()
            .filter(|asked| asked.unit == unit)
            .count()
    }

    pub fn opened(&self) -> usize {
        self.state().opened
    }

    pub fn not_reads(&self) -> Vec<u8> {
        self.state().not_reads.clone()
    }

    /// Sends bytes that nobody asked for.
    pub async fn babble(&self, bytes: &[u8]) {
        let connection = self.state().connection.clone();
        if let Some(connection) = connection {
            let _closed = connection.send(Out::Bytes(bytes.to_vec())).await;
        }
    }

    /// Serves one connection to its end.
    pub async fn serve<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (sender, mut outs) = mpsc::channel(64);
        {
            let mut state = self.state();
            state.opened += 1;
            state.connection = Some(sender.clone());
        }
        let reading = async {
            let length = if self.framing == Framing::Tcp { 12 } else { 8 };
            let mut request = vec![0; length];
            while reader.read_exact(&mut request).await.is_ok() {
                if let Some(asked) = self.note(&request) {
                    let act = self.next_act(asked);
                    let turn = self.turn(asked, &act);
                    tokio::spawn(self.clone().answer(asked, act, turn, sender.clone()));
                }
            }
        };
        let writing = async {
            while let Some(Out::Bytes(bytes)) = outs.recv().await {
                if writer.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        };
        let noise = async {
            while self.state().noisy {
                self.babble(&[0x55]).await;
                pass(Duration::from_millis(7)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = noise => {}
            () = reading => {}
            () = writing => {}
        }
    }

    fn note(&self, request: &[u8]) -> Option<Asked> {
        let mut state = self.state();
        let (tid, body) = match self.framing {
            Framing::Tcp => (u16::from_be_bytes([request[0], request[1]]), &request[6..]),
            Framing::Rtu => {
                assert_eq!(
                    crc(&request[..6]),
                    request[6..],
                    "a request with a bad checksum"
                );
                (0, request)
            }
        };
        let asked = Asked {
            unit: body[0],
            function: body[1],
            address: u16::from_be_bytes([body[2], body[3]]),
            count: u16::from_be_bytes([body[4], body[5]]),
            tid,
        };
        if !(1..=4).contains(&asked.function) {
            state.not_reads.push(asked.function);
            return None;
        }
        state.newest_tid = tid;
        state.asked.push(asked);
        Some(asked)
    }

    fn next_act(&self, asked: Asked) -> Act {
        let mut state = self.state();
        if state.dead.contains(&asked.unit) {
            return Act::Silent;
        }
        let mut touched = asked.address..asked.address.saturating_add(asked.count);
        if touched.any(|address| state.holes.contains(&address)) {
            return Act::Exception(2);
        }
        let always = state.always.get(&asked.unit).cloned();
        let act = state.script.pop_front().or(always).unwrap_or(Act::Good);
        if act != Act::Flaky {
            return act;
        }
        let of_unit = state.asked.iter().filter(|other| other.unit == asked.unit);
        match of_unit.count() % 4 {
            1 | 2 => Act::Silent,
            _ => Act::Good,
        }
    }

    /// When this request's answer leaves: a unit answers one request after the other.
    fn turn(&self, asked: Asked, act: &Act) -> Instant {
        let mut state = self.state();
        let late = match act {
            Act::Late(wait) | Act::LateRestamped(wait) => *wait,
            Act::Exception(2) => state.holes_after.max(state.answer_after),
            _ => state.answer_after,
        };
        let busy = state
            .busy_until
            .entry(asked.unit)
            .or_insert_with(Instant::now);
        let turn = (*busy).max(Instant::now() + late);
        *busy = turn + Duration::from_millis(1);
        turn
    }

    async fn answer(self, asked: Asked, act: Act, turn: Instant, own: mpsc::Sender<Out>) {
        pass_until(turn).await;
        // On a serial line, and through a gateway that stamps anew, bytes reach whoever listens.
        let anyone = self.framing == Framing::Rtu || matches!(act, Act::LateRestamped(_));
        let newest = Some(self.state().connection.clone()).filter(|_| anyone);
        let to = newest.flatten().unwrap_or(own);
        let good = frame(self.framing, asked.tid, &body(asked));
        let bytes = match act {
            Act::Silent => return,
            Act::LateRestamped(_) => {
                let tid = self.state().newest_tid;
                frame(self.framing, tid, &body(asked))
            }
            Act::GluedToNext => {
                self.state().glue = good;
                return;
            }
            Act::Drip => {
                for byte in good {
                    let _closed = to.send(Out::Bytes(vec![byte])).await;
                    pass(Duration::from_secs(1)).await;
                }
                return;
            }
            Act::Close | Act::CloseMidFrame => {
                if act == Act::CloseMidFrame {
                    let half = good[..good.len() / 2].to_vec();
                    let _closed = to.send(Out::Bytes(half)).await;
                }
                let _closed = to.send(Out::Close).await;
                return;
            }
            _ => self.spoiled(&act, asked, good),
        };
        let glued = std::mem::take(&mut self.state().glue);
        self.state().answered_tid = asked.tid;
        // Nobody listens on a closed connection, as on a real one.
        let _closed = to.send(Out::Bytes([glued, bytes].concat())).await;
    }

    fn spoiled(&self, act: &Act, asked: Asked, good: Vec<u8>) -> Vec<u8> {
        let with_tid = |tid| frame(self.framing, tid, &body(asked));
        let with_body = |body: &[u8]| frame(self.framing, asked.tid, body);
        let exception = |code: u8| vec![asked.unit, asked.function | 0x80, code];
        let other_function = Asked {
            function: asked.function % 4 + 1,
            ..asked
        };
        match act {
            Act::Twice => [good.clone(), good].concat(),
            Act::TidBehind => with_tid(asked.tid.wrapping_sub(1)),
            Act::Tid(tid) => with_tid(*tid),
            Act::TidSwapped => with_tid(asked.tid.swap_bytes()),
            Act::TidReused => with_tid(self.state().answered_tid),
            Act::ProtocolId => spoil(good, 2),
            Act::Exception(code) => with_body(&exception(*code)),
            Act::ExceptionTid0(code) => frame(self.framing, 0, &exception(*code)),
            Act::OtherUnit => with_body(&body(Asked {
                unit: asked.unit ^ 1,
                ..asked
            })),
            Act::OtherFunction => with_body(&body(other_function)),
            Act::TwoFunctions => [good, with_body(&body(other_function))].concat(),
            Act::ByteCount0 => with_body(&[asked.unit, asked.function, 0]),
            Act::Short if asked.count <= 16 => with_body(&[asked.unit, asked.function, 0]),
            Act::Short => with_body(&body(Asked {
                count: asked.count - 16,
                ..asked
            })),
            Act::Long => with_body(&body(Asked {
                count: asked.count + 16,
                ..asked
            })),
            Act::Stray4 => [vec![0, 0x13, 0xFF, 1], good].concat(),
            Act::BadChecksum => {
                let last = good.len() - 1;
                spoil(good, last)
            }
            Act::Half => good[..good.len() / 2].to_vec(),
            _ => good,
        }
    }
}

fn spoil(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 0x40;
    bytes
}

impl Dial for Device {
    fn dial<'a>(&'a mut self, endpoint: &'a Endpoint) -> Dialing<'a> {
        assert_eq!(endpoint.framing(), self.framing);
        let device = self.clone();
        Box::pin(async move {
            if device.state().unreachable {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (client, server) = tokio::io::duplex(4_096);
            tokio::spawn(device.serve(server));
            let client: Box<dyn ByteStream> = Box::new(client);
            Ok(client)
        })
    }
}
