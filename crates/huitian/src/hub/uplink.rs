//! What edges say, and what they are answered.
//!
//! An edge is believed on its numbers only after a hello: its queue must not have less than the
//! hub already knows to have been sent. Frames become records of the log; they are answered with
//! what is durable after the group commit that holds them, and with nothing where it failed.

use std::collections::{BTreeMap, BTreeSet};

use huitian_edge::Way;
use huitian_model::uplink::{
    self, AHEAD_MAX, Down, HubMark, Lane, Up, UpFrame, UpNote, UpStranger,
};
use huitian_model::{EdgeId, Lost, Partition, Record, TimeSource, UtcMs};

use super::fleet::FleetEvent;

/// Instances of one edge whose hellos are remembered, to see whether two take turns.
const HELLOS_MAX: usize = 4;

/// Edges whose state is kept: ten for each compound of the home district.
const EDGES_MAX: usize = 1_270;

/// Two machines of one name take turns at least this often, since each is told to say hello when
/// the other has spoken; an edge that was merely restarted never comes back as what it was.
const TURNS_MS: i64 = 10 * 60_000;

#[derive(Debug, Default)]
struct Known {
    /// Instances that said hello: which and when, the last last.
    hellos: Vec<(u64, UtcMs)>,
    path: Option<Way>,
}

/// What came of one message.
#[derive(Debug, Default)]
pub struct UpHeard {
    /// For the log.
    pub records: Vec<(Partition, Record)>,
    /// What became no reading at the edge.
    pub notes: Vec<UpNote>,
    /// Who spoke unknown there.
    pub strangers: Vec<UpStranger>,
    /// For the fleet's books.
    pub events: Vec<FleetEvent>,
    /// Why the message is of no use, if so.
    pub refused: Option<String>,
}

/// An answer on its way to an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// To whom.
    pub edge: EdgeId,
    /// Which way.
    pub path: Way,
    /// What.
    pub down: Down,
}

type Key = (EdgeId, u64, Partition);

/// Which instance was welcomed last on which epoch of which edge.
pub type Holders = BTreeMap<(EdgeId, u64), u64>;

/// What a group commit will make durable.
#[derive(Debug, Default)]
struct Pending {
    ranges: Vec<(Key, u64, u64)>,
    /// Whom to tell, even where nothing is new: an answer may have been lost.
    told: BTreeSet<Key>,
    answers: Vec<(EdgeId, Down)>,
    /// Epochs that change hands, and who had them.
    holders: Vec<((EdgeId, u64), Option<u64>)>,
}

/// What a hello says of a queue.
struct Hello {
    instance: u64,
    former: Vec<u64>,
    epoch: u64,
    lanes: Vec<Lane>,
}

/// All edges.
#[derive(Debug, Default)]
pub struct Uplinks {
    marks: BTreeMap<(EdgeId, u64), BTreeMap<Partition, HubMark>>,
    known: BTreeMap<EdgeId, Known>,
    holders: Holders,
    /// Instances that have said hello to this process.
    greeted: BTreeSet<u64>,
    pending: Pending,
    /// Version of the configuration that each edge should have.
    wanted: BTreeMap<EdgeId, u64>,
}

impl Uplinks {
    /// Goes on with what the log has of all edges.
    pub fn new(
        marks: impl IntoIterator<Item = (Partition, huitian_engine::Mark)>,
        wanted: BTreeMap<EdgeId, u64>,
        holders: Holders,
    ) -> Self {
        let mut all = Self {
            holders,
            wanted,
            ..Self::default()
        };
        for (partition, mark) in marks {
            let hub = HubMark {
                partition,
                next: mark.next,
                ahead: mark.ahead,
            };
            let of_epoch = all.marks.entry((mark.edge, mark.epoch)).or_default();
            of_epoch.insert(partition, hub);
        }
        all
    }

    /// From now on that edge should have this version.
    pub fn want(&mut self, edge: EdgeId, version: u64) {
        self.wanted.insert(edge, version);
    }

    /// Hears one message of an edge.
    pub fn hear(&mut self, edge: &EdgeId, path: Way, bytes: &[u8], now: UtcMs) -> UpHeard {
        let mut heard = UpHeard::default();
        if self.known.len() >= EDGES_MAX && !self.known.contains_key(edge) {
            heard.refused = Some(format!("expected at most {EDGES_MAX} edges"));
            return heard;
        }
        let up: Up = match uplink::decode(bytes) {
            Ok(up) => up,
            Err(error) => {
                heard.refused = Some(error.to_string());
                return heard;
            }
        };
        self.known.entry(edge.clone()).or_default().path = Some(path);
        self.on_up(edge, up, now, &mut heard);
        heard
    }

    fn on_up(&mut self, edge: &EdgeId, up: Up, now: UtcMs, heard: &mut UpHeard) {
        let edge_of = || edge.clone();
        match up {
            Up::Hello {
                instance,
                former,
                epoch,
                software,
                config_version,
                lanes,
            } => {
                let hello = Hello {
                    instance,
                    former,
                    epoch,
                    lanes,
                };
                self.on_hello(edge, &hello, now, heard);
                heard.events.push(FleetEvent::Hello {
                    edge: edge_of(),
                    software,
                    config_version,
                });
            }
            Up::Frame {
                instance,
                epoch,
                frame,
            } => {
                if self.is_welcome(edge, (instance, epoch)) {
                    let taken = self.take_frame((edge.clone(), epoch), frame, now);
                    match taken {
                        Ok(record) => heard.records.extend(record),
                        Err(fault) => heard.refused = Some(fault),
                    }
                }
            }
            Up::Lost {
                instance,
                epoch,
                partition,
                first_n,
                count,
                reason,
                at,
                devices,
            } => {
                if self.is_welcome(edge, (instance, epoch)) {
                    let lost = Lost {
                        edge: edge_of(),
                        epoch,
                        first_n,
                        count,
                        reason,
                        at,
                        devices,
                    };
                    let range = (first_n, first_n.saturating_add(count));
                    if self.is_news((edge_of(), epoch, partition), range) {
                        heard.records.push((partition, Record::Lost(lost)));
                    }
                }
            }
            Up::Heartbeat { .. } | Up::Notes { .. } | Up::Config { .. } | Up::Enroll { .. } => {
                self.on_news(edge, up, heard);
            }
        }
    }

    /// What concerns no readings.
    fn on_news(&mut self, edge: &EdgeId, up: Up, heard: &mut UpHeard) {
        let edge_of = || edge.clone();
        match up {
            Up::Hello { .. } | Up::Frame { .. } | Up::Lost { .. } => {}
            Up::Heartbeat { heartbeat, .. } => heard.events.push(FleetEvent::Heartbeat {
                edge: edge_of(),
                heartbeat,
            }),
            Up::Notes {
                instance,
                id,
                notes,
                strangers,
            } => {
                heard.notes = notes;
                heard.strangers = strangers;
                self.answer(edge, Down::Noted { instance, id });
            }
            Up::Config {
                version, outcome, ..
            } => heard.events.push(FleetEvent::Config {
                edge: edge_of(),
                version,
                outcome,
            }),
            Up::Enroll { instance, token } => heard.events.push(FleetEvent::Enroll {
                edge: edge_of(),
                instance,
                token,
            }),
        }
    }

    fn answer(&mut self, edge: &EdgeId, down: Down) {
        self.pending.answers.push((edge.clone(), down));
    }

    /// Judges whether the queue that says hello is the one that the hub knows.
    fn on_hello(&mut self, edge: &EdgeId, hello: &Hello, now: UtcMs, heard: &mut UpHeard) {
        let Hello {
            instance, epoch, ..
        } = *hello;
        if let Some(turns) = self.turns(edge, instance, now) {
            heard.events.push(FleetEvent::Conflict {
                edge: edge.clone(),
                text: turns,
            });
        }
        if let Some(reason) = self.estranged(edge, hello) {
            heard.events.push(FleetEvent::Conflict {
                edge: edge.clone(),
                text: reason.clone(),
            });
            let renew = Down::Renew {
                instance,
                epoch,
                reason,
            };
            self.answer(edge, renew);
            return;
        }
        let marks = self.marks.get(&(edge.clone(), epoch));
        let marks = marks.map_or_else(Vec::new, |marks| marks.values().cloned().collect());
        let config_version = self.wanted.get(edge).copied().unwrap_or_default();
        self.answer(
            edge,
            Down::Welcome {
                instance,
                epoch,
                marks,
                now,
                config_version,
            },
        );
        self.greeted.insert(instance);
        let key = (edge.clone(), epoch);
        let before = self.holders.insert(key.clone(), instance);
        if before != Some(instance) {
            self.pending.holders.push((key, before));
        }
    }

    /// Why this queue is not, or not alone, the one that the hub has readings of.
    fn estranged(&self, edge: &EdgeId, hello: &Hello) -> Option<String> {
        let holder = self.holders.get(&(edge.clone(), hello.epoch)).copied();
        let is_own = |holder: u64| holder == hello.instance || hello.former.contains(&holder);
        if let Some(other) = holder.filter(|holder| !is_own(*holder)) {
            return Some(format!(
                "instance {other:016x} was welcomed with this queue, and this machine does not \
                 know it: the queue is a copy, or was restored from a backup"
            ));
        }
        let key = (edge.clone(), hello.epoch);
        let stored = self.marks.get(&key).into_iter().flatten();
        let stored = stored.map(|(partition, mark)| (*partition, mark.top()));
        // What this very group will store counts too: another machine may have sent it.
        let pending = self.pending.ranges.iter();
        let pending = pending.filter(|((edge, epoch, _), ..)| (edge, *epoch) == (&key.0, key.1));
        let pending = pending.map(|((_, _, partition), _, end)| (*partition, *end));
        stored.chain(pending).find_map(|(partition, top)| {
            let lane = hello.lanes.iter().find(|lane| lane.partition == partition);
            let limit = lane.map_or(0, |lane| lane.limit);
            (top > limit).then(|| {
                format!(
                    "partition {partition}: the hub has {top} readings of this queue, which can \
                     have sent {limit} at most: it is a copy, or was restored from a backup"
                )
            })
        })
    }

    /// Notes a hello; says so where an instance comes back after another one.
    fn turns(&mut self, edge: &EdgeId, instance: u64, now: UtcMs) -> Option<String> {
        let hellos = &mut self.known.entry(edge.clone()).or_default().hellos;
        hellos.retain(|(_, at)| now.since(*at) <= TURNS_MS);
        let last = hellos.last().map(|(last, _)| *last);
        let is_back = last.is_some_and(|last| last != instance)
            && hellos.iter().any(|(known, _)| *known == instance);
        // Of each instance the last hello is enough.
        hellos.retain(|(known, _)| *known != instance);
        if hellos.len() == HELLOS_MAX {
            hellos.remove(0);
        }
        hellos.push((instance, now));
        is_back.then(|| {
            format!(
                "two machines say that they are {edge}: instances {instance:016x} and {:016x} \
                 take turns",
                last.unwrap_or_default()
            )
        })
    }

    fn is_welcome(&mut self, edge: &EdgeId, (instance, epoch): (u64, u64)) -> bool {
        let holder = self.holders.get(&(edge.clone(), epoch));
        let is_welcome = holder == Some(&instance) && self.greeted.contains(&instance);
        if !is_welcome
            && !self
                .pending
                .answers
                .contains(&(edge.clone(), Down::HelloAgain))
        {
            self.answer(edge, Down::HelloAgain);
        }
        is_welcome
    }

    /// The frame as a record of the log; none where nothing of it is new.
    fn take_frame(
        &mut self,
        (edge, epoch): (EdgeId, u64),
        mut frame: UpFrame,
        now: UtcMs,
    ) -> Result<Option<(Partition, Record)>, String> {
        let count = u64::try_from(frame.readings.len()).unwrap_or(u64::MAX);
        let channels = frame.channels.len();
        let is_named = |index: &u32| usize::try_from(*index).is_ok_and(|index| index < channels);
        if !frame.readings.iter().all(|(index, _)| is_named(index)) {
            return Err("a reading names no channel of its frame".to_owned());
        }
        let range = (frame.first_n, frame.first_n.saturating_add(count));
        if !self.is_news((edge.clone(), epoch, frame.partition), range) {
            return Ok(None);
        }
        if let Some(unset_now) = frame.unset_now {
            correct(&mut frame, now.since(unset_now));
        }
        let partition = frame.partition;
        let frame = frame.into_frame(edge, epoch);
        Ok(Some((partition, Record::Frame(frame))))
    }

    /// Whether some of these numbers are new and may be taken. The edge is told in either case.
    fn is_news(&mut self, key: Key, (first, end): (u64, u64)) -> bool {
        let marks = self.marks.get(&(key.0.clone(), key.1));
        let mark = marks.and_then(|marks| marks.get(&key.2));
        let is_known = mark.is_some_and(|mark| mark.covers(first, end));
        let is_far = mark.is_some_and(|mark| first > mark.next && mark.ahead.len() >= AHEAD_MAX);
        self.pending.told.insert(key.clone());
        if first >= end || is_known || is_far {
            return false;
        }
        self.pending.ranges.push((key, first, end));
        true
    }

    /// Epochs that change hands with this group, to be stored before anybody is told.
    pub fn new_holders(&self) -> Vec<((EdgeId, u64), u64)> {
        let keys = self.pending.holders.iter().map(|(key, _)| key);
        keys.filter_map(|key| Some((key.clone(), *self.holders.get(key)?)))
            .collect()
    }

    /// The group is on disk: what edges are to be told.
    pub fn stored(&mut self, now: UtcMs) -> Vec<Answer> {
        let pending = std::mem::take(&mut self.pending);
        for ((edge, epoch, partition), first, end) in pending.ranges {
            let of_epoch = self.marks.entry((edge, epoch)).or_default();
            of_epoch
                .entry(partition)
                .or_insert_with(|| HubMark::new(partition))
                .note(first, end);
        }
        let mut durable: BTreeMap<(EdgeId, u64), Vec<HubMark>> = BTreeMap::new();
        for (edge, epoch, partition) in pending.told {
            let marks = self.marks.get(&(edge.clone(), epoch));
            let mark = marks.and_then(|marks| marks.get(&partition)).cloned();
            let mark = mark.unwrap_or_else(|| HubMark::new(partition));
            durable.entry((edge, epoch)).or_default().push(mark);
        }
        let durable = durable.into_iter().filter_map(|((edge, epoch), marks)| {
            let instance = *self.holders.get(&(edge.clone(), epoch))?;
            let durable = Down::Durable {
                instance,
                epoch,
                marks,
                now,
            };
            Some((edge, durable))
        });
        let durable: Vec<(EdgeId, Down)> = durable.collect();
        let all: Vec<(EdgeId, Down)> = pending.answers.into_iter().chain(durable).collect();
        all.into_iter()
            .filter_map(|(edge, down)| {
                let path = self.path(&edge)?;
                Some(Answer { edge, path, down })
            })
            .collect()
    }

    /// The group was not stored: nothing of it was said.
    pub fn not_stored(&mut self) {
        for (key, before) in std::mem::take(&mut self.pending).holders.into_iter().rev() {
            match before {
                Some(before) => self.holders.insert(key, before),
                None => self.holders.remove(&key),
            };
        }
    }

    /// The way on which an edge was heard last.
    pub fn path(&self, edge: &EdgeId) -> Option<Way> {
        self.known.get(edge)?.path
    }
}

/// Moves times of a clock that was not set by its distance to ours.
fn correct(frame: &mut UpFrame, by_ms: i64) {
    for (_, reading) in &mut frame.readings {
        reading.received_at = reading.received_at.plus(by_ms);
        if matches!(
            reading.time_source,
            TimeSource::Receiver | TimeSource::Corrected
        ) {
            reading.at = reading.at.plus(by_ms);
            reading.time_source = TimeSource::Corrected;
        }
    }
}

#[cfg(test)]
mod tests;
