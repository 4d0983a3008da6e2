//! Readings as devices send them: heartbeats, changes, twins, bad clocks and broken counters.

use std::collections::BTreeMap;

use huitian_model::{
    BadReason, Channel, ChannelName, ChannelRef, Device, DeviceId, FacilityKind, FillLevel,
    Inventory, Measurement, Quantity, Reading, Sample, TimeSource, UncertainReason, UtcMs,
    civil_day_bounds,
};

use super::inventory::Place;
use super::{Arrival, RunPlan, pick};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// One reading before its value is known: counters count in event-time order.
#[derive(Clone, Copy)]
struct Draft<'a> {
    run: &'a RunPlan,
    channel: usize,
    at: i64,
    /// 0 for the first of a run; repetitions repeat its value.
    repetition: u8,
}

/// All readings of a case in order of arrival.
pub fn arrivals(place: &Place, inventory: &Inventory, runs: &[RunPlan]) -> Vec<Arrival> {
    let channels: Vec<(&Device, &Channel)> = inventory
        .devices
        .values()
        .flat_map(|device| {
            device
                .channels
                .values()
                .map(move |channel| (device, channel))
        })
        .collect();
    let mut drafts = Vec::new();
    for run in runs {
        // One number more than there are channels: a channel that nobody knows.
        let channel =
            usize::from(run.channel) % (channels.len() + usize::from(run.channel > 250)).max(1);
        let Some((device, _)) = channels.get(channel) else {
            drafts.push(Draft {
                run,
                channel,
                at: place.start,
                repetition: 0,
            });
            continue;
        };
        let first = event_time(place, inventory, device, run.at);
        let every = repeat_every(device, run.repeats.1);
        let repeats = pick(&[0, 0, 0, 1, 1, 2, 3, 5], run.repeats.0);
        for repetition in 0..=repeats {
            let at = first + i64::from(repetition) * every;
            drafts.push(Draft {
                run,
                channel,
                at,
                repetition,
            });
        }
    }
    drafts.sort_by_key(|draft| draft.at);
    let mut counters: BTreeMap<usize, Counter> = BTreeMap::new();
    let mut arrivals = Vec::new();
    for draft in &drafts {
        let Some((device, channel)) = channels.get(draft.channel) else {
            arrivals.push(of_nobody(draft));
            continue;
        };
        let counter = counters
            .entry(draft.channel)
            .or_insert_with(|| Counter::new(draft.run));
        let value = value(inventory, device, channel, draft, counter);
        send(&mut arrivals, device, channel, draft, value);
    }
    arrivals.sort_by_key(|arrival| arrival.enters_at);
    arrivals
}

/// An event time: somewhere in the span, often exactly on or beside a boundary.
fn event_time(place: &Place, inventory: &Inventory, device: &Device, at: (u16, u8, u8)) -> i64 {
    let (slot, rounding, off) = at;
    let anywhere = place.start + place.span_ms * i64::from(slot) / 2_880;
    let floor = |step_ms: i64| anywhere - anywhere.rem_euclid(step_ms);
    match rounding {
        0 => floor(MINUTE),
        1 => floor(5 * MINUTE),
        2 => floor(5 * MINUTE) + 1,
        3 => floor(5 * MINUTE) - 1,
        4 => floor(HOUR),
        5 | 6 => {
            let zone = &inventory.sites[&device.site].zone;
            let (start, end) = civil_day_bounds(zone, UtcMs(anywhere)).unwrap();
            let edges = [start.0, end.0, start.0 - 1, end.0 - 1, end.0 + 1];
            // Not hours away from all that happens in a short span.
            let near = |edge: &&i64| (**edge - anywhere).abs() <= place.span_ms;
            edges
                .iter()
                .filter(near)
                .nth(usize::from(off) % 3)
                .copied()
                .unwrap_or(anywhere)
        }
        7 => floor(10_000),
        _ => anywhere + i64::from(off) * 997 % MINUTE,
    }
}

/// How long after itself a reading is repeated.
fn repeat_every(device: &Device, drawn: u8) -> i64 {
    let valid = device.valid_for_ms();
    let usual = device.expected_every_ms;
    let short = valid.min(HOUR);
    pick(
        &[
            usual.min(HOUR),
            short,
            short - 1,
            valid.min(4 * HOUR) + 1,
            MINUTE,
            5 * MINUTE,
            1,
            10_000,
            short / 3 + 1,
            997,
        ],
        drawn,
    )
}

/// A gate's counter: how many bits it has and where it stands.
struct Counter {
    modulus: i64,
    value: i64,
}

impl Counter {
    fn new(run: &RunPlan) -> Self {
        let starts = [
            (32, 0),
            (8, 250),
            (16, 65_530),
            (32, 4_294_967_290),
            (8, 3),
            (8, 100),
            (32, 120),
        ];
        let (bits, value) = pick(&starts, run.value / 8);
        Self {
            modulus: 1 << bits,
            value,
        }
    }

    /// Vehicles pass, or the counter is reset to a low number.
    fn step(&mut self, draft: &Draft<'_>) -> u32 {
        let passing = [1, 0, 1, 2, 3, 5, 0, 1, 2, 40, 200, 700, 1_000, 1_001];
        let reset_to = [0, 3, 90, 1_001, 0, 3];
        if draft.repetition == 0 {
            let drawn = usize::from(draft.run.value % 20);
            self.value = match passing.get(drawn) {
                Some(vehicles) => (self.value + vehicles) % self.modulus,
                None => reset_to[drawn - passing.len()] % self.modulus,
            };
        }
        u32::try_from(self.value).unwrap()
    }
}

fn value(
    inventory: &Inventory,
    device: &Device,
    channel: &Channel,
    draft: &Draft<'_>,
    counter: &mut Counter,
) -> Measurement {
    let drawn = draft.run.value;
    let facility = &inventory.sites[&device.site].facilities[&channel.binds.facility];
    let places = match facility.kind {
        FacilityKind::ParkingLot { capacity, .. } => i32::try_from(capacity).unwrap(),
        FacilityKind::WasteStation { .. } => 0,
    };
    // From two below none to two above all.
    let count = i32::from(drawn) % (places + 5) - 2;
    let levels = [
        0, 10_000, 5_000, 9_000, 8_000, 8_999, 8_001, 4_000, 3_999, 4_999, 5_001, 1, 9_999, 9_500,
    ];
    let distances = [
        1_000, 100, 207, 1_203, 777, 0, 190, 280, 550, 2_000, 99, 306, 640, 460,
    ];
    match channel.quantity {
        Quantity::Occupied => Measurement::Occupied(drawn % 2 == 1),
        Quantity::InUse => Measurement::InUse(count),
        Quantity::FreePlaces => Measurement::FreePlaces(count),
        Quantity::Entries => Measurement::Entries(counter.step(draft)),
        Quantity::Exits => Measurement::Exits(counter.step(draft)),
        Quantity::Distance => Measurement::Distance(pick(&distances, drawn)),
        Quantity::Fill => {
            // The second of a run is sometimes a spike, and the third a little lower.
            let level: u16 = match draft.repetition {
                1 if drawn.is_multiple_of(6) => 0,
                1 if drawn.is_multiple_of(3) => pick(&levels, drawn / 3),
                2.. if drawn.is_multiple_of(3) => pick(&levels, drawn).saturating_sub(1_000),
                _ => pick(&levels, drawn),
            };
            Measurement::Fill(FillLevel::from_hundredths(level).unwrap())
        }
        Quantity::Temperature => Measurement::Temperature(i32::from(drawn)),
        // Above 100 it is out of range.
        Quantity::Battery => Measurement::Battery(drawn % 110),
        Quantity::Tilt => Measurement::Tilt(drawn % 2 == 1),
    }
}

fn sample(value: Measurement, drawn: u8) -> Sample {
    let is_count = matches!(value, Measurement::InUse(_) | Measurement::FreePlaces(_));
    match drawn {
        11 | 12 => Sample::Uncertain(value, UncertainReason::Startup),
        13 if is_count => Sample::Uncertain(value, UncertainReason::Implausible),
        14 => Sample::Bad(value.quantity(), BadReason::NoEcho),
        15 => Sample::Bad(value.quantity(), BadReason::Tilted),
        _ => Sample::Good(value),
    }
}

/// Sends a reading, and what the plan sends with it: copies and contradictions.
fn send(
    arrivals: &mut Vec<Arrival>,
    device: &Device,
    channel: &Channel,
    draft: &Draft<'_>,
    value: Measurement,
) {
    let run = draft.run;
    let sequences = [None, None, None, Some(0), Some(7), Some(u32::MAX)];
    let quality = if draft.repetition == 0 {
        run.quality
    } else {
        0
    };
    let is_from_network = run.copies.0 >= 6;
    let mut reading = Reading {
        at: UtcMs(draft.at),
        received_at: UtcMs(draft.at),
        time_source: match run.copies.0 {
            0..=5 => TimeSource::Device,
            6..=9 => TimeSource::Network,
            10 => TimeSource::Receiver,
            _ => TimeSource::Corrected,
        },
        // Few numbers, so that counters stand still, and begin again.
        sequence: if is_from_network {
            pick(&[Some(0), Some(1), Some(0), None], run.sequence)
        } else {
            pick(&sequences, run.sequence)
        },
        sample: sample(value, quality),
    };
    let mut send = |reading: Reading, delay: i64, edge: u8| {
        let enters_at = reading.at.0 + delay;
        arrivals.push(Arrival {
            channel: ChannelRef {
                device: device.id.clone(),
                channel: channel.name.clone(),
            },
            reading: Reading {
                received_at: UtcMs(enters_at),
                ..reading
            },
            enters_at,
            edge,
        });
    };
    let delay = pick(&DELAYS, run.delay);
    send(reading, delay, run.edge);
    if is_from_network {
        for number in 0..run.copies.1 % 4 {
            let drawn = (run.copies.1 / 4).wrapping_add(number * 17 + draft.repetition * 5);
            let mut copy = reading;
            copy.at = reading.at.plus(pick(&JITTERS, drawn));
            // Received a little before or after the first, or at the same moment.
            let later = pick(&[0, 1, 2_000, -1_000, 48_000, 400_000], drawn / 3);
            let delay = reading.at.0 + delay + later - copy.at.0;
            send(copy, delay, (run.edge + number + 1) % 3);
        }
    }
    let is_at_startup = Sample::Uncertain(value, UncertainReason::Startup);
    match run.twin {
        0..=5 => return,
        // The same again, at once or much later.
        6 => {}
        7 => return send(reading, delay + 7 * HOUR, run.edge),
        // Contradictions.
        8 => reading.sequence = Some(3),
        9 => reading.sample = Sample::Bad(channel.quantity, BadReason::OutOfRange),
        10 => reading.sample = is_at_startup,
        _ => reading.sample = contradiction(value),
    }
    let delay = delay + i64::from(run.sequence % 4) * 11 * MINUTE;
    send(reading, delay, run.edge);
}

/// By how much the times of two copies of an uplink differ: clocks of servers, one that was sent
/// again, and the edges of what is a copy.
const JITTERS: [i64; 14] = [
    0, 1, -1, 700, -700, 48_000, -48_000, 300_000, -300_000, 400_000, 599_999, 600_000, 600_001,
    -600_000,
];

fn contradiction(value: Measurement) -> Sample {
    Sample::Good(match value {
        Measurement::Occupied(in_use) => Measurement::Occupied(!in_use),
        Measurement::InUse(count) => Measurement::InUse(count + 1),
        Measurement::FreePlaces(count) => Measurement::FreePlaces(count - 1),
        Measurement::Entries(count) => Measurement::Entries(count.saturating_sub(700)),
        Measurement::Exits(count) => Measurement::Exits(count.saturating_add(1)),
        Measurement::Distance(distance) => Measurement::Distance(distance + 1),
        Measurement::Fill(_) => Measurement::Fill(FillLevel::FULL),
        // Of another quantity than the channel's: out of range.
        Measurement::Temperature(_) | Measurement::Battery(_) | Measurement::Tilt(_) => {
            Measurement::Tilt(true)
        }
    })
}

/// How long after its event time a reading enters the log: mostly soon, sometimes hours later,
/// sometimes from a clock that is ahead (five minutes are permitted, one ms more is not).
const DELAYS: [i64; 32] = [
    0,
    0,
    1,
    500,
    1_000,
    1_500,
    2_000,
    3_000,
    10_000,
    30_000,
    0,
    1_000,
    2_000,
    3_000,
    61_000,
    90_000,
    2 * MINUTE,
    3 * MINUTE,
    5 * MINUTE,
    7 * MINUTE,
    11 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    7 * HOUR,
    30 * HOUR,
    50 * HOUR,
    -30_000,
    -5 * MINUTE,
    -5 * MINUTE - 1,
    -HOUR,
];

fn of_nobody(draft: &Draft<'_>) -> Arrival {
    let sample = Sample::Good(Measurement::Occupied(draft.run.value % 2 == 1));
    Arrival {
        channel: ChannelRef {
            device: DeviceId::new("nobody").unwrap(),
            channel: ChannelName::new("occupied").unwrap(),
        },
        reading: Reading {
            at: UtcMs(draft.at),
            received_at: UtcMs(draft.at),
            time_source: TimeSource::Receiver,
            sequence: None,
            sample,
        },
        enters_at: draft.at,
        edge: draft.run.edge,
    }
}
