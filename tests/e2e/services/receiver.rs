//! Whoever is told by webhook: keeps what came, and takes it or not as the test wishes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub taken: bool,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _value)| key == name);
        found.map_or("", |(_key, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Listens until the test process ends.
#[derive(Clone)]
pub struct Receiver {
    pub addr: SocketAddr,
    takes: Arc<AtomicBool>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Receiver {
    pub fn refusing() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            addr: listener.local_addr().unwrap(),
            takes: Arc::default(),
            calls: Arc::default(),
        };
        let this = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A call that a kill has cut off is no call.
                let _cut = this.answer(&stream);
            }
        });
        receiver
    }

    pub fn take_from_now_on(&self) {
        self.takes.store(true, Ordering::SeqCst);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The calls of a kind that were taken.
    pub fn taken(&self, kind: &str) -> Vec<Call> {
        let calls = self.calls().into_iter();
        calls
            .filter(|call| call.taken && call.json()["type"] == kind)
            .collect()
    }

    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut reader = BufReader::new(stream);
        let mut headers = Vec::new();
        let mut line = String::new();
        reader.read_line(&mut line)?;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut call = Call {
            headers,
            body: String::new(),
            taken: false,
        };
        let length: usize = call.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        call.body = String::from_utf8_lossy(&body).into_owned();
        call.taken = self.takes.load(Ordering::SeqCst);
        let status = if call.taken {
            "204 No Content"
        } else {
            "503 Service Unavailable"
        };
        self.calls.lock().unwrap().push(call);
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes())
    }
}
