//! Overflow alerts: condition and age of evidence are two axes.

use huitian_model::{
    AlertRow, AlertState, AssetKind, Evidence, FacilityKind, FillLevel, Measurement, Output,
    Quantity, Sample, Stream, Transition, UtcMs,
};

use super::{MINUTE, Story, at};

fn one_bin() -> Story {
    let kind = AssetKind::Bin {
        stream: Stream::Kitchen,
        volume_l: None,
        empty_distance_mm: None,
        full_distance_mm: None,
        mount: None,
    };
    Story::new(FacilityKind::WasteStation { sorting_mode: None })
        .asset("k", kind, Quantity::Fill)
        .tick(at(9, 58, 0))
}

fn fill(percent: u16) -> Sample {
    Sample::Good(Measurement::Fill(
        FillLevel::from_hundredths(percent * 100).unwrap(),
    ))
}

fn alerts(story: &Story) -> Vec<AlertRow> {
    let told = story.told();
    let rows = told.run.all().filter_map(|output| match output {
        Output::Alert(row) => Some(row.clone()),
        _ => None,
    });
    rows.collect()
}

fn transitions(story: &Story) -> Vec<Transition> {
    alerts(story)
        .into_iter()
        .map(|row| row.transition)
        .collect()
}

#[test]
fn somebody_is_told_after_the_on_delay_and_once_more_when_it_is_over() {
    let story = one_bin()
        .said("k", at(10, 1, 0), fill(95))
        .tick(at(10, 1, 10))
        .said("k", at(10, 5, 0), fill(96))
        .tick(at(10, 5, 50))
        .tick(at(10, 6, 10))
        .said("k", at(10, 7, 0), fill(81))
        .tick(at(10, 7, 10))
        .said("k", at(10, 8, 0), fill(80))
        .tick(at(10, 8, 10));
    let expected = [
        Transition::Raised,
        Transition::Activated,
        Transition::Returned,
    ];
    assert_eq!(transitions(&story), expected);
}

#[test]
fn what_is_over_before_the_on_delay_is_told_to_nobody() {
    let story = one_bin()
        .said("k", at(10, 1, 0), fill(95))
        .tick(at(10, 1, 10))
        .said("k", at(10, 3, 0), fill(10))
        .tick(at(10, 20, 0));
    assert_eq!(
        transitions(&story),
        [Transition::Raised, Transition::Dropped]
    );
}

#[test]
fn a_full_bin_whose_sensor_dies_stays_active_with_stale_evidence() {
    let story = one_bin()
        .said("k", at(10, 1, 0), fill(95))
        .tick(at(10, 1, 10))
        .tick(at(10, 7, 0))
        .tick(at(20, 0, 0));
    let last = alerts(&story).pop().unwrap();
    // Readings hold for five minutes.
    let stale = Evidence::StaleSince(at(10, 6, 0));
    assert_eq!((last.state, last.evidence), (AlertState::Active, stale));
}

#[test]
fn a_full_bin_that_is_heard_of_hours_later_is_told_of_all_the_same() {
    let story = one_bin()
        .tick(at(12, 0, 0))
        .said("k", at(10, 1, 0), fill(95))
        .tick(at(12, 0, 10))
        .tick(at(12, 20, 0));
    let last = alerts(&story).pop().map(|row| (row.state, row.evidence));
    let stale = Evidence::StaleSince(at(10, 6, 0));
    assert_eq!(last, Some((AlertState::Active, stale)));
}

#[test]
fn one_identity_is_raised_once() {
    let sequenced = |story: Story, sequence: u32, percent: u16| {
        let mut story = story.said("k", at(10, 1, 0), fill(percent));
        if let Some(huitian_model::Record::Frame(frame)) = story.records.last_mut() {
            frame.readings[0].1.sequence = Some(sequence);
        }
        story
    };
    let story = sequenced(one_bin(), 1, 95);
    let story = sequenced(story, 2, 10);
    let story = sequenced(story, 3, 95)
        .tick(at(10, 1, 10))
        .tick(at(10, 20, 0));
    let raised = alerts(&story)
        .into_iter()
        .filter(|row| row.transition == Transition::Raised);
    let mut raised: Vec<String> = raised.map(|row| row.id.text()).collect();
    let all = raised.len();
    raised.dedup();
    assert_eq!(raised.len(), all, "raised twice: {raised:?}");
}

#[test]
fn late_data_tells_nobody_a_second_time() {
    let story = one_bin()
        .said("k", at(10, 1, 0), fill(95))
        .tick(at(10, 1, 10))
        .tick(at(10, 7, 0))
        .said("k", UtcMs(at(10, 1, 0).0 - 20 * MINUTE), fill(95))
        .tick(at(10, 8, 0));
    let told = transitions(&story);
    let told = told
        .into_iter()
        .filter(|one| *one == Transition::Activated)
        .count();
    assert_eq!(told, 1);
}
