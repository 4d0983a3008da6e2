//! The state of all edge nodes, as a host application keeps it. Pure: time is an argument, and
//! what is to be published is an output.
//!
//! A message of a node is usable only after that node's birth, and only in the order of its
//! sequence numbers: data says a number instead of a name, and a lost message may have been the
//! one that freed a place. So what comes out of order is held until the reorder timeout ends.
//! What is still missing then is asked for: all births anew.
//!
//! The caller gives every message with a receipt (what its acknowledgement needs) and gets the
//! receipt back in [`Output::settled`] together with the records that its message led to. A
//! message that is given up comes back only after a rebirth was asked for, or is due to be: what
//! it said is then in the births to come.
//!
//! Whatever a host has not heard for sure is unknown: a death, a device that is not born again
//! and an unanswered rebirth make all their metrics [`Missing`](crate::NamedValue::Missing).

use std::collections::BTreeMap;

use huitian_model::UtcMs;

use crate::named::NamedMessage;
use crate::refusal::{Refusal, RefusalReason, quoted};

use super::command::rebirth;
use super::topic::{Speech, Topic, topic};

mod held;
mod node;
mod owner;
mod pace;
mod session;

use node::Node;

/// Edge nodes of one host: a district has some hundred gateways.
const NODES_MAX: usize = 1_000;

/// Devices of one edge node: as many as a bus line or a radio gateway of the known kinds serves.
const DEVICES_MAX: usize = 250;

/// Bytes of all births and all held messages together: 1,000 nodes of 350 metrics, each of them
/// some [`owner::METRIC_BYTES`] and its name of 40, are 64 MiB.
const MEMORY_MAX: usize = 64 * 1024 * 1024;

/// Rebirth requests in a second: after a lost connection a thousand nodes are asked in 20 s, and
/// their births do not come all at once.
const COMMANDS_PER_S: u32 = 50;

/// What time it is: by the wall for records, and by a clock that nobody sets for waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Wall time.
    pub at: UtcMs,
    /// Milliseconds since some fixed instant.
    pub mono_ms: u64,
}

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// Whether a broker had kept it from before: a birth of yesterday must not be believed.
    pub is_retained: bool,
}

/// A message to publish with `QoS` 0, not retained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Where to.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
}

/// What came of a message or of the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output<T> {
    /// What devices said, and what could not be used.
    pub named: NamedMessage,
    /// Receipts of the messages whose part is done once `named` is kept.
    pub settled: Vec<T>,
    /// What to publish.
    pub commands: Vec<Command>,
    /// What happened that is no reading and no fault of a message, for people.
    pub notes: Vec<String>,
}

impl<T> Default for Output<T> {
    fn default() -> Self {
        Self {
            named: NamedMessage::default(),
            settled: Vec::new(),
            commands: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl<T> Output<T> {
    fn refuse(&mut self, reason: RefusalReason, text: String) {
        self.named.refused.push(Refusal::new(reason, text));
    }
}

/// One call's time, output and limits.
struct Turn<'a, T> {
    now: Moment,
    out: &'a mut Output<T>,
    reorder_ms: u64,
    /// Bytes that this node may use.
    room: usize,
}

/// A host application's view of all edge nodes; `T` is a receipt.
#[derive(Debug)]
pub struct Host<T> {
    reorder_ms: u64,
    /// By address in lower case, so that two names that differ in case alone are seen.
    nodes: BTreeMap<String, Node<T>>,
    memory: usize,
    /// No node is due before.
    due: Option<u64>,
    /// The second in which commands are counted, and how many it had.
    second: (u64, u32),
}

impl<T> Host<T> {
    /// A host that has heard nothing, and waits so long for messages that are missing.
    pub const fn new(reorder_ms: u64) -> Self {
        Self {
            reorder_ms,
            nodes: BTreeMap::new(),
            memory: 0,
            due: None,
            second: (0, 0),
        }
    }

    /// Hears one message.
    pub fn hear(&mut self, said: Said<'_>, receipt: T, now: Moment) -> Output<T> {
        let mut out = Output::default();
        match topic(said.topic) {
            Err(refusal) => {
                out.named.refused.push(refusal);
                out.settled.push(receipt);
            }
            Ok(Topic::Command | Topic::State(_)) => out.settled.push(receipt),
            Ok(Topic::Node(_)) if said.is_retained => {
                out.notes.push(format!("kept from before: {}", said.topic));
                out.settled.push(receipt);
            }
            Ok(Topic::Node(speech)) => {
                self.on_speech(speech, (said.payload, receipt), now, &mut out);
            }
        }
        self.run_due(now, &mut out);
        out
    }

    /// Does what has become due.
    pub fn on_time(&mut self, now: Moment) -> Output<T> {
        let mut out = Output::default();
        self.run_due(now, &mut out);
        out
    }

    /// The connection was lost and is there again: what was said meanwhile is gone, deaths too.
    /// So every node is asked for its births, and one that does not answer is unknown.
    pub fn on_interruption(&mut self, now: Moment) -> Output<T> {
        let mut out = Output::default();
        let keys: Vec<String> = self.nodes.keys().cloned().collect();
        for key in keys {
            self.with_node(&key, now, &mut out, Node::on_interruption);
        }
        self.run_due(now, &mut out);
        out
    }

    /// When [`Self::on_time`] is to be called, in [`Moment::mono_ms`]; it may be called early.
    pub const fn due(&self) -> Option<u64> {
        self.due
    }

    /// Bytes that births and held messages need; below 64 MiB whatever is sent.
    pub const fn memory(&self) -> usize {
        self.memory
    }

    fn on_speech(
        &mut self,
        speech: Speech<'_>,
        (payload, receipt): (&[u8], T),
        now: Moment,
        out: &mut Output<T>,
    ) {
        let address = format!("{}/{}", speech.group, speech.edge);
        let key = address.to_lowercase();
        let Err(refusal) = self.admit(&key, &address, out) else {
            return self.with_node(&key, now, out, |node, turn| {
                node.hear(speech, (payload, receipt), turn);
            });
        };
        out.named.refused.push(refusal);
        out.settled.push(receipt);
    }

    /// Makes sure that there is a node of that name, and no other that differs in case alone.
    fn admit(&mut self, key: &str, address: &str, out: &mut Output<T>) -> Result<(), Refusal> {
        if let Some(known) = self.nodes.get(key) {
            if known.address() == address {
                return Ok(());
            }
            let (known, found) = (quoted(known.address()), quoted(address));
            let text = format!("edge node {found} differs from {known} in case alone");
            return Err(Refusal::new(RefusalReason::IdentityMismatch, text));
        }
        if self.nodes.len() >= NODES_MAX && !self.evict(out) {
            let text = format!("expected at most {NODES_MAX} edge nodes, found another");
            return Err(Refusal::new(RefusalReason::TooManyItems, text));
        }
        self.nodes
            .insert(key.to_owned(), Node::new(address.to_owned()));
        Ok(())
    }

    /// Forgets the node without a birth that has been silent longest.
    fn evict(&mut self, out: &mut Output<T>) -> bool {
        let unborn = self.nodes.iter().filter(|(_, node)| node.is_unborn());
        let oldest = unborn.min_by_key(|(_, node)| node.heard_ms());
        let Some(key) = oldest.map(|(key, _)| key.clone()) else {
            return false;
        };
        if let Some(mut node) = self.nodes.remove(&key) {
            self.memory = self.memory.saturating_sub(node.memory());
            out.settled.extend(node.receipts());
        }
        true
    }

    fn with_node(
        &mut self,
        key: &str,
        now: Moment,
        out: &mut Output<T>,
        act: impl FnOnce(&mut Node<T>, &mut Turn<'_, T>),
    ) {
        let Some(node) = self.nodes.get_mut(key) else {
            return;
        };
        let others = self.memory.saturating_sub(node.memory());
        act(
            node,
            &mut Turn {
                now,
                out,
                reorder_ms: self.reorder_ms,
                room: MEMORY_MAX.saturating_sub(others),
            },
        );
        self.memory = others.saturating_add(node.memory());
        self.due = earlier(self.due, node.due());
    }

    fn run_due(&mut self, now: Moment, out: &mut Output<T>) {
        if self.due.is_none_or(|due| due > now.mono_ms) {
            return;
        }
        let is_due = |node: &Node<T>| node.due().is_some_and(|due| due <= now.mono_ms);
        let due = self.nodes.iter().filter(|(_, node)| is_due(node));
        let keys: Vec<String> = due.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.with_node(&key, now, out, Node::on_time);
            self.ask(&key, now, out);
        }
        let next = self.nodes.values().filter_map(Node::due).min();
        // What could not be asked in this second is asked in the next.
        let soonest = now.mono_ms.saturating_add(1);
        self.due = next.map(|due| match self.second.1 {
            COMMANDS_PER_S => due.max(self.second.0.saturating_add(1_000)),
            _ => due.max(soonest),
        });
    }

    /// Asks a node to be born again, where that is due and this second has room for it.
    fn ask(&mut self, key: &str, now: Moment, out: &mut Output<T>) {
        if self.second.1 == 0 || now.mono_ms.saturating_sub(self.second.0) >= 1_000 {
            self.second = (now.mono_ms, 0);
        }
        let Some(node) = self.nodes.get_mut(key) else {
            return;
        };
        if self.second.1 >= COMMANDS_PER_S || !node.asks(now.mono_ms) {
            return;
        }
        self.second.1 += 1;
        let Some((group, edge)) = node.address().split_once('/') else {
            return;
        };
        out.commands.push(Command {
            topic: format!("{}/{group}/NCMD/{edge}", super::NAMESPACE),
            payload: rebirth(now.at.0),
        });
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
