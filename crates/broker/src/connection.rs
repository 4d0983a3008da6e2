//! One client's connection from CONNECT to its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{mpsc, oneshot, watch};

use crate::access::Access;
use crate::codec::{Publish, Will};
use crate::ending::Ending;
use crate::greeting::{Admitted, Arrival, greet};
use crate::rate::Bucket;
use crate::reader::{IN_FLIGHT_MAX, Reader};
use crate::receiver::Receiver;
use crate::session::{Peer, Session};
use crate::shared::{Place, Shared, until_stopped};
use crate::socket::Outbound;
use crate::writer::Writer;

/// Small answers (PINGRESP, SUBACK) waiting for a slow client.
const REPLIES_MAX: usize = 64;

/// Serves one client until its connection ends.
pub(crate) async fn serve(arrival: Arrival, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let Arrival {
        socket,
        address,
        connection,
        place,
        visit,
    } = arrival;
    let admitted = tokio::select! {
        admitted = greet(&shared, socket, address, connection) => admitted,
        () = until_stopped(&mut stop) => return,
    };
    drop(visit);
    let Some(admitted) = admitted else {
        return;
    };
    let Admitted {
        receiver,
        outbound,
        connect,
        attached,
        peer,
        bucket,
    } = admitted;
    let client = Client {
        shared,
        session: attached.session,
        peer,
        will: connect.will,
        bucket,
    };
    let idle_max = keep_alive_max(connect.keep_alive_s);
    let ending = client
        .run(
            (receiver, outbound),
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

/// A client that has been let in.
struct Client {
    shared: Arc<Shared>,
    session: Arc<Session>,
    peer: Peer,
    will: Option<Will>,
    bucket: Option<Arc<Bucket>>,
}

impl Client {
    async fn run(
        &self,
        (receiver, socket): (Receiver, Outbound),
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
            bucket: self.bucket.clone(),
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
            // The sender is dropped when the session goes to another connection.
            _ = taken_over => Ending::TakenOver,
            () = self.until_revoked() => Ending::Revoked,
            () = until_stopped(&mut stop) => Ending::Stopped,
        };
        if let Ending::Fault(fault) = &ending {
            self.shared.tally.protocol_faults.add();
            tracing::warn!(client = %self.session.client_id, %fault, "closed a connection");
        }
        writer.finish(&ending).await;
        ending
    }

    /// Resolves when the client's user is gone from the users file, or is another than it was.
    async fn until_revoked(&self) {
        match (&self.shared.access, &self.session.user) {
            (Access::Users(users), Some(user)) => users.until_changed(user).await,
            _ => std::future::pending().await,
        }
    }

    /// After the connection: the session's fate and the will.
    async fn part(self, ending: &Ending, place: Place, mut stop: watch::Receiver<bool>) {
        tracing::debug!(client = %self.session.client_id, %ending, "a connection has ended");
        if matches!(ending, Ending::Revoked) {
            // Nobody may come back for it.
            self.session
                .set_expiry(self.peer.connection, Duration::ZERO);
        }
        let expiry = self.session.expiry();
        self.shared
            .exchange
            .detach(&self.session, self.peer.connection);
        drop(place);
        let Some(will) = self.will.filter(|_| ending.publishes_will()) else {
            return;
        };
        if !self
            .shared
            .may_pass(self.bucket.as_ref(), &self.session.client_id)
        {
            return;
        }
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
