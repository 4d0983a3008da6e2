//! Frames: numbers that were seen, checks in their order, and the way of a reading into its
//! channel's history and its facility's timelines.

use huitian_model::{
    ChannelRef, DeviceId, Frame, HeldReading, Lost, Measurement, Output, Quantity, Reading, Reason,
    Sample, Settings, UtcMs,
};

use crate::device::Device;
use crate::edges::holds;
use crate::engine::Engine;
use crate::history::{Fate, Standing};
use crate::kept::{Kept, day_of};

/// A channel of a frame, resolved once.
#[derive(Clone, Copy)]
pub struct Resolved {
    device: u32,
    /// Its index, where the inventory binds it.
    pub channel: Option<u32>,
}

/// What all readings of a frame have in common.
#[derive(Clone, Copy)]
struct Ground<'a> {
    settings: &'a Settings,
    edge: u16,
}

/// Why a reading may not be applied, by the checks in their order.
fn reason_to_hold(
    reading: &Reading,
    quantity: Option<Quantity>,
    now: Option<UtcMs>,
    settings: &Settings,
) -> Option<Reason> {
    let Some(quantity) = quantity else {
        return Some(Reason::QuarantinedUnknown);
    };
    let is_late = |now: UtcMs| reading.at < now.minus(settings.lateness_ms);
    if reading.sample.quantity() != quantity || is_out_of_range(reading.sample) {
        Some(Reason::QuarantinedRange)
    } else if reading.at > reading.received_at.plus(settings.future_guard_ms) {
        Some(Reason::QuarantinedFuture)
    } else if now.is_some_and(is_late) {
        Some(Reason::Late)
    } else {
        None
    }
}

/// Whether a value lies outside its quantity's range. All other ranges are those of their types.
fn is_out_of_range(sample: Sample) -> bool {
    matches!(sample.value(), Some(Measurement::Battery(101..)))
}

impl Engine {
    /// Takes in a frame.
    pub(crate) fn on_frame(&mut self, frame: &Frame, out: &mut Vec<Output>) {
        let Some(settings) = self.settings.clone() else {
            return;
        };
        let edge = self.edges.index(&frame.edge);
        let length = u64::try_from(frame.readings.len()).unwrap_or(u64::MAX);
        let range = (frame.first_n, frame.first_n.saturating_add(length));
        let news = self.edges.note(&mut self.ahead, (edge, frame.epoch), range);
        let names: Vec<Resolved> = frame
            .channels
            .iter()
            .map(|name| self.resolve(name))
            .collect();
        let ground = Ground {
            settings: &settings,
            edge,
        };
        for (n, (index, reading)) in (frame.first_n..=u64::MAX).zip(&frame.readings) {
            let place = usize::try_from(*index).unwrap_or(usize::MAX);
            let (Some(resolved), Some(name)) = (names.get(place), frame.channels.get(place)) else {
                // A frame whose reading names no channel cannot be built by an edge of ours.
                continue;
            };
            let is_new = holds(&news, n);
            let held = self.on_reading((*resolved, is_new), reading, &ground, out);
            if let Some(reason) = held.filter(|_| is_new) {
                out.push(Output::Held(HeldReading {
                    channel: name.clone(),
                    number: (frame.edge.clone(), frame.epoch, n),
                    reading: *reading,
                    reason,
                }));
            }
        }
    }

    /// Takes in that some numbers' readings will never come. Said again, it changes nothing.
    pub(crate) fn on_lost(&mut self, lost: &Lost, out: &mut Vec<Output>) {
        let edge = self.edges.index(&lost.edge);
        let range = (lost.first_n, lost.first_n.saturating_add(lost.count));
        let news = self.edges.note(&mut self.ahead, (edge, lost.epoch), range);
        if !news.is_empty() {
            out.push(Output::Lost(lost.clone()));
        }
    }

    /// The device and channel of a name.
    pub(crate) fn resolve(&mut self, name: &ChannelRef) -> Resolved {
        let device = self.device_of(&name.device);
        let channels = self
            .devices
            .get(device)
            .map(|device| device.channels.as_slice());
        let mut channels = channels.unwrap_or_default().iter();
        let channel = channels.find(|(known, _)| *known == name.channel);
        Resolved {
            device,
            channel: channel.map(|(_, index)| *index),
        }
    }

    /// The index of a device; a device that is met for the first time gets one.
    pub(crate) fn device_of(&mut self, id: &DeviceId) -> u32 {
        if let Some(index) = self.device_index.get(id) {
            return *index;
        }
        let index = self.devices.push(Device::new(id.clone()));
        self.device_index.insert(id.clone(), index);
        index
    }

    /// Takes in one reading; returns why it is held, if it is.
    fn on_reading(
        &mut self,
        (resolved, is_new): (Resolved, bool),
        reading: &Reading,
        ground: &Ground<'_>,
        out: &mut Vec<Output>,
    ) -> Option<Reason> {
        let Ground { settings, edge } = *ground;
        let is_taken_in_late = self.is_taken_in_late(reading.at);
        let device = self.devices.get_mut(resolved.device)?;
        if !device.is_listed {
            device.is_listed = true;
            self.account_news.push(resolved.device);
        }
        let day = day_of(reading.received_at);
        if !is_new {
            device.count(edge, day, Some(Reason::Duplicate));
            return None;
        }
        let channel = resolved
            .channel
            .and_then(|channel| self.channels.get_mut(channel));
        let quantity = channel.as_ref().map(|channel| channel.quantity);
        let reason = reason_to_hold(reading, quantity, self.now, settings);
        let (Some(channel), None) = (channel, reason) else {
            device.count(edge, day, reason);
            return reason;
        };
        let mut kept = Kept::new(reading, edge);
        if is_taken_in_late {
            kept.take_in_late();
        }
        let fate = channel.history.offer(kept, channel.quantity);
        let own = account(device, &kept, &fate);
        if own == Standing::Applied {
            device.hear(reading.at, reading.received_at);
        }
        if own == Standing::Applied
            && let Sample::Good(Measurement::Battery(percent)) = reading.sample
            && channel
                .history
                .newest()
                .is_some_and(|newest| newest.at == reading.at)
        {
            device.health.battery = Some(percent);
        }
        if let Some(channel) = resolved.channel {
            self.on_fate((channel, &kept), (own, fate), settings, out);
        }
        None
    }
}

/// Counts a reading by its fate, and those that are accounted otherwise because of it; returns as
/// what it is accounted itself.
fn account(device: &mut Device, kept: &Kept, fate: &Fate) -> Standing {
    let own = match fate {
        Fate::Inserted(_) | Fate::Replaced(..) => Standing::Applied,
        Fate::Duplicate => Standing::Duplicate,
        Fate::Beaten => Standing::Superseded,
        Fate::Settled(settlement) => settlement.own,
    };
    device.count(kept.edge, kept.day(), own.reason());
    if let Fate::Replaced(_, old) = fate {
        device.restate(old, Standing::Applied, Standing::Superseded);
    }
    if let Fate::Settled(settlement) = fate {
        for (one, before, now) in &settlement.moved {
            device.restate(one, *before, *now);
        }
    }
    own
}
