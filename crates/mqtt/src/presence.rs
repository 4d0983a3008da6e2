//! A retained message that says whether we are there, as Sparkplug asks of its host applications.
//!
//! Each connection has an instant of its own: the will that CONNECT carries says "gone" at that
//! instant, and once all is subscribed, before anything else is published, "there" at the same.
//! Whoever holds the two against each other so knows which of them belong together. Where the
//! broker hands us a "gone" while we are there (the will of a connection that it noticed late),
//! "there" is said again. A session that is stopped says "gone" before its DISCONNECT, since the
//! broker forgets the will then.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::config::LastWill;
use crate::delivery::Qos;
use crate::publisher::Flight;
use crate::wire::{Gone, Mouth, Publishing};

/// Says whether we are there.
#[derive(Clone)]
pub struct Presence {
    /// Where it says so.
    pub topic: String,
    /// What it says: whether we are there, and since when or at which instant not, in
    /// milliseconds since 1970.
    pub word: fn(bool, i64) -> String,
    /// Whether a message on the topic says that we are gone.
    pub denies: fn(&[u8]) -> bool,
    /// The wall clock, in milliseconds since 1970.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// The same where it says so is the same: clocks are not compared.
impl PartialEq for Presence {
    fn eq(&self, other: &Self) -> bool {
        self.topic == other.topic
    }
}

impl Eq for Presence {}

/// The presence on one connection.
#[derive(Debug)]
pub(crate) struct Present {
    presence: Option<Presence>,
    since: AtomicI64,
    denied: Notify,
}

impl Present {
    /// For a connection that is about to begin.
    pub(crate) fn new(presence: Option<&Presence>) -> Self {
        let now = presence.map_or(0, |presence| (presence.now)());
        Self {
            presence: presence.cloned(),
            since: AtomicI64::new(now),
            denied: Notify::new(),
        }
    }

    /// The will that goes with CONNECT.
    pub(crate) fn last_will(&self) -> Option<LastWill> {
        let presence = self.presence.as_ref()?;
        Some(LastWill {
            topic: presence.topic.clone(),
            payload: self.word(presence, false),
            qos: Qos::AtLeastOnce,
            retain: true,
        })
    }

    /// A message came: where it denies us, [`Self::insist`] answers it.
    pub(crate) fn heard(&self, topic: &str, payload: &[u8]) {
        let denies = |presence: &Presence| presence.topic == topic && (presence.denies)(payload);
        if self.presence.as_ref().is_some_and(denies) {
            self.denied.notify_one();
        }
    }

    /// Says that we are there.
    pub(crate) async fn begin(&self, mouth: &Mouth, flight: &Flight) -> Result<(), Gone> {
        let Some(presence) = &self.presence else {
            return Ok(());
        };
        say(presence, self.word(presence, true), (mouth, flight)).await
    }

    /// Says that we are there whenever that was denied. However often that was since the last
    /// time, once is enough.
    pub(crate) async fn insist(&self, mouth: &Mouth, flight: &Flight) -> Gone {
        loop {
            self.denied.notified().await;
            if let Err(gone) = self.begin(mouth, flight).await {
                return gone;
            }
        }
    }

    /// Says that we are gone, as of now.
    pub(crate) async fn part(&self, mouth: &Mouth, flight: &Flight) -> Result<(), Gone> {
        let Some(presence) = &self.presence else {
            return Ok(());
        };
        self.since.store((presence.now)(), Ordering::Relaxed);
        let word = self.word(presence, false);
        say(presence, word, (mouth, flight)).await
    }

    fn word(&self, presence: &Presence, is_there: bool) -> Bytes {
        let since = self.since.load(Ordering::Relaxed);
        (presence.word)(is_there, since).into()
    }
}

async fn say(
    presence: &Presence,
    payload: Bytes,
    (mouth, flight): (&Mouth, &Flight),
) -> Result<(), Gone> {
    // Nobody waits for what becomes of it: without PUBACK the patience ends the connection.
    let (answer, _fate) = tokio::sync::oneshot::channel();
    flight.hand_over(answer, flight.place().await);
    let publishing = Publishing {
        topic: presence.topic.clone(),
        payload,
        is_acknowledged: true,
        retain: true,
    };
    mouth.publish(publishing).await
}
