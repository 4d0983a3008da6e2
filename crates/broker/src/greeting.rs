//! From a new socket to a client that has been let in, or refused.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::PACKET_BYTES_MAX;
use crate::access::{Caller, Refusal};
use crate::certificate;
use crate::codec::{self, Connack, Connect, Fault, Inbound, Version, reason};
use crate::ending::Ending;
use crate::exchange::{Attached, Hello, SESSION_EXPIRY_S_MAX};
use crate::guard::Visit;
use crate::rate::Bucket;
use crate::reader::IN_FLIGHT_MAX;
use crate::receiver::{Received, Receiver};
use crate::session::Peer;
use crate::shared::{Place, Shared, expiry};
use crate::socket::{Incoming, Outbound, split_plain, split_secure};

/// A TLS handshake takes a few round trips.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A client that has connected must say CONNECT in this time.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// A client that is refused must take its answer in this time.
const REFUSAL_MAX: Duration = Duration::from_secs(5);
/// A wrong password is answered this long after CONNECT, whoever's it is: more than the slowest
/// hash takes.
const GUESS_ANSWER: Duration = Duration::from_secs(1);
/// Longest client id: four times the 64 of our own ids.
const CLIENT_ID_BYTES_MAX: usize = 256;

/// A new connection.
pub(crate) struct Arrival {
    pub(crate) socket: TcpStream,
    pub(crate) address: IpAddr,
    pub(crate) connection: u64,
    pub(crate) place: Place,
    /// Its place among those of its address that have not logged in; none where access is open.
    pub(crate) visit: Option<Visit>,
}

/// A client that has been let in, with its connection.
pub(crate) struct Admitted {
    pub(crate) receiver: Receiver,
    pub(crate) outbound: Outbound,
    pub(crate) connect: Connect,
    pub(crate) attached: Attached,
    pub(crate) peer: Peer,
    pub(crate) bucket: Option<Arc<Bucket>>,
}

/// Greets a client. None if it was not let in.
pub(crate) async fn greet(
    shared: &Shared,
    socket: TcpStream,
    address: IpAddr,
    connection: u64,
) -> Option<Admitted> {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(connection, %error, "the client was gone before it was greeted");
        return None;
    }
    let (incoming, mut outbound, certified) = secure(shared, socket, connection).await?;
    let mut receiver = Receiver::new(incoming, Arc::clone(&shared.large));
    let connect = match timeout(CONNECT_MAX, receive_connect(&mut receiver)).await {
        Ok(Ok(connect)) => connect,
        Ok(Err(ending)) => {
            refuse_greeting(shared, outbound, connection, &ending).await;
            return None;
        }
        Err(_late) => {
            tracing::debug!(connection, "no CONNECT came in time");
            return None;
        }
    };
    let caller = Caller {
        address,
        certified: certified.as_deref(),
        connect: &connect,
    };
    let begun = Instant::now();
    let (attached, bucket) = match admit(shared, connection, &caller).await {
        Ok(admitted) => admitted,
        Err(refusal) => {
            tracing::debug!(connection, reason = refusal.reason, "refused a client");
            if refusal.is_guess {
                sleep_until(begun + GUESS_ANSWER).await;
            }
            refuse(outbound, connect.version, refusal.reason).await;
            return None;
        }
    };
    let peer = Peer {
        connection,
        version: connect.version,
        receive_max: connect.receive_max,
        packet_max: connect.packet_max,
    };
    welcome(shared, &connect, &attached, peer, &mut outbound).await?;
    Some(Admitted {
        receiver,
        outbound,
        connect,
        attached,
        peer,
        bucket,
    })
}

/// The connection's halves, after the handshake where there is one, and whose certificate it has.
async fn secure(
    shared: &Shared,
    socket: TcpStream,
    connection: u64,
) -> Option<(Incoming, Outbound, Option<String>)> {
    let Some(tls) = &shared.tls else {
        let (incoming, outbound) = split_plain(socket);
        return Some((incoming, outbound, None));
    };
    let refused = match timeout(HANDSHAKE_MAX, tls.acceptor().accept(socket)).await {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let first = certificates.and_then(<[_]>::first);
            let name = first.and_then(certificate::name);
            let (incoming, outbound) = split_secure(stream);
            return Some((incoming, outbound, name));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_late) => "it was not done in time".to_owned(),
    };
    shared.tally.failed_handshakes.add();
    tracing::debug!(connection, error = refused, "a TLS handshake failed");
    None
}

async fn receive_connect(receiver: &mut Receiver) -> Result<Connect, Ending> {
    let Received { first, body, .. } = receiver.packet(None).await?;
    if let Inbound::Connect(connect) = codec::decode(first, body, Version::V311)? {
        return Ok(*connect);
    }
    Err(Fault::Protocol("the first packet is not CONNECT").into())
}

async fn refuse_greeting(shared: &Shared, outbound: Outbound, connection: u64, ending: &Ending) {
    if let Ending::Fault(fault) = ending {
        shared.tally.protocol_faults.add();
        tracing::debug!(connection, %fault, "refused a greeting");
        if matches!(fault, Fault::Level(_)) {
            refuse(outbound, Version::V311, fault.reason()).await;
        }
    }
}

async fn refuse(mut outbound: Outbound, version: Version, reason: u8) {
    let mut out = BytesMut::new();
    codec::connack(&mut out, version, Err(reason));
    let answer = async {
        outbound.write_all(&out).await?;
        outbound.shutdown().await
    };
    let is_told = matches!(timeout(REFUSAL_MAX, answer).await, Ok(Ok(())));
    if !is_told {
        tracing::debug!("a refused client was gone before it was told");
    }
}

/// Answers CONNACK. None if the client is gone.
async fn welcome(
    shared: &Shared,
    connect: &Connect,
    attached: &Attached,
    peer: Peer,
    outbound: &mut Outbound,
) -> Option<()> {
    let mut out = BytesMut::new();
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
    let written = async {
        outbound.write_all(&out).await?;
        outbound.flush().await
    };
    let is_written = matches!(timeout(CONNECT_MAX, written).await, Ok(Ok(())));
    if !is_written {
        let connection = peer.connection;
        tracing::debug!(connection, "the client was gone before it was greeted");
        shared.exchange.detach(&attached.session, connection);
    }
    is_written.then_some(())
}

async fn admit(
    shared: &Shared,
    connection: u64,
    caller: &Caller<'_>,
) -> Result<(Attached, Option<Arc<Bucket>>), Refusal> {
    let connect = caller.connect;
    if connect.wants_enhanced_auth {
        return Err(reason::BAD_AUTHENTICATION_METHOD.into());
    }
    let is_nameless = connect.client_id.is_empty();
    let keeps_nothing = connect.clean_start || connect.version == Version::V5;
    if connect.client_id.len() > CLIENT_ID_BYTES_MAX || (is_nameless && !keeps_nothing) {
        return Err(reason::CLIENT_IDENTIFIER_NOT_VALID.into());
    }
    let user = shared.log_in(caller).await.inspect_err(|_refusal| {
        shared.tally.refused_logins.add();
    })?;
    let client_id: Arc<str> = if is_nameless {
        let owner = user.as_ref().map_or("given", |user| &*user.name);
        format!("{owner}-{:x}-{connection}", shared.salt).into()
    } else {
        connect.client_id.as_str().into()
    };
    let limit = match &user {
        Some(user) => shared.device_rate.filter(|_| user.is_device()),
        None => shared.open_rate,
    };
    let bucket = limit.map(|limit| {
        let name = user.as_ref().map_or(&client_id, |user| &user.name);
        shared.rates.bucket(name, limit, Instant::now())
    });
    let hello = Hello {
        client_id,
        user,
        clean_start: connect.clean_start,
        expiry: expiry(connect.session_expiry_s),
    };
    let attached = shared.exchange.attach(hello, connection);
    let attached = attached.ok_or(reason::SERVER_UNAVAILABLE)?;
    Ok((attached, bucket))
}
