//! Sums over edges are those of the intervals.

use huitian_model::UtcMs;

use super::{Counts, Level, Timeline};

const IN_USE: Level = Level {
    in_use: 1,
    known: 1,
};
const FREE: Level = Level {
    in_use: 0,
    known: 1,
};

fn put(timeline: &mut Timeline, from: i64, to: i64, level: Level) {
    timeline.shift(UtcMs(from), level);
    timeline.shift(UtcMs(to), Level::default().minus(level));
}

fn over(timeline: &Timeline, from: i64, to: i64) -> (i64, i64) {
    let sums = timeline.over(UtcMs(from), UtcMs(to));
    (sums.in_use, sums.known)
}

#[test]
fn sums_do_not_depend_on_the_order_of_intervals() {
    let intervals = [
        (0, 10, IN_USE),
        (5, 30, FREE),
        (10, 20, IN_USE),
        (25, 40, IN_USE),
    ];
    for first in 0..4 {
        let mut timeline = Timeline::new(Counts::Known, 0);
        for step in 0..4 {
            let (from, to, level) = intervals[(first + 3 * step) % 4];
            put(&mut timeline, from, to, level);
        }
        assert_eq!(over(&timeline, 0, 40), (35, 60));
        assert_eq!(over(&timeline, 8, 27), (14, 33));
        assert_eq!(over(&timeline, -50, 0), (0, 0));
        assert_eq!(over(&timeline, 40, 90), (0, 0));
    }
}

#[test]
fn intervals_that_meet_leave_no_edge() {
    let mut timeline = Timeline::new(Counts::Known, 0);
    put(&mut timeline, 0, 10, IN_USE);
    put(&mut timeline, 10, 20, IN_USE);
    assert_eq!(timeline.edges.len(), 2);
}

#[test]
fn the_peak_is_the_first_of_the_highest_known() {
    let mut timeline = Timeline::new(Counts::Known, 0);
    put(&mut timeline, 0, 50, IN_USE);
    put(&mut timeline, 10, 20, IN_USE);
    put(&mut timeline, 30, 40, IN_USE);
    let peak = |from, to| timeline.peak(UtcMs(from), UtcMs(to));
    assert_eq!(peak(0, 50), Some((2, UtcMs(10))));
    assert_eq!(peak(20, 50), Some((2, UtcMs(30))));
    assert_eq!(peak(15, 50), Some((2, UtcMs(15))));
    assert_eq!(peak(20, 30), Some((1, UtcMs(20))));
    assert_eq!(peak(50, 90), None);
}

#[test]
fn all_or_nothing_counts_only_while_all_are_known() {
    let mut timeline = Timeline::new(Counts::AllOf(2), 7);
    put(&mut timeline, 0, 20, FREE);
    put(&mut timeline, 10, 30, FREE);
    timeline.shift(
        UtcMs(15),
        Level {
            in_use: 3,
            known: 0,
        },
    );
    assert_eq!(over(&timeline, 0, 40), (7 * 5 + 10 * 5, 10));
    assert_eq!(timeline.known_level(UtcMs(9)), None);
    assert_eq!(timeline.known_level(UtcMs(19)), Some(10));
    assert_eq!(timeline.peak(UtcMs(0), UtcMs(40)), Some((10, UtcMs(15))));
}

#[test]
fn forgetting_keeps_what_follows() {
    let mut timeline = Timeline::new(Counts::Known, 0);
    for start in 0..50 {
        put(&mut timeline, start * 10, start * 10 + 35, IN_USE);
    }
    let whole = over(&timeline, 200, 480);
    timeline.forget(UtcMs(200));
    assert_eq!(over(&timeline, 200, 480), whole);
    assert_eq!(timeline.edges.first().unwrap().at, UtcMs(200));
}
