//! A broker made of bytes, and an intake that the test plays itself.

use std::time::Duration;

use huitian_mqtt::{Delivery, Session, SessionConfig, SessionStatus};
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

pub struct ScriptedBroker {
    listener: TcpListener,
}

pub struct Link {
    socket: TcpStream,
}

pub const PUBACK: u8 = 0x40;
pub const PINGREQ: u8 = 0xC0;
pub const DISCONNECT: u8 = 0xE0;

impl ScriptedBroker {
    pub async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// A session with a keep-alive of 2 s, the shortest, so that it pings soon.
    pub fn session(&self) -> (Session, mpsc::Receiver<Delivery>) {
        let (inbox, deliveries) = mpsc::channel(100);
        let config = SessionConfig {
            keep_alive: Duration::from_secs(2),
            ..SessionConfig::new("127.0.0.1", self.port(), "hub", &["huitian/#"])
        };
        (Session::connect(config, inbox).unwrap(), deliveries)
    }

    /// Takes the next connection and its CONNECT and SUBSCRIBE, and answers them.
    pub async fn accept(&self, session_present: bool, suback: u8) -> Link {
        let (socket, _) = soon("a connection", self.listener.accept()).await.unwrap();
        let mut link = Link { socket };
        let (first, body) = link.receive().await.expect("no CONNECT");
        assert_eq!(
            (first, body[7] & 2),
            (0x10, 0),
            "CONNECT without clean session"
        );
        link.send(&[0x20, 2, u8::from(session_present), 0]).await;
        let (first, body) = link.receive().await.expect("no SUBSCRIBE");
        assert_eq!(
            (first, body.last()),
            (0x82, Some(&1)),
            "SUBSCRIBE with QoS 1"
        );
        link.send(&[0x90, 3, body[0], body[1], suback]).await;
        link
    }
}

impl Link {
    pub async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// PUBLISH on topic `huitian/x`; `QoS` 0 if the id is 0.
    pub async fn publish(&mut self, id: u8, payload: &[u8]) {
        let topic = b"huitian/x";
        let id_bytes = if id == 0 { 0 } else { 2 };
        let length = 2 + topic.len() + id_bytes + payload.len();
        let mut packet = vec![if id == 0 { 0x30 } else { 0x32 }];
        packet.push(u8::try_from(length).unwrap());
        packet.extend([0, u8::try_from(topic.len()).unwrap()]);
        packet.extend(topic);
        if id != 0 {
            packet.extend([0, id]);
        }
        packet.extend(payload);
        self.send(&packet).await;
    }

    /// The next packet (shorter than 128 bytes); none once the session has closed.
    pub async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        soon("a packet", async {
            let first = self.socket.read_u8().await.ok()?;
            let length = self.socket.read_u8().await.ok()?;
            let mut body = vec![0; usize::from(length)];
            self.socket.read_exact(&mut body).await.ok()?;
            Some((first, body))
        })
        .await
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
