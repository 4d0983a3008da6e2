//! Ports and HTTP, by hand: the tests' client shares no code with the program.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Ports given out by this process: none is given twice.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Ports from 18,000 to 31,999: the system's own begin at 32,768.
const PORT_FIRST: u16 = 18_000;
/// How many there are.
const PORT_SPREAD: u32 = 14_000;

/// A loopback address whose port was free a moment ago.
pub fn free_addr() -> SocketAddr {
    // Below the ports that the system gives to clients and for port 0: nobody takes it between
    // this look and the program's own bind but who also names it.
    let first = u32::from(PORT_FIRST) + std::process::id() % PORT_SPREAD;
    for step in 0..PORT_SPREAD {
        let offset = (first - u32::from(PORT_FIRST) + step) % PORT_SPREAD;
        let port = PORT_FIRST + u16::try_from(offset).expect("less than the spread");
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
    panic!("no free port of {PORT_SPREAD} from {PORT_FIRST} on");
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers as they came, names in lower case.
    pub head: String,
    /// Body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.body))
    }
}

/// `GET` a path; an error where nobody answers.
///
/// # Errors
/// Whatever the socket says.
pub fn try_get(addr: SocketAddr, path: &str) -> std::io::Result<Answer> {
    ask(addr, &format!("GET {path} HTTP/1.1"), &[], "")
}

/// `GET` a path that must be answered.
pub fn get(addr: SocketAddr, path: &str) -> Answer {
    try_get(addr, path).unwrap_or_else(|error| panic!("GET {path} at {addr}: {error}"))
}

/// `POST` a body with further headers.
pub fn post(addr: SocketAddr, path: &str, headers: &[String], body: &str) -> Answer {
    ask(addr, &format!("POST {path} HTTP/1.1"), headers, body)
        .unwrap_or_else(|error| panic!("POST {path} at {addr}: {error}"))
}

fn ask(addr: SocketAddr, line: &str, more: &[String], body: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&addr, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let length = body.len();
    let ours = format!("{line}\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}");
    let head = [&[ours], more].concat().join("\r\n");
    stream.write_all(format!("{head}\r\n\r\n").as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let broken = || std::io::Error::new(ErrorKind::InvalidData, format!("no answer: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let head = head.to_lowercase();
    let body = if head.contains("transfer-encoding: chunked") {
        joined(body).ok_or_else(broken)?
    } else {
        body.to_owned()
    };
    Ok(Answer {
        status: status.ok_or_else(broken)?,
        head,
        body,
    })
}

/// The chunks of a body, joined.
fn joined(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..size)?);
        body = rest.get(size + 2..)?;
    }
}

/// Whether somebody listens.
pub fn listens(addr: SocketAddr) -> bool {
    TcpStream::connect_timeout(&addr, Duration::from_millis(200)).is_ok()
}
