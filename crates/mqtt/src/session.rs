//! The session: connect, subscribe, receive, acknowledge, and all of it again after every loss.
//!
//! Each connection gets a client of its own from the library and throws it away at its end. An
//! acknowledgement that comes too late finds the channel of a client that is gone: it cannot reach
//! a new connection, where its packet identifier may mean another message. For the same reason
//! nothing the library remembers from an earlier connection (it errs about it) can wedge us. What
//! must be remembered is with the broker, under our client id: unacknowledged messages come again.
//!
//! Subscriptions ask for `QoS` 1, so that the broker lowers `QoS` 2: a repeated message is
//! recognised by its reading's identity, and the library loses its place in a `QoS` 2 handshake
//! that a reconnect interrupts.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS,
    SubAck, SubscribeFilter, SubscribeReasonCode,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::config::{SessionConfig, SessionError};
use crate::delivery::{Delivery, Qos, Verdict};

/// Acknowledgements owed: there are no more packet identifiers than that.
const OWED_MAX: usize = 65_535;
/// Requests to the library (acknowledgements mostly) that wait for its next turn.
const REQUESTS_MAX: usize = 1_000;
/// TCP connect, CONNACK and every flush must be done in this time.
const NETWORK_S_MAX: u64 = 10;
/// A stopping session waits this long for answers it still owes the broker.
const STOP_MAX: Duration = Duration::from_secs(1);

/// How the session stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionStatus {
    /// True from the broker's consent to all subscriptions until the connection is lost.
    pub connected: bool,
    /// How many times the session was connected again after a loss.
    pub reconnects: u64,
    /// Why the last connection ended or could not be made; none before the first trouble.
    pub last_error: Option<String>,
}

/// A running session. Dropping it ends the connection at once; [`Session::stop`] does so in order.
#[derive(Debug)]
pub struct Session {
    status: watch::Receiver<SessionStatus>,
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
        let client_id = config.client_id.as_str().into();
        let driver = Driver {
            config,
            client_id,
            inbox,
            status: status_in,
            stopped,
            connection: 0,
            subscribed: 0,
        };
        Ok(Self {
            status,
            stop,
            task: tokio::spawn(driver.run()),
        })
    }

    /// How the session stands, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<SessionStatus> {
        self.status.clone()
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

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{0}")]
    Connection(Box<ConnectionError>),
    #[error("the broker refused the subscription to {0}")]
    Subscription(String),
    #[error("a message could not be kept: the broker is to send it again")]
    NotKept,
    #[error("the broker has sent more messages than there are packet identifiers")]
    TooManyOwed,
    #[error("the library takes no more requests")]
    Requests,
    #[error("the intake is gone")]
    IntakeGone,
}

/// A message that is to be acknowledged once it is durable.
struct Owed {
    publish: Publish,
    verdict: oneshot::Receiver<Verdict>,
}

/// Acknowledgements owed on one connection, in order. What is being waited for lies apart from the
/// rest, so that the waiting can be interrupted and taken up again.
struct Debt {
    /// Durable, and on its way to the library.
    due: Option<Publish>,
    /// Waits for its verdict.
    oldest: Option<Owed>,
    rest: mpsc::Receiver<Owed>,
}

struct Driver {
    config: SessionConfig,
    client_id: Arc<str>,
    inbox: mpsc::Sender<Delivery>,
    status: watch::Sender<SessionStatus>,
    stopped: watch::Receiver<bool>,
    connection: u64,
    subscribed: u64,
}

impl Driver {
    async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            let subscribed_before = self.subscribed;
            let ended = self.one_connection().await;
            self.status.send_modify(|status| {
                status.connected = false;
                if let Err(lost) = &ended {
                    status.last_error = Some(lost.to_string());
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
            }
        }
    }

    /// One connection from CONNECT to its loss, or to the stop of the session.
    async fn one_connection(&mut self) -> Result<(), Lost> {
        self.connection += 1;
        let (client, mut events) = AsyncClient::new(self.options(), REQUESTS_MAX);
        events.network_options.set_connection_timeout(NETWORK_S_MAX);
        let (owe, rest) = mpsc::channel(OWED_MAX);
        let mut debt = Debt {
            due: None,
            oldest: None,
            rest,
        };
        let mut stopped = self.stopped.clone();
        let ended = tokio::select! {
            lost = self.receive(&client, &mut events, &owe) => Err(lost),
            lost = acknowledge(&client, &mut debt) => lost,
            () = until_stopped(&mut stopped) => Ok(()),
        };
        drop(owe);
        let unsettled = match &ended {
            Ok(()) => Some(&mut debt),
            // What was acknowledged before still goes out; what comes after would be out of order.
            Err(Lost::NotKept) => None,
            Err(_) => return ended,
        };
        if timeout(STOP_MAX, farewell(&client, &mut events, unsettled))
            .await
            .is_err()
        {
            tracing::debug!("the broker or the intake was slow to part");
        }
        ended
    }

    fn options(&self) -> MqttOptions {
        let config = &self.config;
        let host = if config.host.contains(':') && !config.host.starts_with('[') {
            format!("[{}]", config.host)
        } else {
            config.host.clone()
        };
        let mut options = MqttOptions::new(config.client_id.clone(), host, config.port);
        // The library calls a connection dead when a ping goes out and the one before is still
        // unanswered: at most two intervals, which so make one and a half keep-alives.
        options.set_keep_alive(config.keep_alive.mul_f64(0.75));
        options.set_clean_session(false);
        options.set_manual_acks(true);
        options.set_max_packet_size(config.packet_bytes_max, config.packet_bytes_max);
        if let Some(login) = &config.login {
            options.set_credentials(login.username.clone(), login.password.clone());
        }
        options
    }

    /// Polls until the connection is lost. It waits for nothing but the network and the inbox.
    async fn receive(
        &mut self,
        client: &AsyncClient,
        events: &mut EventLoop,
        owe: &mpsc::Sender<Owed>,
    ) -> Lost {
        loop {
            let handled = match events.poll().await {
                Ok(Event::Incoming(packet)) => self.on_packet(packet, client, owe).await,
                Ok(Event::Outgoing(_)) => Ok(()),
                Err(error) => Err(Lost::Connection(error.into())),
            };
            if let Err(lost) = handled {
                return lost;
            }
        }
    }

    async fn on_packet(
        &mut self,
        packet: Packet,
        client: &AsyncClient,
        owe: &mpsc::Sender<Owed>,
    ) -> Result<(), Lost> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all others are the library's affair"
        )]
        match packet {
            Packet::ConnAck(_) => {
                let filters = self.config.subscriptions.iter().cloned();
                let filters = filters.map(|path| SubscribeFilter::new(path, QoS::AtLeastOnce));
                client
                    .try_subscribe_many(filters)
                    .map_err(|_full| Lost::Requests)
            }
            Packet::SubAck(answer) => self.on_subscribed(&answer),
            Packet::Publish(publish) => self.on_publish(publish, owe).await,
            _ => Ok(()),
        }
    }

    fn on_subscribed(&mut self, answer: &SubAck) -> Result<(), Lost> {
        let mut codes = answer.return_codes.iter();
        for filter in &self.config.subscriptions {
            match codes.next() {
                Some(SubscribeReasonCode::Success(_)) => {}
                Some(SubscribeReasonCode::Failure) | None => {
                    return Err(Lost::Subscription(filter.clone()));
                }
            }
        }
        self.subscribed += 1;
        let reconnects = self.subscribed.saturating_sub(1);
        self.status.send_modify(|status| {
            status.connected = true;
            status.reconnects = reconnects;
        });
        tracing::info!(
            client_id = &*self.client_id,
            reconnects,
            "subscribed at the broker"
        );
        Ok(())
    }

    async fn on_publish(&mut self, publish: Publish, owe: &mpsc::Sender<Owed>) -> Result<(), Lost> {
        let (done, verdict) = oneshot::channel();
        let delivery = Delivery {
            topic: publish.topic.clone(),
            payload: publish.payload.clone(),
            qos: qos(publish.qos),
            retain: publish.retain,
            dup: publish.dup,
            client_id: Arc::clone(&self.client_id),
            connection: self.connection,
            done,
        };
        self.inbox
            .send(delivery)
            .await
            .map_err(|_closed| Lost::IntakeGone)?;
        if publish.qos == QoS::AtMostOnce {
            return Ok(());
        }
        owe.try_send(Owed { publish, verdict })
            .map_err(|_full| Lost::TooManyOwed)
    }
}

/// Acknowledges in order what has become durable; ends well only when nothing more can be owed.
async fn acknowledge(client: &AsyncClient, debt: &mut Debt) -> Result<(), Lost> {
    loop {
        if let Some(publish) = &debt.due {
            client.ack(publish).await.map_err(|_gone| Lost::Requests)?;
            debt.due = None;
        }
        if debt.oldest.is_none() {
            debt.oldest = debt.rest.recv().await;
        }
        let Some(owed) = &mut debt.oldest else {
            return Ok(());
        };
        let verdict = (&mut owed.verdict).await;
        let owed = debt.oldest.take();
        match verdict {
            Ok(Verdict::Durable) => debt.due = owed.map(|owed| owed.publish),
            Ok(Verdict::Retry) | Err(_) => return Err(Lost::NotKept),
        }
    }
}

/// Settles the debt, then says DISCONNECT. Messages that still come are left for the next time.
async fn farewell(client: &AsyncClient, events: &mut EventLoop, debt: Option<&mut Debt>) {
    let parting = async {
        if let Some(debt) = debt {
            acknowledge(client, debt).await?;
        }
        client.disconnect().await.map_err(|_gone| Lost::Requests)
    };
    // The broker closes once it has read our DISCONNECT. Until then its view of what is
    // acknowledged is behind ours, and a new connection would be sent the rest again.
    let until_closed = async {
        let mut is_said = false;
        loop {
            match events.poll().await {
                Ok(Event::Outgoing(Outgoing::Disconnect)) => is_said = true,
                Ok(_) => {}
                Err(_) if is_said => return Ok(()),
                Err(error) => return Err(Lost::Connection(error.into())),
            }
        }
    };
    if let Err(lost) = tokio::try_join!(parting, until_closed) {
        tracing::debug!(%lost, "the connection ended before its DISCONNECT");
    }
}

async fn until_stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the session was dropped: that ends it too.
    let _is_dropped = stop.wait_for(|stopped| *stopped).await.is_err();
}

fn qos(qos: QoS) -> Qos {
    match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}
