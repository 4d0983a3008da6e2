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

/// A reading whose time the network said, in s.
fn heard(at: i64, received: i64, sequence: u32, in_use: bool) -> Kept {
    let reading = Reading {
        at: UtcMs(at * 1_000),
        received_at: UtcMs(received * 1_000),
        time_source: TimeSource::Network,
        sequence: Some(sequence),
        sample: Sample::Good(Measurement::Occupied(in_use)),
    };
    Kept::new(&reading, 0)
}

/// What holds after readings came in an order, by event time in s.
fn holding(readings: &[Kept]) -> Vec<i64> {
    let mut history = History::default();
    for reading in readings {
        if let Fate::Settled(settlement) = history.offer(*reading, Quantity::Occupied) {
            for step in settlement.steps {
                history.step(step).unwrap();
            }
        }
    }
    let samples = history.samples().iter();
    samples.map(|kept| kept.at.0 / 1_000).collect()
}

#[test]
fn of_the_copies_of_an_uplink_one_holds_in_every_order() {
    let free = |at, received, sequence| heard(at, received, sequence, false);
    let cases: [([Kept; 3], &[i64]); 5] = [
        // The one that was received first.
        ([free(0, 9, 7), free(2, 3, 7), free(48, 50, 7)], &[2]),
        // Ten minutes are counted from the first: a chain of copies ends.
        (
            [free(0, 0, 7), free(500, 500, 7), free(700, 700, 7)],
            &[0, 700],
        ),
        (
            [free(0, 0, 7), free(600, 600, 7), free(601, 601, 7)],
            &[0, 601],
        ),
        // Another number is another uplink, also where the counter wrapped.
        (
            [free(0, 0, 65_535), free(5, 5, 0), free(9, 9, 1)],
            &[0, 5, 9],
        ),
        // The same number that said something else in between: the counter began again.
        (
            [free(0, 0, 0), heard(60, 60, 0, true), free(120, 120, 0)],
            &[0, 60, 120],
        ),
    ];
    for ([a, b, c], expected) in cases {
        for order in [
            [a, b, c],
            [a, c, b],
            [b, a, c],
            [b, c, a],
            [c, a, b],
            [c, b, a],
        ] {
            assert_eq!(holding(&order), expected, "{order:?}");
        }
    }
}
