//! Births, data and deaths of one edge node, once they are in order.

use huitian_model::UtcMs;

use crate::named::{Named, NamedValue};
use crate::refusal::{Refusal, RefusalReason, quoted};
use crate::sparkplug::payload::Payload;

use super::node::{Device, Node, Phase};
use super::owner::Owner;
use super::{DEVICES_MAX, MEMORY_MAX, Turn};

/// How far ahead of ours a node's clock may be for its metrics to be ended by its own time too.
const AHEAD_MS_MAX: i64 = 24 * 3_600 * 1_000;

impl<T> Node<T> {
    pub(super) fn on_birth(&mut self, payload: &Payload, receipt: T, turn: &mut Turn<'_, T>) {
        let Some(seq) = payload.seq else {
            let text = "seq of a birth: expected 0, found none".to_owned();
            turn.out.refuse(RefusalReason::MissingField, text);
            turn.out.settled.push(receipt);
            return;
        };
        let bd_seq = payload.bd_seq();
        if self.is_old_birth(bd_seq, payload.at) {
            turn.out
                .notes
                .push(format!("{}: an older birth came late", self.address));
            turn.out.settled.push(receipt);
            return;
        }
        let (own, faults) = Owner::born(payload);
        turn.out.named.refused.extend(faults);
        if !self.may_hold(self.own.bytes(), own.bytes(), turn) {
            turn.out.settled.push(receipt);
            return;
        }
        self.take_former(payload.at, turn);
        let gone = self.own.gone(Some(&own));
        let address = self.address.clone();
        self.end(&address, gone, None, turn);
        self.own = own;
        for device in self.devices.values_mut() {
            device.is_born = false;
        }
        let ends = turn.now.mono_ms.saturating_add(turn.reorder_ms);
        self.births_end = (!self.devices.is_empty()).then_some(ends);
        self.phase = Phase::Online;
        (self.bd_seq, self.birth_at) = (bd_seq, payload.at);
        self.next_seq = seq.wrapping_add(1);
        self.pace.settle();
        let reading = self.own.read(&self.address, payload, &mut turn.out.named);
        self.last_at = self.last_at.max(reading.last_at);
        turn.out.settled.push(receipt);
        self.drain(turn);
    }

    /// Whether a birth is one that was heard already, or of the session before.
    fn is_old_birth(&self, bd_seq: Option<u64>, at: Option<UtcMs>) -> bool {
        let (Some(ours), Some(its), Some(birth_at), Some(at)) =
            (self.bd_seq, bd_seq, self.birth_at, at)
        else {
            return false;
        };
        // Once births were asked for, one is believed even from a clock that stands still.
        let is_asked = self.phase == Phase::Doubtful || self.pace.unanswered() > 0;
        let is_same = ours == its && at <= birth_at && !is_asked;
        let is_former = its.wrapping_add(1) & 0xff == ours & 0xff && at < birth_at;
        is_same || is_former
    }

    /// Takes held messages that were sent before this birth, by the names of the one before.
    fn take_former(&mut self, birth_at: Option<UtcMs>, turn: &mut Turn<'_, T>) {
        let former = self.held.take_all(self.next_seq, |held| {
            held.at.zip(birth_at).is_some_and(|(at, birth)| at < birth)
        });
        for message in former {
            match self.phase {
                // Nothing could read them, and what they said is in this birth.
                Phase::Unborn => turn.out.settled.push(message.receipt),
                Phase::Online | Phase::Doubtful => self.take_held(message, turn),
            }
        }
    }

    pub(super) fn on_device_birth(&mut self, id: &str, payload: &Payload, turn: &mut Turn<'_, T>) {
        let key = id.to_lowercase();
        let address = format!("{}/{id}", self.address);
        let known = self.devices.get(&key);
        if let Some(known) = known
            && known.address != address
        {
            let (known, found) = (quoted(&known.address), quoted(&address));
            let text = format!("device {found} differs from {known} in case alone");
            return turn.out.refuse(RefusalReason::IdentityMismatch, text);
        }
        if known.is_none() && self.devices.len() >= DEVICES_MAX {
            let text = format!("expected at most {DEVICES_MAX} devices of an edge node");
            return turn.out.refuse(RefusalReason::TooManyItems, text);
        }
        let (owner, faults) = Owner::born(payload);
        turn.out.named.refused.extend(faults);
        if let Some(alias) = self.own.shares_alias(&owner) {
            let text = format!("{address}: alias {alias} is its edge node's too");
            turn.out.refuse(RefusalReason::DuplicateKey, text);
        }
        let former = known.map_or(0, |known| known.owner.bytes());
        if !self.may_hold(former, owner.bytes(), turn) {
            return;
        }
        let reading = owner.read(&address, payload, &mut turn.out.named);
        let gone = known.map(|known| known.owner.gone(Some(&owner)));
        let device = Device {
            address: address.clone(),
            owner,
            is_born: true,
        };
        self.devices.insert(key, device);
        self.end(&address, gone.unwrap_or_default(), payload.at, turn);
        self.last_at = self.last_at.max(reading.last_at);
    }

    pub(super) fn on_data(
        &mut self,
        device: Option<&str>,
        payload: &Payload,
        turn: &mut Turn<'_, T>,
    ) {
        // All births of a node come before its first data.
        if self.births_end.is_some() && self.phase == Phase::Online {
            self.end_unborn(turn);
        }
        let reading = match device {
            None => self.own.read(&self.address, payload, &mut turn.out.named),
            Some(id) => {
                let address = format!("{}/{id}", self.address);
                let device = self.devices.get(&id.to_lowercase());
                let Some(device) = device.filter(|device| device.address == address) else {
                    let text = format!("device {} was not born", quoted(&address));
                    turn.out.refuse(RefusalReason::UnknownChannel, text);
                    return self.doubt(turn);
                };
                device.owner.read(&address, payload, &mut turn.out.named)
            }
        };
        self.last_at = self.last_at.max(reading.last_at);
        if reading.is_strange {
            self.doubt(turn);
        }
    }

    pub(super) fn on_device_death(&mut self, id: &str, payload: &Payload, turn: &mut Turn<'_, T>) {
        let Some(device) = self.devices.remove(&id.to_lowercase()) else {
            turn.out
                .notes
                .push(format!("{}/{id}: died and was not born", self.address));
            return;
        };
        let gone = device.owner.gone(None);
        self.end(&device.address, gone, payload.at, turn);
    }

    pub(super) fn on_death(&mut self, payload: &Payload, receipt: T, turn: &mut Turn<'_, T>) {
        let bd_seq = payload.bd_seq();
        turn.out.settled.push(receipt);
        if self.phase == Phase::Unborn {
            turn.out
                .notes
                .push(format!("{}: died and was not born", self.address));
            return;
        }
        // The will of an earlier connection comes late where the broker noticed its end late.
        if self.bd_seq.is_some() && bd_seq != self.bd_seq {
            turn.out
                .notes
                .push(format!("{}: a death of another session", self.address));
            return;
        }
        self.end_session(turn);
    }

    /// Nothing of this node is known from here on.
    pub(super) fn end_session(&mut self, turn: &mut Turn<'_, T>) {
        let was_asked = self.phase == Phase::Doubtful && self.pace.unanswered() > 0;
        for message in self.held.take_all(self.next_seq, |_held| true) {
            self.take_held(message, turn);
        }
        let address = self.address.clone();
        let gone = std::mem::take(&mut self.own).gone(None);
        self.end(&address, gone, None, turn);
        for (_, device) in std::mem::take(&mut self.devices) {
            let gone = device.owner.gone(None);
            self.end(&device.address, gone, None, turn);
        }
        self.phase = Phase::Unborn;
        (self.gap_ends, self.births_end) = (None, None);
        if !was_asked {
            self.pace.settle();
        }
    }

    /// Devices that were not born again after their node's birth are gone.
    pub(super) fn end_unborn(&mut self, turn: &mut Turn<'_, T>) {
        self.births_end = None;
        let devices = std::mem::take(&mut self.devices);
        let (born, unborn) = devices.into_iter().partition(|(_, device)| device.is_born);
        self.devices = born;
        for (_, device) in unborn {
            let gone = device.owner.gone(None);
            self.end(&device.address, gone, None, turn);
        }
    }

    /// Something was missed: all births are wanted anew.
    fn doubt(&mut self, turn: &mut Turn<'_, T>) {
        self.phase = Phase::Doubtful;
        self.pace.want(turn.now.mono_ms);
    }

    /// These metrics are unknown from `at` on, or from now. Where a value bears a later time, as
    /// from a clock that is ahead, they are unknown after that as well: else it would hold.
    fn end(
        &self,
        address: &str,
        gone: Vec<(String, NamedValue)>,
        at: Option<UtcMs>,
        turn: &mut Turn<'_, T>,
    ) {
        if gone.is_empty() {
            return;
        }
        let from = at.unwrap_or(turn.now.at);
        let last = self
            .last_at
            .filter(|last| *last >= from && last.since(turn.now.at) <= AHEAD_MS_MAX);
        let records = &mut turn.out.named.records;
        if let Some(last) = last {
            records.push(Named::said(address, Some(last.plus(1)), gone.clone()));
        }
        records.push(Named::said(address, at, gone));
    }

    /// Whether a birth may take the place of one of `former` bytes.
    fn may_hold(&self, former: usize, bytes: usize, turn: &mut Turn<'_, T>) -> bool {
        let wanted = self.memory().saturating_sub(former).saturating_add(bytes);
        if wanted <= turn.room {
            return true;
        }
        let text = format!("births of all edge nodes: expected at most {MEMORY_MAX} bytes");
        let refusal = Refusal::new(RefusalReason::TooManyItems, text);
        turn.out.named.refused.push(refusal.at(&self.address));
        false
    }
}
