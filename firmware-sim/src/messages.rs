//! The stream of messages in order of arrival, made day by day and written one by one.

use crate::calendar::{DAY_MS, MINUTE_MS, day_of, day_start};
use crate::dice::mix;
use crate::envelope::{Uplink, chirpstack, things_stack};
use crate::faults::{Fault, LATE_MS_MAX};
use crate::inventory::Device;
use crate::json::Json;
use crate::layout::{Network, Profile, Subject, Transmitter};
use crate::payload::{
    BinSample, Frame, bosch_heartbeat, bosch_startup, bosch_status, dingtek, em310, em400,
    em400_alarm,
};
use crate::traffic::{Body, Counters, Event, NO_ECHO, SESSION_DAYS, Sink, joins, run_day};
use crate::world::{FIRST_DAY, World};

/// The longest way of a message, ms: the latest, and its copy a minute after it.
const WAY_MS_MAX: i64 = LATE_MS_MAX + 2 * MINUTE_MS;

/// One MQTT message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimMessage {
    /// When the device sent it (the network server had it), ms UTC.
    pub send_at_ms: i64,
    /// When it reaches the broker, ms UTC.
    pub arrive_at_ms: i64,
    /// Topic.
    pub topic: String,
    /// Body.
    pub payload: Vec<u8>,
    /// Index into [`crate::Inventory::devices`].
    pub device: u32,
    /// Readings in it: values of channels that the inventory has, the bad ones too.
    pub readings: u32,
}

/// Messages of a range; see [`World::messages`].
#[derive(Debug)]
pub struct Messages<'a> {
    world: &'a World,
    from_ms: i64,
    to_ms: i64,
    next_day: i64,
    counters: Vec<Counters>,
    /// Events of the day before `next_day` in reverse order, the next one last.
    ready: Vec<Event>,
    /// Events that arrive on a later day than they were sent.
    under_way: Vec<Event>,
}

struct Collect<'a>(&'a mut Vec<Event>);

impl Sink for Collect<'_> {
    fn event(&mut self, event: Event) {
        self.0.push(event);
    }
    fn fault(&mut self, _: i64, _: u32, _: Fault) {}
    fn wants_events(&self) -> bool {
        true
    }
}

struct CountOnly;

impl Sink for CountOnly {
    fn event(&mut self, _: Event) {}
    fn fault(&mut self, _: i64, _: u32, _: Fault) {}
    fn wants_events(&self) -> bool {
        false
    }
}

/// What device `index` carries into `day`: frame counters since its last join, vehicle counts
/// since the first day.
fn counters_at(world: &World, index: u32, day: i64) -> Counters {
    let mut counters = Counters::default();
    let Some(device) = world.device(index) else {
        return counters;
    };
    let first = if matches!(device.subject, Subject::Gate(..)) {
        FIRST_DAY
    } else {
        (day - SESSION_DAYS..day)
            .find(|day| joins(device, *day))
            .unwrap_or(FIRST_DAY)
            .max(FIRST_DAY)
    };
    for past in first..day {
        run_day(world, index, past, &mut counters, &mut CountOnly);
    }
    counters
}

impl<'a> Messages<'a> {
    pub(crate) fn new(world: &'a World, from_ms: i64, to_ms: i64) -> Self {
        let next_day = day_of(from_ms - WAY_MS_MAX).max(FIRST_DAY);
        let counters = (0..world.device_count())
            .map(|index| counters_at(world, index, next_day))
            .collect();
        Self {
            world,
            from_ms,
            to_ms,
            next_day,
            counters,
            ready: Vec::new(),
            under_way: Vec::new(),
        }
    }

    fn make_day(&mut self) {
        let day = self.next_day;
        self.next_day += 1;
        std::mem::swap(&mut self.ready, &mut self.under_way);
        let mut sink = Collect(&mut self.ready);
        for (index, counters) in (0..).zip(&mut self.counters) {
            run_day(self.world, index, day, counters, &mut sink);
        }
        let ends_ms = day_start(day) + DAY_MS;
        let under_way = &mut self.under_way;
        under_way.clear();
        let (from_ms, to_ms) = (self.from_ms, self.to_ms);
        self.ready.retain(|event| {
            let later = event.arrive_ms >= ends_ms;
            if later {
                under_way.push(*event);
            }
            !later && (from_ms..to_ms).contains(&event.arrive_ms)
        });
        self.ready
            .sort_unstable_by_key(|event| std::cmp::Reverse(event.order()));
    }
}

impl Iterator for Messages<'_> {
    type Item = SimMessage;

    fn next(&mut self) -> Option<SimMessage> {
        loop {
            if let Some(event) = self.ready.pop() {
                let written = write(self.world, event);
                if written.is_some() {
                    return written;
                }
            } else if day_start(self.next_day) < self.to_ms {
                self.make_day();
            } else {
                return None;
            }
        }
    }
}

fn write(world: &World, event: Event) -> Option<SimMessage> {
    let index = usize::try_from(event.device).ok()?;
    let device = world.layout.inventory.devices.get(index)?;
    let transmitter = world.layout.devices.get(index)?;
    let key = mix(transmitter.key, event.send_ms.cast_unsigned());
    let (topic, payload) = match transmitter.network {
        Network::Plain => plain(device, event, event.send_ms + world.skew_ms(transmitter)),
        Network::ChirpStack | Network::TheThingsStack => {
            let frame = frame(transmitter, event)?;
            let uplink = Uplink {
                device,
                frame: &frame,
                f_cnt: event.f_cnt,
                at_ms: event.send_ms,
                key,
            };
            if transmitter.network == Network::ChirpStack {
                chirpstack(uplink)
            } else {
                things_stack(uplink)
            }
        }
    };
    let readings = event.body.readings(transmitter.profile);
    Some(SimMessage {
        send_at_ms: event.send_ms,
        arrive_at_ms: event.arrive_ms,
        topic,
        payload,
        device: event.device,
        readings: u32::try_from(readings).unwrap_or(0),
    })
}

fn frame(device: &Transmitter, event: Event) -> Option<Frame> {
    let sample = match event.body {
        Body::BayStatus(occupied) => return Some(bosch_status(occupied)),
        Body::BayHeartbeat(occupied, celsius) => {
            return Some(bosch_heartbeat(occupied, Some(celsius)));
        }
        Body::BayStartup(occupied) => {
            // Firmware 0.29.2, started by power.
            return Some(bosch_startup([0; 12], [0, 29, 2], 2, occupied));
        }
        Body::Bin {
            distance_mm,
            temperature_dc,
            battery_pct,
        } => BinSample {
            distance_mm,
            temperature_dc,
            battery_pct,
            is_tilted: false,
        },
        Body::BinAlarm {
            distance_mm,
            temperature_dc,
        } => {
            return Some(em400_alarm(BinSample {
                distance_mm,
                temperature_dc,
                battery_pct: 0,
                is_tilted: false,
            }));
        }
        Body::Gate { .. } | Body::FreePlaces(_) | Body::Fill(_) | Body::Fills(_) => return None,
    };
    match device.profile {
        Profile::DingtekDf702 => {
            let counter = u16::try_from(event.f_cnt & 0xffff).unwrap_or(0);
            Some(dingtek(sample, None, counter))
        }
        Profile::MilesightEm310 => Some(em310(sample)),
        Profile::MilesightEm400 => Some(em400(sample)),
        Profile::BoschTps110
        | Profile::PlainGate
        | Profile::PlainDisplay
        | Profile::PlainFill
        | Profile::PlainFillBatch => None,
    }
}

/// Topic and body of the plain form, with the device's own time.
fn plain(device: &Device, event: Event, at_ms: i64) -> (String, Vec<u8>) {
    let mut json = Json(Vec::with_capacity(300));
    let seq = i64::from(event.f_cnt);
    let begin = |json: &mut Json, at_ms: i64| {
        json.text("{\"at\":").number(at_ms);
        json.text(",\"seq\":").number(seq).text(",\"readings\":{");
    };
    let fill = |json: &mut Json, tenths: u16| {
        json.text("\"fill\":");
        if tenths == NO_ECHO {
            json.text("{\"bad\":\"no_echo\"}");
        } else {
            json.tenths(i64::from(tenths));
        }
    };
    if let Body::Fills(fills) = event.body {
        json.text("{\"batch\":[");
        for (age, tenths) in [45, 30, 15, 0].into_iter().zip(fills) {
            begin(&mut json, at_ms - age * MINUTE_MS);
            fill(&mut json, tenths);
            json.text(if age == 0 { "}}" } else { "}}," });
        }
        json.text("]}");
    } else {
        begin(&mut json, at_ms);
        match event.body {
            Body::Gate { entries, exits } => {
                json.text("\"entries\":").number(i64::from(entries));
                json.text(",\"exits\":").number(i64::from(exits));
            }
            Body::FreePlaces(free) => {
                json.text("\"free_places\":").number(i64::from(free));
            }
            Body::Fill(tenths) => fill(&mut json, tenths),
            Body::BayStatus(_)
            | Body::BayHeartbeat(..)
            | Body::BayStartup(_)
            | Body::Bin { .. }
            | Body::BinAlarm { .. }
            | Body::Fills(_) => {}
        }
        json.text("}}");
    }
    let topic = format!("huitian/v1/{}/{}", device.site, device.id);
    (topic, json.0)
}
