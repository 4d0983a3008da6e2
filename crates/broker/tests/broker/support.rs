//! A broker with an intake that the test plays itself, and a client made of bytes.

use std::net::SocketAddr;
use std::time::Duration;

use huitian_broker::{Broker, BrokerConfig, Delivery, Verdict};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing here takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_late| panic!("waited in vain for {what}"))
}

pub fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub async fn start() -> (Broker, mpsc::Receiver<Delivery>) {
    let (inbox, deliveries) = mpsc::channel(10_000);
    let broker = Broker::start(BrokerConfig::new(any_port()), inbox)
        .await
        .unwrap();
    (broker, deliveries)
}

/// An intake that calls everything durable at once.
pub fn keep_all(mut deliveries: mpsc::Receiver<Delivery>) {
    tokio::spawn(async move {
        while let Some(delivery) = deliveries.recv().await {
            delivery.answer(Verdict::Durable);
        }
    });
}

pub async fn next(deliveries: &mut mpsc::Receiver<Delivery>) -> Delivery {
    soon("a delivery", deliveries.recv())
        .await
        .expect("the broker is gone")
}

/// How to say CONNECT.
#[derive(Clone, Copy)]
pub struct Hello {
    pub level: u8,
    pub client_id: &'static str,
    pub clean: bool,
    pub keep_alive_s: u16,
    pub will: Option<(&'static str, &'static [u8])>,
    pub properties: &'static [u8],
    pub user: Option<&'static str>,
    pub password: Option<&'static str>,
}

impl Hello {
    pub fn v311(client_id: &'static str) -> Self {
        Self {
            level: 4,
            client_id,
            clean: true,
            keep_alive_s: 0,
            will: None,
            properties: &[],
            user: None,
            password: None,
        }
    }

    pub fn v5(client_id: &'static str) -> Self {
        Self {
            level: 5,
            ..Self::v311(client_id)
        }
    }

    fn packet(&self) -> Vec<u8> {
        let mut body = b"\x00\x04MQTT".to_vec();
        let flags = u8::from(self.will.is_some()) << 2
            | u8::from(self.clean) << 1
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.user.is_some()) << 7;
        body.extend([self.level, flags]);
        body.extend(self.keep_alive_s.to_be_bytes());
        if self.level == 5 {
            body.push(u8::try_from(self.properties.len()).unwrap());
            body.extend(self.properties);
        }
        text(&mut body, self.client_id.as_bytes());
        if let Some((topic, payload)) = self.will {
            if self.level == 5 {
                body.push(0);
            }
            text(&mut body, topic.as_bytes());
            text(&mut body, payload);
        }
        for credential in [self.user, self.password].into_iter().flatten() {
            text(&mut body, credential.as_bytes());
        }
        packet(0x10, &body)
    }
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7F).unwrap();
        length >>= 7;
        if length == 0 {
            packet.push(low);
            break;
        }
        packet.push(low | 0x80);
    }
    packet.extend(body);
    packet
}

/// PUBLISH; `flags` are DUP (8), `QoS` (2 or 4) and retain (1). Without `QoS` the id is left out.
pub fn publish(level: u8, flags: u8, id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic.as_bytes());
    if flags & 6 != 0 {
        body.extend(id.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend(payload);
    packet(0x30 | flags, &body)
}

pub fn ack(first: u8, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![first, 2, high, low]
}

pub const PINGREQ: [u8; 2] = [0xC0, 0];
pub const PINGRESP: u8 = 0xD0;
pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x62;
pub const PUBCOMP: u8 = 0x70;

pub struct Client {
    pub level: u8,
    pub session_present: bool,
    socket: Box<dyn Stream>,
}

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Client {
    pub async fn hello(broker: SocketAddr, hello: &Hello) -> Self {
        let socket = TcpStream::connect(broker).await.unwrap();
        Self::over(socket, hello).await.expect("refused")
    }

    /// Says hello on a connection that stands. The code of CONNACK if refused, 0 if there is none.
    pub async fn over(socket: impl Stream + 'static, hello: &Hello) -> Result<Self, u8> {
        let mut client = Self {
            level: hello.level,
            session_present: false,
            socket: Box::new(socket),
        };
        if !client.send_in_vain(&hello.packet()).await {
            return Err(0);
        }
        let (first, body) = client.receive().await.ok_or(0)?;
        assert_eq!(first, 0x20, "no CONNACK");
        if body[1] != 0 {
            assert!(client.is_closed().await);
            return Err(body[1]);
        }
        client.session_present = body[0] == 1;
        Ok(client)
    }

    /// The code with which CONNACK refuses.
    pub async fn refused(broker: SocketAddr, hello: &Hello) -> u8 {
        let socket = TcpStream::connect(broker).await.unwrap();
        let refused = Self::over(socket, hello).await;
        refused.err().expect("let in")
    }

    /// A connection that has said nothing yet.
    pub async fn silent(broker: SocketAddr) -> Self {
        Self {
            level: 4,
            session_present: false,
            socket: Box::new(TcpStream::connect(broker).await.unwrap()),
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        assert!(self.send_in_vain(bytes).await, "the connection is gone");
    }

    /// Sends what the broker may refuse to read to its end.
    pub async fn send_in_vain(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok() && self.socket.flush().await.is_ok()
    }

    pub async fn publish(&mut self, flags: u8, id: u16, topic: &str, payload: &[u8]) {
        let packet = publish(self.level, flags, id, topic, payload);
        self.send(&packet).await;
    }

    pub async fn subscribe(&mut self, filter: &str, options: u8) -> u8 {
        let mut body = vec![0, 1];
        if self.level == 5 {
            body.push(0);
        }
        text(&mut body, filter.as_bytes());
        body.push(options);
        self.send(&packet(0x82, &body)).await;
        let (first, body) = self.receive().await.expect("no SUBACK");
        assert_eq!(first, 0x90);
        *body.last().unwrap()
    }

    /// The next packet; none once the broker has closed the connection.
    pub async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        soon("a packet", async {
            let first = self.socket.read_u8().await.ok()?;
            let (mut length, mut shift) = (0_usize, 0);
            loop {
                let byte = self.socket.read_u8().await.ok()?;
                length |= usize::from(byte & 0x7F) << shift;
                shift += 7;
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

    pub async fn expect_ack(&mut self, first: u8, id: u16) {
        let [high, low] = id.to_be_bytes();
        assert_eq!(self.receive().await, Some((first, vec![high, low])));
    }

    /// A PUBLISH to us: first byte, topic and payload (`QoS` 0, or `QoS` 1 with its id answered).
    pub async fn expect_publish(&mut self) -> (u8, String, Vec<u8>) {
        let (first, body) = self.receive().await.expect("no PUBLISH");
        assert_eq!(first & 0xF0, 0x30, "not a PUBLISH: {first:#x}");
        let topic_end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..topic_end].to_vec()).unwrap();
        let mut rest = &body[topic_end..];
        if first & 6 != 0 {
            let id = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
            if first & 6 == 2 {
                self.send(&ack(PUBACK, id)).await;
            }
        }
        if self.level == 5 {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        (first, topic, rest.to_vec())
    }

    /// The packet types that come before the answer to a ping: the broker has by then read all
    /// that was sent before.
    pub async fn before_ping_answer(&mut self) -> Vec<u8> {
        self.send(&PINGREQ).await;
        let mut types = Vec::new();
        loop {
            match self.receive().await {
                Some((PINGRESP, _)) => return types,
                Some((first, _)) => types.push(first),
                None => panic!("closed instead of answering a ping"),
            }
        }
    }

    /// True once the broker has closed; skips what it still sends.
    pub async fn is_closed(&mut self) -> bool {
        while self.receive().await.is_some() {}
        true
    }
}

/// A broken broker: PUBACK for whatever has been received, durable or not.
pub async fn acknowledge_at_once(listener: tokio::net::TcpListener, inbox: mpsc::Sender<Delivery>) {
    let (socket, _) = listener.accept().await.unwrap();
    let mut peer = Client {
        level: 4,
        session_present: false,
        socket: Box::new(socket),
    };
    while let Some((first, body)) = peer.receive().await {
        match first & 0xF0 {
            0x10 => peer.send(&[0x20, 2, 0, 0]).await,
            0x30 => {
                let topic_end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                let id = u16::from_be_bytes([body[topic_end], body[topic_end + 1]]);
                peer.send(&ack(PUBACK, id)).await;
                let delivery = Delivery {
                    topic: String::new(),
                    payload: body.into(),
                    qos: huitian_broker::Qos::AtLeastOnce,
                    retain: false,
                    dup: false,
                    client_id: "any".into(),
                    connection: 1,
                    done: tokio::sync::oneshot::channel().0,
                };
                inbox.send(delivery).await.unwrap();
            }
            0xC0 => peer.send(&[PINGRESP, 0]).await,
            other => panic!("packet type {other:#x}"),
        }
    }
}
