//! Civil days follow the zone, not UTC.

use super::{UtcMs, WindowLength, civil_day_bounds};

const HOUR: i64 = 3_600_000;

#[test]
fn a_day_in_shanghai_begins_at_sixteen_utc() {
    let noon = UtcMs(1_795_406_400_000); // 2026-11-23T04:00:00Z
    let (start, end) = civil_day_bounds("Asia/Shanghai", noon).unwrap();
    assert_eq!(start.to_string(), "2026-11-22T16:00:00.000Z");
    assert_eq!(end.since(start), 24 * HOUR);
}

#[test]
fn days_of_a_clock_change_last_23_and_25_hours() {
    for (instant, hours) in [(1_427_623_200_000, 23), (1_445_767_200_000, 25)] {
        let (start, end) = civil_day_bounds("Europe/London", UtcMs(instant)).unwrap();
        assert_eq!(end.since(start), hours * HOUR, "{start}");
    }
}

#[test]
fn an_unknown_zone_is_named() {
    let error = civil_day_bounds("Mars/Olympus", UtcMs(0)).unwrap_err();
    assert!(error.to_string().contains("Mars/Olympus"));
}

#[test]
fn floor_goes_down_also_before_1970() {
    assert_eq!(UtcMs(-1).floor(60_000), UtcMs(-60_000));
    assert_eq!(UtcMs(60_000).floor(60_000), UtcMs(60_000));
}

#[test]
fn window_names_come_back() {
    for length in WindowLength::ALL {
        assert_eq!(WindowLength::from_name(length.name()), Some(length));
    }
}
