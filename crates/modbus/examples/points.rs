//! What it costs to read 100,000 float points a second over Modbus TCP.
//!
//! ```text
//! points [seconds] [connections] [points a second]     measures, with a server of its own
//! points serve                                         the server, in a process of its own
//! ```
//!
//! The client's processor time and memory are those of its own process; the server is not in them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use huitian_modbus::{
    Answer, Endpoint, Line, LineSettings, RegisterFunction, Request, Sampled, Unit,
};
use huitian_model::UtcMs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// Floats in one request of 124 registers.
const FLOATS: u16 = 62;
/// A line reads this often; a cycle's requests follow each other.
const CYCLES_A_SECOND: u32 = 10;
/// Of /proc/self/stat on Linux.
const TICKS_A_SECOND: f64 = 100.0;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A register of a float whose value is its address: what is decoded can be checked.
fn word(address: u16) -> u16 {
    let [a, b, c, d] = f32::from(address / 2).to_bits().to_be_bytes();
    match address % 2 {
        0 => u16::from_be_bytes([a, b]),
        _ => u16::from_be_bytes([c, d]),
    }
}

async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut request = [0; 12];
    loop {
        stream.read_exact(&mut request).await?;
        let [t0, t1, p0, p1, _, _, unit, function, a0, a1, c0, c1] = request;
        let address = u16::from_be_bytes([a0, a1]);
        let count = u16::from_be_bytes([c0, c1]);
        let bytes = u8::try_from(count * 2)?;
        let mut answer = vec![t0, t1, p0, p1];
        answer.extend((u16::from(bytes) + 3).to_be_bytes());
        answer.extend([unit, function, bytes]);
        answer.extend((address..address + count).flat_map(|at| word(at).to_be_bytes()));
        stream.write_all(&answer).await?;
    }
}

/// Decodes floats, as a register map would.
struct Floats {
    requests: Vec<Request>,
    points: Arc<AtomicU64>,
}

impl Unit for Floats {
    fn id(&self) -> u8 {
        1
    }

    fn requests(&self) -> &[Request] {
        &self.requests
    }

    fn on_answer(&mut self, request: Request, answer: &Answer, _at: UtcMs) {
        let Answer::Words(words) = answer else { return };
        for (at, pair) in (request.address / 2..).zip(words.chunks_exact(2)) {
            let &[high, low] = pair else { continue };
            let value = f32::from_bits((u32::from(high) << 16) | u32::from(low));
            assert!(
                (value - f32::from(at)).abs() < f32::EPSILON,
                "float {at} says {value}"
            );
        }
        let count = u64::try_from(words.len() / 2).unwrap_or_default();
        self.points.fetch_add(count, Ordering::Relaxed);
    }

    fn on_exception(&mut self, request: Request, code: u8) {
        assert_eq!(code, 0, "an exception for {request:?}");
    }

    fn finish(&mut self, _at: UtcMs) -> Vec<Sampled> {
        Vec::new()
    }
}

/// Processor seconds of this process so far.
fn processor() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = after.split_whitespace().skip(11);
    let mut ticks = || fields.next().unwrap_or_default().parse::<f64>();
    Ok((ticks()? + ticks()?) / TICKS_A_SECOND)
}

/// Resident memory in KiB.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value.ok_or("no VmRSS")?.parse()?)
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn start_server() -> Result<(Server, u16), Failure> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or("no output")?;
    let server = Server(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok((server, line.trim().parse()?))
}

fn lines(port: u16, connections: u32, rate: u32, points: &Arc<AtomicU64>) -> Vec<Line> {
    let requests = rate.div_ceil(u32::from(FLOATS) * CYCLES_A_SECOND);
    (0..connections)
        .map(|index| {
            let share = requests / connections + u32::from(index < requests % connections);
            let unit = Floats {
                requests: (0..share)
                    .map(|at| Request {
                        function: RegisterFunction::InputRegisters,
                        address: u16::try_from(at % 500).unwrap_or_default() * FLOATS * 2,
                        count: FLOATS * 2,
                    })
                    .collect(),
                points: Arc::clone(points),
            };
            let host = "127.0.0.1".to_owned();
            let settings = LineSettings {
                interval: Duration::from_secs(1) / CYCLES_A_SECOND,
                ..LineSettings::new(&format!("line {index}"), Endpoint::Tcp { host, port })
            };
            Line::new(settings, vec![Box::new(unit)])
        })
        .collect()
}

async fn measure(seconds: u64, connections: u32, rate: u32) -> Result<(), Failure> {
    let (_server, port) = start_server()?;
    let points = Arc::new(AtomicU64::new(0));
    let (stop, stopped) = watch::channel(false);
    let (out, _samples) = mpsc::channel(1);
    let mut health = Vec::new();
    let mut running = Vec::new();
    for line in lines(port, connections, rate, &points) {
        health.push(line.health());
        running.push(tokio::spawn(line.run(
            || UtcMs(0),
            out.clone(),
            stopped.clone(),
        )));
    }
    // The first second connects and warms up.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (begun, used, read) = (Instant::now(), processor()?, points.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let took = begun.elapsed().as_secs_f64();
    let used = processor()? - used;
    let read = points.load(Ordering::Relaxed) - read;
    let read = f64::from(u32::try_from(read)?);
    let missed: u64 = health.iter().map(|line| line.borrow().missed_cycles).sum();
    writeln!(
        std::io::stdout(),
        "{connections} connections, {:.0} points/s, {:.3} of a core, {} KiB resident, {missed} \
         cycles missed in {took:.1} s",
        read / took,
        used / took,
        resident()?
    )?;
    stop.send_replace(true);
    for line in running {
        line.await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        return serve().await;
    }
    let number = |at: usize, default: u32| match arguments.get(at) {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    measure(
        number(0, 20)?.into(),
        number(1, 4)?.max(1),
        number(2, 100_000)?,
    )
    .await
}
