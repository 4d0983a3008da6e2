//! How a command asks the running hub: its HTTP API on loopback, with the header that a call
//! which changes something must bring.
//!
//! HTTP/1.0, one connection for each call: an answer then comes whole and ends with it, so that
//! there is nothing to take apart but a head.

use std::net::SocketAddr;
use std::time::Duration;

use huitian_console::OPERATOR_HEADER;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// How long the hub may take: its own limit is 15 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// Largest answer, bytes: 200 edges of 4 KiB are 0.8 MB; 16 MiB are far above.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A running hub.
pub struct HubClient {
    at: SocketAddr,
}

impl HubClient {
    /// The hub that listens there.
    pub const fn at(at: SocketAddr) -> Self {
        Self { at }
    }

    /// What it answers to GET.
    ///
    /// # Errors
    /// [`Failure`]: no hub there, or what it says of its refusal.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send("GET", path, "").await
    }

    /// What it answers to POST of an operator.
    ///
    /// # Errors
    /// [`Failure`]: no hub there, or what it says of its refusal.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send("POST", path, &body.to_string()).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Result<Value, Failure> {
        let at = self.at.to_string();
        let asked = exchange(&at, &format!("{method} {path}"), body).await;
        let (status, bytes) = asked.map_err(|error| {
            Failure::Temporary(format!(
                "no hub answers at http://{at}: {error}; start it, or say where with --http"
            ))
        })?;
        let answer: Result<Value, _> = serde_json::from_slice(&bytes);
        let said = match answer {
            Ok(answer) if (200..300).contains(&status) => return Ok(answer),
            Ok(problem) => text(&problem, "detail"),
            Err(_not_json) => format!("it answered {status}, and not as a hub does"),
        };
        if status == 503 {
            return Err(Failure::Temporary(said));
        }
        Err(Failure::Other(said))
    }
}

/// One call of HTTP/1.0 without encryption: the status and the body of the answer.
///
/// # Errors
/// What the system says; also where it takes longer than 20 s, or no HTTP comes.
pub async fn exchange(at: &str, call: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    tokio::time::timeout(PATIENCE, ask(at, call, body)).await?
}

async fn ask(at: &str, call: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(at).await?;
    let length = body.len();
    let request = format!(
        "{call} HTTP/1.0\r\nHost: {at}\r\n{OPERATOR_HEADER}: huitian\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut stream = stream.take(ANSWER_BYTES_MAX);
    stream.read_to_end(&mut answer).await?;
    parts(&answer).ok_or_else(|| std::io::Error::other("expected an answer of HTTP"))
}

/// Status and body of an answer that came whole.
fn parts(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    let head = std::str::from_utf8(head).ok()?;
    let mut words = head.split(' ');
    let status = words.next().filter(|it| it.starts_with("HTTP/1."));
    let status = status.and(words.next())?.parse().ok()?;
    Some((status, body.to_vec()))
}

/// A text of an answer; a dash where there is none.
pub fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_told_apart_and_nothing_else_is_http() {
        let whole = b"HTTP/1.0 422 Unprocessable Entity\r\ncontent-length: 4\r\n\r\na\r\n\r";
        assert_eq!(parts(whole), Some((422, b"a\r\n\r".to_vec())));
        assert_eq!(
            parts(b"HTTP/1.1 204 No Content\r\n\r\n"),
            Some((204, Vec::new()))
        );
        assert_eq!(parts(b"SSH-2.0-OpenSSH_9\r\n\r\n"), None);
        assert_eq!(parts(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(parts(b""), None);
    }
}
