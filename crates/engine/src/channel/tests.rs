//! Whatever the order of readings, the timeline is that of the sorted set.

use huitian_model::{
    BadReason, ChannelName, DeviceId, Measurement, Quantity, Reading, Sample, TimeSource,
};
use proptest::prelude::*;

use super::*;
use crate::history::{Fate, Step};
use crate::timeline::Counts;

const VALID_MS: i64 = 10;

fn channel() -> Channel {
    let name = ChannelRef {
        device: DeviceId::new("d").unwrap(),
        channel: ChannelName::new("c").unwrap(),
    };
    let role = Role::Bay(BayState::default(), BayState::default());
    Channel {
        valid_for_ms: VALID_MS,
        ..Channel::new(name, Quantity::Occupied, role)
    }
}

fn kept(at: i64, said: u8) -> Kept {
    let sample = match said {
        0 => Sample::Bad(Quantity::Occupied, BadReason::NoEcho),
        1 => Sample::Good(Measurement::Occupied(false)),
        _ => Sample::Good(Measurement::Occupied(true)),
    };
    let reading = Reading {
        at: UtcMs(at),
        received_at: UtcMs(at),
        time_source: TimeSource::Device,
        sequence: None,
        sample,
    };
    Kept::new(&reading, 0)
}

/// Time in use and time known before `to`, by looking at every single ms.
fn by_hand(channel: &Channel, to: i64) -> (i64, i64) {
    let mut sums = (0, 0);
    for now in 0..to {
        let heard = channel
            .history
            .samples()
            .iter()
            .rev()
            .find(|kept| kept.at.0 <= now);
        let holds = heard.filter(|kept| now < kept.at.0 + VALID_MS && kept.has_value());
        sums.0 += i64::from(holds.is_some_and(|kept| kept.value != 0));
        sums.1 += i64::from(holds.is_some());
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_timeline_is_that_of_the_sorted_readings(
        steps in proptest::collection::vec((0..80_i64, 0..4_u8, 0..4_u8), 1..40),
    ) {
        let mut channel = channel();
        let mut timeline = Timeline::new(Counts::Known, 0);
        let mut now = 0;
        for (at, said, wait) in steps {
            let done = if said == 3 {
                channel.history.step(Step::Take(UtcMs(at)))
            } else {
                match channel.history.offer(kept(at, said), Quantity::Occupied) {
                    Fate::Inserted(place) => Some(Done::Inserted(place)),
                    Fate::Replaced(place, old) => Some(Done::Replaced(place, old)),
                    Fate::Duplicate | Fate::Beaten | Fate::Settled(_) => None,
                }
            };
            if let Some(done) = done {
                channel.draw(done, 1, &mut timeline);
            }
            now += i64::from(wait) * 3;
            channel.close(UtcMs(now), 1, &mut timeline);
            let sums = timeline.over(UtcMs(0), UtcMs(now));
            prop_assert_eq!((sums.in_use, sums.known), by_hand(&channel, now));
        }
    }
}
