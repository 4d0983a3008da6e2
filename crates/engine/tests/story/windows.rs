//! Which windows there are, and when they become final.

use huitian_model::{AssetKind, Quantity, UtcMs, WindowLength, WindowStatus};

use super::{MINUTE, Story, at, in_use};

const HOUR: i64 = 60 * MINUTE;

fn one_bay() -> Story {
    Story::lot(1, None).asset("b", AssetKind::Bay, Quantity::Occupied)
}

/// Starts of the final windows of one length, by which engine and reference agree.
fn starts(story: &Story, length: WindowLength) -> Vec<UtcMs> {
    let told = story.told();
    let keys = told.run.final_windows().into_keys();
    let found: Vec<UtcMs> = keys
        .filter(|key| key.length == length)
        .map(|key| key.start)
        .collect();
    let keys = told.truth.windows.into_keys();
    let expected: Vec<UtcMs> = keys
        .filter(|key| key.length == length)
        .map(|key| key.start)
        .collect();
    assert_eq!(found, expected);
    expected
}

#[test]
fn windows_begin_with_the_one_that_is_open_at_the_first_tick() {
    let story = one_bay().tick(at(10, 7, 0)).tick(at(10, 17, 0));
    assert_eq!(
        starts(&story, WindowLength::Min5),
        [at(10, 5, 0), at(10, 10, 0)]
    );
    assert_eq!(starts(&story, WindowLength::Min15), [at(10, 0, 0)]);
    assert_eq!(starts(&story, WindowLength::Hour1), []);
}

#[test]
fn a_window_is_final_two_minutes_after_its_end_and_not_one_ms_before() {
    let early = one_bay().tick(at(10, 0, 0)).tick(at(10, 7, 0).minus(1));
    assert_eq!(starts(&early, WindowLength::Min5), []);
    let due = one_bay().tick(at(10, 0, 0)).tick(at(10, 7, 0));
    assert_eq!(starts(&due, WindowLength::Min5), [at(10, 0, 0)]);
}

#[test]
fn a_day_on_which_clocks_go_forward_has_23_hours() {
    let mut story = one_bay();
    story.site.zone = "Europe/London".to_owned();
    let midnight = UtcMs(1_427_587_200_000); // 2015-03-29T00:00:00Z, a Sunday in March
    let story = story.tick(midnight).tick(midnight.plus(24 * HOUR));
    let told = story.told();
    let days = told.run.final_windows();
    let day = days
        .iter()
        .find(|(key, _)| key.length == WindowLength::Day1)
        .unwrap();
    assert_eq!((day.0.start, day.1.0), (midnight, midnight.plus(23 * HOUR)));
    assert_eq!(starts(&story, WindowLength::Day1), [midnight]);
}

#[test]
fn a_reading_at_the_end_of_a_window_belongs_to_the_next() {
    let told = one_bay()
        .tick(at(9, 58, 0))
        .said("b", at(10, 3, 0), in_use(false))
        .said("b", at(10, 5, 0), in_use(true))
        .tick(at(11, 0, 0))
        .told();
    assert_eq!(told.lot(at(10, 0, 0)).arrivals, 0);
    assert_eq!(told.lot(at(10, 5, 0)).arrivals, 1);
}

#[test]
fn a_late_reading_in_time_amends_a_final_window_once() {
    let told = one_bay()
        .tick(at(9, 58, 0))
        .said("b", at(10, 1, 0), in_use(true))
        .tick(at(11, 0, 0))
        .said("b", at(10, 2, 0), in_use(false))
        .tick(at(11, 0, 10))
        .tick(at(11, 0, 20))
        .told();
    let rows = told
        .run
        .windows()
        .filter(|row| row.key.length == WindowLength::Min5 && row.key.start == at(10, 0, 0));
    let revisions: Vec<_> = rows.map(|row| (row.status, row.revision)).collect();
    assert_eq!(
        revisions,
        [(WindowStatus::Final, 0), (WindowStatus::Amended, 1)]
    );
    assert_eq!(told.lot(at(10, 0, 0)).departures, 1);
}

#[test]
fn a_reading_is_late_one_ms_beyond_lateness_and_not_before() {
    let tick = at(11, 0, 0);
    let lateness = 48 * HOUR;
    let told = one_bay()
        .tick(tick)
        .said("b", tick.minus(lateness), in_use(true))
        .said("b", tick.minus(lateness + 1), in_use(true))
        .tick(tick.plus(MINUTE))
        .told();
    let held: Vec<UtcMs> = told.run.held().iter().map(|held| held.reading.at).collect();
    assert_eq!(held, [tick.minus(lateness + 1)]);
}

#[test]
fn a_tick_that_moves_no_time_says_what_is_new_all_the_same() {
    let told = one_bay()
        .tick(at(9, 58, 0))
        .said("b", at(10, 1, 0), in_use(true))
        .tick(at(11, 0, 0))
        .said("b", at(10, 2, 0), in_use(false))
        .tick(at(11, 0, 0))
        .told();
    assert_eq!(told.lot(at(10, 0, 0)).departures, 1);
    let counts = told
        .run
        .accounts()
        .into_values()
        .map(|row| row.counts.applied);
    assert_eq!(counts.sum::<u64>(), 2);
}
