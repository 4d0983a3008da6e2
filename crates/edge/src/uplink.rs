//! The edge's end of the uplink, without a socket: what to send next, and what an answer means.
//!
//! ```text
//! Offline ──connected──► Greeting ──Welcome──► Open ──lost──► Offline
//!                           ▲  └──Renew──► a new epoch, hello again
//!                           └── HelloAgain, or nothing durable for too long
//! ```
//!
//! What is live goes first: numbers from the one that was next when the connection opened. What
//! is older goes behind it, oldest first, marked as backlog, and only as much at a time as leaves
//! room for what is live. Nothing is forgotten here before the hub has said that it is durable.

use std::collections::BTreeMap;

use huitian_model::uplink::{Down, HubMark, Lane, Up};
use huitian_model::{LossReason, Origin, Partition};

mod frame;
mod source;

use frame::frame;
pub use source::{Entry, Gone, Now, Source};

/// Frames that may be on their way: with 2,500 readings each and an answer every 20 ms two
/// million readings a second, far above what any edge reads.
const FLIGHT_MAX: usize = 16;

/// Of these so many may be backlog, so that what is live never waits behind it.
const BACKLOG_FLIGHT_MAX: usize = 12;

/// And so many live: while they are on their way, what comes is gathered into the next frame. A
/// frame for each of a hundred commits a second would take every place from the backlog.
const LIVE_FLIGHT_MAX: usize = 4;

/// Bytes of entries that one frame is made of, at most, if there is more than one.
const FRAME_BYTES: u64 = 64 * 1024;

/// Without an answer for so long, ms, what is on its way is taken for lost and sent again: many
/// times a slow mobile network's round trip and a slow disk's sync.
const ANSWER_MS_MAX: i64 = 10_000;

/// Ranges that will never come are told so many at a time.
const LOST_RANGES_MAX: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Offline,
    Greeting { since_ms: i64 },
    Open,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Flight {
    partition: Partition,
    first: u64,
    end: u64,
    is_backlog: bool,
    sent_ms: i64,
}

/// What an answer asks of the rest of the edge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Greet the hub.
    Hello,
    /// The hub has another configuration for us than this version, or the same.
    ConfigVersion(u64),
    /// The queue is no longer ours alone: a new epoch has begun. For people.
    Renewed(String),
}

/// The uplink of one edge.
#[derive(Debug)]
pub struct Uplink {
    instance: u64,
    former: Vec<u64>,
    phase: Phase,
    marks: BTreeMap<Partition, HubMark>,
    live_from: BTreeMap<Partition, u64>,
    flights: Vec<Flight>,
    progress_ms: i64,
    /// Ranges told as gone and not yet durable at the hub.
    turn: usize,
}

impl Uplink {
    /// An uplink that is not connected.
    pub const fn new(instance: u64, former: Vec<u64>) -> Self {
        Self {
            instance,
            former,
            phase: Phase::Offline,
            marks: BTreeMap::new(),
            live_from: BTreeMap::new(),
            flights: Vec::new(),
            progress_ms: 0,
            turn: 0,
        }
    }

    /// Whether the hub has greeted us.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// A connection to a broker is there: greet.
    pub fn connected(&mut self, now: Now) {
        self.phase = Phase::Greeting {
            since_ms: now.mono_ms,
        };
        self.flights.clear();
    }

    /// The connection is gone, and with it what was on its way.
    pub fn disconnected(&mut self) {
        self.phase = Phase::Offline;
        self.flights.clear();
    }

    /// The greeting.
    pub fn hello<S: Source>(&self, source: &S, software: &str, config_version: u64) -> Up {
        Up::Hello {
            instance: self.instance,
            former: self.former.clone(),
            epoch: source.epoch(),
            software: software.to_owned(),
            config_version,
            lanes: source.lanes(),
        }
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// The queue's.
    pub fn on_down<S: Source>(
        &mut self,
        down: &Down,
        source: &mut S,
        now: Now,
    ) -> Result<Vec<Wish>, S::Error> {
        match down {
            Down::Welcome {
                instance,
                epoch,
                marks,
                config_version,
                ..
            } if *instance == self.instance
                && *epoch == source.epoch()
                && self.phase != Phase::Offline =>
            {
                self.marks = marks
                    .iter()
                    .map(|mark| (mark.partition, mark.clone()))
                    .collect();
                let lanes = source.lanes();
                self.live_from = lanes
                    .iter()
                    .map(|lane| (lane.partition, lane.next))
                    .collect();
                self.flights.clear();
                self.phase = Phase::Open;
                self.progress_ms = now.mono_ms;
                self.settle(source)?;
                Ok(vec![Wish::ConfigVersion(*config_version)])
            }
            Down::Durable {
                instance,
                epoch,
                marks,
                ..
            } if *instance == self.instance && *epoch == source.epoch() && self.is_open() => {
                for mark in marks {
                    self.marks.insert(mark.partition, mark.clone());
                }
                self.progress_ms = now.mono_ms;
                self.settle(source)?;
                Ok(Vec::new())
            }
            Down::Renew {
                instance,
                epoch,
                reason,
            } if *instance == self.instance && *epoch == source.epoch() => {
                source.renew()?;
                self.marks.clear();
                self.flights.clear();
                self.greet_again(now);
                Ok(vec![Wish::Renewed(reason.clone()), Wish::Hello])
            }
            Down::HelloAgain if self.phase != Phase::Offline => {
                self.greet_again(now);
                Ok(vec![Wish::Hello])
            }
            // Another machine's, another epoch's, or nothing that concerns the uplink.
            Down::Welcome { .. }
            | Down::Durable { .. }
            | Down::Renew { .. }
            | Down::HelloAgain
            | Down::Config { .. }
            | Down::Noted { .. }
            | Down::Enrolled { .. }
            | Down::NotEnrolled { .. } => Ok(Vec::new()),
        }
    }

    fn greet_again(&mut self, now: Now) {
        self.phase = Phase::Greeting {
            since_ms: now.mono_ms,
        };
        self.flights.clear();
    }

    /// Frees what the hub has, and forgets what is no longer on its way.
    fn settle<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
        for (partition, mark) in &self.marks {
            source.release(*partition, mark.next)?;
        }
        let marks = &self.marks;
        self.flights.retain(|flight| {
            let mark = marks.get(&flight.partition);
            !mark.is_some_and(|mark| mark.covers(flight.first, flight.end))
        });
        Ok(())
    }

    /// What to send now, within what may be on its way. Asked again after every answer, every
    /// append and every second.
    ///
    /// # Errors
    /// The queue's.
    pub fn pump<S: Source>(&mut self, source: &mut S, now: Now) -> Result<Pumped, S::Error> {
        let mut pumped = Pumped::default();
        match self.phase {
            Phase::Offline => return Ok(pumped),
            Phase::Greeting { since_ms } => {
                if now.mono_ms.saturating_sub(since_ms) > ANSWER_MS_MAX {
                    self.greet_again(now);
                    pumped.wants_hello = true;
                }
                return Ok(pumped);
            }
            Phase::Open => {}
        }
        if self.flights.is_empty() {
            self.progress_ms = now.mono_ms;
        } else if now.mono_ms.saturating_sub(self.progress_ms) > ANSWER_MS_MAX {
            // Perhaps only answers were lost; perhaps the hub is another now. Ask it.
            self.greet_again(now);
            pumped.wants_hello = true;
            return Ok(pumped);
        }
        // One frame that was lost while others are answered is sent again by itself.
        let is_fresh =
            |flight: &Flight| now.mono_ms.saturating_sub(flight.sent_ms) <= ANSWER_MS_MAX;
        self.flights.retain(is_fresh);
        self.tell_gone(source, now, &mut pumped)?;
        let mut may_read = true;
        while may_read && self.flights.len() < FLIGHT_MAX {
            may_read = self.send_one(source, now, &mut pumped)?;
        }
        Ok(pumped)
    }

    fn tell_gone<S: Source>(
        &mut self,
        source: &mut S,
        now: Now,
        pumped: &mut Pumped,
    ) -> Result<(), S::Error> {
        let gone = source.gone(LOST_RANGES_MAX)?;
        let forgotten = self.forgotten(source);
        if gone.is_empty() && forgotten.is_empty() {
            return source.all_told();
        }
        for gone in forgotten.into_iter().chain(gone) {
            let end = gone.first_n.saturating_add(gone.count);
            let busy = self.busy(gone.partition);
            if busy.covers(gone.first_n, end) || self.flights.len() >= FLIGHT_MAX {
                continue;
            }
            self.flights.push(Flight {
                partition: gone.partition,
                first: gone.first_n,
                end,
                is_backlog: true,
                sent_ms: now.mono_ms,
            });
            pumped.messages.push(Up::Lost {
                instance: self.instance,
                epoch: source.epoch(),
                partition: gone.partition,
                first_n: gone.first_n,
                count: gone.count,
                reason: gone.reason,
                at: huitian_model::UtcMs(gone.at_ms),
                devices: gone.devices,
            });
        }
        Ok(())
    }

    /// What the hub had, we freed, and the hub no longer has.
    fn forgotten<S: Source>(&self, source: &S) -> Vec<Gone> {
        let mut all = Vec::new();
        for lane in source.lanes() {
            let mark = self.mark(lane.partition);
            let mut from = mark.next;
            while from < lane.released && all.len() < LOST_RANGES_MAX {
                let (first, end) = mark.gap(from);
                let end = end.unwrap_or(lane.released).min(lane.released);
                if first >= end {
                    break;
                }
                all.push(Gone {
                    partition: lane.partition,
                    first_n: first,
                    count: end - first,
                    reason: LossReason::HubForgot,
                    at_ms: 0,
                    devices: Vec::new(),
                });
                from = end;
            }
        }
        all
    }

    fn mark(&self, partition: Partition) -> HubMark {
        let known = self.marks.get(&partition).cloned();
        known.unwrap_or_else(|| HubMark::new(partition))
    }

    /// What the hub has, and what is on its way to it.
    fn busy(&self, partition: Partition) -> HubMark {
        let mut busy = self.mark(partition);
        for flight in self
            .flights
            .iter()
            .filter(|flight| flight.partition == partition)
        {
            busy.note(flight.first, flight.end);
        }
        busy
    }

    /// Sends one more frame; false where there is nothing to send or no room for it.
    fn send_one<S: Source>(
        &mut self,
        source: &mut S,
        now: Now,
        pumped: &mut Pumped,
    ) -> Result<bool, S::Error> {
        let lanes = source.lanes();
        let live = lanes.iter().find_map(|lane| {
            let from = self
                .live_from
                .get(&lane.partition)
                .copied()
                .unwrap_or_default();
            self.open_range(lane, from, lane.next)
        });
        let live_flights = self
            .flights
            .iter()
            .filter(|flight| !flight.is_backlog)
            .count();
        if let Some(range) = live.filter(|_| live_flights < LIVE_FLIGHT_MAX) {
            return self.send_range(source, range, now, pumped);
        }
        let backlog = self
            .flights
            .iter()
            .filter(|flight| flight.is_backlog)
            .count();
        if backlog >= BACKLOG_FLIGHT_MAX {
            return Ok(false);
        }
        // Partitions take turns, so that none waits for another's backlog.
        self.turn = self.turn.wrapping_add(1);
        let count = lanes.len().max(1);
        let turn = self.turn % count;
        let in_turn = lanes.iter().skip(turn).chain(lanes.iter().take(turn));
        let mut ranges = in_turn.filter_map(|lane| {
            let until = self
                .live_from
                .get(&lane.partition)
                .copied()
                .unwrap_or_default();
            self.open_range(lane, lane.released, until)
        });
        match ranges.next() {
            Some(range) => {
                drop(ranges);
                self.send_range(source, range, now, pumped)
            }
            None => Ok(false),
        }
    }

    /// The first numbers of a partition from `from` and before `until` that the hub does not
    /// have and that are not on their way.
    fn open_range(&self, lane: &Lane, from: u64, until: u64) -> Option<(Partition, u64, u64)> {
        let (first, end) = self.busy(lane.partition).gap(from.max(lane.released));
        let end = end.unwrap_or(until).min(until);
        (first < end).then_some((lane.partition, first, end))
    }

    fn send_range<S: Source>(
        &mut self,
        source: &mut S,
        (partition, first, end): (Partition, u64, u64),
        now: Now,
        pumped: &mut Pumped,
    ) -> Result<bool, S::Error> {
        let limit = |lanes: Vec<Lane>| {
            let lane = lanes.into_iter().find(|lane| lane.partition == partition);
            lane.map_or(0, |lane| lane.limit)
        };
        if limit(source.lanes()) < end {
            source.permit()?;
        }
        let entries = source.read(partition, (first, end), FRAME_BYTES)?;
        let is_backlog = self
            .live_from
            .get(&partition)
            .is_none_or(|live| first < *live);
        let origin = if is_backlog {
            Origin::Backlog
        } else {
            Origin::Live
        };
        let Some((frame, until)) = frame(partition, &entries, origin, now) else {
            return Ok(false);
        };
        self.flights.push(Flight {
            partition,
            first: frame.first_n,
            end: until,
            is_backlog,
            sent_ms: now.mono_ms,
        });
        pumped.readings += until - frame.first_n;
        pumped.messages.push(Up::Frame {
            instance: self.instance,
            epoch: source.epoch(),
            frame,
        });
        Ok(true)
    }
}

/// What is to be published.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pumped {
    /// In this order.
    pub messages: Vec<Up>,
    /// Whether the hub is to be greeted.
    pub wants_hello: bool,
    /// How many readings the frames hold.
    pub readings: u64,
}

#[cfg(test)]
mod tests;
