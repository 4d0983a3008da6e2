//! The session: connect, subscribe, receive, acknowledge, and all of it again after every loss.
//!
//! Each connection gets a client of its own from the library and throws it away at its end. An
//! acknowledgement that comes too late finds the channel of a client that is gone: it cannot reach
//! a new connection, where its packet identifier may mean another message. For the same reason
//! nothing the library remembers from an earlier connection (it errs about it) can wedge us, and no
//! publish is sent again behind our back. What must be remembered is with the broker, under our
//! client id: unacknowledged messages come again.
//!
//! Subscriptions ask for `QoS` 1, so that the broker lowers `QoS` 2: a repeated message is
//! recognised by its reading's identity, and the library loses its place in a `QoS` 2 handshake
//! that a reconnect interrupts.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::config::{SessionConfig, SessionError};
use crate::debt::{Debt, NotKept, Owed};
use crate::delivery::{Delivery, Qos, Verdict};
use crate::pipe::{DialError, Pipe};
use crate::presence::Present;
use crate::publisher::{Fate, Flight, ORDERS_MAX, Order, Publisher};
use crate::wire::{self, Deaf, Ear, Gone, Heard, Message, Mouth, Publishing, Terms};

/// A stopping session waits this long for answers it still owes the broker.
const STOP_MAX: Duration = Duration::from_secs(1);

/// How the session stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionStatus {
    /// True from the broker's consent to all subscriptions until the connection is lost.
    pub connected: bool,
    /// Number of the present connection, or of the last one that was `connected`; failed attempts
    /// count too, so it grows, but not always by one.
    pub connection: u64,
    /// Whether the broker had kept our session when that connection began.
    pub session_present: bool,
    /// How many times the session was connected again after a loss.
    pub reconnects: u64,
    /// Messages above `packet_bytes_max`: skipped, acknowledged, and counted here.
    pub oversized: u64,
    /// Why the last connection ended or could not be made; none before the first trouble.
    pub last_error: Option<String>,
    /// Whether that was the broker's refusal of who we are or of what we ask for.
    pub refused: bool,
}

/// A running session. Dropping it ends the connection at once; [`Session::stop`] does so in order.
#[derive(Debug)]
pub struct Session {
    status: watch::Receiver<SessionStatus>,
    orders: mpsc::Sender<Order>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Session {
    /// Begins a session in a task of the current tokio runtime. Messages go to `inbox`; while that
    /// is full nothing is read, and TCP holds the broker back.
    ///
    /// # Errors
    /// The settings are wrong. That the broker cannot be reached is not an error here: see
    /// [`Session::status`].
    pub fn connect(
        config: SessionConfig,
        inbox: mpsc::Sender<Delivery>,
    ) -> Result<Self, SessionError> {
        config.check()?;
        let (status_in, status) = watch::channel(SessionStatus::default());
        let (stop, stopped) = watch::channel(false);
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let driver = Driver {
            client_id: client_id(&config).into(),
            config,
            inbox,
            status: status_in,
            stopped,
            connection: 0,
            session_present: false,
            subscribed: 0,
        };
        Ok(Self {
            status,
            orders,
            stop,
            task: tokio::spawn(driver.run(taken)),
        })
    }

    /// How the session stands, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<SessionStatus> {
        self.status.clone()
    }

    /// Publishes on this session.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.orders.clone(), self.status.clone())
    }

    /// Acknowledges for up to 1 s what the intake still calls durable, says DISCONNECT and ends.
    /// The broker keeps the session and what it has for us.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the session ended before it was stopped");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Those who share a subscription must not share a client id: the broker would throw one out for
/// the other, without end.
fn client_id(config: &SessionConfig) -> String {
    if config.share_group.is_none() {
        return config.client_id.clone();
    }
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{random:016x}", config.client_id)
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Deaf(#[from] Deaf),
    /// The pipe knows more than the library.
    #[error("{0}")]
    Below(String),
    #[error("the broker closed the connection without answering CONNECT{0}")]
    Unanswered(&'static str),
    #[error("the broker refused the subscription to {0}: {1}")]
    Subscription(String, String),
    #[error("a message could not be kept: the broker is to send it again")]
    NotKept,
    #[error("the broker has sent more messages than there are packet identifiers")]
    TooManyOwed,
    #[error("the broker has not acknowledged a publish for {0:?}")]
    NoPuback(Duration),
    #[error("the library takes no more requests")]
    Requests,
    #[error("the library failed: it has a fault")]
    Library,
    #[error("the intake is gone")]
    IntakeGone,
}

impl From<Gone> for Lost {
    fn from(Gone: Gone) -> Self {
        Self::Requests
    }
}

impl From<NotKept> for Lost {
    fn from(NotKept: NotKept) -> Self {
        Self::NotKept
    }
}

struct Driver {
    config: SessionConfig,
    client_id: Arc<str>,
    inbox: mpsc::Sender<Delivery>,
    status: watch::Sender<SessionStatus>,
    stopped: watch::Receiver<bool>,
    connection: u64,
    session_present: bool,
    subscribed: u64,
}

impl Driver {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut backoff = Backoff::new();
        loop {
            let subscribed_before = self.subscribed;
            let ended = self.one_connection(&mut orders).await;
            self.status.send_modify(|status| {
                status.connected = false;
                if let Err(lost) = &ended {
                    status.last_error = Some(lost.to_string());
                    status.refused =
                        matches!(lost, Lost::Deaf(Deaf::Refused(_)) | Lost::Subscription(..));
                }
            });
            let Err(lost) = ended else { return };
            if self.subscribed > subscribed_before {
                backoff.reset();
            }
            let wait = backoff.wait();
            let client_id = &*self.client_id;
            tracing::warn!(client_id, %lost, ?wait, "the connection to the broker has ended");
            if matches!(lost, Lost::IntakeGone) {
                return;
            }
            let mut stopped = self.stopped.clone();
            tokio::select! {
                () = sleep(wait) => {}
                () = until_stopped(&mut stopped) => return,
                () = lose_all(&mut orders) => return,
            }
        }
    }

    /// One connection from CONNECT to its loss, or to the stop of the session.
    async fn one_connection(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<(), Lost> {
        self.connection += 1;
        let mut stopped = self.stopped.clone();
        let pipe = tokio::select! {
            opened = Pipe::open(&self.config) => opened?,
            () = until_stopped(&mut stopped) => return Ok(()),
            () = lose_all(orders) => return Ok(()),
        };
        let present = Present::new(self.config.presence.as_ref());
        let mut config = self.config.clone();
        config.last_will = present.last_will().or(config.last_will);
        let (mouth, mut ear) = wire::connect(&config, &self.client_id, &pipe.address);
        let flight = Flight::new();
        let (owe, mut debt) = Debt::new();
        let (patience, connection) = (self.config.publish_patience, self.connection);
        let ping_interval = self.config.ping_interval();
        let line = Line {
            mouth: &mouth,
            owe: &owe,
            flight: &flight,
            present: &present,
        };
        let ended = tokio::select! {
            // A fault of the library must not silence the session for good.
            lost = AssertUnwindSafe(self.receive(&mut ear, &line)).catch_unwind() => {
                Err(lost.unwrap_or(Lost::Library))
            }
            lost = debt.settle(&mouth) => lost.map_err(Lost::from),
            lost = forward(&mouth, orders, &flight, connection) => Err(lost),
            gone = present.insist(&mouth, &flight) => Err(gone.into()),
            () = flight.overdue(patience) => Err(Lost::NoPuback(patience)),
            () = until_stopped(&mut stopped) => Ok(()),
        };
        drop(owe);
        let unsettled = match &ended {
            Ok(()) => Some(&mut debt),
            // What was acknowledged before still goes out; what comes after would be out of order.
            Err(Lost::NotKept) => None,
            Err(Lost::Deaf(Deaf::Ended(_)) | Lost::Unanswered(_)) => {
                return match pipe.reason() {
                    Some(reason) => Err(Lost::Below(reason.to_owned())),
                    None => ended,
                };
            }
            Err(_) => return ended,
        };
        let ours = (&flight, &present);
        let parting = farewell(&mouth, (&mut ear, ping_interval), unsettled, ours);
        if timeout(STOP_MAX, parting).await.is_err() {
            tracing::debug!("the broker or the intake was slow to part");
        }
        ended
    }

    /// Listens until the connection is lost. It waits for nothing but the network and the inbox.
    async fn receive(&mut self, ear: &mut Ear, line: &Line<'_>) -> Lost {
        let ping_interval = self.config.ping_interval();
        let mut is_accepted = false;
        loop {
            let handled = match ear.hear(ping_interval).await {
                Ok(heard) => {
                    is_accepted = true;
                    self.on_heard(heard, line).await
                }
                Err(Deaf::Ended(why)) if !is_accepted && !why.contains("CONNACK") => {
                    let hint = match self.config.tls {
                        None => ": perhaps the port wants TLS, or has no room for us",
                        Some(_) => "",
                    };
                    Err(Lost::Unanswered(hint))
                }
                Err(deaf) => Err(deaf.into()),
            };
            if let Err(lost) = handled {
                return lost;
            }
        }
    }

    async fn on_heard(&mut self, heard: Heard, line: &Line<'_>) -> Result<(), Lost> {
        match heard {
            Heard::Accepted(terms) => self.on_accepted(terms, line),
            Heard::Subscribed(refusals) => self.on_subscribed(&refusals, line).await,
            Heard::Message(message) => {
                line.present.heard(&message.topic, &message.payload);
                self.on_message(message, line.owe).await
            }
            Heard::Sent(id) => {
                line.flight.sent(id);
                Ok(())
            }
            Heard::Acknowledged(id, refusal) => {
                line.flight.acknowledged(id, refusal);
                Ok(())
            }
            Heard::Parted | Heard::Other => Ok(()),
        }
    }

    fn on_accepted(&mut self, terms: Terms, line: &Line<'_>) -> Result<(), Lost> {
        self.session_present = terms.session_present;
        line.flight
            .open(terms.in_flight_max, terms.packet_bytes_max);
        line.mouth.subscribe(self.config.filters())?;
        Ok(())
    }

    async fn on_subscribed(
        &mut self,
        refusals: &[Option<String>],
        line: &Line<'_>,
    ) -> Result<(), Lost> {
        if self.status.borrow().connected {
            // We ask once in a connection: a second answer says nothing.
            return Ok(());
        }
        let mut refusals = refusals.iter();
        for filter in &self.config.filters() {
            let refusal = match refusals.next() {
                Some(None) => continue,
                Some(Some(why)) => why.clone(),
                None => "its answer names fewer filters than we asked for".to_owned(),
            };
            return Err(Lost::Subscription(filter.clone(), refusal));
        }
        // Before anything else is published: others may publish once we are connected.
        line.present.begin(line.mouth, line.flight).await?;
        self.subscribed += 1;
        let reconnects = self.subscribed.saturating_sub(1);
        let (connection, session_present) = (self.connection, self.session_present);
        self.status.send_modify(|status| {
            status.connected = true;
            status.connection = connection;
            status.session_present = session_present;
            status.reconnects = reconnects;
        });
        tracing::info!(
            client_id = &*self.client_id,
            reconnects,
            session_present,
            "subscribed at the broker"
        );
        Ok(())
    }

    async fn on_message(&mut self, message: Message, owe: &mpsc::Sender<Owed>) -> Result<(), Lost> {
        let (done, verdict) = oneshot::channel();
        let (qos, id) = (message.qos, message.id);
        if message.is_oversized() {
            self.status.send_modify(|status| status.oversized += 1);
            let topic = String::from_utf8_lossy(&message.payload);
            let max = self.config.packet_bytes_max;
            tracing::warn!(%topic, max, "skipped a message above the limit");
            // In its turn, like every other.
            let _is_awaited = done.send(Verdict::Durable).is_ok();
        } else {
            let delivery = Delivery {
                topic: message.topic,
                payload: message.payload,
                qos,
                retain: message.retain,
                dup: message.dup,
                client_id: Arc::clone(&self.client_id),
                connection: self.connection,
                done,
            };
            let sent = self.inbox.send(delivery).await;
            sent.map_err(|_closed| Lost::IntakeGone)?;
        }
        if qos == Qos::AtMostOnce {
            return Ok(());
        }
        owe.try_send(Owed { qos, id, verdict })
            .map_err(|_full| Lost::TooManyOwed)
    }
}

/// What the receiving side of one connection needs of the rest.
struct Line<'a> {
    mouth: &'a Mouth,
    owe: &'a mpsc::Sender<Owed>,
    flight: &'a Flight,
    present: &'a Present,
}

/// Hands publishes to the library as the broker allows.
async fn forward(
    mouth: &Mouth,
    orders: &mut mpsc::Receiver<Order>,
    flight: &Flight,
    connection: u64,
) -> Lost {
    while let Some(order) = orders.recv().await {
        if order.connection != connection {
            // Its connection is gone, and it with it: dropping it says so.
            continue;
        }
        let place = match order.qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce | Qos::ExactlyOnce => flight.place().await,
        };
        let (bytes, max) = (order.packet_bytes(), flight.packet_bytes_max());
        if bytes > max {
            // Who does not wait for it does not want to know.
            drop(order.answer.send(Fate::TooLarge { bytes, max }));
            continue;
        }
        let publishing = Publishing::of(&order);
        flight.hand_over(order.answer, place);
        if let Err(gone) = mouth.publish(publishing).await {
            return gone.into();
        }
    }
    // The session and all its publishers are gone; it is stopped otherwise.
    std::future::pending().await
}

/// While there is no connection, what is still queued for an earlier one is lost. Ends never while
/// a publisher can come, and with the last of them leaves the end to others.
async fn lose_all(orders: &mut mpsc::Receiver<Order>) {
    while orders.recv().await.is_some() {}
    std::future::pending::<()>().await;
}

/// Settles the debt, then says DISCONNECT. Messages that still come are left for the next time.
async fn farewell(
    mouth: &Mouth,
    (ear, ping_interval): (&mut Ear, Duration),
    debt: Option<&mut Debt>,
    (flight, present): (&Flight, &Present),
) {
    let parting = async {
        if let Some(debt) = debt {
            debt.settle(mouth).await?;
        }
        let parted = present.part(mouth, flight).await;
        parted.map_err(|_gone| NotKept)?;
        mouth.disconnect().await.map_err(|_gone| NotKept)
    };
    // The broker closes once it has read our DISCONNECT. Until then its view of what is
    // acknowledged is behind ours, and a new connection would be sent the rest again.
    let until_closed = async {
        loop {
            match ear.hear(ping_interval).await {
                Ok(Heard::Acknowledged(id, refusal)) => flight.acknowledged(id, refusal),
                Ok(Heard::Sent(id)) => flight.sent(id),
                Ok(_) => {}
                Err(_) => return Err::<(), NotKept>(NotKept),
            }
        }
    };
    tokio::select! {
        Err(NotKept) = until_closed => {}
        Err(NotKept) = parting => tracing::debug!("the connection ended before its DISCONNECT"),
    }
}

async fn until_stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the session was dropped: that ends it too.
    let _is_dropped = stop.wait_for(|stopped| *stopped).await.is_err();
}
