//! Bins: level, emptied, overflow.

use huitian_model::{
    AssetKind, BadReason, FillLevel, Measurement, Quantity, Sample, Stream, UtcMs,
};

use super::{MINUTE, Story, at};

fn bin(empty_distance_mm: Option<u32>, full_distance_mm: Option<u32>) -> AssetKind {
    AssetKind::Bin {
        stream: Stream::Kitchen,
        volume_l: None,
        empty_distance_mm,
        full_distance_mm,
        mount: None,
    }
}

fn one_bin() -> Story {
    let kind = huitian_model::FacilityKind::WasteStation { sorting_mode: None };
    Story::new(kind)
        .asset("k", bin(None, None), Quantity::Fill)
        .tick(at(9, 58, 0))
}

fn level(percent: u16) -> FillLevel {
    FillLevel::from_hundredths(percent * 100).unwrap()
}

fn fill(percent: u16) -> Sample {
    Sample::Good(Measurement::Fill(level(percent)))
}

#[test]
fn levels_are_weighted_by_the_time_they_hold() {
    let told = one_bin()
        .said("k", at(10, 1, 0), fill(20))
        .said("k", at(10, 3, 0), fill(50))
        .said(
            "k",
            at(10, 4, 0),
            Sample::Bad(Quantity::Fill, BadReason::LidOpen),
        )
        .tick(at(11, 0, 0))
        .told();
    let bin = &told.station(at(10, 0, 0)).bins[0];
    assert_eq!(
        (bin.known_ms, bin.fill_ms),
        (3 * MINUTE, (2 * 2_000 + 5_000) * MINUTE)
    );
    assert_eq!(
        (bin.min, bin.max, bin.last),
        (Some(level(20)), Some(level(50)), None)
    );
}

#[test]
fn a_distance_is_a_level_rounded_down_and_held_within_empty_and_full() {
    let kind = huitian_model::FacilityKind::WasteStation { sorting_mode: None };
    let distance = |mm| Sample::Good(Measurement::Distance(mm));
    let told = Story::new(kind)
        .asset("k", bin(Some(1_000), Some(100)), Quantity::Distance)
        .tick(at(9, 58, 0))
        .said("k", at(10, 0, 0), distance(999))
        .said("k", at(10, 5, 0), distance(1_500))
        .said("k", at(10, 10, 0), distance(7))
        .tick(at(11, 0, 0))
        .told();
    // 1 of 900 mm is 11.1 hundredths.
    let last = |minute| {
        told.station(at(10, minute, 0)).bins[0]
            .last
            .unwrap()
            .hundredths()
    };
    assert_eq!([last(0), last(5), last(10)], [11, 0, 10_000]);
}

#[test]
fn one_low_reading_does_not_empty_a_bin() {
    let told = one_bin()
        .said("k", at(10, 1, 0), fill(80))
        .said("k", at(10, 2, 0), fill(5))
        .said("k", at(10, 3, 0), fill(81))
        .said("k", at(10, 6, 0), fill(41))
        .said("k", at(10, 7, 0), fill(30))
        .tick(at(11, 0, 0))
        .told();
    assert_eq!(told.station(at(10, 0, 0)).bins[0].emptied, 0);
    assert_eq!(told.station(at(10, 5, 0)).bins[0].emptied, 1);
    assert_eq!(told.run.emptied(), told.truth.emptied);
    let emptied = &told.truth.emptied[0];
    assert_eq!(
        (emptied.at, emptied.from, emptied.to),
        (at(10, 6, 0), level(81), level(41))
    );
}

#[test]
fn overflow_lasts_from_the_upper_limit_to_the_lower() {
    let told = one_bin()
        .said("k", at(10, 1, 0), fill(89))
        .said("k", at(10, 2, 0), fill(90))
        .said("k", at(10, 3, 0), fill(95))
        .said("k", at(10, 6, 0), fill(81))
        .said("k", at(10, 7, 0), fill(80))
        .tick(at(11, 0, 0))
        .told();
    assert_eq!(told.station(at(10, 0, 0)).bins[0].overflow_ms, 3 * MINUTE);
    assert_eq!(told.station(at(10, 5, 0)).bins[0].overflow_ms, 2 * MINUTE);
    assert_eq!(told.run.episodes(), told.truth.episodes);
    let episode = &told.truth.episodes[0];
    let found = (
        episode.onset_after,
        episode.onset,
        episode.end,
        episode.peak,
    );
    let expected = (
        Some(at(10, 1, 0)),
        at(10, 2, 0),
        Some(at(10, 7, 0)),
        level(95),
    );
    assert_eq!(found, expected);
}

#[test]
fn a_fall_is_seen_in_its_day_also_where_its_second_reading_comes_the_day_after() {
    let mut story = one_bin();
    story.settings.lateness_ms = 60 * MINUTE;
    let mut story = story
        .said("k", at(10, 0, 0), fill(90))
        .said("k", at(22, 0, 0), fill(0));
    for hour in 11..32 {
        story = story.tick(at(hour, 30, 0));
    }
    let told = story
        .said("k", at(31, 32, 0), fill(1))
        .tick(at(31, 33, 0))
        .tick(at(60, 0, 0))
        .told();
    let windows = [told.station(at(22, 0, 0)), told.station_day()];
    assert_eq!(windows.map(|station| station.bins[0].emptied), [1, 1]);
    assert_eq!(told.run.emptied(), told.truth.emptied);
}

#[test]
fn a_fall_is_seen_also_where_the_second_reading_comes_hours_later() {
    let later = UtcMs(at(10, 0, 0).0 + 60 * 60 * MINUTE);
    let told = one_bin()
        .said("k", at(10, 1, 0), fill(80))
        .said("k", at(10, 2, 0), fill(5))
        .tick(at(11, 0, 0))
        .tick(later)
        .said("k", later, fill(6))
        .tick(later.plus(10 * MINUTE))
        .told();
    assert_eq!(told.station(at(10, 0, 0)).bins[0].emptied, 1);
    assert_eq!(told.run.emptied(), told.truth.emptied);
}

/// The same bin with spikes as they are rejected where nothing is configured.
fn one_judged_bin() -> Story {
    let mut story = one_bin();
    story.settings = huitian_model::Settings::with_defaults().unwrap();
    story
}

#[test]
fn a_spike_shows_in_no_figure_but_in_the_count_of_spikes() {
    let told = one_judged_bin()
        .said("k", at(10, 1, 0), fill(30))
        .said("k", at(10, 2, 0), fill(100))
        .said("k", at(10, 3, 0), fill(31))
        .said("k", at(10, 4, 0), fill(0))
        .said("k", at(10, 4, 30), fill(32))
        .tick(at(11, 0, 0))
        .told();
    let bin = &told.station(at(10, 0, 0)).bins[0];
    assert_eq!((bin.rejected, bin.overflow_ms, bin.emptied), (2, 0, 0));
    assert_eq!((bin.min, bin.max), (Some(level(30)), Some(level(32))));
    assert_eq!(bin.known_ms, 4 * MINUTE);
}

#[test]
fn a_level_that_rose_too_fast_waits_for_the_next_and_then_counts_from_its_own_time() {
    let story = one_judged_bin()
        .said("k", at(10, 1, 0), fill(30))
        .said("k", at(10, 2, 0), fill(95))
        .tick(at(10, 20, 0));
    let bin = story.told().station(at(10, 0, 0)).bins[0].clone();
    assert_eq!((bin.last, bin.overflow_ms), (Some(level(30)), 0));
    let told = story
        .said("k", at(10, 8, 0), fill(96))
        .tick(at(11, 0, 0))
        .told();
    let bin = &told.station(at(10, 0, 0)).bins[0];
    assert_eq!((bin.last, bin.overflow_ms), (Some(level(95)), 3 * MINUTE));
    assert_eq!(told.run.episodes(), told.truth.episodes);
    assert_eq!(told.truth.episodes[0].onset, at(10, 2, 0));
}

#[test]
fn an_emptying_is_believed_at_once_and_never_rejected() {
    let told = one_judged_bin()
        .said("k", at(10, 1, 0), fill(98))
        .said("k", at(10, 2, 0), fill(3))
        .said("k", at(10, 3, 0), fill(4))
        .tick(at(11, 0, 0))
        .told();
    let bin = &told.station(at(10, 0, 0)).bins[0];
    assert_eq!((bin.emptied, bin.rejected), (1, 0));
}
