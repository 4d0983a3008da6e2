//! Publishes a world's messages live over MQTT.
//!
//! Messages are dealt to connections by device, so that one device's messages keep their order.
//! A connection that breaks is made again with a growing pause, and what was not acknowledged
//! is sent again with the duplicate mark.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::messages::SimMessage;
use crate::mqtt::{self, Answer};

/// Messages that wait for one connection, beside those in flight: 64 x 1.5 KB = 96 KB.
const QUEUE_MAX: usize = 64;
/// Messages in flight per connection: what mosquitto takes by default.
const IN_FLIGHT_MAX: usize = 20;
/// Most connections.
const CONNECTIONS_MAX: usize = 256;
/// How often the clock is looked at while nothing is due.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Keep-alive told to the broker, s; a ping goes out three times as often.
const KEEP_ALIVE_S: u16 = 30;
/// How long a broker may take to accept a connection, and to acknowledge the rest at the end.
const PATIENCE: Duration = Duration::from_secs(3);
/// First and longest pause before a connection is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// How to publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublishConfig {
    /// The broker; loopback only.
    pub broker: SocketAddr,
    /// Connections to it, 1 to 256.
    pub connections: usize,
    /// Whether the broker acknowledges each message (quality of service 1, else 0).
    pub acknowledged: bool,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Messages written to a connection, each counted once.
    pub sent: u64,
    /// Messages that the broker acknowledged.
    pub acknowledged: u64,
    /// Messages written again after a connection broke.
    pub sent_again: u64,
    /// Times that a connection could not be made or broke.
    pub broken: u64,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    sent_again: AtomicU64,
    broken: AtomicU64,
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// Publishes `messages`, each once `clock` (ms UTC) has reached its arrival, until they end or
/// `shutdown` turns true (or its sender is gone). Then waits up to 3 s for the last answers.
///
/// # Errors
/// `InvalidInput` for a broker that is not on loopback. A broker that is away is no error: it
/// is tried again until `shutdown`.
pub async fn publish(
    config: PublishConfig,
    messages: impl Iterator<Item = SimMessage>,
    clock: impl Fn() -> i64,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<Summary> {
    if !config.broker.ip().is_loopback() {
        let text = format!("expected a loopback address, found {}", config.broker);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let counts = Arc::new(Counts::default());
    let mut tasks = JoinSet::new();
    let mut queues = Vec::new();
    for number in 0..config.connections.clamp(1, CONNECTIONS_MAX) {
        let (queue, due) = mpsc::channel(QUEUE_MAX);
        queues.push(queue);
        let line = Line {
            config,
            client: format!("firmware-sim-{}-{number}", std::process::id()),
            counts: Arc::clone(&counts),
            due,
            in_flight: VecDeque::new(),
            next_id: 0,
        };
        tasks.spawn(line.run(shutdown.clone()));
    }
    deal(messages, clock, &queues, &mut shutdown).await;
    drop(queues);
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    Ok(Summary {
        sent: counts.sent.load(Ordering::Relaxed),
        acknowledged: counts.acknowledged.load(Ordering::Relaxed),
        sent_again: counts.sent_again.load(Ordering::Relaxed),
        broken: counts.broken.load(Ordering::Relaxed),
    })
}

/// Completes once the flag is true or its sender is gone.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // A sender that is gone cannot say stop any more: stop.
    if shutdown.wait_for(|stop| *stop).await.is_err() {}
}

async fn deal(
    messages: impl Iterator<Item = SimMessage>,
    clock: impl Fn() -> i64,
    queues: &[mpsc::Sender<SimMessage>],
    shutdown: &mut watch::Receiver<bool>,
) {
    for message in messages {
        while clock() < message.arrive_at_ms {
            tokio::select! {
                () = stopped(shutdown) => return,
                () = sleep(LOOK_AGAIN) => {}
            }
        }
        let number = usize::try_from(message.device).unwrap_or(0) % queues.len().max(1);
        let Some(queue) = queues.get(number) else {
            return;
        };
        tokio::select! {
            () = stopped(shutdown) => return,
            sent = queue.send(message) => if sent.is_err() { return },
        }
    }
}

/// One connection and what goes over it.
struct Line {
    config: PublishConfig,
    client: String,
    counts: Arc<Counts>,
    due: mpsc::Receiver<SimMessage>,
    in_flight: VecDeque<(u16, SimMessage)>,
    next_id: u16,
}

impl Line {
    async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut pause = PAUSE.0;
        loop {
            let ended = tokio::select! {
                ended = self.session(&mut pause) => ended,
                () = overdue(&mut shutdown) => return,
            };
            if ended.is_ok() {
                return;
            }
            one_more(&self.counts.broken);
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(PAUSE.1),
                () = stopped(&mut shutdown) => return,
            }
        }
    }

    /// One connection, from CONNECT to the end of all messages (`Ok`) or to its break.
    async fn session(&mut self, pause: &mut Duration) -> io::Result<()> {
        let (mut read, mut write) = self.connect().await?;
        *pause = PAUSE.0;
        for (id, message) in &self.in_flight {
            let bytes = mqtt::publish(&message.topic, &message.payload, Some(*id), true);
            write.write_all(&bytes).await?;
            one_more(&self.counts.sent_again);
        }
        // Reading is not safe to cancel, so it has a task of its own, which ends with this one.
        let (tell, mut answers) = mpsc::channel(IN_FLIGHT_MAX);
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            loop {
                let answer = mqtt::read(&mut read).await;
                let broken = answer.is_err();
                if tell.send(answer).await.is_err() || broken {
                    return;
                }
            }
        });
        let mut pings = interval(Duration::from_secs(u64::from(KEEP_ALIVE_S / 3)));
        let mut heard = Instant::now();
        let mut open = true;
        while open || !self.in_flight.is_empty() {
            tokio::select! {
                answer = answers.recv() => {
                    heard = Instant::now();
                    let Some(answer) = answer else {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    };
                    self.on_answer(answer?);
                }
                due = self.due.recv(), if open && self.in_flight.len() < IN_FLIGHT_MAX => {
                    match due {
                        Some(message) => self.send(&mut write, message).await?,
                        None => open = false,
                    }
                }
                _ = pings.tick() => {
                    if heard.elapsed() > Duration::from_secs(u64::from(KEEP_ALIVE_S)) {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    write.write_all(&mqtt::PING).await?;
                }
            }
        }
        write.write_all(&mqtt::DISCONNECT).await?;
        write.shutdown().await
    }

    async fn connect(&self) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = timeout(PATIENCE, TcpStream::connect(self.config.broker))
            .await
            .map_err(late)??;
        stream.set_nodelay(true)?;
        let (mut read, mut write) = stream.into_split();
        let hello = mqtt::connect(&self.client, KEEP_ALIVE_S);
        write.write_all(&hello).await?;
        match timeout(PATIENCE, mqtt::read(&mut read))
            .await
            .map_err(late)??
        {
            Answer::Connack(0) => Ok((read, write)),
            other @ (Answer::Connack(_) | Answer::Puback(_) | Answer::Pingresp) => {
                let text = format!("expected CONNACK 0, found {other:?}");
                Err(io::Error::new(io::ErrorKind::ConnectionRefused, text))
            }
        }
    }

    async fn send(&mut self, write: &mut OwnedWriteHalf, message: SimMessage) -> io::Result<()> {
        let (topic, payload) = (&message.topic, &message.payload);
        one_more(&self.counts.sent);
        if !self.config.acknowledged {
            let bytes = mqtt::publish(topic, payload, None, false);
            return write.write_all(&bytes).await;
        }
        // 1 to 65,535; at most 20 are in flight, so an id is free again long before its turn.
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        let bytes = mqtt::publish(topic, payload, Some(self.next_id), false);
        self.in_flight.push_back((self.next_id, message));
        write.write_all(&bytes).await
    }

    fn on_answer(&mut self, answer: Answer) {
        if let Answer::Puback(id) = answer
            && let Some(place) = self.in_flight.iter().position(|(of, _)| *of == id)
        {
            self.in_flight.remove(place);
            one_more(&self.counts.acknowledged);
        }
    }
}

/// Completes when the last answers have had their time after a stop.
async fn overdue(shutdown: &mut watch::Receiver<bool>) {
    stopped(shutdown).await;
    sleep(PATIENCE).await;
}

#[cfg(test)]
mod tests;
