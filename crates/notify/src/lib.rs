//! Alerts to people: the outbox worker and its channels.
