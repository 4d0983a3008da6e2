//! A device with twenty channels that sends as fast as it is acknowledged: it fills a queue in
//! seconds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use huitian_model::Measurement;
use huitian_tests::district::District;
use huitian_tests::mqtt::Publisher;
use huitian_tests::wall::{now_ms, pause};

use crate::recovery::load::Sent;

/// Messages on their way at once.
const IN_FLIGHT_MAX: usize = 256;

/// Its channels, each a gate's count of entries.
pub const CHANNELS: [&str; 20] = [
    "e01", "e02", "e03", "e04", "e05", "e06", "e07", "e08", "e09", "e10", "e11", "e12", "e13",
    "e14", "e15", "e16", "e17", "e18", "e19", "e20",
];

/// Writes the device into a district's inventory.
pub fn extend(district: &District) {
    district.append("devices.csv", "wide-1,south,wide-1,plain,2m,");
    for (number, channel) in (2..).zip(CHANNELS) {
        district.append("assets.csv", &format!("south,gates,gate-{number},gate,,,,"));
        let line = format!("wide-1,{channel},entries,gates,gate-{number}");
        district.append("channels.csv", &line);
    }
}

/// What the device has said.
#[derive(Default)]
pub struct Wide {
    /// All messages.
    pub said: Vec<Sent>,
    /// Those that are not acknowledged.
    pub open: BTreeMap<usize, Sent>,
    /// How many were sent again.
    pub again: usize,
}

impl Wide {
    /// Sends more until `is_enough`, and then waits for all acknowledgements.
    pub fn deliver_until(&mut self, mqtt: SocketAddr, mut is_enough: impl FnMut(&Self) -> bool) {
        let mut may_say_more = true;
        self.run(mqtt, |wide| {
            may_say_more = may_say_more && !is_enough(wide);
            (may_say_more, !may_say_more && wide.open.is_empty())
        });
    }

    /// Sends more until `is_enough`, which is asked after every look for answers, and hangs up.
    pub fn send_until(&mut self, mqtt: SocketAddr, mut is_enough: impl FnMut(&Self) -> bool) {
        let mut may_say_more = true;
        self.run(mqtt, |wide| {
            may_say_more = may_say_more && !is_enough(wide);
            (may_say_more, !may_say_more)
        });
    }

    /// Sends what is open again until all of it is acknowledged.
    pub fn finish(&mut self, mqtt: SocketAddr) {
        self.run(mqtt, |wide| (false, wide.open.is_empty()));
    }

    /// Asks before every turn whether to say more and whether to end.
    fn run(&mut self, mqtt: SocketAddr, mut ask: impl FnMut(&Self) -> (bool, bool)) {
        loop {
            let Ok(mut device) = Publisher::connect(mqtt, "wide-1") else {
                pause(Duration::from_millis(20));
                continue;
            };
            self.again += self.open.len();
            let resent = self
                .open
                .iter()
                .try_for_each(|(name, sent)| send(&mut device, *name, sent));
            if resent.is_err() {
                if ask(self).1 {
                    return;
                }
                pause(Duration::from_millis(20));
                continue;
            }
            loop {
                let (more, ends) = ask(self);
                if ends {
                    return;
                }
                let mut sending = Ok(());
                while more && device.in_flight() < IN_FLIGHT_MAX && sending.is_ok() {
                    sending = self.say(&mut device);
                }
                match device.acknowledged(Duration::from_millis(20)) {
                    Ok(names) if sending.is_ok() => {
                        self.open.retain(|name, _sent| !names.contains(name));
                    }
                    _ended => break,
                }
            }
        }
    }

    fn say(&mut self, device: &mut Publisher) -> std::io::Result<()> {
        let name = self.said.len();
        let sequence = u32::try_from(name).unwrap();
        let value = |index: u32| Measurement::Entries(sequence * 20 + index);
        let sent = Sent {
            site: "south",
            device: "wide-1",
            at: now_ms(),
            sequence,
            values: CHANNELS.into_iter().zip((0..).map(value)).collect(),
        };
        self.said.push(sent.clone());
        self.open.insert(name, sent.clone());
        send(device, name, &sent)
    }
}

fn send(device: &mut Publisher, name: usize, sent: &Sent) -> std::io::Result<()> {
    device.send(name, &sent.topic(), sent.payload().as_bytes())
}
