//! A broker made of bytes, and an intake that the test plays itself.

use std::time::Duration;

use huitian_mqtt::{Delivery, Protocol, Session, SessionConfig, SessionStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_late| panic!("waited in vain for {what}"))
}

pub async fn next(deliveries: &mut mpsc::Receiver<Delivery>) -> Delivery {
    soon("a delivery", deliveries.recv())
        .await
        .expect("the session is gone")
}

pub async fn until(
    status: &mut watch::Receiver<SessionStatus>,
    is_wanted: impl FnMut(&SessionStatus) -> bool,
) -> SessionStatus {
    soon("a status", status.wait_for(is_wanted))
        .await
        .unwrap()
        .clone()
}

pub const BOTH: [Protocol; 2] = [Protocol::V4, Protocol::V5];

pub struct ScriptedBroker {
    listener: TcpListener,
    pub protocol: Protocol,
}

pub struct Link {
    socket: TcpStream,
    protocol: Protocol,
    /// The body of the CONNECT and of the SUBSCRIBE that it began with.
    pub connect: Vec<u8>,
    pub subscribe: Vec<u8>,
}

pub const CONNACK: u8 = 0x20;
pub const PUBLISH: u8 = 0x30;
pub const PUBACK: u8 = 0x40;
pub const PINGREQ: u8 = 0xC0;
pub const DISCONNECT: u8 = 0xE0;

/// How a connection is answered.
pub struct Opening {
    pub session_present: bool,
    pub suback: u8,
    /// Properties of the CONNACK over MQTT 5.
    pub properties: Vec<u8>,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            session_present: false,
            suback: 1,
            properties: Vec::new(),
        }
    }
}

/// A PUBLISH as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub dup: bool,
    pub id: [u8; 2],
    pub payload: Vec<u8>,
}

impl ScriptedBroker {
    pub async fn start(protocol: Protocol) -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            protocol,
        }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Settings with the shortest keep-alive, so that pings come soon.
    pub fn config(&self) -> SessionConfig {
        let seconds = match self.protocol {
            Protocol::V4 => 2,
            Protocol::V5 => 7,
        };
        SessionConfig {
            protocol: self.protocol,
            keep_alive: Duration::from_secs(seconds),
            ..SessionConfig::new("127.0.0.1", self.port(), "hub", &["huitian/#"])
        }
    }

    pub fn session(&self) -> (Session, mpsc::Receiver<Delivery>) {
        begin(self.config())
    }

    /// Takes the next connection and its CONNECT, and answers neither.
    pub async fn accept_silently(&self) -> Link {
        let (socket, _) = soon("a connection", self.listener.accept()).await.unwrap();
        let mut link = Link {
            socket,
            protocol: self.protocol,
            connect: Vec::new(),
            subscribe: Vec::new(),
        };
        let (first, body) = link.receive().await.expect("no CONNECT");
        let level = if self.protocol == Protocol::V4 { 4 } else { 5 };
        assert_eq!((first, body[6]), (0x10, level), "CONNECT of this version");
        link.connect = body;
        link
    }

    /// Takes the next connection and its CONNECT and SUBSCRIBE, and answers them.
    pub async fn accept(&self, session_present: bool, suback: u8) -> Link {
        let opening = Opening {
            session_present,
            suback,
            ..Opening::default()
        };
        self.accept_with(opening).await
    }

    pub async fn accept_with(&self, opening: Opening) -> Link {
        let mut link = self.accept_silently().await;
        assert_eq!(link.connect[7] & 2, 0, "CONNECT without clean session");
        link.connack(0, &opening).await;
        let (first, body) = link.receive().await.expect("no SUBSCRIBE");
        // QoS 1; MQTT 5: no retained messages.
        let options = link.only_v5(&[0x21]).first().copied().unwrap_or(1);
        assert_eq!((first, body.last()), (0x82, Some(&options)));
        let answer = [&body[..2], &link.only_v5(&[0]), &[opening.suback]].concat();
        link.packet(0x90, &answer).await;
        link.subscribe = body;
        link
    }
}

pub fn begin(config: SessionConfig) -> (Session, mpsc::Receiver<Delivery>) {
    let (inbox, deliveries) = mpsc::channel(100);
    (Session::connect(config, inbox).unwrap(), deliveries)
}

impl Link {
    fn only_v5(&self, bytes: &[u8]) -> Vec<u8> {
        match self.protocol {
            Protocol::V4 => Vec::new(),
            Protocol::V5 => bytes.to_vec(),
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Says that nothing more comes.
    pub async fn close(&mut self) {
        self.socket.shutdown().await.unwrap();
    }

    pub async fn packet(&mut self, first: u8, body: &[u8]) {
        let mut packet = vec![first];
        let mut length = body.len();
        loop {
            let low = u8::try_from(length & 0x7F).unwrap();
            length >>= 7;
            packet.push(if length > 0 { low | 0x80 } else { low });
            if length == 0 {
                break;
            }
        }
        packet.extend(body);
        self.send(&packet).await;
    }

    pub async fn connack(&mut self, code: u8, opening: &Opening) {
        let count = u8::try_from(opening.properties.len()).unwrap();
        let properties = self.only_v5(&[&[count], &opening.properties[..]].concat());
        let flags = u8::from(opening.session_present);
        let body = [&[flags, code], &properties[..]].concat();
        self.packet(CONNACK, &body).await;
    }

    /// PUBLISH on topic `huitian/x`; `QoS` 0 if the id is 0.
    pub async fn publish(&mut self, id: u8, payload: &[u8]) {
        let id_bytes: &[u8] = if id == 0 { &[] } else { &[0, id] };
        let properties = self.only_v5(&[0]);
        let body = [&[0, 9], &b"huitian/x"[..], id_bytes, &properties, payload].concat();
        let first = if id == 0 { PUBLISH } else { PUBLISH | 2 };
        self.packet(first, &body).await;
    }

    /// PUBACK, as short as MQTT 5 allows it too.
    pub async fn puback(&mut self, id: [u8; 2]) {
        self.packet(PUBACK, &id).await;
    }

    /// The next packet; none once the session has closed.
    pub async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        soon("a packet", async {
            let first = self.socket.read_u8().await.ok()?;
            let mut length = 0;
            for shift in [0, 7, 14, 21] {
                let byte = self.socket.read_u8().await.ok()?;
                length |= usize::from(byte & 0x7F) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.socket.read_exact(&mut body).await.ok()?;
            Some((first, body))
        })
        .await
    }

    /// The next packet must be PUBACK for this identifier.
    pub async fn receive_puback(&mut self, id: u8) {
        let (first, body) = self.receive().await.expect("PUBACK");
        assert_eq!((first, &body[..2]), (PUBACK, &[0, id][..]));
    }

    /// The next packet must be DISCONNECT.
    pub async fn receive_disconnect(&mut self) {
        assert_eq!(self.receive().await.expect("DISCONNECT").0, DISCONNECT);
    }

    /// The next packet must be a PUBLISH with `QoS` 1; pings before it are answered.
    pub async fn receive_publish(&mut self) -> Published {
        loop {
            let (first, body) = self.receive().await.expect("PUBLISH");
            if first == PINGREQ {
                self.send(&[0xD0, 0]).await;
                continue;
            }
            assert_eq!(first & 0xF6, PUBLISH | 2, "PUBLISH with QoS 1");
            let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
            let properties = self.only_v5(&[0]).len();
            return Published {
                dup: first & 8 != 0,
                id: [body[2 + topic], body[3 + topic]],
                payload: body[4 + topic + properties..].to_vec(),
            };
        }
    }

    /// The packets that come before the next ping, which is then answered.
    pub async fn before_ping(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut packets = Vec::new();
        loop {
            match self.receive().await {
                Some((PINGREQ, _)) => {
                    self.send(&[0xD0, 0]).await;
                    return packets;
                }
                Some(packet) => packets.push(packet),
                None => panic!("closed instead of sending a ping"),
            }
        }
    }
}
