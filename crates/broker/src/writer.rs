//! What a client is sent: answers at once, acknowledgements when the disk has the message, and
//! messages of its subscriptions.
//!
//! Acknowledgements go out in the order of their messages (MQTT 5.0, 4.6), so that the writer waits
//! for the oldest only. It gathers what is ready and writes it with one system call.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use huitian_mqtt::Verdict;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::codec::{self, AckKind, reason};
use crate::ending::Ending;
use crate::reader::{Fate, Owed};
use crate::session::{Peer, Session};
use crate::shared::Shared;
use crate::socket::Outbound;

/// One write: the size of a socket's default send buffer, some 16,000 acknowledgements.
const WRITE_BYTES_MAX: usize = 64 << 10;
/// A client that does not take what it is sent is given up.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// After a connection has ended its messages may still become durable, and then go to
/// subscribers: for as long as a slow disk may take.
const SETTLE_MAX: Duration = Duration::from_secs(5);
/// A stopping broker waits this long for answers it still owes (it must stop within 2 s).
const STOP_MAX: Duration = Duration::from_secs(1);

pub(crate) struct Writer {
    pub(crate) socket: Outbound,
    pub(crate) shared: Arc<Shared>,
    pub(crate) session: Arc<Session>,
    pub(crate) peer: Peer,
    pub(crate) owed: mpsc::Receiver<Owed>,
    pub(crate) replies: mpsc::Receiver<Bytes>,
    pub(crate) oldest: Option<Owed>,
    pub(crate) out: BytesMut,
}

/// What woke the writer.
enum Wake {
    Reply(Bytes),
    Answer(Owed, Verdict),
    Session,
    /// The reader has ended and nothing is owed any more.
    Settled,
}

impl Writer {
    /// Writes until the connection ends. Safe to cancel: [`Writer::finish`] goes on from there.
    pub(crate) async fn run(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.step().await {
                return ending;
            }
        }
    }

    async fn step(&mut self) -> Result<(), Ending> {
        if self.out.is_empty() {
            match self.wake().await {
                Wake::Reply(bytes) => self.out.extend_from_slice(&bytes),
                Wake::Answer(owed, verdict) => self.settle(&owed, verdict)?,
                Wake::Session => {}
                Wake::Settled => return Err(Ending::Stopped),
            }
            self.gather()?;
        }
        self.flush().await
    }

    async fn wake(&mut self) -> Wake {
        tokio::select! {
            biased;
            Some(bytes) = self.replies.recv() => Wake::Reply(bytes),
            answer = next_answer(&mut self.oldest, &mut self.owed) => match answer {
                Some((owed, verdict)) => Wake::Answer(owed, verdict),
                None => Wake::Settled,
            },
            () = self.session.wake.notified() => Wake::Session,
        }
    }

    /// Adds all that can be sent without waiting.
    fn gather(&mut self) -> Result<(), Ending> {
        while self.out.len() < WRITE_BYTES_MAX {
            let Ok(bytes) = self.replies.try_recv() else {
                break;
            };
            self.out.extend_from_slice(&bytes);
        }
        while self.out.len() < WRITE_BYTES_MAX {
            let Some((owed, verdict)) = self.ready_answer() else {
                break;
            };
            self.settle(&owed, verdict)?;
        }
        if !self
            .session
            .write_waiting(self.peer, &mut self.out, WRITE_BYTES_MAX)
        {
            // The wake was for the newer connection.
            self.session.wake.notify_one();
            return Err(Ending::TakenOver);
        }
        Ok(())
    }

    fn ready_answer(&mut self) -> Option<(Owed, Verdict)> {
        let mut owed = match self.oldest.take() {
            Some(owed) => owed,
            None => self.owed.try_recv().ok()?,
        };
        match owed.verdict.try_recv() {
            Ok(verdict) => Some((owed, verdict)),
            Err(oneshot::error::TryRecvError::Closed) => Some((owed, Verdict::Retry)),
            Err(oneshot::error::TryRecvError::Empty) => {
                self.oldest = Some(owed);
                None
            }
        }
    }

    fn settle(&mut self, owed: &Owed, verdict: Verdict) -> Result<(), Ending> {
        match verdict {
            Verdict::Retry => {
                self.shared.tally.retried.add();
                return Err(Ending::NotKept);
            }
            Verdict::Durable => {}
        }
        note_durable(&self.shared, &self.session, owed);
        let reason = match owed.fate {
            Fate::HandedOver => {
                self.shared.tally.acknowledged.add();
                reason::SUCCESS
            }
            Fate::RateLimited => reason::SUCCESS,
            Fate::Forbidden => reason::NOT_AUTHORIZED,
        };
        let version = self.peer.version;
        codec::ack(&mut self.out, owed.kind, owed.id, reason, version);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Ending> {
        let writing = async {
            self.socket.write_all_buf(&mut self.out).await?;
            self.socket.flush().await
        };
        match timeout(WRITE_STALL_MAX, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Ending::Lost(error)),
            Err(_late) => Err(Ending::Silent),
        }
    }

    /// Says good-bye and closes, then lets messages that become durable go to subscribers.
    pub(crate) async fn finish(mut self, ending: &Ending) {
        self.owed.close();
        let deadline = Instant::now() + SETTLE_MAX;
        if matches!(ending, Ending::Stopped) {
            // Late answers are the senders' loss of a second, not of a message.
            let _in_time = timeout(STOP_MAX, self.run()).await;
        }
        if let Some(reason) = ending.reason() {
            codec::disconnect(&mut self.out, reason, self.peer.version);
            let farewell = async {
                self.flush().await?;
                self.socket.shutdown().await.map_err(Ending::Lost)
            };
            if timeout(STOP_MAX, farewell).await.is_err() {
                tracing::debug!(client = %self.session.client_id, "did not take its DISCONNECT");
            }
        }
        drop(self.socket);
        while let Ok(Some((owed, verdict))) =
            timeout_at(deadline, next_answer(&mut self.oldest, &mut self.owed)).await
        {
            if verdict == Verdict::Durable {
                note_durable(&self.shared, &self.session, &owed);
            }
        }
    }
}

fn note_durable(shared: &Shared, session: &Session, owed: &Owed) {
    if let Some(message) = &owed.message {
        shared.exchange.route(message);
    }
    // A refused message is over with its PUBREC (MQTT 5.0, 4.3.3): its id is free again.
    if owed.kind == AckKind::Pubrec && owed.fate != Fate::Forbidden {
        session.remember_received(owed.id);
    }
}

/// The oldest owed acknowledgement with its answer; none when no more can come. Safe to cancel.
async fn next_answer(
    oldest: &mut Option<Owed>,
    owed: &mut mpsc::Receiver<Owed>,
) -> Option<(Owed, Verdict)> {
    if oldest.is_none() {
        *oldest = owed.recv().await;
    }
    let verdict = (&mut oldest.as_mut()?.verdict)
        .await
        .unwrap_or(Verdict::Retry);
    oldest.take().map(|owed| (owed, verdict))
}
