//! One edge node: what it has said of itself, and in which order it is heard.
//!
//! ```text
//!            NBIRTH                 a message is missing, an alias is unknown,
//! Unborn ────────────► Online       data of no device: a rebirth is asked for
//!   ▲  ▲                │ │ ─────────────────────────► Doubtful ──┐
//!   │  └─── NDEATH ─────┘ └──◄──────── NBIRTH ────────────┘       │
//!   └───────────────── NDEATH, or no answer to the request ◄──────┘
//! ```

use std::collections::BTreeMap;

use huitian_model::UtcMs;

use crate::refusal::{Refusal, RefusalReason};
use crate::sparkplug::payload::Payload;
use crate::sparkplug::topic::{Speech, Verb};
use crate::sparkplug::{BIRTH_BYTES_MAX, DATA_BYTES_MAX};

use super::Turn;
use super::held::{Held, Message, print};
use super::owner::Owner;
use super::pace::Pace;

/// How much of a node is known. Transitions: see the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// No birth, or it died since: nothing can be read.
    Unborn,
    /// Everything since its birth was heard in order.
    Online,
    /// Something was missed. What it says is still read; what it said last may be wrong.
    Doubtful,
}

/// A device of a node.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) address: String,
    pub(super) owner: Owner,
    /// Whether it was born after the node's last birth.
    pub(super) is_born: bool,
}

/// One edge node.
#[derive(Debug)]
pub(super) struct Node<T> {
    pub(super) address: String,
    pub(super) phase: Phase,
    pub(super) own: Owner,
    /// By id in lower case.
    pub(super) devices: BTreeMap<String, Device>,
    /// Of its last birth, also after its death.
    pub(super) bd_seq: Option<u64>,
    pub(super) birth_at: Option<UtcMs>,
    pub(super) next_seq: u8,
    pub(super) held: Held<T>,
    /// When what is missing counts as lost.
    pub(super) gap_ends: Option<u64>,
    /// When a device that was not born again after its node's birth is gone.
    pub(super) births_end: Option<u64>,
    pub(super) pace: Pace,
    pub(super) last_at: Option<UtcMs>,
    heard_ms: u64,
}

impl<T> Node<T> {
    pub(super) fn new(address: String) -> Self {
        Self {
            address,
            phase: Phase::Unborn,
            own: Owner::default(),
            devices: BTreeMap::new(),
            bd_seq: None,
            birth_at: None,
            next_seq: 0,
            held: Held::new(),
            gap_ends: None,
            births_end: None,
            pace: Pace::default(),
            last_at: None,
            heard_ms: 0,
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn is_unborn(&self) -> bool {
        self.phase == Phase::Unborn
    }

    pub(super) const fn heard_ms(&self) -> u64 {
        self.heard_ms
    }

    pub(super) fn memory(&self) -> usize {
        let devices = self.devices.values();
        let devices: usize = devices
            .map(|device| {
                device
                    .owner
                    .bytes()
                    .saturating_add(device.address.len() + 128)
            })
            .sum();
        self.own
            .bytes()
            .saturating_add(devices)
            .saturating_add(self.held.bytes())
    }

    pub(super) fn receipts(&mut self) -> impl Iterator<Item = T> {
        let all = self.held.take_all(0, |_held| true);
        all.into_iter().map(|held| held.receipt)
    }

    pub(super) fn due(&self) -> Option<u64> {
        let all = [self.gap_ends, self.births_end, self.pace.due()];
        all.into_iter().flatten().min()
    }

    pub(super) fn asks(&mut self, now_ms: u64) -> bool {
        self.pace.asks(now_ms)
    }

    /// Hears a message; its receipt is settled now or with what it waits for.
    pub(super) fn hear(
        &mut self,
        speech: Speech<'_>,
        (bytes, receipt): (&[u8], T),
        turn: &mut Turn<'_, T>,
    ) {
        self.heard_ms = turn.now.mono_ms;
        let payload = match read(speech.verb, bytes) {
            Ok(payload) => payload,
            Err(refusal) => {
                // Where it had a number, the next message shows the gap.
                turn.out.named.refused.push(refusal);
                turn.out.settled.push(receipt);
                return;
            }
        };
        match (speech.verb, speech.device) {
            (Verb::Birth, None) => self.on_birth(&payload, receipt, turn),
            (Verb::Death, None) => self.on_death(&payload, receipt, turn),
            _ => {
                let Some(seq) = payload.seq else {
                    let text = "seq: expected 0 to 255, found none".to_owned();
                    turn.out.refuse(RefusalReason::MissingField, text);
                    turn.out.settled.push(receipt);
                    return;
                };
                let message = Message {
                    verb: speech.verb,
                    device: speech.device.map(str::to_owned),
                    seq,
                    at: payload.at,
                    payload: bytes.to_vec(),
                    receipt,
                    print: print(&speech, bytes),
                };
                self.on_numbered(message, &payload, turn);
            }
        }
    }

    fn on_numbered(&mut self, message: Message<T>, payload: &Payload, turn: &mut Turn<'_, T>) {
        if self.held.knows(message.print) {
            turn.out
                .notes
                .push(format!("{}: a message came twice", self.address));
            turn.out.settled.push(message.receipt);
            return;
        }
        match self.phase {
            Phase::Doubtful => self.take(message, payload, turn),
            Phase::Online if message.seq == self.next_seq => {
                self.take(message, payload, turn);
                self.drain(turn);
            }
            Phase::Online | Phase::Unborn => self.hold(message, payload, turn),
        }
    }

    fn hold(&mut self, message: Message<T>, payload: &Payload, turn: &mut Turn<'_, T>) {
        let room = turn.room.saturating_sub(self.memory());
        if self.held.has_room(message.payload.len(), room) {
            let ends = turn.now.mono_ms.saturating_add(turn.reorder_ms);
            self.gap_ends.get_or_insert(ends);
            self.held.push(message);
            return;
        }
        // As if the wait had ended: memory is bounded, patience is not owed.
        self.give_up(turn);
        match self.phase {
            Phase::Unborn => turn.out.settled.push(message.receipt),
            Phase::Online | Phase::Doubtful => self.take(message, payload, turn),
        }
    }

    /// Takes a message in its turn.
    fn take(&mut self, message: Message<T>, payload: &Payload, turn: &mut Turn<'_, T>) {
        self.next_seq = message.seq.wrapping_add(1);
        self.held.remember(message.print);
        match (message.verb, &message.device) {
            (Verb::Birth, Some(device)) => self.on_device_birth(device, payload, turn),
            (Verb::Death, Some(device)) => self.on_device_death(device, payload, turn),
            (_, device) => self.on_data(device.as_deref(), payload, turn),
        }
        turn.out.settled.push(message.receipt);
    }

    /// Takes what is held, as far as nothing is missing.
    pub(super) fn drain(&mut self, turn: &mut Turn<'_, T>) {
        while self.phase == Phase::Online
            && let Some(message) = self.held.take(self.next_seq)
        {
            self.take_held(message, turn);
        }
        if self.phase == Phase::Doubtful {
            return self.give_up(turn);
        }
        // The missing one came. Where another is missing, the wait for that one begins now.
        let ends = turn.now.mono_ms.saturating_add(turn.reorder_ms);
        self.gap_ends = (!self.held.is_empty()).then_some(ends);
    }

    pub(super) fn take_held(&mut self, message: Message<T>, turn: &mut Turn<'_, T>) {
        // It was read once before it was held.
        match read(message.verb, &message.payload) {
            Ok(payload) => self.take(message, &payload, turn),
            Err(refusal) => {
                turn.out.named.refused.push(refusal);
                turn.out.settled.push(message.receipt);
            }
        }
    }

    /// What is missing will not come: takes what there is, and wants all births anew.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_, T>) {
        self.gap_ends = None;
        self.pace.want(turn.now.mono_ms);
        let held = self.held.take_all(self.next_seq, |_held| true);
        if self.phase == Phase::Unborn {
            let receipts = held.into_iter().map(|held| held.receipt);
            turn.out.settled.extend(receipts);
            return;
        }
        self.phase = Phase::Doubtful;
        for message in held {
            self.take_held(message, turn);
        }
    }

    /// The connection was lost in between.
    pub(super) fn on_interruption(&mut self, turn: &mut Turn<'_, T>) {
        if self.phase != Phase::Unborn {
            self.births_end = None;
            self.give_up(turn);
        }
    }

    pub(super) fn on_time(&mut self, turn: &mut Turn<'_, T>) {
        let now_ms = turn.now.mono_ms;
        let is_over = |ends: Option<u64>| ends.is_some_and(|ends| ends <= now_ms);
        if is_over(self.gap_ends) {
            let address = &self.address;
            turn.out.notes.push(format!(
                "{address}: a message is missing, births are asked for"
            ));
            self.give_up(turn);
        }
        if is_over(self.births_end) {
            self.end_unborn(turn);
        }
        if is_over(self.pace.due()) && self.pace.unanswered() > 0 && self.phase == Phase::Doubtful {
            let address = &self.address;
            turn.out.notes.push(format!(
                "{address}: no answer to a rebirth request: unknown"
            ));
            self.end_session(turn);
        }
    }
}

/// Reads a payload of at most the size that its kind may have.
fn read(verb: Verb, bytes: &[u8]) -> Result<Payload, Refusal> {
    let max = match verb {
        Verb::Birth => BIRTH_BYTES_MAX,
        Verb::Data | Verb::Death => DATA_BYTES_MAX,
    };
    if bytes.len() > max {
        let found = bytes.len();
        let text = format!("expected at most {max} bytes, found {found}");
        return Err(Refusal::new(RefusalReason::Oversized, text));
    }
    Payload::read(bytes)
}
