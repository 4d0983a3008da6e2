//! Which readings of a log count, and the fate of every other.

use std::collections::{BTreeMap, BTreeSet};

use huitian_model::{
    Channel, ChannelRef, Device, Facility, Frame, Inventory, Measurement, Quantity, Reading,
    Reason, Record, Sample, Settings, SiteId, UtcMs,
};

use super::{Broken, copies};

/// The readings that count, with all that is needed to judge them.
pub struct Accepted {
    pub inventory: Inventory,
    pub settings: Settings,
    /// The first tick under the inventory.
    pub first_tick: Option<i64>,
    /// The last tick.
    pub last_tick: Option<i64>,
    /// All that is neither late nor in quarantine, in order of arrival.
    pub heard: BTreeMap<ChannelRef, Vec<Reading>>,
    /// The winner of every channel and event time.
    pub readings: BTreeMap<ChannelRef, BTreeMap<i64, Kept>>,
    pub fates: Fates,
}

/// A reading that counts.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub reading: Reading,
    /// How often it came.
    pub copies: i64,
}

/// How many readings came to what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fates {
    /// All readings of all frames.
    pub accepted: u64,
    /// Those that count.
    pub applied: u64,
    /// Duplicate and superseded together: which of the two it is may follow the order of arrival.
    pub beaten: u64,
    /// Late or quarantined, with every reason that fits.
    pub held: Vec<(ChannelRef, Reading, Vec<Reason>)>,
}

/// One facility with its channels and their readings.
pub struct View<'a> {
    pub site: &'a SiteId,
    pub facility: &'a Facility,
    pub settings: &'a Settings,
    pub channels: Vec<Voice<'a>>,
    pub broken: Broken,
}

/// A channel of a facility with its device and what it said.
pub type Voice<'a> = (&'a Device, &'a Channel, Vec<Kept>);

impl<'a> View<'a> {
    /// The channels that are listened to. Of several that measure the same, the first by device
    /// and name is; of a bin's, one that says the fill itself goes before one that says a distance.
    /// All counters of a gate count: it may have lanes.
    pub fn voices(&self) -> Vec<&Voice<'a>> {
        let mut voices: Vec<&Voice<'a>> = self.channels.iter().collect();
        voices.sort_by_key(|(_, channel, _)| channel.quantity == Quantity::Distance);
        let mut measured = BTreeSet::new();
        voices.retain(|(_, channel, _)| {
            let what = match channel.quantity {
                Quantity::FreePlaces => Quantity::InUse,
                Quantity::Distance => Quantity::Fill,
                other => other,
            };
            let counts = matches!(what, Quantity::Entries | Quantity::Exits);
            counts || measured.insert((channel.binds.clone(), what))
        });
        voices
    }
}

impl Accepted {
    /// What concerns one facility.
    pub fn view<'a>(
        &'a self,
        site: &'a SiteId,
        facility: &'a Facility,
        broken: Broken,
    ) -> View<'a> {
        let mut channels = Vec::new();
        for device in self.inventory.devices.values() {
            for channel in device.channels.values() {
                if device.site != *site || channel.binds.facility != facility.id {
                    continue;
                }
                let name = ChannelRef {
                    device: device.id.clone(),
                    channel: channel.name.clone(),
                };
                let readings = self.readings.get(&name);
                let readings = readings.map(|all| all.values().copied().collect());
                channels.push((device, channel, readings.unwrap_or_default()));
            }
        }
        View {
            site,
            facility,
            settings: &self.settings,
            channels,
            broken,
        }
    }
}

/// Sorts out a whole log. The inventory and the settings stand before the first frame or tick.
pub fn accept(log: &[Record], broken: Broken) -> Accepted {
    let mut all = Accepted {
        inventory: Inventory::default(),
        settings: Settings::with_defaults().unwrap(),
        first_tick: None,
        last_tick: None,
        heard: BTreeMap::new(),
        readings: BTreeMap::new(),
        fates: Fates::default(),
    };
    let mut numbers = BTreeSet::new();
    for record in log {
        match record {
            Record::Inventory { inventory, .. } => {
                assert!(
                    all.inventory == Inventory::default() && all.last_tick.is_none(),
                    "the reference knows one inventory"
                );
                all.inventory = inventory.clone();
            }
            Record::Settings { settings, .. } => all.settings = settings.clone(),
            Record::Tick(tick) => {
                all.first_tick.get_or_insert(tick.now.0);
                all.last_tick = Some(tick.now.0);
            }
            Record::Frame(frame) => on_frame(&mut all, &mut numbers, frame, broken),
            // Its numbers never carry a reading.
            Record::Lost(_) => {}
        }
    }
    let settled = all.heard.iter();
    let settled = settled.map(|(name, heard)| (name.clone(), settle(heard, broken)));
    all.readings = settled.collect();
    let winners = all.readings.values().map(BTreeMap::len).sum::<usize>();
    all.fates.applied = u64::try_from(winners).unwrap();
    let held = u64::try_from(all.fates.held.len()).unwrap();
    all.fates.beaten = all.fates.accepted - all.fates.applied - held;
    all
}

fn on_frame(
    all: &mut Accepted,
    numbers: &mut BTreeSet<(String, u64, u64)>,
    frame: &Frame,
    broken: Broken,
) {
    for (n, (index, reading)) in (frame.first_n..).zip(&frame.readings) {
        all.fates.accepted += 1;
        let name = frame.channels[usize::try_from(*index).unwrap()].clone();
        let is_new = numbers.insert((frame.edge.to_string(), frame.epoch, n));
        if !is_new && broken != Broken::DuplicatesSum {
            continue;
        }
        let reasons = reasons_to_hold(all, &name, reading);
        if !reasons.is_empty() {
            all.fates.held.push((name, *reading, reasons));
            continue;
        }
        all.heard.entry(name).or_default().push(*reading);
    }
}

/// What counts of all that a channel said, in order of arrival.
fn settle(heard: &[Reading], broken: Broken) -> BTreeMap<i64, Kept> {
    let mut of_channel: BTreeMap<i64, Kept> = BTreeMap::new();
    for reading in copies::without(heard, broken) {
        let Some(known) = of_channel.get_mut(&reading.at.0) else {
            let kept = Kept { reading, copies: 1 };
            of_channel.insert(reading.at.0, kept);
            continue;
        };
        if reading.sample == known.reading.sample && reading.sequence == known.reading.sequence {
            known.copies += 1;
        } else if reading.outranks(&known.reading) || broken == Broken::LastComeWins {
            known.reading = reading;
        }
    }
    of_channel
}

/// Every reason for which a reading with a new number does not count.
fn reasons_to_hold(all: &Accepted, name: &ChannelRef, reading: &Reading) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let channel = all.inventory.channel(name);
    if channel.is_none() {
        reasons.push(Reason::QuarantinedUnknown);
    }
    let out_of_range = matches!(
        reading.sample,
        Sample::Good(Measurement::Battery(101..))
            | Sample::Uncertain(Measurement::Battery(101..), _)
    );
    let is_other = channel.is_some_and(|(_, known)| known.quantity != reading.sample.quantity());
    if out_of_range || is_other {
        reasons.push(Reason::QuarantinedRange);
    }
    if reading.at.since(reading.received_at) > all.settings.future_guard_ms {
        reasons.push(Reason::QuarantinedFuture);
    }
    let horizon = |tick: i64| UtcMs(tick).minus(all.settings.lateness_ms);
    if all.last_tick.is_some_and(|tick| reading.at < horizon(tick)) {
        reasons.push(Reason::Late);
    }
    reasons
}
