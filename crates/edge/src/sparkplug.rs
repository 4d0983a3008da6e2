//! A Sparkplug host application between a way in and the intake.
//!
//! ```text
//! session or listener ─► [`Desk`] ─┬─► what is not Sparkplug, as it came
//!        ▲                         └─► [`Arrival`]: records by name, answered when on disk
//!        └── rebirth requests, STATE
//! ```
//!
//! Edge nodes publish with `QoS` 0, so no acknowledgement makes them send again: what is lost on
//! our side, by a full disk or a lost connection, is asked for by a rebirth. Where a message came
//! with `QoS` 1 all the same, its PUBACK waits until the records that it led to are on disk, also
//! while it is held for a message before it. That a host's session is clean (the specification
//! asks for it) means that the broker keeps nothing for us while we are away; the rebirths after
//! a connection are the remedy, and one that is not answered makes the node unknown.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use huitian_codec::NamedMessage;
use huitian_codec::sparkplug::{
    BIRTH_BYTES_MAX, Command, Host, Moment, NAMESPACE, Output, Said, is_death_of_host, state,
    state_topic,
};
use huitian_model::UtcMs;
use huitian_mqtt::{Delivery, Presence, Publisher, Qos, SessionConfig, SessionStatus, Verdict};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

mod settings;

pub use settings::HostConfig;

/// Messages that wait for a host: 256 births of 256 KiB are 64 MiB.
pub(crate) const INBOX_MAX: usize = 256;

/// Arrivals that wait to be on disk: one group commit.
const PENDING_MAX: usize = 4_096;

/// Bytes of a topic and a packet's other fields beside a payload.
const PACKET_ROOM: usize = 4 * 1024;

/// How long after a false STATE our listener says the true one once more: far longer than our
/// own broker needs to hand a message on.
const SAY_AGAIN: Duration = Duration::from_secs(1);

/// How long a death waits at our own listener before its connections end. Who is slower learns of
/// it by that end.
const PARTING: Duration = Duration::from_millis(200);

/// The wall clock of the program.
pub type Wall = Arc<dyn Fn() -> UtcMs + Send + Sync>;

/// What a host made of one message, or of the time.
#[derive(Debug)]
pub struct Arrival {
    /// What devices said, and what could not be used.
    pub named: NamedMessage,
    /// The topic of the message; of the host's own where time alone led to it.
    pub topic: String,
    /// Its payload; none where time alone led to it.
    pub payload: Bytes,
    /// Takes the intake's answer. What is not durable is asked for again.
    pub done: oneshot::Sender<Verdict>,
}

/// Shapes a session as the specification asks of a host: clean, with STATE, and subscribed to
/// all edge nodes and to its own STATE.
pub(crate) fn shape(session: &mut SessionConfig, host: &HostConfig, wall: &Wall) {
    let wall = Arc::clone(wall);
    session.packet_bytes_max = BIRTH_BYTES_MAX + PACKET_ROOM;
    session.presence = Some(Presence {
        topic: state_topic(&host.id),
        word: state,
        denies: is_death_of_host,
        now: Arc::new(move || wall().0),
    });
}

/// How a host publishes.
pub(crate) enum Mouth {
    /// On a session with another broker, which keeps its STATE itself; its status while it lasts.
    Session(Publisher, Option<watch::Receiver<SessionStatus>>),
    /// On our own listener.
    Listener(huitian_broker::Publisher),
}

/// Where a host's results go.
pub(crate) struct Exits {
    /// What is not Sparkplug.
    pub(crate) plain: mpsc::Sender<Delivery>,
    /// What is.
    pub(crate) named: mpsc::Sender<Arrival>,
}

/// Receipts of messages that wait for an arrival to be on disk.
struct Pending {
    done: oneshot::Receiver<Verdict>,
    receipts: Vec<oneshot::Sender<Verdict>>,
}

/// What happens at a desk.
enum Event {
    Delivery(Option<Delivery>),
    Verdict(Verdict),
    Status(bool),
    Time,
}

/// One host application at one way in.
pub(crate) struct Desk {
    host: Host<oneshot::Sender<Verdict>>,
    state_topic: String,
    wall: Wall,
    started: Instant,
    since: UtcMs,
    mouth: Mouth,
    exits: Exits,
    pending: VecDeque<Pending>,
    connection: u64,
    /// When our listener says once more that the host is there.
    again: Option<Instant>,
}

impl Desk {
    pub(crate) fn new(config: &HostConfig, wall: &Wall, mouth: Mouth, exits: Exits) -> Self {
        info!(host = config.id, "a Sparkplug host application");
        Self {
            host: Host::new(config.reorder_ms),
            state_topic: state_topic(&config.id),
            since: wall(),
            wall: Arc::clone(wall),
            started: Instant::now(),
            mouth,
            exits,
            pending: VecDeque::new(),
            connection: 0,
            again: None,
        }
    }

    /// Runs until no message can come any more and all that came is answered.
    pub(crate) async fn run(mut self, mut deliveries: mpsc::Receiver<Delivery>) {
        self.say_online();
        loop {
            let went_on = match self.next(&mut deliveries).await {
                Event::Delivery(None) => break,
                Event::Delivery(Some(delivery)) => self.on_delivery(delivery).await,
                Event::Verdict(verdict) => self.on_verdict(verdict).await,
                Event::Status(is_there) => self.on_status(is_there, &mut deliveries).await,
                Event::Time => {
                    if self
                        .again
                        .take_if(|again| *again <= Instant::now())
                        .is_some()
                    {
                        self.say_online();
                    }
                    let out = self.host.on_time(self.moment());
                    let topic = self.state_topic.clone();
                    self.hand_out(out, topic, Bytes::new()).await
                }
            };
            if !went_on {
                return;
            }
        }
        while !self.pending.is_empty() {
            let verdict = front(&mut self.pending).await;
            self.answer(verdict);
        }
    }

    async fn next(&mut self, deliveries: &mut mpsc::Receiver<Delivery>) -> Event {
        let due = self
            .host
            .due()
            .map(|ms| self.started + Duration::from_millis(ms));
        let due = match (due, self.again) {
            (Some(due), Some(again)) => Some(due.min(again)),
            (due, again) => due.or(again),
        };
        let is_due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let has_room = self.pending.len() < PENDING_MAX;
        tokio::select! {
            verdict = front(&mut self.pending) => Event::Verdict(verdict),
            is_there = changed(&mut self.mouth) => Event::Status(is_there),
            delivery = deliveries.recv(), if has_room => Event::Delivery(delivery),
            () = is_due, if has_room => Event::Time,
        }
    }

    fn moment(&self) -> Moment {
        let mono_ms = self.started.elapsed().as_millis();
        Moment {
            at: (self.wall)(),
            mono_ms: u64::try_from(mono_ms).unwrap_or(u64::MAX),
        }
    }

    async fn on_delivery(&mut self, delivery: Delivery) -> bool {
        let is_ours = delivery.topic.split('/').next() == Some(NAMESPACE);
        if !is_ours {
            return self.exits.plain.send(delivery).await.is_ok();
        }
        if delivery.topic == self.state_topic && is_death_of_host(&delivery.payload) {
            // A session answers it by itself, before we hear of it. Our own broker hands it to
            // its subscribers only after us: said once, our word would come before theirs.
            self.say_online();
            self.again = Some(Instant::now() + SAY_AGAIN);
        }
        let may_be_kept = matches!(self.mouth, Mouth::Session(..));
        let said = Said {
            topic: &delivery.topic,
            payload: &delivery.payload,
            is_retained: delivery.retain && may_be_kept,
        };
        let now = self.moment();
        let out = self.host.hear(said, delivery.done, now);
        self.hand_out(out, delivery.topic, delivery.payload).await
    }

    /// A connection after the first: what was said in between is gone.
    async fn on_status(
        &mut self,
        is_there: bool,
        deliveries: &mut mpsc::Receiver<Delivery>,
    ) -> bool {
        let Mouth::Session(_, standing) = &mut self.mouth else {
            return true;
        };
        let Some(status) = standing.as_ref().filter(|_| is_there) else {
            // The session has ended: what it handed over is still in the channel.
            *standing = None;
            deliveries.close();
            return true;
        };
        let (connected, connection) = {
            let status = status.borrow();
            (status.connected, status.connection)
        };
        if !connected || connection == self.connection {
            return true;
        }
        let is_first = std::mem::replace(&mut self.connection, connection) == 0;
        is_first || self.ask_anew().await
    }

    /// Asks all nodes for their births.
    async fn ask_anew(&mut self) -> bool {
        let out = self.host.on_interruption(self.moment());
        let topic = self.state_topic.clone();
        self.hand_out(out, topic, Bytes::new()).await
    }

    async fn on_verdict(&mut self, verdict: Verdict) -> bool {
        self.answer(verdict);
        match verdict {
            Verdict::Durable => true,
            // Whoever said it with QoS 0 does not say it again by itself.
            Verdict::Retry => self.ask_anew().await,
        }
    }

    fn answer(&mut self, verdict: Verdict) {
        let receipts = self.pending.pop_front().map(|pending| pending.receipts);
        for receipt in receipts.into_iter().flatten() {
            // Nobody waits for QoS 0.
            let _gone = receipt.send(verdict);
        }
    }

    /// Hands an output on; false where nobody takes it any more.
    async fn hand_out(
        &mut self,
        out: Output<oneshot::Sender<Verdict>>,
        topic: String,
        payload: Bytes,
    ) -> bool {
        for note in &out.notes {
            debug!(note, "Sparkplug");
        }
        for command in out.commands {
            self.command(command);
        }
        if out.named.records.is_empty() && out.named.refused.is_empty() {
            for receipt in out.settled {
                // Nobody waits for QoS 0.
                let _gone = receipt.send(Verdict::Durable);
            }
            return true;
        }
        let (done, verdict) = oneshot::channel();
        self.pending.push_back(Pending {
            done: verdict,
            receipts: out.settled,
        });
        let arrival = Arrival {
            named: out.named,
            topic,
            payload,
            done,
        };
        self.exits.named.send(arrival).await.is_ok()
    }

    /// Publishes with `QoS` 0, not retained. What cannot be sent now is asked again later.
    fn command(&self, command: Command) {
        let topic = command.topic;
        let sent = match &self.mouth {
            Mouth::Session(publisher, _) => publisher
                .try_publish(&topic, command.payload.into(), Qos::AtMostOnce)
                .map(drop)
                .map_err(|error| error.to_string()),
            Mouth::Listener(publisher) => publisher
                .publish(&topic, command.payload.into(), Qos::AtMostOnce, false)
                .map(drop)
                .map_err(|error| error.to_string()),
        };
        match sent {
            Ok(()) => info!(topic, "asked for a rebirth"),
            Err(error) => warn!(topic, error, "a rebirth could not be asked for"),
        }
    }

    /// Says on our own listener that the host is there; a session says so itself.
    fn say_online(&self) {
        if let Mouth::Listener(publisher) = &self.mouth {
            let _reached = say(publisher, &self.state_topic, (true, self.since));
        }
    }
}

/// Says on our own listener that its host is gone, and lets it reach who is connected: the
/// listener is about to end, and with it their connections.
pub(crate) async fn part(publisher: &huitian_broker::Publisher, topic: &str, at: UtcMs) {
    if say(publisher, topic, (false, at)) > 0 {
        sleep(PARTING).await;
    }
}

/// Says on our own listener whether a host is there; to how many.
fn say(
    publisher: &huitian_broker::Publisher,
    topic: &str,
    (is_online, at): (bool, UtcMs),
) -> usize {
    let word = state(is_online, at.0).into();
    match publisher.publish(topic, word, Qos::AtLeastOnce, true) {
        Ok(reach) => reach.queued,
        Err(error) => {
            warn!(%error, "the host's state could not be said");
            0
        }
    }
}

/// The answer to the oldest arrival; pends where there is none.
async fn front(pending: &mut VecDeque<Pending>) -> Verdict {
    match pending.front_mut() {
        // An answer that never comes is the same as to try again.
        Some(oldest) => (&mut oldest.done).await.unwrap_or(Verdict::Retry),
        None => std::future::pending().await,
    }
}

/// That the session's status changed: false once the session has ended.
async fn changed(mouth: &mut Mouth) -> bool {
    match mouth {
        Mouth::Session(_, Some(status)) => status.changed().await.is_ok(),
        Mouth::Session(_, None) | Mouth::Listener(_) => std::future::pending().await,
    }
}
