//! The log of a case: in order of arrival with the ticks between, or in any other order.

use std::collections::BTreeMap;

use huitian_model::{ChannelRef, EdgeId, Frame, Origin, Reading, Record, Tick, UtcMs};

use super::inventory::Place;
use super::{Arrival, Case, LogPlan, pick};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The partition's time: from the first tick over the drawn steps to the last.
pub fn ticks(place: &Place, steps: &[u8], plan: &LogPlan) -> Vec<i64> {
    let floor = |at: i64, step: i64| at - at.rem_euclid(step);
    let start = place.start;
    let firsts = [
        start - 10 * MINUTE,
        start,
        start + 63_000,
        floor(start, 5 * MINUTE),
        start - 1,
        start + 30 * MINUTE + 1,
        start - 3 * HOUR,
        start + place.span_ms / 2,
    ];
    let mut ticks = vec![pick(&firsts, plan.first_tick)];
    for step in steps {
        let now = ticks[ticks.len() - 1];
        let after = [
            now + 10_000,
            floor(now, MINUTE) + MINUTE,
            now + MINUTE,
            now + 61_000,
            now + 5 * MINUTE,
            floor(now, 5 * MINUTE) + 5 * MINUTE,
            floor(now, 5 * MINUTE) + 7 * MINUTE,
            now + place.span_ms / 8,
            now + place.span_ms / 12,
            floor(now, HOUR) + HOUR,
            now + HOUR,
            now,
            now + 1,
            now + 30_000,
            now + 17 * MINUTE,
            floor(now, MINUTE) + MINUTE - 1,
        ];
        ticks.push(pick(&after, *step));
    }
    let last = ticks[ticks.len() - 1];
    let done = start + place.span_ms;
    let lasts = [
        done + 3 * MINUTE,
        last,
        done,
        done + HOUR,
        done + 10 * MINUTE,
        done + 26 * HOUR,
        last + 2 * MINUTE,
        done + 2 * MINUTE,
    ];
    ticks.push(pick(&lasts, plan.last_tick).max(last));
    ticks
}

/// The log of a case in order of arrival. All that enters after the last tick stands before it.
pub fn log(case: &Case) -> Vec<Record> {
    let mut builder = Builder::new(case, case.cut);
    let mut arrivals = case.arrivals.iter().peekable();
    let (last, others) = case.ticks.split_last().unwrap();
    for now in others {
        while let Some(arrival) = arrivals.next_if(|arrival| arrival.enters_at < *now) {
            builder.reading(arrival);
        }
        builder.tick(*now);
    }
    for arrival in arrivals {
        builder.reading(arrival);
    }
    builder.deliver();
    builder.tick(*last);
    builder.records
}

/// How a log is put out of order.
#[derive(Clone, Copy, Debug)]
pub struct Shuffle {
    pub seed: u64,
    /// Whether some readings come again under numbers of their own.
    pub doubles: bool,
}

/// The same readings in another order, cut otherwise, with other ticks between. The first and
/// the last tick stay, so that the same windows are published.
pub fn log_in_any_order(case: &Case, shuffle: Shuffle) -> Vec<Record> {
    let mut dice = Dice::new(shuffle.seed);
    let mut arrivals: Vec<(u64, &Arrival)> = Vec::new();
    for arrival in &case.arrivals {
        arrivals.push((dice.next(), arrival));
        if shuffle.doubles && dice.one_in(5) {
            arrivals.push((dice.next(), arrival));
        }
    }
    arrivals.sort_by_key(|(place, _)| *place);
    let (first, others) = case.ticks.split_first().unwrap();
    let (last, others) = others.split_last().unwrap_or((first, &[]));
    let kept: Vec<i64> = others.iter().copied().filter(|_| dice.one_in(2)).collect();
    let mut ticks = [*first].into_iter().chain(kept).peekable();
    let mut builder = Builder::new(case, shuffle.seed);
    for (_, arrival) in arrivals {
        while dice.one_in(4) && ticks.peek().is_some() {
            builder.tick(ticks.next().unwrap());
        }
        builder.reading(arrival);
    }
    for now in ticks {
        builder.tick(now);
    }
    builder.deliver();
    builder.tick(*last);
    builder.records
}

/// Collects records: numbers readings, cuts frames, sends some of them again.
struct Builder {
    records: Vec<Record>,
    open: Option<Frame>,
    edges: BTreeMap<u8, (u64, u64)>,
    sent: Vec<Frame>,
    /// Frames that an edge keeps while later ones go first.
    backlog: Vec<Frame>,
    dice: Dice,
}

impl Builder {
    fn new(case: &Case, seed: u64) -> Self {
        Self {
            records: vec![
                Record::Settings {
                    version: 1,
                    settings: case.settings.clone(),
                },
                Record::Inventory {
                    version: 1,
                    inventory: case.inventory.clone(),
                },
            ],
            open: None,
            edges: BTreeMap::new(),
            sent: Vec::new(),
            backlog: Vec::new(),
            dice: Dice::new(seed ^ 0x9e37_79b9_7f4a_7c15),
        }
    }

    fn reading(&mut self, arrival: &Arrival) {
        let edge = EdgeId::new(&format!("edge{}", arrival.edge)).unwrap();
        let is_other = self.open.as_ref().is_some_and(|frame| frame.edge != edge);
        if is_other || self.dice.one_in(3) {
            self.close();
        }
        if self.open.is_none() && self.dice.one_in(24) {
            // The edge lost its queue: it numbers from 0 in a new epoch.
            let (epoch, _) = self.edges.get(&arrival.edge).copied().unwrap_or((1, 0));
            self.edges.insert(arrival.edge, (epoch + 1, 0));
        }
        let (epoch, next_n) = self.edges.entry(arrival.edge).or_insert((1, 0));
        let frame = self.open.get_or_insert_with(|| Frame {
            edge,
            epoch: *epoch,
            first_n: *next_n,
            origin: Origin::Live,
            channels: Vec::new(),
            readings: Vec::new(),
        });
        *next_n += 1;
        push(frame, &arrival.channel, arrival.reading);
    }

    fn tick(&mut self, now: i64) {
        self.close();
        self.records.push(Record::Tick(Tick { now: UtcMs(now) }));
    }

    /// Puts the open frame into the log, and sometimes an earlier one of its epoch again.
    fn close(&mut self) {
        let Some(frame) = self.open.take() else {
            return;
        };
        if self.dice.one_in(8) {
            self.backlog.push(frame);
            return;
        }
        if self.dice.one_in(4) && !self.backlog.is_empty() {
            let which = self.dice.below(self.backlog.len());
            let late = self.backlog.swap_remove(which);
            self.records.push(Record::Frame(late));
        }
        self.sent.push(frame.clone());
        self.records.push(Record::Frame(frame));
        if self.dice.one_in(6) {
            let which = self.dice.below(self.sent.len());
            let again = self.sent[which].clone();
            let (epoch, _) = self.edges[&edge_number(&again)];
            if again.epoch == epoch {
                self.records.push(Record::Frame(again));
            }
        }
    }

    /// Closes what is open and delivers all that edges keep.
    fn deliver(&mut self) {
        self.close();
        let backlog = self.backlog.drain(..).map(Record::Frame);
        self.records.extend(backlog);
    }
}

fn edge_number(frame: &Frame) -> u8 {
    frame
        .edge
        .as_str()
        .trim_start_matches("edge")
        .parse()
        .unwrap()
}

fn push(frame: &mut Frame, channel: &ChannelRef, reading: Reading) {
    let known = frame.channels.iter().position(|one| one == channel);
    let index = known.unwrap_or_else(|| {
        frame.channels.push(channel.clone());
        frame.channels.len() - 1
    });
    frame
        .readings
        .push((u32::try_from(index).unwrap(), reading));
}

/// Small deterministic random numbers (xorshift64*), for what need not shrink.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % limit
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }
}
