//! The one task that appends to the log: what devices said, ticks, inventory and settings.
//!
//! It takes what is waiting, reads it, appends it in one group commit, and only then answers the
//! devices and hands the records to the engines. Since no other task appends, the order of the
//! log is the order in which the engines see it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use huitian_edge::sparkplug::Arrival;
use huitian_edge::{Heard, Intake, Message, Numbering, Polled, Way};
use huitian_model::uplink::{self, UpNote, UpStranger};
use huitian_model::{EdgeId, IdError, Origin, Partition, Position, Record, Tick, UtcMs};
use huitian_mqtt::{Delivery, Verdict};
use huitian_store::{
    Backend, IntakeNote, IntakeReason, SAMPLE_BYTES_MAX, Sqlite, StoreError,
    UNKNOWN_PAYLOAD_BYTES_MAX, UnknownNote,
};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, warn};

use super::downlink::Downlinks;
use super::driver::Placed;
use super::fleet::FleetEvent;
use super::uplink::{Holders, UpHeard, Uplinks};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Messages of one group commit at most: 4,096 messages of 1 KiB are 4 MiB, and read in 12 ms.
const GROUP_MAX: usize = 4_096;

/// Readings in edges' frames of one group commit, from which on it is closed: some 5 MB.
const GROUP_FRAMED_MAX: u64 = 200_000;

/// Keys of the meta table under which it stands which instance holds which epoch of an edge.
const HOLDER: &str = "holder/";

/// Which instance holds which epoch of which edge.
///
/// # Errors
/// [`StoreError`].
pub fn holders(store: &Sqlite) -> Result<Holders, StoreError> {
    let mut holders = Holders::new();
    for (key, value) in store.meta_below(HOLDER)? {
        let damaged = || StoreError::Damaged(format!("meta {HOLDER}{key}: {value:?}"));
        let (edge, epoch) = key.split_once('/').ok_or_else(damaged)?;
        let edge = EdgeId::new(edge).map_err(|_no_id| damaged())?;
        let epoch = epoch.parse().map_err(|_no_number| damaged())?;
        holders.insert(
            (edge, epoch),
            value.parse().map_err(|_no_number| damaged())?,
        );
    }
    Ok(holders)
}

/// What the appender is asked.
pub enum Ask {
    /// A device said something.
    Delivery(Delivery, Way),
    /// Sparkplug nodes said something; answered when it is on disk.
    Named(Arrival),
    /// The hub's time.
    Tick(UtcMs),
    /// What the buses of this process read; answered when it is on disk.
    Polled(Vec<Polled>, oneshot::Sender<Verdict>),
    /// From now on that edge should have this version of its configuration.
    Wanted(EdgeId, u64),
    /// Records that are numbered already; answered when they are on disk.
    Records(Vec<(Partition, Record)>, oneshot::Sender<()>),
    /// Another inventory holds from here on: its records, and the intake that knows it; answered
    /// when they are on disk.
    Inventory(Vec<(Partition, Record)>, Box<Intake>, oneshot::Sender<()>),
}

/// What the appender works with.
pub struct Appender {
    /// Where to.
    pub store: Sqlite,
    /// How messages are read.
    pub intake: Intake,
    /// How readings are numbered.
    pub numbering: Numbering,
    /// What time it is.
    pub clock: Clock,
    /// Partitions that have sites: only they are given ticks.
    pub ticked: Vec<Partition>,
    /// The last tick given.
    pub last_tick: UtcMs,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// What edges say.
    pub uplinks: Uplinks,
    /// Answers to edges.
    pub downlinks: Downlinks,
    /// To the books of the fleet.
    pub fleet: mpsc::Sender<(FleetEvent, Way)>,
    /// Client id prefix of the simulated district where its time is not ours: nobody else is
    /// heard then.
    pub only_client: Option<String>,
    /// To the engines.
    pub engines: mpsc::Sender<Vec<Placed>>,
}

/// One group: what is to be stored, and who is to be answered.
#[derive(Default)]
struct Group {
    records: Vec<(Partition, Record)>,
    readings: Vec<huitian_edge::Numbered>,
    notes: Vec<IntakeNote>,
    strangers: Vec<UnknownNote>,
    senders: Vec<oneshot::Sender<Verdict>>,
    askers: Vec<oneshot::Sender<()>>,
    /// Readings of edges' frames.
    framed: u64,
}

impl Appender {
    /// Runs until every asker is gone or the store takes nothing more.
    ///
    /// # Errors
    /// [`StoreError`] that no waiting mends.
    pub async fn run(
        mut self,
        mut asks: mpsc::Receiver<Ask>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        loop {
            let first = tokio::select! {
                biased;
                ask = asks.recv() => ask,
                _stopped = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            let Some(first) = first else { return Ok(()) };
            let mut group = Group::default();
            self.take(&mut group, first);
            while group.senders.len() < GROUP_MAX
                && group.records.len() < GROUP_MAX
                && group.framed < GROUP_FRAMED_MAX
            {
                match asks.try_recv() {
                    Ok(ask) => self.take(&mut group, ask),
                    Err(_nothing_waits) => break,
                }
            }
            self.store_group(group).await?;
        }
    }

    fn take(&mut self, group: &mut Group, ask: Ask) {
        match ask {
            Ask::Delivery(delivery, path) => self.hear(group, delivery, path),
            Ask::Named(arrival) => self.hear_named(group, arrival),
            Ask::Polled(polled, asker) => {
                group.readings.extend(self.intake.polled(polled));
                group.senders.push(asker);
            }
            Ask::Wanted(edge, version) => self.uplinks.want(edge, version),
            Ask::Tick(now) if now >= self.last_tick => {
                self.last_tick = now;
                self.seal(group);
                let tick = |partition: &Partition| (*partition, Record::Tick(Tick { now }));
                group.records.extend(self.ticked.iter().map(tick));
            }
            Ask::Tick(now) => {
                warn!(%now, last = %self.last_tick, "the clock went back: time stands still");
            }
            Ask::Records(records, asker) => {
                self.seal(group);
                for (_, record) in &records {
                    if let Record::Tick(tick) = record {
                        self.last_tick = self.last_tick.max(tick.now);
                    }
                }
                group.records.extend(records);
                group.askers.push(asker);
            }
            Ask::Inventory(records, intake, asker) => {
                self.seal(group);
                group.askers.push(asker);
                self.intake = *intake;
                self.ticked = self.intake.partitions();
                group.records.extend(records);
            }
        }
    }

    fn hear(&mut self, group: &mut Group, delivery: Delivery, path: Way) {
        let outsider = self
            .only_client
            .as_ref()
            .is_some_and(|prefix| !delivery.client_id.starts_with(prefix.as_str()));
        if outsider {
            // The demo's time is not ours: a reading of now would lie in its past or future.
            self.metrics.outsiders.inc();
            // Answering fails only where the connection has ended, which is what is wanted.
            let _ended = delivery.answer(Verdict::Retry);
            return;
        }
        let at = self.clock.now();
        self.metrics.messages.inc();
        if let Some(edge) = uplink::edge_of(&delivery.topic) {
            self.hear_edge(group, (edge, delivery), path, at);
            return;
        }
        let heard = self.intake.hear(&Message {
            topic: &delivery.topic,
            payload: &delivery.payload,
            received_at: at,
            retained: delivery.retain && path != Way::Embedded,
        });
        self.note(group, &heard, (&delivery.topic, &delivery.payload), at);
        group.readings.extend(heard.readings);
        group.senders.push(delivery.done);
    }

    fn hear_named(&self, group: &mut Group, arrival: Arrival) {
        let at = self.clock.now();
        self.metrics.messages.inc();
        group.senders.push(arrival.done);
        if self.only_client.is_some() {
            // The demo's time is not a node's, as with every other outsider.
            self.metrics.outsiders.inc();
            return;
        }
        let message = Message {
            topic: &arrival.topic,
            payload: &arrival.payload,
            received_at: at,
            retained: false,
        };
        let heard = self.intake.hear_named(&arrival.named, &message);
        self.note(group, &heard, (message.topic, message.payload), at);
        group.readings.extend(heard.readings);
    }

    /// Hears an edge. What was kept from before is no news: edges never ask to be retained.
    fn hear_edge(
        &mut self,
        group: &mut Group,
        (edge, delivery): (Result<EdgeId, IdError>, Delivery),
        path: Way,
        at: UtcMs,
    ) {
        let heard = match edge {
            _ if delivery.retain && path != Way::Embedded => {
                let retained = Some("kept by a broker from before".to_owned());
                UpHeard {
                    refused: retained,
                    ..UpHeard::default()
                }
            }
            Ok(edge) => self.uplinks.hear(&edge, path, &delivery.payload, at),
            Err(error) => UpHeard {
                refused: Some(error.to_string()),
                ..UpHeard::default()
            },
        };
        if let Some(reason) = &heard.refused {
            warn!(topic = delivery.topic, reason, "an edge was not understood");
            self.metrics.note("uplink");
            group.notes.push(IntakeNote {
                at,
                source: delivery.topic.chars().take(64).collect(),
                reason: IntakeReason::Malformed,
                count: 1,
                sample: None,
            });
        }
        self.seal(group);
        let framed = heard.records.iter().map(|(_, record)| readings_of(record));
        group.framed += framed.sum::<u64>();
        group.records.extend(heard.records);
        group.notes.extend(heard.notes.into_iter().map(intake_note));
        group
            .strangers
            .extend(heard.strangers.into_iter().map(unknown_note));
        for event in heard.events {
            if self.fleet.try_send((event, path)).is_err() {
                self.metrics.answers_dropped.inc();
            }
        }
        // Between edge and hub PUBACK says nothing: what counts is `Durable`, after the commit. So
        // the broker's window of unacknowledged messages does not wait for our disk.
        let _ended = delivery.answer(Verdict::Durable);
    }

    fn note(&self, group: &mut Group, heard: &Heard, (topic, payload): (&str, &[u8]), at: UtcMs) {
        for stranger in &heard.strangers {
            group.strangers.push(UnknownNote {
                address: stranger.address.clone(),
                topic: topic.to_owned(),
                at,
                payload: stranger.kept(topic, payload, UNKNOWN_PAYLOAD_BYTES_MAX),
            });
        }
        // Counted in messages: a hostile batch of thousands of bad values is one message.
        let mut counted = BTreeSet::new();
        for note in &heard.notes {
            if !counted.insert((&note.source, note.reason)) {
                continue;
            }
            self.metrics.note(note.reason.name());
            group.notes.push(IntakeNote {
                at,
                source: note.source.clone(),
                reason: intake_reason(note.reason.ledger_name()),
                count: 1,
                sample: Some(payload.iter().take(SAMPLE_BYTES_MAX).copied().collect()),
            });
        }
    }

    /// Puts the readings gathered so far into frames, so that what follows stands after them.
    fn seal(&mut self, group: &mut Group) {
        let readings = std::mem::take(&mut group.readings);
        group
            .records
            .extend(self.numbering.frames(Origin::Live, readings));
    }

    async fn store_group(&mut self, mut group: Group) -> Result<(), StoreError> {
        let numbered_before = self.numbering.clone();
        self.seal(&mut group);
        let count: u64 = group
            .records
            .iter()
            .map(|(_, record)| readings_of(record))
            .sum();
        let records = group.records.iter().map(|(_, record)| record);
        let backlog: u64 = records.filter(|one| is_backlog(one)).map(readings_of).sum();
        let stored = self.store_parts(&mut group).await;
        match stored {
            Ok(positions) => {
                self.metrics.backlog.inc_by(backlog);
                self.metrics.readings.inc_by(count);
                answer(group.senders, Verdict::Durable);
                for answer in self.uplinks.stored(self.clock.now()) {
                    self.downlinks.send(answer);
                }
                for asker in group.askers {
                    // An asker that no longer waits has stopped: nothing depends on the answer.
                    let _gone = asker.send(());
                }
                self.hand_over(group.records, positions).await
            }
            Err(failure) => {
                // Nothing is acknowledged, and the numbers are given again: nothing is lost.
                answer(group.senders, Verdict::Retry);
                self.uplinks.not_stored();
                self.numbering = numbered_before;
                if !failure.is_retryable() {
                    return Err(failure);
                }
                error!(error = %failure, readings = count, "not stored, not acknowledged");
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            }
        }
    }

    /// Notes first: where they cannot be stored nothing is appended, so a reading that is in the
    /// log has always been handed to the engines too.
    async fn store_parts(&self, group: &mut Group) -> Result<Vec<Position>, StoreError> {
        if !group.notes.is_empty() {
            self.store.note(std::mem::take(&mut group.notes)).await?;
        }
        if !group.strangers.is_empty() {
            self.store
                .note_unknown(std::mem::take(&mut group.strangers))
                .await?;
        }
        for ((edge, epoch), instance) in self.uplinks.new_holders() {
            let key = format!("{HOLDER}{edge}/{epoch}");
            self.store.set_meta(key, instance.to_string()).await?;
        }
        if group.records.is_empty() {
            return Ok(Vec::new());
        }
        self.store.append(group.records.clone()).await
    }

    async fn hand_over(
        &self,
        records: Vec<(Partition, Record)>,
        positions: Vec<Position>,
    ) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let placed = records
            .into_iter()
            .zip(positions)
            .map(|((partition, record), position)| (partition, position, Arc::new(record)));
        self.engines
            .send(placed.collect())
            .await
            .map_err(|_gone| StoreError::Closed)
    }
}

/// How many readings a record holds.
pub fn readings_of(record: &Record) -> u64 {
    match record {
        Record::Frame(frame) => u64::try_from(frame.readings.len()).unwrap_or_default(),
        Record::Tick(_) | Record::Inventory { .. } | Record::Settings { .. } | Record::Lost(_) => 0,
    }
}

/// Whether an edge kept these readings through an outage.
fn is_backlog(record: &Record) -> bool {
    matches!(record, Record::Frame(frame) if frame.origin == Origin::Backlog)
}

fn answer(senders: Vec<oneshot::Sender<Verdict>>, verdict: Verdict) {
    for sender in senders {
        // Nobody waits for QoS 0, nor where the connection has ended: its message comes again.
        let _gone = sender.send(verdict);
    }
}

fn intake_note(note: UpNote) -> IntakeNote {
    IntakeNote {
        at: note.at,
        source: note.source,
        reason: intake_reason(&note.reason),
        count: note.count,
        sample: Some(note.sample),
    }
}

fn unknown_note(stranger: UpStranger) -> UnknownNote {
    UnknownNote {
        address: stranger.address,
        topic: stranger.topic,
        at: stranger.at,
        payload: stranger.payload,
    }
}

fn intake_reason(name: &str) -> IntakeReason {
    // An edge of another version may know reasons that we do not.
    IntakeReason::from_name(name).unwrap_or(IntakeReason::Malformed)
}
