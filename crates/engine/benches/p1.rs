//! P1: readings/s of one core through one engine, and the demo's fortnight of history.
//!
//! Run with `cargo bench -p huitian-engine` (or `-- 10k`, `-- 1m`, `-- fortnight`).
//! Three parts, each checked against expected totals:
//! 10,000 and 1,000,000 fill channels that speak every minute (windows of 5 min, 15 min, 1 h,
//! overflow rule), and 14 days of 3,000 channels in 64 partitions with a tick every 5 minutes.
//! A calibration line (additions that wait for memory) makes machines comparable.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(
    clippy::disallowed_methods,
    reason = "a bench measures time; the engine does not"
)]
#![expect(clippy::unwrap_used, reason = "a bench may stop at a surprise")]

#[path = "p1/world.rs"]
mod world;

use huitian_engine::Engine;
use huitian_model::{
    Frame, Output, Partition, Position, Record, Settings, Tick, UtcMs, WindowBody, WindowLength,
    WindowStatus,
};

use world::{START, World};

const MINUTE: i64 = 60_000;

fn main() {
    calibrate();
    let only = std::env::args()
        .nth(1)
        .filter(|part| !part.starts_with('-'));
    let is_asked = |part: &str| only.as_ref().is_none_or(|only| only == part);
    if is_asked("10k") {
        minutes(10_000, 120);
    }
    if is_asked("1m") {
        minutes(1_000_000, 20);
    }
    if is_asked("fortnight") {
        fortnight();
    }
}

/// CPU time of this thread so far, s: other load on the machine does not count.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace()
        .next()
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1e9
}

/// Sums 64 MB of numbers ten times: what the machine does in one second at most.
fn calibrate() {
    let numbers: Vec<u64> = (0..8_000_000).collect();
    let began = cpu_s();
    let mut sum = 0_u64;
    for round in 0..10 {
        sum = numbers
            .iter()
            .fold(sum, |sum, number| sum.wrapping_add(number ^ round));
    }
    let seconds = cpu_s() - began;
    println!(
        "calibration: {:.0} M additions/s (sum {sum})",
        80.0 / seconds
    );
}

/// What an engine said, added up.
#[derive(Default)]
struct Said {
    outputs: u64,
    /// An emptying is seen one reading late, so it amends the window of its first reading.
    amended: u64,
    finals_5m: u64,
    known_ms_5m: i64,
    alerts: u64,
    accounted: u64,
}

impl Said {
    fn take(&mut self, out: &mut Vec<Output>) {
        for output in out.drain(..) {
            self.outputs += 1;
            match output {
                Output::Window(row) if row.status == WindowStatus::Amended => self.amended += 1,
                Output::Window(row) if row.key.length == WindowLength::Min5 => {
                    self.finals_5m += 1;
                    self.known_ms_5m += match row.body {
                        WindowBody::Lot(lot) => lot.usage.in_use_ms + lot.usage.free_ms,
                        WindowBody::Station(bins) => bins.bins.iter().map(|bin| bin.known_ms).sum(),
                    };
                }
                Output::Alert(_) => self.alerts += 1,
                Output::Account(row) => self.accounted = self.accounted.max(row.counts.accepted),
                Output::Window(_)
                | Output::Rolling(_)
                | Output::Current(_)
                | Output::Episode(_)
                | Output::Emptied(_)
                | Output::Finding(_)
                | Output::Held(_)
                | Output::Device(_)
                | Output::Lost(_) => {}
            }
        }
    }
}

fn begin(partition: u8, world: &World) -> (Engine, Position) {
    let mut engine = Engine::new(Partition::new(partition).unwrap());
    let settings = Settings::with_defaults().unwrap();
    let mut out = Vec::new();
    let inventory = world.inventory(partition);
    let position = Position(1);
    engine.apply(
        position,
        &Record::Settings {
            version: 1,
            settings,
        },
        &mut out,
    );
    let position = position.next();
    engine.apply(
        position,
        &Record::Inventory {
            version: 1,
            inventory,
        },
        &mut out,
    );
    (engine, position)
}

/// Every channel speaks every minute; a frame holds 5 minutes of 1,000 channels.
fn minutes(channels: u32, minutes: i64) {
    let world = World::stations(channels);
    let (mut engine, mut position) = begin(0, &world);
    let (mut said, mut out) = (Said::default(), Vec::new());
    let mut readings = 0_u64;
    let mut seconds = 0.0;
    for block in 0..minutes / 5 {
        let start = START + block * 5 * MINUTE;
        let frames = world.frames(start, 5, block);
        let end = UtcMs(start + 5 * MINUTE);
        let began = cpu_s();
        for frame in frames {
            readings += u64::try_from(frame.readings.len()).unwrap();
            position = position.next();
            engine.apply(position, &Record::Frame(frame), &mut out);
        }
        position = position.next();
        engine.apply(position, &Record::Tick(Tick { now: end }), &mut out);
        seconds += cpu_s() - began;
        said.take(&mut out);
    }
    let stations = u64::from(channels / 4);
    // The first window ends with the first tick, the last has not settled.
    let closed = u64::try_from(minutes / 5 - 2).unwrap();
    assert_eq!(said.finals_5m, stations * closed, "windows of 5 minutes");
    let known = i64::from(channels) * 5 * MINUTE * i64::try_from(closed).unwrap();
    assert_eq!(
        said.known_ms_5m, known,
        "every channel is known all the time"
    );
    let million = world::number(readings) / 1e6;
    println!(
        "P1 {channels} channels: {:.2} M readings/s ({million:.1} M readings, {} outputs, {} alert \
         rows, {seconds:.2} s)",
        million / seconds,
        said.outputs,
        said.alerts
    );
}

/// The demo: lots and stations, 64 partitions, 14 days, a tick every 5 minutes.
fn fortnight() {
    let world = World::demo();
    let mut seconds = 0.0;
    let mut readings = 0_u64;
    let mut said = Said::default();
    let mut bytes = 0;
    for partition in 0..64 {
        let (mut engine, mut position) = begin(partition, &world);
        let mut out = Vec::new();
        let mut n = 0;
        let steps = (0..14 * 288).map(|step| START + step * 5 * MINUTE);
        let frames: Vec<(i64, Frame)> = steps
            .map(|start| {
                let frame = world.demo_frame(partition, start, n);
                n += u64::try_from(frame.readings.len()).unwrap();
                (start, frame)
            })
            .collect();
        readings += n;
        let began = cpu_s();
        for (start, frame) in frames {
            position = position.next();
            engine.apply(position, &Record::Frame(frame), &mut out);
            position = position.next();
            let now = UtcMs(start + 5 * MINUTE);
            engine.apply(position, &Record::Tick(Tick { now }), &mut out);
            said.take(&mut out);
        }
        seconds += cpu_s() - began;
        bytes += engine.snapshot().len();
    }
    assert_eq!(
        said.finals_5m,
        world.facilities() * (14 * 288 - 2),
        "windows of 5 minutes"
    );
    println!(
        "fortnight: {seconds:.2} s of engine time for {:.2} M readings, {:.1} M outputs \
         ({} amended), snapshots {:.1} MB",
        world::number(readings) / 1e6,
        world::number(said.outputs) / 1e6,
        said.amended,
        world::number(u64::try_from(bytes).unwrap()) / 1e6
    );
}
