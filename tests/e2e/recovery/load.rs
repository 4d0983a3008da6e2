//! Devices that send what is not acknowledged again, until it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use huitian_model::{FillLevel, Measurement};
use huitian_tests::mqtt::Publisher;
use huitian_tests::random::Random;
use huitian_tests::running::FastClock;
use huitian_tests::wall::pause;

/// Messages on their way at once: enough that every kill meets some.
const IN_FLIGHT_MAX: usize = 64;

/// Messages sent before answers are looked for.
const BURST: usize = 8;

/// Between two bursts: some 800 messages a second.
const PACE: Duration = Duration::from_millis(8);

/// Longest age of a reading when it is first sent, ms of the hub: late enough to amend windows.
const AGE_MAX_MS: u64 = 25 * 60_000;

/// One message as a device sent it: its own time and counter tell it from all others.
#[derive(Debug, Clone)]
pub struct Sent {
    pub site: &'static str,
    pub device: &'static str,
    pub at: i64,
    pub sequence: u32,
    pub values: Vec<(&'static str, Measurement)>,
}

impl Sent {
    pub fn topic(&self) -> String {
        format!("huitian/v1/{}/{}", self.site, self.device)
    }

    pub fn payload(&self) -> String {
        let value = |measurement: &Measurement| match measurement {
            Measurement::Fill(level) => level.percent().to_string(),
            Measurement::Occupied(yes) => yes.to_string(),
            other => other.as_i64().to_string(),
        };
        let values: Vec<String> = self
            .values
            .iter()
            .map(|(channel, measurement)| format!("\"{channel}\":{}", value(measurement)))
            .collect();
        let (at, seq, values) = (self.at, self.sequence, values.join(","));
        format!(r#"{{"at":{at},"seq":{seq},"readings":{{{values}}}}}"#)
    }
}

/// What the devices would say next.
pub struct World {
    random: Random,
    sequence: u32,
    fill: u16,
    entries: u32,
    exits: u32,
}

impl World {
    pub const fn new(random: Random) -> Self {
        Self {
            random,
            sequence: 0,
            fill: 1_000,
            entries: 100,
            exits: 95,
        }
    }

    /// One message of a time at or shortly before `now`, never before `earliest`.
    pub fn say(&mut self, now: i64, earliest: i64) -> Sent {
        self.sequence += 1;
        let age = match self.random.below(10) {
            0 => self.random.below(AGE_MAX_MS),
            _ => self.random.below(30_000),
        };
        let at = (now - i64::try_from(age).unwrap()).max(earliest);
        let (site, device, values) = match self.random.below(4) {
            0 => ("north", "park-3", self.occupied()),
            1 => ("north", "park-4", self.occupied()),
            2 => ("middle", "fill-1", self.fill()),
            _ => ("south", "count-1", self.counts()),
        };
        let sequence = self.sequence;
        Sent {
            site,
            device,
            at,
            sequence,
            values,
        }
    }

    fn occupied(&mut self) -> Vec<(&'static str, Measurement)> {
        vec![("occupied", Measurement::Occupied(self.random.below(2) == 0))]
    }

    /// A bin that fills and, at random, is emptied.
    fn fill(&mut self) -> Vec<(&'static str, Measurement)> {
        let more = u16::try_from(self.random.below(60)).unwrap();
        self.fill = match self.random.below(200) {
            0 => 500,
            _ => (self.fill + more).min(10_000),
        };
        let level = FillLevel::from_hundredths(self.fill).unwrap();
        vec![("fill", Measurement::Fill(level))]
    }

    fn counts(&mut self) -> Vec<(&'static str, Measurement)> {
        self.entries += u32::try_from(self.random.below(2)).unwrap();
        self.exits += u32::try_from(self.random.below(2)).unwrap();
        let exits = self.exits.min(self.entries);
        vec![
            ("entries", Measurement::Entries(self.entries)),
            ("exits", Measurement::Exits(exits)),
        ]
    }
}

/// Says more until `enough`, then goes on until everything is acknowledged. Gives all messages and
/// how many had to be sent again.
pub fn deliver(
    mut world: World,
    mqtt: SocketAddr,
    (clock, earliest): (FastClock, i64),
    enough: &AtomicBool,
) -> (Vec<Sent>, usize) {
    let mut said: Vec<Sent> = Vec::new();
    let mut open: BTreeMap<usize, Sent> = BTreeMap::new();
    let mut again = 0;
    loop {
        let Ok(mut device) = Publisher::connect(mqtt, "gateway-1") else {
            pause(Duration::from_millis(20));
            continue;
        };
        again += open.len();
        let resent = open
            .iter()
            .try_for_each(|(name, sent)| send(&mut device, *name, sent));
        if resent.is_err() {
            continue;
        }
        loop {
            let more = !enough.load(Ordering::Relaxed);
            if !more && open.is_empty() {
                return (said, again);
            }
            let mut room = IN_FLIGHT_MAX.saturating_sub(device.in_flight()).min(BURST);
            let mut sending = Ok(());
            while more && room > 0 && sending.is_ok() {
                let sent = world.say(clock.now(), earliest);
                let name = said.len();
                said.push(sent.clone());
                open.insert(name, sent.clone());
                sending = send(&mut device, name, &sent);
                room -= 1;
            }
            if sending.is_err() {
                break;
            }
            match device.acknowledged(Duration::from_millis(3)) {
                Ok(names) => {
                    open.retain(|name, _sent| !names.contains(name));
                    pause(PACE);
                }
                Err(_ended) => break,
            }
        }
    }
}

fn send(device: &mut Publisher, name: usize, sent: &Sent) -> std::io::Result<()> {
    device.send(name, &sent.topic(), sent.payload().as_bytes())
}
