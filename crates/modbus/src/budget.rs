//! What a line's time is spent on, and whether it suffices.
//!
//! Times of one transaction:
//!
//! ```text
//! serial   request + reply + answer + gap
//!          request  8 characters: unit, function, address, count, CRC
//!          answer   5 characters and the content: 2 per register, or 1 per 8 bits
//!          gap      the greatest of 3.5 characters of silence (above 19,200 baud fixed 1.75 ms:
//!                   Modbus over serial line 1.02, 2.5.1.1), the device's and the line's
//! TCP      latency + reply + gap; the frames themselves are below 300 bytes and cost nothing
//! RTU over TCP: as serial, and the latency
//! ```
//!
//! A cycle is the sum over all requests. Dead units may cost at most a share `d` of the time, so
//! what the others need is stretched to `sum / (1 - d)`; and since a probe cannot be cut, one whole
//! probe (request and timeout) comes on top. The worst is one dead unit, namely the one whose
//! absence saves least. A line must keep its interval in that case, too.
//!
//! A channel's worst age, just before its next value: one interval, and the time from the begin
//! of the stretched cycle to the end of the last answer that it needs.

use std::fmt::Write as _;

use huitian_codec::registers::Parity;
use huitian_model::{ChannelName, DeviceId};

use crate::settings::{LineConfig, SerialParams, Transmission};
use crate::{MapUnit, Request, Unit};

/// Microseconds of a second.
const SECOND_US: u64 = 1_000_000;

/// Silence between frames above 19,200 baud, in microseconds.
const SILENCE_FAST_US: u64 = 1_750;

/// Requests of a unit that are shown one by one.
const REQUESTS_SHOWN: usize = 8;

/// Lines of arithmetic in a text: a line for each of 247 units, and some about the whole.
const LINES_MAX: usize = 300;

/// A line as far as time is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineLoad {
    /// Its name.
    pub name: String,
    /// How frames travel.
    pub transmission: Transmission,
    /// How the serial line is set.
    pub serial: SerialParams,
    /// Round trip of the network, of the two kinds over TCP, in microseconds.
    pub latency_us: u64,
    /// Until a request counts as not answered, in microseconds.
    pub timeout_us: u64,
    /// Silence between two transactions that the line's settings ask for, in microseconds.
    pub pause_us: u64,
    /// From cycle to cycle, in microseconds.
    pub interval_us: u64,
    /// Percent that dead units may cost, below 100.
    pub dead_share: u8,
}

impl LineLoad {
    /// Of a checked line.
    pub fn of(line: &LineConfig) -> Self {
        let timing = line.timing;
        Self {
            name: line.name.clone(),
            transmission: line.transmission,
            serial: line.serial,
            latency_us: timing.latency_ms.saturating_mul(1_000),
            timeout_us: timing.timeout_ms.saturating_mul(1_000),
            pause_us: timing.pause_between_requests_ms.saturating_mul(1_000),
            interval_us: line.interval_ms.saturating_mul(1_000),
            dead_share: line.dead_share,
        }
    }

    /// Time of some characters, rounded up, in microseconds.
    fn characters_us(&self, count: u64) -> u64 {
        let bits = count.saturating_mul(u64::from(bits_of(self.serial)));
        let baud = u64::from(self.serial.baud_rate.max(1));
        bits.saturating_mul(SECOND_US).div_ceil(baud)
    }

    /// Silence between frames, in microseconds.
    pub fn silence_us(&self) -> u64 {
        match self.transmission {
            Transmission::Tcp => 0,
            Transmission::Rtu | Transmission::RtuOverTcp if self.serial.baud_rate > 19_200 => {
                SILENCE_FAST_US
            }
            // 3.5 characters are 7 half ones.
            Transmission::Rtu | Transmission::RtuOverTcp => self.characters_us(7).div_ceil(2),
        }
    }

    /// One transaction, the silence behind it included, in microseconds.
    pub fn transaction_us(&self, request: Request, reply_us: u64, gap_us: u64) -> u64 {
        let content = if request.function.reads_bits() {
            u64::from(request.count).div_ceil(8)
        } else {
            u64::from(request.count) * 2
        };
        let wire = match self.transmission {
            Transmission::Tcp => self.latency_us,
            Transmission::Rtu => self.characters_us(8 + 5 + content),
            Transmission::RtuOverTcp => self.characters_us(8 + 5 + content) + self.latency_us,
        };
        wire + reply_us + self.gap_us(gap_us)
    }

    fn gap_us(&self, gap_us: u64) -> u64 {
        gap_us.max(self.pause_us).max(self.silence_us())
    }

    /// One try of a unit that does not answer, in microseconds.
    pub fn probe_us(&self, gap_us: u64) -> u64 {
        let wire = match self.transmission {
            Transmission::Tcp => 0,
            Transmission::Rtu | Transmission::RtuOverTcp => self.characters_us(8),
        };
        wire + self.timeout_us + self.gap_us(gap_us)
    }

    /// What is left to the living, stretched by the share of the dead, in microseconds.
    fn stretched_us(&self, us: u64) -> u64 {
        let left = u64::from(100_u8.saturating_sub(self.dead_share).max(1));
        us.saturating_mul(100).div_ceil(left)
    }
}

fn bits_of(serial: SerialParams) -> u8 {
    let parity = u8::from(serial.parity != Parity::None);
    1 + serial.data_bits + parity + serial.stop_bits
}

/// A unit as far as time is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitLoad {
    /// Unit id.
    pub id: u8,
    /// The device.
    pub device: DeviceId,
    /// Its requests in their order.
    pub requests: Vec<Request>,
    /// Silence that it needs between two transactions, in microseconds.
    pub gap_us: u64,
    /// Until its answer begins, in microseconds.
    pub reply_us: u64,
    /// Its channels, each with the place of the last request that it needs.
    pub channels: Vec<(ChannelName, usize)>,
}

impl UnitLoad {
    /// Of a unit by map.
    pub fn of(unit: &MapUnit) -> Self {
        let limits = unit.map().limits();
        let requests = unit.requests().to_vec();
        let last = |name: &ChannelName| {
            let spans = unit.map().spans_of(name);
            let reads = |request: &Request| {
                spans.iter().any(|span| {
                    request.function == span.function
                        && request.address <= span.address
                        && span.end() <= u32::from(request.address) + u32::from(request.count)
                })
            };
            requests.iter().rposition(reads).unwrap_or(0)
        };
        let channels = unit.bound().iter().map(|name| (name.clone(), last(name)));
        Self {
            id: unit.id(),
            device: unit.device().clone(),
            channels: channels.collect(),
            gap_us: u64::from(limits.gap_ms) * 1_000,
            reply_us: u64::from(limits.reply_ms) * 1_000,
            requests,
        }
    }

    fn busy_us(&self, line: &LineLoad) -> u64 {
        let times = self
            .requests
            .iter()
            .map(|request| line.transaction_us(*request, self.reply_us, self.gap_us));
        times.sum()
    }
}

/// The part of a line's time that a unit takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitShare {
    /// Unit id.
    pub id: u8,
    /// The device.
    pub device: DeviceId,
    /// Requests of a cycle.
    pub requests: usize,
    /// What they take, in microseconds.
    pub busy_us: u64,
    /// That in thousandths of the interval.
    pub permille: u64,
}

/// How old a channel's value can get.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelAge {
    /// The device.
    pub device: DeviceId,
    /// Its channel.
    pub channel: ChannelName,
    /// Just before the next value comes, in microseconds.
    pub worst_us: u64,
}

/// What a line's time is spent on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// A cycle in which every unit answers, in microseconds.
    pub cycle_us: u64,
    /// The longest cycle with one dead unit, in microseconds; of a line with one unit `cycle_us`.
    pub worst_us: u64,
    /// By unit, in the order of the line.
    pub units: Vec<UnitShare>,
    /// By channel.
    pub channels: Vec<ChannelAge>,
    /// The arithmetic, for people.
    pub lines: Vec<String>,
}

/// A line that cannot keep its interval.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a cycle takes {needed_us} us, the interval is {interval_us} us:\n{}", .lines.join("\n"))]
pub struct BudgetError {
    /// What a cycle can take, in microseconds.
    pub needed_us: u64,
    /// What it may take, in microseconds.
    pub interval_us: u64,
    /// The arithmetic, for people.
    pub lines: Vec<String>,
}

impl Budget {
    /// Reckons a line.
    ///
    /// # Errors
    /// [`BudgetError`] where a cycle does not fit into the interval, be it with every unit alive
    /// or with one dead.
    pub fn new(line: &LineLoad, units: &[UnitLoad]) -> Result<Self, BudgetError> {
        let shares: Vec<_> = units.iter().map(|unit| share(line, unit)).collect();
        let cycle_us = shares.iter().map(|share| share.busy_us).sum();
        let worst_us = worst_us(line, units, 1).unwrap_or(cycle_us).max(cycle_us);
        let lines = lines(line, units, (cycle_us, worst_us));
        if worst_us > line.interval_us {
            return Err(BudgetError {
                needed_us: worst_us,
                interval_us: line.interval_us,
                lines,
            });
        }
        Ok(Self {
            cycle_us,
            worst_us,
            units: shares,
            channels: ages(line, units),
            lines,
        })
    }
}

/// The longest cycle with `dead` units that do not answer: those whose absence saves least.
///
/// None where no unit would be left.
pub fn worst_us(line: &LineLoad, units: &[UnitLoad], dead: usize) -> Option<u64> {
    if dead >= units.len() {
        return None;
    }
    let mut busy: Vec<_> = units.iter().map(|unit| unit.busy_us(line)).collect();
    busy.sort_unstable();
    let living = busy.get(dead..)?.iter().sum();
    if dead == 0 {
        return Some(living);
    }
    Some(line.stretched_us(living) + longest_probe_us(line, units))
}

fn longest_probe_us(line: &LineLoad, units: &[UnitLoad]) -> u64 {
    let probes = units.iter().map(|unit| line.probe_us(unit.gap_us));
    probes.max().unwrap_or(0)
}

fn share(line: &LineLoad, unit: &UnitLoad) -> UnitShare {
    let busy_us = unit.busy_us(line);
    UnitShare {
        id: unit.id,
        device: unit.device.clone(),
        requests: unit.requests.len(),
        busy_us,
        permille: busy_us.saturating_mul(1_000) / line.interval_us.max(1),
    }
}

fn ages(line: &LineLoad, units: &[UnitLoad]) -> Vec<ChannelAge> {
    let mut ages = Vec::new();
    let mut before_us = 0;
    for unit in units {
        for (channel, last) in &unit.channels {
            let needed = unit.requests.iter().take(last + 1);
            let times =
                needed.map(|request| line.transaction_us(*request, unit.reply_us, unit.gap_us));
            let reached_us = before_us + times.sum::<u64>();
            let reached_us = if units.len() > 1 {
                line.stretched_us(reached_us) + longest_probe_us(line, units)
            } else {
                reached_us
            };
            ages.push(ChannelAge {
                device: unit.device.clone(),
                channel: channel.clone(),
                worst_us: line.interval_us + reached_us,
            });
        }
        before_us += unit.busy_us(line);
    }
    ages
}

/// The arithmetic, so that a person can check it.
fn lines(line: &LineLoad, units: &[UnitLoad], (cycle_us, worst_us): (u64, u64)) -> Vec<String> {
    let mut lines = vec![head(line)];
    for unit in units {
        let mut text = format!("unit {} ({}):", unit.id, unit.device);
        for request in unit.requests.iter().take(REQUESTS_SHOWN) {
            let us = line.transaction_us(*request, unit.reply_us, unit.gap_us);
            let Request {
                function,
                address,
                count,
            } = request;
            // Writing into a String cannot fail.
            let _ignored = write!(text, " {} {address}+{count} {us} us;", function.name());
        }
        if unit.requests.len() > REQUESTS_SHOWN {
            text.push_str(" and others;");
        }
        let (requests, busy) = (unit.requests.len(), unit.busy_us(line));
        let gap = line.gap_us(unit.gap_us);
        let _ignored = write!(
            text,
            " {requests} requests, each with {} us to the answer and {gap} us of silence: \
             {busy} us",
            unit.reply_us
        );
        lines.push(text);
        if lines.len() == LINES_MAX {
            break;
        }
    }
    lines.push(format!("sum of {} units: {cycle_us} us", units.len()));
    if let Some(one_dead_us) = self::worst_us(line, units, 1) {
        let saved = units
            .iter()
            .map(|unit| unit.busy_us(line))
            .min()
            .unwrap_or(0);
        lines.push(format!(
            "one dead unit: ({cycle_us} - {saved}) us / (1 - {} %) + one probe of {} us = \
             {one_dead_us} us",
            line.dead_share,
            longest_probe_us(line, units)
        ));
    }
    lines.push(format!(
        "the longest cycle is {worst_us} us, the interval {} us",
        line.interval_us
    ));
    lines
}

fn head(line: &LineLoad) -> String {
    let name = &line.name;
    let serial = line.serial;
    let wire = format!(
        "{} baud {}{}{}, {} bits a character, {} us of silence between frames",
        serial.baud_rate,
        serial.data_bits,
        serial.parity.name(),
        serial.stop_bits,
        bits_of(serial),
        line.silence_us()
    );
    match line.transmission {
        Transmission::Rtu => format!("line {name}: {wire}"),
        Transmission::Tcp => format!("line {name}: TCP, {} us of latency", line.latency_us),
        Transmission::RtuOverTcp => {
            format!(
                "line {name}: {wire}; over TCP, {} us of latency",
                line.latency_us
            )
        }
    }
}

#[cfg(test)]
mod tests;
