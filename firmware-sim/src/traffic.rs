//! What one device sends on one day, and what becomes of it on the way.

use crate::bay::plan;
use crate::bin_fill::{distance_mm, fill};
use crate::calendar::{DAY_MS, MINUTE_MS, day_start, kind_of, temperature_dc};
use crate::dice::Dice;
use crate::faults::{Fault, LATE_MS_MAX, SKEW_MS_MAX};
use crate::layout::{Bin, Profile, Subject, Transmitter};
use crate::lot::LotDay;
use crate::world::World;

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    BayStatus(bool),
    BayHeartbeat(bool, i8),
    BayStartup(bool),
    Gate {
        entries: u32,
        exits: u32,
    },
    FreePlaces(i32),
    Bin {
        distance_mm: u16,
        temperature_dc: i16,
        battery_pct: u8,
    },
    /// A bin sensor crosses its threshold: no battery, no position.
    BinAlarm {
        distance_mm: u16,
        temperature_dc: i16,
    },
    /// Tenths of a percent; [`NO_ECHO`] where there was none.
    Fill(u16),
    /// Four of them, 15 min apart, the newest last.
    Fills([u16; 4]),
}

/// From how full on a Milesight EM400 sends its alarm frame, permille.
const ALARM_PERMILLE: i64 = 900;

/// No value, in [`Body::Fill`].
pub const NO_ECHO: u16 = u16::MAX;

impl Body {
    /// Readings in it, counted by channels of the inventory.
    pub const fn readings(self, profile: Profile) -> usize {
        match self {
            Self::BayStatus(_) | Self::BayStartup(_) | Self::FreePlaces(_) | Self::Fill(_) => 1,
            Self::BayHeartbeat(..) | Self::Gate { .. } | Self::BinAlarm { .. } => 2,
            Self::Fills(_) => 4,
            Self::Bin { .. } => match profile {
                Profile::MilesightEm400 => 4,
                Profile::BoschTps110
                | Profile::DingtekDf702
                | Profile::MilesightEm310
                | Profile::PlainGate
                | Profile::PlainDisplay
                | Profile::PlainFill
                | Profile::PlainFillBatch => 3,
            },
        }
    }
}

/// A message before it is written.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub arrive_ms: i64,
    pub send_ms: i64,
    pub device: u32,
    pub f_cnt: u32,
    pub is_copy: bool,
    pub body: Body,
}

impl Event {
    /// Order of arrival, total: two events never compare as equal.
    pub const fn order(&self) -> (i64, u32, i64, u32, bool) {
        let sent = self.send_ms;
        (self.arrive_ms, self.device, sent, self.f_cnt, self.is_copy)
    }
}

/// What a device carries from day to day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Frame counter of the next uplink.
    pub f_cnt: u32,
    /// Vehicles in since the last reboot.
    pub entries: i64,
    /// Vehicles out since the last reboot.
    pub exits: i64,
}

/// What to do with what a device sends; counting alone throws no chance for its way.
pub trait Sink {
    /// An event that arrives.
    fn event(&mut self, event: Event);
    /// A fault, at the instant it shows.
    fn fault(&mut self, at_ms: i64, device: u32, fault: Fault);
    /// Whether events are wanted at all.
    fn wants_events(&self) -> bool;
}

/// Days between two joins of a device: its frame counter begins at 0 again.
pub const SESSION_DAYS: i64 = 64;

/// Whether the device joins anew when `day` begins.
pub fn joins(device: &Transmitter, day: i64) -> bool {
    let turn = i64::try_from(device.key >> 48).unwrap_or(0);
    (day + turn) % SESSION_DAYS == 0
}

/// One device on one day.
pub struct DeviceDay<'a, S> {
    world: &'a World,
    device: &'a Transmitter,
    index: u32,
    start_ms: i64,
    day: i64,
    silent: bool,
    stuck: bool,
    reboot_at: Option<i64>,
    f_cnt: u32,
    sink: &'a mut S,
}

/// Runs `index`'s day: gives events and faults to `sink`, and moves `counters` to its end.
pub fn run_day<S: Sink>(
    world: &World,
    index: u32,
    day: i64,
    counters: &mut Counters,
    sink: &mut S,
) {
    let Some(device) = world.device(index) else {
        return;
    };
    let bounds = &world.bounds;
    let mut dice = Dice::new(device.key, day, 40);
    let silent = dice.under(bounds.silent);
    let stuck = dice.under(bounds.stuck);
    let reboot = dice.under(bounds.reboot);
    let reboot_at = dice.below(DAY_MS - 10 * MINUTE_MS);
    let start_ms = day_start(day);
    let mut this = DeviceDay {
        world,
        device,
        index,
        start_ms,
        day,
        silent,
        stuck: stuck && matches!(device.subject, Subject::Bay(_) | Subject::Bin(_)),
        reboot_at: reboot.then_some(reboot_at),
        f_cnt: if joins(device, day) {
            0
        } else {
            counters.f_cnt
        },
        sink,
    };
    this.tell_faults();
    match device.subject {
        Subject::Bay(bay) => this.bay(bay),
        Subject::Gate(lot, gate) => this.gate(lot, gate, counters),
        Subject::Display(lot) => this.display(lot),
        Subject::Bin(bin) => this.bin(bin),
    }
    counters.f_cnt = this.f_cnt;
}

impl<S: Sink> DeviceDay<'_, S> {
    fn tell_faults(&mut self) {
        let faults = [
            (self.silent, Fault::Silent, 0),
            (self.stuck, Fault::Stuck, 0),
            (
                self.reboot_at.is_some(),
                Fault::Reboot,
                self.reboot_at.unwrap_or(0),
            ),
            (self.world.skew_ms(self.device) != 0, Fault::ClockSkew, 0),
        ];
        for (is_so, fault, offset) in faults {
            if is_so {
                self.sink.fault(self.start_ms + offset, self.index, fault);
            }
        }
    }

    /// Sends at `offset` what `body` says.
    fn send(&mut self, offset: i64, body: Body) {
        let f_cnt = self.f_cnt;
        self.f_cnt = f_cnt.wrapping_add(1);
        if !self.sink.wants_events() {
            return;
        }
        let bounds = self.world.bounds;
        let send_ms = self.start_ms + offset;
        let mut way = Dice::new(self.device.key, send_ms, 41);
        let mut event = Event {
            arrive_ms: send_ms + way.between(120, 1_500),
            send_ms,
            device: self.index,
            f_cnt,
            is_copy: false,
            body,
        };
        if self.silent {
            return;
        }
        if way.under(bounds.lost) {
            self.sink.fault(send_ms, self.index, Fault::Lost);
            return;
        }
        if way.under(bounds.late) {
            event.arrive_ms = send_ms + way.between(5 * MINUTE_MS, LATE_MS_MAX);
            self.sink.fault(send_ms, self.index, Fault::Late);
        } else if way.under(bounds.reordered) {
            event.arrive_ms += way.between(30_000, 180_000);
            self.sink.fault(send_ms, self.index, Fault::Reordered);
        }
        self.sink.event(event);
        if way.under(bounds.duplicate) {
            self.sink.fault(send_ms, self.index, Fault::Duplicate);
            self.sink.event(Event {
                arrive_ms: event.arrive_ms + way.between(2_000, 60_000),
                is_copy: true,
                ..event
            });
        }
    }

    fn bay(&mut self, bay: usize) {
        let Some(bay) = self.world.layout.bays.get(bay) else {
            return;
        };
        let plan = plan(bay, self.day, kind_of(self.day));
        let changes = if self.stuck { &[] } else { plan.changes() };
        let mut changes = changes.iter().copied().peekable();
        let mut beat = self.device.phase_ms;
        let mut in_use = plan.starts_in_use;
        let mut reboot = self.reboot_at;
        // After a reboot the sensor claims "free", and sees what is so a minute later.
        let mut sees_again = None;
        loop {
            let change = changes.peek().copied().unwrap_or(i64::MAX);
            let restart = reboot.unwrap_or(i64::MAX);
            let again = sees_again.unwrap_or(i64::MAX);
            let next = change.min(beat).min(restart).min(again);
            if next >= DAY_MS {
                return;
            }
            if next == restart {
                reboot = None;
                self.f_cnt = 0;
                self.send(next, Body::BayStartup(false));
                sees_again = Some(next + MINUTE_MS);
            } else if next == again {
                sees_again = None;
                if in_use {
                    self.send(next, Body::BayStatus(true));
                }
            } else if next == change {
                changes.next();
                in_use = !in_use;
                self.send(next, Body::BayStatus(in_use));
            } else {
                let celsius = temperature_dc(self.start_ms + next) / 10;
                let celsius = i8::try_from(celsius).unwrap_or(0);
                let claims = in_use && sees_again.is_none();
                self.send(next, Body::BayHeartbeat(claims, celsius));
                beat += self.device.every_ms;
            }
        }
    }

    /// Runs `each` for every slot of the device's cadence, with a reboot in its place.
    fn slots(&mut self, mut each: impl FnMut(&mut Self, i64)) {
        let mut reboot = self.reboot_at;
        let mut at = self.device.phase_ms;
        while at < DAY_MS {
            if reboot.is_some_and(|restart| restart <= at) {
                reboot = None;
                self.f_cnt = 0;
            }
            each(self, at);
            at += self.device.every_ms;
        }
        if reboot.is_some() {
            self.f_cnt = 0;
        }
    }

    fn gate(&mut self, lot: usize, gate: i64, counters: &mut Counters) {
        let Some(lot) = self.world.layout.lots.get(lot) else {
            return;
        };
        let flows = LotDay::new(lot, &self.world.layout.bays, self.day);
        let restart = self.reboot_at.unwrap_or(i64::MAX);
        let before = self.reboot_at.map(|at| flows.passed(gate, at));
        let base = *counters;
        let read = |at: i64| {
            let (entries, exits) = flows.passed(gate, at);
            match before {
                Some((gone_in, gone_out)) if at >= restart => (entries - gone_in, exits - gone_out),
                _ => (base.entries + entries, base.exits + exits),
            }
        };
        // Half of the gates count in 16 bits, as small counters do.
        let width = if self.device.key & 1 == 0 { 16 } else { 32 };
        let wrapped = |n: i64| u32::try_from(n & ((1_i64 << width) - 1)).unwrap_or(0);
        self.slots(|this, at| {
            let (entries, exits) = read(at);
            this.send(
                at,
                Body::Gate {
                    entries: wrapped(entries),
                    exits: wrapped(exits),
                },
            );
        });
        (counters.entries, counters.exits) = read(DAY_MS);
    }

    fn display(&mut self, lot: usize) {
        let Some(lot) = self.world.layout.lots.get(lot) else {
            return;
        };
        let flows = LotDay::new(lot, &self.world.layout.bays, self.day);
        self.slots(|this, at| {
            let free = lot.capacity - flows.inside(at);
            this.send(at, Body::FreePlaces(i32::try_from(free).unwrap_or(0)));
        });
    }

    fn bin(&mut self, bin: usize) {
        let Some(bin) = self.world.layout.bins.get(bin) else {
            return;
        };
        let mut below = true;
        self.slots(|this, at| {
            let counts_only = !this.sink.wants_events();
            let alarms = this.device.profile == Profile::MilesightEm400;
            if counts_only && !alarms {
                this.f_cnt = this.f_cnt.wrapping_add(1);
                return;
            }
            let level = fill(bin, this.start_ms + if this.stuck { 0 } else { at });
            let deaf =
                Dice::new(this.device.key, this.start_ms + at, 42).under(this.world.bounds.no_echo);
            if deaf {
                this.sink
                    .fault(this.start_ms + at, this.index, Fault::NoEcho);
            }
            let body = this.bin_body(bin, at, level, deaf);
            this.send(at, body);
            if let (
                true,
                false,
                Body::Bin {
                    distance_mm,
                    temperature_dc,
                    ..
                },
            ) = (alarms && below && level >= ALARM_PERMILLE, deaf, body)
            {
                let alarm = Body::BinAlarm {
                    distance_mm,
                    temperature_dc,
                };
                this.send(at + 1_000, alarm);
            }
            below = level < ALARM_PERMILLE;
        });
    }

    fn bin_body(&mut self, bin: &Bin, at: i64, level: i64, deaf: bool) -> Body {
        let percent = |level: i64| u16::try_from(level.clamp(0, 1_000)).unwrap_or(NO_ECHO);
        let plain = if deaf { NO_ECHO } else { percent(level) };
        match self.device.profile {
            Profile::PlainFill => Body::Fill(plain),
            Profile::PlainFillBatch => {
                let sees = |age: i64| {
                    let when = if self.stuck { 0 } else { at - age * MINUTE_MS };
                    percent(fill(bin, self.start_ms + when))
                };
                Body::Fills([sees(45), sees(30), sees(15), plain])
            }
            Profile::BoschTps110
            | Profile::DingtekDf702
            | Profile::MilesightEm310
            | Profile::MilesightEm400
            | Profile::PlainGate
            | Profile::PlainDisplay => {
                let mut dice = Dice::new(self.device.key, self.start_ms + at, 44);
                let noise = if self.stuck { 0 } else { dice.between(-5, 6) };
                let distance = distance_mm(bin, level, noise);
                let air = temperature_dc(self.start_ms + at) + 12;
                Body::Bin {
                    distance_mm: match (deaf, dice.chance(500)) {
                        (false, _) => u16::try_from(distance).unwrap_or(u16::MAX),
                        (true, true) => 0,
                        (true, false) => u16::MAX,
                    },
                    temperature_dc: i16::try_from(air).unwrap_or(0),
                    battery_pct: battery(self.device, self.day),
                }
            }
        }
    }
}

/// Percent left: two years from full to low, then a new battery.
fn battery(device: &Transmitter, day: i64) -> u8 {
    let age = (day + i64::try_from(device.key >> 50).unwrap_or(0)) % 730;
    u8::try_from(100 - age * 85 / 730).unwrap_or(50)
}

/// The error of a device's own clock, ms, drawn once for its life.
pub fn skew_ms(device: &Transmitter, bound: u64) -> i64 {
    let mut dice = Dice::new(device.key, 0, 43);
    if !dice.under(bound) {
        return 0;
    }
    let error = dice.between(20_000, SKEW_MS_MAX + 1);
    if dice.chance(500) { error } else { -error }
}
