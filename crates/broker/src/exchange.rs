//! Who is known to the broker, and who gets which message.
//!
//! Publishing devices are many and subscribers few (an operator who watches the traffic), so that
//! sessions with subscriptions are kept apart: a message with no subscriber costs one atomic load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::codec::{Message, Publish, Subscription, reason};
use crate::counts::Tally;
use crate::notice::{Notice, Notices};
use crate::publisher::Reach;
use crate::session::{Offer, Session, wants_retained};
use crate::takeovers::Takeovers;
use crate::topic;
use crate::users::User;

/// How long a session outlives its connection: one hour, whatever longer time the client asks for.
pub(crate) const SESSION_EXPIRY_S_MAX: u32 = 3_600;
/// Sessions, with or without a connection: twice the connections a broker takes by default.
const SESSIONS_MAX: usize = 20_000;
/// Retained messages: three for each of 3,000 channels of a district.
const RETAINED_MAX: usize = 10_000;
/// Bytes of all retained messages: 32 MiB, 3 KiB for each.
const RETAINED_BYTES_MAX: usize = 32 << 20;

/// All sessions and retained messages.
#[derive(Debug)]
pub(crate) struct Exchange {
    state: Mutex<State>,
    has_subscribers: AtomicBool,
    tally: Arc<Tally>,
    notices: Arc<Notices>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<Arc<str>, Arc<Session>>,
    subscribers: BTreeMap<Arc<str>, Arc<Session>>,
    retained: BTreeMap<String, Arc<Message>>,
    retained_bytes: usize,
    takeovers: Takeovers,
}

/// A client that asks for its session.
pub(crate) struct Hello {
    pub(crate) client_id: Arc<str>,
    pub(crate) user: Option<Arc<User>>,
    pub(crate) clean_start: bool,
    pub(crate) expiry: Duration,
}

/// A session in the hands of a connection.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) session: Arc<Session>,
    pub(crate) session_present: bool,
    /// Resolves when a newer connection takes the session over.
    pub(crate) taken_over: oneshot::Receiver<()>,
}

impl Exchange {
    pub(crate) fn new(tally: Arc<Tally>, notices: Arc<Notices>) -> Self {
        Self {
            state: Mutex::new(State::default()),
            has_subscribers: AtomicBool::new(false),
            tally,
            notices,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a client its session, new if it asks so or has none. None if there are too many.
    pub(crate) fn attach(&self, hello: Hello, connection: u64) -> Option<Attached> {
        let Hello {
            client_id,
            user,
            clean_start,
            expiry,
        } = hello;
        let mut state = self.state();
        let known = state.sessions.get(&client_id).cloned();
        if known.as_ref().is_some_and(|session| session.is_owned()) {
            self.note_takeover(&mut state, &client_id);
        }
        let kept = known.filter(|session| {
            // What a user subscribed to with other rights is not another's, nor its own any more.
            let is_same = session.user == user;
            let is_kept = is_same && !clean_start && !session.is_expired(Instant::now());
            if !is_kept {
                session.evict();
            }
            is_kept
        });
        let session_present = kept.is_some();
        let session = if let Some(session) = kept {
            session
        } else {
            if state.sessions.len() >= SESSIONS_MAX && !state.sessions.contains_key(&client_id) {
                return None;
            }
            let session = Arc::new(Session::new(Arc::clone(&client_id), user));
            state
                .sessions
                .insert(Arc::clone(&client_id), Arc::clone(&session));
            state.subscribers.remove(&client_id);
            self.note_subscribers(&state);
            session
        };
        let taken_over = session.attach(connection, expiry);
        Some(Attached {
            session,
            session_present,
            taken_over,
        })
    }

    fn note_takeover(&self, state: &mut State, client_id: &Arc<str>) {
        self.tally.takeovers.add();
        if state.takeovers.note(client_id, tokio::time::Instant::now()) {
            tracing::warn!(client = %client_id, "a client id is taken over again and again");
            let client_id = Arc::clone(client_id);
            self.notices.say(Notice::DuplicateClientId { client_id });
        }
    }

    /// Ends a connection's hold on its session, and the session with it if it is not to be kept.
    pub(crate) fn detach(&self, session: &Arc<Session>, connection: u64) {
        if session.detach(connection, Instant::now()) && session.expiry().is_zero() {
            self.remove(session);
        }
    }

    /// Removes sessions whose time is over.
    pub(crate) fn expire(&self, now: Instant) {
        let expired: Vec<_> = {
            let state = self.state();
            state
                .sessions
                .values()
                .filter(|session| session.is_expired(now))
                .cloned()
                .collect()
        };
        for session in expired {
            self.remove(&session);
        }
    }

    fn remove(&self, session: &Arc<Session>) {
        let mut state = self.state();
        let is_current = state
            .sessions
            .get(&session.client_id)
            .is_some_and(|current| Arc::ptr_eq(current, session) && !current.is_owned());
        if is_current {
            state.sessions.remove(&session.client_id);
            state.subscribers.remove(&session.client_id);
            self.note_subscribers(&state);
        }
    }

    fn note_subscribers(&self, state: &State) {
        self.has_subscribers
            .store(!state.subscribers.is_empty(), Ordering::Release);
    }

    /// The message as it goes to subscribers; none if there is no subscriber and nothing to retain.
    pub(crate) fn message_for_others(
        &self,
        publish: &Publish,
        publisher: &Arc<str>,
    ) -> Option<Arc<Message>> {
        if !publish.retain && !self.has_subscribers.load(Ordering::Acquire) {
            return None;
        }
        Some(Arc::new(Message {
            topic: publish.topic.clone(),
            payload: publish.payload.clone(),
            qos: publish.qos,
            retain: publish.retain,
            properties: publish.properties.clone(),
            publisher: Arc::clone(publisher),
        }))
    }

    /// Hands a message to every subscriber, and keeps it if it is to be retained.
    pub(crate) fn route(&self, message: &Arc<Message>) -> Reach {
        let mut reach = Reach::default();
        if message.retain {
            self.retain(message);
        }
        if !self.has_subscribers.load(Ordering::Acquire) {
            return reach;
        }
        let state = self.state();
        for session in state.subscribers.values() {
            match session.offer(message) {
                Offer::Unwanted => {}
                Offer::Queued => reach.queued += 1,
                Offer::Dropped => {
                    reach.dropped += 1;
                    self.tally.dropped_for_slow_subscribers.add();
                }
            }
        }
        reach
    }

    fn retain(&self, message: &Arc<Message>) {
        let mut state = self.state();
        let freed = state
            .retained
            .get(&message.topic)
            .map_or(0, |old| size(old));
        let bytes = state.retained_bytes.saturating_sub(freed);
        if message.payload.is_empty() {
            state.retained.remove(&message.topic);
            state.retained_bytes = bytes;
            return;
        }
        let is_known = state.retained.contains_key(&message.topic);
        let bytes = bytes.saturating_add(size(message));
        if (!is_known && state.retained.len() >= RETAINED_MAX) || bytes > RETAINED_BYTES_MAX {
            self.tally.not_retained.add();
            return;
        }
        state.retained_bytes = bytes;
        // A copy: the payload is a slice that would hold a whole receive buffer alive.
        let copy = Message {
            payload: Bytes::copy_from_slice(&message.payload),
            properties: Bytes::copy_from_slice(&message.properties),
            ..Message::clone(message)
        };
        state.retained.insert(copy.topic.clone(), Arc::new(copy));
    }

    /// Adds a subscription and queues its retained messages. The SUBACK code for it.
    pub(crate) fn subscribe(&self, session: &Arc<Session>, subscription: Subscription) -> u8 {
        if subscription.filter.starts_with("$share/") {
            return reason::SHARED_NOT_SUPPORTED;
        }
        if !topic::is_filter(&subscription.filter) {
            return reason::TOPIC_FILTER_INVALID;
        }
        let user = session.user.as_ref();
        if user.is_some_and(|user| !user.may_subscribe(&subscription.filter)) {
            self.tally.refused_subscriptions.add();
            return reason::NOT_AUTHORIZED;
        }
        let (filter, qos) = (subscription.filter.clone(), subscription.qos);
        let handling = subscription.retain_handling;
        let mut state = self.state();
        let is_current = state
            .sessions
            .get(&session.client_id)
            .is_some_and(|s| Arc::ptr_eq(s, session));
        if !is_current {
            return reason::IMPLEMENTATION_SPECIFIC;
        }
        let Some(is_new) = session.subscribe(subscription) else {
            return reason::QUOTA_EXCEEDED;
        };
        state
            .subscribers
            .insert(Arc::clone(&session.client_id), Arc::clone(session));
        self.note_subscribers(&state);
        self.send_retained(
            &state,
            session,
            (&filter, qos),
            wants_retained(handling, is_new),
        );
        qos.level()
    }

    fn send_retained(
        &self,
        state: &State,
        session: &Session,
        (filter, qos): (&str, huitian_mqtt::Qos),
        is_wanted: bool,
    ) {
        if !is_wanted {
            return;
        }
        for message in state
            .retained
            .values()
            .filter(|m| topic::matches(filter, &m.topic))
        {
            if session.offer_retained(message, qos) == Offer::Dropped {
                self.tally.dropped_for_slow_subscribers.add();
            }
        }
    }

    /// Ends a subscription. The UNSUBACK code for it.
    pub(crate) fn unsubscribe(&self, session: &Arc<Session>, filter: &str) -> u8 {
        let existed = session.unsubscribe(filter);
        if !session.has_subscriptions() {
            let mut state = self.state();
            let is_current = state
                .subscribers
                .get(&session.client_id)
                .is_some_and(|s| Arc::ptr_eq(s, session));
            if is_current {
                state.subscribers.remove(&session.client_id);
                self.note_subscribers(&state);
            }
        }
        if existed {
            reason::SUCCESS
        } else {
            reason::NO_SUBSCRIPTION_EXISTED
        }
    }
}

fn size(message: &Message) -> usize {
    message.topic.len() + message.payload.len() + message.properties.len()
}
