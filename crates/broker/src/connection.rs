//! One client's connection from CONNECT to its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use huitian_mqtt::Delivery;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::PACKET_BYTES_MAX;
use crate::codec::{self, Connack, Connect, Fault, Inbound, Publish, Version, Will, reason};
use crate::counts::Tally;
use crate::ending::Ending;
use crate::exchange::{Attached, Exchange, SESSION_EXPIRY_S_MAX};
use crate::reader::{IN_FLIGHT_MAX, Reader};
use crate::receiver::{Received, Receiver};
use crate::session::{Peer, Session};
use crate::writer::Writer;

/// A client that has connected must say CONNECT in this time.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Longest client id: four times the 64 of our own ids.
const CLIENT_ID_BYTES_MAX: usize = 256;
/// Small answers (PINGRESP, SUBACK) waiting for a slow client.
const REPLIES_MAX: usize = 64;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) inbox: mpsc::Sender<Delivery>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) large: Arc<Semaphore>,
    /// Drawn at the start, so that ids given to nameless clients do not repeat after a restart.
    pub(crate) salt: u64,
}

/// A place among the connections the broker takes; given back when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    tally: Arc<Tally>,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit, tally: Arc<Tally>) -> Self {
        tally.connections.add();
        Self {
            _permit: permit,
            tally,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tally.connections.subtract();
    }
}

/// Resolves when the broker stops, or is dropped.
pub(crate) async fn until_stopped(stop: &mut watch::Receiver<bool>) {
    let is_dropped = stop.wait_for(|stopped| *stopped).await.is_err();
    if is_dropped {
        tracing::debug!("the broker was dropped without a stop");
    }
}

/// How long a session is kept for a client that asked for `seconds`.
pub(crate) fn expiry(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds.min(SESSION_EXPIRY_S_MAX)))
}

/// Serves one client until its connection ends.
pub(crate) async fn serve(
    socket: TcpStream,
    connection: u64,
    shared: Arc<Shared>,
    place: Place,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(connection, %error, "the client was gone before it was greeted");
        return;
    }
    let (read, mut write) = socket.into_split();
    let mut receiver = Receiver::new(read, Arc::clone(&shared.large));
    let greeting = tokio::select! {
        greeting = timeout(CONNECT_MAX, receive_connect(&mut receiver)) => greeting,
        () = until_stopped(&mut stop) => return,
    };
    let connect = match greeting {
        Ok(Ok(connect)) => connect,
        Ok(Err(ending)) => return refuse_greeting(&shared, write, connection, &ending).await,
        Err(_late) => return tracing::debug!(connection, "no CONNECT came in time"),
    };
    let Some((attached, peer)) = attach(&shared, connection, &connect, &mut write).await else {
        return;
    };
    let client = Client {
        shared,
        session: attached.session,
        peer,
        will: connect.will,
    };
    let idle_max = keep_alive_max(connect.keep_alive_s);
    let ending = client
        .run(
            (receiver, write),
            idle_max,
            attached.taken_over,
            stop.clone(),
        )
        .await;
    client.part(&ending, place, stop).await;
}

/// MQTT 5.0, 3.1.2.10: one and a half times the keep-alive.
fn keep_alive_max(seconds: u16) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_millis(u64::from(seconds) * 1_500))
}

async fn receive_connect(receiver: &mut Receiver) -> Result<Connect, Ending> {
    let Received { first, body, .. } = receiver.packet(None).await?;
    if let Inbound::Connect(connect) = codec::decode(first, body, Version::V311)? {
        return Ok(*connect);
    }
    Err(Fault::Protocol("the first packet is not CONNECT").into())
}

async fn refuse_greeting(shared: &Shared, write: OwnedWriteHalf, connection: u64, ending: &Ending) {
    if let Ending::Fault(fault) = ending {
        shared.tally.protocol_faults.add();
        tracing::debug!(connection, %fault, "refused a greeting");
        if matches!(fault, Fault::Level(_)) {
            refuse(write, Version::V311, fault.reason()).await;
        }
    }
}

async fn refuse(mut write: OwnedWriteHalf, version: Version, reason: u8) {
    let mut out = BytesMut::new();
    codec::connack(&mut out, version, Err(reason));
    if let Err(error) = write.write_all(&out).await {
        tracing::debug!(%error, "a refused client was gone before it was told");
    }
}

/// Gives the client its session and answers CONNACK. None if it was refused.
async fn attach(
    shared: &Shared,
    connection: u64,
    connect: &Connect,
    write: &mut OwnedWriteHalf,
) -> Option<(Attached, Peer)> {
    let mut out = BytesMut::new();
    let attached = admit(shared, connection, connect);
    let peer = Peer {
        connection,
        version: connect.version,
        receive_max: connect.receive_max,
        packet_max: connect.packet_max,
    };
    match &attached {
        Ok(attached) => {
            let connack = Connack {
                session_present: attached.session_present,
                receive_max: IN_FLIGHT_MAX,
                packet_max: u32::try_from(PACKET_BYTES_MAX).unwrap_or(u32::MAX),
                session_expiry_s: (connect.session_expiry_s > SESSION_EXPIRY_S_MAX)
                    .then_some(SESSION_EXPIRY_S_MAX),
                assigned_id: connect
                    .client_id
                    .is_empty()
                    .then_some(&*attached.session.client_id),
            };
            codec::connack(&mut out, connect.version, Ok(connack));
            attached.session.write_unacknowledged(peer, &mut out);
        }
        Err(reason) => {
            tracing::debug!(connection, reason, "refused a client");
            codec::connack(&mut out, connect.version, Err(*reason));
        }
    }
    let written = write.write_all(&out).await;
    let attached = attached.ok()?;
    if let Err(error) = written {
        tracing::debug!(connection, %error, "the client was gone before it was greeted");
        shared.exchange.detach(&attached.session, connection);
        return None;
    }
    Some((attached, peer))
}

fn admit(shared: &Shared, connection: u64, connect: &Connect) -> Result<Attached, u8> {
    if connect.wants_enhanced_auth {
        return Err(reason::BAD_AUTHENTICATION_METHOD);
    }
    let is_nameless = connect.client_id.is_empty();
    let keeps_nothing = connect.clean_start || connect.version == Version::V5;
    if connect.client_id.len() > CLIENT_ID_BYTES_MAX || (is_nameless && !keeps_nothing) {
        return Err(reason::CLIENT_IDENTIFIER_NOT_VALID);
    }
    let client_id: Arc<str> = if is_nameless {
        format!("given-{:x}-{connection}", shared.salt).into()
    } else {
        connect.client_id.as_str().into()
    };
    let expiry = expiry(connect.session_expiry_s);
    shared
        .exchange
        .attach(&client_id, connection, connect.clean_start, expiry)
        .ok_or(reason::SERVER_UNAVAILABLE)
}

/// A client that has been let in.
struct Client {
    shared: Arc<Shared>,
    session: Arc<Session>,
    peer: Peer,
    will: Option<Will>,
}

impl Client {
    async fn run(
        &self,
        (receiver, socket): (Receiver, OwnedWriteHalf),
        idle_max: Option<Duration>,
        taken_over: oneshot::Receiver<()>,
        mut stop: watch::Receiver<bool>,
    ) -> Ending {
        let (owe, owed) = mpsc::channel(usize::from(IN_FLIGHT_MAX));
        let (reply, replies) = mpsc::channel(REPLIES_MAX);
        let reader = Reader {
            receiver,
            shared: Arc::clone(&self.shared),
            session: Arc::clone(&self.session),
            peer: self.peer,
            idle_max,
            owed: owe,
            replies: reply,
        };
        let mut writer = Writer {
            socket,
            shared: Arc::clone(&self.shared),
            session: Arc::clone(&self.session),
            peer: self.peer,
            owed,
            replies,
            oldest: None,
            out: BytesMut::new(),
        };
        // What a kept session has waiting goes out at once.
        self.session.wake.notify_one();
        let ending = tokio::select! {
            ending = reader.run() => ending,
            ending = writer.run() => ending,
            _ = taken_over => Ending::TakenOver,
            () = until_stopped(&mut stop) => Ending::Stopped,
        };
        if let Ending::Fault(fault) = &ending {
            self.shared.tally.protocol_faults.add();
            tracing::warn!(client = %self.session.client_id, %fault, "closed a connection");
        }
        writer.finish(&ending).await;
        ending
    }

    /// After the connection: the session's fate and the will.
    async fn part(self, ending: &Ending, place: Place, mut stop: watch::Receiver<bool>) {
        tracing::debug!(client = %self.session.client_id, %ending, "a connection has ended");
        let expiry = self.session.expiry();
        self.shared
            .exchange
            .detach(&self.session, self.peer.connection);
        drop(place);
        let Some(will) = self.will.filter(|_| ending.publishes_will()) else {
            return;
        };
        let delay = Duration::from_secs(u64::from(will.delay_s)).min(expiry);
        if !delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = until_stopped(&mut stop) => return,
            }
            if self.session.is_owned() {
                return;
            }
        }
        publish_will(&self.shared, &self.session, self.peer.connection, will).await;
    }
}

/// A will goes the way of any message, but nobody waits for its acknowledgement.
async fn publish_will(shared: &Shared, session: &Session, connection: u64, will: Will) {
    let publish = Publish {
        topic: will.topic,
        payload: will.payload,
        qos: will.qos,
        retain: will.retain,
        dup: false,
        id: 0,
        properties: will.properties,
    };
    let message = shared
        .exchange
        .message_for_others(&publish, &session.client_id);
    match shared
        .deliver(publish, &session.client_id, connection)
        .await
    {
        Ok(_nobody_waits) => {}
        Err(ending) => {
            tracing::warn!(client = %session.client_id, %ending, "a will was not delivered");
        }
    }
    if let Some(message) = message {
        shared.exchange.route(&message);
    }
}
