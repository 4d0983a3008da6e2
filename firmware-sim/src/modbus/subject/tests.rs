//! A sensor sees what the world's true history says.

use std::sync::Arc;

use super::Subject;
use crate::inventory::AssetKind;
use crate::{Config, FaultRates, TruthKind, World};

const HOUR: i64 = 3_600_000;
/// Monday 2026-11-09 04:00 in Shanghai.
const MORNING: i64 = 1_794_153_600_000 + 4 * HOUR;

fn world() -> Arc<World> {
    Arc::new(World::new(Config {
        seed: 7,
        scale: 1,
        faults: FaultRates::none(),
    }))
}

#[test]
fn a_bins_distance_is_its_true_fill() {
    let world = world();
    for number in [0, 1, 2, 3, 400] {
        let mut subject = Subject::bin(&world, number).unwrap();
        let (site, facility, asset, kind) = subject.asset().unwrap();
        let AssetKind::Bin { .. } = kind else {
            panic!("{asset} is no bin");
        };
        let (site, facility, asset) = (site.to_owned(), facility.to_owned(), asset.to_owned());
        for hour in 0..48 {
            let at = MORNING + hour * HOUR;
            let sight = subject.look(at);
            let depth = f64::from(sight.empty_mm - sight.full_mm);
            let fill = f64::from(sight.empty_mm - sight.distance_mm) * 100.0 / depth;
            let truth = world.true_fill(&site, &facility, &asset, at).unwrap();
            // A sensor does not see nearer than 30 mm, and has whole millimetres.
            assert!(
                (fill - truth).abs() < 0.2 || sight.distance_mm == 30,
                "{fill} {truth}"
            );
        }
    }
}

/// The first bay or gate of the world: at every true arrival and departure.
fn check_arrivals(mut subject: Subject, world: &World) {
    let (site, facility, asset, kind) = subject.asset().unwrap();
    let name = (site.to_owned(), facility.to_owned(), asset.to_owned());
    let is_mine = |event: &crate::TruthEvent| {
        let asset = event
            .asset
            .and_then(|index| world.inventory().assets.get(index));
        asset.is_some_and(|one| {
            (one.site.as_str(), one.facility.as_str(), one.id.as_str())
                == (name.0.as_str(), name.1.as_str(), name.2.as_str())
        })
    };
    let mut vehicles = subject.look(MORNING - 1).vehicles;
    let mut arrivals = 0;
    let span = MORNING..MORNING + 72 * HOUR;
    for event in world.truth(span.start, span.end).filter(is_mine) {
        let before = subject.look(event.at_ms - 1);
        let after = subject.look(event.at_ms);
        if event.kind == TruthKind::Arrival {
            arrivals += 1;
            vehicles += 1;
        }
        assert_eq!(after.vehicles, vehicles, "{event:?}");
        if kind == AssetKind::Bay {
            let came = event.kind == TruthKind::Arrival;
            assert_eq!((before.is_detected, after.is_detected), (!came, came));
        } else if event.kind == TruthKind::Arrival {
            assert!(after.is_detected);
        }
    }
    assert!(arrivals > 1, "{arrivals}");
    assert_eq!(subject.look(span.end - 1).vehicles, vehicles);
    // Asking for an earlier time again tells the same.
    assert_eq!(subject.look(MORNING - 1).vehicles, vehicles - arrivals);
}

#[test]
fn a_bays_loop_detects_and_counts_every_true_arrival() {
    let world = world();
    check_arrivals(Subject::bay(&world, 0).unwrap(), &world);
}

#[test]
fn a_gates_loop_counts_every_true_entry() {
    let world = world();
    check_arrivals(Subject::gate(&world, 3).unwrap(), &world);
}

#[test]
fn what_is_not_there_cannot_be_looked_at() {
    let world = world();
    assert!(Subject::bin(&world, 1_000_000).is_none());
    assert!(Subject::bay(&world, 1_000_000).is_none());
    assert!(Subject::gate(&world, 1_000_000).is_none());
}
