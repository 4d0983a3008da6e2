//! Edges, their disks, a network and a hub that are all played, with every fault that they can
//! have, drawn at random.

use std::collections::{BTreeMap, BTreeSet};

use huitian_edge::Way;
use huitian_edge::uplink::{Now, Source, Uplink, Wish};
use huitian_model::uplink::{Down, Up, decode, encode};
use huitian_model::{Partition, Record, UtcMs};

use super::disk::{Disk, edge, partition};
use crate::hub::fleet::FleetEvent;
use crate::hub::uplink::{Holders, Uplinks};

/// One machine with its connection.
pub struct Machine {
    pub disk: Disk,
    pub uplink: Uplink,
    up: Vec<Vec<u8>>,
    down: Vec<Down>,
    is_connected: bool,
}

impl Machine {
    pub fn new(mut disk: Disk, instance: u64) -> Self {
        let former = disk.instances.clone();
        disk.instances.insert(0, instance);
        Self {
            disk,
            uplink: Uplink::new(instance, former),
            up: Vec::new(),
            down: Vec::new(),
            is_connected: false,
        }
    }

    fn say(&mut self, up: &Up) {
        self.up.push(encode(up).unwrap());
    }

    fn hello(&mut self) {
        let hello = self.uplink.hello(&self.disk, "test", 0);
        self.say(&hello);
    }

    fn connect(&mut self, now: Now) {
        self.is_connected = true;
        self.uplink.connected(now);
        self.hello();
    }

    fn disconnect(&mut self) {
        self.is_connected = false;
        self.up.clear();
        self.down.clear();
        self.uplink.disconnected();
    }

    fn hear(&mut self, at: usize, now: Now) {
        let down = self.down.remove(at);
        for wish in self.uplink.on_down(&down, &mut self.disk, now).unwrap() {
            if wish == Wish::Hello {
                self.hello();
            }
        }
    }

    fn pump(&mut self, now: Now) {
        let pumped = self.uplink.pump(&mut self.disk, now).unwrap();
        if pumped.wants_hello {
            self.hello();
        }
        for up in pumped.messages {
            self.say(&up);
        }
    }
}

/// Deterministic dice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// What is broken on purpose, to see that the claims can fail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// The hub never compares its marks with an edge's limits.
    TrustsEveryQueue,
    /// The edge frees what it has sent.
    FreesWhatWasSent,
    /// The hub answers before the disk.
    AnswersFirst,
}

pub struct World {
    dice: Dice,
    pub machines: Vec<Machine>,
    backup: Option<Disk>,
    hub: Uplinks,
    pub log: Vec<Record>,
    /// What the hub's disk knows of who holds which epoch.
    holders: Holders,
    now_ms: i64,
    next_id: i64,
    pub instances: u64,
    /// Readings that a disk had when it was thrown away, and that never reached the hub.
    died: BTreeSet<i64>,
    given_up: BTreeSet<i64>,
    pub conflicts: usize,
    flaw: Flaw,
}

impl World {
    fn new(seed: u64, flaw: Flaw) -> Self {
        let disk = Disk {
            epoch: 7,
            ..Disk::default()
        };
        Self {
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            machines: vec![Machine::new(disk, 1)],
            backup: None,
            hub: Uplinks::default(),
            log: Vec::new(),
            holders: Holders::new(),
            now_ms: 0,
            next_id: 1,
            instances: 1,
            died: BTreeSet::new(),
            given_up: BTreeSet::new(),
            conflicts: 0,
            flaw,
        }
    }

    fn now(&self) -> Now {
        Now {
            mono_ms: self.now_ms,
            stamp: UtcMs(self.now_ms),
            shift_ms: Some(0),
        }
    }

    fn new_instance(&mut self) -> u64 {
        self.instances += 1;
        self.instances
    }

    fn step(&mut self) {
        self.now_ms += i64::try_from(self.dice.below(400)).unwrap();
        let now = self.now();
        let at = self.dice.below(self.machines.len());
        match self.dice.below(40) {
            0..8 => self.append(at),
            8 => self.machines[at].disconnect(),
            9..11 => {
                if !self.machines[at].is_connected {
                    self.machines[at].connect(now);
                }
            }
            11 => self.restart_hub(),
            12 => {
                let instance = self.new_instance();
                let disk = self.machines[at].disk.clone();
                self.machines[at] = Machine::new(disk, instance);
            }
            13 => self.give_up(at),
            14 => self.backup = Some(self.machines[at].disk.clone()),
            15 => self.restore_or_clone(at),
            16 => self.lose_message(at),
            17..27 => self.hub_turn(at),
            27..34 => {
                let waiting = self.machines[at].down.len();
                if waiting > 0 {
                    let which = self.dice.below(waiting.min(2));
                    self.machines[at].hear(which, now);
                }
            }
            _ => self.machines[at].pump(now),
        }
        if self.flaw == Flaw::FreesWhatWasSent {
            let disk = &mut self.machines[at].disk;
            let (sent, base) = (disk.limit, disk.base);
            disk.release(partition(), sent - base).unwrap();
        }
    }

    fn append(&mut self, at: usize) {
        for _ in 0..=self.dice.below(4) {
            let disk = &mut self.machines[at].disk;
            disk.held.insert(disk.next, self.next_id);
            disk.next += 1;
            self.next_id += 1;
        }
    }

    fn give_up(&mut self, at: usize) {
        let disk = &mut self.machines[at].disk;
        let oldest: Vec<(u64, i64)> = disk.held.iter().take(2).map(|(n, id)| (*n, *id)).collect();
        for (n, id) in oldest {
            disk.held.remove(&n);
            disk.has_losses = true;
            self.given_up.insert(id);
        }
    }

    fn restart_hub(&mut self) {
        let mut marks: BTreeMap<(u64, Partition), BTreeSet<u64>> = BTreeMap::new();
        for (epoch, n, _) in numbers(&self.log) {
            marks.entry((epoch, partition())).or_default().insert(n);
        }
        let marks = marks.into_iter().map(|((epoch, partition), numbers)| {
            let mut mark = huitian_model::uplink::HubMark::new(partition);
            for n in numbers {
                mark.note(n, n + 1);
            }
            let mark = huitian_engine::Mark {
                edge: edge(),
                epoch,
                next: mark.next,
                ahead: mark.ahead,
            };
            (partition, mark)
        });
        let marks = marks.collect::<Vec<_>>();
        self.hub = Uplinks::new(marks, BTreeMap::new(), self.holders.clone());
    }

    /// A disk that came back from a backup, or a second machine with a copy of it.
    fn restore_or_clone(&mut self, at: usize) {
        let Some(disk) = self.backup.take() else {
            return;
        };
        let instance = self.new_instance();
        if self.machines.len() < 2 && self.dice.below(2) == 0 {
            self.machines.push(Machine::new(disk, instance));
            return;
        }
        let gone = &self.machines[at].disk.held;
        self.died.extend(gone.values().copied());
        self.machines[at] = Machine::new(disk, instance);
    }

    fn lose_message(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let total = machine.up.len() + machine.down.len();
        if total == 0 {
            return;
        }
        let which = self.dice.below(total);
        if which < machine.up.len() {
            machine.up.remove(which);
        } else {
            machine.down.remove(which - machine.up.len());
        }
    }

    /// The hub takes some messages, out of order and some of them twice, as one group commit.
    fn hub_turn(&mut self, at: usize) {
        let mut group = Vec::new();
        for _ in 0..=self.dice.below(4) {
            let waiting = self.machines[at].up.len();
            if waiting == 0 {
                break;
            }
            let which = self.dice.below(waiting.min(3));
            let bytes = self.machines[at].up.remove(which);
            if self.dice.below(8) == 0 {
                self.machines[at].up.push(bytes.clone());
            }
            let bytes = self.blindfold(bytes);
            let heard = self
                .hub
                .hear(&edge(), Way::Embedded, &bytes, UtcMs(self.now_ms));
            assert_eq!(heard.refused, None);
            let is_conflict = |event: &&FleetEvent| matches!(event, FleetEvent::Conflict { .. });
            self.conflicts += heard.events.iter().filter(is_conflict).count();
            group.extend(heard.records.into_iter().map(|(_, record)| record));
        }
        let is_stored = self.dice.below(10) != 0;
        if is_stored {
            self.log.extend(group);
            self.holders.extend(self.hub.new_holders());
        } else if self.flaw != Flaw::AnswersFirst {
            self.hub.not_stored();
        }
        // Everybody on that topic hears the answer: both machines of one name.
        for answer in self.hub.stored(UtcMs(self.now_ms)) {
            for machine in self
                .machines
                .iter_mut()
                .filter(|machine| machine.is_connected)
            {
                machine.down.push(answer.down.clone());
            }
        }
    }

    fn blindfold(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.flaw != Flaw::TrustsEveryQueue {
            return bytes;
        }
        let mut up: Up = decode(&bytes).unwrap();
        if let Up::Hello { lanes, former, .. } = &mut up {
            former.extend(0..=self.instances);
            for lane in lanes {
                lane.limit = u64::MAX;
            }
        }
        encode(&up).unwrap()
    }

    /// No more faults: everything that is kept reaches the hub.
    fn settle(&mut self) {
        for turn in 0..3_000 {
            self.now_ms += 200;
            let now = self.now();
            for at in 0..self.machines.len() {
                if !self.machines[at].is_connected {
                    self.machines[at].connect(now);
                }
                self.machines[at].pump(now);
                while !self.machines[at].up.is_empty() {
                    self.hub_turn(at);
                }
                while !self.machines[at].down.is_empty() {
                    self.machines[at].hear(0, now);
                }
            }
            let is_empty = |machine: &Machine| machine.disk.held.is_empty();
            if turn > 10 && self.machines.iter().all(is_empty) {
                return;
            }
        }
    }

    /// What is wrong at the end, if anything.
    fn fault(&self) -> Option<String> {
        for machine in &self.machines {
            if !machine.disk.held.is_empty() {
                return Some(format!(
                    "{} readings never left their edge",
                    machine.disk.held.len()
                ));
            }
        }
        let mut seen: BTreeMap<(u64, u64), i64> = BTreeMap::new();
        for (epoch, n, id) in numbers(&self.log) {
            let Some(id) = id else { continue };
            if *seen.entry((epoch, n)).or_insert(id) != id {
                return Some(format!("number {n} of epoch {epoch} is two readings"));
            }
        }
        let arrived: BTreeSet<i64> = seen.into_values().collect();
        let lost: Vec<i64> = (1..self.next_id)
            .filter(|id| {
                let excused = self.died.contains(id) || self.given_up.contains(id);
                !arrived.contains(id) && !excused
            })
            .collect();
        (!lost.is_empty()).then(|| format!("lost without a word: {lost:?}"))
    }
}

/// All numbers that the log holds, with the reading of each; none for what was given up.
fn numbers(log: &[Record]) -> Vec<(u64, u64, Option<i64>)> {
    let mut all = Vec::new();
    for record in log {
        match record {
            Record::Frame(frame) => {
                let readings = (frame.first_n..).zip(&frame.readings);
                all.extend(readings.map(|(n, (_, one))| (frame.epoch, n, Some(one.at.0))));
            }
            Record::Lost(lost) => {
                let range = lost.first_n..lost.first_n + lost.count;
                all.extend(range.map(|n| (lost.epoch, n, None)));
            }
            Record::Tick(_) | Record::Inventory { .. } | Record::Settings { .. } => {}
        }
    }
    all
}

pub fn play(seed: u64, flaw: Flaw) -> Result<World, String> {
    let mut world = World::new(seed, flaw);
    for _ in 0..400 {
        world.step();
    }
    world.settle();
    match world.fault() {
        Some(fault) => Err(format!("seed {seed}: {fault}")),
        None => Ok(world),
    }
}
