//! The acknowledgements owed to the broker on one connection, given in the order of the messages.

use tokio::sync::{mpsc, oneshot};

use crate::delivery::{Qos, Verdict};
use crate::wire::Mouth;

/// Acknowledgements owed: there are no more packet identifiers than that.
const OWED_MAX: usize = 65_535;

/// A message that is to be acknowledged once it is durable.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) qos: Qos,
    pub(crate) id: u16,
    pub(crate) verdict: oneshot::Receiver<Verdict>,
}

/// A message that must come again, or a connection that takes no more acknowledgements.
#[derive(Debug)]
pub(crate) struct NotKept;

/// Acknowledgements owed on one connection, in order. What is being waited for lies apart from the
/// rest, so that the waiting can be interrupted and taken up again.
#[derive(Debug)]
pub(crate) struct Debt {
    /// Durable, and on its way to the library.
    due: Option<(Qos, u16)>,
    /// Waits for its verdict.
    oldest: Option<Owed>,
    rest: mpsc::Receiver<Owed>,
}

impl Debt {
    pub(crate) fn new() -> (mpsc::Sender<Owed>, Self) {
        let (owe, rest) = mpsc::channel(OWED_MAX);
        let debt = Self {
            due: None,
            oldest: None,
            rest,
        };
        (owe, debt)
    }

    /// Acknowledges in order what has become durable; ends well only when nothing more can be owed.
    pub(crate) async fn settle(&mut self, mouth: &Mouth) -> Result<(), NotKept> {
        loop {
            if let Some((qos, id)) = self.due {
                mouth.acknowledge(qos, id).await.map_err(|_gone| NotKept)?;
                self.due = None;
            }
            if self.oldest.is_none() {
                self.oldest = self.rest.recv().await;
            }
            let Some(owed) = &mut self.oldest else {
                return Ok(());
            };
            let verdict = (&mut owed.verdict).await;
            let owed = self.oldest.take();
            match verdict {
                Ok(Verdict::Durable) => self.due = owed.map(|owed| (owed.qos, owed.id)),
                Ok(Verdict::Retry) | Err(_) => return Err(NotKept),
            }
        }
    }
}
