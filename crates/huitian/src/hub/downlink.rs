//! Answers on their way to edges, through whichever broker an edge was heard on.
//!
//! Nothing depends on an answer arriving: an edge that hears nothing says it again. So a full
//! queue drops answers, and counts them.

use std::sync::Arc;

use huitian_broker::Publisher;
use huitian_edge::Way;
use huitian_model::uplink;
use huitian_mqtt::Qos;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use super::uplink::Answer;
use crate::metrics::Metrics;

/// Answers that wait: 127 edges with two frames each and some configurations between.
const ANSWERS_MAX: usize = 512;

/// Where answers go in.
#[derive(Clone)]
pub struct Downlinks {
    queue: mpsc::Sender<Answer>,
    metrics: Arc<Metrics>,
}

impl Downlinks {
    /// The way in, and what is to be carried by [`carry`].
    pub fn new(metrics: Arc<Metrics>) -> (Self, mpsc::Receiver<Answer>) {
        let (queue, answers) = mpsc::channel(ANSWERS_MAX);
        (Self { queue, metrics }, answers)
    }

    /// Sends an answer if there is room.
    pub fn send(&self, answer: Answer) {
        if self.queue.try_send(answer).is_err() {
            self.metrics.answers_dropped.inc();
        }
    }
}

/// The brokers that edges are heard on.
pub struct Ways {
    /// The embedded one.
    pub embedded: Option<Publisher>,
    /// Sessions with external ones, in the order of the settings.
    pub external: Vec<huitian_mqtt::Publisher>,
}

/// Carries answers until `stop`.
pub async fn carry(
    mut answers: mpsc::Receiver<Answer>,
    ways: Ways,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let answer = tokio::select! {
            answer = answers.recv() => answer,
            _stopped = stop.wait_for(|stop| *stop) => return,
        };
        let Some(Answer { edge, path, down }) = answer else {
            return;
        };
        let bytes = match uplink::encode(&down) {
            Ok(bytes) => bytes,
            Err(error) => {
                error!(%edge, %error, "an answer cannot be written");
                continue;
            }
        };
        let topic = uplink::topic_down(&edge);
        let sent = match path {
            Way::Embedded => match &ways.embedded {
                Some(publisher) => publisher
                    .publish(&topic, bytes.into(), Qos::AtLeastOnce, false)
                    .map(|_reach| ())
                    .map_err(|error| error.to_string()),
                None => Err("there is no embedded broker".to_owned()),
            },
            Way::External(number) => match ways.external.get(usize::from(number)) {
                Some(publisher) => publisher
                    .publish(&topic, bytes.into(), Qos::AtLeastOnce)
                    .await
                    .map(|_token| ())
                    .map_err(|error| error.to_string()),
                None => Err(format!("there is no session {number}")),
            },
        };
        if let Err(error) = sent {
            warn!(%edge, error, "an edge could not be answered: it will say it again");
        }
    }
}
