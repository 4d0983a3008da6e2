//! From packets to deliveries: what a client sends, in its order.
//!
//! The reader never waits for an answer of the intake. It hands a message over, notes for the
//! writer which acknowledgement it is owed, and reads on: that is what lets hundreds of messages of
//! one connection share one commit. It stands still, and so lets TCP slow the client down, when
//! the intake's inbox is full or [`IN_FLIGHT_MAX`] acknowledgements are owed.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use huitian_mqtt::{Delivery, Qos, Verdict};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use crate::codec::{self, AckKind, Inbound, Message, Publish, Subscription, Version, reason};
use crate::ending::Ending;
use crate::notice::Notice;
use crate::rate::Bucket;
use crate::receiver::{Received, Receiver};
use crate::session::{Peer, Session};
use crate::shared::Shared;

/// Acknowledgements owed to one client: at 5 ms for a commit, 4,096 allow 800 k msg/s. An MQTT 5
/// client is told the same number as its Receive Maximum.
pub(crate) const IN_FLIGHT_MAX: u16 = 4_096;

/// What an acknowledgement says of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It went to the intake, whose answer decides.
    HandedOver,
    /// Its client sends more than it may: dropped, and never wanted again.
    RateLimited,
    /// Its client may not publish it: refused. Only MQTT 5 clients can be told.
    Forbidden,
}

/// An acknowledgement that waits for the disk, or for its turn.
pub(crate) struct Owed {
    pub(crate) kind: AckKind,
    pub(crate) id: u16,
    pub(crate) fate: Fate,
    pub(crate) verdict: oneshot::Receiver<Verdict>,
    /// For subscribers, once it is durable; none if nobody wants it.
    pub(crate) message: Option<Arc<Message>>,
    /// A large message's part of the memory budget.
    pub(crate) _claim: Option<OwnedSemaphorePermit>,
}

pub(crate) struct Reader {
    pub(crate) receiver: Receiver,
    pub(crate) shared: Arc<Shared>,
    pub(crate) session: Arc<Session>,
    pub(crate) peer: Peer,
    /// One and a half keep-alives; none if the client set no limit.
    pub(crate) idle_max: Option<Duration>,
    /// What holds its messages back; none if nothing does.
    pub(crate) bucket: Option<Arc<Bucket>>,
    pub(crate) owed: mpsc::Sender<Owed>,
    pub(crate) replies: mpsc::Sender<Bytes>,
}

impl Reader {
    /// Reads until the connection ends.
    pub(crate) async fn run(mut self) -> Ending {
        loop {
            if let Err(ending) = self.step().await {
                return ending;
            }
        }
    }

    async fn step(&mut self) -> Result<(), Ending> {
        let Received { first, body, claim } = self.receiver.packet(self.idle_max).await?;
        let connection = self.peer.connection;
        match codec::decode(first, body, self.peer.version)? {
            Inbound::Publish(publish) => self.on_publish(publish, claim).await,
            Inbound::Puback(id) | Inbound::Pubcomp(id) | Inbound::Pubrec { id, refused: true } => {
                self.session.finish(connection, id);
                Ok(())
            }
            Inbound::Pubrec { id, refused: false } => {
                let code = found(self.session.release(connection, id));
                self.acknowledge(AckKind::Pubrel, id, code).await
            }
            Inbound::Pubrel(id) => {
                let code = found(self.session.forget_received(id));
                self.acknowledge(AckKind::Pubcomp, id, code).await
            }
            Inbound::Subscribe {
                has_identifier: true,
                ..
            } => Err(codec::Fault::SubscriptionIdentifier.into()),
            Inbound::Subscribe {
                id, subscriptions, ..
            } => self.on_subscribe(id, subscriptions).await,
            Inbound::Unsubscribe { id, filters } => self.on_unsubscribe(id, &filters).await,
            Inbound::Pingreq => self.reply(codec::pingresp).await,
            Inbound::Disconnect {
                reason,
                session_expiry_s,
            } => {
                if let Some(seconds) = session_expiry_s {
                    self.session
                        .set_expiry(connection, crate::shared::expiry(seconds));
                }
                let with_will = reason == reason::DISCONNECT_WITH_WILL;
                Err(Ending::Left { with_will })
            }
            Inbound::Connect(_) => Err(codec::Fault::Protocol("a second CONNECT").into()),
        }
    }

    async fn on_publish(
        &mut self,
        publish: Publish,
        claim: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Ending> {
        let (id, qos) = (publish.id, publish.qos);
        if qos == Qos::ExactlyOnce && self.session.has_received(id) {
            return self.acknowledge(AckKind::Pubrec, id, reason::SUCCESS).await;
        }
        let fate = self.judge(&publish.topic)?;
        let kind = match qos {
            Qos::AtMostOnce => {
                return self.on_unacknowledged(publish, fate).await;
            }
            Qos::AtLeastOnce => AckKind::Puback,
            Qos::ExactlyOnce => AckKind::Pubrec,
        };
        // Room for the acknowledgement first: nothing may be handed over that nobody will answer.
        let room = self
            .owed
            .clone()
            .reserve_owned()
            .await
            .map_err(|_closed| Ending::Stopped)?;
        let client_id = &self.session.client_id;
        let (verdict, message) = if fate == Fate::HandedOver {
            let exchange = &self.shared.exchange;
            let message = exchange.message_for_others(&publish, client_id);
            let connection = self.peer.connection;
            let verdict = self.shared.deliver(publish, client_id, connection).await?;
            (verdict, message)
        } else {
            (decided(), None)
        };
        room.send(Owed {
            kind,
            id,
            fate,
            verdict,
            message,
            _claim: claim,
        });
        Ok(())
    }

    /// What becomes of a message to this topic.
    ///
    /// # Errors
    /// The client may not publish it and cannot be told so by an acknowledgement: MQTT 3.1.1 has no
    /// words for it, and a false PUBACK would be worse than the end of the connection.
    fn judge(&self, topic: &str) -> Result<Fate, Ending> {
        let user = self.session.user.as_ref();
        if user.is_some_and(|user| !user.may_publish(topic)) {
            self.shared.tally.refused_publishes.add();
            return match self.peer.version {
                Version::V311 => Err(Ending::Forbidden),
                Version::V5 => Ok(Fate::Forbidden),
            };
        }
        let client_id = &self.session.client_id;
        if self.shared.may_pass(self.bucket.as_ref(), client_id) {
            Ok(Fate::HandedOver)
        } else {
            Ok(Fate::RateLimited)
        }
    }

    async fn on_unacknowledged(&self, publish: Publish, fate: Fate) -> Result<(), Ending> {
        match fate {
            Fate::HandedOver => {}
            Fate::RateLimited => return Ok(()),
            Fate::Forbidden => return Err(Ending::Forbidden),
        }
        let client_id = &self.session.client_id;
        let exchange = &self.shared.exchange;
        let message = exchange.message_for_others(&publish, client_id);
        let connection = self.peer.connection;
        self.shared.deliver(publish, client_id, connection).await?;
        if let Some(message) = message {
            exchange.route(&message);
        }
        Ok(())
    }

    async fn on_subscribe(
        &mut self,
        id: u16,
        subscriptions: Vec<Subscription>,
    ) -> Result<(), Ending> {
        let exchange = &self.shared.exchange;
        let codes: Vec<u8> = subscriptions
            .into_iter()
            .map(|subscription| exchange.subscribe(&self.session, subscription))
            .collect();
        let version = self.peer.version;
        self.reply(|out| codec::suback(out, id, &codes, version))
            .await
    }

    async fn on_unsubscribe(&mut self, id: u16, filters: &[String]) -> Result<(), Ending> {
        let exchange = &self.shared.exchange;
        let codes: Vec<u8> = filters
            .iter()
            .map(|filter| exchange.unsubscribe(&self.session, filter))
            .collect();
        let version = self.peer.version;
        self.reply(|out| codec::unsuback(out, id, &codes, version))
            .await
    }

    async fn acknowledge(&mut self, kind: AckKind, id: u16, code: u8) -> Result<(), Ending> {
        let version = self.peer.version;
        self.reply(|out| codec::ack(out, kind, id, code, version))
            .await
    }

    async fn reply(&mut self, write: impl FnOnce(&mut BytesMut)) -> Result<(), Ending> {
        let mut out = BytesMut::new();
        write(&mut out);
        self.replies
            .send(out.freeze())
            .await
            .map_err(|_closed| Ending::Stopped)
    }
}

/// The answer for a message that the intake is not asked about.
fn decided() -> oneshot::Receiver<Verdict> {
    let (done, verdict) = oneshot::channel();
    // The other end is in hand, so that it is taken.
    let _is_taken = done.send(Verdict::Durable).is_ok();
    verdict
}

fn found(is_known: bool) -> u8 {
    if is_known {
        reason::SUCCESS
    } else {
        reason::PACKET_IDENTIFIER_NOT_FOUND
    }
}

impl Shared {
    /// Takes a message out of its client's bucket. False if it is to be dropped; it is counted.
    pub(crate) fn may_pass(&self, bucket: Option<&Arc<Bucket>>, client_id: &Arc<str>) -> bool {
        if bucket.is_none_or(|bucket| bucket.take(Instant::now())) {
            return true;
        }
        self.tally.rate_limited.add();
        if self.rates.note_limited(client_id) {
            tracing::warn!(client = %client_id, "a client sends more than it may");
            let client_id = Arc::clone(client_id);
            self.notices.say(Notice::RateLimited { client_id });
        }
        false
    }

    /// Hands a message to the intake; its answer comes through the receiver.
    ///
    /// # Errors
    /// The intake is gone.
    pub(crate) async fn deliver(
        &self,
        publish: Publish,
        client_id: &Arc<str>,
        connection: u64,
    ) -> Result<oneshot::Receiver<Verdict>, Ending> {
        let (done, verdict) = oneshot::channel();
        let delivery = Delivery {
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            client_id: Arc::clone(client_id),
            connection,
            done,
        };
        self.inbox
            .send(delivery)
            .await
            .map_err(|_closed| Ending::IntakeGone)?;
        self.tally.delivered.add();
        Ok(verdict)
    }
}
