//! The board tells every client what changed since its version.

use huitian_model::{
    Bilingual, CurrentBody, Evidence, Facility, FacilityKind, LotCurrent, RuleId, RuleKind,
    Severity, Site,
};

use super::*;

fn current(facility: &str, in_use: i32) -> Output {
    Output::Current(Current {
        site: SiteId::new("s1").unwrap(),
        facility: FacilityId::new(facility).unwrap(),
        as_of: UtcMs(0),
        newest_at: None,
        channels_fresh: 1,
        channels_total: 1,
        body: CurrentBody::Lot(LotCurrent {
            capacity: 10,
            in_use,
            free: 10 - in_use,
            unknown: 0,
            bays: Vec::new(),
            gates: None,
        }),
    })
}

fn alert(raised: i64, state: AlertState, transition: Transition) -> Output {
    Output::Alert(AlertRow {
        id: AlertId {
            rule: RuleId::new("overflow").unwrap(),
            site: SiteId::new("s1").unwrap(),
            facility: FacilityId::new("w1").unwrap(),
            asset: None,
            raised_at: UtcMs(raised),
        },
        kind: RuleKind::Overflow,
        severity: Severity::Warning,
        state,
        evidence: Evidence::Fresh,
        transition,
        changed_at: UtcMs(raised),
        onset: UtcMs(raised),
        activated_at: None,
        returned_at: None,
        value: None,
        limit: FillLevel::FULL,
        settings_version: 1,
    })
}

fn facilities(changes: &Changes) -> Vec<String> {
    let name = |it: &Arc<Current>| it.facility.to_string();
    changes.currents.iter().map(name).collect()
}

#[test]
fn a_client_is_told_only_what_changed_since_its_version() {
    let board = Board::new(7, World::Real);
    board.apply(&current("p1", 1));
    board.apply(&current("p2", 1));
    let first = board.since(7, 0);
    assert!(first.is_whole);
    assert_eq!(facilities(&first), ["p1", "p2"]);
    board.apply(&current("p2", 2));
    let next = board.since(7, first.version);
    assert!(!next.is_whole);
    assert_eq!(facilities(&next), ["p2"]);
    assert!(board.since(7, next.version).currents.is_empty());
}

#[test]
fn a_client_of_another_run_or_from_the_future_is_told_everything() {
    let board = Board::new(7, World::Real);
    board.apply(&current("p1", 1));
    let version = board.since(7, 0).version;
    assert!(board.since(6, version).is_whole);
    assert!(board.since(7, version + 1).is_whole);
}

#[test]
fn figures_of_a_facility_that_left_the_inventory_are_gone() {
    let board = Board::new(7, World::Real);
    board.apply(&current("p1", 1));
    board.apply(&current("p2", 1));
    let name = Bilingual {
        zh: "一".to_owned(),
        en: "one".to_owned(),
    };
    let facility = Facility {
        id: FacilityId::new("p1").unwrap(),
        name: name.clone(),
        kind: FacilityKind::ParkingLot {
            capacity: 10,
            initial_count: None,
        },
        batch: None,
        assets: BTreeMap::new(),
    };
    let site = Site {
        id: SiteId::new("s1").unwrap(),
        name: name.clone(),
        subdistrict: name,
        company: String::new(),
        zone: "Asia/Shanghai".to_owned(),
        facilities: BTreeMap::from([(facility.id.clone(), facility)]),
    };
    let inventory = Inventory {
        sites: BTreeMap::from([(site.id.clone(), site)]),
        devices: BTreeMap::new(),
    };
    let version = board.since(7, 0).version;
    board.set_inventory(Arc::new(inventory));
    let after = board.since(7, version);
    assert!(after.is_whole, "clients must drop what is gone");
    assert_eq!(facilities(&after), ["p1"]);
}

#[test]
fn an_alert_that_was_dropped_is_not_shown() {
    let board = Board::new(7, World::Real);
    board.apply(&alert(1, AlertState::Pending, Transition::Raised));
    assert_eq!(board.view().alerts.len(), 1);
    board.apply(&alert(1, AlertState::Pending, Transition::Dropped));
    assert!(board.view().alerts.is_empty());
}

#[test]
fn alerts_that_are_over_are_forgotten_from_the_oldest_on() {
    let board = Board::new(7, World::Real);
    board.apply(&alert(-5, AlertState::Active, Transition::Activated));
    for n in 0..300 {
        board.apply(&alert(n, AlertState::Returned, Transition::Returned));
    }
    let raised: Vec<i64> = board
        .view()
        .alerts
        .iter()
        .map(|it| it.id.raised_at.0)
        .collect();
    assert_eq!(raised.len(), RETURNED_MAX + 1);
    assert!(
        raised.contains(&-5),
        "an open alert is never forgotten for age"
    );
    assert!(raised.contains(&299) && !raised.contains(&99));
}

#[test]
fn an_output_that_no_page_shows_wakes_nobody() {
    let board = Board::new(7, World::Real);
    let mut waiting = board.subscribe();
    waiting.mark_unchanged();
    board.set_health(Health::default());
    assert!(!waiting.has_changed().unwrap());
    board.apply(&current("p1", 1));
    assert!(waiting.has_changed().unwrap());
}
