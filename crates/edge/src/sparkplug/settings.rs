//! `sparkplug` and `sparkplug_reorder` of a broker or of our own listener.

use huitian_codec::sparkplug::state_topic;
use huitian_mqtt::SessionConfig;
use huitian_settings::{ConfigFault, Span};

use crate::sources::{BrokerRaw, Defaults};

/// Reorder timeout unless the settings say otherwise: an order that is lost in a broker is
/// mended within milliseconds, one that is lost in a node's outbox within a second.
const REORDER_MS: u64 = 2_000;

/// Shortest and longest reorder timeout. A minute at ten messages a second is nine times what is
/// held of one node.
const REORDER_MS_RANGE: std::ops::RangeInclusive<u64> = 100..=60_000;

/// Characters of a host id.
const ID_CHARS_MAX: usize = 128;

/// A Sparkplug host application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Its id, unique in the plant: the last level of its STATE topic.
    pub id: String,
    /// How long it waits for messages that are missing in the order.
    pub reorder_ms: u64,
}

impl HostConfig {
    /// Checks the two keys; none where neither is there.
    pub(crate) fn check(
        key: &str,
        id: Option<String>,
        reorder: Option<Span>,
    ) -> Result<Option<Self>, ConfigFault> {
        let Some(id) = id else {
            return match reorder {
                None => Ok(None),
                Some(_) => Err(ConfigFault::plain(format!(
                    "{key}.sparkplug_reorder needs {key}.sparkplug"
                ))),
            };
        };
        let is_long = id.chars().nth(ID_CHARS_MAX).is_some();
        if id.is_empty() || is_long || id.contains(['/', '+', '#', '\0']) {
            return Err(ConfigFault::plain(format!(
                "{key}.sparkplug: expected a host id of 1 to {ID_CHARS_MAX} characters without \
                 / + #, found {id:?}"
            )));
        }
        let reorder_ms = reorder.map_or(REORDER_MS, |span| span.0.unsigned_abs());
        if !REORDER_MS_RANGE.contains(&reorder_ms) {
            return Err(ConfigFault::plain(format!(
                "{key}.sparkplug_reorder must be 100ms to 60s, found {reorder_ms} ms"
            )));
        }
        Ok(Some(Self { id, reorder_ms }))
    }

    /// The session of a host: clean, forgotten at its end, and subscribed to all edge nodes and
    /// to its own STATE, beside `topics` where the settings name some.
    pub(crate) fn session(&self, session: &mut SessionConfig, topics: Option<Vec<String>>) {
        session.clean_start = true;
        session.session_expiry = std::time::Duration::ZERO;
        session.subscriptions = topics.unwrap_or_default();
        session.subscriptions.push("spBv1.0/#".to_owned());
        session.subscriptions.push(state_topic(&self.id));
    }
}

impl BrokerRaw {
    /// The session that it asks for, and the Sparkplug host application that it is to be.
    pub(crate) fn check_host(
        mut self,
        key: &str,
        defaults: Defaults,
    ) -> Result<(SessionConfig, Option<HostConfig>), ConfigFault> {
        let (id, reorder) = (self.sparkplug.take(), self.sparkplug_reorder.take());
        let Some(host) = HostConfig::check(key, id, reorder)? else {
            return Ok((self.check(key, defaults)?, None));
        };
        if self.share_group.is_some() || self.session_expiry.is_some() {
            return Err(ConfigFault::plain(format!(
                "{key}.sparkplug: a host's session is clean and its own, expected neither \
                 share_group nor session_expiry"
            )));
        }
        let topics = self.topics.take();
        let mut session = self.check(key, defaults)?;
        host.session(&mut session, topics);
        session
            .check()
            .map_err(|error| ConfigFault::plain(format!("{key}: {error}")))?;
        Ok((session, Some(host)))
    }
}
