//! The hub's own figures for Prometheus. Labels come from closed lists only.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A label of the reasons for which messages become no readings.
#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// A label of the sinks.
#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct SinkLabel {
    sink: &'static str,
}

/// All counts and gauges.
pub struct Metrics {
    registry: Registry,
    /// Messages from devices.
    pub messages: Counter,
    /// Readings that are on disk.
    pub readings: Counter,
    /// Of these, kept by an edge through an outage and delivered behind what was live.
    pub backlog: Counter,
    /// Messages refused since the demo's time is not ours.
    pub outsiders: Counter,
    /// Readings that the engines were given.
    pub applied: Counter,
    /// Answers to edges, and news of them, that found no room.
    pub answers_dropped: Counter,
    /// Commits stored.
    pub commits: Counter,
    /// Seconds since 1970 of the last tick.
    pub tick: Gauge,
    /// Bytes of the store.
    pub store_bytes: Gauge<i64, std::sync::atomic::AtomicI64>,
    notes: Family<ReasonLabel, Counter>,
    sink_lag: Family<SinkLabel, Gauge>,
    sink_dead: Family<SinkLabel, Counter<u64, AtomicU64>>,
}

/// Counts that concern edges: their backlog, and answers without room.
fn of_edges(registry: &mut Registry) -> (Counter, Counter) {
    let (backlog, dropped) = (Counter::default(), Counter::default());
    registry.register(
        "readings_backlog",
        "Readings that an edge kept through an outage",
        backlog.clone(),
    );
    registry.register(
        "edge_answers_dropped",
        "Answers to edges, and news of them, that found no room",
        dropped.clone(),
    );
    (backlog, dropped)
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("huitian");
        let (backlog, answers_dropped) = of_edges(&mut registry);
        let (messages, readings, outsiders) =
            (Counter::default(), Counter::default(), Counter::default());
        let (applied, commits) = (Counter::default(), Counter::default());
        let (tick, store_bytes) = (Gauge::default(), Gauge::default());
        let (notes, sink_lag, sink_dead) =
            (Family::default(), Family::default(), Family::default());
        registry.register("messages", "Messages from devices", messages.clone());
        registry.register(
            "readings_durable",
            "Readings that are on disk",
            readings.clone(),
        );
        registry.register(
            "readings_applied",
            "Readings given to the engines",
            applied.clone(),
        );
        registry.register("commits", "Commits stored", commits.clone());
        registry.register(
            "messages_refused_demo_time",
            "Messages refused since the demo runs faster than real time",
            outsiders.clone(),
        );
        registry.register("tick_seconds", "Unix time of the last tick", tick.clone());
        registry.register(
            "store_bytes",
            "Size of the store in bytes",
            store_bytes.clone(),
        );
        registry.register(
            "messages_without_reading",
            "Messages or parts of them that became no reading, by reason",
            notes.clone(),
        );
        registry.register(
            "sink_behind_commits",
            "Commits a sink has yet to read",
            sink_lag.clone(),
        );
        registry.register(
            "sink_dead_letters",
            "Points a sink will never take",
            sink_dead.clone(),
        );
        Self {
            registry,
            messages,
            readings,
            backlog,
            outsiders,
            applied,
            answers_dropped,
            commits,
            tick,
            store_bytes,
            notes,
            sink_lag,
            sink_dead,
        }
    }

    /// Counts a message, or a part of one, that became no reading.
    pub fn note(&self, reason: &'static str) {
        self.notes.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Says how far a sink is behind.
    pub fn sink_behind(&self, sink: &'static str, commits: u64) {
        let behind = i64::try_from(commits).unwrap_or(i64::MAX);
        self.sink_lag.get_or_create(&SinkLabel { sink }).set(behind);
    }

    /// Counts points that a sink will never take.
    pub fn sink_dead(&self, sink: &'static str, points: usize) {
        let points = u64::try_from(points).unwrap_or_default();
        self.sink_dead
            .get_or_create(&SinkLabel { sink })
            .inc_by(points);
    }

    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if encode(&mut out, &self.registry).is_err() {
            // Writing to a string does not fail; if it ever does, say so where it is read.
            out.push_str("# the metrics could not be written\n");
        }
        out
    }
}
