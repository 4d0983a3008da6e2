//! With real services beside it: an external broker, InfluxDB, and whoever is told by webhook.

mod broker;
mod influx;
mod receiver;
mod webhook;

/// 1 August 2026, 00:00 UTC.
const FROM_MS: i64 = 1_785_542_400_000;
