//! The overflow rule as a scenario: clock, level, expectation.

use huitian_model::{AssetId, FacilityId, RuleId, Severity, SiteId};

use super::*;

fn hundredths(percent: u16) -> FillLevel {
    FillLevel::from_hundredths(percent * 100).unwrap()
}

fn rule(on_delay_ms: i64, off_delay_ms: i64) -> OverflowRule {
    OverflowRule {
        id: RuleId::new("overflow").unwrap(),
        on: hundredths(90),
        off: hundredths(80),
        on_delay_ms,
        off_delay_ms,
        severity: Severity::Warning,
    }
}

fn identify(raised_at: UtcMs) -> AlertId {
    AlertId {
        rule: RuleId::new("overflow").unwrap(),
        site: SiteId::new("s").unwrap(),
        facility: FacilityId::new("f").unwrap(),
        asset: AssetId::new("a").ok(),
        raised_at,
    }
}

/// (now, percent, stale since) -> what is said.
type Line = (i64, u16, Option<i64>, &'static [Transition]);

fn check(rule: &OverflowRule, story: &[Line]) {
    let mut watch = Watch::default();
    for (now, percent, stale, expected) in story {
        let view = View {
            rule,
            settings_version: 1,
            now: UtcMs(*now),
            newest: Some((UtcMs(*now), hundredths(*percent))),
            evidence: stale.map_or(Evidence::Fresh, |at| Evidence::StaleSince(UtcMs(at))),
            overflowing: None,
        };
        let mut rows = Vec::new();
        watch.look(&view, identify, &mut rows);
        let said: Vec<Transition> = rows.iter().map(|row| row.transition).collect();
        assert_eq!(&said, expected, "at {now}");
    }
}

#[test]
fn an_alert_is_raised_activated_after_the_delay_and_returned() {
    check(
        &rule(10, 0),
        &[
            (0, 50, None, &[]),
            (1, 90, None, &[Transition::Raised]),
            (10, 85, None, &[]),
            (11, 85, None, &[Transition::Activated]),
            (12, 95, None, &[]),
            (13, 80, None, &[Transition::Returned]),
            (14, 80, None, &[]),
        ],
    );
}

#[test]
fn a_condition_that_goes_before_the_delay_tells_nobody() {
    check(
        &rule(10, 0),
        &[
            (0, 95, None, &[Transition::Raised]),
            (9, 70, None, &[Transition::Dropped]),
            (20, 70, None, &[]),
        ],
    );
}

#[test]
fn silence_ages_the_evidence_and_never_resolves() {
    check(
        &rule(0, 0),
        &[
            (0, 95, None, &[Transition::Raised, Transition::Activated]),
            (50, 95, Some(40), &[Transition::Amended]),
            (9_999, 95, Some(40), &[]),
            (10_000, 95, None, &[Transition::Amended]),
            (10_001, 10, None, &[Transition::Returned]),
        ],
    );
}

#[test]
fn a_return_waits_for_the_off_delay() {
    check(
        &rule(0, 10),
        &[
            (0, 95, None, &[Transition::Raised, Transition::Activated]),
            (5, 70, None, &[]),
            (9, 92, None, &[]),
            (12, 70, None, &[]),
            (21, 70, None, &[]),
            (22, 70, None, &[Transition::Returned]),
        ],
    );
}

#[test]
fn two_alerts_of_one_instant_have_two_names() {
    let rule = rule(10, 0);
    let mut watch = Watch::default();
    let mut rows = Vec::new();
    for percent in [95, 10, 96] {
        let view = View {
            rule: &rule,
            settings_version: 1,
            now: UtcMs(5),
            newest: Some((UtcMs(3), hundredths(percent))),
            evidence: Evidence::StaleSince(UtcMs(4)),
            overflowing: None,
        };
        watch.look(&view, identify, &mut rows);
    }
    let raised: Vec<i64> = rows.iter().map(|row| row.id.raised_at.0).collect();
    assert_eq!(raised, [3, 3, 4]);
}
