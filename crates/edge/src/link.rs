//! The uplink's connection: messages of the keeper out, answers of the hub in.
//!
//! What goes out on a connection that has ended is thrown away: the keeper says it again on the
//! next one. PUBACKs are not looked at, for only the hub's word frees anything.

use bytes::Bytes;
use huitian_model::{EdgeId, uplink};
use huitian_mqtt::{Delivery, Qos, Session, SessionConfig, SessionError, SessionStatus, Verdict};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use crate::keeper::{Ask, LinkEvent, News, Outgoing};

/// Answers that wait for the keeper.
const ANSWERS_MAX: usize = 256;

/// Messages to the hub that wait: what may be on its way, and some greetings.
pub const OUTGOING_MAX: usize = 64;

/// Runs the connection until `stop`. An enrolment asks to hear of a refusal: with a wrong token
/// there is nothing to wait for.
///
/// # Errors
/// [`SessionError`] where the settings cannot be used.
pub async fn run(
    (config, refusals): (SessionConfig, Option<mpsc::Sender<News>>),
    edge: EdgeId,
    asks: mpsc::Sender<Ask>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), SessionError> {
    let (inbox, mut answers) = mpsc::channel::<Delivery>(ANSWERS_MAX);
    let session = Session::connect(config, inbox)?;
    let publisher = session.publisher();
    let mut status = session.status();
    let topic = uplink::topic_up(&edge);
    let mut connection = None;
    loop {
        let next = tokio::select! {
            biased;
            _stopped = stop.wait_for(|stop| *stop) => break,
            changed = status.changed() => {
                if changed.is_err() {
                    break;
                }
                Next::Status(status.borrow_and_update().clone())
            }
            Some(answer) = answers.recv() => Next::Answer(answer),
            Some((number, bytes)) = outgoing.recv() => Next::Out(number, bytes),
        };
        let event = match next {
            Next::Status(now) => {
                if let (Some(news), true) = (&refusals, now.refused) {
                    // Where it is full the same has been said already.
                    let _said = news.try_send(News::NotEnrolled);
                }
                let present = now.connected.then_some(now.connection);
                if present == connection {
                    continue;
                }
                connection = present;
                on_status(&now)
            }
            Next::Answer(answer) => {
                let bytes = answer.payload.to_vec();
                // An answer that is lost is asked for again: the broker need not keep it.
                let _ended = answer.answer(Verdict::Durable);
                LinkEvent::Down(bytes)
            }
            Next::Out(number, bytes) => {
                if connection == Some(number) {
                    let sent = publisher.publish(&topic, Bytes::from(bytes), Qos::AtLeastOnce);
                    if let Err(error) = sent.await {
                        debug!(%error, "a message did not go out");
                    }
                }
                continue;
            }
        };
        if asks.send(Ask::Link(event)).await.is_err() {
            break;
        }
    }
    session.stop().await;
    Ok(())
}

enum Next {
    Status(SessionStatus),
    Answer(Delivery),
    Out(u64, Vec<u8>),
}

fn on_status(now: &SessionStatus) -> LinkEvent {
    if now.connected {
        info!(connection = now.connection, "connected to the hub's broker");
        return LinkEvent::Connected(now.connection);
    }
    let error = now.last_error.clone().unwrap_or_default();
    warn!(error, "the hub cannot be reached: readings are kept");
    LinkEvent::Disconnected
}
