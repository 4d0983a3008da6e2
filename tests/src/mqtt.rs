//! A device's MQTT client: 3.1.1, `QoS` 1, by hand, so that it is known to the message what was
//! acknowledged.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A connected publisher.
#[derive(Debug)]
pub struct Publisher {
    stream: TcpStream,
    received: Vec<u8>,
    last_id: u16,
    /// Messages on their way, by packet id.
    waiting: BTreeMap<u16, usize>,
}

impl Publisher {
    /// Connects with a clean session.
    ///
    /// # Errors
    /// Where nobody listens, or the broker refuses.
    pub fn connect(addr: SocketAddr, client_id: &str) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, CONNECT_MAX)?;
        stream.set_nodelay(true)?;
        let mut publisher = Self {
            stream,
            received: Vec::new(),
            last_id: 0,
            waiting: BTreeMap::new(),
        };
        let mut body = text("MQTT");
        body.extend([4, 0b10, 0, 0]);
        body.extend(text(client_id));
        publisher.stream.write_all(&packet(0x10, &body))?;
        publisher.stream.set_read_timeout(Some(CONNECT_MAX))?;
        loop {
            if let Some((kind, body)) = publisher.next_packet() {
                let accepted = kind == 0x20 && body.get(1) == Some(&0);
                let refused = || Error::new(ErrorKind::ConnectionRefused, format!("{body:?}"));
                return if accepted {
                    Ok(publisher)
                } else {
                    Err(refused())
                };
            }
            publisher.read_more()?;
        }
    }

    /// Sends one message with `QoS` 1 under a name of the caller's.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub fn send(&mut self, name: usize, topic: &str, payload: &[u8]) -> Result<()> {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let mut body = text(topic);
        body.extend(self.last_id.to_be_bytes());
        body.extend(payload);
        self.waiting.insert(self.last_id, name);
        self.stream.write_all(&packet(0x32, &body))
    }

    /// How many messages are on their way.
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// The names of the messages acknowledged since the last call, waiting up to `longest` for
    /// the first.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub fn acknowledged(&mut self, longest: Duration) -> Result<Vec<usize>> {
        self.stream.set_read_timeout(Some(longest))?;
        let mut names = Vec::new();
        loop {
            while let Some((kind, body)) = self.next_packet() {
                if let (0x40, [high, low, ..]) = (kind, body.as_slice()) {
                    let id = u16::from_be_bytes([*high, *low]);
                    names.extend(self.waiting.remove(&id));
                }
            }
            if !names.is_empty() {
                return Ok(names);
            }
            match self.read_more() {
                Ok(()) => {}
                Err(error) if is_timeout(&error) => return Ok(names),
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends all and waits until each is acknowledged; fails after `longest` without any news.
    pub fn deliver(&mut self, messages: &[(String, Vec<u8>)], longest: Duration) {
        for (name, (topic, payload)) in messages.iter().enumerate() {
            self.send(name, topic, payload).expect("a connection");
        }
        while self.in_flight() > 0 {
            let news = self.acknowledged(longest).expect("a connection");
            let open: Vec<&usize> = self.waiting.values().collect();
            assert!(!news.is_empty(), "not acknowledged: {open:?}");
        }
    }

    fn read_more(&mut self) -> Result<()> {
        let mut bytes = [0; 4_096];
        let count = self.stream.read(&mut bytes)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.received.extend(bytes.iter().take(count));
        Ok(())
    }

    /// Takes one whole packet off what was received; the tests' brokers send short ones only.
    fn next_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let (kind, length) = (*self.received.first()?, *self.received.get(1)?);
        assert!(length < 128, "a longer packet than any answer has");
        let end = 2 + usize::from(length);
        let body = self.received.get(2..end)?.to_vec();
        self.received.drain(..end);
        Some((kind & 0xf0, body))
    }
}

fn is_timeout(error: &Error) -> bool {
    [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind())
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).expect("below 128");
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}
