//! What the simulated district as a whole must look like.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "integration tests fail by panicking"
)]

use firmware_sim::{Config, FacilityKind, FaultRates, World};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Monday 2026-11-09 00:00 in Shanghai.
const MONDAY: i64 = 1_794_153_600_000;

fn world(faults: FaultRates) -> World {
    World::new(Config {
        seed: 7,
        scale: 1,
        faults,
    })
}

#[test]
fn scale_one_keeps_its_budget_of_channels_and_readings() {
    let world = world(FaultRates::demo());
    let channels = world.inventory().channels.len();
    let begun = std::time::Instant::now();
    let (mut messages, mut readings, mut bytes) = (0_u64, 0_u64, 0_usize);
    for message in world.messages(MONDAY, MONDAY + 14 * DAY) {
        messages += 1;
        readings += u64::from(message.readings);
        bytes += message.payload.len();
    }
    println!(
        "{channels} channels, {messages} messages, {readings} readings, {bytes} bytes in {:?}",
        begun.elapsed()
    );
    assert!((2_700..=3_300).contains(&channels), "{channels}");
    assert!((1_500_000..=2_500_000).contains(&readings), "{readings}");
}

#[test]
fn at_any_instant_a_handful_of_bins_overflow_and_lots_are_full() {
    let world = world(FaultRates::none());
    let (mut most, mut sum) = (0, 0);
    let (mut full_sum, mut full_most) = (0, 0);
    for hour in 0..14 * 24 {
        let at = MONDAY + hour * HOUR;
        let inventory = world.inventory();
        let bins = inventory.assets.iter().filter(|asset| {
            let fill = world.true_fill(&asset.site, &asset.facility, &asset.id, at);
            fill.is_some_and(|percent| percent >= 90.0)
        });
        let count = bins.count();
        most = most.max(count);
        sum += count;
        let full = inventory.facilities.iter().filter(|one| {
            let FacilityKind::ParkingLot { capacity, .. } = one.kind else {
                return false;
            };
            let inside = world.true_occupancy(&one.site, &one.id, at).unwrap();
            assert!(
                inside >= 0 && inside <= i64::from(capacity),
                "{one:?} {inside}"
            );
            inside * 100 >= i64::from(capacity) * 97
        });
        let full = full.count();
        full_sum += full;
        full_most = full_most.max(full);
    }
    println!("bins: mean {} most {most}", sum as f64 / 336.0);
    println!("lots: mean {} most {full_most}", full_sum as f64 / 336.0);
    assert!((336..=336 * 5).contains(&sum), "{sum}");
    assert!(most <= 15, "{most}");
}
