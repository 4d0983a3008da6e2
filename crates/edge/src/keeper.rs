//! The keeper: the one thread that owns the disk queue.
//!
//! It takes what waits, reads it by inventory and profiles, leaves out what has not changed,
//! appends the rest with one sync, and only then answers the devices. Between appends it hands
//! frames to the uplink and takes the hub's answers. A slow disk delays all of it and loses none:
//! MQTT's keep-alives are other tasks' work.

use std::collections::BTreeMap;

use huitian_model::UtcMs;
use huitian_model::uplink::{self, BusHealth, Down, Heartbeat, Up, UpNote, UpStranger};
use huitian_mqtt::{Delivery, Verdict};
use huitian_queue::{Disk, NewEntry, QueueError};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

mod ask;
mod pack;

pub use ask::{Ask, LinkEvent, News, Outgoing, Reader, Standing, Ways};
use pack::{memory_bytes, payloads};

use crate::clock::Clock;
use crate::hear::{Heard, Message};
use crate::number::Numbered;
use crate::sparkplug::Arrival;
use crate::spool::Spool;
use crate::uplink::{Source, Uplink, Wish};

/// Asks that wait: two groups.
pub const ASKS_MAX: usize = 8_192;

/// Asks of one group commit: 4,096 messages of 1 KiB are 4 MiB.
const GROUP_MAX: usize = 4_096;

/// Readings of one group commit: some 1.4 MB, with names that are as long as they may be 8 MB.
const GROUP_READINGS_MAX: usize = 20_000;

/// Sources and reasons that are noted between two heartbeats; more are counted under the last.
const NOTES_MAX: usize = 200;

/// Unknown speakers remembered between two heartbeats.
const STRANGERS_MAX: usize = 50;

/// Bytes of a message kept as a sample.
const SAMPLE_BYTES_MAX: usize = 512;

/// One group: what is to be stored, and who is to be answered.
#[derive(Default)]
struct Group {
    readings: Vec<Numbered>,
    senders: Vec<oneshot::Sender<Verdict>>,
}

/// The keeper.
pub struct Keeper<D: Disk> {
    spool: Spool<D>,
    reader: Reader,
    clock: Clock,
    uplink: Uplink,
    instance: u64,
    connection: u64,
    config_version: u64,
    ways: Ways,
    notes: BTreeMap<(String, String), UpNote>,
    strangers: BTreeMap<String, UpStranger>,
    /// Notes that were sent and not answered yet.
    sent_notes: Option<Up>,
    notes_id: u64,
    last_outcome: Option<Up>,
    standing: Standing,
}

impl<D: Disk> Keeper<D> {
    /// A keeper with an open queue; `instances` are this start's and those before it.
    pub fn new(
        spool: Spool<D>,
        reader: Reader,
        clock: Clock,
        (instances, config_version): (Vec<u64>, u64),
        ways: Ways,
    ) -> Self {
        let (instance, former) = instances.split_first().unwrap_or((&0, &[]));
        let (instance, former) = (*instance, former.to_vec());
        Self {
            spool,
            reader,
            clock,
            uplink: Uplink::new(instance, former),
            instance,
            connection: 0,
            config_version,
            ways,
            notes: BTreeMap::new(),
            strangers: BTreeMap::new(),
            sent_notes: None,
            notes_id: 0,
            last_outcome: None,
            standing: Standing::default(),
        }
    }

    /// Runs until [`Ask::Stop`] or until every asker is gone. Blocks its thread.
    ///
    /// # Errors
    /// [`QueueError`] that no waiting mends.
    pub fn run(mut self, mut asks: mpsc::Receiver<Ask>) -> Result<(), QueueError> {
        let mut is_last = false;
        while !is_last {
            let Some(first) = asks.blocking_recv() else {
                break;
            };
            let mut group = Group::default();
            is_last = self.take(&mut group, first)?;
            while !is_last
                && group.senders.len() < GROUP_MAX
                && group.readings.len() < GROUP_READINGS_MAX
            {
                let Ok(ask) = asks.try_recv() else { break };
                is_last = self.take(&mut group, ask)?;
            }
            self.store(group)?;
            self.pump()?;
            self.stand();
        }
        self.spool.into_queue().close()
    }

    /// Takes one ask; true where it was the last.
    fn take(&mut self, group: &mut Group, ask: Ask) -> Result<bool, QueueError> {
        match ask {
            Ask::Delivery(delivery, may_be_kept) => self.hear(group, delivery, may_be_kept),
            Ask::Named(arrival) => self.hear_named(group, arrival),
            Ask::Polled(polled, sender) => {
                for reading in self.reader.intake.polled(polled) {
                    self.add(group, reading);
                }
                group.senders.push(sender);
            }
            Ask::Link(event) => self.on_link(event)?,
            Ask::Tick => {
                let now = self.clock.now();
                if self.clock.is_set() {
                    self.spool.queue().expire(now.0)?;
                }
            }
            Ask::Heartbeat(buses) => self.heartbeat(buses),
            Ask::Outcome(version, outcome) => {
                if outcome == uplink::ConfigOutcome::Applied {
                    self.config_version = version;
                }
                let up = Up::Config {
                    instance: self.instance,
                    version,
                    outcome,
                };
                self.say(&up);
                self.last_outcome = Some(up);
            }
            Ask::Intake(reader) => self.reader = *reader,
            Ask::Enroll(token) => self.say(&Up::Enroll {
                instance: self.instance,
                token,
            }),
            Ask::Stop => return Ok(true),
        }
        Ok(false)
    }

    fn hear(&mut self, group: &mut Group, delivery: Delivery, may_be_kept: bool) {
        let at = self.clock.now();
        let heard = self.reader.intake.hear(&Message {
            topic: &delivery.topic,
            payload: &delivery.payload,
            received_at: at,
            retained: delivery.retain && may_be_kept,
        });
        self.note(&heard, (&delivery.topic, &delivery.payload), at);
        for reading in heard.readings {
            self.add(group, reading);
        }
        group.senders.push(delivery.done);
    }

    fn hear_named(&mut self, group: &mut Group, arrival: Arrival) {
        let at = self.clock.now();
        let message = Message {
            topic: &arrival.topic,
            payload: &arrival.payload,
            received_at: at,
            retained: false,
        };
        let heard = self.reader.intake.hear_named(&arrival.named, &message);
        self.note(&heard, (message.topic, message.payload), at);
        for reading in heard.readings {
            self.add(group, reading);
        }
        group.senders.push(arrival.done);
    }

    /// Adds a reading to the group, unless it says nothing new.
    fn add(&mut self, group: &mut Group, (partition, channel, mut reading): Numbered) {
        let device = self.reader.inventory.devices.get(&channel.device);
        let ceiling_ms = device.map_or(0, |device| device.valid_for_ms() / 2);
        if !self.reader.deadband.reports(&channel, &reading, ceiling_ms) {
            self.standing.unchanged += 1;
            return;
        }
        self.clock.stamper().part(&channel, &mut reading);
        group.readings.push((partition, channel, reading));
    }

    fn note(&mut self, heard: &Heard, (topic, payload): (&str, &[u8]), at: UtcMs) {
        let sample = || payload.iter().take(SAMPLE_BYTES_MAX).copied().collect();
        for stranger in &heard.strangers {
            let is_known = self.strangers.contains_key(&stranger.address);
            if self.strangers.len() >= STRANGERS_MAX && !is_known {
                continue;
            }
            let row = UpStranger {
                at,
                address: stranger.address.clone(),
                topic: topic.chars().take(256).collect(),
                payload: stranger.kept(topic, payload, SAMPLE_BYTES_MAX),
            };
            self.strangers.insert(stranger.address.clone(), row);
        }
        for note in &heard.notes {
            let reason = note.reason.ledger_name();
            let mut key = (note.source.clone(), reason.to_owned());
            if self.notes.len() >= NOTES_MAX && !self.notes.contains_key(&key) {
                "(other)".clone_into(&mut key.0);
            }
            let row = self.notes.entry(key.clone()).or_insert_with(|| UpNote {
                at,
                source: key.0,
                reason: key.1,
                count: 0,
                sample: Vec::new(),
            });
            row.at = at;
            row.count += 1;
            row.sample = sample();
        }
    }

    /// Stores a group with one sync and answers who waits for it.
    fn store(&mut self, group: Group) -> Result<(), QueueError> {
        let stored = self.append(&group.readings);
        let verdict = match &stored {
            Ok(()) => {
                self.reader.deadband.stored();
                let count = u64::try_from(group.readings.len()).unwrap_or_default();
                self.standing.accepted += count;
                if self.ways.tap.receiver_count() > 0 {
                    for reading in group.readings {
                        // Nobody watches any more.
                        let _gone = self.ways.tap.send(reading);
                    }
                }
                if self.standing.blocked.take().is_some() {
                    info!("readings are kept again");
                }
                Verdict::Durable
            }
            Err(failure) => {
                self.reader.deadband.not_stored();
                let text = failure.to_string();
                if self.standing.blocked.as_ref() != Some(&text) {
                    error!(error = text, "not kept, not acknowledged");
                }
                self.standing.blocked = Some(text);
                Verdict::Retry
            }
        };
        for sender in group.senders {
            // Nobody waits for QoS 0, nor where the connection has ended.
            let _gone = sender.send(verdict);
        }
        match stored {
            Err(failure) if !failure.is_temporary() => Err(failure),
            _ => Ok(()),
        }
    }

    fn append(&mut self, readings: &[Numbered]) -> Result<(), QueueError> {
        if readings.is_empty() {
            return Ok(());
        }
        let payloads = payloads(readings, self.clock.is_set());
        let entries: Vec<NewEntry<'_>> = payloads
            .iter()
            .map(|(lane, count, at_ms, payload)| NewEntry {
                lane: *lane,
                count: *count,
                at_ms: *at_ms,
                payload,
            })
            .collect();
        let now = self.clock.now().0;
        if self.uplink.is_open() {
            self.spool.queue().append_and_permit(now, &entries)?;
        } else {
            self.spool.queue().append(now, &entries)?;
        }
        Ok(())
    }

    fn on_link(&mut self, event: LinkEvent) -> Result<(), QueueError> {
        match event {
            LinkEvent::Connected(connection) => {
                self.connection = connection;
                self.uplink.connected(self.clock.all());
                self.hello();
            }
            LinkEvent::Disconnected => self.uplink.disconnected(),
            LinkEvent::Down(bytes) => match uplink::decode::<Down>(&bytes) {
                Ok(down) => self.on_down(down)?,
                Err(failure) => warn!(%failure, "the hub was not understood"),
            },
        }
        Ok(())
    }

    fn on_down(&mut self, down: Down) -> Result<(), QueueError> {
        let now = self.clock.all();
        for wish in self.uplink.on_down(&down, &mut self.spool, now)? {
            match wish {
                Wish::Hello => self.hello(),
                Wish::ConfigVersion(_) => {
                    if let Some(outcome) = self.last_outcome.clone() {
                        self.say(&outcome);
                    }
                }
                Wish::Renewed(reason) => {
                    error!(reason, "this queue is not ours alone: a new epoch begins");
                }
            }
        }
        let news = match down {
            Down::Config {
                version,
                files,
                dry_run,
            } => News::Config {
                version,
                files,
                dry_run,
            },
            Down::Enrolled { instance, password } if instance == self.instance => {
                News::Enrolled(password)
            }
            Down::NotEnrolled { instance } if instance == self.instance => News::NotEnrolled,
            Down::Noted { instance, id } if instance == self.instance => {
                if id == self.notes_id {
                    self.sent_notes = None;
                }
                return Ok(());
            }
            Down::Welcome { .. }
            | Down::Durable { .. }
            | Down::Renew { .. }
            | Down::HelloAgain
            | Down::Noted { .. }
            | Down::Enrolled { .. }
            | Down::NotEnrolled { .. } => return Ok(()),
        };
        if self.ways.news.try_send(news).is_err() {
            warn!("the hub speaks faster than it can be followed: it will say it again");
        }
        Ok(())
    }

    fn hello(&mut self) {
        let software = env!("CARGO_PKG_VERSION");
        let hello = self
            .uplink
            .hello(&self.spool, software, self.config_version);
        self.say(&hello);
    }

    /// Hands a message to the connection, if there is one and it keeps up.
    fn say(&mut self, up: &Up) {
        let Some(out) = &self.ways.up else { return };
        match uplink::encode(up) {
            // What finds no room is not lost: it is said again when nothing becomes durable.
            Ok(bytes) => {
                if out.try_send((self.connection, bytes)).is_err() {
                    warn!("the uplink does not keep up: it will be said again");
                }
            }
            Err(failure) => error!(%failure, "a message that cannot be written"),
        }
    }

    fn pump(&mut self) -> Result<(), QueueError> {
        let pumped = match self.uplink.pump(&mut self.spool, self.clock.all()) {
            Ok(pumped) => pumped,
            Err(failure) if failure.is_temporary() => {
                error!(error = %failure, "the queue cannot be read now");
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        if pumped.wants_hello {
            self.hello();
        }
        for message in &pumped.messages {
            self.say(message);
        }
        Ok(())
    }

    fn heartbeat(&mut self, buses: Vec<BusHealth>) {
        let stats = self.spool.queue().stats();
        let lanes = self.spool.lanes();
        let heartbeat = Heartbeat {
            now: self.clock.now(),
            clock_set: self.clock.is_set(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            up_ms: self.clock.mono_ms().unsigned_abs(),
            config_version: self.config_version,
            queued: self.spool.waiting(),
            queue_bytes: stats.bytes,
            oldest: stats.oldest_ms.map(UtcMs),
            accepted: lanes.iter().map(|lane| lane.next).sum(),
            lost: self.standing.lost,
            memory_bytes: memory_bytes(),
            buses,
        };
        if !self.uplink.is_open() {
            return;
        }
        self.say(&Up::Heartbeat {
            instance: self.instance,
            heartbeat,
        });
        self.say_notes();
    }

    /// What became no reading, again until the hub has it.
    fn say_notes(&mut self) {
        if self.sent_notes.is_none() && !(self.notes.is_empty() && self.strangers.is_empty()) {
            self.notes_id += 1;
            self.sent_notes = Some(Up::Notes {
                instance: self.instance,
                id: self.notes_id,
                notes: std::mem::take(&mut self.notes).into_values().collect(),
                strangers: std::mem::take(&mut self.strangers).into_values().collect(),
            });
        }
        if let Some(notes) = self.sent_notes.clone() {
            self.say(&notes);
        }
    }

    fn stand(&mut self) {
        let queue = self.spool.queue();
        let lost = queue.lanes().into_iter().map(|lane| queue.lost(lane)).sum();
        self.standing.lost = lost;
        self.standing.waiting = self.spool.waiting();
        self.standing.is_linked = self.uplink.is_open();
        let standing = self.standing.clone();
        self.ways.standing.send_if_modified(|known| {
            let is_news = *known != standing;
            *known = standing;
            is_news
        });
    }
}
