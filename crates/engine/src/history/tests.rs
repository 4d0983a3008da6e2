//! What holds does not follow the order in which readings came.

use huitian_model::{Measurement, Quantity, Reading, Sample, TimeSource, UtcMs};

use super::*;

fn kept(at: i64, sequence: Option<u32>, in_use: bool) -> Kept {
    let reading = Reading {
        at: UtcMs(at),
        received_at: UtcMs(at),
        time_source: TimeSource::Device,
        sequence,
        sample: Sample::Good(Measurement::Occupied(in_use)),
    };
    Kept::new(&reading, 0)
}

#[test]
fn before_finds_the_place_wherever_it_is() {
    let mut history = History::default();
    for at in 0..100 {
        history.offer(kept(at * 10, None, true), Quantity::Occupied);
    }
    for at in -5_i64..1_010 {
        let expected = usize::try_from((at + 9).div_euclid(10).clamp(0, 100)).unwrap();
        assert_eq!(history.before(UtcMs(at)), expected, "at {at}");
    }
    assert_eq!(History::default().before(UtcMs(5)), 0);
}

#[test]
fn of_one_instant_the_greater_reading_stays_whatever_came_first() {
    for swapped in [false, true] {
        let mut history = History::default();
        let (low, high) = (kept(5, Some(1), true), kept(5, Some(2), false));
        let pair = if swapped { [high, low] } else { [low, high] };
        assert_eq!(
            history.offer(pair[0], Quantity::Occupied),
            Fate::Inserted(0)
        );
        let second = history.offer(pair[1], Quantity::Occupied);
        let expected = if swapped {
            Fate::Beaten
        } else {
            Fate::Replaced(0, low)
        };
        assert_eq!(second, expected);
        assert_eq!(history.offer(high, Quantity::Occupied), Fate::Duplicate);
        assert_eq!(history.samples(), [high]);
    }
}

#[test]
fn what_holds_at_the_horizon_is_not_forgotten() {
    let mut history = History::default();
    for at in [10, 20, 30] {
        history.offer(kept(at, None, true), Quantity::Occupied);
    }
    for (horizon, count) in [(5, 0), (10, 0), (19, 0), (20, 1), (25, 1), (30, 2), (99, 2)] {
        assert_eq!(history.forgettable(UtcMs(horizon)), count, "{horizon}");
    }
}
